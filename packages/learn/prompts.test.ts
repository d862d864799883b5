/** What the jobs feed their models: the same tokens as serving, none cut or left out in silence. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { encodeAfter, encodePrompt, headSpecs, Sampler } from "@tiller/lm";
import { evaluateJob } from "./evaluate.ts";
import { context as contextIn, runJob } from "./fixtures/context.ts";
import { loadModel } from "./model.ts";
import { PpoConfig, ppoJob } from "./ppo.ts";
import { encodePairs } from "./pairs.ts";
import { rewardJob } from "./reward.ts";
import { Continuation } from "./rollout.ts";
import { sampleJob } from "./sample.ts";
import { Scorer } from "./score.ts";
import { Trainer } from "./trainer.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-prompts-"));
const base = path.join(dir, "base");
beforeAll(() => saveSmallModel(base, smallConfig({ layers: 1, positions: 64 })));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let jobs = 0;
const context = (datasets: Record<string, readonly unknown[]> = {}) =>
  contextIn(path.join(dir, `job-${++jobs}`), datasets);
type Context = ReturnType<typeof context>;
const out = () => path.join(dir, `out-${++jobs}`);
const pairs = Array.from({ length: 24 }, (_, i) => ({
  passage: "The sea was calm.",
  a: ` It was good ${i}.`,
  b: ` It was bad ${i}.`,
  pB: i % 2 ? 0.9 : 0.1,
}));
/** Trains a reward model on these pairs; the folder it stands in, and what was logged. */
async function reward(of: readonly object[], config: object = {}, folder = base) {
  const c = context({ pairs: of.map((p) => ({ task: "", judgments: [], ...p })) });
  const input = {
    config: { epochs: 1, batch: 4, validation: 0.25, ...config },
    base: folder,
    pairs: "pairs",
    maxTokens: 40,
    seed: 1,
  };
  const { metrics } = await runJob(rewardJob, input, c.job);
  return { folder: c.job.out, logged: c.metrics, metrics };
}

/** the small model with a tokenizer that begins every text with a token, as Llama's does */
async function saveWithStart(): Promise<{ folder: string; bos: number }> {
  const folder = path.join(dir, "with-start");
  cpSync(base, folder, { recursive: true });
  const file = path.join(folder, "tokenizer.json");
  const json = JSON.parse(readFileSync(file, "utf8"));
  const bos = json.added_tokens[0].id as number;
  const { content } = json.added_tokens[0];
  json.normalizer = { type: "NFC" };
  json.post_processor = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: content, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [
      { SpecialToken: { id: content, type_id: 0 } },
      { Sequence: { id: "A", type_id: 0 } },
      { Sequence: { id: "B", type_id: 0 } },
    ],
    special_tokens: { [content]: { id: content, ids: [bos], tokens: [content] } },
  };
  writeFileSync(file, JSON.stringify(json));
  return { folder, bos };
}

