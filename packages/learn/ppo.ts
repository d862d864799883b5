/**
 * PPO against a reward model with a KL penalty (Ziegler et al. 2019; Schulman et al. 2017).
 * Policy and value share a trunk, the value head starts at zero, and the reference is the model we start from.
 * Differences from Ziegler et al.: prompts are padded on the right (causal attention makes that exact), a
 * sample is cut at the first sentence end after `minTokens` (theirs: at a period after 16), and the KL horizon is
 * shorter to fit a few thousand episodes. Log-probs and values are the sampler's, kept as they were drawn: they agree with
 * the training graph's to 1e-5, so the first ratio is 1. docs/papers.md goes through the whole checklist.
 */
import { z } from "zod";
import { copyParams, headSpecs, paramSpecs } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  largest,
  metric,
  NewCheckpoint,
  rng,
  PromptRow,
} from "@tiller/schema";
import {
  abs,
  add,
  clamp,
  div,
  exp,
  gather,
  greater,
  max,
  maximum,
  minimum,
  mul,
  neg,
  reshape,
  square,
  State,
  sub,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { type Field, tokens } from "./batch.ts";
import { adaptiveKl, gae, maskedMean, maskedVar, whiten } from "./formulas.ts";
import { train } from "./job.ts";
import { rowsIn } from "./losses.ts";
import { checkSameTokens, encodePrompts, loadModel } from "./model.ts";
import { Actor, Continuation, type Episode } from "./rollout.ts";
import { Logprober, Scorer } from "./score.ts";
import type { Loss } from "./step.ts";
import { Trainer } from "./trainer.ts";

export const PpoConfig = z
  .strictObject({
    iterations: z.int().positive().default(60).describe("rollout batches"),
    batch: z.int().positive().default(64).describe("episodes a rollout batch"),
    minibatch: z.int().positive().default(64).describe("episodes a gradient step; divides batch"),
    epochs: z.int().positive().default(2).describe("passes over each rollout batch"),
    lr: z.number().positive().default(3e-4).describe("peak learning rate, linear to 0"),
    clip: z.number().positive().default(0.2).describe("ratio clip"),
    valueClip: z.number().positive().default(0.2),
    valueCoefficient: z.number().nonnegative().default(0.1),
    gamma: z.number().default(1),
    lambda: z.number().default(0.95),
    beta: z.number().nonnegative().default(0.1).describe("initial KL coefficient"),
    klTarget: z
      .number()
      .nonnegative()
      .default(6)
      .describe("nats a continuation the adaptive controller steers to; 0 keeps beta fixed"),
    klHorizon: z.number().positive().default(300).describe("episodes"),
    stopKl: z
      .number()
      .positive()
      .default(12)
      .describe("nats; training ends at the first rollout batch past this"),
    missingEosPenalty: z
      .number()
      .default(1)
      .describe("minus this replaces the score of a continuation that never ends a sentence"),
    unendedScore: z.number().optional().describe("older name of minus missingEosPenalty"),
    saveEvery: z.int().positive().default(5),
    samplesEvery: z.int().positive().default(5),
  })
  .check(({ value: { batch, minibatch, missingEosPenalty: penalty, unendedScore }, issues }) => {
    if (unendedScore !== undefined && ![1, 0 - unendedScore].includes(penalty))
      issues.push({
        code: "custom",
        input: unendedScore,
        path: ["unendedScore"],
        message: `unendedScore ${unendedScore} is the older name of missingEosPenalty ${0 - unendedScore}, and missingEosPenalty is ${penalty}. Leave unendedScore out`,
      });
    if (batch % minibatch)
      issues.push({
        code: "custom",
        input: minibatch,
        path: ["minibatch"],
        message: `minibatch ${minibatch} does not divide batch ${batch}: ${batch % minibatch} episodes a pass would never be learned from. Choose a divisor of ${batch}`,
      });
  })
  .transform(({ unendedScore, ...c }) =>
    unendedScore === undefined ? c : { ...c, missingEosPenalty: 0 - unendedScore },
  );
const Input = z.strictObject({
  config: PpoConfig,
  continuation: Continuation,
  base: CheckpointRef,
  reward: CheckpointRef,
  prompts: DatasetRef.describe("rows of prompts"),
  maxPrompt: z.int().positive().describe("tokens; longer prompts lose their beginning"),
  seed: z.int(),
});
export const ppoJob = defineJob({
  kind: "ppo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: ppo,
  metrics: {
    score: metric("score", "Reward", { better: "up" }),
    rlhfReward: metric("less the KL penalty", "Reward", { better: "up" }),
    kl: metric("k1", "KL to the base", { unit: "nats a continuation", better: "down" }),
    k3: metric("k3", "KL to the base", { unit: "nats a continuation", better: "down" }),
    entropy: metric("entropy", "Entropy", { unit: "nats a token" }),
    policyLoss: metric("policy", "Loss"),
    valueLoss: metric("value", "Loss", { better: "down" }),
    clipFraction: metric("clipped", "Clip fraction", { unit: "of ratios" }),
    explainedVariance: metric("of the returns", "Explained variance", { better: "up" }),
    length: metric("length", "Length", { unit: "tokens" }),
    ended: metric("ended", "Ended by a sentence or end-of-text", {
      unit: "of episodes",
      better: "up",
    }),
    scoreSpread: metric("of the score", "Standard deviation"),
    beta: metric("beta", "KL coefficient"),
    approxKl: metric("all minibatches", "KL of an update", { unit: "nats a token" }),
    firstApproxKl: metric("the first", "KL of an update", { unit: "nats a token" }),
    ratioMax: metric("ratio", "Largest ratio"),
    gradNorm: metric("norm", "Gradient norm"),
    lr: metric("rate", "Learning rate"),
    shortened: metric("cut", "Prompts cut at their beginning", { unit: "prompts" }),
    sampling: metric("sampling", "Time", { unit: "s an iteration" }),
    scoring: metric("scoring", "Time", { unit: "s an iteration" }),
    update: metric("update", "Time", { unit: "s an iteration" }),
    episodesPerSecond: metric("episodes", "Episodes a second", { better: "up" }),
  },
});

const Loop = z.strictObject({
  beta: z.number(),
  last: z.record(z.string(), z.number()).describe("metrics of the last iteration"),
});

export async function ppo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  const { config: c, seed, continuation } = input;
  const { maxTokens: R, temperature } = continuation;
  const [B, M, T] = [c.batch, c.minibatch, input.maxPrompt + R];
  const reference = await loadModel(job.checkpoint(input.base));
  const rewardModel = await loadModel(job.checkpoint(input.reward));
  checkSameTokens(reference, rewardModel, "reward model");
  const { tokenizer } = reference;
  const texts = (await job.rows(input.prompts, PromptRow)).map((r) => r.prompt);
  const encoded = encodePrompts(tokenizer, texts, input.maxPrompt);
  const prompts = encoded.map((p) => p.ids);
  const shortened = encoded.filter((p) => p.cut).length;

  const state = new State();
  copyParams(reference.state, state, paramSpecs(reference.shape));
  const value = headSpecs(reference.shape).map((s) => ({ ...s, init: "zero" as const }));
  using trainer = new Trainer(
    { ...reference, specs: paramSpecs(reference.shape), state },
    { seed, heads: value, optimiser: { kind: "adamw", epsilon: 1e-5, clip: 1 } },
  );
  const policy = { ...trainer.model, specs: [...trainer.model.specs, ...value] };
  using actor = new Actor(policy, B, continuation, { critic: true });
  using referee = new Logprober(reference, { B, T, R }, temperature);
  using judge = new Scorer(rewardModel, B, T);
  const loss = ppoLoss(c, temperature);
  const updates = c.iterations * c.epochs * (B / M);

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
      const started = performance.now();

      // 1. continue passages with the policy
      const queries = Array.from({ length: B }, () => random.choose(prompts));
      const rngs = queries.map((_, b) => rng(seed, "ppo", iteration, b));
      const { episodes } = actor.draw(queries, rngs, { updates: trainer.step });
      const sampled = performance.now();

      // 2. log-probs of the reference, scores
      const spread = (of: (e: Episode) => ArrayLike<number>) => rectangle(episodes.map(of), R);
      const mask = spread((e) => e.response.map(() => 1));
      const [logprobs, values] = [spread((e) => e.logprobs), spread((e) => e.values)];
      const refLogprobs = referee.logprobs(
        queries,
        episodes.map((e) => e.response),
      );
      const score = judge
        .score(episodes)
        .map((s, b) => (episodes[b]!.ended ? s : 0 - c.missingEosPenalty));
      const scored = performance.now();

      // 3. rewards: the KL penalty at every token, the score at the last
      const kl = logprobs.map((l, i) => (l - refLogprobs[i]!) * mask[i]!);
      const rewards = kl.map((k) => -beta * k);
      episodes.forEach((e, b) => (rewards[b * R + e.response.length - 1]! += score[b]!));
      const { advantages, returns } = gaeRows(rewards, values, mask, R, c);
      const whitened = whiten(advantages, mask); // once a rollout batch, as Huang et al.

      // 4. clipped updates
      const rows = { logprobs, values, mask, advantages: whitened, returns };
      const logged: Record<string, number[]> = {};
      let lr = 0;
      for (let epoch = 0; epoch < c.epochs; epoch++) {
        const order = random.shuffle(Array.from({ length: B }, (_, b) => b));
        for (let k = 0; k < B; k += M) {
          lr = c.lr * (1 - trainer.step / updates);
          const batch = minibatch(order.slice(k, k + M), episodes, rows, { R, T });
          const { metrics } = trainer.forwardBackward(batch, loss);
          const { gradNorm } = trainer.optimStep({ lr });
          const now = {
            ...Object.fromEntries(Object.entries(metrics).map(([n, x]) => [n, largest(x)])),
            gradNorm,
          };
          for (const [name, x] of Object.entries(now)) (logged[name] ??= []).push(x);
        }
      }
      const updated = performance.now();

      // 5. the KL controller, and the record
      const klSum = sumOf(kl) / B;
      const scoreMean = sumOf(score) / B;
      const residuals = returns.map((r, i) => r - values[i]!);
      const metrics: Record<string, number> = {
        score: scoreMean,
        scoreSpread: Math.sqrt(sumOf(score.map((s) => (s - scoreMean) ** 2)) / B),
        shortened,
        rlhfReward: scoreMean - beta * klSum,
        kl: klSum,
        k3: sumOf(kl.map((k, i) => mask[i]! * (Math.exp(-k) - 1 + k))) / B,
        entropy: maskedMean(
          spread((e) => e.entropies),
          mask,
        ),
        beta,
        length: sumOf(mask) / B,
        ended: episodes.filter((e) => e.ended).length / B,
        explainedVariance:
          1 - maskedVar(residuals, mask) / Math.max(1e-8, maskedVar(returns, mask)),
        ...Object.fromEntries(
          Object.entries(logged).map(([name, xs]) => [
            name,
            name === "ratioMax" ? largest(xs) : sumOf(xs) / xs.length,
          ]),
        ),
        firstApproxKl: logged["approxKl"]![0]!,
        lr,
        sampling: (sampled - started) / 1000,
        scoring: (scored - sampled) / 1000,
        update: (updated - scored) / 1000,
        episodesPerSecond: B / ((updated - started) / 1000),
      };
      if (iteration === 1 || iteration % c.samplesEvery === 0)
        for (const [b, e] of episodes.slice(0, 3).entries())
          job.sample({
            step: iteration,
            prompt: tokenizer.decode(e.query),
            text: tokenizer.decode(e.response),
            scores: { reward: score[b]!, kl: sumOf(kl.subarray(b * R, b * R + R)) },
          });
      const steered = { kl: klSum, target: c.klTarget, steps: B, horizon: c.klHorizon };
      return {
        metrics,
        note: `reward ${scoreMean.toFixed(2)}, KL ${klSum.toFixed(1)} nats`,
        loop: { beta: c.klTarget > 0 ? adaptiveKl(beta, steered) : beta, last: metrics },
        ...(klSum > c.stopKl && { stop: `KL ${klSum.toFixed(1)} nats` }),
      };
    },
  });

  const metrics = Object.fromEntries(["score", "kl", "entropy"].map((k) => [k, last[k]!]));
  const config = { ...c, reward: rewardModel.id, seed };
  return trainer.saveModel(job.out, { role: "policy", metrics, config });
}

