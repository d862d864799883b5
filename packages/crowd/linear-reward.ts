/**
 * A reward that is linear in features of texts, from comparisons: ridge-penalised Bradley and Terry. The penalty is the one
 * that predicts held-out pairs best, over folds of the training pairs alone. Where groups judge, each has an offset of its own
 * to what all share (`w + u_group`, a penalty on both), so that a group with few judgments is near the rest, and one with many
 * may differ: whose preference a reward is can be asked and answered. Its weights become a checkpoint's head; for fits by the
 * thousand there is feature-reward.ts (docs/decisions/0046-two-linear-rewards.md).
 */
import type { Folds } from "./comparison-folds.ts";
import { chooseRidge, type Examples, logisticWeights } from "./logistic.ts";

/** In units of a pair's log-likelihood, features having variance 1. */
const RIDGES = [10, 100, 1000, 3000, 10_000, 30_000];
const WITHOUT_FOLDS = 3000;

interface LinearPair {
  /** rows of the features */
  readonly a: number;
  readonly b: number;
  /** probability that b is better */
  readonly p: number;
  readonly weight: number;
  /** numbered from 0; undefined: everybody's */
  readonly group?: number | undefined;
}
interface LinearReward {
  /** by the chosen penalty, of each row by the head that did not learn from it: rewards of b less those of a; NaN where no fold tests it */
  readonly margins: Float64Array;
  /** what all share: reward a unit of each feature */
  readonly weights: Float64Array;
  /** by group: shared and its own offset together */
  readonly groups: readonly Float64Array[];
  readonly ridge: number;
  /** by the penalty that was chosen: held-out pairs with the right side, and their mean log-likelihood; none held out: NaN */
  readonly heldOut: number;
  readonly likelihood: number;
}

/** Standard deviations of the columns of (n, d); 1 where nothing varies. */
function spreads(features: ArrayLike<number>, width: number): Float64Array {
  const n = features.length / width;
  const [sum, squares] = [new Float64Array(width), new Float64Array(width)];
  for (let i = 0; i < n; i++)
    for (let d = 0; d < width; d++) {
      const x = features[i * width + d]!;
      sum[d] += x;
      squares[d] += x * x;
    }
  return squares.map((s, d) => Math.sqrt(Math.max(0, s / n - (sum[d] / n) ** 2)) || 1);
}

export function linearReward(
  features: Float32Array,
  width: number,
  pairs: readonly LinearPair[],
  o: { readonly folds?: Folds | undefined; readonly groups?: number } = {},
): LinearReward {
  const { groups = 0 } = o;
  const std = spreads(features, width);
  const rows = pairs.map(({ a, b }) => {
    const row = new Float64Array(width);
    for (let d = 0; d < width; d++)
      row[d] = (features[b * width + d]! - features[a * width + d]!) / std[d];
    return row;
  });
  const examples = (of: readonly number[]): Examples => ({
    n: of.length,
    dims: width * (1 + groups),
    dot(i, w) {
      const row = rows[of[i]!]!;
      const { group } = pairs[of[i]!]!;
      let sum = 0;
      for (let d = 0; d < width; d++) sum += row[d] * w[d];
      if (group !== undefined)
        for (let d = 0, at = (1 + group) * width; d < width; d++, at++) sum += row[d] * w[at];
      return sum;
    },
    add(i, by, out) {
      const row = rows[of[i]!]!;
      const { group } = pairs[of[i]!]!;
      for (let d = 0; d < width; d++) out[d] += by * row[d];
      if (group !== undefined)
        for (let d = 0, at = (1 + group) * width; d < width; d++, at++) out[at] += by * row[d];
    },
    p: (i) => pairs[of[i]!]!.p,
    weight: (i) => pairs[of[i]!]!.weight,
  });
  const { folds } = o;
  const found = folds
    ? chooseRidge(
        Array.from({ length: folds.count }, (_, f) => ({
          train: examples(folds.train(f)),
          test: examples(folds.test(f)),
        })),
        RIDGES,
      )
    : { ridge: WITHOUT_FOLDS, likelihood: NaN, right: NaN, n: 1 };
  const { ridge } = found;
  const margins = new Float64Array(pairs.length).fill(NaN);
  for (let f = 0; f < (folds?.count ?? 0); f++) {
    const test = folds!.test(f);
    const w = logisticWeights(examples(folds!.train(f)), { ridge });
    const e = examples(test);
    test.forEach((i, k) => (margins[i] = e.dot(k, w)));
  }
  const w = logisticWeights(examples([...pairs.keys()]), { ridge });
  const unscaled = (from: number) =>
    Float64Array.from(
      { length: width },
      (_, d) => (w[d] + (from ? w[from * width + d] : 0)) / std[d],
    );
  return {
    margins,
    weights: unscaled(0),
    groups: Array.from({ length: groups }, (_, g) => unscaled(1 + g)),
    ridge,
    heldOut: found.n ? found.right / found.n : NaN,
    likelihood: found.likelihood / pairs.length,
  };
}
