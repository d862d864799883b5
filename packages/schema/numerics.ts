/**
 * The numbers that rooms need which do not know each other: extremes (tokenizers, losses, tables), log Gamma (best of n in
 * `learn`, priors in `crowd`), and Wilson's interval (pages, reports of training, agreement). All else is in `crowd`.
 */

export interface Interval {
  readonly low: number;
  readonly high: number;
}
/** Math.max of any number of values: spread into arguments, some 125,000 of them overflow the stack. */
export function largest(xs: Iterable<number>): number {
  let most = -Infinity;
  for (const x of xs) if (x > most || Number.isNaN(x)) most = x;
  return most;
}
/** Math.min of any number of values. */
export function smallest(xs: Iterable<number>): number {
  let least = Infinity;
  for (const x of xs) if (x < least || Number.isNaN(x)) least = x;
  return least;
}

/** Wilson score interval of a proportion; `right` may hold half points for ties. */
export function wilson(right: number, n: number, z = 1.96): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const p = right / n;
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n);
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** log Gamma(x) for x > 0: Stirling's series after shifting the argument above 10; error below 1e-12. */
export function logGamma(x: number): number {
  let shift = 0;
  while (x < 10) shift -= Math.log(x++);
  const i = 1 / x;
  return (
    shift +
    (x - 0.5) * Math.log(x) -
    x +
    0.5 * Math.log(2 * Math.PI) +
    i / 12 -
    i ** 3 / 360 +
    i ** 5 / 1260 -
    i ** 7 / 1680
  );
}
