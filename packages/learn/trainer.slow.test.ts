/** The trainer: what does not change a result (parts, padding), what is kept (kill and resume), what is refused (NaN). */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { classifierSpecs, headSpecs, shapeOf } from "@tiller/lm";
import {
  gather,
  log,
  mean,
  mul,
  neg,
  sqrt,
  sub,
  sum,
  type Tensor,
  tokenLogprobs,
} from "@tiller/tensor";
import {
  bucket,
  comparisonLoss,
  type Loss,
  nextTokenLoss,
  nextTokens,
  rateAt,
  tokens,
  Trainer,
  weightOf,
} from "./index.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-trainer-"));
const base = path.join(dir, "base");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const config = smallConfig({ layers: 2, positions: 96 });
beforeAll(() => saveSmallModel(base, config));

const texts = [
  "Call me Ishmael.",
  "The sea was calm that morning, and the men sang.",
  "No.",
  "A whale!",
];
const rowsOf = (t: Trainer) => texts.map((s) => ({ tokens: t.model.tokenizer.encode(s) }));
const gradients = (t: Trainer) =>
  new Map(t.model.specs.map((s) => [s.name, t.model.state.get(`g:${s.name}`).data.slice()]));
/** the largest difference, relative to the largest value of that tensor */
const apart = (a: Map<string, Float32Array>, b: Map<string, Float32Array>) =>
  Math.max(
    ...[...a].map(([name, x]) => {
      const y = b.get(name)!;
      const most = x.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-6);
      return x.reduce((m, v, i) => Math.max(m, Math.abs(v - y[i]!)), 0) / most;
    }),
  );

test("how a batch is split or padded changes neither loss nor gradient (to 1e-5)", async () => {
  const run = async (o: { micro?: number; length?: number; halves?: boolean }) => {
    using t = await Trainer.open(base);
    const rows = rowsOf(t);
    let loss = 0;
    if (o.halves) {
      const parts = [rows.slice(0, 1), rows.slice(1)].map((r) => nextTokens(r));
      const total = parts.map(weightOf).reduce((a, b) => a + b);
      for (const batch of parts) {
        const scale = weightOf(batch) / total;
        loss += scale * t.forwardBackward(batch, nextTokenLoss, { scale }).loss;
      }
    } else
      loss = t.forwardBackward(nextTokens(rows, o), nextTokenLoss, {
        ...(o.micro && { micro: o.micro }),
        normaliser: weightOf,
      }).loss;
    return { loss, d: gradients(t) };
  };
  const whole = await run({});
  for (const o of [{ micro: 1 }, { micro: 3 }, { length: 64 }, { halves: true }]) {
    const other = await run(o);
    expect(other.loss, JSON.stringify(o)).toBeCloseTo(whole.loss, 5);
    expect(apart(whole.d, other.d), JSON.stringify(o)).toBeLessThan(1e-5);
  }
});

