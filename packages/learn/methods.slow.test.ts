/** Every method on a model small enough for a test: it learns what its rows teach, begins as its paper says, and goes on to the bit. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { JobDef } from "@tiller/schema";
import { rng } from "@tiller/schema";
import { bestOfNJob } from "./best-of-n.ts";
import { bestOfNDistillationJob } from "./best-of-n-distillation.ts";
import { dpoJob } from "./dpo.ts";
import { expertIterationJob } from "./expert-iteration.ts";
import { context, runJob } from "./fixtures/context.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";
import { gradedRewardJob } from "./graded-reward.ts";
import { grpoJob } from "./grpo.ts";
import { ipoJob } from "./ipo.ts";
import { ktoJob } from "./kto.ts";
import { orpoJob } from "./orpo.ts";
import { ppoJob } from "./ppo.ts";
import { rankingRewardJob } from "./ranking-reward.ts";
import { reinforcePlusPlusJob } from "./reinforce-plus-plus.ts";
import { rewardJob } from "./reward.ts";
import { rlooJob } from "./rloo.ts";
import { robustDpoJob } from "./robust-dpo.ts";
import { sftJob } from "./sft.ts";
import { simpoJob } from "./simpo.ts";
import { stepRewardJob } from "./step-reward.ts";
import { weakToStrongJob } from "./weak-to-strong.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-methods-"));
const untaught = path.join(dir, "untaught");
const base = path.join(dir, "taught", "checkpoint");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const words = ["good", "hope", "war", "sea", "whale", "night"];
const prompts = ["The ship lay still.", "We looked at the sea.", "He spoke.", "Call me."];
const random = rng(7, "rows");
const pairs = Array.from({ length: 64 }, () => {
  const [a, b] = random.shuffle(words);
  const best = a === "hope" || b === "hope" ? "hope" : undefined;
  return {
    prompt: random.choose(prompts),
    chosen: ` It was ${best ?? a}.`,
    rejected: ` It was ${best === b ? a : b}.`,
    weight: best ? 1 : 0.01,
  };
});
const labelled = pairs.map((p) => ({
  task: "",
  judgments: [],
  passage: p.prompt,
  a: p.rejected,
  b: p.chosen,
  pB: 0.95,
  weight: p.weight,
}));
const datasets = {
  pairs,
  labelled,
  thumbs: pairs.flatMap((p) => [
    { prompt: p.prompt, completion: p.chosen, label: true, weight: p.weight },
    { prompt: p.prompt, completion: p.rejected, label: false, weight: p.weight },
  ]),
  said: Array.from({ length: 240 }, (_, i) => ({
    prompt: prompts[i % prompts.length]!,
    completion: ` It was ${words[i % words.length]!}.`,
  })),
  shown: pairs.map((p) => ({ prompt: p.prompt, completion: " It was hope." })),
  prompts: prompts.map((prompt) => ({ prompt })),
  graded: Array.from({ length: 96 }, (_, i) => {
    const [a, b] = [words[i % 6]!, words[(i * 5 + Math.floor(i / 6)) % 6]!];
    const worth = (w: string) => (w === "hope" ? 2 : w === "good" ? 1 : 0);
    const grade = worth(b) - worth(a) + 2;
    return {
      passage: prompts[i % 4]!,
      a: ` It was ${a}.`,
      b: ` It was ${b}!`,
      grades: Array.from({ length: 5 }, (_, k) => Number(k === grade)),
    };
  }),
  ranked: Array.from({ length: 48 }, (_, i) => {
    const order = random.shuffle(words).slice(0, 3 + (i % 2));
    return {
      passage: prompts[i % 4]!,
      texts: order.map((w) => ` It was ${w}.`),
      places: order.map((w) => (w === "hope" ? 0 : w === "good" ? 1 : 2)),
    };
  }),
  solutions: Array.from({ length: 48 }, (_, i) => {
    const wrong = i % 3;
    const steps = [0, 1, 2].map((s) => (s < wrong ? " It was hope." : " It was war."));
    return { prompt: prompts[i % 4]!, steps, labels: steps.map((s) => s.includes("hope")) };
  }),
};
beforeAll(async () => {
  await saveSmallModel(untaught, smallConfig({ layers: 1, positions: 64 }));
  const teach = { config: { batch: 16, epochs: 4, lr: 1e-2, validation: 0 }, seed: 1 };
  await runJob(
    sftJob,
    { ...teach, base: untaught, demonstrations: "said", maxTokens: 32 },
    context(path.join(dir, "taught"), datasets).job,
  );
  const { job } = context(path.join(dir, "reward"), datasets);
  const config = { batch: 8, epochs: 6, lr: 3e-3 };
  await runJob(rewardJob, { config, base, pairs: "labelled", maxTokens: 32, seed: 1 }, job);
});
const reward = path.join(dir, "reward", "checkpoint");

const bytes = (name: string) =>
  readFileSync(path.join(dir, name, "checkpoint", "model.safetensors"));
/** runs it, then kills it at `pass` of its fault point and runs on: the same bytes */
async function twice(job: JobDef, input: object, point: string, pass: number) {
  const name = job.kind;
  const whole = context(path.join(dir, name), datasets);
  await runJob(job, input, whole.job);
  const again = `${name}-again`;
  const dying = context(path.join(dir, again), datasets, { point, pass });
  await expect(runJob(job, input, dying.job)).rejects.toThrow("killed");
  await runJob(job, input, context(path.join(dir, again), datasets).job);
  expect(bytes(again).equals(bytes(name))).toBe(true);
  return whole.metrics;
}

