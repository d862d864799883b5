/**
 * What the transformer needs of a Hugging Face config.json, architecture by architecture: one reader a
 * `model_type` in `readers`, one table of parameter names a family in `layouts`. Everything that is
 * Llama with other numbers (Llama 2 and 3, SmolLM, Mistral, Qwen 2 and 3) shares one layout.
 */
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { refuseUncomputed, uncomputed } from "./config-keys.ts";
import { RopeParameters, ropeOf, type Rotary, rotaryOf } from "./rope.ts";

export interface ParamSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** initial standard deviation; "one" and "zero" for norms and biases */
  readonly init: number | "one" | "zero";
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
  /** tokens a position sees in each layer, itself included; null = all before it */
  readonly windows: readonly (number | null)[];
  /** output weights are the token embedding */
  readonly tied: boolean;
  readonly biases: { readonly qkv: boolean; readonly out: boolean; readonly mlp: boolean };
  /** queries and keys are normed a head before they turn (Qwen 3) */
  readonly qkNorm: boolean;
  /** scores are multiplied with this, and divided by the layer's number from 1 where `byLayer` */
  readonly attention: { readonly scale: number; readonly byLayer: boolean };
}
/** What the scores of a layer, numbered from 0, are multiplied with. */
export const attentionScale = ({ attention }: ModelShape, layer: number): number =>
  attention.byLayer ? attention.scale / (layer + 1) : attention.scale;

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

/** Bounds no model comes near: a file's numbers are looked at before anything is made of that size. */
const size = (most: number) => z.int().positive().max(most);
const layers = size(4096);
const heads = size(4096);
const width = size(2 ** 18);
const positions = size(2 ** 27);
const vocab = size(2 ** 23);
const n = size(2 ** 27);
const x = z.number().positive();
const original = n.nullish();

const activations = new Map<string, ModelShape["activation"]>([
  ["gelu", "gelu"],
  ["gelu_python", "gelu"],
  ["gelu_new", "geluTanh"],
  ["gelu_fast", "geluTanh"],
  ["gelu_accurate", "geluTanh"],
  ["gelu_pytorch_tanh", "geluTanh"],
  ["gelu_python_tanh", "geluTanh"],
  ["silu", "silu"],
  ["swish", "silu"],
  ["relu", "relu"],
]);
function activation(key: string, name: string): ModelShape["activation"] {
  const known = activations.get(name);
  if (!known)
    throw unsupported(`${key} ${name}`, `known are ${[...activations.keys()].join(", ")}`);
  return known;
}
const unsupported = (what: string, known: string) =>
  new TillerError(
    "unsupported_model",
    `config.json asks for ${what}; ${known}. Choose another model, or add it to packages/lm/architectures.ts.`,
  );

const Gpt2 = z.looseObject({
  n_layer: layers,
  n_head: heads,
  n_embd: width,
  n_inner: n.nullish(),
  n_positions: positions,
  vocab_size: vocab,
  activation_function: z.string().default("gelu_new"),
  layer_norm_epsilon: x.default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
});
const Neox = z.looseObject({
  num_hidden_layers: layers,
  num_attention_heads: heads,
  hidden_size: width,
  intermediate_size: n,
  max_position_embeddings: positions,
  vocab_size: vocab,
  hidden_act: z.string().default("gelu"),
  layer_norm_eps: x.default(1e-5),
  rotary_pct: x.max(1).default(0.25),
  rotary_emb_base: x.default(10_000),
  rope_parameters: RopeParameters.nullish(),
  rope_scaling: RopeParameters.nullish(),
  original_max_position_embeddings: original,
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
});
const Llama = z.looseObject({
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: heads.nullish(),
  head_dim: size(2 ** 14).nullish(),
  hidden_size: width,
  intermediate_size: n,
  max_position_embeddings: positions,
  vocab_size: vocab,
  hidden_act: z.string().default("silu"),
  rms_norm_eps: x.default(1e-6),
  rope_theta: x.default(10_000),
  rope_parameters: RopeParameters.nullish(),
  rope_scaling: RopeParameters.nullish(),
  original_max_position_embeddings: original,
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  sliding_window: n.nullish(),
  use_sliding_window: z.boolean().nullish(),
  max_window_layers: z.int().nullish(),
  layer_types: z.array(z.string()).max(4096).nullish(),
  tie_word_embeddings: z.boolean().default(false),
});

