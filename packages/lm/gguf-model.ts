/**
 * A model in GGUF and in Hugging Face's terms: config.json from the metadata and back, tensor names and layouts both
 * ways. llama.cpp keeps weights as (out, in), a Llama head's rotary pairs side by side, and fused queries, keys and
 * values one after another.
 */
import { largest, TillerError } from "@tiller/schema";
import { layoutOf, type ModelConfig, type ModelShape, shapeOf } from "./architectures.ts";
import { decodeGguf, encodeGguf, type Gguf, type GgufWritten } from "./gguf.ts";
import { ggufTokenizer, tokenizerMetadata } from "./gguf-tokenizer.ts";
import { halvesToPairs, pairsToHalves } from "./llama2c.ts";
import type { TensorData, TensorMap } from "./safetensors.ts";
import { paramSpecs } from "./transformer.ts";

/** GGUF's `general.architecture` -> config.json's model_type. Mistral is written as llama. */
const architectures = {
  llama: "llama",
  qwen2: "qwen2",
  qwen3: "qwen3",
  gpt2: "gpt2",
  gptneox: "gpt_neox",
} as const;
type Architecture = keyof typeof architectures;

const unsupported = (what: string) =>
  new TillerError(
    "unsupported_model",
    `${what}; GGUF files of ${Object.keys(architectures).join(", ")} can be read and written. Choose another model or format.`,
  );

/** config.json of a file's metadata. */
function configOf(f: Gguf, architecture: Architecture, vocab: number): ModelConfig {
  const raw = (key: string) => f.metadata.get(`${architecture}.${key}`);
  const maybe = (key: string) => raw(key) as number | undefined;
  const must = (key: string): number => {
    const value = raw(key);
    if (typeof value === "number") return value;
    throw new TillerError(
      "bad_config",
      `the GGUF file has no number ${architecture}.${key}. Convert the model anew.`,
    );
  };
  const id = (key: string) => f.metadata.get(`tokenizer.ggml.${key}_token_id`);
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
  if (architecture === "gptneox")
    return {
      ...wide,
      architectures: ["GPTNeoXForCausalLM"],
      rotary_pct: must("rope.dimension_count") / (width / heads),
      rotary_emb_base: maybe("rope.freq_base") ?? 10_000,
      layer_norm_eps: must("attention.layer_norm_epsilon"),
      use_parallel_residual: raw("use_parallel_residual") ?? true,
      hidden_act: "gelu",
    };
  const names = { llama: "Llama", qwen2: "Qwen2", qwen3: "Qwen3" };
  return {
    ...wide,
    architectures: [`${names[architecture]}ForCausalLM`],
    num_key_value_heads: maybe("attention.head_count_kv") ?? heads,
    head_dim: maybe("attention.key_length") ?? width / heads,
    rms_norm_eps: must("attention.layer_norm_rms_epsilon"),
    rope_theta: maybe("rope.freq_base") ?? 10_000,
    rope_scaling: scaling(f, raw("rope.scaling.type"), maybe("rope.scaling.factor")),
    attention_bias: f.tensors.has("blk.0.attn_output.bias"),
    mlp_bias: f.tensors.has("blk.0.ffn_up.bias"),
    hidden_act: "silu",
  };
}

