/** The training jobs on a model small enough for a test: invariants of the checklist, learning, bit-exact resume. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Sampler } from "@tiller/lm";
import { type JobContext, rng } from "@tiller/schema";
import { evaluate } from "./evaluate.ts";
import { Continuation, cut, loadModel, Logprober } from "./model.ts";
import { ppo, PpoConfig } from "./ppo.ts";
import { pretrain, PretrainConfig } from "./pretrain.ts";
import { RewardConfig, trainReward } from "./reward.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-learn-"));
const base = path.join(dir, "base");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const config = smallConfig({ layers: 1, positions: 64 });
beforeAll(() => saveSmallModel(base, config));

/** A context that records metrics and, like a kill, throws at the nth pass of a fault point. */
function context(name: string, dieAt?: { point: string; pass: number }) {
  const metrics: Record<string, number>[] = [];
  let passes = 0;
  const job: JobContext = {
    dir: path.join(dir, name),
    home: dir,
    progress: () => {},
    metric: (_, values) => void metrics.push(values),
    sample: () => {},
    fault: (point) => {
      if (dieAt?.point === point && ++passes === dieAt.pass) throw new Error("killed");
    },
    signal: new AbortController().signal,
  };
  return { job, metrics };
}
const bytes = (folder: string) => readFileSync(path.join(folder, "model.safetensors"));
const words = ["good", "hope", "war", "sea", "whale", "night"];
const prompts = [
  "The ship lay still.",
  "We looked at the sea and the sky.",
  "He spoke.",
  "Call me.",
];

test("a sampled token's log-prob is the training graph's, whatever the padding", async () => {
  const m = await loadModel(base);
  using sampler = new Sampler(m.shape, m.state, 4);
  const queries = prompts.map((p) => m.tokenizer.encode(p));
  const { tokens, logprobs } = sampler.sample(queries, {
    maxTokens: 8,
    temperature: 0.7,
    rngs: queries.map((_, i) => rng(3, i)),
  });
  for (const T of [32, 48]) {
    using graph = new Logprober(m, { B: 4, T, R: 8 }, 0.7);
    const again = graph.logprobs(queries, tokens);
    for (const [b, row] of logprobs.entries())
      for (const [t, l] of row.entries()) expect(again[b * 8 + t]).toBeCloseTo(l, 4);
  }
});

test("a continuation ends at the first sentence end past the minimum, or at end-of-text", () => {
  const ends = new Set([9]);
  expect(cut([1, 9, 2, 9, 3], ends, 0, 3)).toEqual({ length: 4, ended: true });
  expect(cut([1, 9, 2, 9, 3], ends, 0, 1)).toEqual({ length: 2, ended: true });
  expect(cut([1, 0, 2], ends, 0, 3)).toEqual({ length: 2, ended: true });
  expect(cut([1, 2, 3], ends, 0, 1)).toEqual({ length: 3, ended: false });
});

const random = rng(5, "pairs");
const pairs = Array.from({ length: 96 }, () => {
  const [a, b] = [random.choose(words), random.choose(words)];
  return {
    passage: random.choose(prompts),
    a: ` It was ${a}.`,
    b: ` It was ${b}.`,
    pB: a === b ? 0.5 : b === "hope" ? 0.95 : a === "hope" ? 0.05 : 0.5,
  };
});
const rewardInput = (name: string, config: object = {}) => ({
  config: RewardConfig.parse({ batch: 8, epochs: 6, lr: 3e-3, saveEvery: 3, ...config }),
  base,
  pairs,
  maxTokens: 32,
  seed: 1,
  out: path.join(dir, name),
});

test("the reward model starts near ln 2, learns which word is liked; a model has KL 0 to itself", async () => {
  const { job, metrics } = context("reward-job");
  const { path: out } = await trainReward(rewardInput("reward"), job);
  expect(Math.abs(metrics[0]!["loss"]! - Math.LN2)).toBeLessThan(0.1); // the head is small, not 0
  const items = (
    await evaluate(
      {
        base,
        policy: base,
        reward: out,
        prompts,
        continuation: Continuation.parse({ maxTokens: 8, minTokens: 2 }),
        maxPrompt: 16,
        bestOf: 2,
        seed: 1,
        batch: 4,
      },
      context("evaluate").job,
    )
  ).items;
  for (const x of items) {
    expect(x.policy.kl).toBeCloseTo(0, 4); // the policy is the base here
    expect(x.bestOf).toHaveLength(2);
  }
  expect(metrics.at(-1)!["loss"]).toBeLessThan(0.45);
  expect(metrics.at(-1)!["validationAccuracy"]).toBe(1);
});

const ppoInput = (name: string) => ({
  config: PpoConfig.parse({
    iterations: 4,
    batch: 8,
    minibatch: 4,
    epochs: 2,
    saveEvery: 1,
    klTarget: 2,
  }),
  continuation: Continuation.parse({ maxTokens: 8, minTokens: 2, temperature: 1 }),
  base,
  reward: path.join(dir, "reward"),
  prompts,
  maxPrompt: 16,
  seed: 1,
  out: path.join(dir, name),
});

test("PPO: KL 0 at the start; the first update of the run has ratio 1 and approximate KL 0", async () => {
  const { job, metrics } = context("ppo-job");
  await ppo(ppoInput("policy"), job);
  expect(metrics[0]!["kl"]).toBeCloseTo(0, 4);
  expect(metrics[0]!["firstApproxKl"]).toBeLessThan(1e-9);
  expect(metrics.at(-1)!["kl"]).not.toBeCloseTo(0, 4);
});

test.each([1, 2, 3])(
  "PPO killed at iteration %i and started again ends with the same bytes",
  async (pass) => {
    const name = `ppo-killed-${pass}`;
    const { job } = context(name, { point: "ppo.iteration", pass });
    await expect(ppo(ppoInput(name), job)).rejects.toThrow("killed");
    await ppo(ppoInput(name), context(name).job);
    expect(bytes(path.join(dir, name)).equals(bytes(path.join(dir, "policy")))).toBe(true);
  },
);

test("the reward model killed on the way ends with the same bytes", async () => {
  const { job } = context("reward-killed", { point: "reward.step", pass: 7 });
  await expect(trainReward(rewardInput("reward-killed"), job)).rejects.toThrow("killed");
  await trainReward(rewardInput("reward-killed"), context("reward-killed").job);
  expect(bytes(path.join(dir, "reward-killed")).equals(bytes(path.join(dir, "reward")))).toBe(true);
});

test("pretraining lowers the loss, and killed on the way ends with the same bytes", async () => {
  const config = PretrainConfig.parse({
    layers: 1,
    width: 32,
    heads: 2,
    vocabulary: 300,
    context: 32,
    batch: 4,
    steps: 30,
    lr: 1e-2,
    warmup: 5,
    evalEvery: 30,
    saveEvery: 10,
  });
  const straight = context("pretrain-job");
  const out = path.join(dir, "pretrained");
  const { loss } = await pretrain({ config, out }, straight.job);
  expect(loss).toBeLessThan(Math.log(300) - 0.5);
  const killed = path.join(dir, "pretrained-killed");
  const { job } = context("pretrain-killed", { point: "pretrain.step", pass: 17 });
  await expect(pretrain({ config, out: killed }, job)).rejects.toThrow("killed");
  await pretrain({ config, out: killed }, context("pretrain-killed").job);
  expect(bytes(killed).equals(bytes(out))).toBe(true);
}, 120_000);
