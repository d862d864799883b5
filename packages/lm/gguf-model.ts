/**
 * A model in GGUF and in Hugging Face's terms: config.json from the metadata and back, tensor names and layouts both
 * ways. llama.cpp keeps weights as (out, in), a Llama head's rotary pairs side by side, and fused queries, keys and
 * values one after another.
 */
import { TillerError } from "@tiller/schema";
import { layoutOf, type ModelConfig, type ModelShape, shapeOf } from "./architectures.ts";
import {
  decodeGguf,
  type Gguf,
  ggufPieces,
  type GgufValue,
  type GgufWritten,
  type Source,
} from "./gguf.ts";
import { type Architecture, architectures, uncomputed, unsupported } from "./gguf-architectures.ts";
import { ropeWritten, scalingWritten, readScaling } from "./gguf-rope.ts";
import { ggufTokenizer, tokenizerMetadata } from "./gguf-tokenizer.ts";
import { halvesToPairs, pairsToHalves } from "./llama2c.ts";
import type { TensorData, TensorMap } from "./safetensors.ts";
import { paramSpecs } from "./transformer.ts";

/** Keys of an architecture that are read, beside those of `neutral`. */
const read = new Set(
  (
    "block_count context_length embedding_length feed_forward_length attention.head_count " +
    "attention.head_count_kv attention.key_length attention.layer_norm_epsilon " +
    "attention.layer_norm_rms_epsilon rope.dimension_count rope.freq_base rope.scaling.type " +
    "rope.scaling.factor rope.scaling.original_context_length rope.scaling.attn_factor " +
    "rope.scale_linear use_parallel_residual"
  ).split(" "),
);
/** Keys that say nothing to a sum, or only at some values. Off (0, false) means not asked for, of any key but `causal`. */
const neutral: Readonly<Record<string, (value: unknown, c: ModelShape) => boolean>> = {
  vocab_size: (x, c) => x === c.vocab,
  tensor_data_layout: () => true,
  "rope.scaling.finetuned": () => true,
  "attention.causal": (x) => x === true,
  "attention.value_length": (x, c) => x === c.headDim,
  "attention.scale": (x, c) => Math.abs(Number(x) * Math.sqrt(c.headDim) - 1) < 1e-6,
  "attention.sliding_window": (x, c) => Number(x) >= c.positions,
  embedding_length_out: (x, c) => x === c.width,
  logit_scale: (x) => x === 1,
  residual_scale: (x) => x === 1,
  embedding_scale: (x) => x === 1,
};
function refuseUncomputed(f: Gguf, architecture: Architecture, c: ModelShape, file: string): void {
  const prefix = `${architecture}.`;
  for (const [name, value] of f.metadata) {
    const key = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    if (key === undefined || read.has(key)) continue;
    const none = (value === 0 || value === false) && key !== "attention.causal";
    const fine = Object.hasOwn(neutral, key) && neutral[key]!(value, c);
    if (!none && !fine) throw uncomputed(file, name, value);
  }
  const type = f.metadata.get("general.type") ?? "model";
  if (type !== "model") throw uncomputed(file, "general.type", type);
  const parts = f.metadata.get("split.count") ?? 1;
  if (Number(parts) > 1)
    throw new TillerError(
      "unsupported_model",
      `${file} is one of ${String(parts)} parts. Join them with llama-gguf-split --merge.`,
    );
}
/** config.json of a file's metadata. */
function configOf(f: Gguf, architecture: Architecture, vocab: number, file: string): ModelConfig {
  const raw = (key: string): GgufValue | undefined => {
    const value = f.metadata.get(`${architecture}.${key}`);
    if (!Array.isArray(value)) return value;
    const [first] = value as readonly GgufValue[]; // a number a layer
    if (value.some((x) => x !== first) || first === undefined)
      throw uncomputed(file, `${architecture}.${key}`, value);
    return first;
  };
  const maybe = (key: string): number | undefined => {
    const value = raw(key);
    if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
    throw new TillerError(
      "bad_config",
      `${file}: ${architecture}.${key} is ${JSON.stringify(value)}, no number. Convert the model anew.`,
    );
  };
  const must = (key: string): number => {
    const value = maybe(key);
    if (value !== undefined) return value;
    throw new TillerError(
      "bad_config",
      `the GGUF file has no number ${architecture}.${key}. Convert the model anew.`,
    );
  };
  const id = (key: string) => {
    const name = `tokenizer.ggml.${key}_token_id`;
    const value = f.metadata.get(name);
    if (
      value === undefined ||
      (Number.isInteger(value) && Number(value) >= 0 && Number(value) < vocab)
    )
      return value;
    throw new TillerError(
      "bad_config",
      `${file}: ${name} is ${JSON.stringify(value)}, the vocabulary has ${vocab} tokens. Convert the model anew.`,
    );
  };
  const tied = !f.tensors.has("output.weight");
  const common = {
    model_type: architectures[architecture],
    vocab_size: vocab,
    tie_word_embeddings: tied,
    bos_token_id: id("bos") ?? null,
    eos_token_id: id("eos") ?? null,
  };
  const [layers, width, heads] = [
    must("block_count"),
    must("embedding_length"),
    must("attention.head_count"),
  ];
  if (architecture === "gpt2")
    return {
      ...common,
      architectures: ["GPT2LMHeadModel"],
      n_layer: layers,
      n_embd: width,
      n_head: heads,
      n_inner: must("feed_forward_length"),
      n_positions: must("context_length"),
      layer_norm_epsilon: must("attention.layer_norm_epsilon"),
      activation_function: "gelu_new", // what llama.cpp computes
    };
  const wide = {
    ...common,
    num_hidden_layers: layers,
    hidden_size: width,
    num_attention_heads: heads,
    intermediate_size: must("feed_forward_length"),
    max_position_embeddings: must("context_length"),
  };
  const headDim = maybe("attention.key_length") ?? width / heads;
  const turned = maybe("rope.dimension_count") ?? headDim;
  const rope = readScaling(f, {
    architecture,
    dims: turned,
    base: maybe("rope.freq_base") ?? 10_000,
    context: wide.max_position_embeddings,
    type: raw("rope.scaling.type"),
    factor: maybe("rope.scaling.factor") ?? maybe("rope.scale_linear"),
    original: maybe("rope.scaling.original_context_length"),
    amplitude: maybe("rope.scaling.attn_factor") ?? 1,
    file,
  });
  if (architecture === "gptneox") {
    if (headDim !== width / heads) throw uncomputed(file, "gptneox.attention.key_length", headDim);
    return {
      ...wide,
      architectures: ["GPTNeoXForCausalLM"],
      rotary_pct: (turned + 1e-3) / headDim, // rounded down to whole dimensions
      rotary_emb_base: maybe("rope.freq_base") ?? 10_000,
      rope_scaling: rope,
      layer_norm_eps: must("attention.layer_norm_epsilon"),
      use_parallel_residual: raw("use_parallel_residual") ?? true,
      hidden_act: "gelu",
    };
  }
  if (turned !== headDim) throw uncomputed(file, `${architecture}.rope.dimension_count`, turned);
  const names = { llama: "Llama", qwen2: "Qwen2", qwen3: "Qwen3" };
  return {
    ...wide,
    architectures: [`${names[architecture]}ForCausalLM`],
    num_key_value_heads: maybe("attention.head_count_kv") ?? heads,
    head_dim: headDim,
    rms_norm_eps: must("attention.layer_norm_rms_epsilon"),
    rope_theta: maybe("rope.freq_base") ?? 10_000,
    rope_scaling: rope,
    ...(architecture !== "qwen2" && {
      attention_bias: f.tensors.has("blk.0.attn_output.bias"),
    }),
    ...(architecture === "llama" && { mlp_bias: f.tensors.has("blk.0.ffn_up.bias") }),
    hidden_act: "silu",
  };
}

