/**
 * Reads the files of karpathy/llama2.c: a model in .bin (version 0: seven integers, then float32 weights) and its
 * tokenizer (pieces with scores). There a head's rotary pairs stand side by side, in Hugging Face's folders half a
 * head apart, so the rows of queries and keys change places on the way.
 */
import { TillerError } from "@tiller/schema";
import { type ModelConfig, shapeOf } from "./architectures.ts";
import { bytesOf, Ranged } from "./files.ts";
import type { TensorData } from "./safetensors.ts";
import { type Piece, sentencePieceJson } from "./sentencepiece.ts";

const bad = (file: string, what: string) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is no model of llama2.c, version 0: ${what}. Convert the model with its own export script, or take the file again.`,
  );

/** Rows of one head's pairs (2i, 2i+1) to (i, i + D/2): w (heads D, columns). */
export function pairsToHalves(w: Float32Array, heads: number, columns: number): Float32Array {
  return swapRows(w, heads, columns, (i, D) => (i % 2) * (D / 2) + Math.floor(i / 2));
}
/** The other way round: (i, i + D/2) to (2i, 2i+1). */
export function halvesToPairs(w: Float32Array, heads: number, columns: number): Float32Array {
  return swapRows(w, heads, columns, (i, D) => (i % (D / 2)) * 2 + Math.floor((2 * i) / D));
}
function swapRows(
  w: Float32Array,
  heads: number,
  columns: number,
  to: (row: number, headDim: number) => number,
): Float32Array {
  const out = new Float32Array(w.length);
  const D = w.length / columns / heads;
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < D; i++)
      out.set(
        w.subarray((h * D + i) * columns, (h * D + i + 1) * columns),
        (h * D + to(i, D)) * columns,
      );
  return out;
}

const HEADER = 28;
/** config.json and tensors of a .bin file, read tensor by tensor. */
export async function readLlama2c(
  file: string,
): Promise<{ config: ModelConfig; tensors: Map<string, TensorData> }> {
  await using bytes = await Ranged.open(file, (what) => bad(file, what));
  if (bytes.size < HEADER) throw bad(file, `it has ${bytes.size} bytes`);
  const header = Buffer.alloc(HEADER);
  await bytes.read(header, 0);
  const [d, inner, layers, heads, kvHeads, signedVocab, positions] = Array.from(
    { length: 7 },
    (_, i) => header.readInt32LE(4 * i),
  );
  const vocab = Math.abs(signedVocab);
  const sizes = { d, inner, layers, heads, kvHeads, vocab, positions };
  for (const [name, x] of Object.entries(sizes))
    if (!(x > 0 && x < 1e7)) throw bad(file, `its header says ${name} = ${x}`);
  const D = d / heads;
  const config: ModelConfig = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: d,
    intermediate_size: inner,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    max_position_embeddings: positions,
    vocab_size: vocab,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: signedVocab > 0, // a negative size marks an output matrix of its own
    bos_token_id: 1,
    eos_token_id: 2,
  };
  shapeOf(config);

  const wanted =
    vocab * d * (signedVocab > 0 ? 1 : 2) +
    layers * (2 * d * d + 2 * kvHeads * D * d + 3 * inner * d + 2 * d) +
    d +
    positions * D;
  if (bytes.size !== HEADER + 4 * wanted)
    throw bad(file, `it has ${bytes.size} bytes, its header asks for ${HEADER + 4 * wanted}`);
  let at = HEADER;
  const tensors = new Map<string, TensorData>();
  const one = async (name: string, shape: number[], turn = (w: Float32Array) => w) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    await bytes.read(bytesOf(data), at);
    at += data.byteLength;
    tensors.set(name, { shape, data: turn(data) });
  };
  const each = async (name: string, shape: number[], turn?: (w: Float32Array) => Float32Array) => {
    for (let l = 0; l < layers; l++) await one(`model.layers.${l}.${name}.weight`, shape, turn);
  };
  await one("model.embed_tokens.weight", [vocab, d]);
  await each("input_layernorm", [d]);
  await each("self_attn.q_proj", [heads * D, d], (w) => pairsToHalves(w, heads, d));
  await each("self_attn.k_proj", [kvHeads * D, d], (w) => pairsToHalves(w, kvHeads, d));
  await each("self_attn.v_proj", [kvHeads * D, d]);
  await each("self_attn.o_proj", [d, heads * D]);
  await each("post_attention_layernorm", [d]);
  await each("mlp.gate_proj", [inner, d]);
  await each("mlp.down_proj", [d, inner]);
  await each("mlp.up_proj", [inner, d]);
  await one("model.norm.weight", [d]);
  at += 4 * positions * D; // the rotary tables of old files
  if (signedVocab < 0) await one("lm_head.weight", [vocab, d]);
  return { config, tensors };
}

/** tokenizer.json of llama2.c's tokenizer file, for `vocab` pieces. */
export function readLlama2cTokenizer(bytes: Buffer, vocab: number, file: string): unknown {
  const pieces: Piece[] = [];
  let at = 4; // the longest piece's length, which we need not know
  for (let id = 0; id < vocab; id++) {
    if (at + 8 > bytes.length)
      throw bad(file, `it ends after ${pieces.length} of ${vocab} tokens; is it another model's?`);
    const [score, length] = [bytes.readFloatLE(at), bytes.readInt32LE(at + 4)];
    at += 8;
    if (length < 0 || at + length > bytes.length)
      throw bad(file, `token ${id} has ${length} bytes, the file ends before`);
    const text = bytes.toString("utf8", at, at + length);
    at += length;
    // begin and end stand there with line breaks around them
    pieces.push({ text: id < 3 ? text.trim() : text.replaceAll(" ", "\u2581"), score });
  }
  return sentencePieceJson(pieces, { unk: 0, bos: 1, eos: 2 });
}