const learning = { batch: 8, lr: 3e-3, saveEvery: 3, evalEvery: 4 };
const onPairs = { base, pairs: "pairs", maxTokens: 32, seed: 1 };
test.each([
  { job: dpoJob as JobDef, own: { epochs: 2 }, first: Math.LN2, margin: 0.3 },
  { job: ipoJob as JobDef, own: { epochs: 2 }, first: 25, margin: 0.1 },
  { job: robustDpoJob as JobDef, own: { epochs: 2, flipped: 0.1 }, first: Math.LN2, margin: 0.3 },
  { job: simpoJob as JobDef, own: { epochs: 2 }, first: undefined, margin: 0.3 },
  { job: orpoJob as JobDef, own: { epochs: 2, lambda: 1 }, first: undefined, margin: 0.1 },
])(
  "$job.kind prefers what was chosen, and goes on to the bit",
  async ({ job, own, first, margin }) => {
    const config = { ...learning, ...own, micro: 3 };
    const metrics = await twice(job, { ...onPairs, config }, `${job.kind}.step`, 5);
    if (first !== undefined) expect(metrics[0]!["loss"]).toBeCloseTo(first, 3);
    expect(metrics.at(-1)!["margin"]! - metrics[0]!["margin"]!).toBeGreaterThan(margin);
    expect(metrics.at(-1)!["validationLoss"]).toBeLessThan(metrics[0]!["loss"]!);
  },
);

test("KTO: loss 1/2 at the reference, liked above disliked, and to the bit", async () => {
  const config = { batch: 8, lr: 3e-3, epochs: 3, saveEvery: 4 };
  const input = { config, base, thumbs: "thumbs", maxTokens: 32, seed: 1 };
  const metrics = await twice(ktoJob as JobDef, input, "kto.step", 6);
  expect(metrics[0]!["loss"]).toBeCloseTo(0.5, 5);
  expect(metrics[0]!["z0"]).toBeCloseTo(0, 4);
  const last = metrics.at(-1)!;
  expect(last["likedReward"]! - last["dislikedReward"]!).toBeGreaterThan(0.2);
});

test.each([false, true])("SFT learns to say it (packed: %s), and to the bit", async (packing) => {
  const config = { batch: packing ? 1 : 8, lr: 1e-2, epochs: 5, saveEvery: 4, packing };
  const input = { config, base: untaught, demonstrations: "shown", maxTokens: 64, seed: 1 };
  const job = { ...sftJob, kind: `sft-${packing}` } as JobDef;
  const metrics = await twice(job, input, "sft.step", 6);
  expect(metrics.at(-1)!["validationLoss"]).toBeLessThan(0.5);
  if (packing) expect(metrics[0]!["filled"]).toBeGreaterThan(0.7);
});

const continuation = { maxTokens: 8, minTokens: 2, temperature: 1 };
const sampled = { base, reward, prompts: "prompts", maxPrompt: 16, seed: 1, continuation };
const rolling = { iterations: 10, batch: 32, minibatch: 16, lr: 4e-3, saveEvery: 2, stopKl: 1e6 };
// up to two iterations and 8 bits behind
const behind = {
  refreshEvery: 3,
  saveEvery: 3,
  samplerBits: 8,
  recompute: true,
  importance: "truncated",
};
test.each([
  { job: grpoJob as JobDef, own: { beta: 0.01 } },
  { job: grpoJob as JobDef, name: "dr-grpo", own: { beta: 0.01, style: "dr" } },
  { job: grpoJob as JobDef, name: "grpo-behind", own: { beta: 0.01, ...behind } },
  { job: rlooJob as JobDef, own: { beta: 0.01 } },
  { job: rlooJob as JobDef, name: "rloo-behind", own: { beta: 0.01, ...behind } },
  { job: reinforcePlusPlusJob as JobDef, own: { beta: 0.01 } },
  { job: expertIterationJob as JobDef, own: {} },
  { job: ppoJob as JobDef, name: "ppo-shared", own: { beta: 0.01, klTarget: 0 } },
  {
    job: ppoJob as JobDef,
    name: "ppo-separate",
    own: { beta: 0.01, klTarget: 0, critic: "separate", whitenAdvantages: "minibatch" },
  },
  { job: ppoJob as JobDef, name: "ppo-behind", own: { beta: 0.01, klTarget: 0, ...behind } },
])("$job.kind $name raises the score and goes on to the bit", async ({ job, name, own }) => {
  const named = { ...job, kind: name ?? job.kind };
  const input = { ...sampled, config: { ...rolling, ...own } };
  const metrics = await twice(named, input, `${job.kind}.iteration`, 5);
  expect(metrics[0]!["kl"]).toBeCloseTo(0, 4);
  if ("samplerBits" in own) {
    const steps = job === ppoJob ? 4 : 2; // of an iteration: two minibatches an epoch
    expect(metrics.slice(0, 4).map((m) => m["staleness"])).toEqual([0, steps, 2 * steps, 0]);
    expect(metrics[2]!["effective"]).toBeLessThan(1);
  } else if (job !== expertIterationJob) expect(metrics[0]!["firstApproxKl"]).toBeLessThan(1e-9);
  const mean = (of: typeof metrics) => of.reduce((n, m) => n + m["score"]!, 0) / of.length;
  expect(mean(metrics.slice(-3)) - mean(metrics.slice(0, 3))).toBeGreaterThan(0.2);
});

