/**
 * What the transformer needs of a Hugging Face config.json, architecture by architecture: one reader a
 * `model_type` in `readers`, one table of parameter names a family in `layouts`. Everything that is
 * Llama with other numbers (Llama 2 and 3, SmolLM, Mistral, Qwen 2 and 3) shares one layout.
 */
import { TillerError } from "@tiller/schema";
import { z } from "zod";

/** Rotary positions (Su et al. 2021): the first `dims` of each head turn, at the given inverse frequencies. */
export interface Rotary {
  readonly dims: number;
  /** dims / 2 of them, in radians a position */
  readonly frequencies: readonly number[];
}

export interface ModelShape {
  readonly layout: keyof typeof layouts;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** key-value heads; fewer than `heads` in grouped-query attention */
  readonly kvHeads: number;
  readonly headDim: number;
  /** width of the feed-forward layer */
  readonly inner: number;
  readonly positions: number;
  readonly vocab: number;
  readonly norm: "layer" | "rms";
  readonly epsilon: number;
  readonly activation: "gelu" | "geluTanh" | "silu" | "relu";
  readonly rotary: Rotary | null;
  /** attention and feed-forward read the same input and add up (GPT-NeoX) */
  readonly parallel: boolean;
  /** tokens a position sees, itself included; null = all before it */
  readonly window: number | null;
  /** output weights are the token embedding */
  readonly tied: boolean;
  readonly biases: { readonly qkv: boolean; readonly out: boolean; readonly mlp: boolean };
  /** queries and keys are normed a head before they turn (Qwen 3) */
  readonly qkNorm: boolean;
}

/** Names of parameters; `{l}` is the layer. `qkv` is one fused matrix, else q, k and v stand apart. */
interface Layout {
  readonly embed: string;
  readonly positions?: string;
  readonly attnNorm: string;
  readonly qkv?: { readonly name: string; readonly order: "kind, head" | "head, kind" };
  readonly q?: string;
  readonly k?: string;
  readonly v?: string;
  readonly qNorm?: string;
  readonly kNorm?: string;
  readonly out: string;
  readonly mlpNorm: string;
  readonly gate?: string;
  readonly up: string;
  readonly down: string;
  readonly finalNorm: string;
  readonly head: string;
  /** linear weights stand as (in, out), GPT-2's Conv1D; else (out, in) */
  readonly inOut: boolean;
  /** what other libraries put before a name, or leave out */
  readonly optionalPrefix?: string;
  /** buffers in old files that are no parameters */
  readonly ignore: RegExp;
}
/**
 * Buffers in old files that are no parameters, whatever their type: causal masks, rotary tables, position numbers.
 */
const buffers =
  /(^|\.)((attn|attention|self_attn)\.(masked_)?bias|inv_freq|original_inv_freq|rotary_emb\.\w+|cos_cached|sin_cached|embed_positions|position_ids|causal_mask)$/;

export const layouts = {
  gpt2: {
    embed: "wte.weight",
    positions: "wpe.weight",
    attnNorm: "h.{l}.ln_1",
    qkv: { name: "h.{l}.attn.c_attn", order: "kind, head" },
    out: "h.{l}.attn.c_proj",
    mlpNorm: "h.{l}.ln_2",
    up: "h.{l}.mlp.c_fc",
    down: "h.{l}.mlp.c_proj",
    finalNorm: "ln_f",
    head: "lm_head.weight",
    inOut: true,
    optionalPrefix: "transformer.",
    ignore: buffers,
  },
  neox: {
    embed: "gpt_neox.embed_in.weight",
    attnNorm: "gpt_neox.layers.{l}.input_layernorm",
    qkv: { name: "gpt_neox.layers.{l}.attention.query_key_value", order: "head, kind" },
    out: "gpt_neox.layers.{l}.attention.dense",
    mlpNorm: "gpt_neox.layers.{l}.post_attention_layernorm",
    up: "gpt_neox.layers.{l}.mlp.dense_h_to_4h",
    down: "gpt_neox.layers.{l}.mlp.dense_4h_to_h",
    finalNorm: "gpt_neox.final_layer_norm",
    head: "embed_out.weight",
    inOut: false,
    ignore: buffers,
  },
  llama: {
    embed: "model.embed_tokens.weight",
    attnNorm: "model.layers.{l}.input_layernorm",
    q: "model.layers.{l}.self_attn.q_proj",
    k: "model.layers.{l}.self_attn.k_proj",
    v: "model.layers.{l}.self_attn.v_proj",
    qNorm: "model.layers.{l}.self_attn.q_norm",
    kNorm: "model.layers.{l}.self_attn.k_norm",
    out: "model.layers.{l}.self_attn.o_proj",
    mlpNorm: "model.layers.{l}.post_attention_layernorm",
    gate: "model.layers.{l}.mlp.gate_proj",
    up: "model.layers.{l}.mlp.up_proj",
    down: "model.layers.{l}.mlp.down_proj",
    finalNorm: "model.norm",
    head: "lm_head.weight",
    inOut: false,
    ignore: buffers,
  },
} as const satisfies Record<string, Layout>;
export const layoutOf = (c: ModelShape): Layout => layouts[c.layout];

