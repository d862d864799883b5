/**
 * REINFORCE leave-one-out (Kool et al. 2019; Ahmadian et al. 2024, eq. 5): a response's advantage is its reward less the
 * mean of the others to the same prompt; the whole response is one action, and its KL to the reference is in the reward.
 * Differences from the papers: with more than one gradient step a rollout batch the ratio of whole responses is clipped as
 * in PPO; at the first step it is 1 and the gradient is REINFORCE's.
 * Run: npm run tiller -- train rloo PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint } from "@tiller/schema";
import { sumOf } from "./batch.ts";
import { rowSums } from "./episodes.ts";
import { leaveOneOut } from "./formulas.ts";
import { groupsOf, iterate } from "./iterations.ts";
import {
  checkSizes,
  grouped,
  openPolicy,
  passes,
  policyGradient,
  policyInput,
  policyMetrics,
} from "./policy-gradient.ts";
import { surrogateLoss } from "./surrogate.ts";

export const RlooConfig = z
  .strictObject({
    ...policyGradient,
    ...grouped,
    epochs: z.int().positive().default(1).describe("passes over each rollout batch"),
    clip: z.number().positive().default(0.2).describe("of the ratio of whole responses"),
    beta: z
      .number()
      .nonnegative()
      .default(0.05)
      .describe("of the KL to the reference, in the reward"),
  })
  .check(checkSizes);
const Input = policyInput(RlooConfig);
export const rlooJob = defineJob({
  kind: "rloo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: rloo,
  metrics: policyMetrics,
});

export async function rloo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  const { config: c, continuation } = input;
  const R = continuation.maxTokens;
  const sizes = { R, T: input.maxPrompt + R };
  using run = await openPolicy(input, job, { ratio: "sequence" });
  const { trainer, prompts } = run;
  // the ratio of a response stands at each of its tokens, so their mean is it: the gradient is A times that of the summed log-prob
  const loss = surrogateLoss(
    { clip: c.clip, clipHigh: c.clip, ratio: "sequence", average: "sequences", beta: 0 },
    continuation.temperature,
  );

  return await iterate("rloo", input, job, run, ({ random, collect }) => {
    // 1. k responses to each prompt, and their scores
    const made = collect(groupsOf(random, prompts, c));

    // 2. reward less the KL of the response; its advantage over the others of its group
    const kl = rowSums(made.kl, R);
    const rewards = made.score.map((s, b) => s - c.beta * kl[b]!);
    const advantage = leaveOneOut(rewards, c.group);
    const advantages = made.mask.map((m, i) => m * advantage[Math.floor(i / R)]!);

    // 3. updates
    const { episodes, mask, old, reference, importance } = made;
    const arrays = { mask, old, reference, importance, advantages };
    const logged = passes(c, { trainer, episodes, arrays, loss, random, sizes });
    const metrics = { rlhfReward: sumOf(rewards) / c.batch, ...logged };
    return { made, metrics, arrays: { advantages } };
  });
}
