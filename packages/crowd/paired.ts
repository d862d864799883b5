/**
 * Two ways of judging on the same questions. Before: how many questions a difference needs, by Connor's formula (1987) and
 * by the exact power of McNemar's test. After: the exact test (McNemar 1947, a sign test of the questions that differ) and a
 * bootstrap over questions. While it runs: a bet against "no difference" whose capital may be looked at after every question
 * (Waudby-Smith and Ramdas 2024, the hedged capital process), and the differences that no such bet has refuted.
 */
import { logGamma, rng } from "@tiller/schema";
import { type Estimate, normalQuantile, quantile } from "./statistics.ts";

export interface Design {
  /** accuracy of the one less that of the other */
  readonly difference: number;
  /** share of questions on which just one of them is right */
  readonly discordant: number;
  readonly level?: number;
  readonly power?: number;
}
/** Questions judged both ways. */
export function questionsNeeded({
  difference,
  discordant,
  level = 0.05,
  power = 0.8,
}: Design): number {
  const root =
    normalQuantile(1 - level / 2) * Math.sqrt(discordant) +
    normalQuantile(power) * Math.sqrt(discordant - difference ** 2);
  return Math.ceil((root / difference) ** 2);
}
/** Questions of each arm where the arms have different ones. */
export function questionsNeededUnpaired(o: {
  readonly a: number;
  readonly b: number;
  readonly level?: number;
  readonly power?: number;
}): number {
  const { a, b, level = 0.05, power = 0.8 } = o;
  const both = (a + b) / 2;
  const root =
    normalQuantile(1 - level / 2) * Math.sqrt(2 * both * (1 - both)) +
    normalQuantile(power) * Math.sqrt(a * (1 - a) + b * (1 - b));
  return Math.ceil((root / (a - b)) ** 2);
}

const logChoose = (n: number, k: number) => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
const binomial = (k: number, n: number, p: number): number =>
  p <= 0 || p >= 1
    ? Number(p <= 0 ? k === 0 : k === n)
    : Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));

/** Two-sided exact p of `onlyA` questions that only the one got right and `onlyB` that only the other did. */
export function mcnemar(onlyA: number, onlyB: number): number {
  const n = onlyA + onlyB;
  let p = 0;
  for (let k = 0; k <= Math.min(onlyA, onlyB); k++) p += 2 * binomial(k, n, 0.5);
  return Math.min(1, p);
}
/** How often the exact test finds the difference with so many questions. */
export function pairedPower(o: Design & { readonly questions: number }): number {
  const { difference, discordant, questions, level = 0.05 } = o;
  const share = (discordant + difference) / (2 * discordant);
  let power = 0;
  for (let m = 0; m <= questions; m++) {
    const chance = binomial(m, questions, discordant);
    if (chance < 1e-9) continue;
    // the largest smaller count that is still significant
    let [k, tail] = [-1, 0];
    while (k + 1 <= m / 2 && tail + 2 * binomial(k + 1, m, 0.5) <= level) {
      k++;
      tail += 2 * binomial(k, m, 0.5);
    }
    let rejects = 0;
    for (let j = 0; j <= k; j++) rejects += binomial(j, m, share) + binomial(m - j, m, share);
    power += chance * rejects;
  }
  return power;
}

