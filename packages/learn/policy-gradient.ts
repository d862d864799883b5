/** What policy-gradient methods share: their input, what is opened for a run, the passes over a rollout batch, the metrics. */
import { z } from "zod";
import { paramSpecs, type ParamSpec } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  type JobContext,
  largest,
  metric,
  PromptRow,
  type Rng,
} from "@tiller/schema";
import type { OptimiserOptions } from "@tiller/tensor";
import { sumOf } from "./batch.ts";
import { type Collected, Collector, ensemble, type Ensemble } from "./collect.ts";
import { responseBatch } from "./episodes.ts";
import {
  checkPositions,
  copyOf,
  encodePrompts,
  loadModel,
  loadReward,
  type Model,
} from "./model.ts";
import { checkOffPolicy, offPolicy, type OffPolicy } from "./off-policy.ts";
import { Continuation } from "./rollout.ts";
import type { Loss } from "./step.ts";
import { show, type TokenArrays } from "./show.ts";
import { Trainer } from "./trainer.ts";

/** Settings of every policy-gradient method. */
export const policyGradient = {
  iterations: z.int().positive().default(60).describe("rollout batches"),
  batch: z.int().positive().default(64).describe("episodes a rollout batch"),
  minibatch: z.int().positive().default(64).describe("episodes a gradient step; divides batch"),
  lr: z.number().positive().default(3e-4).describe("peak learning rate, linear to 0"),
  stopKl: z
    .number()
    .positive()
    .default(12)
    .describe("nats; training ends at the first rollout batch past this"),
  ...ensemble,
  ...offPolicy,
  saveEvery: z.int().positive().default(5).describe("iterations"),
  samplesEvery: z.int().positive().default(5).describe("iterations"),
};
/** And of those that sample several responses to each prompt. */
export const grouped = {
  group: z.int().min(2).default(4).describe("responses to each prompt; divides batch"),
};

interface Sizes extends OffPolicy {
  readonly batch: number;
  readonly minibatch: number;
  readonly epochs: number;
  readonly group?: number;
  readonly saveEvery: number;
}
interface Rounds {
  readonly iterations: number;
  readonly samplesEvery: number;
  readonly lr: number;
  readonly stopKl: number;
}
interface Issues {
  readonly value: Sizes;
  readonly issues: { push(issue: object): void };
}
/** What does not fit together, said at the top: divisibility, staleness. */
export function checkSizes({ value: c, issues }: Issues): void {
  const wrong = (path: string, message: string) =>
    issues.push({ code: "custom", input: c, path: [path], message });
  if (c.batch % c.minibatch)
    wrong(
      "minibatch",
      `minibatch ${c.minibatch} does not divide batch ${c.batch}: ${c.batch % c.minibatch} episodes a pass would never be learned from. Choose a divisor of ${c.batch}`,
    );
  if (c.group && c.batch % c.group)
    wrong(
      "group",
      `group ${c.group} does not divide batch ${c.batch}: the last prompt would have ${c.batch % c.group} responses. Choose a divisor of ${c.batch}`,
    );
  for (const { path, message } of checkOffPolicy(c, (c.epochs * c.batch) / c.minibatch))
    wrong(path[0]!, message);
}

export const policyInput = <C extends z.ZodType>(config: C) =>
  z.strictObject({
    config,
    continuation: Continuation,
    base: CheckpointRef,
    reward: CheckpointRef,
    ensemble: z.array(CheckpointRef).optional().describe("further reward models beside it"),
    prompts: DatasetRef.describe("rows of prompts"),
    maxPrompt: z.int().positive().describe("tokens; longer prompts lose their beginning"),
    seed: z.int(),
  });
export type PolicyInput = z.infer<
  ReturnType<typeof policyInput<z.ZodType<Sizes & Ensemble & Rounds>>>
>;

/** What a run is made of: the models, the prompts as tokens, the trainer, the collector of rollouts. */
export interface Opened extends Disposable {
  readonly reference: Model;
  readonly rewards: readonly Model[];
  readonly prompts: readonly (readonly number[])[];
  /** prompts that lost their beginning */
  readonly shortened: number;
  readonly trainer: Trainer;
  readonly collector: Collector;
  /** shows what is written, before anything is learned and after an iteration */
  readonly show: (iteration: number, made?: Collected, arrays?: TokenArrays) => void;
}
/** `heads`: parameters beside the model's, as a critic's; `ready` fills them before anything is compiled. */
export async function openPolicy(
  input: PolicyInput,
  job: JobContext,
  o: {
    readonly critic?: boolean;
    readonly ratio?: "token" | "sequence";
    readonly heads?: (reference: Model, rewards: readonly Model[]) => readonly ParamSpec[];
    readonly ready?: (trainer: Trainer, rewards: readonly Model[]) => void;
    readonly optimiser?: OptimiserOptions;
  } = {},
): Promise<Opened> {
  const { config, seed, continuation, maxPrompt } = input;
  const reference = await loadModel(job.checkpoint(input.base));
  checkPositions(reference, maxPrompt + continuation.maxTokens, "maxPrompt + maxTokens");
  const rewards: Model[] = [];
  for (const ref of [input.reward, ...(input.ensemble ?? [])])
    rewards.push(await loadReward(job.checkpoint(ref)));
  const texts = (await job.rows(input.prompts, PromptRow)).map((r) => r.prompt);
  const encoded = encodePrompts(reference.tokenizer, texts, maxPrompt);
  const specs = paramSpecs(reference.shape);
  const heads = o.heads?.(reference, rewards) ?? [];
  const trainer = new Trainer(copyOf(reference), {
    seed,
    heads,
    optimiser: o.optimiser ?? { kind: "adamw", epsilon: 1e-5, clip: 1 },
  });
  o.ready?.(trainer, rewards);
  const own = heads.filter((s) => s.name.startsWith("score."));
  const collector = new Collector({
    trainer,
    policy: { ...trainer.model, specs: [...specs, ...own] },
    reference,
    rewards,
    continuation,
    batch: config.batch,
    maxPrompt,
    ...(o.critic && { critic: true }),
    ...(o.ratio && { ratio: o.ratio }),
    config,
  });
  const prompts = encoded.map((p) => p.ids);
  return {
    reference,
    rewards,
    prompts,
    shortened: encoded.filter((p) => p.cut).length,
    trainer,
    collector,
    show: (iteration, made, arrays) =>
      show(job, {
        iteration,
        ...(made ? { made } : { before: true }),
        ...(arrays && { arrays }),
        batch: config.batch,
        every: config.samplesEvery,
        last: config.iterations,
        seed,
        prompts,
        collector,
        tokenizer: reference.tokenizer,
        R: continuation.maxTokens,
      }),
    [Symbol.dispose]() {
      collector[Symbol.dispose]();
      trainer[Symbol.dispose]();
    },
  };
}

