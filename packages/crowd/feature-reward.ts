/**
 * A reward that is linear in given features of texts, from comparisons of them: Bradley and Terry's model where a score is
 * w x, not a number an item, so that it speaks of texts that nobody compared. Maximum a posteriori under scores whose prior
 * standard deviation is `spread` (w ~ N(0, spread^2 / columns), features standardised), by L-BFGS. The labels are soft:
 * each is a probability that b is better. Thousands of labels take less than a second, so that learning curves, ensembles
 * and best-of-n over many seeds are affordable where a trained transformer is not. It knows the length, so it is no checkpoint's
 * head: that is linear-reward.ts (docs/decisions/0046-two-linear-rewards.md).
 */
import { rng, TillerError } from "@tiller/schema";
import { ascend } from "./ascend.ts";
import { logLikelihood } from "./logistic.ts";

/** Rows of numbers, one a text. */
export interface Features {
  readonly rows: number;
  readonly columns: number;
  /** (rows, columns) */
  readonly data: Float64Array;
}
export interface Judged {
  /** rows of the features */
  readonly a: number;
  readonly b: number;
  /** probability that b is better */
  readonly pB: number;
  /** what it counts; 1 where it does not say */
  readonly weight?: number;
}

/**
 * What is known of each text: `width` numbers of a model's, and the logarithm of its length, which people are known to be
 * drawn by: its weight has the whole prior spread to itself, as if it stood there `columns` times. Columns have mean 0 and
 * variance 1; those that do not vary are 0.
 */
export function rewardFeatures(
  hidden: ArrayLike<number>,
  width: number,
  texts: readonly { readonly text: string }[],
): Features {
  const [rows, columns] = [texts.length, width + 1];
  const data = new Float64Array(rows * columns);
  for (const [i, { text }] of texts.entries()) {
    for (let k = 0; k < width; k++) data[i * columns + k] = hidden[i * width + k]!;
    data[i * columns + width] = Math.log(1 + text.length);
  }
  for (let k = 0; k < columns; k++) {
    let [mean, square] = [0, 0];
    for (let i = 0; i < rows; i++) mean += data[i * columns + k]! / rows;
    for (let i = 0; i < rows; i++) square += (data[i * columns + k]! - mean) ** 2 / rows;
    const scale = (k === width ? Math.sqrt(columns) : 1) / Math.sqrt(square);
    for (let i = 0; i < rows; i++)
      data[i * columns + k] = square > 1e-12 ? scale * (data[i * columns + k]! - mean) : 0;
  }
  return { rows, columns, data };
}

/** Of scores, in log-odds. Of 0.3, 0.5 and 1 the best on five of six sets of people's preferences, and near it on the sixth. */
const SPREAD = 0.3;

/** Weights, one a column. */
export function featureReward(
  x: Features,
  judged: readonly Judged[],
  o: { readonly spread?: number } = {},
): Float64Array {
  const { columns: K, data } = x;
  const wrong = judged.find((r) => !(r.a >= 0 && r.a < x.rows && r.b >= 0 && r.b < x.rows));
  if (wrong)
    throw new TillerError(
      "bad_rows",
      `a comparison is of texts ${wrong.a} and ${wrong.b}, and there are features of ${x.rows}. Count from 0.`,
    );
  const unit = (o.spread ?? SPREAD) / Math.sqrt(K); // x = unit v, v ~ N(0, 1)
  const place = new Map<number, number>(); // texts that were compared
  for (const { a, b } of judged)
    for (const i of [a, b]) if (!place.has(i)) place.set(i, place.size);
  const texts = Int32Array.from(place.keys());
  const [a, b] = [
    Int32Array.from(judged, (r) => place.get(r.a)!),
    Int32Array.from(judged, (r) => place.get(r.b)!),
  ];
  const [p, weight] = [
    Float64Array.from(judged, (r) => r.pB),
    Float64Array.from(judged, (r) => r.weight ?? 1),
  ];
  const [score, pull] = [new Float64Array(texts.length), new Float64Array(texts.length)];
  const v = new Float64Array(K);
  ascend(
    v,
    (v, slope) => {
      for (let t = 0; t < texts.length; t++) {
        const from = texts[t]! * K;
        let s = 0;
        for (let k = 0; k < K; k++) s += data[from + k]! * v[k]!;
        score[t] = unit * s;
      }
      pull.fill(0);
      let value = 0;
      for (let r = 0; r < p.length; r++) {
        const d = score[b[r]!]! - score[a[r]!]!;
        value += weight[r]! * logLikelihood(p[r]!, d);
        const g = weight[r]! * (p[r]! - 1 / (1 + Math.exp(-d)));
        pull[b[r]!] += g;
        pull[a[r]!] -= g;
      }
      for (let k = 0; k < K; k++) {
        slope[k] = -v[k]!;
        value -= v[k]! ** 2 / 2;
      }
      for (let t = 0; t < texts.length; t++) {
        const [from, g] = [texts[t]! * K, unit * pull[t]!];
        for (let k = 0; k < K; k++) slope[k] += g * data[from + k]!;
      }
      return value;
    },
    { steps: 300, enough: 0.02 },
  );
  return v.map((w) => unit * w);
}

/** The reward of each text. */
export function rewardsBy(x: Features, weights: Float64Array): Float64Array {
  const out = new Float64Array(x.rows);
  for (let i = 0; i < x.rows; i++)
    for (let k = 0; k < x.columns; k++) out[i] += x.data[i * x.columns + k]! * weights[k]!;
  return out;
}

/** Rewards by `members` that each saw the comparisons under other weights (the Bayesian bootstrap: exponential with mean 1). */
export function rewardEnsemble(
  x: Features,
  judged: readonly Judged[],
  o: { readonly members: number; readonly seed: number; readonly spread?: number },
): Float64Array[] {
  return Array.from({ length: o.members }, (_, m) => {
    const random = rng(o.seed, "ensemble", m);
    const weighted = judged.map((r) => ({
      ...r,
      weight: -Math.log(1 - random.next()) * (r.weight ?? 1),
    }));
    return rewardsBy(x, featureReward(x, weighted, o));
  });
}

/** How many of the decided labels rewards agree with, equal rewards as one half; ties (1/2) decide nothing. */
export function agreeing(
  rewards: ArrayLike<number>,
  judged: readonly Judged[],
): { readonly right: number; readonly n: number } {
  let [right, n] = [0, 0];
  for (const { a, b, pB, weight = 1 } of judged) {
    if (pB === 0.5) continue;
    const d = rewards[b]! - rewards[a]!;
    right += weight * (d === 0 ? 0.5 : d > 0 === pB > 0.5 ? 1 : 0);
    n += weight;
  }
  return { right, n };
}