/**
 * Clipped surrogate and clipped value loss, averaged over the minibatch's tokens. ids (B, T); at, labels, mask,
 * oldLogprobs, oldValues, advantages, returns (B, R), `at` the place whose token predicts each response token.
 */
export const ppoLoss = (
  c: Pick<z.infer<typeof PpoConfig>, "clip" | "valueClip" | "valueCoefficient">,
  temperature: number,
): Loss =>
  Object.assign(
    ({ batch, hidden, logprobs: of, scores }: Parameters<Loss>[0]): ReturnType<Loss> => {
      const [B, T] = batch["ids"]!.shape as [number, number];
      const [, R] = batch["at"]!.shape as [number, number];
      const flat = (name: string): Tensor => reshape(batch[name]!, [B * R]);
      const rows = gather(hidden(batch["ids"]!), rowsIn(batch["at"]!, T));
      const [logprobs, values] = [of(rows, flat("labels"), temperature), scores(rows)];
      const [mask, old, oldValues] = [flat("mask"), flat("oldLogprobs"), flat("oldValues")];
      const [advantages, returns] = [flat("advantages"), flat("returns")];
      const average = (x: Tensor) => div(sum(mul(x, mask)), sum(mask));
      const logRatio = mul(sub(logprobs, old), mask); // 0 at padding: the ratio is exactly 1 there
      const ratio = exp(logRatio);
      const clipped = mul(clamp(ratio, 1 - c.clip, 1 + c.clip), advantages);
      const policyLoss = neg(average(minimum(mul(ratio, advantages), clipped)));
      const near = add(oldValues, clamp(sub(values, oldValues), -c.valueClip, c.valueClip));
      const errors = maximum(square(sub(values, returns)), square(sub(near, returns)));
      const valueLoss = mul(average(errors), 0.5);
      return {
        loss: add(policyLoss, mul(valueLoss, c.valueCoefficient)),
        metrics: {
          policyLoss,
          valueLoss,
          approxKl: mul(average(square(logRatio)), 0.5),
          clipFraction: average(greater(abs(sub(ratio, 1)), c.clip)),
          ratioMax: max(reshape(ratio, [B, R]), [1]),
        },
      };
    },
    { normaliser: (b: Parameters<NonNullable<Loss["normaliser"]>>[0]) => sumOf(b["mask"]!.data) },
  );

