/**
 * Expert iteration for language (Anthony et al. 2017; as reinforced self-training in Gulcehre et al. 2023): the policy
 * writes several responses to each prompt, the best of each are kept, it learns to write those, and begins again.
 * Differences from the papers: the reward model is the expert's judge, one gradient pass an iteration by default.
 * Run: npm run tiller -- train expert-iteration PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, metric, NewCheckpoint } from "@tiller/schema";
import { sumOf } from "./batch.ts";

import { bestOfGroups, imitate } from "./imitate.ts";
import { groupsOf, iterate } from "./iterations.ts";
import {
  checkSizes,
  grouped,
  openPolicy,
  policyGradient,
  policyInput,
  policyMetrics,
} from "./policy-gradient.ts";

export const ExpertIterationConfig = z
  .strictObject({
    ...policyGradient,
    ...grouped,
    epochs: z.int().positive().default(1).describe("passes over what was kept"),
    keep: z.int().positive().default(1).describe("of each group, the best so many"),
  })
  .check(checkSizes)
  .check(({ value: c, issues }) => {
    if (c.keep >= c.group)
      issues.push({
        code: "custom",
        input: c.keep,
        path: ["keep"],
        message: `keep ${c.keep} of a group of ${c.group} keeps what is bad as well: nothing is learned about the reward. Keep fewer`,
      });
  });
const Input = policyInput(ExpertIterationConfig);
export const expertIterationJob = defineJob({
  kind: "expert-iteration",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: expertIteration,
  metrics: {
    ...policyMetrics,
    loss: metric("of what was kept", "Loss", { unit: "nats a token", better: "down" }),
    keptScore: metric("of what was kept", "Reward", { better: "up" }),
  },
});

export async function expertIteration(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, continuation } = input;
  using run = await openPolicy(input, job);
  const length = input.maxPrompt + continuation.maxTokens - 1;

  return await iterate("expert-iteration", input, job, run, ({ random, collect, left }) => {
    // 1. k responses to each prompt; the best of each
    const made = collect(groupsOf(random, run.prompts, c));
    const kept = bestOfGroups(made.episodes, made.score, c);

    // 2. passes over them, as supervised fine-tuning
    const lr = c.lr * left;
    const learned = imitate(
      run.trainer,
      kept.map((x) => x.item),
      { ...c, lr, length, order: (xs) => random.shuffle(xs) },
    );
    const keptScore = sumOf(kept.map((x) => x.score)) / kept.length;
    return { made, metrics: { keptScore, ...learned, lr } };
  });
}
