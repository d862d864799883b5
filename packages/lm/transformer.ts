/**
 * GPT-2 (Radford et al. 2019): pre-norm blocks, learned positions, tied embeddings, exact GELU.
 * Parameter names, layouts and config.json are Hugging Face's, so checkpoints travel both ways.
 * Sequences are padded on the right; under causal attention padding changes no earlier position.
 */
import { type Rng, TillerError } from "@tiller/schema";
import {
  add,
  causalAttention,
  gather,
  gelu,
  gemm,
  type Graph,
  layerNorm,
  reshape,
  split,
  type State,
  type Tensor,
  transpose,
} from "@tiller/tensor";

/** What the transformer needs of config.json. */
export interface ModelShape {
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_embd: number;
  readonly n_positions: number;
  readonly vocab_size: number;
}

export interface ParamSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** initial standard deviation; "one" and "zero" for norms and biases */
  readonly init: number | "one" | "zero";
}

/** Every parameter in checkpoint order. Residual projections are scaled by 1/sqrt(2 layers), as in GPT-2. */
export function paramSpecs(c: ModelShape): ParamSpec[] {
  const d = c.n_embd;
  const residual = 0.02 / Math.sqrt(2 * c.n_layer);
  const spec = (name: string, shape: readonly number[], init: ParamSpec["init"]) => ({
    name,
    shape,
    init,
  });
  const norm = (name: string) => [
    spec(`${name}.weight`, [d], "one"),
    spec(`${name}.bias`, [d], "zero"),
  ];
  const linear = (name: string, from: number, to: number, std: number) => [
    spec(`${name}.weight`, [from, to], std),
    spec(`${name}.bias`, [to], "zero"),
  ];
  return [
    spec("wte.weight", [c.vocab_size, d], 0.02),
    spec("wpe.weight", [c.n_positions, d], 0.01),
    ...Array.from({ length: c.n_layer }, (_, l) => [
      ...norm(`h.${l}.ln_1`),
      ...linear(`h.${l}.attn.c_attn`, d, 3 * d, 0.02),
      ...linear(`h.${l}.attn.c_proj`, d, d, residual),
      ...norm(`h.${l}.ln_2`),
      ...linear(`h.${l}.mlp.c_fc`, d, 4 * d, 0.02),
      ...linear(`h.${l}.mlp.c_proj`, 4 * d, d, residual),
    ]).flat(),
    ...norm("ln_f"),
  ];
}

/** The scalar head of a reward or value model: std 1/sqrt(d+1), bias 0 (Stiennon et al. 2020). */
export const headSpecs = (c: ModelShape): ParamSpec[] => [
  { name: "score.weight", shape: [c.n_embd, 1], init: 1 / Math.sqrt(c.n_embd + 1) },
  { name: "score.bias", shape: [1], init: "zero" },
];

/** Fills the state with fresh parameters. */
export function initParams(state: State, specs: readonly ParamSpec[], rng: Rng): void {
  for (const { name, shape, init } of specs) {
    const data = state.buffer(name, shape, "float32").data;
    if (init === "one") data.fill(1);
    else if (init === "zero") data.fill(0);
    else for (let i = 0; i < data.length; i++) data[i] = rng.normal() * init;
  }
}

/** Copies parameters from one state to another: a reference model, or a value model from a reward model. */
export function copyParams(from: State, to: State, specs: readonly ParamSpec[]): void {
  for (const { name, shape } of specs) to.set(name, shape, from.get(name).data);
}

/** The parameters as graph state. */
export const declare = (g: Graph, specs: readonly ParamSpec[]): Map<string, Tensor> =>
  new Map(specs.map((s) => [s.name, g.stateful(s.name, s.shape)]));

type Params = ReadonlyMap<string, Tensor>;
const of = (p: Params, name: string): Tensor => {
  const t = p.get(name);
  if (!t)
    throw new TillerError(
      "missing_parameter",
      `the model has no parameter ${name}. Is this checkpoint of another architecture?`,
    );
  return t;
};

/** What attention does inside a block: x (N, 3d) of queries, keys, values -> (N, d). */
export type Attend = (qkv: Tensor, layer: number) => Tensor;

/** All blocks and the final norm over x (N, d). The sampler brings its own attention with a cache. */
export function blocks(c: ModelShape, p: Params, x: Tensor, attend: Attend): Tensor {
  for (let l = 0; l < c.n_layer; l++) {
    const w = (name: string) => of(p, `h.${l}.${name}`);
    const linear = (y: Tensor, name: string) => gemm(y, w(`${name}.weight`), w(`${name}.bias`));
    const normed = layerNorm(x, w("ln_1.weight"), w("ln_1.bias"));
    x = add(x, linear(attend(linear(normed, "attn.c_attn"), l), "attn.c_proj"));
    const hidden = gelu(linear(layerNorm(x, w("ln_2.weight"), w("ln_2.bias")), "mlp.c_fc")); // (N, 4d)
    x = add(x, linear(hidden, "mlp.c_proj"));
  }
  return layerNorm(x, of(p, "ln_f.weight"), of(p, "ln_f.bias"));
}

/** Token and position embeddings of ids (B, T) -> (B T, d). */
export function embed(c: ModelShape, p: Params, ids: Tensor, positions: Tensor): Tensor {
  const [B, T] = ids.shape;
  return reshape(add(gather(of(p, "wte.weight"), ids), gather(of(p, "wpe.weight"), positions)), [
    B * T,
    c.n_embd,
  ]);
}

/** Hidden states of ids (B, T) after the final norm: (B T, d). */
export function hiddenStates(c: ModelShape, p: Params, ids: Tensor): Tensor {
  const [B, T] = ids.shape;
  if (T > c.n_positions)
    throw new TillerError(
      "too_long",
      `${T} tokens, but the model has ${c.n_positions} positions. Use shorter passages or a model with more.`,
    );
  const [H, D] = [c.n_head, c.n_embd / c.n_head];
  const positions = ids.graph.constant(
    Array.from({ length: T }, (_, i) => i),
    [T],
    "int64",
  );
  return blocks(c, p, embed(c, p, ids, positions), (qkv) => {
    const heads = transpose(reshape(qkv, [B, T, 3, H, D]), [2, 0, 3, 1, 4]); // (3, B, H, T, D)
    const [q, k, v] = split(heads, 0, 3).map((t) => reshape(t, [B, H, T, D]));
    const out = causalAttention(q, k, v, 1 / Math.sqrt(D)); // (B, H, T, D)
    return reshape(transpose(out, [0, 2, 1, 3]), [B * T, c.n_embd]);
  });
}

/** Logits of hidden rows (N, d) -> (N, V), by the tied embedding. */
export const logits = (p: Params, hidden: Tensor): Tensor =>
  gemm(hidden, of(p, "wte.weight"), null, { transB: true });

/** Scalar scores of hidden rows (N, d) -> (N). */
export const scores = (p: Params, hidden: Tensor): Tensor =>
  reshape(gemm(hidden, of(p, "score.weight"), of(p, "score.bias")), [hidden.shape[0]]);
