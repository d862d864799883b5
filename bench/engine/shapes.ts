/** The models and batches that are timed; the Python peer reads the same config.json fields. */
import { gpt2Config, type ModelConfig } from "@tiller/lm";

export const models: Readonly<Record<string, ModelConfig>> = {
  tiny: gpt2({ layers: 4, width: 128, heads: 4, vocab: 2048 }),
  mid: gpt2({ layers: 6, width: 384, heads: 6, vocab: 8192 }),
  "llama-mid": {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    num_hidden_layers: 6,
    hidden_size: 384,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    intermediate_size: 1024,
    max_position_embeddings: 1024,
    vocab_size: 8192,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  small: gpt2({ layers: 12, width: 768, heads: 12, vocab: 50257 }),
};
function gpt2(c: { layers: number; width: number; heads: number; vocab: number }): ModelConfig {
  return gpt2Config({ ...c, positions: 1024 });
}

export const works = ["train", "decode", "prefill"] as const;
export type Work = (typeof works)[number];
/** One row of the table: `length` tokens a sequence to train on or to read, 64 prompt tokens before decoding. */
export interface Case {
  readonly work: Work;
  readonly shape: string;
  readonly batch: number;
  readonly length: number;
  /** the target: our time over PyTorch's */
  readonly target: number;
  /** and over what the machine cannot go below */
  readonly floorTarget: number;
}
const row = (
  work: Work,
  shape: string,
  batch: number,
  length: number,
  target: number,
  floorTarget: number,
): Case => ({
  work,
  shape,
  batch,
  length,
  target,
  floorTarget,
});
export const cases: readonly Case[] = [
  row("train", "tiny", 16, 128, 0.8, 1.25),
  row("train", "mid", 8, 256, 0.95, 1.15),
  row("train", "llama-mid", 8, 256, 0.95, 1.15),
  row("train", "small", 1, 256, 0.95, 1.15),
  row("train", "small", 4, 256, 0.95, 1.15),
  ...[1, 16, 64].flatMap((batch) => [
    row("decode", "tiny", batch, 64, 0.5, 1.3),
    row("decode", "small", batch, 64, 0.5, 1.3),
    row("prefill", "tiny", batch, 64, 1, 1.25),
    row("prefill", "small", batch, 64, 1, 1.25),
  ]),
];