test("sampling, PPO, evaluation and the reward model read a prompt as serving does: begin-of-text first, also when cut", async () => {
  const { folder, bos } = await saveWithStart();
  const { tokenizer } = await loadModel(folder);
  expect(tokenizer.start).toEqual([bos]);
  const prompts = ["The sea was calm that morning, and the men sang of home.", "Call me.", ""];
  const served = prompts.map((p) => [...tokenizer.start, ...tokenizer.encode(p)]); // what serving sends
  expect(prompts.map((p) => encodePrompt(tokenizer, p).ids)).toEqual(served);
  const cut = served.map((ids) => (ids.length > 8 ? [bos, ...ids.slice(-7)] : ids));
  expect(prompts.map((p) => encodePrompt(tokenizer, p, { most: 8 }))).toEqual(
    cut.map((ids, i) => ({ ids, cut: served[i]!.length - ids.length })),
  );

  const sampled = vi.spyOn(Sampler.prototype, "sample");
  const scored = vi.spyOn(Scorer.prototype, "score");
  const asked = () => {
    const all = sampled.mock.calls.flatMap(([queries]) => queries.map((q) => q.join()));
    sampled.mockClear();
    return new Set(all);
  };
  const continuation = { maxTokens: 8, minTokens: 2 };
  const rows = { prompts: prompts.map((prompt) => ({ prompt })) };
  const drawn = {
    checkpoint: folder,
    prompts: "prompts",
    each: 1,
    continuation,
    seed: 1,
    batch: 3,
  };
  await runJob(sampleJob, drawn, context(rows).job);
  expect(asked()).toEqual(new Set(served.map((ids) => ids.join())));
  const { folder: rm } = await reward(pairs, {}, folder);
  expect(scored.mock.calls[0]![0][0]!.query).toEqual([
    bos,
    ...tokenizer.encode("The sea was calm."),
  ]);
  const rest = {
    continuation,
    base: folder,
    reward: rm,
    prompts: "prompts",
    maxPrompt: 8,
    seed: 1,
  };
  scored.mockClear();
  const config = { iterations: 1, batch: 16, minibatch: 8 };
  await runJob(ppoJob, { ...rest, config }, context(rows).job);
  expect(asked()).toEqual(new Set(cut.map((ids) => ids.join())));
  const arms = { ...rest, policy: folder, bestOf: 1, batch: 3 };
  await runJob(evaluateJob, arms, context(rows).job);
  expect(asked()).toEqual(new Set(cut.map((ids) => ids.join())));
  expect(scored.mock.calls.flatMap(([rows]) => rows).every((r) => r.query[0] === bos)).toBe(true);
  vi.restoreAllMocks();
}, 60_000);

test("what goes on after a text is read as its continuation", async () => {
  const { tokenizer } = await loadModel(base);
  for (const [before, text] of [
    ["The sea was calm.", " It was good."],
    ["The whale", "s sang"],
    ["", "Call me"],
  ] as const) {
    const ids = encodeAfter(tokenizer, before, text);
    expect(tokenizer.decode(ids)).toBe(text);
  }
  // a tokenizer that begins each text with a mark for the space before its first word, as SentencePiece does
  const marks = { encode: (s: string) => Array.from(` ${s}`, (c) => c.codePointAt(0)!) };
  expect(encodeAfter(marks, "ab", " c")).toEqual([32, 99]);
});

test.each([
  ["fills maxTokens", 40, 24],
  ["is longer than maxTokens", 60, 24],
  ["fits", 4, 0],
])(
  "a passage that %s: both continuations stay whole, and what was cut is counted",
  async (_, length, shortened) => {
    const long = pairs.map((p) => ({ ...p, passage: "x ".repeat(length) }));
    const { logged, metrics: saved } = await reward(long);
    expect(logged[0]).toMatchObject({ shortened, leftOut: 0, same: 0, empty: 0 });
    expect(saved).toMatchObject({ shortened, pairs: 18 });
    expect(logged.every((m) => m["gradNorm"]! > 0)).toBe(true);
    const { tokenizer } = await loadModel(base);
    const { rows } = encodePairs(tokenizer, long, { maxTokens: 40, long: "cut" });
    for (const [i, { a, b }] of rows.entries()) {
      expect(a.query).toEqual(b.query); // one passage, both sides
      expect(tokenizer.decode(a.response)).toBe(long[i]!.a);
      expect(tokenizer.decode(b.response)).toBe(long[i]!.b);
      expect(Math.max(a.response.length, b.response.length) + a.query.length).toBe(
        shortened
          ? 40
          : Math.max(a.response.length, b.response.length) +
              tokenizer.encode(long[i]!.passage).length,
      );
    }
  },
);

test("pairs that do not fit are left out or refused, as asked, with numbers; none left is an error", async () => {
  const { tokenizer } = await loadModel(base);
  const mixed = [
    { passage: "Short.", a: " Yes it was.", b: " No.", pB: 0.9 },
    { passage: "word ".repeat(50), a: " Yes it was.", b: " No.", pB: 0.9 },
    { passage: "Short.", a: " yes".repeat(60), b: " No.", pB: 0.9 },
    { passage: "Short.", a: " No.", b: " No.", pB: 0.9 },
    { passage: "Short.", a: "", b: " No.", pB: 0.9 },
  ];
  const take = (long: "cut" | "leave out" | "refuse") =>
    encodePairs(tokenizer, mixed, { maxTokens: 30, long });
  expect(take("cut").counts).toEqual({ shortened: 1, leftOut: 1, same: 1, empty: 1 });
  expect(take("leave out").counts).toEqual({ shortened: 0, leftOut: 2, same: 1, empty: 1 });
  expect(take("leave out").rows).toHaveLength(1);
  expect(() => take("refuse")).toThrow(
    /pair 1 has a passage of \d+ tokens and a continuation of \d+: more than maxTokens, 30/,
  );
  await expect(reward(mixed.slice(2))).rejects.toThrow(
    "none of 3 pairs is left: 1 too long, 1 with the same text on both sides, 1 with an empty one, with maxTokens 40",
  );
});

