/**
 * REINFORCE leave-one-out (Kool et al. 2019; Ahmadian et al. 2024, eq. 5): a response's advantage is its reward less the
 * mean of the others to the same prompt; the whole response is one action, and its KL to the reference is in the reward.
 * Differences from the papers: with more than one gradient step a rollout batch the ratio of whole responses is clipped as
 * in PPO; at the first step it is 1 and the gradient is REINFORCE's.
 * Run: npm run tiller -- train rloo PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint, rng } from "@tiller/schema";
import { rowSums, sumOf } from "./episodes.ts";
import { leaveOneOut } from "./formulas.ts";
import { train } from "./job.ts";
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
  const { config: c, seed, continuation } = input;
  const [B, k, R] = [c.batch, c.group, continuation.maxTokens];
  const sizes = { R, T: input.maxPrompt + R };
  using run = await openPolicy(input, job, { ratio: "sequence" });
  const { trainer, collector, prompts } = run;
  // the ratio of a response stands at each of its tokens, so their mean is it: the gradient is A times that of the summed log-prob
  const loss = surrogateLoss(
    { clip: c.clip, clipHigh: c.clip, ratio: "sequence", average: "sequences", beta: 0 },
    continuation.temperature,
  );

  const Loop = z.record(z.string(), z.number()).describe("metrics of the last iteration");
  const last = await train(job, trainer, {
    name: "rloo",
    step: "iteration",
    steps: c.iterations,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop,
    start: {},
    run: (iteration) => {
      run.show(iteration);
      const started = performance.now();
      const random = rng(seed, "rloo", iteration);

      // 1. k responses to each prompt, side by side, and their scores
      const asked = Array.from({ length: B / k }, () => random.choose(prompts));
      const queries = asked.flatMap((q) => Array.from({ length: k }, () => q));
      const rngs = queries.map((_, b) => rng(seed, "rloo", iteration, b));
      const made = collector.collect(iteration, queries, rngs);
      const collected = performance.now();

      // 2. reward less the KL of the response; its advantage over the others of its group
      const kl = rowSums(made.kl, R);
      const rewards = made.score.map((s, b) => s - c.beta * kl[b]!);
      const advantage = leaveOneOut(rewards, k);
      const advantages = made.mask.map((m, i) => m * advantage[Math.floor(i / R)]!);

      // 3. updates
      const { episodes, mask, old, reference, importance } = made;
      const arrays = { mask, old, reference, importance, advantages };
      const logged = passes(c, { trainer, episodes, arrays, loss, random, sizes });
      const ended = performance.now();
      run.show(iteration, made, { advantages });
      const metrics: Record<string, number> = {
        ...made.metrics,
        rlhfReward: sumOf(rewards) / B,
        ...logged,
        shortened: run.shortened,
        update: (ended - collected) / 1000,
        episodesPerSecond: B / ((ended - started) / 1000),
      };
      const [score, nats] = [metrics["score"]!, metrics["kl"]!];
      return {
        metrics,
        note: `reward ${score.toFixed(2)}, KL ${nats.toFixed(1)} nats`,
        loop: metrics,
        ...(nats > c.stopKl && { stop: `KL ${nats.toFixed(1)} nats` }),
      };
    },
  });
  const metrics = { score: last["score"]!, kl: last["kl"]! };
  return trainer.saveModel(job.out, { role: "policy", metrics, config: { ...c, seed } });
}
