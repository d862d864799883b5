/**
 * How far people agree beyond chance. Every coefficient is a function of sums over tasks, so each comes with a
 * bootstrap interval over tasks (seeded), also with answers missing:
 *
 *   raw             fraction of pairs of answers to the same task that agree: the figure of Stiennon et al. 2020 and others
 *   cohen           Cohen 1960, two sides with margins of their own; only between two people or groups
 *   fleiss          Fleiss 1971, for a varying number of answers as in Gwet 2014; of two sides it is Scott's pi
 *   krippendorff    alpha (Krippendorff 2011) by nominal, ordinal, interval or ratio differences
 *   gwet            AC1 (Gwet 2008), steady where nearly all answers are of one class; with weights it is AC2
 *
 * Within one group, all pairs of its answers on a task are compared; between two, each of the one with each of the other.
 * Raw, Cohen, Fleiss and Gwet take `weights`: partial agreement of near classes. Labels must then be in order.
 * Where everybody gives one label, chance would agree as often: Cohen, Fleiss and Krippendorff are undefined (NaN), and so
 * is Gwet's unless another label was possible; found by which labels occur, not by a rounded sum.
 */
import { TillerError } from "@tiller/schema";
import { bootstrap, type Contributions, type Estimate } from "./statistics.ts";
import { type Label, labelTable, type LabelTable, numberOf } from "./labels.ts";

export const scales = ["nominal", "ordinal", "interval", "ratio"] as const;
export type Scale = (typeof scales)[number];
export const weightings = ["identity", "linear", "quadratic"] as const;
export type Weighting = (typeof weightings)[number];

export interface Agreement {
  /** tasks that can be compared */
  readonly tasks: number;
  /** answers on them */
  readonly answers: number;
  readonly raw: Estimate;
  /** only between two sides */
  readonly cohen: Estimate | null;
  readonly fleiss: Estimate;
  readonly krippendorff: Estimate;
  readonly gwet: Estimate;
}
export interface AgreementOptions {
  readonly scale?: Scale;
  readonly weights?: Weighting;
  readonly seed?: number;
  readonly resamples?: number;
}

/** Within one group. */
export function agreementWithin(
  answers: Iterable<Label> | LabelTable,
  o: AgreementOptions = {},
): Agreement {
  const t = packed(answers);
  const w = weightMatrix(t.labels.length, o.weights);
  return measured(
    t,
    contributions(t, (i, e) => within(t, i, w, e)),
    false,
    o,
  );
}

/** Between two groups: who is in the first, who in the second; people in neither are passed by. */
export function agreementBetween(
  answers: Iterable<Label> | LabelTable,
  inFirst: (worker: string) => boolean,
  inSecond: (worker: string) => boolean,
  o: AgreementOptions = {},
): Agreement {
  const t = packed(answers);
  const w = weightMatrix(t.labels.length, o.weights);
  const side = Int8Array.from(t.workers, (w) => (inFirst(w) ? 1 : 0) | (inSecond(w) ? 2 : 0));
  return measured(
    t,
    contributions(t, (i, e) => between(t, i, side, w, e)),
    true,
    o,
  );
}

const packed = (a: Iterable<Label> | LabelTable): LabelTable =>
  Symbol.iterator in a ? labelTable(a) : a;

/*
 * Cells of the sums, K classes: [0, K^2) pairs of answers weighted as Krippendorff's, [K^2, 2 K^2) the same with every
 * task alike, then K fractions of classes, the number of tasks behind them,
 * and how many pairs of answers agree, of how many.
 */
type Entries = Map<number, number>;
const add = (e: Entries, cell: number, amount: number) => e.set(cell, (e.get(cell) ?? 0) + amount);
const pair = (e: Entries, K: number, agreed: number) => {
  add(e, 2 * K * K + K + 1, agreed);
  add(e, 2 * K * K + K + 2, 1);
};

/** What task i adds; undefined: nothing to compare, though its classes still count for chance. */
function within(t: LabelTable, i: number, w: Float64Array, e: Entries): number {
  const K = t.labels.length;
  const n = t.start[i + 1] - t.start[i];
  if (n === 0) return 0;
  for (let r = t.start[i]; r < t.start[i + 1]; r++) {
    add(e, 2 * K * K + t.label[r], 1 / n);
    if (n < 2) continue;
    for (let s = t.start[i]; s < t.start[i + 1]; s++) {
      if (r === s) continue;
      const cell = t.label[r] * K + t.label[s];
      add(e, cell, 1 / (n - 1));
      add(e, K * K + cell, 1 / (n * (n - 1)));
      if (r < s) pair(e, K, w[cell]);
    }
  }
  add(e, 2 * K * K + K, 1);
  return n < 2 ? 0 : n;
}
function between(t: LabelTable, i: number, side: Int8Array, w: Float64Array, e: Entries): number {
  const K = t.labels.length;
  const rows = Array.from({ length: t.start[i + 1] - t.start[i] }, (_, r) => t.start[i] + r);
  const pairs = rows.flatMap((r) =>
    rows.flatMap((s) =>
      r !== s && side[t.worker[r]] & 1 && side[t.worker[s]] & 2 ? [[r, s] as const] : [],
    ),
  );
  if (!pairs.length) return 0;
  for (const [r, s] of pairs) {
    const weight = 1 / pairs.length;
    const [k, l] = [t.label[r], t.label[s]];
    // to Krippendorff two sides are two observers: each pair counts in both directions
    add(e, k * K + l, weight);
    add(e, l * K + k, weight);
    add(e, K * K + k * K + l, weight);
    add(e, 2 * K * K + k, weight / 2);
    add(e, 2 * K * K + l, weight / 2);
    pair(e, K, w[k * K + l]);
  }
  add(e, 2 * K * K + K, 1);
  return new Set(pairs.flat()).size;
}

