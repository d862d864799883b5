/**
 * PPO against a reward model with a KL leash (Ziegler et al. 2019; Schulman et al. 2017).
 * Policy and value share a trunk, the value head starts at zero, and the reference is the model we start from.
 * Differences from Ziegler et al.: prompts are padded on the right (causal attention makes that exact), a
 * sample is cut at the first sentence end after `minTokens` (theirs: at a period after 16), the KL horizon is
 * shorter to fit a few thousand episodes, and log-probs are recomputed by the training graph, so that the first
 * ratio is 1. docs/papers.md goes through the whole checklist.
 */
import path from "node:path";
import { z } from "zod";
import {
  copyParams,
  declare,
  headSpecs,
  hiddenStates,
  initParams,
  logits,
  paramSpecs,
  Sampler,
  saveCheckpoint,
  scores,
} from "@tiller/lm";
import {
  CheckpointId,
  defineJob,
  type JobContext,
  largest,
  rng,
  TillerError,
} from "@tiller/schema";
import {
  abs,
  adamw,
  adamwInputs,
  add,
  clamp,
  div,
  exp,
  gather,
  Graph,
  greater,
  log,
  max,
  maximum,
  minimum,
  mul,
  neg,
  Program,
  softmax,
  square,
  State,
  sub,
  sum,
  type Tensor,
  tokenLogprobs,
} from "@tiller/tensor";
import { adaptiveKl, gae, maskedMean, maskedVar, whiten } from "./formulas.ts";
import {
  checkSameTokens,
  Continuation,
  cut,
  encodePrompts,
  loadModel,
  Logprober,
  type Model,
  pad,
  responseRows,
  scaled,
  Scorer,
  sentenceEnds,
  weightsOf,
} from "./model.ts";
import { loadSnapshot, saveSnapshot } from "./snapshot.ts";

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
    unendedScore: z
      .number()
      .default(-1)
      .describe("replaces the score of a continuation that never ends a sentence"),
    saveEvery: z.int().positive().default(5),
    samplesEvery: z.int().positive().default(5),
  })
  .check(({ value: { batch, minibatch }, issues }) => {
    if (batch % minibatch)
      issues.push({
        code: "custom",
        input: minibatch,
        path: ["minibatch"],
        message: `minibatch ${minibatch} does not divide batch ${batch}: ${batch % minibatch} episodes a pass would never be learned from. Choose a divisor of ${batch}`,
      });
  });
const Input = z.strictObject({
  config: PpoConfig,
  continuation: Continuation,
  base: z.string(),
  reward: z.string(),
  prompts: z.array(z.string()).min(1),
  maxPrompt: z.int().positive().describe("tokens; longer prompts lose their beginning"),
  seed: z.int(),
  out: z.string(),
});
const Output = z.strictObject({
  id: CheckpointId,
  path: z.string(),
  metrics: z.record(z.string(), z.number()),
});
export const ppoJob = defineJob({
  kind: "ppo",
  module: import.meta.url,
  entry: "ppo",
  input: Input,
  output: Output,
  folders: { reads: ["base", "reward"], writes: ["out"] },
});

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-5 };
const Cursor = z.strictObject({
  iteration: z.int(),
  beta: z.number(),
  updates: z.int(),
  last: z.record(z.string(), z.number()).default({}).describe("metrics of that iteration"),
});

