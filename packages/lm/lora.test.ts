/** Adapters: a model starts as its base, learns with the base frozen, and merges into plain weights. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import {
  adamw,
  adamwInputs,
  Graph,
  mean,
  neg,
  Program,
  State,
  type Tensor,
  tokenLogprobs,
} from "@tiller/tensor";
import { gpt2Config, type ModelConfig, type ParamSpec, shapeOf } from "./architectures.ts";
import { addLora, loraSpecs, mergeLora } from "./lora.ts";
import { Sampler } from "./sampler.ts";
import { declare, hiddenStates, initParams, logits, paramSpecs } from "./transformer.ts";

const llama: ModelConfig = {
  model_type: "llama",
  num_hidden_layers: 2,
  hidden_size: 16,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 24,
  max_position_embeddings: 32,
  vocab_size: 30,
};
const gpt2 = gpt2Config({ layers: 2, heads: 2, width: 16, positions: 32, vocab: 30 });
const ids = Array.from({ length: 12 }, (_, i) => (7 * i) % 30);

test.each([
  ["llama", llama],
  ["gpt2", gpt2],
])(
  "%s: same start, frozen base, lower loss, and the merged model is the adapted one",
  (_, config) => {
    const shape = shapeOf(config);
    const base = paramSpecs(shape);
    const state = new State();
    initParams(state, base, rng(1, "init"));
    const lossOf = (
      specs: readonly ParamSpec[],
      then: (loss: Tensor, p: Map<string, Tensor>) => void,
    ) => {
      const g = new Graph();
      const p = declare(g, specs);
      const all = logits(shape, p, hiddenStates(shape, p, g.input("ids", [1, 12], "int64")));
      const loss = neg(mean(tokenLogprobs(all, g.input("labels", [12], "int64"))));
      g.output("loss", loss);
      g.output("logits", all);
      then(loss, p);
      return new Program(g, state);
    };
    const labels = [...ids.slice(1), 0];
    using plain = lossOf(base, () => {});
    plain.run({ ids, labels });
    const before = plain.float("logits").slice();
    const frozen = new Map(base.map((s) => [s.name, state.get(s.name).data.slice()]));

    const adapters = addLora(state, shape, { rank: 3 }, rng(1, "lora"));
    const all = [...base, ...adapters];
    using train = lossOf(all, (loss, p) => {
      const learned = loraSpecs(shape, { rank: 3 }).map((s) => [s.name, p.get(s.name)!] as const);
      adamw(loss, new Map(learned));
    });
    const losses = Array.from({ length: 60 }, (_, i) => {
      train.run({ ids, labels, ...adamwInputs(i + 1, 3e-2) });
      if (i === 0) expect(train.float("logits")).toEqual(before); // B is zero
      return train.float("loss")[0];
    });
    expect(losses.at(-1)).toBeLessThan(losses[0] - 0.2);
    for (const [name, data] of frozen) expect(state.get(name).data, name).toEqual(data);

    using adapted = lossOf(all, () => {});
    adapted.run({ ids, labels });
    const wanted = adapted.float("logits").slice();
    const draw = (specs: readonly ParamSpec[]) => {
      using s = new Sampler(shape, state, 1, { specs });
      return s.sample([ids.slice(0, 4)], { maxTokens: 6, temperature: 1, rngs: [rng(1, "draw")] });
    };
    const drawn = draw(all);
    mergeLora(state, shape);
    plain.run({ ids, labels });
    plain.float("logits").forEach((x, i) => expect(x).toBeCloseTo(wanted[i], 4));
    const merged = draw(base);
    expect(merged.tokens).toEqual(drawn.tokens);
    merged.logprobs[0].forEach((x, i) => expect(x).toBeCloseTo(drawn.logprobs[0][i], 4));
  },
);

test("targets choose layers by their endings, and a wrong one is told what there is", () => {
  const shape = shapeOf(llama);
  expect(
    loraSpecs(shape, { rank: 2, targets: ["q_proj", "v_proj"] }).map((s) => s.name),
  ).toHaveLength(8);
  expect(() => loraSpecs(shape, { rank: 2, targets: ["c_attn"] })).toThrow(
    "no linear layer ends in c_attn. There are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj.",
  );
});
