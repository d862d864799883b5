/**
 * Over-optimisation against people: rewards learned from their judgments choose the best of n held-out texts, and the
 * people's own scores say what the chosen is worth. Each seed divides the texts into three parts; each part is held out
 * once, so every text is a candidate once a seed, for a reward that saw nothing of it.
 */
import {
  agreeing,
  type Features,
  type Judged,
  featureReward,
  rewardEnsemble,
  rewardsBy,
} from "@tiller/crowd";
import { bestOfNWeights, distanceOfBest, ensembleScore, fitGold, peakOf } from "@tiller/learn";
import { rng } from "@tiller/schema";
import { overSeeds, studentT } from "../over-seeds.ts";
import type { PreferenceSet } from "../preferences.ts";

export const FOLDS = 3;
const JACKKNIFE = 20;
export const ns = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const ds = ns.map(distanceOfBest);
const MEMBERS = 5;

/** What one reward says of one held-out part. */
export interface Cell {
  readonly seed: number;
  readonly proxy: string;
  /** the held-out texts, the least rewarded first */
  readonly order: Int32Array;
  readonly right: number;
  readonly decided: number;
}
export interface Part {
  readonly heldOut: readonly number[];
  readonly training: readonly Judged[];
  readonly test: readonly Judged[];
}
/** The parts of a seed; judgments of a training and a held-out text are nobody's. */
export function partsOf(set: PreferenceSet, seed: number): Part[] {
  const order = rng(seed, "texts").shuffle(set.texts.map((_, i) => i));
  const fold = new Int8Array(order.length);
  order.forEach((i, at) => (fold[i] = at % FOLDS));
  const judged = rng(seed, "judgments").shuffle(set.judged);
  return Array.from({ length: FOLDS }, (_, f) => ({
    heldOut: order.filter((i) => fold[i] === f),
    training: judged.filter((r) => fold[r.a] !== f && fold[r.b] !== f),
    test: judged.filter((r) => fold[r.a] === f && fold[r.b] === f),
  }));
}
const scaled = (x: Float64Array): Float64Array => {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const sd = Math.sqrt(x.reduce((v, y) => v + (y - mean) ** 2, 0) / x.length);
  return x.map((y) => (y - mean) / sd);
};

/** Rewards of all texts by every proxy, from one part's training judgments. */
function proxies(
  set: PreferenceSet,
  x: Features,
  part: Part,
  o: { seed: number; labels: readonly number[]; ensembles: readonly number[] },
): Record<string, Float64Array> {
  const out: Record<string, Float64Array> = {
    length: Float64Array.from(set.texts, (t) => t.text.length),
  };
  for (const labels of o.labels)
    out[`linear ${labels}`] = rewardsBy(x, featureReward(x, part.training.slice(0, labels)));
  // the same without being told of lengths
  const last = x.columns - 1;
  const words = { ...x, data: x.data.map((v, i) => (i % x.columns === last ? 0 : v)) };
  for (const labels of [o.labels[0]!, o.labels.at(-1)!])
    out[`no length, ${labels}`] = rewardsBy(
      words,
      featureReward(words, part.training.slice(0, labels)),
    );
  for (const labels of o.ensembles) {
    const each = rewardEnsemble(x, part.training.slice(0, labels), {
      members: MEMBERS,
      seed: o.seed,
    }).map(scaled);
    for (const [name, combine, uncertaintyWeight] of [
      ["mean", "mean", 0],
      ["worst", "worst", 0],
      ["uncertainty", "uncertainty", 1],
    ] as const)
      out[`${name} of ${MEMBERS}, ${labels}`] = Float64Array.from(set.texts, (_, i) =>
        ensembleScore(
          each.map((r) => r[i]!),
          { combine, uncertaintyWeight },
        ),
      );
  }
  return out;
}
export function cellOf(seed: number, proxy: string, rewards: ArrayLike<number>, part: Part): Cell {
  const { right, n } = agreeing(rewards, part.test);
  // equal rewards (two texts of one length) in an order that knows nothing of their worth
  const mixed = rng(seed, "ties", proxy).shuffle(part.heldOut);
  const order = Int32Array.from(mixed.sort((i, j) => rewards[i]! - rewards[j]!));
  return { seed, proxy, order, right, decided: n };
}
export function cellsOf(
  set: PreferenceSet,
  x: Features,
  seed: number,
  o: { labels: readonly number[]; ensembles: readonly number[] },
): Cell[] {
  return partsOf(set, seed).flatMap((part) =>
    Object.entries(proxies(set, x, part, { seed, ...o })).map(([name, rewards]) =>
      cellOf(seed, name, rewards, part),
    ),
  );
}

