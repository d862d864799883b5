/** Curves of runs as pages draw them: each metric by step, of long runs thinned to as many places as a chart can show. */
import { z } from "zod";

export const MOST_POINTS = 2000;
/** POST /api/studio/curves */
export const CurvesQuery = z.strictObject({
  runs: z.array(z.string().min(1)).min(1).max(40),
  metrics: z.array(z.string().min(1)).max(200).optional().describe("all unless said"),
  points: z.int().min(2).max(MOST_POINTS).default(400).describe("places a curve at most"),
});
export type CurvesQuery = z.output<typeof CurvesQuery>;

/** One metric: where steps were put together, their mean, and their lowest and highest value. */
export const Curve = z.strictObject({
  metric: z.string(),
  steps: z.array(z.number()).describe("the last of those put together"),
  values: z.array(z.number()),
  low: z.array(z.number()).optional().describe("left out where each place is one step"),
  high: z.array(z.number()).optional(),
});
export type Curve = z.infer<typeof Curve>;
export const RunCurves = z.strictObject({
  run: z.string(),
  steps: z.int().describe("that it has logged"),
  curves: z.array(Curve),
});
export type RunCurves = z.infer<typeof RunCurves>;
