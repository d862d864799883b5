/**
 * A decoder-only transformer, pre-norm, in the shapes `architectures.ts` reads: GPT-2, GPT-NeoX, Llama and its kin.
 * Parameter names and layouts are Hugging Face's, so checkpoints travel both ways without renaming.
 * Sequences are padded on the right; under causal attention padding changes no earlier position.
 */
import { type Rng, TillerError } from "@tiller/schema";
import {
  add,
  cast,
  causalAttention,
  dropout,
  gather,
  gelu,
  geluTanh,
  gemm,
  type Graph,
  layerNorm,
  linearLogprobs,
  mul,
  recompute,
  relu,
  reshape,
  rmsNorm,
  rotary,
  rotaryTables,
  silu,
  sizeOf,
  split,
  type State,
  sub,
  type Tensor,
  transpose,
} from "@tiller/tensor";
import { attentionScale, layoutOf, type ModelShape, type ParamSpec } from "./architectures.ts";
import { eightBitProduct } from "./eight-bits.ts";
import { frequenciesFor } from "./rope.ts";

/** Every parameter in checkpoint order. Residual projections are scaled by 1/sqrt(2 layers), as in GPT-2. */
export function paramSpecs(c: ModelShape): ParamSpec[] {
  const names = layoutOf(c);
  const [d, D] = [c.width, c.headDim];
  const residual = 0.02 / Math.sqrt(2 * c.layers);
  const spec = (name: string, shape: readonly number[], init: ParamSpec["init"]) => ({
    name,
    shape,
    init,
  });
  const norm = (name: string, size = d) => [
    spec(`${name}.weight`, [size], "one"),
    ...(c.norm === "layer" ? [spec(`${name}.bias`, [size], "zero")] : []),
  ];
  const linear = (name: string, from: number, to: number, std: number, bias: boolean) => [
    spec(`${name}.weight`, names.inOut ? [from, to] : [to, from], std),
    ...(bias ? [spec(`${name}.bias`, [to], "zero")] : []),
  ];
  const { qkv, out, mlp } = c.biases;
  const layer = [
    ...norm(names.attnNorm),
    ...(names.qkv
      ? linear(names.qkv.name, d, 3 * c.heads * D, 0.02, qkv)
      : [
          ...linear(names.q!, d, c.heads * D, 0.02, qkv),
          ...linear(names.k!, d, c.kvHeads * D, 0.02, qkv),
          ...linear(names.v!, d, c.kvHeads * D, 0.02, qkv),
        ]),
    ...(c.qkNorm ? [...norm(names.qNorm!, D), ...norm(names.kNorm!, D)] : []),
    ...linear(names.out, c.heads * D, d, residual, out),
    ...norm(names.mlpNorm),
    ...(names.gate ? linear(names.gate, d, c.inner, 0.02, mlp) : []),
    ...linear(names.up, d, c.inner, 0.02, mlp),
    ...linear(names.down, c.inner, d, residual, mlp),
  ];
  return [
    spec(names.embed, [c.vocab, d], 0.02),
    ...(names.positions ? [spec(names.positions, [c.positions, d], 0.01)] : []),
    ...Array.from({ length: c.layers }, (_, l) =>
      layer.map((s) => ({ ...s, name: s.name.replace("{l}", String(l)) })),
    ).flat(),
    ...norm(names.finalNorm),
    ...(c.tied ? [] : [spec(names.head, [c.vocab, d], 0.02)]),
  ];
}

/** How many numbers these parameters are. */
export const parameterCount = (specs: readonly ParamSpec[]): number =>
  specs.reduce((n, s) => n + sizeOf(s.shape), 0);

/** The scalar head of a reward or value model: std 1/sqrt(d+1), bias 0 (Stiennon et al. 2020); (1, d) as transformers has it. */
export const headSpecs = (c: ModelShape): ParamSpec[] => [
  { name: "score.weight", shape: [1, c.width], init: 1 / Math.sqrt(c.width + 1) },
  { name: "score.bias", shape: [1], init: "zero" },
];

