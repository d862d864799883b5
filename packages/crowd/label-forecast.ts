/**
 * What more labels will buy: a learning curve goes on as one of two families of curves, weighted by how well each explains
 * the points that there are.
 *
 *   from chance   floor + A (n / (n + n0))^g, g 1/2 or 1: nothing at no labels; a linear reward's correlation with the truth
 *                 grows so (its variance falls as 1 / n)
 *   power law     a - b n^-c: the usual form of learning curves (Hestness et al. 2017)
 *
 * Many curves are drawn from a wide prior and weighted by the likelihood of the points under their covariance (importance
 * sampling): level, steepness and what nobody can know from few points all reach the interval. What is forecast is what the
 * same measurement would show, so the noise of that measurement is in the interval as well: with N times the pairs it has one
 * N-th of the variance of today's. Nothing is assumed shared between the two, though today's pairs will be among them.
 */
import { type ForecastPoint, rng, TillerError } from "@tiller/schema";
import type { LearningCurve } from "./learning-curve.ts";
import { quantile } from "./statistics.ts";

export interface ForecastOptions {
  /** the value of a reward that knows nothing, and of one that knows all */
  readonly floor?: number;
  readonly ceiling?: number;
  /** of the interval */
  readonly level?: number;
  readonly seed?: number;
}
const DRAWS = 60_000;
const KEPT = 4000;
/** No curve is that smooth: what a family may miss at a point, as part of the range from floor to ceiling. */
const MISFIT = 0.008;

/** For each number of pairs in all. */
export function forecastLabels(
  curve: LearningCurve,
  pairs: readonly number[],
  o: ForecastOptions = {},
): ForecastPoint[] {
  const { floor = 0.5, ceiling = 1, level = 0.9, seed = 1 } = o;
  const { points, covariance, all } = curve;
  if (points.length < 2)
    throw new TillerError(
      "too_few",
      `a learning curve of ${points.length} points says nothing of more labels. Label more first.`,
    );
  const top = points.at(-1)!.pairs;
  const range = ceiling - floor;
  const misfit = (MISFIT * range) ** 2;
  const root = cholesky(covariance.map((row, i) => row.map((v, j) => v + (i === j ? misfit : 0))));
  const random = rng(seed, "label forecast");
  const sizes = [...points.map((p) => p.pairs / top), ...pairs.map((n) => n / all)];
  const draw = (): ((n: number) => number) => {
    const u = random.next();
    if (u < 0.5) {
      const [A, n0] = [
        range * random.next(),
        Math.exp(Math.log(0.01) + Math.log(1e4) * random.next()),
      ];
      const power = u < 0.25 ? 0.5 : 1;
      return (n) => floor + A * (n / (n + n0)) ** power;
    }
    const a = floor + range * random.next();
    const [b, c] = [(a - floor) * random.next(), 0.1 + 0.9 * random.next()];
    return (n) => a - b * n ** -c;
  };
  const curves: Float64Array[] = [];
  const logs: number[] = [];
  for (let i = 0; i < DRAWS; i++) {
    const f = draw();
    const values = Float64Array.from(sizes, f);
    curves.push(values);
    logs.push(
      -squares(
        root,
        points.map((p, k) => p.value - values[k]!),
      ) / 2,
    );
  }
  const most = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = logs.map((l) => Math.exp(l - most));
  const total = weights.reduce((a, b) => a + b, 0);
  // systematic resampling (Kitagawa 1996)
  const kept: Float64Array[] = [];
  let [sum, next] = [0, random.next() / KEPT];
  for (let i = 0; i < DRAWS; i++) {
    sum += weights[i]! / total;
    for (; next < sum && kept.length < KEPT; next += 1 / KEPT) kept.push(curves[i]!);
  }
  const noise = covariance.at(-1)!.at(-1)!;
  return pairs.map((n, k) => {
    const spread = Math.sqrt((noise * all) / n + misfit);
    const drawn = Float64Array.from(kept, (c) => c[points.length + k]! + spread * random.normal());
    drawn.sort();
    return {
      pairs: n,
      at: quantile(drawn, 0.5),
      low: quantile(drawn, (1 - level) / 2),
      high: quantile(drawn, (1 + level) / 2),
    };
  });
}

/** Lower root of a covariance. */
function cholesky(s: readonly (readonly number[])[]): number[][] {
  const L = s.map((row) => row.map(() => 0));
  for (let i = 0; i < s.length; i++)
    for (let j = 0; j <= i; j++) {
      let v = s[i]![j]!;
      for (let k = 0; k < j; k++) v -= L[i]![k]! * L[j]![k]!;
      L[i]![j] = i === j ? Math.sqrt(Math.max(v, 1e-12)) : v / L[j]![j]!;
    }
  return L;
}
/** x S^-1 x by the root of S. */
function squares(L: readonly (readonly number[])[], x: readonly number[]): number {
  const z: number[] = [];
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    let v = x[i]!;
    for (let k = 0; k < i; k++) v -= L[i]![k]! * z[k]!;
    z.push(v / L[i]![i]!);
    sum += z[i]! ** 2;
  }
  return sum;
}

/** A forecast from a quarter of the pairs, beside what all of them show. */
export interface Checked {
  readonly from: number;
  readonly forecast: ForecastPoint;
  readonly measured: number;
  readonly within: boolean;
}
export const checkedForecast = (
  quarter: LearningCurve,
  full: LearningCurve,
  o: ForecastOptions = {},
): Checked => {
  const [forecast] = forecastLabels(quarter, [full.all], o) as [ForecastPoint];
  const measured = full.points.at(-1)!.value;
  return {
    from: quarter.all,
    forecast,
    measured,
    within: measured >= forecast.low && measured <= forecast.high,
  };
};