test("ties only, no pairs, one pair, a batch larger than the set", async () => {
  const tied = pairs.map((p) => ({ ...p, pB: 0.5 }));
  await expect(reward(tied)).rejects.toThrow(
    "none of the 18 others has a weight and a label further than 0.05 from 1/2",
  );
  await expect(reward([])).rejects.toThrow("none of 0 pairs can be learned from");
  const one = await reward(pairs.slice(0, 1), { epochs: 3, batch: 8 });
  expect(one.logged).toHaveLength(3);
  const { scale, ...figures } = one.metrics;
  expect(scale).toBeGreaterThan(0);
  expect(figures).toEqual({ step: 3, pairs: 1, shortened: 0, leftOut: 0, same: 0, empty: 0 }); // nothing was held out: no accuracy
  // five pairs, batches of eight: as batches of the five, none twice
  const few = await reward(pairs.slice(0, 5), { batch: 8, validation: 0 });
  const same = await reward(pairs.slice(0, 5), { batch: 5, validation: 0 });
  expect(few.logged.map((m) => m["loss"])).toEqual(same.logged.map((m) => m["loss"]));
  // batches of two: the last pair makes one of its own, and none is left out
  expect((await reward(pairs.slice(0, 5), { batch: 2, validation: 0 })).logged).toHaveLength(3);
});

test("a pair of weight 0 is left out; of weight 2 it counts as if it stood there twice", async () => {
  const { logged } = await reward(pairs, { validation: 0, batch: 24 });
  const none = { ...pairs[0]!, pB: 0.97, weight: 0 };
  const without = await reward([...pairs, none], { validation: 0, batch: 25 });
  expect(without.metrics["pairs"]).toBe(24);
  expect(without.logged[0]!["loss"]).toBeCloseTo(logged[0]!["loss"]!, 5);
  const [first, ...others] = pairs;
  const twice = await reward([first!, ...pairs], { validation: 0, batch: 25 });
  const double = await reward([{ ...first!, weight: 2 }, ...others], { validation: 0, batch: 24 });
  expect(double.logged[0]!["loss"]).toBeCloseTo(twice.logged[0]!["loss"]!, 5);
  expect(double.logged[0]!["gradNorm"]).toBeCloseTo(twice.logged[0]!["gradNorm"]!, 4);
});

test("validation on ties alone has a loss and no accuracy", async () => {
  const tied = pairs.map((p) => ({ ...p, pB: p.pB > 0.5 ? 0.6 : 0.4 }));
  const { metrics } = await reward(tied);
  expect(metrics).toHaveProperty("validationLoss");
  expect(metrics).not.toHaveProperty("validationAccuracy");
});

test("configurations that learn nothing of what they sample are refused with numbers", () => {
  expect(() => PpoConfig.parse({ batch: 64, minibatch: 48 })).toThrow(
    "minibatch 48 does not divide batch 64: 16 episodes",
  );
  expect(() => PpoConfig.parse({ batch: 8 })).toThrow("minibatch 64 does not divide batch 8");
  expect(() => Continuation.parse({ maxTokens: 8 })).toThrow(
    "a continuation of maxTokens 8 never ends at minTokens 12",
  );
  expect(Continuation.parse({ maxTokens: 12 }).minTokens).toBe(12);
});

