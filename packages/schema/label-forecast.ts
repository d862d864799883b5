/** What more labels will buy: how good a reward is by how many pairs people judged, and how good it would be with more. */
import { z } from "zod";

export const ForecastPoint = z.strictObject({
  pairs: z.int().describe("in all: learned from and held out"),
  at: z.number(),
  low: z.number().describe("of the 90 % interval of what the same measurement would show"),
  high: z.number(),
});
export type ForecastPoint = z.infer<typeof ForecastPoint>;

export const LabelCurve = z.strictObject({
  now: ForecastPoint,
  more: z.array(ForecastPoint.extend({ times: z.int().describe("the pairs of now") })),
  curve: z
    .array(z.strictObject({ pairs: z.int(), value: z.number() }))
    .describe("measured with parts of the pairs, the last with all"),
  check: z
    .strictObject({
      from: z.int().describe("pairs that the forecast was made from"),
      forecast: ForecastPoint,
      within: z.boolean().describe("whether its interval holds what all pairs show"),
    })
    .optional(),
});
export type LabelCurve = z.infer<typeof LabelCurve>;

export const LabelForecast = z.strictObject({
  pairs: z.int(),
  judgments: z.number().describe("of people, behind them"),
  heldOutBy: z.string().describe("what no reward learned from where it was tested"),
  accuracy: LabelCurve.describe("how often a linear reward names the better of two texts"),
  gold: LabelCurve.extend({ n: z.int() })
    .nullable()
    .describe("what the best of n texts by it is worth, in the spread of scores that were given"),
});
export type LabelForecast = z.infer<typeof LabelForecast>;

/** Of a project: made anew when a tenth more was answered. */
export const ProjectForecast = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("none"), why: z.string() }),
  z.strictObject({ state: z.literal("working") }),
  z.strictObject({
    state: z.literal("made"),
    answers: z.int().describe("that the project had then"),
    forecast: LabelForecast,
  }),
]);
export type ProjectForecast = z.infer<typeof ProjectForecast>;