const meanOf = (metrics: readonly Record<string, number>[]) =>
  metrics.reduce((n, m) => n + m["loss"]!, 0) / metrics.length;
const own = { batch: 8, epochs: 6, lr: 3e-3, saveEvery: 4, evalEvery: 10 };
test.each(["davidson", "ordinal"])(
  "graded reward (%s) knows ties and strength",
  async (likelihood) => {
    const input = { config: { ...own, likelihood }, base, pairs: "graded", maxTokens: 32, seed: 1 };
    const job = { ...gradedRewardJob, kind: `graded-${likelihood}` } as JobDef;
    const metrics = await twice(job, input, "graded-reward.step", 9);
    // both begin near what a coin with their ties would say, and end below it
    const first = likelihood === "davidson" ? Math.log(3) : metrics[0]!["loss"]!;
    expect(metrics[0]!["loss"]).toBeCloseTo(first, 0);
    expect(meanOf(metrics.slice(-12)) - meanOf(metrics.slice(0, 12))).toBeLessThan(-0.2);
    expect(metrics.at(-1)!["validationAccuracy"]).toBe(1);
    expect(
      JSON.parse(bytes(job.kind).subarray(8, 2000).toString().split("}}")[0] + "}}"),
    ).not.toHaveProperty("likelihood.tie");
  },
);
test.each(["best", "ranking", "pairs"])("ranking reward (%s) learns the order", async (use) => {
  const input = { config: { ...own, use }, base, rankings: "ranked", maxTokens: 32, seed: 1 };
  const job = { ...rankingRewardJob, kind: `ranking-${use}` } as JobDef;
  const metrics = await twice(job, input, "ranking-reward.step", 9);
  expect(metrics.at(-1)!["loss"]).toBeLessThan(metrics[0]!["loss"]! / 2);
  expect(metrics.at(-1)!["validationAccuracy"]).toBe(1);
});
test("step reward says where a solution goes wrong; it begins at ln 2", async () => {
  const input = { config: own, base, solutions: "solutions", maxTokens: 48, seed: 1 };
  const metrics = await twice(stepRewardJob as JobDef, input, "step-reward.step", 9);
  expect(metrics[0]!["loss"]).toBeCloseTo(Math.LN2, 0);
  expect(meanOf(metrics.slice(-6))).toBeLessThan(0.45);
});

test("distillation of best-of-n: better than the base, no further from it than best-of-n, and to the bit", async () => {
  const config = { ...rolling, iterations: 16, group: 8, samplesEvery: 16 };
  const metrics = await twice(
    bestOfNDistillationJob as JobDef,
    { ...sampled, config },
    "best-of-n-distillation.iteration",
    5,
  );
  const last = metrics.at(-1)!;
  expect(last["score"]).toBeGreaterThan(0.3);
  expect(last["kl"]).toBeLessThan(last["teacherKl"]! + 0.5);
});
test("best-of-n: its curve rises with n and begins at the base's mean", async () => {
  const input = { ...sampled, config: { samples: 16 } };
  const { job } = context(path.join(dir, "best-of-n"), datasets);
  const { curve } = await runJob(bestOfNJob, input, job);
  expect(curve.map((p) => p.n)).toEqual([1, 2, 4, 8, 16]);
  expect(curve[0]!.kl).toBe(0);
  for (const [i, p] of curve.slice(1).entries()) expect(p.proxy).toBeGreaterThan(curve[i]!.proxy);
  expect(curve.every((p) => p.gold === p.proxy)).toBe(true);
});
test("weak to strong: learns through wrong labels of a weak teacher, and to the bit", async () => {
  const input = { config: own, base, pairs: "labelled", maxTokens: 32, seed: 1 };
  const metrics = await twice(weakToStrongJob as JobDef, input, "weak-to-strong.step", 9);
  expect(metrics.at(-1)!["accuracy"]).toBeGreaterThan(0.7);
});