/** The rows `pick` of a rollout batch as the loss reads them. */
function minibatch(
  pick: readonly number[],
  episodes: readonly Episode[],
  rows: Readonly<Record<"logprobs" | "values" | "mask" | "advantages" | "returns", Float32Array>>,
  { R, T }: { R: number; T: number },
): Record<string, Field> {
  const of = pick.map((b) => episodes[b]!);
  const shape = [pick.length, R];
  const take = (x: Float32Array): Field => {
    const data = new Float32Array(pick.length * R);
    pick.forEach((b, i) => data.set(x.subarray(b * R, b * R + R), i * R));
    return { shape, data };
  };
  const at = of.flatMap((e) =>
    Array.from({ length: R }, (_, t) => Math.min(T - 1, e.query.length - 1 + t)),
  );
  return {
    ids: tokens(
      of.map((e) => [...e.query, ...e.response]),
      T,
    ),
    at: { shape, data: Int32Array.from(at), dtype: "int64" },
    labels: tokens(
      of.map((e) => e.response),
      R,
    ),
    mask: take(rows.mask),
    oldLogprobs: take(rows.logprobs),
    oldValues: take(rows.values),
    advantages: take(rows.advantages),
    returns: take(rows.returns),
  };
}

/** Rows of at most R numbers -> (B R), filled up with 0. */
function rectangle(rows: readonly ArrayLike<number>[], R: number): Float32Array {
  const out = new Float32Array(rows.length * R);
  rows.forEach((row, b) => out.set(row, b * R));
  return out;
}

const sumOf = (xs: ArrayLike<number>): number => {
  let s = 0;
  for (let i = 0; i < xs.length; i++) s += xs[i];
  return s;
};

/** GAE row by row of (B, R). */
function gaeRows(
  rewards: Float32Array,
  values: Float32Array,
  mask: Float32Array,
  R: number,
  c: { gamma: number; lambda: number },
) {
  const advantages = new Float32Array(rewards.length);
  const returns = new Float32Array(rewards.length);
  for (let at = 0; at < rewards.length; at += R) {
    const row = gae(
      rewards.subarray(at, at + R),
      values.subarray(at, at + R),
      mask.subarray(at, at + R),
      c,
    );
    advantages.set(row.advantages, at);
    returns.set(row.returns, at);
  }
  return { advantages, returns };
}
