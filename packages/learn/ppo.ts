/**
 * PPO against a reward model with a KL penalty (Ziegler et al. 2019; Schulman et al. 2017).
 * By default policy and value share a trunk, the value head starts at zero, and the reference is the model we start from;
 * `critic: "separate"` gives the value a model of its own, which begins as the reward model (Stiennon et al. 2020).
 * Differences from Ziegler et al.: prompts are padded on the right (causal attention makes that exact), a
 * sample is cut at the first sentence end after `minTokens` (theirs: at a period after 16), and the KL horizon is
 * shorter to fit a few thousand episodes. Log-probs and values are the sampler's, kept as they were drawn: they agree with
 * the training graph's to 1e-5, so the first ratio is 1. docs/papers.md goes through the whole checklist, and
 * ppo-as.ts has the settings of four papers. Run: npm run tiller -- train ppo PROMPTS.jsonl --base models/base --reward DIR --out DIR
 */
import { z } from "zod";
import { headSpecs } from "@tiller/lm";
import {
  DatasetRef,
  defineJob,
  type JobContext,
  metric,
  NewCheckpoint,
  rng,
  TextSource,
} from "@tiller/schema";
import { sumOf } from "./batch.ts";
import { criticOf, criticSpecs } from "./critic.ts";
import { rectangle } from "./episodes.ts";
import { adaptiveKl, gae, maskedVar, whiten } from "./formulas.ts";
import { train } from "./job.ts";
import {
  checkSizes,
  openPolicy,
  passes,
  policyGradient,
  policyInput,
  policyMetrics,
} from "./policy-gradient.ts";
import { ppoLoss } from "./ppo-loss.ts";
import { pretrainingMix } from "./pretraining-mix.ts";
import { rateAt } from "./schedules.ts";

export const PpoConfig = z
  .strictObject({
    ...policyGradient,
    epochs: z.int().positive().default(2).describe("passes over each rollout batch"),
    schedule: z.enum(["linear", "constant"]).default("linear").describe("of the learning rate"),
    warmup: z.int().nonnegative().default(0).describe("gradient steps of a linear rise"),
    clip: z.number().positive().default(0.2).describe("ratio clip"),
    valueClip: z.number().positive().default(0.2).describe("a value moves at most so far a batch"),
    valueCoefficient: z.number().nonnegative().default(0.1).describe("of the value loss"),
    critic: z
      .enum(["shared", "separate"])
      .default("shared")
      .describe(
        "a head on the policy's trunk from zero, or a model that begins as the reward model",
      ),
    gamma: z.number().min(0).max(1).default(1).describe("discount a token"),
    lambda: z.number().min(0).max(1).default(0.95).describe("of generalised advantage estimation"),
    whitenRewards: z.boolean().default(false).describe("to variance 1, their mean kept (Ziegler)"),
    whitenAdvantages: z
      .enum(["batch", "minibatch"])
      .default("batch")
      .describe("once a rollout batch (Huang), or in each minibatch (Ziegler, Stiennon)"),
    epsilonPlace: z
      .enum(["torch", "tf1"])
      .default("torch")
      .describe("where Adam's epsilon of 1e-5 stands: PyTorch's place, or TensorFlow 1's"),
    pretrainingCoefficient: z
      .number()
      .nonnegative()
      .default(0)
      .describe("of the next-token loss on `texts` beside each step (InstructGPT's PPO-ptx)"),
    beta: z.number().nonnegative().default(0.1).describe("initial KL coefficient"),
    klTarget: z
      .number()
      .nonnegative()
      .default(6)
      .describe("nats a continuation the adaptive controller steers to; 0 keeps beta fixed"),
    klHorizon: z.number().positive().default(300).describe("episodes"),
    unendedScore: z.number().optional().describe("older name of minus missingEosPenalty"),
  })
  .check(checkSizes)
  .check(({ value: { missingEosPenalty: penalty, unendedScore }, issues }) => {
    if (unendedScore !== undefined && ![1, 0 - unendedScore].includes(penalty))
      issues.push({
        code: "custom",
        input: unendedScore,
        path: ["unendedScore"],
        message: `unendedScore ${unendedScore} is the older name of missingEosPenalty ${0 - unendedScore}, and missingEosPenalty is ${penalty}. Leave unendedScore out`,
      });
  })
  .transform(({ unendedScore, ...c }) =>
    unendedScore === undefined ? c : { ...c, missingEosPenalty: 0 - unendedScore },
  );
const Input = policyInput(PpoConfig).extend({
  texts: DatasetRef.optional().describe("sources of text for the pretraining mix"),
});
export const ppoJob = defineJob({
  kind: "ppo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: ppo,
  metrics: {
    ...policyMetrics,
    valueLoss: metric("value", "Loss", { better: "down" }),
    pretrainingLoss: metric("pretraining text", "Loss", { unit: "nats a token", better: "down" }),
    explainedVariance: metric("of the returns", "Explained variance", { better: "up" }),
    valueClipFraction: metric("values", "Clip fraction", { unit: "of values" }),
    beta: metric("beta", "KL coefficient"),
  },
});

const Loop = z.strictObject({
  beta: z.number(),
  last: z.record(z.string(), z.number()).describe("metrics of the last iteration"),
});