/** Passes over a rollout batch in minibatches, reshuffled each; metrics are means over them, the largest ratio the largest. */
export function passes(
  c: Sizes & { readonly lr: number; readonly iterations: number },
  o: {
    readonly trainer: Trainer;
    readonly episodes: Collected["episodes"];
    /** (B R) each, by the names that the loss reads */
    readonly arrays: Readonly<Record<string, Float32Array>>;
    readonly loss: Loss;
    readonly random: Rng;
    readonly sizes: { readonly R: number; readonly T: number };
    /** default: linear to 0 over the run's steps */
    readonly rate?: (step: number, steps: number) => number;
    /** further gradients before each step */
    readonly beside?: () => void;
    /** changes a minibatch's arrays (m R each) before it is learned from */
    readonly prepare?: (arrays: Record<string, Float32Array>) => void;
  },
): Record<string, number> {
  const { trainer, episodes, random } = o;
  const steps = c.iterations * c.epochs * (c.batch / c.minibatch);
  const logged: Record<string, number[]> = {};
  let lr = 0;
  for (let epoch = 0; epoch < c.epochs; epoch++) {
    const order = random.shuffle(episodes.map((_, b) => b));
    for (let k = 0; k < c.batch; k += c.minibatch) {
      lr = c.lr * (o.rate?.(trainer.step, steps) ?? 1 - trainer.step / steps);
      const batch = responseBatch(order.slice(k, k + c.minibatch), episodes, o.arrays, o.sizes);
      if (o.prepare) o.prepare(dataOf(batch, Object.keys(o.arrays)));
      const { metrics } = trainer.forwardBackward(batch, o.loss);
      o.beside?.();
      const { gradNorm } = trainer.optimStep({ lr });
      for (const [name, x] of Object.entries(metrics)) (logged[name] ??= []).push(largest(x));
      (logged["gradNorm"] ??= []).push(gradNorm);
    }
  }
  return {
    ...Object.fromEntries(
      Object.entries(logged).map(([name, xs]) => [
        name,
        name === "ratioMax" ? largest(xs) : sumOf(xs) / xs.length,
      ]),
    ),
    firstApproxKl: logged["approxKl"]![0]!,
    lr,
  };
}
const dataOf = (batch: ReturnType<typeof responseBatch>, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, batch[name]!.data as Float32Array]));

export const policyMetrics = {
  score: metric("score", "Reward", { better: "up" }),
  rlhfReward: metric("less the KL penalty", "Reward", { better: "up" }),
  scoreSpread: metric("of the score", "Standard deviation"),
  disagreement: metric("between reward models", "Standard deviation", { better: "down" }),
  kl: metric("k1", "KL to the base", { unit: "nats a continuation", better: "down" }),
  k3: metric("k3", "KL to the base", { unit: "nats a continuation", better: "down" }),
  entropy: metric("entropy", "Entropy", { unit: "nats a token" }),
  surprise: metric("of what was drawn", "Entropy", { unit: "nats a token" }),
  policyLoss: metric("policy", "Loss"),
  clipFraction: metric("clipped", "Clip fraction", { unit: "of ratios" }),
  length: metric("length", "Length", { unit: "tokens" }),
  ended: metric("ended", "Ended by a sentence or end-of-text", {
    unit: "of episodes",
    better: "up",
  }),
  approxKl: metric("all minibatches", "KL of an update", { unit: "nats a token" }),
  firstApproxKl: metric("the first", "KL of an update", { unit: "nats a token" }),
  ratioMax: metric("ratio", "Largest ratio"),
  staleness: metric("steps behind", "Sampler", { unit: "gradient steps" }),
  effective: metric("effective samples", "Sampler", { unit: "of the sample", better: "up" }),
  gradNorm: metric("norm", "Gradient norm"),
  lr: metric("rate", "Learning rate"),
  shortened: metric("cut", "Prompts cut at their beginning", { unit: "prompts" }),
  sampling: metric("sampling", "Time", { unit: "s an iteration" }),
  scoring: metric("scoring", "Time", { unit: "s an iteration" }),
  update: metric("update", "Time", { unit: "s an iteration" }),
  episodesPerSecond: metric("episodes", "Episodes a second", { better: "up" }),
};