export async function ppo(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<z.infer<typeof Output>> {
  const { config: c, seed } = input;
  const { maxTokens: R, minTokens, temperature } = input.continuation;
  const [B, M, T] = [c.batch, c.minibatch, input.maxPrompt + R];
  const reference = await loadModel(input.base);
  const rewardModel = await loadModel(input.reward);
  const policy: Model = {
    ...reference,
    specs: [...paramSpecs(reference.shape), ...headSpecs(reference.shape)],
    state: new State(),
  };
  copyParams(reference.state, policy.state, paramSpecs(reference.shape));
  initParams(
    policy.state,
    headSpecs(reference.shape).map((s) => ({ ...s, init: "zero" as const })),
    rng(seed),
  );
  const { tokenizer } = policy;
  const ends = sentenceEnds(tokenizer);
  checkSameTokens(reference, rewardModel, "reward model");
  const encoded = encodePrompts(tokenizer, input.prompts, input.maxPrompt);
  const prompts = encoded.map((p) => p.ids);
  const shortened = encoded.filter((p) => p.cut).length;

  using sampler = new Sampler(policy.shape, policy.state, B);
  using rollout = rolloutProgram(policy, { B, T, R }, temperature);
  using referee = new Logprober(reference, { B, T, R }, temperature);
  using judge = new Scorer(rewardModel, B, T);
  using update = updateProgram(policy, { B: M, T, R }, temperature, c);

  const snapshot = path.join(job.dir, "snapshot.safetensors");
  const saved = await loadSnapshot(snapshot, { policy: policy.state }, Cursor);
  let { beta, updates } = saved ?? { beta: c.beta, updates: 0 };
  let last: Record<string, number> = saved?.last ?? {};
  const perIteration = c.epochs * (B / M);
  const stopped = (last["kl"] ?? 0) > c.stopKl; // killed between that and the end

  for (
    let iteration = (saved?.iteration ?? 0) + 1;
    iteration <= c.iterations && !stopped;
    iteration++
  ) {
    if (job.signal.aborted) throw new Error("stopped");
    const started = performance.now();
    const random = rng(seed, "ppo", iteration);

    // 1. continue passages with the policy
    const queries = Array.from({ length: B }, () => random.choose(prompts));
    const sampled = sampler.sample(queries, {
      maxTokens: R,
      temperature,
      rngs: queries.map((_, b) => rng(seed, "ppo", iteration, b)),
    });
    const cuts = sampled.tokens.map((t) => cut(t, ends, tokenizer.eos, minTokens));
    const responses = sampled.tokens.map((t, b) => t.slice(0, cuts[b].length));
    const mask = Float32Array.from({ length: B * R }, (_, i) =>
      i % R < cuts[Math.floor(i / R)].length ? 1 : 0,
    );

    // 2. log-probs and values now, log-probs of the reference, scores
    const ids = queries.map((q, b) => [...q, ...responses[b]]);
    const { rows, labels } = responseRows(
      queries.map((q) => q.length),
      responses,
      R,
      T,
    );
    rollout.run({ ids: pad(ids, T), rows, labels });
    const logprobs = rollout.float("logprobs").slice(); // (B, R)
    const values = rollout.float("values").map((v, i) => v * mask[i]);
    const entropy = maskedMean(rollout.float("entropy"), mask);
    const refLogprobs = referee.logprobs(queries, responses);
    const score = judge
      .score(queries.map((query, b) => ({ query, response: responses[b] })))
      .map((s, b) => {
        if (!Number.isFinite(s))
          throw new TillerError(
            "not_finite",
            `the reward model ${rewardModel.id} gives ${s} to episode ${b} of iteration ${iteration}, a continuation of ${responses[b].length} tokens. Train it again with a lower rate, or choose another.`,
          );
        return cuts[b].ended ? s : c.unendedScore;
      });

    // 3. rewards: the leash at every token, the score at the last
    const kl = logprobs.map((l, i) => (l - refLogprobs[i]) * mask[i]);
    const rewards = kl.map(
      (k, i) =>
        -beta * k + (i % R === cuts[Math.floor(i / R)].length - 1 ? score[Math.floor(i / R)] : 0),
    );
    const { advantages, returns } = gaeRows(rewards, values, mask, R, c);
    const whitened = whiten(advantages, mask); // once a rollout batch, as Huang et al.

    // 4. clipped updates
    const stats: Record<string, number[]> = {};
    for (let epoch = 0; epoch < c.epochs; epoch++) {
      const order = random.shuffle(Array.from({ length: B }, (_, b) => b));
      for (let k = 0; k + M <= B; k += M) {
        const pick = order.slice(k, k + M);
        const take = (x: ArrayLike<number>) =>
          pick.flatMap((b) => Array.from({ length: R }, (_, t) => x[b * R + t]));
        const at = responseRows(
          pick.map((b) => queries[b].length),
          pick.map((b) => responses[b]),
          R,
          T,
        );
        updates++;
        const lr = c.lr * (1 - (updates - 1) / (c.iterations * perIteration));
        update.run({
          ids: pad(
            pick.map((b) => ids[b]),
            T,
          ),
          ...at,
          mask: take(mask),
          oldLogprobs: take(logprobs),
          oldValues: take(values),
          advantages: take(whitened),
          returns: take(returns),
          ...adamwInputs(updates, lr, ADAM),
        });
        for (const name of [
          "policyLoss",
          "valueLoss",
          "approxKl",
          "clipFraction",
          "ratioMax",
          "gradNorm",
        ])
          (stats[name] ??= []).push(update.float(name)[0]);
        stats["lr"] = [lr];
      }
    }

    // 5. the leash, and the record
    const klSum = sumOf(kl) / B;
    const scoreMean = sumOf(score) / B;
    const k3 = sumOf(kl.map((k, i) => mask[i] * (Math.exp(-k) - 1 + k))) / B;
    last = {
      score: scoreMean,
      scoreSpread: Math.sqrt(sumOf(score.map((s) => (s - scoreMean) ** 2)) / B),
      shortened,
      rlhfReward: scoreMean - beta * klSum,
      kl: klSum,
      k3,
      entropy,
      beta,
      length: sumOf(cuts.map((x) => x.length)) / B,
      ended: cuts.filter((x) => x.ended).length / B,
      explainedVariance:
        1 -
        maskedVar(
          returns.map((r, i) => r - values[i]),
          mask,
        ) /
          Math.max(1e-8, maskedVar(returns, mask)),
      ...Object.fromEntries(
        Object.entries(stats).map(([name, xs]) => [
          name,
          name === "ratioMax" ? largest(xs) : sumOf(xs) / xs.length,
        ]),
      ),
      firstApproxKl: stats["approxKl"][0],
      episodesPerSecond: B / ((performance.now() - started) / 1000),
    };
    const odd = ["policyLoss", "valueLoss", "gradNorm", "kl"].find(
      (k) => !Number.isFinite(last[k]),
    );
    if (odd)
      throw new TillerError(
        "not_finite",
        `${odd} became ${last[odd]} at iteration ${iteration}. Lower lr (${c.lr}).`,
      );
    if (c.klTarget > 0)
      beta = adaptiveKl(beta, { kl: klSum, target: c.klTarget, steps: B, horizon: c.klHorizon });
    job.metric(iteration, last);
    if (iteration === 1 || iteration % c.samplesEvery === 0)
      for (const b of [0, 1, 2])
        job.sample({
          step: iteration,
          prompt: tokenizer.decode(queries[b]),
          text: tokenizer.decode(responses[b]),
          scores: { reward: score[b], kl: sumOf(kl.subarray(b * R, b * R + R)) },
        });
    job.progress(
      iteration,
      c.iterations,
      `reward ${scoreMean.toFixed(2)}, KL ${klSum.toFixed(1)} nats`,
    );
    if (iteration % c.saveEvery === 0)
      await saveSnapshot(snapshot, { policy: policy.state }, { iteration, beta, updates, last });
    job.fault("ppo.iteration");
    if (klSum > c.stopKl) {
      job.progress(
        c.iterations,
        c.iterations,
        `stopped at iteration ${iteration}: KL ${klSum.toFixed(1)} nats`,
      );
      break;
    }
    await new Promise((r) => setImmediate(r));
  }

  const saveable: Model = { ...policy, specs: paramSpecs(policy.shape) };
  const metrics = Object.fromEntries(
    ["score", "kl", "entropy"].flatMap((k) => (last[k] === undefined ? [] : [[k, last[k]]])),
  );
  const { id } = await saveCheckpoint(input.out, {
    config: policy.config,
    tensors: weightsOf(saveable),
    tokenizer: policy.tokenizerJson,
    chatFiles: policy.chatFiles,
    meta: {
      kind: "policy",
      parent: reference.id,
      metrics,
      config: { ...c, reward: rewardModel.id, seed },
    },
  });
  return { id: CheckpointId.parse(id), path: input.out, metrics };
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

interface Dims {
  readonly B: number;
  readonly T: number;
  readonly R: number;
}

/** The policy's log-probs (N), values (N) and logits (N, V) at the N = B R response positions. */
function policyHeads(g: Graph, m: Model, { B, T, R }: Dims, temperature: number) {
  const p = declare(g, m.specs);
  const hidden = gather(
    hiddenStates(m.shape, p, g.input("ids", [B, T], "int64")),
    g.input("rows", [B * R], "int64"),
  );
  const z = scaled(logits(m.shape, p, hidden), temperature);
  return {
    p,
    z,
    logprobs: tokenLogprobs(z, g.input("labels", [B * R], "int64")),
    values: scores(p, hidden),
  };
}

function rolloutProgram(m: Model, dims: Dims, temperature: number): Program {
  const g = new Graph();
  const { z, logprobs, values } = policyHeads(g, m, dims, temperature);
  const q = softmax(z);
  g.output("logprobs", logprobs);
  g.output("values", values);
  g.output("entropy", neg(sum(mul(q, log(maximum(q, 1e-20))), [-1])));
  return new Program(g, m.state);
}

function updateProgram(
  m: Model,
  dims: Dims,
  temperature: number,
  c: z.infer<typeof PpoConfig>,
): Program {
  const g = new Graph();
  const N = dims.B * dims.R;
  const { p, logprobs, values } = policyHeads(g, m, dims, temperature);
  const [mask, old, oldValues, advantages, returns] = [
    "mask",
    "oldLogprobs",
    "oldValues",
    "advantages",
    "returns",
  ].map((name) => g.input(name, [N])) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const count = sum(mask);
  const average = (x: Tensor) => div(sum(mul(x, mask)), count); // over the whole minibatch's tokens
  const logRatio = mul(sub(logprobs, old), mask); // 0 at padding: the ratio is exactly 1 there
  const ratio = exp(logRatio);
  const policyLoss = neg(
    average(minimum(mul(ratio, advantages), mul(clamp(ratio, 1 - c.clip, 1 + c.clip), advantages))),
  );
  const clippedValues = add(oldValues, clamp(sub(values, oldValues), -c.valueClip, c.valueClip));
  const valueLoss = mul(
    average(maximum(square(sub(values, returns)), square(sub(clippedValues, returns)))),
    0.5,
  );
  const loss = add(policyLoss, mul(valueLoss, c.valueCoefficient));
  g.output("policyLoss", policyLoss);
  g.output("valueLoss", valueLoss);
  g.output("approxKl", mul(average(square(logRatio)), 0.5));
  g.output("clipFraction", average(greater(abs(sub(ratio, 1)), c.clip)));
  g.output("ratioMax", max(ratio));
  adamw(loss, p, { ...ADAM, clip: 1 });
  return new Program(g, m.state);
}