/** Our name of a tensor without its ending -> GGUF's. */
function ggufNames(c: ModelShape): Map<string, string> {
  const names = layoutOf(c);
  const bare = (name: string) => name.replace(/\.weight$/, "");
  const pairs: [string | undefined, string][] = [
    [bare(names.embed), "token_embd"],
    [names.positions && bare(names.positions), "position_embd"],
    [names.finalNorm, "output_norm"],
    [bare(names.head), "output"],
  ];
  for (let l = 0; l < c.layers; l++)
    for (const [ours, theirs] of [
      [names.attnNorm, "attn_norm"],
      [names.qkv?.name, "attn_qkv"],
      [names.q, "attn_q"],
      [names.k, "attn_k"],
      [names.v, "attn_v"],
      [names.qNorm, "attn_q_norm"],
      [names.kNorm, "attn_k_norm"],
      [names.out, "attn_output"],
      [names.mlpNorm, "ffn_norm"],
      [names.gate, "ffn_gate"],
      [names.up, "ffn_up"],
      [names.down, "ffn_down"],
    ] as const)
      pairs.push([ours?.replace("{l}", String(l)), `blk.${l}.${theirs}`]);
  return new Map(pairs.flatMap(([ours, theirs]) => (ours ? [[ours, theirs] as const] : [])));
}
const split = (name: string): [base: string, ending: string] => {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, dot), name.slice(dot)];
};

