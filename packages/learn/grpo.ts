/**
 * Group relative policy optimisation (Shao et al. 2024, eqs. 3 and 4): several responses to each prompt, and the group's
 * mean and standard deviation in place of a critic; the KL to the reference (k3) is in the loss.
 * `style: "dr"` is Dr. GRPO (Liu et al. 2025): no division by the standard deviation nor by a response's own length.
 * Differences from the paper: rewards of responses alone, none of steps; the reference stays.
 * Run: npm run tiller -- train grpo PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, metric, NewCheckpoint } from "@tiller/schema";

import { groupAdvantages } from "./formulas.ts";
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

export const GrpoConfig = z
  .strictObject({
    ...policyGradient,
    ...grouped,
    epochs: z.int().positive().default(1).describe("passes over each rollout batch"),
    style: z
      .enum(["grpo", "dr"])
      .default("grpo")
      .describe(
        "grpo: advantages over the group's standard deviation, each response counts alike; dr: neither (Dr. GRPO)",
      ),
    clip: z.number().positive().default(0.2).describe("ratios are clipped to 1 - clip ..."),
    clipHigh: z.number().positive().default(0.2).describe("... and to 1 + clipHigh"),
    beta: z
      .number()
      .nonnegative()
      .default(0.04)
      .describe("of the KL to the reference, in the loss"),
  })
  .check(checkSizes);
const Input = policyInput(GrpoConfig);
export const grpoJob = defineJob({
  kind: "grpo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: grpo,
  metrics: {
    ...policyMetrics,
    flatGroups: metric("of one score", "Groups that teach nothing", { unit: "of groups" }),
  },
});

export async function grpo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  const { config: c, continuation } = input;
  const [B, k, R] = [c.batch, c.group, continuation.maxTokens];
  const sizes = { R, T: input.maxPrompt + R };
  using run = await openPolicy(input, job);
  const { trainer, prompts } = run;
  const average = c.style === "dr" ? "constant" : "sequences";
  const loss = surrogateLoss({ ...c, ratio: "token", average }, continuation.temperature);

  return await iterate("grpo", input, job, run, ({ random, collect }) => {
    // 1. k responses to each prompt, and their scores
    const made = collect(groupsOf(random, prompts, c));

    // 2. every token of a response has the response's advantage over its group
    const advantage = groupAdvantages(made.score, k, { scale: c.style === "grpo" });
    const advantages = made.mask.map((m, i) => m * advantage[Math.floor(i / R)]!);

    // 3. clipped updates
    const { episodes, mask, old, reference, importance, score } = made;
    const arrays = { mask, old, reference, importance, advantages };
    const logged = passes(c, { trainer, episodes, arrays, loss, random, sizes });
    const groups = Array.from({ length: B / k }, (_, i) => score.slice(i * k, i * k + k));
    const metrics = {
      rlhfReward: made.metrics["score"]! - c.beta * made.metrics["kl"]!,
      flatGroups: groups.filter((g) => g.every((s) => s === g[0])).length / groups.length,
      ...logged,
    };
    return { made, metrics, arrays: { advantages } };
  });
}
