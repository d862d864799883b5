/**
 * Means of logits that torchtune publishes for models whose parameters are ramps, not draws: tests/torchtune/models/
 * llama3/test_llama3.py and mistral/test_mistral.py (BSD-3). The ids are those of its seed, made by golden/torchtune.py.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { Graph, mean, Program, sizeOf, State } from "@tiller/tensor";
import { ModelConfig, shapeOf } from "./architectures.ts";
import { declare, hiddenStates, logits, paramSpecs } from "./transformer.ts";

const ids = z
  .record(z.string(), z.array(z.array(z.int())))
  .parse(JSON.parse(readFileSync(path.join(import.meta.dirname, "golden/torchtune.json"), "utf8")));
const common = { rms_norm_eps: 1e-5, tie_word_embeddings: false };
const cases = {
  llama3: {
    config: {
      ...common,
      model_type: "llama",
      vocab_size: 32000,
      num_hidden_layers: 4,
      hidden_size: 128,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      intermediate_size: 512, // 4 x 2/3 of the width, up to a multiple of 256
      max_position_embeddings: 2048,
      rope_theta: 500_000,
    },
    ramp: [-0.25, 0.5],
    mean: 3.9763,
  },
  mistral: {
    config: {
      ...common,
      model_type: "mistral",
      vocab_size: 512,
      num_hidden_layers: 4,
      hidden_size: 64,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      intermediate_size: 512,
      max_position_embeddings: 256,
      sliding_window: null,
      rope_theta: 10_000,
    },
    ramp: [0, 1],
    mean: 18.2749,
  },
} as const;

test.each(Object.entries(cases))(
  "%s: the mean that torchtune has",
  (name, { config, ramp, mean: wanted }) => {
    const shape = shapeOf(ModelConfig.parse(config));
    const specs = paramSpecs(shape);
    const state = new State();
    const D = shape.headDim;
    for (const { name: param, shape: s } of specs) {
      const { data } = state.buffer(param, s, "float32");
      const [low, high] = ramp;
      const width = s.at(-1)!;
      // torchtune turns neighbours, Hugging Face's layout halves: row 2 j of a head is our j, row 2 j + 1 is our D/2 + j
      const turned = /[qk]_proj/.test(param);
      for (let i = 0; i < data.length; i++) {
        const [row, column] = [Math.floor(i / width), i % width];
        const [head, j] = [Math.floor(row / D), row % D];
        const from = turned ? head * D + (j < D / 2 ? 2 * j : 2 * (j - D / 2) + 1) : row;
        data[i] = low + ((from * width + column) * (high - low)) / sizeOf(s);
      }
    }
    const rows = ids[name]!;
    const g = new Graph();
    const p = declare(g, specs);
    const input = g.input("ids", [rows.length, rows[0]!.length], "int64");
    g.output("mean", mean(mean(logits(shape, p, hiddenStates(shape, p, input)), [1])));
    using program = new Program(g, state);
    program.run({ ids: rows.flat() });
    expect(Math.abs(program.float("mean")[0]! - wanted)).toBeLessThan(1e-4 + 1e-4 * wanted);
  },
);
