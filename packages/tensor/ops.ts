/** Differentiable operations. Shapes broadcast as in NumPy; names follow JAX and PyTorch. */
import { TillerError } from "@tiller/schema";
import { type DType, sizeOf } from "./dtype.ts";
import type { Attribute, Graph, Tensor } from "./graph.ts";
import { IGNORED, withinBounds } from "./picks.ts";

const MS = { domain: "com.microsoft" } as const;
const same = (a: readonly number[], b: readonly number[]) => a.join() === b.join();

function broadcast(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new TillerError(
        "shape_mismatch",
        `${op}: shapes (${a}) and (${b}) do not broadcast at axis ${i}: ${x} against ${y}. Reshape one of them?`,
      );
    return x === 1 ? y : x;
  });
}
/** Most operations are of float32; ids and masks are cast first. */
function floats(op: string, ...xs: readonly (Tensor | null)[]): void {
  const odd = xs.find((x) => x && x.dtype !== "float32");
  if (odd)
    throw new TillerError(
      "wrong_dtype",
      `${op}: an operand is ${odd.dtype} (${odd.shape}), it must be float32. Cast it: cast(x, "float32").`,
    );
}
type Operand = Tensor | number;
const binary =
  (op: string) =>
  (a: Tensor, b: Operand): Tensor => {
    const y = typeof b === "number" ? a.graph.scalar(b) : b;
    floats(op, a, y);
    return a.graph.op(op, [a, y], [broadcast(op, a.shape, y.shape)])[0];
  };
const unary =
  (op: string, attributes: Record<string, Attribute> = {}, o = {}) =>
  (a: Tensor): Tensor => {
    floats(op, a);
    return a.graph.op(op, [a], [a.shape], attributes, o)[0];
  };

export const add = binary("Add");
export const sub = binary("Sub");
export const mul = binary("Mul");
export const div = binary("Div");
export const minimum = binary("Min");
export const maximum = binary("Max");
export const neg = unary("Neg");
export const exp = unary("Exp");
export const log = unary("Log");
export const sqrt = unary("Sqrt");
export const erf = unary("Erf");
export const tanh = unary("Tanh");
export const sin = unary("Sin");
export const cos = unary("Cos");
/** a to the power k; a > 0 unless k is a whole number */
export const pow = (a: Tensor, k: number): Tensor =>
  a.graph.op("Pow", [a, a.graph.scalar(k)], [a.shape], { _k: { float: k } })[0];
export const sigmoid = unary("Sigmoid");
export const abs = unary("Abs");
export const softplus = unary("Softplus");
/** log sigmoid(x), stable: -softplus(-x) */
export const logSigmoid = (a: Tensor): Tensor => neg(softplus(neg(a)));
export const square = (a: Tensor): Tensor => mul(a, a);
/** The value without its gradient. */
export const stopGradient = (a: Tensor): Tensor =>
  a.graph.customVjp(
    [a],
    () => [unary("Identity")(a)] as const,
    () => [null],
  )[0];

/** 1.0 where it holds, else 0.0; no gradient. */
const compare =
  (op: string) =>
  (a: Tensor, b: Operand): Tensor => {
    const y = typeof b === "number" ? a.graph.constant([b], [], a.dtype) : b;
    const shape = broadcast(op, a.shape, y.shape);
    const [mask] = a.graph.op(op, [a, y], [shape], {}, { dtype: "bool" });
    return cast(mask, "float32");
  };
export const greater = compare("Greater");
export const less = compare("Less");
/** of numbers or ids */
export const equal = compare("Equal");
export const cast = (a: Tensor, dtype: DType): Tensor =>
  a.graph.op(
    "Cast",
    [a],
    [a.shape],
    { to: { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 }[dtype] },
    { dtype },
  )[0];
export const clamp = (a: Tensor, low: number, high: number): Tensor =>
  minimum(maximum(a, low), high);

const int64 = (t: Tensor, xs: readonly number[]) => t.graph.constant(xs, [xs.length], "int64");

export function reshape(a: Tensor, shape: readonly number[]): Tensor {
  if (sizeOf(shape) !== sizeOf(a.shape))
    throw new TillerError(
      "shape_mismatch",
      `reshape: (${a.shape}) has ${sizeOf(a.shape)} elements, (${shape}) ${sizeOf(shape)}.`,
    );
  return same(a.shape, shape)
    ? a
    : a.graph.op("Reshape", [a, int64(a, shape)], [shape], {}, { dtype: a.dtype })[0];
}
export const transpose = (a: Tensor, perm: readonly number[]): Tensor =>
  a.graph.op("Transpose", [a], [perm.map((i) => a.shape[i])], { perm }, { dtype: a.dtype })[0];