export async function ppo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  const { config: c, seed, continuation } = input;
  const [B, R] = [c.batch, continuation.maxTokens];
  const sizes = { R, T: input.maxPrompt + R };
  const shared = c.critic === "shared";
  using run = await openPolicy(input, job, {
    critic: shared,
    heads: (base, [reward]) =>
      shared
        ? headSpecs(base.shape).map((s) => ({ ...s, init: "zero" as const }))
        : criticSpecs(reward!),
    ready: (trainer, [reward]) => {
      if (!shared) criticOf(trainer, reward!);
    },
    optimiser: { kind: "adamw", epsilon: 1e-5, clip: 1, placement: c.epsilonPlace },
  });
  const { trainer, collector, prompts } = run;
  const criticShape = shared ? undefined : run.rewards[0]!.shape;
  const loss = ppoLoss({ ...c, criticShape }, continuation.temperature);
  const sources = input.texts ? await job.rows(input.texts, TextSource) : [];
  const mix = pretrainingMix(run.reference, sources, c, sizes.T);
  const warmup = { shape: "constant" as const, warmup: c.warmup, end: 0 };

  const { last } = await train(job, trainer, {
    name: "ppo",
    step: "iteration",
    steps: c.iterations,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop,
    start: { beta: c.beta, last: {} },
    run: (iteration, { beta }) => {
      const random = rng(seed, "ppo", iteration);
      run.show(iteration);
      const started = performance.now();

      // 1. continue passages with the policy; log-probs of the reference, scores
      const queries = Array.from({ length: B }, () => random.choose(prompts));
      const rngs = queries.map((_, b) => rng(seed, "ppo", iteration, b));
      const made = collector.collect(iteration, queries, rngs);
      const { episodes, mask, old, kl, score } = made;
      const values = shared ? made.values : loss.values(trainer, episodes, mask, sizes);
      const collected = performance.now();

      // 2. rewards: the KL penalty at every token, the score at the last; advantages
      let rewards: Float32Array = kl.map((k) => -beta * k);
      episodes.forEach((e, b) => (rewards[b * R + e.response.length - 1]! += score[b]!));
      if (c.whitenRewards) rewards = whiten(rewards, mask, { shiftMean: false });
      const { advantages, returns } = gaeRows(rewards, values, mask, R, c);
      const once = c.whitenAdvantages === "batch";

      // 3. clipped updates
      const arrays = {
        mask,
        old,
        values,
        returns,
        importance: made.importance,
        advantages: once ? whiten(advantages, mask) : advantages,
      };
      const texts: number[] = [];
      const logged = passes(c, {
        trainer,
        episodes,
        arrays,
        loss,
        random,
        sizes,
        rate: (step, steps) =>
          rateAt({ ...warmup, steps }, step + 1) * (c.schedule === "linear" ? 1 - step / steps : 1),
        ...(!once && {
          prepare: (of: Record<string, Float32Array>) =>
            of["advantages"]!.set(whiten(of["advantages"]!, of["mask"]!)),
        }),
        ...(mix && { beside: () => texts.push(mix(trainer, rng(seed, "texts", trainer.step))) }),
      });
      const updated = performance.now();

      // 4. the KL controller, and the record
      const nats = made.metrics["kl"]!;
      const mean = made.metrics["score"]!;
      const residuals = returns.map((r, i) => r - values[i]!);
      const metrics: Record<string, number> = {
        ...made.metrics,
        rlhfReward: mean - beta * nats,
        beta,
        explainedVariance:
          1 - maskedVar(residuals, mask) / Math.max(1e-8, maskedVar(returns, mask)),
        ...logged,
        ...(texts.length && { pretrainingLoss: sumOf(texts) / texts.length }),
        shortened: run.shortened,
        update: (updated - collected) / 1000,
        episodesPerSecond: B / ((updated - started) / 1000),
      };
      run.show(iteration, made, { values, advantages, rewards });
      const steered = { kl: nats, target: c.klTarget, steps: B, horizon: c.klHorizon };
      return {
        metrics,
        note: `reward ${mean.toFixed(2)}, KL ${nats.toFixed(1)} nats`,
        loop: { beta: c.klTarget > 0 ? adaptiveKl(beta, steered) : beta, last: metrics },
        ...(nats > c.stopKl && { stop: `KL ${nats.toFixed(1)} nats` }),
      };
    },
  });

  const kept = ["score", "kl", ...(shared ? ["entropy"] : [])];
  const metrics = Object.fromEntries(kept.map((k) => [k, last[k]!]));
  const config = { ...c, reward: run.rewards.map((m) => m.id).join(), seed };
  return trainer.saveModel(job.out, { role: "policy", metrics, config });
}

/** GAE row by row of (B, R). */
function gaeRows(
  rewards: Float32Array,
  values: Float32Array,
  mask: Float32Array,
  R: number,
  c: { gamma: number; lambda: number },
) {
  const rows = Array.from({ length: rewards.length / R }, (_, b) => {
    const own = (x: Float32Array) => x.subarray(b * R, b * R + R);
    return gae(own(rewards), own(values), own(mask), c);
  });
  return {
    advantages: rectangle(
      rows.map((r) => r.advantages),
      R,
    ),
    returns: rectangle(
      rows.map((r) => r.returns),
      R,
    ),
  };
}