/** (rows, columns) to (columns, rows) */
function transposed(x: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < columns; k++) out[k * rows + r] = x[r * columns + k];
  return out;
}
/** Rows (a, b, D) to (b, a, D): heads of three kinds to three kinds of heads, and back. */
function swapped(x: Float32Array, a: number, b: number): Float32Array {
  const out = new Float32Array(x.length);
  const size = x.length / a / b;
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++)
      out.set(x.subarray((i * b + j) * size, (i * b + j + 1) * size), (j * a + i) * size);
  return out;
}

/** What changes between the two layouts besides the name; `out` = from ours to GGUF's. */
function relaid(
  c: ModelShape,
  architecture: Architecture,
  base: string,
  { shape, data }: TensorData,
  out: boolean,
): TensorData {
  const kind = base.slice(base.lastIndexOf(".") + 1);
  const matrix = shape.length === 2;
  const columns = matrix ? shape[1] : 1;
  if (layoutOf(c).inOut && matrix && base.startsWith("blk."))
    return { shape: shape.toReversed(), data: transposed(data, shape[0], shape[1]) };
  if (architecture === "llama" && (kind === "attn_q" || kind === "attn_k")) {
    const heads = kind === "attn_q" ? c.heads : c.kvHeads;
    return { shape, data: (out ? halvesToPairs : pairsToHalves)(data, heads, columns) };
  }
  if (kind === "attn_qkv" && layoutOf(c).qkv?.order === "head, kind")
    return { shape, data: out ? swapped(data, c.heads, 3) : swapped(data, 3, c.heads) };
  return { shape, data };
}

/** The chat template in a file's metadata, as Hugging Face's folders have it. */
function chatFilesOf(f: Gguf): Record<string, string> {
  const template = f.metadata.get("tokenizer.chat_template");
  if (typeof template !== "string") return {};
  const tokens = f.metadata.get("tokenizer.ggml.tokens");
  const token = (key: string) => {
    const id = Number(f.metadata.get(`tokenizer.ggml.${key}_token_id`));
    return Array.isArray(tokens) ? (tokens as unknown[])[id] : undefined;
  };
  const config = { bos_token: token("bos"), eos_token: token("eos") };
  return { "chat_template.jinja": template, "tokenizer_config.json": JSON.stringify(config) };
}

/** A GGUF file as config.json, tensors and tokenizer.json; `file` is for messages. */
export function readGguf(
  from: Uint8Array | Source,
  file: string,
): {
  config: ModelConfig;
  tensors: Map<string, TensorData>;
  tokenizer: unknown;
  chatFiles: Record<string, string>;
} {
  const f = decodeGguf(from, file);
  const architecture = f.metadata.get("general.architecture") as Architecture;
  if (typeof architecture !== "string" || !Object.hasOwn(architectures, architecture))
    throw unsupported(`${file} is of architecture ${String(architecture ?? "none")}`);
  const vocab = f.tensors.get("token_embd.weight")?.shape[0] ?? 0;
  const config = configOf(f, architecture, vocab, file);
  const shape = shapeOf(config);
  refuseUncomputed(f, architecture, shape, file);
  const names = ggufNames(shape);
  const pairs = paramSpecs(shape).map((spec) => {
    const [base, ending] = split(spec.name);
    return { spec, base: names.get(base)!, name: names.get(base)! + ending };
  });
  // all names and sizes first: nothing is read of a file that is of another model
  for (const { spec, base, name } of pairs) {
    const found = f.tensors.get(name)?.shape;
    const turned = layoutOf(shape).inOut && found?.length === 2 && base.startsWith("blk.");
    if ((turned ? found.toReversed() : found)?.join() !== spec.shape.join())
      throw new TillerError(
        "damaged_checkpoint",
        `${file}: tensor ${name} is ${found ? `(${found})` : "missing"}, its metadata asks for (${spec.shape}). Download it again or convert the model anew.`,
      );
  }
  const known = new Set(pairs.map(({ name }) => name));
  const factors = architecture === "llama" ? "rope_freqs.weight" : "";
  for (const name of f.tensors.keys())
    if (!known.has(name) && name !== factors && !/^blk\.\d+\.attn_rot_embd\.weight$/.test(name))
      throw new TillerError(
        "unsupported_model",
        `${file} has the tensor ${name}, which ${architecture} is not computed with here. Choose another model or format.`,
      );
  const tokenizer = ggufTokenizer(f.metadata, file);
  const tensors = new Map<string, TensorData>();
  for (const { spec, base, name } of pairs)
    tensors.set(spec.name, relaid(shape, architecture, base, f.tensors.get(name)!, false));
  return { config, tensors, tokenizer, chatFiles: chatFilesOf(f) };
}