function reduce(op: string, a: Tensor, axes: readonly number[] | undefined, keep: boolean): Tensor {
  floats(op, a);
  const at = (axes ?? a.shape.map((_, i) => i)).map((i) => (i < 0 ? i + a.shape.length : i));
  const shape = keep
    ? a.shape.map((d, i) => (at.includes(i) ? 1 : d))
    : a.shape.filter((_, i) => !at.includes(i));
  return a.graph.op(op, [a, int64(a, at)], [shape], { keepdims: keep ? 1 : 0, _axes: at })[0];
}
export const sum = (a: Tensor, axes?: readonly number[], o: { keep?: boolean } = {}): Tensor =>
  reduce("ReduceSum", a, axes, o.keep ?? false);
export const mean = (a: Tensor, axes?: readonly number[], o: { keep?: boolean } = {}): Tensor =>
  reduce("ReduceMean", a, axes, o.keep ?? false);
/** Largest value; its gradient goes to where it stands, in equal parts where it stands more than once. */
export const max = (a: Tensor, axes?: readonly number[], o: { keep?: boolean } = {}): Tensor =>
  reduce("ReduceMax", a, axes, o.keep ?? false);
export const min = (a: Tensor, axes?: readonly number[], o: { keep?: boolean } = {}): Tensor =>
  neg(max(neg(a), axes, o));
/** Mean over where mask is 1, of all; the mask broadcasts to a's shape. At least one must be. */
export const maskedMean = (a: Tensor, mask: Tensor): Tensor =>
  div(sum(mul(a, mask)), sum(expand(mask, broadcast("maskedMean", a.shape, mask.shape))));

interface Flags {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
}
function product(op: string, a: Tensor, b: Tensor, f: Flags): [number, number] {
  floats(op, a, b);
  const [m, k] = f.transA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [k2, n] = f.transB
    ? [b.shape.at(-1)!, b.shape.at(-2)!]
    : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (k !== k2)
    throw new TillerError(
      "shape_mismatch",
      `${op}: inner dimensions differ, (${a.shape}) @ (${b.shape})${f.transA ? ", left transposed" : ""}${f.transB ? ", right transposed" : ""}. Transpose the right operand?`,
    );
  return [m, n];
}
/** alpha op(a) op(b) + bias for matrices; nothing is materialised by the transposes. */
export function gemm(a: Tensor, b: Tensor, bias: Tensor | null = null, f: Flags = {}): Tensor {
  const shape = product("gemm", a, b, f);
  const attributes = {
    transA: f.transA ? 1 : 0,
    transB: f.transB ? 1 : 0,
    alpha: { float: f.alpha ?? 1 },
  };
  return a.graph.op("Gemm", bias ? [a, b, bias] : [a, b], [shape], attributes)[0];
}
/** Batched matrix product over equal leading axes. */
export function bmm(a: Tensor, b: Tensor, f: Flags = {}): Tensor {
  const shape = product("bmm", a, b, f);
  const attributes = {
    transA: f.transA ? 1 : 0,
    transB: f.transB ? 1 : 0,
    alpha: { float: f.alpha ?? 1 },
  };
  return a.graph.op(
    "FusedMatMul",
    [a, b],
    [[...a.shape.slice(0, -2), ...shape]],
    attributes,
    MS,
  )[0];
}

/** Rows of a table: w (V, ...), ids any int64 shape -> (...ids, ...). Repeated ids add up in the gradient. */
export function gather(w: Tensor, ids: Tensor): Tensor {
  const shape = [...ids.shape, ...w.shape.slice(1)];
  const at = withinBounds("gather", ids, { size: w.shape[0]!, ignored: false });
  return w.graph.op("Gather", [w, at], [shape], { axis: 0 }, { dtype: w.dtype })[0];
}
export function split(a: Tensor, axis: number, parts: number): Tensor[] {
  const shape = a.shape.map((d, i) => (i === axis ? d / parts : d));
  return a.graph.op("Split", [a], new Array(parts).fill(shape), { axis, num_outputs: parts });
}
export const concat = (xs: readonly Tensor[], axis: number): Tensor =>
  xs[0].graph.op(
    "Concat",
    xs,
    [xs[0].shape.map((d, i) => (i === axis ? xs.reduce((n, x) => n + x.shape[i], 0) : d))],
    { axis },
  )[0];

