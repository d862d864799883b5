/** Losses against committed values of PyTorch (fixtures/reference.py): the loss, its first gradient, and the loss after a step of AdamW. */
import { test } from "vitest";
import { z } from "zod";
import { expectTold, readReference, Told } from "./fixtures/reference-model.ts";
import { comparisonLoss, type Field, nextTokenLoss, nextTokens, tokens } from "./index.ts";
import { ppoLoss } from "./ppo-loss.ts";

const Tokens = z.array(z.int());
const Table = z.array(z.array(z.number()));

const rectangle = (rows: readonly (readonly number[])[]): Field => ({
  shape: [rows.length, rows[0]!.length],
  data: Float32Array.from(rows.flat()),
});

const sft = readReference(
  "sft",
  z.looseObject({
    rows: z.array(z.object({ prompt: Tokens, completion: Tokens })),
    completionOnly: Told,
    whole: Told,
  }),
);
test("supervised fine-tuning, over completions and over all tokens", () => {
  const rows = sft.rows.map((r) => ({
    tokens: [...r.prompt, ...r.completion],
    from: r.prompt.length,
  }));
  expectTold(sft.completionOnly, nextTokens(rows), nextTokenLoss);
  expectTold(sft.whole, nextTokens(rows.map((r) => ({ tokens: r.tokens }))), nextTokenLoss);
});

const reward = readReference(
  "reward",
  z.looseObject({
    pairs: z.array(z.object({ a: Tokens, b: Tokens })),
    pairwise: Told.extend({ pB: z.array(z.number()), weight: z.array(z.number()) }),
    pairwiseMean: Told.extend({ from: z.int() }),
  }),
);
test("reward models of pairs: read at the last token, soft labels and weights; averaged over tokens", () => {
  const texts = reward.pairs.flatMap(({ a, b }) => [a, b]);
  const [B, T] = [reward.pairs.length, 16];
  const ids = { ...tokens(texts, T), shape: [B, 2, T] };
  const numbers = (data: readonly number[]): Field => ({ shape: [B], data });
  const last: Field = { shape: [B, 2], data: texts.map((t) => t.length - 1), dtype: "int64" };
  const { pB, weight } = reward.pairwise;
  const batch = { ids, last, p: numbers(pB), weight: numbers(weight) };
  expectTold(reward.pairwise, batch, comparisonLoss, { head: true });

  const { from } = reward.pairwiseMean;
  const weights = texts.flatMap((text) =>
    Array.from({ length: T }, (_, t) =>
      t >= from && t < text.length ? 1 / (text.length - from) : 0,
    ),
  );
  const mean = { ids, weights: { shape: [B, 2, T], data: weights }, p: numbers(pB.map(() => 1)) };
  expectTold(reward.pairwiseMean, mean, comparisonLoss, { head: true });
});

const policy = readReference(
  "policy",
  z.looseObject({
    temperature: z.number(),
    episodes: z.array(z.object({ query: Tokens, response: Tokens })),
    oldLogprobs: Table,
    ppo: Told.extend({
      config: z.object({
        clip: z.number(),
        valueClip: z.number(),
        valueCoefficient: z.number(),
      }),
      oldValues: Table,
      advantages: Table,
      returns: Table,
    }),
  }),
);
test("PPO, policy and value on one trunk, with ratios and values on both sides of their clips", () => {
  const { episodes, oldLogprobs, temperature, ppo } = policy;
  const R = oldLogprobs[0]!.length;
  const at = episodes.map((e) =>
    Array.from({ length: R }, (_, t) => Math.min(15, e.query.length - 1 + t)),
  );
  const batch = {
    ids: tokens(
      episodes.map((e) => [...e.query, ...e.response]),
      16,
    ),
    at: { shape: [episodes.length, R], data: Int32Array.from(at.flat()), dtype: "int64" as const },
    labels: tokens(
      episodes.map((e) => e.response),
      R,
    ),
    mask: rectangle(
      episodes.map((e) => Array.from({ length: R }, (_, t) => Number(t < e.response.length))),
    ),
    old: rectangle(oldLogprobs),
    importance: rectangle(oldLogprobs.map((row) => row.map(() => 1))),
    values: rectangle(ppo.oldValues),
    advantages: rectangle(ppo.advantages),
    returns: rectangle(ppo.returns),
  };
  expectTold(ppo, batch, ppoLoss(ppo.config, temperature), { head: true });
});
