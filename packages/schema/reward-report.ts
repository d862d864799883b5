/** How good a reward model is, beside what is cheap: of the pairs that its training kept back. */
import { z } from "zod";
import { LabelForecast } from "./label-forecast.ts";

const Fraction = z.number().describe("of decided pairs with the right side; 0.5 is guessing");
const Ahead = z.strictObject({ at: z.number(), low: z.number(), high: z.number() });
const Part = z.strictObject({
  n: z.int(),
  accuracy: Fraction,
  low: z.number().describe("of the 95 % interval"),
  high: z.number(),
});
export const RewardReport = z.strictObject({
  pairs: z.int().describe("that it learned from"),
  table: Part.extend({
    ties: z.int(),
    baselines: z.strictObject({
      longer: Fraction,
      bagOfWords: Fraction.nullable().describe("that learned from the same pairs"),
      onePerson: Fraction.nullable().describe("against the others; null: no pair has three votes"),
    }),
    ahead: z.strictObject({ longer: Ahead, bagOfWords: Ahead.nullable() }),
    matched: Part.extend({ longer: Fraction })
      .nullable()
      .describe("of pairs of one length to a tenth"),
    calibration: z.strictObject({
      ece: z.number().describe("expected calibration error"),
      scale: z.number().describe("log-odds that a unit of reward is said to be"),
      best: z.number().describe("the scale that predicts these pairs best; below it: too sure"),
      bins: z.array(
        Part.extend({ from: z.number(), to: z.number(), confidence: z.number() }).describe(
          "by how sure the model is",
        ),
      ),
    }),
  })
    .nullable()
    .describe("null: its training kept no decided pair back"),
  forecast: LabelForecast.nullable().describe("null: too few pairs"),
});
export type RewardReport = z.infer<typeof RewardReport>;

export const CheckpointReward = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("none"), why: z.string() }),
  z.strictObject({ state: z.literal("working") }),
  z.strictObject({ state: z.literal("made"), report: RewardReport }),
]);
export type CheckpointReward = z.infer<typeof CheckpointReward>;
