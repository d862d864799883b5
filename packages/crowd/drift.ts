/** Whether a person, or everyone, does as they did before: planted items over time, and agreement by stretches of it. */
import { bootstrapMean, type Estimate, exactFraction } from "./statistics.ts";

export interface Probe {
  /** milliseconds */
  readonly at: number;
  readonly right: boolean;
}
export interface Drift {
  readonly n: number;
  /** before the last window, and in it */
  readonly before: Estimate;
  readonly recent: Estimate;
  /** recent less before, with Newcombe's interval of a difference of proportions */
  readonly change: Estimate;
  /** how many nats better a fall fits than one rate, and since when; null: not enough to say so */
  readonly evidence: number;
  readonly since: number | null;
  readonly verdict: "steady" | "falling" | "not enough data";
}
/**
 * Whether a person still does on planted items as they did: the best single point of change, by how much two rates fit
 * better than one (a generalised likelihood ratio), and the newest window against all before. The bound is set by
 * simulation: of steady people with 200 probes, under one in twenty cross it (the test holds this).
 */
export function driftOf(
  probes: readonly Probe[],
  o: { window?: number; start?: number } = {},
): Drift {
  const { window = 20, start = 20 } = o;
  const rows = probes.toSorted((a, b) => a.at - b.at);
  const right = rows.filter((r) => r.right).length;
  const cut = Math.max(0, rows.length - window);
  const exact = (list: readonly Probe[]) =>
    exactFraction(list.filter((r) => r.right).length, list.length);
  const [before, recent] = [exact(rows.slice(0, cut)), exact(rows.slice(cut))];
  const difference = recent.at - before.at;
  const change: Estimate = {
    at: difference,
    low: difference - Math.hypot(recent.at - recent.low, before.high - before.at),
    high: difference + Math.hypot(recent.high - recent.at, before.at - before.low),
    n: rows.length,
  };
  if (rows.length < start + window)
    return {
      n: rows.length,
      before,
      recent,
      change,
      evidence: 0,
      since: null,
      verdict: "not enough data",
    };
  const n = rows.length;
  let [most, k] = [0, 0];
  let since: number | null = null;
  rows.forEach((r, i) => {
    if (i >= start && n - i >= LEAST) {
      const gain = likelihood(k, i) + likelihood(right - k, n - i) - likelihood(right, n);
      if (gain > most && (right - k) / (n - i) < k / i) [most, since] = [gain, r.at];
    }
    if (r.right) k++;
  });
  if (most <= BOUND) since = null;
  return {
    n: rows.length,
    before,
    recent,
    change,
    evidence: most,
    since,
    verdict: since === null ? "steady" : "falling",
  };
}
/** In nats. */
const BOUND = 4.5;
/** Probes after a change before it is considered. */
const LEAST = 8;
/** log likelihood of k of n at the rate k / n */
const likelihood = (k: number, n: number) =>
  (k > 0 ? k * Math.log(k / n) : 0) + (k < n ? (n - k) * Math.log((n - k) / n) : 0);

/** Mean agreement per stretch of time, with an interval each: `at` in milliseconds, `sum` of `n` comparisons. */
export function overTime(
  rows: readonly { readonly at: number; readonly right: number }[],
  o: { buckets?: number; seed?: number } = {},
): (Estimate & { readonly from: number; readonly to: number })[] {
  const { buckets = 12, seed = 1 } = o;
  const sorted = rows.toSorted((a, b) => a.at - b.at);
  const size = Math.max(10, Math.ceil(sorted.length / buckets));
  const out: (Estimate & { from: number; to: number })[] = [];
  for (let i = 0; i < sorted.length; i += size) {
    const part = sorted.slice(i, i + size);
    if (part.length < 5) break;
    const mean = bootstrapMean(
      part.map((r) => ({ sum: r.right, n: 1 })),
      { seed, resamples: 400 },
    );
    out.push({ ...mean, from: part[0]!.at, to: part.at(-1)!.at });
  }
  return out;
}