/** Tokens a position of each layer sees: by `layer_types`, where the class reads them, else by the class's own rule. */
function windowsOf(c: z.infer<typeof Llama>, kin: Kin): (number | null)[] {
  const all = c.num_hidden_layers;
  const given = c.sliding_window === undefined ? (kin.defaults?.window ?? null) : c.sliding_window;
  if (kin.window !== "use_sliding_window") {
    // Mistral's class has one window for all; files with others are Ministral's
    const window = kin.window ? given : null;
    const kind = window === null ? "full_attention" : "sliding_attention";
    if (c.layer_types?.some((t) => t !== kind)) throw uncomputed("layer_types", c.layer_types);
    return Array.from({ length: all }, () => window);
  }
  const window = c.use_sliding_window ? given : null;
  const from = c.max_window_layers ?? 28;
  const types =
    c.layer_types ??
    Array.from({ length: all }, (_, l) =>
      window !== null && l >= from ? "sliding_attention" : "full_attention",
    );
  if (types.length < all || types.some((t) => t !== "full_attention" && t !== "sliding_attention"))
    throw uncomputed("layer_types", types);
  if (window === null && types.includes("sliding_attention"))
    throw new TillerError(
      "bad_config",
      `config.json: layer_types names sliding_attention, but ${c.use_sliding_window ? "there is no sliding_window" : "use_sliding_window is not true"}. Correct the file.`,
    );
  return types.slice(0, all).map((t) => (t === "sliding_attention" ? window : null));
}

interface Kin {
  readonly qkvBias?: boolean;
  readonly window?: "sliding_window" | "use_sliding_window";
  readonly qkNorm?: boolean;
  /** biases that config.json may switch on */
  readonly biases?: readonly ("attention_bias" | "mlp_bias")[];
  /** what a missing key means in this class */
  readonly defaults?: {
    readonly kvHeads?: number;
    readonly headDim?: number;
    readonly window?: number;
  };
}
/** Llama and its kin; each differs by the biases on q, k and v, the window, and norms on q and k. */
const llamaLike =
  (kin: Kin) =>
  (config: unknown): ModelShape => {
    const c = Llama.parse(config);
    const absent = (key: string) => (c as Record<string, unknown>)[key] === undefined;
    const heads = c.num_attention_heads;
    const headDim =
      c.head_dim ?? ((absent("head_dim") && kin.defaults?.headDim) || c.hidden_size / heads);
    const kvHeads =
      c.num_key_value_heads ?? ((absent("num_key_value_heads") && kin.defaults?.kvHeads) || heads);
    const may = (key: "attention_bias" | "mlp_bias") =>
      kin.biases?.includes(key) ? {} : { [key]: [null, false] };
    const rope = ropeOf(c);
    refuseUncomputed(
      { ...c, layer_types: null, rope_factor: rope.partial_rotary_factor ?? null },
      {
        ...may("mlp_bias"),
        ...(!kin.qkvBias && may("attention_bias")),
        ...(!kin.window && { sliding_window: [null] }),
        partial_rotary_factor: [null, 1],
        rope_factor: [null, 1],
        rotary_pct: [null, 1],
        query_pre_attn_scalar: [null, headDim],
      },
    );
    const bias = c.attention_bias ?? false;
    return {
      layout: "llama",
      layers: c.num_hidden_layers,
      width: c.hidden_size,
      heads,
      kvHeads,
      headDim,
      inner: c.intermediate_size,
      positions: c.max_position_embeddings,
      vocab: c.vocab_size,
      norm: "rms",
      epsilon: c.rms_norm_eps,
      activation: activation("hidden_act", c.hidden_act),
      rotary: rotaryOf(rope, {
        dims: headDim,
        theta: c.rope_theta,
        positions: c.max_position_embeddings,
        original: c.original_max_position_embeddings,
      }),
      parallel: false,
      windows: windowsOf(c, kin),
      tied: c.tie_word_embeddings,
      biases: {
        qkv: kin.qkvBias ?? bias,
        out: kin.qkvBias ? false : bias,
        mlp: c.mlp_bias ?? false,
      },
      qkNorm: kin.qkNorm ?? false,
      attention: { scale: 1 / Math.sqrt(headDim), byLayer: false },
    };
  };