function contributions(t: LabelTable, of: (task: number, e: Entries) => number) {
  const K = t.labels.length;
  const [start, cell, amount] = [[0], [] as number[], [] as number[]];
  let [tasks, answers] = [0, 0];
  for (let i = 0; i < t.tasks.length; i++) {
    const e: Entries = new Map();
    const n = of(i, e);
    if (n) [tasks, answers] = [tasks + 1, answers + n];
    if (!e.size) continue;
    for (const [c, x] of e) {
      cell.push(c);
      amount.push(x);
    }
    start.push(cell.length);
  }
  const c: Contributions = {
    cells: 2 * K * K + K + 3,
    start: Int32Array.from(start),
    cell: Int32Array.from(cell),
    amount: Float64Array.from(amount),
  };
  return { c, tasks, answers };
}

function measured(
  t: LabelTable,
  { c, tasks, answers }: ReturnType<typeof contributions>,
  twoSides: boolean,
  o: AgreementOptions,
): Agreement {
  const { scale = "nominal", weights, ...rest } = o;
  const K = t.labels.length;
  const values = t.labels.map((l) => numberOf(l) ?? Number.NaN);
  const few = t.labels.slice(0, 5).map((l) => JSON.stringify(l));
  if ((scale === "interval" || scale === "ratio") && values.some(Number.isNaN))
    throw new TillerError(
      "not_numbers",
      `${scale} agreement needs numbers, but the labels are ${few.join(", ")}. Use nominal or ordinal.`,
    );
  if (scale === "ratio" && values.some((v) => v < 0))
    throw new TillerError(
      "not_ratios",
      `ratio agreement needs numbers from 0 up, but one is ${values.find((v) => v < 0)}. Use interval.`,
    );
  if (!t.ordered && (scale === "ordinal" || (weights ?? "identity") !== "identity"))
    throw new TillerError(
      "no_order",
      `${scale === "ordinal" ? "ordinal agreement" : `${weights} weights`} need labels in order, and ${few.join(", ")} have none of their own. Give all labels from least to most.`,
    );
  const w = weightMatrix(K, weights);
  const raw = (x: Float64Array) => x[2 * K * K + K + 1]! / x[2 * K * K + K + 2]!;
  // what is seen, tasks alike, and what chance gives, of each coefficient: 1 - (1 - seen) / (1 - chance)
  const seen = (x: Float64Array) => {
    let [agreed, all] = [0, 0];
    for (let k = 0; k < K * K; k++) {
      agreed += w[k] * x[K * K + k]!;
      all += x[K * K + k]!;
    }
    return all > 0 ? agreed / all : Number.NaN;
  };
  /** 1 - (1 - seen) / (1 - chance); NaN where what occurs could not but agree */
  const corrected = (chance: (x: Float64Array) => number) => (x: Float64Array) => {
    const pe = chance(x);
    return (seen(x) - pe) / (1 - pe);
  };
  const fractions = (x: Float64Array) => x.subarray(2 * K * K, 2 * K * K + K);
  const ofPairs = (p: ArrayLike<number>, q: ArrayLike<number>) => {
    let [sum, certain] = [0, true];
    for (let k = 0; k < K; k++)
      for (let l = 0; l < K; l++) {
        if (!(p[k]! > 0 && q[l]! > 0)) continue;
        sum += w[k * K + l] * p[k]! * q[l]!;
        certain &&= w[k * K + l] === 1;
      }
    return certain ? Number.NaN : sum;
  };
  const fleiss = corrected((x) => {
    const pi = scaled(fractions(x), x[2 * K * K + K]!);
    return ofPairs(pi, pi);
  });
  const total = w.reduce((a, b) => a + b, 0);
  const gwet = corrected((x) => {
    const pi = scaled(fractions(x), x[2 * K * K + K]!);
    return K < 2 ? Number.NaN : (total / (K * (K - 1))) * pi.reduce((a, p) => a + p * (1 - p), 0);
  });
  const cohen = corrected((x) => {
    const [rows, columns] = [new Float64Array(K), new Float64Array(K)];
    let all = 0;
    for (let k = 0; k < K; k++)
      for (let l = 0; l < K; l++) {
        const n = x[K * K + k * K + l]!;
        rows[k] += n;
        columns[l] += n;
        all += n;
      }
    return ofPairs(scaled(rows, all), scaled(columns, all));
  });
  const of = [raw, fleiss, alpha(K, values, scale), gwet, cohen] as const;
  const estimates = bootstrap(c, of, rest).map((e) => ({ ...e, n: tasks }));
  const [byPairs, byFleiss, krippendorff, byGwet, byCohen] = estimates as [
    Estimate,
    Estimate,
    Estimate,
    Estimate,
    Estimate,
  ];
  return {
    tasks,
    answers,
    raw: byPairs,
    cohen: twoSides ? byCohen : null,
    fleiss: byFleiss,
    krippendorff,
    gwet: byGwet,
  };
}
const scaled = (x: Float64Array, by: number) => x.map((v) => v / by);