/** a (.., 1, ..) repeated to `shape` */
export const expand = (a: Tensor, shape: readonly number[]): Tensor =>
  same(broadcast("expand", a.shape, shape), a.shape)
    ? a
    : a.graph.op("Expand", [a, int64(a, shape)], [broadcast("expand", a.shape, shape)])[0];
/** New axis at `axis`, one place for each of xs. */
export const stack = (xs: readonly Tensor[], axis: number): Tensor =>
  concat(
    xs.map((x) => reshape(x, x.shape.toSpliced(axis, 0, 1))),
    axis,
  );
/** a[.., from:to, ..] along `axis`; negative numbers count from the end. */
export function slice(a: Tensor, axis: number, from: number, to = a.shape[axis]!): Tensor {
  const size = a.shape[axis]!;
  const [start, end] = [from, to].map((i) => (i < 0 ? i + size : i)) as [number, number];
  if (!(start >= 0 && start < end && end <= size))
    throw new TillerError(
      "out_of_range",
      `slice: ${from} to ${to} of axis ${axis} of (${a.shape}), which has ${size}. Take at least one of them.`,
    );
  const shape = a.shape.with(axis, end - start);
  const o = { _axis: axis, _start: start };
  const at = [[start], [end], [axis]].map((xs) => int64(a, xs));
  return a.graph.op("Slice", [a, ...at], [shape], o, { dtype: a.dtype })[0];
}
/** Running sum along `axis`; `reverse`: from the end, as returns are summed. */
export const cumsum = (a: Tensor, axis: number, o: { reverse?: boolean } = {}): Tensor =>
  a.graph.op(
    "CumSum",
    [a, a.graph.constant([axis < 0 ? axis + a.shape.length : axis], [], "int64")],
    [a.shape],
    {
      reverse: o.reverse ? 1 : 0,
    },
  )[0];

/** Where a is true, b, else c; a is 1 or 0, and the three broadcast. Neither value's gradient reaches the other. */
export function where(a: Tensor, b: Tensor | number, c: Tensor | number): Tensor {
  const [x, y] = [b, c].map((t) => (typeof t === "number" ? a.graph.scalar(t) : t)) as [
    Tensor,
    Tensor,
  ];
  const shape = broadcast("where", broadcast("where", a.shape, x.shape), y.shape);
  return a.graph.op("Where", [cast(a, "bool"), x, y], [shape])[0];
}

export const softmax = unary("Softmax", { axis: -1 });
/** log softmax over the last axis */
export const logSoftmax = unary("LogSoftmax", { axis: -1 });
/** log sum exp over the last axis, stable -> without that axis */
export function logSumExp(a: Tensor): Tensor {
  const most = stopGradient(max(a, [-1], { keep: true }));
  return add(log(sum(exp(sub(a, most)), [-1])), reshape(most, a.shape.slice(0, -1)));
}
/** Entropy of softmax(logits) over the last axis, in nats -> without that axis */
export const entropy = (logits: Tensor): Tensor => {
  const l = logSoftmax(logits);
  return neg(sum(mul(exp(l), l), [-1]));
};

/** Layer norm over the last axis (Ba et al. 2016). */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
  const stat = [...x.shape.slice(0, -1), 1];
  return x.graph.op("LayerNormalization", [x, gain, bias], [x.shape, stat, stat], {
    axis: -1,
    epsilon: { float: epsilon },
  })[0];
}

/** Root-mean-square norm over the last axis (Zhang and Sennrich 2019). */
export function rmsNorm(x: Tensor, gain: Tensor, epsilon = 1e-6): Tensor {
  const stat = [...x.shape.slice(0, -1), 1];
  return x.graph.op("SimplifiedLayerNormalization", [x, gain], [x.shape, stat], {
    axis: -1,
    epsilon: { float: epsilon },
  })[0];
}

/** max(x, 0) */
export const relu = (x: Tensor): Tensor => maximum(x, 0);

/** x sigmoid(x), also called swish (Hendrycks and Gimpel 2016; Ramachandran et al. 2017). */
export function silu(x: Tensor): Tensor {
  return x.graph.customVjp(
    [x],
    () => [x.graph.op("QuickGelu", [x], [x.shape], { alpha: { float: 1 } }, MS)[0]] as const,
    ([dy], [y]) => {
      const s = sigmoid(x);
      return [mul(dy!, add(s, mul(y, sub(x.graph.scalar(1), s))))]; // s + x s (1 - s)
    },
  )[0];
}