test("the older name of the missing-EOS penalty means the same, and parses the same a second time", () => {
  expect(PpoConfig.parse({}).missingEosPenalty).toBe(1);
  for (const [unendedScore, missingEosPenalty] of [
    [-1, 1],
    [-2.5, 2.5],
    [0, 0],
    [0.5, -0.5],
  ] as const) {
    const read = PpoConfig.parse({ unendedScore });
    expect(read).toEqual(PpoConfig.parse({ missingEosPenalty }));
    expect(read).not.toHaveProperty("unendedScore");
    expect(PpoConfig.parse(read)).toEqual(read); // a job's input is parsed where it is called and where it runs
  }
  expect(PpoConfig.parse({ unendedScore: -2, missingEosPenalty: 2 }).missingEosPenalty).toBe(2);
  expect(() => PpoConfig.parse({ unendedScore: -2, missingEosPenalty: 3 })).toThrow(
    /older name of missingEosPenalty 2, and missingEosPenalty is 3/,
  );
});

/** the base with a head of these values, as a reward model */
async function judge(weight: (i: number) => number, folder = base): Promise<string> {
  const to = out();
  using t = await Trainer.open(folder, { heads: headSpecs((await loadModel(folder)).shape) });
  t.model.state.get("score.weight").data.forEach((_, i, all) => (all[i] = weight(i)));
  await t.saveModel(to);
  return to;
}
const rows = { prompts: ["The ship lay still.", "Call me."].map((prompt) => ({ prompt })) };
const ppo = (rm: string, c: Context, config: object = {}, continuation: object = {}) =>
  runJob(
    ppoJob,
    {
      config: { iterations: 2, batch: 4, minibatch: 4, saveEvery: 1, ...config },
      continuation: { maxTokens: 6, minTokens: 6, ...continuation },
      base,
      reward: rm,
      prompts: "prompts",
      maxPrompt: 16,
      seed: 1,
    },
    c.job,
  );

test("PPO: equal rewards go through and are seen as such; a judge that is not finite, or of other tokens, is refused", async () => {
  const equal = context(rows);
  await ppo(await judge(() => 0), equal);
  for (const m of equal.metrics) expect(Object.values(m).every(Number.isFinite)).toBe(true);
  const unended = context(rows);
  await ppo(await judge(() => 0), unended, {}, { maxTokens: 1, minTokens: 1 });
  expect(unended.metrics[0]!["scoreSpread"]).toBeLessThan(1);
  await expect(ppo(await judge(() => Number.NaN), context(rows))).rejects.toThrow(
    /the reward model \S+ gives NaN to row 0 of \d, a continuation of \d tokens/,
  );
  const other = path.join(dir, "other-tokens");
  cpSync(base, other, { recursive: true });
  const file = path.join(other, "tokenizer.json");
  const json = JSON.parse(readFileSync(file, "utf8"));
  const vocab = json.model.vocab as Record<string, number>;
  const [x, y] = Object.keys(vocab).slice(40, 42) as [string, string];
  [vocab[x], vocab[y]] = [vocab[y]!, vocab[x]!];
  writeFileSync(file, JSON.stringify(json));
  await expect(ppo(await judge((i) => i / 100, other), context(rows))).rejects.toThrow(
    /token \d+ is ".+" to the base .* and ".+" to the reward model/,
  );
}, 60_000);

test("PPO killed after its last iteration reports that iteration's figures, not zeros; stopped by KL, it stays stopped", async () => {
  const rm = await judge((i) => i / 50);
  const straight = await ppo(rm, context(rows));
  const { job } = context(rows);
  let passes = 0;
  const dying = {
    ...job,
    fault: (point: string) => {
      if (point === "ppo.iteration" && ++passes === 2) throw new Error("killed");
    },
  };
  await expect(ppo(rm, { job: dying, metrics: [] })).rejects.toThrow("killed");
  expect((await ppo(rm, { job, metrics: [] })).metrics).toEqual(straight.metrics);
  expect(straight.metrics["kl"]).not.toBe(0);

  const far = { iterations: 9, lr: 0.05, stopKl: 0.5 };
  const first = context(rows);
  await ppo(rm, first, far);
  expect(first.metrics.length).toBeLessThan(9);
  const more: number[] = [];
  await ppo(
    rm,
    { job: { ...first.job, metric: (step) => void more.push(step) }, metrics: [] },
    far,
  );
  expect(more).toEqual([]);
}, 60_000);