/** Llama 3's stretched waves stand in the file as a tensor of factors, 1 up to the model's own. */
function scaling(f: Gguf, type: unknown, factor: number | undefined): unknown {
  const factors = f.tensors.get("rope_freqs.weight")?.data;
  if (factors)
    return {
      rope_type: "llama3",
      factor: largest(factors),
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
  return type === undefined || type === "none" ? null : { rope_type: type, factor: factor ?? 1 };
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

/** A GGUF file's bytes as config.json, tensors and tokenizer.json; `file` is for messages. */
export function readGguf(
  bytes: Uint8Array,
  file: string,
): {
  config: ModelConfig;
  tensors: Map<string, TensorData>;
  tokenizer: unknown;
  chatFiles: Record<string, string>;
} {
  const f = decodeGguf(bytes, file);
  const architecture = f.metadata.get("general.architecture") as Architecture;
  if (!(architecture in architectures))
    throw unsupported(`${file} is of architecture ${architecture}`);
  const vocab = f.tensors.get("token_embd.weight")?.shape[0] ?? 0;
  const config = configOf(f, architecture, vocab);
  const shape = shapeOf(config);
  const names = ggufNames(shape);
  const tensors = new Map<string, TensorData>();
  for (const spec of paramSpecs(shape)) {
    const [base, ending] = split(spec.name);
    const theirs = names.get(base)!;
    const found = f.tensors.get(theirs + ending);
    const tensor = found && relaid(shape, architecture, theirs, found, false);
    if (tensor?.shape.join() !== spec.shape.join())
      throw new TillerError(
        "damaged_checkpoint",
        `${file}: tensor ${theirs}${ending} is ${found ? `(${found.shape})` : "missing"}, its metadata asks for (${spec.shape}). Download it again or convert the model anew.`,
      );
    tensors.set(spec.name, tensor);
  }
  const tokenizer = ggufTokenizer(f.metadata, file);
  return { config, tensors, tokenizer, chatFiles: chatFilesOf(f) };
}

/** The bytes of a GGUF file that llama.cpp runs. Matrices in the given type, norms and biases in F32. */
export function writeGguf(
  m: { readonly config: ModelConfig; readonly tensors: TensorMap; readonly tokenizer: unknown },
  o: { readonly name: string; readonly matrices?: "F32" | "F16" | "Q8_0" },
): Buffer {
  const c = shapeOf(m.config);
  const type = m.config.model_type === "mistral" ? "llama" : m.config.model_type;
  const found = Object.entries(architectures).find(([, ours]) => ours === type);
  if (!found) throw unsupported(`a model of type ${type}`);
  const architecture = found[0] as Architecture;
  if (c.window && c.window < c.positions)
    throw unsupported(`a window of ${c.window} tokens cannot be written for llama`);
  if (architecture === "gpt2" && c.activation !== "geluTanh" && c.activation !== "gelu")
    throw unsupported(`GPT-2 with ${c.activation}`);
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
    const [first, second] = c.rotary.frequencies;
    const base = rotaryBase(m.config) ?? (first / second) ** (c.rotary.dims / 2);
    metadata.set(key("rope.dimension_count"), c.rotary.dims);
    metadata.set(key("rope.freq_base"), f32(base));
    const factors = c.rotary.frequencies.map((f, i) => base ** ((-2 * i) / c.rotary!.dims) / f);
    if (factors.some((x) => Math.abs(x - 1) > 1e-4))
      extra.set("rope_freqs.weight", {
        shape: [factors.length],
        data: Float32Array.from(factors),
      });
  }
  if (architecture === "gptneox") metadata.set(key("use_parallel_residual"), c.parallel);
  for (const [name, value] of tokenizerMetadata(m.tokenizer, m.config, c.vocab))
    metadata.set(name, value);

  const names = ggufNames(c);
  const tensors = new Map<string, TensorData>(extra);
  for (const { name } of paramSpecs(c)) {
    const [base, ending] = split(name);
    const theirs = names.get(base)!;
    tensors.set(theirs + ending, relaid(c, architecture, theirs, m.tensors.get(name)!, true));
  }
  return encodeGguf(metadata, tensors, { matrices: o.matrices });
}

/** theta, wherever a version of config.json keeps it */
function rotaryBase(config: ModelConfig): number | undefined {
  const parameters = config["rope_parameters"] as { rope_theta?: number } | null | undefined;
  const theta = parameters?.rope_theta ?? config["rope_theta"] ?? config["rotary_emb_base"];
  return typeof theta === "number" ? theta : undefined;
}
