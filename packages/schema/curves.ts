/** What pages about several runs and experiments are made of: curves, thinned to what a chart can show, and judgments between them. */
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

/** POST /api/studio/judged-pairs */
export const JudgedPairsQuery = z.strictObject({
  experiments: z.array(z.string().min(1)).min(2).max(12),
});
/** Judgments that held a text of one experiment against a text of another. */
export const JudgedPair = z.strictObject({
  a: z.string().describe("experiment"),
  b: z.string(),
  winsA: z.int(),
  winsB: z.int(),
  ties: z.int(),
  simulated: z.int().describe("of all, by simulated people"),
  shown: z
    .array(
      z.strictObject({
        task: z.string(),
        passage: z.string(),
        a: z.string(),
        b: z.string(),
        winsA: z.int(),
        winsB: z.int(),
      }),
    )
    .describe("some of the texts"),
});
export type JudgedPair = z.infer<typeof JudgedPair>;