export interface Told {
  readonly at: number;
  readonly low: number;
  readonly high: number;
}
export interface ProxyCurve {
  readonly proxy: string;
  readonly seeds: number;
  readonly accuracy: Told;
  readonly curve: readonly (Told & { readonly n: number; readonly d: number })[];
  readonly alpha: Told;
  readonly beta: Told;
  /** where the fitted curve turns down: root of KL, in the range that was measured or beyond it */
  readonly peak: number | undefined;
  /** n of the highest point measured, and what is lost from it to n = 64 and to the largest n */
  readonly best: number;
  readonly lostAt64: Told;
  readonly lost: Told;
}

/**
 * Mean over seeds with a 95 % interval of two parts: how seeds differ, and how it would differ with other texts of the same
 * kind (a jackknife that leaves out a twentieth of the texts at a time).
 */
export function summarise(set: PreferenceSet, cells: readonly Cell[]): ProxyCurve[] {
  const gold = scaled(set.gold!);
  const group = rng(1, "jackknife").shuffle(set.texts.map((_, i) => i % JACKKNIFE));
  const cache = new Map<string, Float64Array>();
  const weights = (N: number, n: number) => {
    const key = `${N} ${n}`;
    const known = cache.get(key) ?? bestOfNWeights(N, n);
    cache.set(key, known);
    return known;
  };
  const curveOf = (some: readonly Cell[], without?: number) => {
    const sum = new Float64Array(ns.length);
    for (const { order } of some) {
      const kept = without === undefined ? order : order.filter((i) => group[i] !== without);
      ns.forEach((n, k) => {
        const w = weights(kept.length, n);
        for (let r = n - 1; r < kept.length; r++)
          sum[k]! += (w[r]! * gold[kept[r]!]!) / some.length;
      });
    }
    return Array.from(sum, (g) => g - sum[0]!); // n = 1 is the base: the held-out texts' own mean
  };
  return [...Map.groupBy(cells, (c) => c.proxy)].map(([proxy, own]): ProxyCurve => {
    const seeds = [...Map.groupBy(own, (c) => c.seed).values()];
    const all = curveOf(own);
    const each = seeds.map((s) => curveOf(s));
    const left = Array.from({ length: JACKKNIFE }, (_, g) => curveOf(own, g));
    const told = (f: (curve: readonly number[]) => number): Told => {
      const xs = each.map(f);
      const mean = xs.reduce((a, b) => a + b, 0) / xs.length;
      const between = xs.reduce((v, x) => v + (x - mean) ** 2, 0) / Math.max(1, xs.length - 1);
      const js = left.map(f);
      const middle = js.reduce((a, b) => a + b, 0) / js.length;
      const texts = (js.reduce((v, x) => v + (x - middle) ** 2, 0) * (js.length - 1)) / js.length;
      const half = studentT(xs.length) * Math.sqrt(between / xs.length + texts);
      const at = f(all);
      return { at, low: at - half, high: at + half };
    };
    const fit = (curve: readonly number[]) =>
      fitGold(
        curve.map((g, k) => ({ d: ds[k]!, gold: g })),
        "linear",
      );
    const best = all.indexOf(Math.max(...all));
    const accuracies = seeds.map((s) => {
      const [right, n] = s.reduce(([r, m], c) => [r + c.right, m + c.decided], [0, 0]);
      return right! / n!;
    });
    return {
      proxy,
      seeds: seeds.length,
      accuracy: overSeeds(accuracies),
      curve: ns.map((n, k) => ({ n, d: ds[k]!, ...told((c) => c[k]!) })),
      alpha: told((c) => fit(c).alpha),
      beta: told((c) => fit(c).beta),
      peak: peakOf(fit(all))?.d,
      best: ns[best]!,
      lostAt64: told((c) => c[ns.indexOf(64)]! - c[best]!),
      lost: told((c) => c.at(-1)! - c[best]!),
    };
  });
}
