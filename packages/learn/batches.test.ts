/** What a batch may hold, and what splitting it changes: nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { classifierSpecs, headSpecs, shapeOf } from "@tiller/lm";
import { gather, mean, mul, neg, reshape, sizeOf, sum, tokenLogprobs } from "@tiller/tensor";
import {
  type Batch,
  comparisonLoss,
  type Loss,
  nextTokenLoss,
  nextTokens,
  rowsAt,
  tokens,
  Trainer,
  weightOf,
} from "./index.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-batches-"));
const base = path.join(dir, "base");
const config = smallConfig({ layers: 1, positions: 64 });
const V = 4096;
beforeAll(() => saveSmallModel(base, config));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const rows = [
  [5, 9, 33, 7, 2],
  [8, 1, 2],
  [4, 200, 13, 13, 13, 900, 4095],
  [1, 2],
  [77, 3, 0, 6],
].map((t) => ({ tokens: t }));
const gradients = (t: Trainer) =>
  new Map(t.model.specs.map((s) => [s.name, t.model.state.get(`g:${s.name}`).data.slice()]));
function expectSame(a: Map<string, Float32Array>, b: Map<string, Float32Array>): void {
  for (const [name, x] of a) {
    const most = x.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-6);
    const gap = x.reduce((m, v, i) => Math.max(m, Math.abs(v - b.get(name)![i]!)), 0);
    expect(gap / most, name).toBeLessThan(1e-5);
  }
}
const relabelled = (batch: Batch, at: number, label: number): Batch => {
  const data = Int32Array.from(batch["labels"]!.data);
  data[at] = label;
  return { ...batch, labels: { ...batch["labels"]!, data } };
};
/** the same loss by the whole logits */
const byLogits: Loss = ({ batch, hidden, logits }) => {
  const z = logits(hidden(batch["ids"]!));
  const [n] = z.shape as [number];
  const w = reshape(batch["weights"]!, [n]);
  return { loss: neg(sum(mul(tokenLogprobs(z, reshape(batch["labels"]!, [n])), w))) };
};

test("a label of -100 counts for nothing: as if its weight were 0, in the mean too", async () => {
  const run = async (batch: Batch, o = {}) => {
    using t = await Trainer.open(base);
    const { loss, metrics } = t.forwardBackward(batch, nextTokenLoss, o);
    return { loss, metrics, d: gradients(t) };
  };
  const batch = nextTokens(rows);
  const ignored = relabelled(batch, 1, -100);
  const weights = Float32Array.from(batch["weights"]!.data);
  weights[1] = 0;
  const unweighted = { ...batch, weights: { ...batch["weights"]!, data: weights } };
  expect(weightOf(ignored)).toBe(weightOf(batch) - 1);
  const [a, b] = [await run(ignored), await run(unweighted)];
  expect(a.loss).toBeCloseTo(b.loss, 6);
  expect(Math.abs(a.metrics["logprobs"]![1]!)).toBe(0);
  expectSame(b.d, a.d);
  for (const micro of [1, 2]) {
    const c = await run(ignored, { micro });
    expect(c.loss).toBeCloseTo(b.loss, 5);
    expectSame(b.d, c.d);
  }
});

test.each([-1, -101, V, V + 5, -V - 1])(
  "label or id %d is refused with its place, and nothing is learned",
  async (bad) => {
    using t = await Trainer.open(base);
    const batch = nextTokens(rows);
    for (const loss of [nextTokenLoss, byLogits])
      for (const micro of [5, 1])
        expect(() => t.forwardBackward(relabelled(batch, 33, bad), loss, { micro })).toThrow(
          `is ${bad} at [${micro === 5 ? 2 : 0}, 1]`,
        );
    const ids = Int32Array.from(batch["ids"]!.data);
    ids[17] = bad;
    expect(() =>
      t.forwardBackward({ ...batch, ids: { ...batch["ids"]!, data: ids } }, nextTokenLoss),
    ).toThrow(`input ids (5,16) is ${bad} at [1, 1]: ids must be whole numbers, 0 to ${V - 1}.`);
    expect(() => t.optimStep({ lr: 1 })).toThrow("there is no gradient");
    expect(() => t.sample([[bad]], { maxTokens: 2 })).toThrow(`is ${bad} at [0, 0]`);
    expect(() => t.logprobs([{ query: [1], response: [bad] }])).toThrow(`is ${bad} at`);
  },
);

test("parts add up to the whole without being told how: uneven ones, and one where nothing counts", async () => {
  const odd = [...rows.slice(0, 2), { tokens: [3, 4, 5], from: 3 }, ...rows.slice(2)];
  const run = async (micro?: number) => {
    using t = await Trainer.open(base);
    const { loss, metrics } = t.forwardBackward(
      nextTokens(odd),
      nextTokenLoss,
      micro ? { micro } : {},
    );
    return { loss, metrics: metrics["logprobs"]!, d: gradients(t) };
  };
  const whole = await run();
  for (const micro of [1, 2, 4]) {
    const parts = await run(micro);
    expect(parts.loss, `micro ${micro}`).toBeCloseTo(whole.loss, 5);
    expectSame(whole.d, parts.d);
    expect(parts.metrics).toHaveLength(whole.metrics.length); // a row keeps its place
    for (const at of [0, 1, 5 * 16]) expect(parts.metrics[at]).toBeCloseTo(whole.metrics[at]!, 5);
  }
});