/** Coincidences with labels that spell one number ("1", "1.0") joined: they take one place in an order. */
function oneAValue(x: Float64Array, K: number, values: readonly number[]): Float64Array {
  const first = values.map((v, k) => (Number.isNaN(v) ? k : values.indexOf(v)));
  if (first.every((at, k) => at === k)) return x;
  const out = new Float64Array(K * K);
  for (let k = 0; k < K; k++)
    for (let l = 0; l < K; l++) out[first[k]! * K + first[l]!] += x[k * K + l]!;
  return out;
}
/** 1 - observed / expected disagreement from the coincidences in the first K^2 sums. */
const alpha = (K: number, values: readonly number[], scale: Scale) => (sums: Float64Array) => {
  const x = scale === "ordinal" ? oneAValue(sums, K, values) : sums;
  const n = new Float64Array(K);
  for (let k = 0; k < K; k++) for (let l = 0; l < K; l++) n[k] += x[k * K + l]!;
  const below = new Float64Array(K + 1);
  for (let k = 0; k < K; k++) below[k + 1] = below[k] + n[k];
  const all = below[K];
  let [observed, expected] = [0, 0];
  for (let k = 0; k < K; k++)
    for (let l = k + 1; l < K; l++) {
      const d = difference[scale](k, l, values, n, below) ** 2;
      observed += (x[k * K + l]! + x[l * K + k]!) * d;
      expected += 2 * n[k] * n[l] * d;
    }
  return all > 1 && expected > 0 ? 1 - (observed * (all - 1)) / expected : Number.NaN;
};
const difference: Record<
  Scale,
  (k: number, l: number, values: readonly number[], n: Float64Array, below: Float64Array) => number
> = {
  nominal: () => 1,
  // as many answers as lie between the two, half of each end
  ordinal: (k, l, _, n, below) => below[l + 1]! - below[k]! - (n[k]! + n[l]!) / 2,
  interval: (k, l, values) => values[k]! - values[l]!,
  ratio: (k, l, values) =>
    values[k]! + values[l]! === 0 ? 0 : (values[k]! - values[l]!) / (values[k]! + values[l]!),
};

/** (K, K): 1 for full agreement; near classes agree in part. */
function weightMatrix(K: number, weighting: Weighting = "identity"): Float64Array {
  return Float64Array.from({ length: K * K }, (_, c) => {
    const gap = Math.abs(Math.floor(c / K) - (c % K)) / Math.max(1, K - 1);
    return { identity: gap ? 0 : 1, linear: 1 - gap, quadratic: 1 - gap ** 2 }[weighting];
  });
}

export interface Pairwise {
  readonly first: string;
  readonly second: string;
  /** tasks both answered */
  readonly n: number;
  readonly agreed: number;
}
/** Everyone with everyone in one pass: on how many tasks two people met, and on how many they agreed. */
export function pairwiseAgreement(t: LabelTable): Pairwise[] {
  const W = t.workers.length;
  const [met, agreed] = [new Map<number, number>(), new Map<number, number>()];
  for (let i = 0; i < t.tasks.length; i++)
    for (let r = t.start[i]; r < t.start[i + 1]; r++)
      for (let s = r + 1; s < t.start[i + 1]; s++) {
        const pair = Math.min(t.worker[r], t.worker[s]) * W + Math.max(t.worker[r], t.worker[s]);
        met.set(pair, (met.get(pair) ?? 0) + 1);
        if (t.label[r] === t.label[s]) agreed.set(pair, (agreed.get(pair) ?? 0) + 1);
      }
  return [...met]
    .toSorted((a, b) => a[0] - b[0])
    .map(([pair, n]) => ({
      first: t.workers[Math.floor(pair / W)]!,
      second: t.workers[pair % W]!,
      n,
      agreed: agreed.get(pair) ?? 0,
    }));
}
