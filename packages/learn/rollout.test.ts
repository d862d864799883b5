/** What a rollout keeps of each token is what the training graph computes from the same weights. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { headSpecs } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { gather, log, mean, mul, neg, reshape, softmax, sum } from "@tiller/tensor";
import { tokens } from "./batch.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";
import { rowsIn } from "./losses.ts";
import { loadModel } from "./model.ts";
import { Actor, Continuation } from "./rollout.ts";
import { scaled } from "./score.ts";
import type { Loss } from "./step.ts";
import { Trainer } from "./trainer.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-rollout-"));
const base = path.join(dir, "base");
beforeAll(() => saveSmallModel(base, smallConfig({ layers: 2, positions: 64 })));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("log-probs, values and entropies of the sampler's passes are the training graph's", async () => {
  const model = await loadModel(base);
  const heads = headSpecs(model.shape);
  using trainer = new Trainer(model, { heads });
  // a head that tells tokens apart, and a bias
  model.state.get("score.weight").data.forEach((_, i, w) => (w[i] = Math.sin(i)));
  model.state.get("score.bias").data[0] = 0.25;
  const rule = Continuation.parse({ maxTokens: 6, minTokens: 6, temperature: 0.7 });
  const policy = { ...model, specs: [...model.specs, ...heads] };
  using actor = new Actor(policy, 3, rule, { critic: true });
  const queries = ["The ship lay still.", "Call me.", "A"].map((p) => model.tokenizer.encode(p));
  const rngs = queries.map((_, b) => rng(7, b));
  const drawn = actor.draw(queries, rngs, { updates: 4 });
  expect(drawn).toMatchObject({ checkpoint: model.id, updates: 4, temperature: 0.7 });
  const { episodes } = drawn;
  const [B, R, T] = [3, 6, 32];
  const read: Loss = ({ batch, hidden, logits, logprobs, scores }) => {
    const rows = gather(hidden(batch["ids"]!), rowsIn(batch["at"]!, T));
    const labels = reshape(batch["labels"]!, [B * R]);
    const q = softmax(scaled(logits(rows), rule.temperature));
    const values = scores(rows);
    const each = logprobs(rows, labels, rule.temperature);
    const entropies = neg(sum(mul(q, log(q)), [-1]));
    return { loss: mean(values), metrics: { logprobs: each, values, entropies } };
  };
  const at = episodes.flatMap((e) => Array.from({ length: R }, (_, t) => e.query.length - 1 + t));
  const whole = episodes.map((e) => [...e.query, ...e.response]);
  const said = episodes.map((e) => e.response);
  const { metrics } = trainer.forward(
    {
      ids: tokens(whole, T),
      at: { shape: [B, R], data: at, dtype: "int64" },
      labels: tokens(said, R),
    },
    read,
  );
  for (const name of ["logprobs", "values", "entropies"] as const)
    for (const [b, e] of episodes.entries()) {
      expect(e[name]).toHaveLength(e.response.length);
      for (const [t, x] of e[name].entries())
        expect(x, `${name} ${b} ${t}`).toBeCloseTo(metrics[name]![b * R + t]!, 4);
    }
  expect(new Set(episodes.flatMap((e) => e.values)).size).toBeGreaterThan(6);
  expect(Math.min(...episodes.flatMap((e) => e.entropies))).toBeGreaterThan(0);
});