/** No windows. */
const everywhere = (layers: number): null[] => Array.from({ length: layers }, () => null);

/** One reader a `model_type`. */
const readers: Readonly<Record<string, (config: unknown) => ModelShape>> = {
  gpt2: (config: unknown): ModelShape => {
    const c = Gpt2.parse(config);
    refuseUncomputed(c);
    const headDim = c.n_embd / c.n_head;
    return {
      layout: "gpt2",
      layers: c.n_layer,
      width: c.n_embd,
      heads: c.n_head,
      kvHeads: c.n_head,
      headDim,
      inner: c.n_inner ?? 4 * c.n_embd,
      positions: c.n_positions,
      vocab: c.vocab_size,
      norm: "layer",
      epsilon: c.layer_norm_epsilon,
      activation: activation("activation_function", c.activation_function),
      rotary: null,
      parallel: false,
      windows: everywhere(c.n_layer),
      tied: c.tie_word_embeddings,
      biases: { qkv: true, out: true, mlp: true },
      qkNorm: false,
      attention: {
        scale: c.scale_attn_weights ? 1 / Math.sqrt(headDim) : 1,
        byLayer: c.scale_attn_by_inverse_layer_idx,
      },
    };
  },
  gpt_neox: (config: unknown): ModelShape => {
    const c = Neox.parse(config);
    refuseUncomputed(c);
    const headDim = c.hidden_size / c.num_attention_heads;
    const rope = ropeOf(c);
    const dims = Math.floor(headDim * (rope.partial_rotary_factor ?? c.rotary_pct));
    if (dims < 1) throw uncomputed("rotary_pct", c.rotary_pct);
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
      activation: activation("hidden_act", c.hidden_act),
      rotary: rotaryOf(rope, {
        dims,
        theta: c.rotary_emb_base,
        positions: c.max_position_embeddings,
        original: c.original_max_position_embeddings,
      }),
      parallel: c.use_parallel_residual,
      windows: everywhere(c.num_hidden_layers),
      tied: c.tie_word_embeddings,
      biases: { qkv: c.attention_bias, out: c.attention_bias, mlp: true },
      qkNorm: false,
      attention: { scale: 1 / Math.sqrt(headDim), byLayer: false },
    };
  },
  llama: llamaLike({ biases: ["attention_bias", "mlp_bias"] }),
  mistral: llamaLike({ window: "sliding_window", defaults: { kvHeads: 8, window: 4096 } }),
  qwen2: llamaLike({
    qkvBias: true,
    window: "use_sliding_window",
    defaults: { kvHeads: 32, window: 4096 },
  }),
  qwen3: llamaLike({
    qkNorm: true,
    window: "use_sliding_window",
    biases: ["attention_bias"],
    defaults: { kvHeads: 32, headDim: 128, window: 4096 },
  }),
};

/** config.json as it stands in the folder, whatever else it holds; what `shapeOf` reads is checked there. */
export const ModelConfig = z.looseObject({ model_type: z.string() });
export type ModelConfig = z.infer<typeof ModelConfig>;

/**
 * The shape a config.json describes. Throws `unsupported_model` for an architecture or option we do not
 * compute, and `bad_config` naming the first field that is missing or wrong.
 */
export function shapeOf(config: ModelConfig): ModelShape {
  const read = Object.hasOwn(readers, config.model_type) ? readers[config.model_type] : undefined;
  if (!read)
    throw unsupported(
      `model_type ${config.model_type}`,
      `known are ${Object.keys(readers).join(", ")}`,
    );
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
