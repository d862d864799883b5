/**
 * REINFORCE++ (Hu et al. 2025): PPO's clipped surrogate and KL in every token's reward, but no critic; advantages are
 * rewards to go, whitened over the whole rollout batch. One response a prompt.
 * Run: npm run tiller -- train reinforce-plus-plus PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint } from "@tiller/schema";

import { rectangle } from "./episodes.ts";
import { rewardsToGo, whiten } from "./formulas.ts";
import { iterate } from "./iterations.ts";
import {
  checkSizes,
  openPolicy,
  passes,
  policyGradient,
  policyInput,
  policyMetrics,
} from "./policy-gradient.ts";
import { surrogateLoss } from "./surrogate.ts";

export const ReinforcePlusPlusConfig = z
  .strictObject({
    ...policyGradient,
    epochs: z.int().positive().default(1).describe("passes over each rollout batch"),
    clip: z.number().positive().default(0.2).describe("of the ratio of each token"),
    gamma: z.number().min(0).max(1).default(1).describe("discount a token"),
    beta: z.number().nonnegative().default(0.05).describe("of each token's KL, in its reward"),
  })
  .check(checkSizes);
const Input = policyInput(ReinforcePlusPlusConfig);
export const reinforcePlusPlusJob = defineJob({
  kind: "reinforce-plus-plus",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: reinforcePlusPlus,
  metrics: policyMetrics,
});

export async function reinforcePlusPlus(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, continuation } = input;
  const [B, R] = [c.batch, continuation.maxTokens];
  const sizes = { R, T: input.maxPrompt + R };
  using run = await openPolicy(input, job);
  const { trainer, prompts } = run;
  const loss = surrogateLoss(
    { clip: c.clip, clipHigh: c.clip, ratio: "token", average: "tokens", beta: 0 },
    continuation.temperature,
  );

  return await iterate("reinforce-plus-plus", input, job, run, ({ random, collect }) => {
    // 1. a response to each of B prompts, and its score
    const made = collect(Array.from({ length: B }, () => random.choose(prompts)));

    // 2. the KL penalty at every token, the score at the last; what is still to come, whitened
    const rewards = made.kl.map((k) => -c.beta * k);
    made.episodes.forEach((e, b) => (rewards[b * R + e.response.length - 1]! += made.score[b]!));
    const toGo = rectangle(
      made.episodes.map((e, b) =>
        rewardsToGo(rewards.subarray(b * R, b * R + e.response.length), c.gamma),
      ),
      R,
    );
    const advantages = whiten(toGo, made.mask);

    // 3. clipped updates
    const { episodes, mask, old, reference, importance } = made;
    const arrays = { mask, old, reference, importance, advantages };
    const logged = passes(c, { trainer, episodes, arrays, loss, random, sizes });
    const rlhfReward = made.metrics["score"]! - c.beta * made.metrics["kl"]!;
    return { made, metrics: { rlhfReward, ...logged }, arrays: { advantages, rewards } };
  });
}