/** One question judged both ways; a share where several judged it, one half for a tie. */
export interface Both {
  readonly a: number;
  readonly b: number;
  /** questions of one text hang together: they are drawn together, each alone unless they say so */
  readonly unit?: string;
}
export interface PairedResult {
  readonly n: number;
  readonly a: number;
  readonly b: number;
  /** a less b */
  readonly difference: Estimate;
  readonly onlyA: number;
  readonly onlyB: number;
  /** exact, two-sided */
  readonly p: number;
}
export function comparePaired(
  rows: readonly Both[],
  o: { readonly seed?: number; readonly resamples?: number } = {},
): PairedResult {
  const { seed = 1, resamples = 2000 } = o;
  const n = rows.length;
  const differences = rows.map((r) => r.a - r.b);
  const mean = (xs: readonly number[]) => xs.reduce((s, x) => s + x, 0) / n;
  const random = rng(seed, "paired bootstrap");
  const units = [...Map.groupBy(rows, (r, i) => r.unit ?? i).values()].map((of) => ({
    sum: of.reduce((s, r) => s + r.a - r.b, 0),
    n: of.length,
  }));
  const drawn = Float64Array.from({ length: resamples }, () => {
    let [sum, count] = [0, 0];
    for (let i = 0; i < units.length; i++) {
      const unit = units[random.int(units.length)]!;
      sum += unit.sum;
      count += unit.n;
    }
    return sum / count;
  }).sort();
  const [onlyA, onlyB] = [1, -1].map((s) => differences.filter((d) => s * d > 0).length) as [
    number,
    number,
  ];
  return {
    n,
    a: mean(rows.map((r) => r.a)),
    b: mean(rows.map((r) => r.b)),
    difference: {
      at: mean(differences),
      low: quantile(drawn, 0.025),
      high: quantile(drawn, 0.975),
      n,
    },
    onlyA,
    onlyB,
    p: mcnemar(onlyA, onlyB),
  };
}

export interface Anytime {
  /** mean difference so far, with a 95 % interval that holds at every question at once */
  readonly difference: Estimate;
  /** capital of the bet against no difference; at 1 / level the difference is shown, whenever one looked */
  readonly capital: number;
  /** after which question it got there first; null: not yet */
  readonly shownAfter: number | null;
}
/**
 * Differences question by question, each in [-1, 1], in the order in which they were judged. Half of the capital bets that the
 * mean is higher, half that it is lower; a bet's size depends on the past alone. Capital above 1 / level has at most the
 * probability `level` where there is no difference, however often one looks (Ville).
 */
export function anytimePaired(
  differences: readonly number[],
  o: { readonly level?: number; readonly cells?: number } = {},
): Anytime {
  const { level = 0.05, cells = 400 } = o;
  const LARGEST = 0.5; // part of what a bet may lose
  const means = Float64Array.from({ length: cells + 1 }, (_, i) => i / cells);
  const [up, down] = [new Float64Array(cells + 1), new Float64Array(cells + 1)];
  const refuted = new Uint8Array(cells + 1);
  let [sum, squares, total] = [0.5, 0.25, 0];
  let [capital, shownAfter]: [number, number | null] = [1, null];
  const none = cells / 2;
  for (const [i, d] of differences.entries()) {
    const x = (d + 1) / 2;
    const t = i + 1;
    const size = Math.sqrt((2 * Math.log(2 / level)) / ((squares / t) * t * Math.log(t + 1)));
    for (let c = 0; c <= cells; c++) {
      if (refuted[c] && c !== none) continue; // of no difference the capital goes on, to be read
      const m = means[c]!;
      up[c]! += Math.log1p(Math.min(size, LARGEST / m) * (x - m));
      down[c]! += Math.log1p(-Math.min(size, LARGEST / (1 - m)) * (x - m));
      const held = (Math.exp(up[c]!) + Math.exp(down[c]!)) / 2;
      if (c === none) capital = held;
      if (held < 1 / level) continue;
      refuted[c] = 1;
      if (c === none) shownAfter ??= t;
    }
    sum += x;
    total += d;
    squares += (x - sum / (t + 1)) ** 2;
  }
  const left = [...means].filter((_, c) => !refuted[c]).map((m) => 2 * m - 1);
  const n = differences.length;
  return {
    difference: {
      at: n ? total / n : Number.NaN,
      low: Math.max(-1, Math.min(...left) - 2 / cells),
      high: Math.min(1, Math.max(...left) + 2 / cells),
      n,
    },
    capital,
    shownAfter,
  };
}
