/** What the jobs feed their models: the same tokens as serving, none cut or left out in silence. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { encodeAfter, encodePrompt, headSpecs, Sampler } from "@tiller/lm";
import type { JobContext } from "@tiller/schema";
import { evaluate } from "./evaluate.ts";
import { Continuation, loadModel, Scorer } from "./model.ts";
import { ppo, PpoConfig } from "./ppo.ts";
import { encodePairs, RewardConfig, trainReward } from "./reward.ts";
import { sample } from "./sample.ts";
import { Trainer } from "./trainer.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-prompts-"));
const base = path.join(dir, "base");
beforeAll(() => saveSmallModel(base, smallConfig({ layers: 1, positions: 64 })));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let jobs = 0;
function context() {
  const metrics: Record<string, number>[] = [];
  const job: JobContext = {
    dir: path.join(dir, `job-${++jobs}`),
    home: dir,
    progress: () => {},
    metric: (_, values) => void metrics.push(values),
    sample: () => {},
    fault: () => {},
    signal: new AbortController().signal,
  };
  return { job, metrics };
}
const out = () => path.join(dir, `out-${++jobs}`);
const pairs = Array.from({ length: 24 }, (_, i) => ({
  passage: "The sea was calm.",
  a: ` It was good ${i}.`,
  b: ` It was bad ${i}.`,
  pB: i % 2 ? 0.9 : 0.1,
}));
const reward = (o: object, config: object = {}) => ({
  config: RewardConfig.parse({ epochs: 1, batch: 4, validation: 0.25, ...config }),
  base,
  pairs,
  maxTokens: 40,
  seed: 1,
  out: out(),
  ...o,
});

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
  const continuation = Continuation.parse({ maxTokens: 8, minTokens: 2 });
  await sample(
    { checkpoint: folder, prompts, each: 1, continuation, seed: 1, batch: 3 },
    context().job,
  );
  expect(asked()).toEqual(new Set(served.map((ids) => ids.join())));
  const { path: rm } = await trainReward(reward({ base: folder }), context().job);
  expect(scored.mock.calls[0]![0][0]!.query).toEqual([
    bos,
    ...tokenizer.encode("The sea was calm."),
  ]);
  const rest = { continuation, base: folder, reward: rm, prompts, maxPrompt: 8, seed: 1 };
  scored.mockClear();
  const config = PpoConfig.parse({ iterations: 1, batch: 16, minibatch: 8 });
  await ppo({ ...rest, config, out: out() }, context().job);
  expect(asked()).toEqual(new Set(cut.map((ids) => ids.join())));
  await evaluate({ ...rest, policy: folder, bestOf: 1, batch: 3 }, context().job);
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
    const { job, metrics } = context();
    const { metrics: saved } = await trainReward(reward({ pairs: long }), job);
    expect(metrics[0]).toMatchObject({ shortened, leftOut: 0, same: 0, empty: 0 });
    expect(saved).toMatchObject({ shortened, pairs: 18 });
    expect(metrics.every((m) => m["gradNorm"]! > 0)).toBe(true);
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
  await expect(trainReward(reward({ pairs: mixed.slice(2) }), context().job)).rejects.toThrow(
    "none of 3 pairs is left: 1 too long, 1 with the same text on both sides, 1 with an empty one, with maxTokens 40",
  );
});

test("ties only, no pairs, one pair, a batch larger than the set", async () => {
  const tied = pairs.map((p) => ({ ...p, pB: 0.5 }));
  await expect(trainReward(reward({ pairs: tied }), context().job)).rejects.toThrow(
    "none of the 18 others has a label further than 0.05 from 1/2",
  );
  await expect(trainReward(reward({ pairs: [] }), context().job)).rejects.toThrow(
    "none of 0 pairs can be learned from",
  );
  const one = context();
  const { metrics } = await trainReward(
    reward({ pairs: pairs.slice(0, 1) }, { epochs: 3, batch: 8 }),
    one.job,
  );
  expect(one.metrics).toHaveLength(3);
  expect(metrics).toEqual({ pairs: 1, shortened: 0, leftOut: 0, same: 0, empty: 0 }); // nothing was held out: no accuracy
  // five pairs, batches of eight: as batches of the five, none twice
  const few = context();
  await trainReward(reward({ pairs: pairs.slice(0, 5) }, { batch: 8, validation: 0 }), few.job);
  const same = context();
  await trainReward(reward({ pairs: pairs.slice(0, 5) }, { batch: 5, validation: 0 }), same.job);
  expect(few.metrics.map((m) => m["loss"])).toEqual(same.metrics.map((m) => m["loss"]));
});

test("validation on ties alone has a loss and no accuracy", async () => {
  const tied = pairs.map((p) => ({ ...p, pB: p.pB > 0.5 ? 0.6 : 0.4 }));
  const { metrics } = await trainReward(reward({ pairs: tied }), context().job);
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

/** the base with a head of these values, as a reward model */
async function judge(weight: (i: number) => number, folder = base): Promise<string> {
  const to = out();
  using t = await Trainer.open(folder, { heads: headSpecs((await loadModel(folder)).shape) });
  t.model.state.get("score.weight").data.forEach((_, i, all) => (all[i] = weight(i)));
  await t.saveModel(to);
  return to;
}
const input = (rm: string, config: object = {}) => ({
  config: PpoConfig.parse({ iterations: 2, batch: 4, minibatch: 4, saveEvery: 1, ...config }),
  continuation: Continuation.parse({ maxTokens: 6, minTokens: 6 }),
  base,
  reward: rm,
  prompts: ["The ship lay still.", "Call me."],
  maxPrompt: 16,
  seed: 1,
  out: out(),
});