const texts = [
  [
    [1, 2, 3, 4],
    [1, 2, 9],
  ],
  [
    [7, 7, 7],
    [7, 8, 9, 10, 11],
  ],
  [[5], [6, 6]],
];
const T = 16;
const compared = (last: (length: number, i: number) => number): Batch => ({
  ids: { ...tokens(texts.flat(), T), shape: [3, 2, T] },
  last: { shape: [3, 2], data: texts.flat().map((x, i) => last(x.length, i)), dtype: "int64" },
  p: { shape: [3], data: [0.8, 0.3, 0.5] },
});
const inAll = compared((length, i) => i * T + length - 1);
const heads = headSpecs(shapeOf(config));

test("compared texts in parts add up to the whole; the reward is read at each text's own last token", async () => {
  const run = async (batch: Batch, micro?: number) => {
    using t = await Trainer.open(base, { heads, seed: 9 });
    const { loss, metrics } = t.forwardBackward(batch, comparisonLoss, micro ? { micro } : {});
    return { loss, rewards: metrics["rewards"]!, d: gradients(t) };
  };
  const whole = await run(inAll);
  for (const [batch, micro] of [
    [inAll, 1],
    [inAll, 2],
    [compared((length) => length - 1), 3],
    [compared((length) => length - 1), 1],
  ] as const) {
    const parts = await run(batch, micro);
    expect(parts.loss).toBeCloseTo(whole.loss, 6);
    parts.rewards.forEach((r, i) => expect(r).toBeCloseTo(whole.rewards[i]!, 5));
    expectSame(whole.d, parts.d);
  }
  // alone, unpadded, and read at its last token: the same reward
  using t = await Trainer.open(base, { heads, seed: 9 });
  const alone: Loss = ({ batch, hidden, scores }) => {
    const all = scores(hidden(batch["ids"]!));
    return { loss: mean(all), metrics: { all } };
  };
  texts.flat().forEach((x, i) => {
    const { all } = t.forwardBackward({ ids: tokens([x], x.length) }, alone).metrics as {
      all: Float32Array;
    };
    expect(all.at(-1)).toBeCloseTo(whole.rewards[i]!, 5);
  });
});

test("last tokens that lie in another text, or before the first, are refused", async () => {
  using t = await Trainer.open(base, { heads });
  const wrong = (at: number, place: number) => {
    const data = Array.from(inAll["last"]!.data);
    data[at] = place;
    return { ...inAll, last: { ...inAll["last"]!, data } };
  };
  for (const bad of [wrong(2, 5 * T), wrong(0, T), wrong(1, -1), wrong(5, 6 * T)])
    expect(() => t.forwardBackward(bad, comparisonLoss)).toThrow("pick a place that is not there");
});

test("a loss of one's own in parts: places in the rows by rowsAt, its weight by weigh", async () => {
  const own: Loss = Object.assign(
    ({ batch, hidden, classes }: Parameters<Loss>[0]) => {
      const { ids, at, kind } = batch;
      const z = classes(gather(hidden(ids!), rowsAt(at!, T)));
      return { loss: neg(mean(tokenLogprobs(z, kind!))), metrics: { z } };
    },
    { normaliser: (b: Batch) => sizeOf(b["kind"]!.shape) },
  );
  const flat = texts.flat();
  const batch: Batch = {
    ids: tokens(flat, T),
    at: { shape: [6], data: flat.map((x, i) => i * T + x.length - 1), dtype: "int64" },
    kind: { shape: [6], data: [0, 1, 2, 0, 1, 2], dtype: "int64" },
  };
  const run = async (micro: number) => {
    using t = await Trainer.open(base, {
      heads: classifierSpecs(shapeOf(config), 3),
      seed: 3,
    });
    const { loss, metrics } = t.forwardBackward(batch, own, { micro });
    return { loss, z: metrics["z"]!, d: gradients(t) };
  };
  const whole = await run(6);
  const parts = await run(4);
  expect(parts.loss).toBeCloseTo(whole.loss, 6);
  parts.z.forEach((v, i) => expect(v).toBeCloseTo(whole.z[i]!, 5));
  expectSame(whole.d, parts.d);
});

test("nothing to learn from, and steps that are no numbers, are refused", async () => {
  using t = await Trainer.open(base);
  expect(() => t.forwardBackward(nextTokens([]), nextTokenLoss)).toThrow("no rows");
  expect(() =>
    t.forwardBackward(nextTokens([{ tokens: [5] }, { tokens: [1, 2], from: 2 }]), nextTokenLoss),
  ).toThrow("weighs 0");
  t.forwardBackward(nextTokens(rows), nextTokenLoss);
  for (const lr of [Number.NaN, Infinity, -1])
    expect(() => t.optimStep({ lr })).toThrow(`learning rate of step 1 is ${lr}`);
  const { gradNorm } = t.optimStep({ lr: 0 });
  expect(gradNorm).toBeGreaterThan(0); // the gradient still waited
});
