/** What benches say over seeds, and on which machine: means with intervals by Student's t. */
import { cpus, loadavg } from "node:os";

/** Quantiles of Student's t by degrees of freedom, 1 to 30: of two-sided intervals of 90 and 95 %. */
const quantiles = {
  0.9: [
    6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761,
    1.753, 1.746, 1.74, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701,
    1.699, 1.697,
  ],
  0.95: [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16,
    2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052,
    2.048, 2.045, 2.042,
  ],
} as const;
const normal = { 0.9: 1.6449, 0.95: 1.96 } as const;
type Level = keyof typeof normal;

/** t of n values, n - 1 degrees of freedom; beyond 30 by the normal quantile's first correction; of one value NaN. */
export function studentT(n: number, level: Level = 0.95): number {
  const [df, z] = [n - 1, normal[level]];
  return df < 1 ? Number.NaN : (quantiles[level][df - 1] ?? z + (z ** 3 + z) / (4 * df));
}
export const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;
/** Standard deviation of a sample. */
export const deviation = (xs: readonly number[]): number => {
  const m = mean(xs);
  return Math.sqrt(xs.reduce((v, x) => v + (x - m) ** 2, 0) / (xs.length - 1));
};
/** Mean and interval; of one value the interval is NaN. */
export function overSeeds(xs: readonly number[], level: Level = 0.95) {
  const at = mean(xs);
  const half = (studentT(xs.length, level) * deviation(xs)) / Math.sqrt(xs.length);
  return { n: xs.length, at, half, low: at - half, high: at + half };
}
/** The machine in words, with the load that it has now. */
export const machineNow = (): string =>
  `${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown"}, load ${loadavg()[0]!.toFixed(1)} at the end`;
