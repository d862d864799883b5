/**
 * Options of config.json off the beaten path: each gives transformers' logits and greedy tokens (golden/variants.py), or is
 * refused by its name.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { rng } from "@tiller/schema";
import { Graph, Program, State } from "@tiller/tensor";
import { expect, test } from "vitest";
import { z } from "zod";
import { ModelConfig, shapeOf } from "./architectures.ts";
import { value } from "./golden/formula.ts";
import { Sampler } from "./sampler.ts";
import { declare, hiddenStates, logits, paramSpecs } from "./transformer.ts";

const Golden = z.strictObject({
  ids: z.array(z.int()),
  models: z.record(
    z.string(),
    z.strictObject({
      configs: z.array(ModelConfig),
      logits: z.array(z.array(z.number())),
      greedy: z.array(z.int()),
    }),
  ),
});
const file = path.join(import.meta.dirname, "golden", "variants.json");
const golden = Golden.parse(JSON.parse(readFileSync(file, "utf8")));

test.each(Object.entries(golden.models))("%s", (_, { configs, logits: wanted, greedy }) => {
  const { ids } = golden;
  for (const config of configs) {
    const shape = shapeOf(config);
    const state = new State();
    for (const s of paramSpecs(shape)) state.set(s.name, s.shape, value(s.name, s.shape));
    const g = new Graph();
    const p = declare(g, paramSpecs(shape));
    const hidden = hiddenStates(shape, p, g.input("ids", [1, ids.length], "int64"));
    g.output("logits", logits(shape, p, hidden));
    using program = new Program(g, state);
    program.run({ ids });
    const got = program.float("logits").slice(-wanted.flat().length);
    wanted.flat().forEach((x, i) => expect(Math.abs(x - got[i]!)).toBeLessThan(1e-4));
    using sampler = new Sampler(shape, state, 1);
    const prompt = [ids.slice(0, 8)];
    const o = { maxTokens: greedy.length, temperature: 0, rngs: [rng(1, "greedy")] };
    expect(sampler.sample(prompt, o).tokens[0]).toEqual(greedy);
  }
});

const of = (model_type: string): ModelConfig =>
  golden.models[
    {
      gpt2: "no scale",
      gpt_neox: "rotary of all",
      llama: "linear",
      mistral: "no window",
      qwen2: "windows nowhere",
      qwen3: "qwen3 biases",
    }[model_type]!
  ]!.configs[1]!;
const rope = (o: object) => ({ rope_parameters: { rope_theta: 1e4, ...o } });

test.each([
  ["gpt2", { activation_function: "quick_gelu" }, /activation_function quick_gelu/],
  ["gpt2", { activation_function: "constructor" }, /activation_function constructor/],
  ["gpt2", { add_cross_attention: true }, /add_cross_attention true/],
  ["llama", { hidden_act: "mish" }, /hidden_act mish/],
  ["llama", rope({ rope_type: "proportional", factor: 4 }), /type proportional/],
  ["llama", rope({ rope_type: "mrope", mrope_section: [2, 2] }), /mrope_section \[2,2\]/],
  ["llama", rope({ rope_type: "dynamic", alpha: 1000 }), /alpha 1000/],
  ["llama", rope({ rope_type: "yarn" }), /type yarn need factor/],
  ["llama", rope({ rope_type: "toString" }), /type toString/],
  ["llama", rope({ rope_type: "linear" }), /type linear need factor/],
  ["llama", rope({ rope_type: "llama3", factor: 8 }), /llama3 need low_freq_factor/],
  ["llama", rope({ full_attention: { rope_type: "default" } }), /rope_parameters\.full_attention/],
  ["llama", rope({ rope_type: "longrope", short_factor: [1], long_factor: [2] }), /1 numbers/],
  ["llama", rope({ rope_type: "longrope", short_factor: [1, 1, 1, 1] }), /need long_factor/],
  ["llama", { partial_rotary_factor: 0.5 }, /partial_rotary_factor 0\.5/],
  ["llama", rope({ partial_rotary_factor: 0.5 }), /0\.5/],
  ["llama", { sliding_window: 5 }, /sliding_window 5/],
  ["llama", { layer_types: ["sliding_attention", "full_attention"] }, /layer_types/],
  ["llama", { quantization_config: { quant_method: "gptq" } }, /quantization_config .*gptq/],
  ["llama", { num_local_experts: 8 }, /num_local_experts 8/],
  ["llama", { final_logit_softcapping: 30 }, /final_logit_softcapping 30/],
  ["llama", { query_pre_attn_scalar: 100 }, /query_pre_attn_scalar 100/],
  ["llama", { attention_multiplier: 0.5 }, /attention_multiplier 0\.5/],
  ["llama", { logits_scaling: 8 }, /logits_scaling 8/],
  ["mistral", { attention_bias: true }, /attention_bias true/],
  ["mistral", { mlp_bias: true }, /mlp_bias true/],
  ["mistral", { layer_types: ["full_attention", "sliding_attention"] }, /layer_types/],
  ["qwen2", { layer_types: ["full_attention", "chunked_attention"] }, /chunked_attention/],
  ["qwen2", { layer_types: ["full_attention"] }, /layer_types/],
  [
    "qwen2",
    { use_sliding_window: false, layer_types: ["full_attention", "sliding_attention"] },
    /use_sliding_window is not true/,
  ],
  ["qwen3", { mlp_bias: true }, /mlp_bias true/],
  ["gpt_neox", { is_causal: false }, /is_causal false/],
  ["gpt_neox", rope({ rope_type: "yarn" }), /type yarn need factor/],
  ["gpt2", { model_type: "toString" }, /model_type toString; known are/],
  ["gpt2", { model_type: "__proto__" }, /model_type __proto__; known are/],
] as const)("%s with %o is refused by name", (type, more, message) => {
  const config = { ...of(type), ...more } as ModelConfig;
  expect(() => shapeOf(of(type))).not.toThrow();
  expect(() => shapeOf(config)).toThrow(message);
});

test.each([
  ["gpt2", { n_layer: 50_000_000 }, /n_layer: .*4096/],
  ["gpt2", { n_layer: -1 }, /n_layer/],
  ["gpt2", { n_head: 0 }, /n_head/],
  ["gpt2", { n_head: 3 }, /do not divide/],
  ["gpt2", { vocab_size: 1e12 }, /vocab_size/],
  ["llama", { hidden_size: 2 ** 40 }, /hidden_size/],
  ["llama", { num_key_value_heads: 3 }, /do not divide/],
  ["llama", { rms_norm_eps: "small" }, /rms_norm_eps/],
  ["llama", { rope_theta: -1, rope_parameters: null }, /rope_theta/],
  ["llama", { max_position_embeddings: 1e300 }, /max_position_embeddings/],
  ["gpt_neox", { rotary_pct: 1.5, rope_parameters: null }, /rotary_pct/],
] as const)("%s with %o is out of bounds", (type, more, message) => {
  const config = { ...of(type), ...more } as ModelConfig;
  expect(() => shapeOf(config)).toThrow(message);
  expect(() => shapeOf(config)).toThrow(/[Cc]orrect the file/);
});

test("a cache ends where LongRoPE's first frequencies do; a longer passage is read by the second", () => {
  const config = golden.models["longrope, long"]!.configs[0]!;
  const shape = shapeOf(config);
  expect(shape.rotary?.long?.above).toBe(16);
  const state = new State();
  for (const s of paramSpecs(shape)) state.set(s.name, s.shape, value(s.name, s.shape));
  using sampler = new Sampler(shape, state, 1);
  expect(sampler.context).toBe(16);
  const o = { maxTokens: 9, temperature: 0, rngs: [rng(1, "greedy")] };
  expect(() => sampler.sample([golden.ids.slice(0, 8)], o)).toThrow(/exceed the 16 positions/);
});
