/**
 * Expert iteration for language (Anthony et al. 2017; as reinforced self-training in Gulcehre et al. 2023): the policy
 * writes several responses to each prompt, the best of each are kept, it learns to write those, and begins again.
 * Differences from the papers: the reward model is the expert's judge, one gradient pass an iteration by default.
 * Run: npm run tiller -- train expert-iteration PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, metric, NewCheckpoint, rng } from "@tiller/schema";
import { sumOf } from "./episodes.ts";
import { bestOfGroups, imitate } from "./imitate.ts";
import { train } from "./job.ts";
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
  const { config: c, seed, continuation } = input;
  const [B, k, R] = [c.batch, c.group, continuation.maxTokens];
  using run = await openPolicy(input, job);
  const { trainer, collector, prompts } = run;

  const Loop = z.record(z.string(), z.number()).describe("metrics of the last iteration");
  const last = await train(job, trainer, {
    name: "expert-iteration",
    step: "iteration",
    steps: c.iterations,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop,
    start: {},
    run: (iteration) => {
      run.show(iteration);
      const started = performance.now();
      const random = rng(seed, "expert-iteration", iteration);

      // 1. k responses to each prompt; the best of each
      const asked = Array.from({ length: B / k }, () => random.choose(prompts));
      const queries = asked.flatMap((q) => Array.from({ length: k }, () => q));
      const rngs = queries.map((_, b) => rng(seed, "expert-iteration", iteration, b));
      const made = collector.collect(iteration, queries, rngs);
      const kept = bestOfGroups(made.episodes, made.score, c);
      const collected = performance.now();

      // 2. passes over them, as supervised fine-tuning
      const lr = c.lr * (1 - (iteration - 1) / c.iterations);
      const { loss, gradNorm } = imitate(
        trainer,
        kept.map((x) => x.item),
        { ...c, lr, length: input.maxPrompt + R - 1, order: (xs) => random.shuffle(xs) },
      );
      const ended = performance.now();
      run.show(iteration, made);
      const metrics: Record<string, number> = {
        ...made.metrics,
        keptScore: sumOf(kept.map((x) => x.score)) / kept.length,
        loss,
        gradNorm,
        lr,
        shortened: run.shortened,
        update: (ended - collected) / 1000,
        episodesPerSecond: B / ((ended - started) / 1000),
      };
      const [score, kl] = [metrics["score"]!, metrics["kl"]!];
      return {
        metrics,
        note: `reward ${score.toFixed(2)}, KL ${kl.toFixed(1)} nats`,
        loop: metrics,
        ...(kl > c.stopKl && { stop: `KL ${kl.toFixed(1)} nats` }),
      };
    },
  });
  const metrics = { score: last["score"]!, kl: last["kl"]! };
  return trainer.saveModel(job.out, { role: "policy", metrics, config: { ...c, seed } });
}
