/**
 * Logistic regression without an intercept, penalised by the squares of its weights, on differences of features: linear
 * rewards by Bradley and Terry. Features are rows of a sparse or of a dense table, whatever `dot` and `add` say.
 */
import { ascend } from "./ascend.ts";

export interface Examples {
  readonly n: number;
  readonly dims: number;
  /** features of row i times w */
  readonly dot: (i: number, w: Float64Array) => number;
  /** adds `by` times the features of row i to `out` */
  readonly add: (i: number, by: number, out: Float64Array) => void;
  /** probability that the row's second text is better */
  readonly p: (i: number) => number;
  readonly weight?: (i: number) => number;
}
/** p log s(m) + (1 - p) log s(-m). */
export const logLikelihood = (p: number, margin: number): number =>
  p * margin - Math.max(margin, 0) - Math.log1p(Math.exp(-Math.abs(margin)));

/** How well rows that were not learned from are predicted, by each penalty from the strongest on; the best of them. */
export function chooseRidge(
  parts: readonly { readonly train: Examples; readonly test: Examples }[],
  ridges: readonly number[],
): { ridge: number; likelihood: number; right: number; n: number } {
  let best = { ridge: Number.NaN, likelihood: -Infinity, right: 0, n: 0 };
  const from: (Float64Array | undefined)[] = parts.map(() => undefined);
  for (const ridge of ridges.toSorted((a, b) => b - a)) {
    let [likelihood, right, n] = [0, 0, 0];
    parts.forEach(({ train, test }, k) => {
      const w = logisticWeights(train, { ridge, from: from[k] });
      from[k] = w;
      for (let i = 0; i < test.n; i++) {
        const [p, margin] = [test.p(i), test.dot(i, w)];
        likelihood += (test.weight?.(i) ?? 1) * logLikelihood(p, margin);
        if (p === 0.5) continue;
        n++;
        right += margin === 0 ? 0.5 : Number(margin > 0 === p > 0.5);
      }
    });
    if (likelihood > best.likelihood) best = { ridge, likelihood, right, n };
  }
  return best;
}
/** The weights; `ridge` is half their squares' price, in units of one row's log-likelihood. */
export function logisticWeights(
  e: Examples,
  o: { readonly ridge: number; readonly from?: Float64Array | undefined },
): Float64Array {
  const w = o.from?.slice() ?? new Float64Array(e.dims);
  const posterior = (x: Float64Array, slope: Float64Array): number => {
    let value = 0;
    for (let d = 0; d < x.length; d++) {
      slope[d] = -o.ridge * x[d];
      value -= (o.ridge * x[d] ** 2) / 2;
    }
    for (let i = 0; i < e.n; i++) {
      const [p, by, margin] = [e.p(i), e.weight?.(i) ?? 1, e.dot(i, x)];
      value += by * logLikelihood(p, margin);
      e.add(i, by * (p - 1 / (1 + Math.exp(-margin))), slope);
    }
    return value;
  };
  ascend(w, posterior, { steps: 200, enough: 1e-2 * Math.max(1, Math.sqrt(e.n)) });
  return w;
}