/** GELU by tanh, as GPT-2 has it: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export function geluTanh(x: Tensor): Tensor {
  const [c, k] = [Math.sqrt(2 / Math.PI), 0.044715];
  return x.graph.customVjp(
    [x],
    () => [x.graph.op("Gelu", [x], [x.shape], { approximate: "tanh" })[0]] as const,
    ([dy]) => {
      const x2 = square(x);
      const t = tanh(mul(mul(x, add(mul(x2, k), 1)), c));
      const du = mul(add(mul(x2, 3 * k), 1), c); // of tanh's argument
      const half = mul(add(t, 1), 0.5);
      const slope = mul(mul(mul(x, 0.5), sub(x.graph.scalar(1), square(t))), du);
      return [mul(dy!, add(half, slope))];
    },
  )[0];
}

/** cos and sin of position x frequency, each (positions, frequencies), as the runtime's rotary kernels want them; times `amplitude`. */
export function rotaryTables(
  g: Graph,
  positions: number,
  frequencies: readonly number[],
  { amplitude = 1 }: { readonly amplitude?: number } = {},
): { cos: Tensor; sin: Tensor; negativeSin: Tensor } {
  const n = frequencies.length;
  const table = (f: (angle: number) => number) =>
    g.constant(
      Float32Array.from(
        { length: positions * n },
        (_, i) => amplitude * f(Math.floor(i / n) * frequencies[i % n]),
      ),
      [positions, n],
    );
  return {
    cos: table(Math.cos),
    sin: table(Math.sin),
    negativeSin: table((angle) => -Math.sin(angle)),
  };
}

/**
 * Rotary positions (Su et al. 2021, halves not interleaved, as in GPT-NeoX) on x (B, H, T, D), at positions 0..T-1; or on
 * x (B, T, H D), with `heads`, at `positions` (B, T). The tables have (positions, R/2); dimensions past R stay. The
 * gradient is the same turn backwards; an amplitude in the tables is one of both ways.
 */
export function rotary(
  x: Tensor,
  tables: { readonly cos: Tensor; readonly sin: Tensor; readonly negativeSin: Tensor },
  o: { readonly heads?: number; readonly positions?: Tensor } = {},
): Tensor {
  const heads = o.heads ?? x.shape[1];
  const headDim = o.heads ? x.shape[2] / o.heads : x.shape[3];
  const dims = 2 * tables.cos.shape[1];
  const at = o.positions ?? x.graph.constant([0], [1], "int64");
  const attributes: Record<string, Attribute> =
    dims === headDim ? {} : { rotary_embedding_dim: dims, num_heads: heads };
  const turn = (y: Tensor, sin: Tensor) =>
    y.graph.op("RotaryEmbedding", [y, at, tables.cos, sin], [y.shape], attributes, MS)[0];
  return x.graph.customVjp(
    [x],
    () => [turn(x, tables.sin)] as const,
    ([dy]) => [turn(dy!, tables.negativeSin)],
  )[0];
}

/** Exact GELU (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor): Tensor {
  return x.graph.customVjp(
    [x],
    () => [x.graph.op("Gelu", [x], [x.shape])[0]] as const,
    ([dy]) => {
      const u = mul(x, Math.SQRT1_2);
      const cdf = add(mul(erf(u), 0.5), 0.5);
      const density = mul(mul(u, exp(neg(square(u)))), 1 / Math.sqrt(Math.PI));
      return [mul(dy!, add(cdf, density))];
    },
  )[0];
}

/**
 * Causal attention: q (B, H, T, D), k and v (B, G, T, D) with G dividing H -> (B, H, T, D). H/G query heads share a
 * key-value head (grouped queries, Ainslie et al. 2023) without a copy of it. With `window` a position sees that
 * many tokens, itself included. Keeps the weights for the backward pass.
 */
