/**
 * Intervals: exact ones of a proportion (`wilson`, of which pages and training need no more, lies in the schema), and the
 * bootstrap for everything else.
 * All are 95 % unless asked otherwise. Randomness is seeded: the same rows give the same interval.
 */
import { type Interval, logGamma, rng } from "@tiller/schema";

/** An estimate with its interval and the number of units behind it; `at` is NaN when there is nothing to say. */
export interface Estimate extends Interval {
  readonly at: number;
  readonly n: number;
}

/** Clopper and Pearson's exact interval: never narrower than it says, so right for the few and for alarms. */
export function clopperPearson(right: number, n: number, level = 0.95): Interval {
  const tail = (1 - level) / 2;
  return {
    low: right <= 0 ? 0 : betaQuantile(tail, right, n - right + 1),
    high: right >= n ? 1 : betaQuantile(1 - tail, right + 1, n - right),
  };
}

/** A fraction with its exact interval. */
export const exactFraction = (right: number, n: number): Estimate => ({
  at: n ? right / n : Number.NaN,
  ...clopperPearson(right, n),
  n,
});

/** Equal-tailed interval of a Beta(a, b) posterior. */
export const betaInterval = (a: number, b: number, level = 0.95): Interval => ({
  low: betaQuantile((1 - level) / 2, a, b),
  high: betaQuantile((1 + level) / 2, a, b),
});

/** Regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  // modified Lentz
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let f = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const term of [even, odd]) {
      d = 1 / (1 + term * d || tiny);
      c = 1 + term / c || tiny;
      f *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return (front * f) / a;
}

/** x with I_x(a, b) = p, by bisection: 60 halvings. */
export function betaQuantile(p: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(Z <= x) of the normal distribution: Marsaglia's series (2004), to some 1e-15 within seven standard deviations. */
export function normalCdf(x: number): number {
  if (x < -7 || x > 7) return x < 0 ? 0 : 1;
  let [sum, term] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum) && k < 400; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
/** x with P(Z <= x) = p, by bisection: 60 halvings. */
export function normalQuantile(p: number): number {
  let [low, high] = [-7, 7];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The value at rank p of sorted numbers, linear between neighbours. */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  if (!sorted.length) return Number.NaN;
  const at = Math.min(1, Math.max(0, p)) * (sorted.length - 1);
  const [i, part] = [Math.floor(at), at % 1];
  return part ? sorted[i]! * (1 - part) + sorted[i + 1]! * part : sorted[i]!;
}
export const median = (xs: Iterable<number>): number =>
  quantile(
    Float64Array.from(xs).sort((a, b) => a - b),
    0.5,
  );

/** Sums of what each unit adds, sparse: unit u adds `amount[e]` to `cell[e]` for e in start[u] up to start[u + 1]. */
export interface Contributions {
  readonly cells: number;
  readonly start: Int32Array;
  readonly cell: Int32Array;
  readonly amount: Float64Array;
}

interface Resampling {
  readonly seed?: number;
  readonly resamples?: number;
  readonly level?: number;
}
/**
 * Percentile bootstrap over units (Efron 1979) of statistics of sums, all on the same resamples. Units are drawn with
 * replacement; resamples in which a statistic is not a number are left out. Very many units get fewer resamples:
 * their interval is narrow.
 */
export function bootstrap<const S extends readonly ((sums: Float64Array) => number)[]>(
  c: Contributions,
  statistics: S,
  o: Resampling = {},
): { [K in keyof S]: Estimate } {
  const units = c.start.length - 1;
  const { seed = 1, level = 0.95 } = o;
  const resamples = o.resamples ?? (units > 20_000 ? 200 : units > 2000 ? 400 : 1000);
  const sums = new Float64Array(c.cells);
  const add = (u: number) => {
    for (let e = c.start[u]; e < c.start[u + 1]; e++) sums[c.cell[e]] += c.amount[e];
  };
  for (let u = 0; u < units; u++) add(u);
  const at = statistics.map((f) => f(sums));
  const drawn = at.map((): number[] => []);
  const random = rng(seed, "bootstrap");
  for (let r = 0; r < (units < 2 ? 0 : resamples); r++) {
    sums.fill(0);
    for (let u = 0; u < units; u++) add(random.int(units));
    statistics.forEach((f, i) => {
      const value = f(sums);
      if (!Number.isNaN(value)) drawn[i]!.push(value);
    });
  }
  return at.map((estimate, i): Estimate => {
    const sorted = Float64Array.from(Number.isNaN(estimate) ? [] : drawn[i]!).sort();
    const [low, high] = [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
    return { at: estimate, low, high, n: units };
  }) as { [K in keyof S]: Estimate };
}

/** The mean of values over units, bootstrapped; a unit is a task or a person, whatever hangs together. */
export function bootstrapMean(
  units: readonly { readonly sum: number; readonly n: number }[],
  o: Resampling = {},
): Estimate {
  const mean = bootstrap(
    {
      cells: 2,
      start: Int32Array.from({ length: units.length + 1 }, (_, i) => 2 * i),
      cell: Int32Array.from({ length: 2 * units.length }, (_, i) => i % 2),
      amount: Float64Array.from({ length: 2 * units.length }, (_, i) =>
        i % 2 ? units[i >> 1]!.n : units[i >> 1]!.sum,
      ),
    },
    [([sum, n]) => (n! > 0 ? sum! / n! : Number.NaN)],
    o,
  );
  return mean[0];
}