const n = z.int().positive();
const x = z.number().positive();
const RopeParameters = z.looseObject({
  rope_theta: x.optional(),
  rope_type: z.string().optional(),
  type: z.string().optional().describe("rope_type's old name"),
  factor: x.optional(),
  low_freq_factor: x.optional(),
  high_freq_factor: x.optional(),
  original_max_position_embeddings: n.optional(),
  partial_rotary_factor: x.optional(),
});

const activations: Readonly<Record<string, ModelShape["activation"]>> = {
  gelu: "gelu",
  gelu_new: "geluTanh",
  gelu_fast: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  silu: "silu",
  swish: "silu",
  relu: "relu",
};
function activation(name: string): ModelShape["activation"] {
  const known = activations[name];
  if (!known)
    throw unsupported(`activation ${name}`, `known are ${Object.keys(activations).join(", ")}`);
  return known;
}
const unsupported = (what: string, known: string) =>
  new TillerError(
    "unsupported_model",
    `config.json asks for ${what}; ${known}. Choose another model, or add it to packages/lm/architectures.ts.`,
  );

/** Inverse frequencies of rotary positions: theta^(-2i/dims), scaled as rope_type says. */
function rotary(
  dims: number,
  p: z.infer<typeof RopeParameters> | null | undefined,
  theta: number,
): Rotary {
  const base = p?.rope_theta ?? theta;
  const plain = Array.from({ length: dims / 2 }, (_, i) => base ** ((-2 * i) / dims));
  const type = p?.rope_type ?? p?.type ?? "default";
  const factor = p?.factor ?? 1;
  if (type === "default") return { dims, frequencies: plain };
  if (type === "linear") return { dims, frequencies: plain.map((f) => f / factor) };
  if (type !== "llama3")
    throw unsupported(`rotary positions of type ${type}`, "known are default, linear and llama3");
  // Llama 3.1: long waves are stretched by `factor`, short ones kept, those between blended
  const context = p?.original_max_position_embeddings ?? 8192;
  const [low, high] = [p?.low_freq_factor ?? 1, p?.high_freq_factor ?? 4];
  const frequencies = plain.map((f) => {
    const turns = (context * f) / (2 * Math.PI); // in the context it was trained with
    const keep = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return keep * f + (1 - keep) * (f / factor);
  });
  return { dims, frequencies };
}

const Gpt2 = z.looseObject({
  n_layer: n,
  n_head: n,
  n_embd: n,
  n_inner: n.nullish(),
  n_positions: n,
  vocab_size: n,
  activation_function: z.string().default("gelu_new"),
  layer_norm_epsilon: x.default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
});
const Neox = z.looseObject({
  num_hidden_layers: n,
  num_attention_heads: n,
  hidden_size: n,
  intermediate_size: n,
  max_position_embeddings: n,
  vocab_size: n,
  hidden_act: z.string().default("gelu"),
  layer_norm_eps: x.default(1e-5),
  rotary_pct: x.default(0.25),
  rotary_emb_base: x.default(10_000),
  rope_parameters: RopeParameters.nullish(),
  rope_scaling: RopeParameters.nullish(),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
});
const Llama = z.looseObject({
  num_hidden_layers: n,
  num_attention_heads: n,
  num_key_value_heads: n.nullish(),
  head_dim: n.nullish(),
  hidden_size: n,
  intermediate_size: n,
  max_position_embeddings: n,
  vocab_size: n,
  hidden_act: z.string().default("silu"),
  rms_norm_eps: x.default(1e-6),
  rope_theta: x.default(10_000),
  rope_parameters: RopeParameters.nullish(),
  rope_scaling: RopeParameters.nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  sliding_window: n.nullish(),
  use_sliding_window: z.boolean().nullish(),
  tie_word_embeddings: z.boolean().default(false),
});