export function causalAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: number,
  o: {
    readonly window?: number | null;
    /** added to the scores before the softmax, broadcast to (B, H, T, T); no gradient goes into it */
    readonly bias?: Tensor;
    /** is shown the weights (B, H, T, T), to read; no gradient goes through what is made of them */
    readonly onWeights?: ((weights: Tensor) => void) | undefined;
  } = {},
): Tensor {
  const g = q.graph;
  const [B, H, T, D] = q.shape;
  const G = k.shape[1];
  if (H % G || v.shape.join() !== k.shape.join())
    throw new TillerError(
      "shape_mismatch",
      `causalAttention: ${H} query heads over keys (${k.shape}) and values (${v.shape}). The key-value heads must divide the query heads.`,
    );
  const window = o.window ?? T;
  const mask = g.constant(
    Float32Array.from({ length: T * T }, (_, i) => {
      const back = Math.floor(i / T) - (i % T);
      return back < 0 || back >= window ? -1e9 : 0;
    }),
    [T, T],
  );
  const group = (x: Tensor) => reshape(x, [B, G, (H / G) * T, x.shape[3]]); // the heads of a group, one after another
  const apart = (x: Tensor) => reshape(x, [B, H, T, x.shape[3]]);
  let weights: Tensor; // (B, H, T, T)
  return g.customVjp(
    [q, k, v],
    () => {
      const scores = apart(bmm(group(q), k, { transB: true, alpha: scale }));
      const masked = add(scores, mask);
      weights = softmax(o.bias ? add(masked, o.bias) : masked);
      o.onWeights?.(weights);
      return [apart(bmm(group(weights), v))] as const;
    },
    ([dy], [y]) => {
      const delta = sum(mul(dy!, y), [-1], { keep: true }); // (B, H, T, 1) = rowsum(P * dP)
      const dWeights = apart(bmm(group(dy!), v, { transB: true }));
      const dScores = group(mul(weights, sub(dWeights, delta)));
      return [
        reshape(bmm(dScores, k, { alpha: scale }), [B, H, T, D]),
        bmm(dScores, group(q), { transA: true, alpha: scale }),
        bmm(group(weights), group(dy!), { transA: true }),
      ];
    },
  )[0];
}

/** 1.0 where a label counts, 0.0 where it is -100. */
export const counted = (labels: Tensor): Tensor =>
  sub(labels.graph.scalar(1), equal(labels, IGNORED));
/** Labels (N) as an index (N, 1) that is always within V, and whether each counts (N). */
function indexOf(op: string, labels: Tensor, n: number, V: number) {
  const g = labels.graph;
  const checked = reshape(withinBounds(op, labels, { size: V, ignored: true }), [n, 1]);
  const k = (x: number) => g.constant([x], [], labels.dtype);
  const { dtype } = labels;
  const [skip] = g.op("Equal", [checked, k(IGNORED)], [[n, 1]], {}, { dtype: "bool" });
  const [index] = g.op("Where", [skip!, k(0), checked], [[n, 1]], {}, { dtype });
  return { index: index!, counts: sub(g.scalar(1), cast(skip!, "float32")) }; // (N, 1) both
}

/**
 * `tokenLogprobs` of the logits hidden @ weight^T: hidden (N, d), weight (V, d), labels (N) int64 -> (N), 0 of -100. The backward pass works
 * on the softmax alone: no second array of (N, V), and no pass over one but those of its two products.
 */
export function linearLogprobs(hidden: Tensor, weight: Tensor, labels: Tensor): Tensor {
  const g = hidden.graph;
  const [n] = hidden.shape as [number];
  const { index, counts } = indexOf("linearLogprobs", labels, n, weight.shape[0]!);
  let [p, picked]: Tensor[] = [];
  return g.customVjp(
    [hidden, weight],
    () => {
      p = softmax(gemm(hidden, weight, null, { transB: true }));
      picked = g.op("GatherElements", [p, index], [[n, 1]], { axis: 1 })[0]!;
      return [reshape(mul(log(maximum(picked, 1e-37)), counts), [n])] as const;
    },
    ([dy]) => {
      const d = mul(reshape(dy!, [n, 1]), counts); // the logits' gradient is d (onehot - p)
      const one = sub(mul(picked!, 0), 1); // once the forward pass has read p, it is changed in place
      const [q] = g.op("ScatterElements", [p!, index, one], [p!.shape], {
        axis: 1,
        reduction: "add",
      });
      const down = neg(d);
      return [mul(gemm(q!, weight), down), gemm(q!, mul(hidden, down), null, { transA: true })];
    },
  )[0];
}

/** log softmax(logits)[label]: logits (N, V), labels (N) int64 -> (N); 0 of -100. One softmax forward, one pass back. */
export function tokenLogprobs(logits: Tensor, labels: Tensor): Tensor {
  const g = logits.graph;
  const [n, V] = logits.shape as [number, number];
  const { index, counts } = indexOf("tokenLogprobs", labels, n, V);
  let p: Tensor;
  return g.customVjp(
    [logits],
    () => {
      p = softmax(logits);
      const [picked] = g.op("GatherElements", [p, index], [[n, 1]], { axis: 1 });
      return [reshape(mul(log(maximum(picked!, 1e-37)), counts), [n])] as const;
    },
    ([dy]) => {
      const d = mul(reshape(dy!, [n, 1]), counts);
      return [
        g.op("ScatterElements", [mul(p, neg(d)), index, d], [logits.shape], {
          axis: 1,
          reduction: "add",
        })[0],
      ]; // d (onehot - p)
    },
  )[0];
}
