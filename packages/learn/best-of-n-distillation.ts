/**
 * Distillation of best-of-n: the base writes n responses to each prompt, the reward model chooses the best, and the policy
 * learns to write it at once (Stiennon et al. 2020 and Gao et al. 2022 sample so when serving; as rejection sampling
 * fine-tuning in Touvron et al. 2023). The teacher is always the base, so its KL is bounded: ln n - (n - 1) / n nats.
 * Run: npm run tiller -- train best-of-n-distillation PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, metric, NewCheckpoint, rng } from "@tiller/schema";
import { sumOf } from "./batch.ts";
import { Collector } from "./collect.ts";

import { bestOfGroups, imitate } from "./imitate.ts";
import { klBestOfN } from "./formulas.ts";
import { train } from "./job.ts";
import { groupsOf } from "./iterations.ts";
import {
  checkSizes,
  grouped,
  openPolicy,
  policyGradient,
  policyInput,
  policyMetrics,
} from "./policy-gradient.ts";

export const BestOfNDistillationConfig = z
  .strictObject({
    ...policyGradient,
    ...grouped,
    epochs: z.int().positive().default(1).describe("passes over the best of each group"),
  })
  .check(checkSizes);
const Input = policyInput(BestOfNDistillationConfig);
export const bestOfNDistillationJob = defineJob({
  kind: "best-of-n-distillation",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: bestOfNDistillation,
  metrics: {
    ...policyMetrics,
    loss: metric("of the best", "Loss", { unit: "nats a token", better: "down" }),
    keptScore: metric("of the best of n", "Reward", { better: "up" }),
    teacherKl: metric("best of n, at most", "KL to the base", { unit: "nats a continuation" }),
  },
});

export async function bestOfNDistillation(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, seed, continuation, maxPrompt } = input;
  const [B, n, R] = [c.batch, c.group, continuation.maxTokens];
  using run = await openPolicy(input, job);
  const { trainer, collector: student, prompts, reference, rewards } = run;
  const plain = { ...c, refreshEvery: 1, recompute: false, importance: "none" as const };
  using teacher = new Collector({
    trainer,
    policy: reference,
    reference,
    rewards,
    continuation,
    batch: B,
    maxPrompt,
    config: { ...plain, maxStaleness: Infinity },
  });

  const Loop = z.record(z.string(), z.number()).describe("metrics of the last measurement");
  const last = await train(job, trainer, {
    name: "best-of-n-distillation",
    step: "iteration",
    steps: c.iterations,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop,
    start: {},
    run: (iteration, before) => {
      run.show(iteration);
      const started = performance.now();
      const random = rng(seed, "best-of-n-distillation", iteration);

      // 1. n responses of the base to each prompt; the best of each
      const queries = groupsOf(random, prompts, c);
      const draw = (who: string) => queries.map((_, b) => rng(seed, who, iteration, b));
      const made = teacher.collect(iteration, queries, draw("teacher"));
      const best = bestOfGroups(made.episodes, made.score, { group: n, keep: 1 });
      const collected = performance.now();

      // 2. the policy learns to write them
      const lr = c.lr * (1 - (iteration - 1) / c.iterations);
      const { loss, gradNorm } = imitate(
        trainer,
        best.map((x) => x.item),
        { ...c, lr, length: maxPrompt + R - 1, order: (xs) => random.shuffle(xs) },
      );
      const ended = performance.now();

      // 3. now and then, what the policy writes itself
      const look = iteration % c.samplesEvery === 0 || iteration === c.iterations;
      const own = look ? student.collect(iteration, queries, draw("student")) : undefined;
      if (own) run.show(iteration, own);
      const written = own ? { score: own.metrics["score"]!, kl: own.metrics["kl"]! } : before;
      const metrics: Record<string, number> = {
        ...own?.metrics,
        keptScore: sumOf(best.map((x) => x.score)) / best.length,
        teacherKl: klBestOfN(n),
        loss,
        gradNorm,
        lr,
        shortened: run.shortened,
        update: (ended - collected) / 1000,
        episodesPerSecond: B / ((ended - started) / 1000),
      };
      return {
        metrics,
        note: `loss ${loss.toFixed(3)}${own ? `, reward ${written["score"]!.toFixed(2)}` : ""}`,
        loop: written,
        ...(own && written["kl"]! > c.stopKl && { stop: `KL ${written["kl"]!.toFixed(1)} nats` }),
      };
    },
  });
  return trainer.saveModel(job.out, { role: "policy", metrics: last, config: { ...c, seed } });
}