test("it learns; sampled log-probs are those of the same tokens read at once", async () => {
  using t = await Trainer.open(base, { optimiser: { kind: "lion" }, seed: 5 });
  const rows = rowsOf(t);
  const batch = nextTokens(rows);
  const losses = [];
  for (let i = 1; i <= 30; i++) {
    losses.push(t.forwardBackward(batch, nextTokenLoss).loss);
    expect(t.optimStep({ lr: 5e-3 }).gradNorm).toBeGreaterThan(0);
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  const prompts = rows.map((r) => r.tokens.slice(0, 1));
  const drawn = t.sample(prompts, { maxTokens: 5, temperature: 0.7 });
  const read = t.logprobs(
    prompts.map((query, b) => ({ query, response: drawn.tokens[b]! })),
    { temperature: 0.7 },
  );
  drawn.logprobs.flat().forEach((l, i) => expect(Math.abs(l - read.flat()[i]!)).toBeLessThan(1e-5));
  expect(t.sample(prompts, { maxTokens: 5 }).tokens).not.toEqual(drawn.tokens); // the generator went on
});

describe("killed and resumed", () => {
  const script = fileURLToPath(new URL("fixtures/trainer-run.ts", import.meta.url));
  const run = (file: string, ...more: string[]) =>
    promisify(execFile)(process.execPath, [script, base, path.join(dir, file), "6", ...more]);
  let straight: Buffer;
  beforeAll(async () => {
    await run("straight");
    straight = readFileSync(path.join(dir, "straight"));
  }, 60_000);
  test.each(["between losses", "before saving", "while saving"])(
    "%s: weights, moments, averages, generator, cursor and losses are those of a straight run, bit for bit",
    async (point) => {
      const file = point.replaceAll(" ", "-");
      await expect(run(file, point, "3")).rejects.toMatchObject({ signal: "SIGKILL" });
      await run(file);
      expect(readFileSync(path.join(dir, file)).equals(straight)).toBe(true);
    },
    60_000,
  );
  test("waiting gradients are part of the state", async () => {
    const take = async (save: boolean) => {
      using t = await Trainer.open(base);
      t.forwardBackward(nextTokens(rowsOf(t)), nextTokenLoss);
      const file = path.join(dir, "pending");
      if (save) await t.saveState(file);
      using u = save ? await Trainer.open(base) : t;
      if (save) await u.loadState(file, (await import("zod")).z.null());
      u.optimStep({ lr: 1e-3 });
      return u.model.state.get("wte.weight").data.slice();
    };
    expect(
      Buffer.from((await take(true)).buffer).equals(Buffer.from((await take(false)).buffer)),
    ).toBe(true);
  });
});

describe("what is not finite", () => {
  const snapshot = (t: Trainer) => t.model.specs.map((s) => t.model.state.get(s.name).data.slice());
  const one = { x: { shape: [2, 2], data: [1, 2, 3, -4] } };
  const spoiled: Loss = ({ batch, params }) => ({
    loss: mul(sum(log(batch["x"]!)), mean(params.get("wpe.weight")!)),
  });
  const steep: Loss = ({ params }) => {
    const w = params.get("ln_f.bias")!;
    return { loss: sum(sqrt(sub(w, w))) }; // 0, with an infinite slope
  };
  test("a loss names the operation and where, and adds nothing", async () => {
    using t = await Trainer.open(base);
    t.forwardBackward(nextTokens(rowsOf(t)), nextTokenLoss);
    const before = snapshot(t);
    expect(() => t.forwardBackward(one, spoiled)).toThrow(
      /the loss of step 1 is not finite: Log \(2,2\) gives NaN at \[1, 1\], from x \(2,2\)\. The weights are as they were/,
    );
    expect(snapshot(t)).toEqual(before);
    expect(() => t.optimStep({ lr: 1 })).toThrow("there is no gradient to step by");
    t.forwardBackward(nextTokens(rowsOf(t)), nextTokenLoss); // and it goes on
    expect(Number.isFinite(t.optimStep({ lr: 1e-3 }).gradNorm)).toBe(true);
  });
  test("a gradient names its parameter and the operation behind it", async () => {
    using t = await Trainer.open(base);
    const before = snapshot(t);
    t.forwardBackward({ none: { shape: [1], data: [0] } }, steep);
    expect(() => t.optimStep({ lr: 1 })).toThrow(
      /the gradient of step 1 is not finite: the gradient of ln_f\.bias \(32\) is not; first Div \(32\) gives (NaN|Infinity) at \[0\]/,
    );
    expect(snapshot(t)).toEqual(before);
    expect(t.step).toBe(0);
  });
  test("a bad weight is named as such", async () => {
    using t = await Trainer.open(base);
    t.model.state.get("h.1.mlp.c_fc.weight").data[5] = NaN;
    expect(() => t.forwardBackward(nextTokens(rowsOf(t)), nextTokenLoss)).toThrow(
      "state h.1.mlp.c_fc.weight (32,128) is NaN at [0, 5]",
    );
  });
});

test("adapters learn beside a base that stays; the saved model has them merged; the average is another model", async () => {
  using t = await Trainer.open(base, { lora: { rank: 4 }, ema: 0.5 });
  const batch = nextTokens(rowsOf(t));
  const before = t.model.specs.map((s) => t.model.state.get(s.name).data.slice());
  const first = t.forwardBackward(batch, nextTokenLoss).loss;
  t.optimStep({ lr: 1e-2 });
  for (let i = 0; i < 4; i++) {
    t.forwardBackward(batch, nextTokenLoss);
    t.optimStep({ lr: 1e-2 });
  }
  expect(t.model.specs.map((s) => t.model.state.get(s.name).data.slice())).toEqual(before);
  const { loss } = t.forwardBackward(batch, nextTokenLoss);
  const lossOf = async (name: string, o: { ema?: boolean }) => {
    await t.saveModel(path.join(dir, name), o);
    using saved = await Trainer.open(path.join(dir, name));
    return saved.forwardBackward(batch, nextTokenLoss).loss;
  };
  expect(loss).toBeLessThan(first - 0.05);
  expect(await lossOf("merged", {})).toBeCloseTo(loss, 4);
  const averaged = await lossOf("averaged", { ema: true });
  expect(averaged).toBeGreaterThan(loss);
  expect(averaged).toBeLessThan(first);
});

test("a reward head learns which of two texts is better", async () => {
  using t = await Trainer.open(base, { heads: headSpecs(shapeOf(config)) });
  const pairs = [
    ["hope and joy", "war and death"],
    ["a good day", "a bad night"],
  ].map((p) => p.map((s) => t.model.tokenizer.encode(s)));
  const T = bucket(Math.max(...pairs.flat().map((r) => r.length)));
  const ids = tokens(pairs.flat(), T);
  const batch = {
    ids: { ...ids, shape: [2, 2, T] },
    last: {
      shape: [2, 2],
      data: pairs.flat().map((r, i) => i * T + r.length - 1),
      dtype: "int64" as const,
    },
    p: { shape: [2], data: [0, 0] }, // the first is better
  };
  for (let i = 0; i < 20; i++) {
    t.forwardBackward(batch, comparisonLoss);
    t.optimStep({ lr: 3e-3 });
  }
  const { metrics, loss } = t.forwardBackward(batch, comparisonLoss);
  const r = metrics["rewards"]!;
  expect(r[0]).toBeGreaterThan(r[1]!);
  expect(r[2]).toBeGreaterThan(r[3]!);
  expect(loss).toBeLessThan(0.2);
});

test("a classifier learns kinds of text, and is saved with its head", async () => {
  const words = ["sea", "land", "sky"];
  const kindLoss: Loss = ({ batch, hidden, classes }) => {
    const logits = classes(gather(hidden(batch["ids"]!), batch["last"]!));
    return { loss: neg(mean(tokenLogprobs(logits, batch["kind"]!))), metrics: { logits } };
  };
  const heads = classifierSpecs(shapeOf(config), 3);
  const out = path.join(dir, "classifier");
  const batchOf = (t: Trainer) => {
    const rows = words.map((w) => t.model.tokenizer.encode(`I see the ${w}`));
    const long = (data: number[]) => ({ shape: [3], data, dtype: "int64" as const });
    return {
      ids: tokens(rows, 16),
      last: long(rows.map((r, b) => 16 * b + r.length - 1)),
      kind: long([0, 1, 2]),
    };
  };
  let logits: Float32Array;
  {
    using t = await Trainer.open(base, { heads });
    for (let i = 0; i < 25; i++) {
      t.forwardBackward(batchOf(t), kindLoss);
      t.optimStep({ lr: 3e-3 });
    }
    logits = t.forwardBackward(batchOf(t), kindLoss).metrics["logits"]!;
    await t.saveModel(out);
  }
  for (const b of [0, 1, 2]) {
    const row = logits.subarray(3 * b, 3 * b + 3);
    expect(row.indexOf(Math.max(...row))).toBe(b);
  }
  using again = await Trainer.open(out);
  expect(again.forwardBackward(batchOf(again), kindLoss).metrics["logits"]).toEqual(logits);
});

test("the stream and the attention of every block can be looked at", async () => {
  using t = await Trainer.open(base);
  const batch = {
    ids: tokens(
      rowsOf(t).map((r) => r.tokens),
      16,
    ),
  };
  const { metrics } = t.forwardBackward(batch, ({ batch, hidden }) => {
    const watched: Record<string, Tensor> = {};
    const last = hidden(batch["ids"]!, { watch: (name, x) => (watched[name] = x) });
    return { loss: mean(last), metrics: { ...watched, last } };
  });
  expect(Object.keys(metrics).toSorted()).toEqual([
    "attention.0",
    "attention.1",
    "hidden.0",
    "hidden.1",
    "hidden.2",
    "last",
  ]);
  const [B, T, H, d] = [texts.length, 16, 2, 32];
  expect(metrics["hidden.1"]!.length).toBe(B * T * d);
  const attention = metrics["attention.1"]!; // (B, H, T, T): each row sums to 1 and sees nothing ahead
  expect(attention.length).toBe(B * H * T * T);
  for (let r = 0; r < B * H * T; r++) {
    const row = attention.subarray(r * T, (r + 1) * T);
    expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    expect(row.subarray((r % T) + 1).every((w) => w === 0)).toBe(true);
  }
  // token and position embeddings
  const { state } = t.model;
  const [id] = batch.ids.data as ArrayLike<number> as [number];
  const first = state.get("wte.weight").data.subarray(id * d, (id + 1) * d);
  const place = state.get("wpe.weight").data.subarray(0, d);
  first.forEach((x, i) => expect(metrics["hidden.0"]![i]).toBeCloseTo(x + place[i]!, 6));
});

test("recomputing the blocks changes no gradient; dropout does, by the generator alone", async () => {
  const run = async (o: object) => {
    using t = await Trainer.open(base, { seed: 4, ...o });
    const { loss } = t.forwardBackward(nextTokens(rowsOf(t)), nextTokenLoss);
    return { loss, d: gradients(t) };
  };
  const plain = await run({});
  const again = await run({ recompute: true });
  expect(again.loss).toBe(plain.loss);
  expect(apart(plain.d, again.d)).toBeLessThan(1e-6);
  const dropped = await run({ dropout: 0.2 });
  expect(apart(plain.d, dropped.d)).toBeGreaterThan(0.01);
  const both = await run({ dropout: 0.2, recompute: true });
  expect(both.loss).toBe(dropped.loss);
  expect(apart(dropped.d, both.d)).toBeLessThan(1e-6);
});

test("schedules at their corners", () => {
  const at = (o: object, step: number) =>
    rateAt({ shape: "cosine", steps: 110, warmup: 10, end: 0.1, ...o }, step);
  expect([1, 5, 10].map((s) => at({}, s))).toEqual([0.1, 0.5, 1]);
  expect(at({}, 60)).toBeCloseTo(0.55, 12); // half way: (1 + 0.1) / 2
  expect([110, 500].map((s) => at({}, s))).toEqual([0.1, 0.1]);
  expect(at({ shape: "linear" }, 35)).toBeCloseTo(0.1 + 0.9 * 0.75, 12);
  expect(at({ shape: "constant" }, 109)).toBe(1);
  expect(at({ warmup: 0, end: 0 }, 110)).toBeCloseTo(0, 12);
});

test("mistakes are told in shapes", async () => {
  using t = await Trainer.open(base);
  expect(() => t.forwardBackward(nextTokens(rowsOf(t)), nextTokenLoss, { micro: 0 })).toThrow(
    "micro is 0: rows at a time must be a whole number above 0",
  );
  const id = { shape: [2, 3], data: [1, 2, 3, 4, 5, 6] };
  expect(() =>
    t.forwardBackward({ a: id, b: { shape: [3], data: [1, 2, 3] } }, nextTokenLoss),
  ).toThrow("b is (3), the first has 2");
  expect(() => t.forwardBackward({ a: id }, ({ batch }) => ({ loss: batch["a"]! }))).toThrow(
    "the loss is (2,3). Sum it or take its mean.",
  );
  await expect(
    Trainer.open(base, { optimiser: { kind: "sgd", groups: [{ names: "*", frozen: true }] } }),
  ).rejects.toThrow("every parameter is frozen");
});