/** Llama and its kin; each differs by the biases on q, k and v, the window, and norms on q and k. */
const llamaLike =
  (kin: {
    qkvBias?: boolean;
    window?: "sliding_window" | "use_sliding_window";
    qkNorm?: boolean;
  }) =>
  (config: unknown): ModelShape => {
    const c = Llama.parse(config);
    const headDim = c.head_dim ?? c.hidden_size / c.num_attention_heads;
    if (kin.window === "use_sliding_window" && c.use_sliding_window)
      throw unsupported("windows in some layers only", "use_sliding_window must be false");
    const bias = c.attention_bias ?? false;
    return {
      layout: "llama",
      layers: c.num_hidden_layers,
      width: c.hidden_size,
      heads: c.num_attention_heads,
      kvHeads: c.num_key_value_heads ?? c.num_attention_heads,
      headDim,
      inner: c.intermediate_size,
      positions: c.max_position_embeddings,
      vocab: c.vocab_size,
      norm: "rms",
      epsilon: c.rms_norm_eps,
      activation: activation(c.hidden_act),
      rotary: rotary(headDim, c.rope_parameters ?? c.rope_scaling, c.rope_theta),
      parallel: false,
      window: kin.window === "sliding_window" ? (c.sliding_window ?? null) : null,
      tied: c.tie_word_embeddings,
      biases: {
        qkv: kin.qkvBias ?? bias,
        out: kin.qkvBias ? false : bias,
        mlp: c.mlp_bias ?? false,
      },
      qkNorm: kin.qkNorm ?? false,
    };
  };

/** One reader a `model_type`. */
const readers = {
  gpt2: (config: unknown): ModelShape => {
    const c = Gpt2.parse(config);
    return {
      layout: "gpt2",
      layers: c.n_layer,
      width: c.n_embd,
      heads: c.n_head,
      kvHeads: c.n_head,
      headDim: c.n_embd / c.n_head,
      inner: c.n_inner ?? 4 * c.n_embd,
      positions: c.n_positions,
      vocab: c.vocab_size,
      norm: "layer",
      epsilon: c.layer_norm_epsilon,
      activation: activation(c.activation_function),
      rotary: null,
      parallel: false,
      window: null,
      tied: c.tie_word_embeddings,
      biases: { qkv: true, out: true, mlp: true },
      qkNorm: false,
    };
  },
  gpt_neox: (config: unknown): ModelShape => {
    const c = Neox.parse(config);
    const headDim = c.hidden_size / c.num_attention_heads;
    const rope = c.rope_parameters ?? c.rope_scaling;
    const dims = Math.floor(headDim * (rope?.partial_rotary_factor ?? c.rotary_pct));
    return {
      layout: "neox",
      layers: c.num_hidden_layers,
      width: c.hidden_size,
      heads: c.num_attention_heads,
      kvHeads: c.num_attention_heads,
      headDim,
      inner: c.intermediate_size,
      positions: c.max_position_embeddings,
      vocab: c.vocab_size,
      norm: "layer",
      epsilon: c.layer_norm_eps,
      activation: activation(c.hidden_act),
      rotary: rotary(dims, rope, c.rotary_emb_base),
      parallel: c.use_parallel_residual,
      window: null,
      tied: c.tie_word_embeddings,
      biases: { qkv: c.attention_bias, out: c.attention_bias, mlp: true },
      qkNorm: false,
    };
  },
  llama: llamaLike({}),
  mistral: llamaLike({ window: "sliding_window" }),
  qwen2: llamaLike({ qkvBias: true, window: "use_sliding_window" }),
  qwen3: llamaLike({ qkNorm: true, window: "use_sliding_window" }),
} as const;
const modelTypes = Object.keys(readers) as (keyof typeof readers)[];

/** config.json as it stands in the folder, whatever else it holds; what `shapeOf` reads is checked there. */
export const ModelConfig = z.looseObject({ model_type: z.string() });
export type ModelConfig = z.infer<typeof ModelConfig>;

/**
 * The shape a config.json describes. Throws `unsupported_model` for an architecture or option we do not
 * compute, and `bad_config` naming the first field that is missing or wrong.
 */
export function shapeOf(config: ModelConfig): ModelShape {
  const read = readers[config.model_type as keyof typeof readers];
  if (!read)
    throw unsupported(`model_type ${config.model_type}`, `known are ${modelTypes.join(", ")}`);
  try {
    const shape = read(config);
    if (shape.heads % shape.kvHeads || !Number.isInteger(shape.headDim))
      throw new TillerError(
        "bad_config",
        `config.json: width ${shape.width}, ${shape.heads} heads and ${shape.kvHeads} key-value heads do not divide. Correct the file.`,
      );
    return shape;
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause;
    const [issue] = cause.issues;
    throw new TillerError(
      "bad_config",
      `config.json (${config.model_type}): ${issue?.path.join(".")}: ${issue?.message}. Correct the file or take it from its source again.`,
      { cause },
    );
  }
}

/** The config.json of a new GPT-2: what `transformers` needs to load what we save. */
export const gpt2Config = (c: {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly positions: number;
  readonly vocab: number;
}): ModelConfig => ({
  architectures: ["GPT2LMHeadModel"],
  model_type: "gpt2",
  n_layer: c.layers,
  n_head: c.heads,
  n_embd: c.width,
  n_positions: c.positions,
  vocab_size: c.vocab,
  activation_function: "gelu",
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: true,
});