/** A GGUF file that llama.cpp runs, piece by piece. Matrices in the given type, norms and biases in F32. */
export function ggufContent(
  m: { readonly config: ModelConfig; readonly tensors: TensorMap; readonly tokenizer: unknown },
  o: { readonly name: string; readonly matrices?: "F32" | "F16" | "Q8_0" },
): Iterable<Uint8Array> {
  const c = shapeOf(m.config);
  const type = m.config.model_type === "mistral" ? "llama" : m.config.model_type;
  const found = Object.entries(architectures).find(([, ours]) => ours === type);
  if (!found) throw unsupported(`a model of type ${type}`);
  const architecture = found[0] as Architecture;
  const window = c.windows.find((w) => w !== null && w < c.positions);
  if (window)
    throw unsupported(`a window of ${window} tokens cannot be written for ${architecture}`);
  if (architecture === "gpt2" && c.activation !== "geluTanh" && c.activation !== "gelu")
    throw unsupported(`GPT-2 with ${c.activation}`);
  if (architecture === "gptneox" && !c.activation.startsWith("gelu"))
    throw unsupported(`GPT-NeoX with ${c.activation}`);
  if (c.layout === "llama" && c.activation !== "silu")
    throw unsupported(`${architecture} with ${c.activation}`);
  if (c.attention.byLayer || Math.abs(c.attention.scale * Math.sqrt(c.headDim) - 1) > 1e-6)
    throw unsupported("attention scores of another scale cannot be written");
  if (c.layout !== "llama" && !(c.biases.qkv && c.biases.out && c.biases.mlp))
    throw unsupported(`${architecture} without biases`);
  if (architecture === "qwen3" && c.biases.qkv) throw unsupported("qwen3 with biases");
  const f32 = (x: number): GgufWritten => ({ f32: x });
  const key = (name: string) => `${architecture}.${name}`;
  const fileType = { F32: 0, F16: 1, Q8_0: 7 }[o.matrices ?? "F32"];
  const metadata = new Map<string, GgufWritten>([
    ["general.architecture", architecture],
    ["general.name", o.name],
    ["general.file_type", fileType],
    [key("context_length"), c.positions],
    [key("embedding_length"), c.width],
    [key("block_count"), c.layers],
    [key("feed_forward_length"), c.inner],
    [key("attention.head_count"), c.heads],
    [key("attention.head_count_kv"), c.kvHeads],
    [key("vocab_size"), c.vocab],
    c.norm === "rms"
      ? [key("attention.layer_norm_rms_epsilon"), f32(c.epsilon)]
      : [key("attention.layer_norm_epsilon"), f32(c.epsilon)],
  ]);
  if (c.headDim !== c.width / c.heads) {
    metadata.set(key("attention.key_length"), c.headDim);
    metadata.set(key("attention.value_length"), c.headDim);
  }
  const extra = new Map<string, TensorData>();
  if (c.rotary) {
    const rope = ropeWritten(m.config);
    metadata.set(key("rope.dimension_count"), c.rotary.dims);
    metadata.set(key("rope.freq_base"), f32(rope.base));
    const scaling = scalingWritten(c, rope, architecture);
    for (const [name, value] of scaling.metadata) metadata.set(key(name), value);
    if (scaling.factors)
      extra.set("rope_freqs.weight", {
        shape: [scaling.factors.length],
        data: Float32Array.from(scaling.factors),
      });
  }
  if (architecture === "gptneox") metadata.set(key("use_parallel_residual"), c.parallel);
  // transformers' defaults (50256) stand in files of small vocabularies, and name no token there
  const ids = Object.fromEntries(
    ["bos_token_id", "eos_token_id"].flatMap((k) =>
      Number(m.config[k]) >= c.vocab ? [[k, null]] : [],
    ),
  );
  for (const [name, value] of tokenizerMetadata(m.tokenizer, { ...m.config, ...ids }, c.vocab))
    metadata.set(name, value);

  const names = ggufNames(c);
  const tensors = new Map<string, TensorData>(extra);
  for (const { name } of paramSpecs(c)) {
    const [base, ending] = split(name);
    const theirs = names.get(base)!;
    const ours = m.tensors.get(name)!;
    const turned = layoutOf(c).inOut && ours.shape.length === 2 && theirs.startsWith("blk.");
    tensors.set(theirs + ending, {
      shape: turned ? ours.shape.toReversed() : ours.shape,
      get data() {
        return relaid(c, architecture, theirs, ours, true).data;
      },
    });
  }
  return ggufPieces(metadata, tensors, o.matrices ? { matrices: o.matrices } : {});
}
/** The same in one piece. */
export const writeGguf = (...given: Parameters<typeof ggufContent>): Buffer =>
  Buffer.concat([...ggufContent(...given)]);
