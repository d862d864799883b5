/** The training jobs on a model small enough for a test: invariants of the checklist, learning, bit-exact resume. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Sampler, splitTrainHeldout } from "@tiller/lm";
import { book } from "@tiller/lm/fixtures/book.ts";
import { rng } from "@tiller/schema";
import { evaluateJob } from "./evaluate.ts";
import { context as contextIn, runJob } from "./fixtures/context.ts";
import { loadModel } from "./model.ts";
import { ppoJob } from "./ppo.ts";
import { pretrainJob } from "./pretrain.ts";
import { rewardJob } from "./reward.ts";
import { cut } from "./rollout.ts";
import { Logprober } from "./score.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-learn-"));
const base = path.join(dir, "base");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const config = smallConfig({ layers: 1, positions: 64 });
beforeAll(() => saveSmallModel(base, config));

const context = (name: string, dieAt?: { point: string; pass: number }) =>
  contextIn(
    path.join(dir, name),
    { pairs, texts, prompts: prompts.map((prompt) => ({ prompt })) },
    dieAt,
  );
const made = (name: string) => path.join(dir, name, "checkpoint");
const bytes = (name: string) => readFileSync(path.join(made(name), "model.safetensors"));
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

const { train, heldout } = splitTrainHeldout(book());
const texts = [
  { name: "one", train: train.slice(0, 200_000), heldout, fraction: 0.4 },
  {
    name: "other",
    train: train.slice(200_000),
    heldout: "",
    fraction: 0.6,
    vocabularyCharacters: 1000,
  },
];
const random = rng(5, "pairs");
const pairs = Array.from({ length: 96 }, () => {
  const [a, b] = [random.choose(words), random.choose(words)];
  return {
    task: "",
    judgments: [],
    passage: random.choose(prompts),
    a: ` It was ${a}.`,
    b: ` It was ${b}.`,
    pB: a === b ? 0.5 : b === "hope" ? 0.95 : a === "hope" ? 0.05 : 0.5,
  };
});
const rewardInput = {
  config: { batch: 8, epochs: 6, lr: 3e-3, saveEvery: 3 },
  base,
  pairs: "pairs",
  maxTokens: 32,
  seed: 1,
};

test("the reward model starts near ln 2, learns which word is liked; a model has KL 0 to itself", async () => {
  const { job, metrics } = context("reward");
  await runJob(rewardJob, rewardInput, job);
  expect(Math.abs(metrics[0]!["loss"]! - Math.LN2)).toBeLessThan(0.1); // the head is small, not 0
  const arms = { base, policy: base, reward: made("reward"), prompts: "prompts" };
  const rest = { continuation: { maxTokens: 8, minTokens: 2 }, maxPrompt: 16, bestOf: 2, seed: 1 };
  const { job: last } = context("evaluate");
  const { items } = await runJob(evaluateJob, { ...arms, ...rest, batch: 4 }, last);
  for (const x of items) {
    expect(x.policy.kl).toBeCloseTo(0, 4); // the policy is the base here
    expect(x.bestOf).toHaveLength(2);
  }
  expect(metrics.at(-1)!["loss"]).toBeLessThan(0.45);
  expect(metrics.at(-1)!["validationAccuracy"]).toBe(1);
});

const ppoInput = {
  config: { iterations: 4, batch: 8, minibatch: 4, epochs: 2, saveEvery: 1, klTarget: 2 },
  continuation: { maxTokens: 8, minTokens: 2, temperature: 1 },
  base,
  reward: made("reward"),
  prompts: "prompts",
  maxPrompt: 16,
  seed: 1,
};

test("PPO: KL 0 at the start; the first update of the run has ratio 1 and approximate KL 0", async () => {
  const { job, metrics } = context("policy");
  await runJob(ppoJob, ppoInput, job);
  expect(metrics[0]!["kl"]).toBeCloseTo(0, 4);
  expect(metrics[0]!["firstApproxKl"]).toBeLessThan(1e-9);
  expect(metrics.at(-1)!["kl"]).not.toBeCloseTo(0, 4);
});

test.each([1, 2, 3])(
  "PPO killed at iteration %i and started again ends with the same bytes",
  async (pass) => {
    const name = `ppo-killed-${pass}`;
    const { job } = context(name, { point: "ppo.iteration", pass });
    await expect(runJob(ppoJob, ppoInput, job)).rejects.toThrow("killed");
    await runJob(ppoJob, ppoInput, context(name).job);
    expect(bytes(name).equals(bytes("policy"))).toBe(true);
  },
);

test("the reward model killed on the way ends with the same bytes", async () => {
  const { job } = context("reward-killed", { point: "reward.step", pass: 7 });
  await expect(runJob(rewardJob, rewardInput, job)).rejects.toThrow("killed");
  await runJob(rewardJob, rewardInput, context("reward-killed").job);
  expect(bytes("reward-killed").equals(bytes("reward"))).toBe(true);
});

test("pretraining wants fractions that make one, and says which do not", async () => {
  const { job } = contextIn(path.join(dir, "fractions"), { texts: texts.slice(1) });
  await expect(runJob(pretrainJob, { config: { steps: 1 }, texts: "texts" }, job)).rejects.toThrow(
    "the fractions of other (0.6) make 0.6. Let them make 1.",
  );
});

test("pretraining lowers the loss, and killed on the way ends with the same bytes", async () => {
  const config = {
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
  };
  const input = { config, texts: "texts" };
  const { metrics } = await runJob(pretrainJob, input, context("pretrained").job);
  expect(metrics["heldoutLoss"]).toBeLessThan(Math.log(300) - 0.5);
  const { job } = context("pretrain-killed", { point: "pretrain.step", pass: 17 });
  await expect(runJob(pretrainJob, input, job)).rejects.toThrow("killed");
  await runJob(pretrainJob, input, context("pretrain-killed").job);
  expect(bytes("pretrain-killed").equals(bytes("pretrained"))).toBe(true);
}, 120_000);
