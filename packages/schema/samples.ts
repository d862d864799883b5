/**
 * What models write while they train: texts of fixed prompts at every so many steps, the best and worst of a batch, their
 * tokens with what training made of each; and how a figure was spread over a batch.
 */
import { z } from "zod";
import { CheckpointId, RunId } from "./ids.ts";

const nats = z.number().optional();
/** A token that a model wrote. Its KL is `logprob - refLogprob`. */
export const SampleToken = z.strictObject({
  text: z.string().describe("of this token alone; part of a letter reads as U+FFFD"),
  logprob: z.number().describe("nats, under the policy and temperature that it was drawn with"),
  refLogprob: nats.describe("nats, under the reference"),
  value: z.number().optional().describe("what the critic expected before it"),
  advantage: z.number().optional().describe("before whitening"),
  reward: z.number().optional().describe("at this token: the score at the last, less the penalty"),
});
export type SampleToken = z.infer<typeof SampleToken>;

/** fixed: the same prompt every time, with the base's text at step 0; the others are of a batch's own prompts */
export const samplePicks = ["fixed", "best", "worst", "batch"] as const;
/** A text as a job gives it. */
export const JobSample = z.strictObject({
  step: z.int().nonnegative().describe("0: before the first update, so the base's text"),
  prompt: z.string(),
  text: z.string(),
  scores: z.record(z.string(), z.number()).describe("reward, kl, ..."),
  pick: z.enum(samplePicks).default("batch"),
  tokens: z.array(SampleToken).max(4096).optional(),
});
export type JobSample = z.output<typeof JobSample>;

/** A text that some model wrote. */
export const Sample = JobSample.extend({
  id: z.string(),
  run: RunId.nullable(),
  checkpoint: CheckpointId.nullable(),
  tokens: z.array(SampleToken).nullable().describe("null in lists, and where its job gave none"),
});
export type Sample = z.infer<typeof Sample>;

/** How a figure was spread over the batch of a step: the reward of every episode. */
export const Distribution = z.strictObject({
  step: z.int().nonnegative(),
  name: z.string().min(1).max(80).describe("of a declared metric where it is the spread of one"),
  values: z.array(z.number()).min(1).max(10_000),
});
export type Distribution = z.infer<typeof Distribution>;

/** The distributions of a figure over a run, in the same bins. */
export const Histogram = z.strictObject({
  name: z.string(),
  low: z.number(),
  high: z.number(),
  steps: z
    .array(z.strictObject({ step: z.int(), counts: z.array(z.int()) }))
    .describe("of many steps some, evenly chosen, the first and the last among them"),
});
export type Histogram = z.infer<typeof Histogram>;

/** GET /api/studio/runs/:id/samples : what a run's model wrote at one step, beside the base, and how varied it was at each. */
export const SamplesOverTime = z.strictObject({
  steps: z.array(
    z.strictObject({
      step: z.int(),
      texts: z.int(),
      distinct2: z
        .number()
        .nullable()
        .describe("different word pairs over all word pairs of its texts; null: too few"),
    }),
  ),
  fixed: z.boolean().describe("the same prompts at every step"),
  step: z.int().nullable().describe("the one that is shown; null: there are none"),
  samples: z.array(Sample),
  base: z.array(Sample).describe("of step 0, after the same prompts"),
  extremes: z.array(Sample).describe("the best and worst of its batch"),
  collapse: z
    .strictObject({ step: z.int(), from: z.number(), to: z.number() })
    .nullable()
    .describe("the first step whose distinct2 is at most half of the first's"),
});
export type SamplesOverTime = z.infer<typeof SamplesOverTime>;
