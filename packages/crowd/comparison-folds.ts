/**
 * What is held out together when rewards are judged: topics where rows name them, else prompts, else pairs that share no
 * text with one another; where texts stand in so many pairs that all hang together, the texts themselves are dealt out, a
 * pair is tested where both of its texts are held out, and one with a text on each side is in neither part.
 */
import { largest, rng, TillerError, wilson } from "@tiller/schema";
import { groupsOf } from "./bradley-terry.ts";
import type { ComparedTexts } from "./comparisons.ts";
import { type Estimate, quantile } from "./statistics.ts";

type FoldUnit = "topics" | "prompts" | "pairs" | "texts";
export interface Folds {
  readonly by: FoldUnit;
  readonly count: number;
  /** what each pair hangs together with: one unit twice, or the two texts */
  readonly units: readonly (readonly [number, number])[];
  /** rows that are tested in fold f, and those that may be learned from meanwhile */
  readonly test: (f: number) => number[];
  readonly train: (f: number) => number[];
}

function numbered(names: readonly string[]): { of: number[]; count: number } {
  const at = new Map<string, number>();
  const of = names.map((n) => at.get(n) ?? (at.set(n, at.size), at.size - 1));
  return { of, count: at.size };
}

/** The unit, and its number for each pair. */
function unitsOf(pairs: readonly ComparedTexts[], folds: number) {
  const enough = (n: number) => n >= folds;
  if (pairs.every((p) => p.topic !== undefined)) {
    const { of, count } = numbered(pairs.map((p) => p.topic!));
    if (enough(count)) return { by: "topics" as const, of: of.map((u) => [u, u] as const), count };
  }
  const prompts = numbered(pairs.map((p) => p.prompt));
  if (enough(prompts.count))
    return {
      by: "prompts" as const,
      of: prompts.of.map((u) => [u, u] as const),
      count: prompts.count,
    };
  const texts = numbered(pairs.flatMap((p) => [p.a, p.b]));
  const both = pairs.map((_, i) => [texts.of[2 * i]!, texts.of[2 * i + 1]!] as const);
  const root = groupsOf(texts.count, both);
  const groups = numbered(both.map(([a]) => `${root[a]}`));
  const sizes = new Map<number, number>();
  for (const g of groups.of) sizes.set(g, (sizes.get(g) ?? 0) + 1);
  // one group that is larger than a fold cannot be dealt out
  if (groups.count >= folds && largest(sizes.values()) <= pairs.length / folds)
    return { by: "pairs" as const, of: groups.of.map((u) => [u, u] as const), count: groups.count };
  return { by: "texts" as const, of: both, count: texts.count };
}

export function comparisonFolds(
  pairs: readonly ComparedTexts[],
  o: { readonly folds?: number; readonly seed?: number } = {},
): Folds {
  const { folds = 5, seed = 1 } = o;
  if (pairs.length < 2 * folds)
    throw new TillerError(
      "too_few",
      `${pairs.length} pairs are too few for ${folds} folds. Give at least ${2 * folds}.`,
    );
  const { by, of, count } = unitsOf(pairs, folds);
  const size = new Float64Array(count);
  for (const [a, b] of of) for (const u of new Set([a, b])) size[u]++;
  // the largest units first, each into the fold that has the least: folds of about one size
  const order = rng(seed, "comparison folds").shuffle(Array.from({ length: count }, (_, u) => u));
  const filled = new Float64Array(folds);
  const fold = new Int32Array(count);
  for (const u of order.sort((x, y) => size[y]! - size[x]!)) {
    let least = 0;
    for (let f = 1; f < folds; f++) if (filled[f] < filled[least]) least = f;
    fold[u] = least;
    filled[least] += size[u];
  }
  const where = (ok: (a: number, b: number) => boolean) =>
    of.flatMap(([a, b], i) => (ok(fold[a], fold[b]) ? [i] : []));
  return {
    by,
    count: folds,
    units: of,
    test: (f) => where((a, b) => a === f && b === f),
    train: (f) => where((a, b) => a !== f && b !== f),
  };
}

export interface Interval95 extends Estimate {
  readonly interval: string;
}
/**
 * The mean of values, one a pair, with its 95 % interval: the bootstrap over what pairs hang together by. Of pairs of texts
 * both texts are drawn, and a pair counts as often as the two together (Owen 2007's pigeonhole bootstrap, which is never too
 * narrow). Where all is one unit, Wilson's, which takes pairs for independent.
 */
export function clusteredMean(
  values: readonly number[],
  units: readonly (readonly [number, number])[],
  o: { readonly by: FoldUnit; readonly seed?: number; readonly resamples?: number },
): Interval95 {
  const n = values.length;
  const sum = values.reduce((s, v) => s + v, 0);
  const at = n ? sum / n : Number.NaN;
  const { of } = numbered(units.flatMap(([a, b]) => [`${a}`, `${b}`]));
  const count = new Set(of).size;
  if (count < 2 || n < 2) {
    const { low, high } = wilson(sum, n);
    return { at, low, high, n, interval: "Wilson" };
  }
  const random = rng(o.seed ?? 1, "clustered mean");
  const resamples = o.resamples ?? (n > 5000 ? 400 : 1000);
  const means: number[] = [];
  const times = new Float64Array(count);
  for (let r = 0; r < resamples; r++) {
    times.fill(0);
    for (let u = 0; u < count; u++) times[random.int(count)]++;
    let [total, weight] = [0, 0];
    for (let i = 0; i < n; i++) {
      const [a, b] = [of[2 * i]!, of[2 * i + 1]!];
      const w = a === b ? times[a] : times[a] * times[b];
      total += w * values[i]!;
      weight += w;
    }
    if (weight > 0) means.push(total / weight);
  }
  const sorted = Float64Array.from(means).sort();
  const [low, high] = [quantile(sorted, 0.025), quantile(sorted, 0.975)];
  return { at, low, high, n, interval: `bootstrap over ${o.by}` };
}