test("PPO: equal rewards go through and are seen as such; a judge that is not finite, or of other tokens, is refused", async () => {
  const equal = context();
  await ppo(input(await judge(() => 0)), equal.job);
  for (const m of equal.metrics) expect(Object.values(m).every(Number.isFinite)).toBe(true);
  const unended = context();
  await ppo(
    {
      ...input(await judge(() => 0)),
      continuation: Continuation.parse({ maxTokens: 1, minTokens: 1 }),
    },
    unended.job,
  );
  expect(unended.metrics[0]!["scoreSpread"]).toBeLessThan(1);
  await expect(ppo(input(await judge(() => Number.NaN)), context().job)).rejects.toThrow(
    /the reward model \S+ gives NaN to episode 0 of iteration 1/,
  );
  const other = path.join(dir, "other-tokens");
  cpSync(base, other, { recursive: true });
  const file = path.join(other, "tokenizer.json");
  const json = JSON.parse(readFileSync(file, "utf8"));
  const vocab = json.model.vocab as Record<string, number>;
  const [x, y] = Object.keys(vocab).slice(40, 42) as [string, string];
  [vocab[x], vocab[y]] = [vocab[y]!, vocab[x]!];
  writeFileSync(file, JSON.stringify(json));
  await expect(ppo(input(await judge((i) => i / 100, other)), context().job)).rejects.toThrow(
    /token \d+ is ".+" to the base .* and ".+" to the reward model/,
  );
}, 60_000);

test("PPO killed after its last iteration reports that iteration's figures, not zeros; stopped by KL, it stays stopped", async () => {
  const rm = await judge((i) => i / 50);
  const straight = await ppo(input(rm), context().job);
  const { job } = context();
  let passes = 0;
  const dying = {
    ...job,
    fault: (point: string) => {
      if (point === "ppo.iteration" && ++passes === 2) throw new Error("killed");
    },
  };
  const killed = input(rm);
  await expect(ppo(killed, dying)).rejects.toThrow("killed");
  expect((await ppo(killed, job)).metrics).toEqual(straight.metrics);
  expect(straight.metrics["kl"]).not.toBe(0);

  const far = input(rm, { iterations: 9, lr: 0.05, stopKl: 0.5 });
  const first = context();
  await ppo(far, first.job);
  expect(first.metrics.length).toBeLessThan(9);
  const again: number[] = [];
  await ppo(far, { ...first.job, metric: (step) => void again.push(step) });
  expect(again).toEqual([]);
}, 60_000);
