/** A share of few things with the interval it deserves (Wilson 1927), 95 %. */
export interface Share {
  readonly low: number;
  readonly high: number;
}
const Z = 1.959964; // normal quantile of 0.975

export function wilson(hits: number, n: number): Share | undefined {
  if (n === 0) return undefined;
  const p = hits / n;
  const middle = (p + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + Z ** 2 / (4 * n ** 2));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