/** The head of a classifier of `classes` kinds, by the last token or by each. */
export const classifierSpecs = (c: ModelShape, classes: number): ParamSpec[] => [
  { name: "classifier.weight", shape: [classes, c.width], init: 0.02 },
  { name: "classifier.bias", shape: [classes], init: "zero" },
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
const activations = { gelu, geluTanh, silu, relu };

function norm(c: ModelShape, p: Params, x: Tensor, name: string): Tensor {
  const gain = of(p, `${name}.weight`);
  return c.norm === "rms"
    ? rmsNorm(x, gain, c.epsilon)
    : layerNorm(x, gain, of(p, `${name}.bias`), c.epsilon);
}
function linear(c: ModelShape, p: Params, x: Tensor, name: string): Tensor {
  const [weight, bias] = [`${name}.weight`, p.get(`${name}.bias`) ?? null];
  const y =
    eightBitProduct(p, x, weight, bias) ??
    gemm(x, of(p, weight), bias, { transB: !layoutOf(c).inOut });
  const [a, b] = [p.get(`${name}.lora_A.weight`), p.get(`${name}.lora_B.weight`)];
  if (!a || !b) return y;
  const down = gemm(x, a, null, { transB: true }); // (N, rank)
  return add(y, mul(gemm(down, b, null, { transB: true }), of(p, "lora.scale")));
}

/** Queries (N, H D), keys and values (N, G D) of one layer; or all three in one (N, 3 H D), in the layout's order. */
export type Projected = readonly [Tensor] | readonly [q: Tensor, k: Tensor, v: Tensor];
/** What attention does inside a block -> (N, H D). The sampler brings its own, with a cache. */
export type Attend = (qkv: Projected, layer: number, params: Params) => Tensor;

/** What training may ask of the blocks beside their result. */
export interface BlockOptions {
  /** of the embeddings and of what attention and feed-forward add to the stream; `key`: int64 scalar, new at every step */
  readonly dropout?: { readonly rate: number; readonly key: Tensor };
  /** keep only what goes from block to block, and compute the rest again in the backward pass */
  readonly recompute?: boolean;
  /** is shown `hidden.L` (N, d), the stream before block L and after the last, and `attention.L` (B, H, T, T) */
  readonly watch?: (name: string, x: Tensor) => void;
  /** texts that share rows: the text's number of each token (B, T), and its place in it; no token sees another text */
  readonly packing?: { readonly segments: Tensor; readonly places: Tensor };
}

/** All blocks and the final norm over x (N, d). */
export function blocks(
  c: ModelShape,
  p: Params,
  x: Tensor,
  attend: Attend,
  o: BlockOptions = {},
): Tensor {
  const names = layoutOf(c);
  const drop = (y: Tensor, site: number) =>
    o.dropout ? dropout(y, o.dropout.rate, o.dropout.key, site) : y;
  x = drop(x, 0);
  for (let l = 0; l < c.layers; l++) {
    o.watch?.(`hidden.${l}`, x);
    const own = names.attnNorm.split("{l}")[0] + `${l}.`;
    const mine = o.recompute ? [...p].filter(([name]) => name.startsWith(own)) : [];
    const run = (from: Tensor, params: Params) => block(from, params, l);
    // the parameters are inputs too: what is recomputed gets gradients through its inputs alone
    x = o.recompute
      ? recompute([x, ...mine.map(([, t]) => t)], ([from, ...ts]) => {
          const params = new Map(p);
          mine.forEach(([name], i) => params.set(name, ts[i]!));
          return [run(from!, params)] as const;
        })[0]
      : run(x, p);
  }
  o.watch?.(`hidden.${c.layers}`, x);
  return norm(c, p, x, names.finalNorm);

  function block(x: Tensor, p: Params, l: number): Tensor {
    const at = (name: string) => name.replace("{l}", String(l));
    const apply = (y: Tensor, name: string) => linear(c, p, y, at(name));
    const normed = norm(c, p, x, at(names.attnNorm));
    const qkv = names.qkv
      ? ([apply(normed, names.qkv.name)] as const)
      : ([apply(normed, names.q!), apply(normed, names.k!), apply(normed, names.v!)] as const);
    const attended = add(x, drop(apply(attend(qkv, l, p), names.out), 2 * l + 1));
    const before = norm(c, p, c.parallel ? x : attended, at(names.mlpNorm));
    const up = apply(before, names.up); // (N, inner)
    const act = activations[c.activation];
    const hidden = names.gate ? mul(act(apply(before, names.gate)), up) : act(up);
    return add(attended, drop(apply(hidden, names.down), 2 * l + 2));
  }
}

/** Norm of each head's queries or keys, x (..., D), where the architecture has one. */
export function headNorm(
  c: ModelShape,
  p: Params,
  x: Tensor,
  which: "q" | "k",
  layer: number,
): Tensor {
  if (!c.qkNorm) return x;
  const name = layoutOf(c)[which === "q" ? "qNorm" : "kNorm"]!;
  return norm(c, p, x, name.replace("{l}", String(layer)));
}

/** Embeddings of ids (B, T) -> (B T, d), with those of the positions where they are learned. */
export function embed(c: ModelShape, p: Params, ids: Tensor, positions: Tensor): Tensor {
  const [B, T] = ids.shape;
  const names = layoutOf(c);
  const tokens = gather(of(p, names.embed), ids);
  const x = names.positions ? add(tokens, gather(of(p, names.positions), positions)) : tokens;
  return reshape(x, [B * T, c.width]);
}

/** Hidden states of ids (B, T) after the final norm: (B T, d). */
export function hiddenStates(c: ModelShape, p: Params, ids: Tensor, o: BlockOptions = {}): Tensor {
  const [B, T] = ids.shape;
  if (T > c.positions)
    throw new TillerError(
      "too_long",
      `${T} tokens, but the model has ${c.positions} positions. Use shorter passages or a model with more.`,
    );
  const [H, G, D] = [c.heads, c.kvHeads, c.headDim];
  // turned positions count by their distance alone: places within texts matter to learned ones only
  const positions =
    o.packing?.places ??
    ids.graph.constant(
      Array.from({ length: T }, (_, i) => i),
      [T],
      "int64",
    );
  const apartBy = o.packing && sameText(o.packing.segments);
  const tables =
    c.rotary &&
    rotaryTables(ids.graph, T, frequenciesFor(c.rotary, T), { amplitude: c.rotary.amplitude });
  const turn = (y: Tensor) => (tables ? rotary(y, tables) : y);
  // (B, T, 3, H, D) or (B, T, H, 3, D) -> (3, B, H, T, D)
  const [fused, perm] =
    layoutOf(c).qkv?.order === "head, kind"
      ? [
          [B, T, H, 3, D],
          [3, 0, 2, 1, 4],
        ]
      : [
          [B, T, 3, H, D],
          [2, 0, 3, 1, 4],
        ];
  const attend: Attend = (qkv, l, p) => {
    const apart = (y: Tensor, heads: number, which?: "q" | "k") => {
      const split = reshape(y, [B, T, heads, D]);
      return transpose(which ? headNorm(c, p, split, which, l) : split, [0, 2, 1, 3]); // (B, heads, T, D)
    };
    const [q, k, v] =
      qkv.length === 1
        ? split(transpose(reshape(qkv[0], fused), perm), 0, 3).map((t) => reshape(t, [B, H, T, D]))
        : [apart(qkv[0], H, "q"), apart(qkv[1], G, "k"), apart(qkv[2], G)];
    const { watch } = o;
    const out = causalAttention(turn(q), turn(k), v, attentionScale(c, l), {
      window: c.windows[l]!,
      ...(apartBy && { bias: apartBy }),
      onWeights: watch && ((weights) => watch(`attention.${l}`, weights)),
    }); // (B, H, T, D)
    return reshape(transpose(out, [0, 2, 1, 3]), [B * T, H * D]);
  };
  return blocks(c, p, embed(c, p, ids, positions), attend, o);
}

/** Segments (B, T) -> (B, 1, T, T): 0 within a text, -1e9 from one to another. */
function sameText(segments: Tensor): Tensor {
  const [B, T] = segments.shape as [number, number];
  const g = segments.graph;
  const [a, b] = [reshape(segments, [B, 1, T, 1]), reshape(segments, [B, 1, 1, T])];
  const same = g.op("Equal", [a, b], [[B, 1, T, T]], {}, { dtype: "bool" })[0]!;
  return mul(sub(cast(same, "float32"), 1), 1e9);
}

/** Logits of hidden rows (N, d) -> (N, V), by the head or the tied embedding. */
export function logits(c: ModelShape, p: Params, hidden: Tensor): Tensor {
  const name = c.tied ? layoutOf(c).embed : layoutOf(c).head;
  return (
    eightBitProduct(p, hidden, name, null) ?? gemm(hidden, of(p, name), null, { transB: true })
  );
}

/** Log-probs of one label a hidden row (N, d) -> (N); with less memory than by the logits. */
export const logprobs = (c: ModelShape, p: Params, hidden: Tensor, labels: Tensor): Tensor =>
  linearLogprobs(hidden, of(p, c.tied ? layoutOf(c).embed : layoutOf(c).head), labels);

/** Scalar scores of hidden rows (N, d) -> (N). */
export const scores = (p: Params, hidden: Tensor): Tensor =>
  reshape(gemm(hidden, of(p, "score.weight"), of(p, "score.bias"), { transB: true }), [
    hidden.shape[0],
  ]);

/** Logits of kinds of hidden rows (N, d) -> (N, classes). */
export const classLogits = (p: Params, hidden: Tensor): Tensor =>
  gemm(hidden, of(p, "classifier.weight"), of(p, "classifier.bias"), { transB: true });
