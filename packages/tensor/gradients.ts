/** One gradient rule an operation: from dy to the gradients of the inputs. */
import { TillerError } from "@tiller/schema";
import { vjp, type Rule, type Tensor } from "./graph.ts";
import {
  add,
  bmm,
  concat,
  div,
  expand,
  gemm,
  mean,
  mul,
  neg,
  reshape,
  slice,
  square,
  sub,
  sum,
  transpose,
} from "./ops.ts";
import { sizeOf } from "./dtype.ts";

/** Sums a gradient back to the shape its operand had before broadcasting. */
function unbroadcast(d: Tensor, shape: readonly number[]): Tensor {
  if (d.shape.join() === shape.join()) return d;
  const lead = d.shape.length - shape.length;
  const axes = d.shape.flatMap((n, i) =>
    i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : [],
  );
  return reshape(sum(d, axes, { keep: true }), shape);
}

/** The gradient of a sum, back over the summed axes. */
function spread(dy: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const kept = reshape(
    dy,
    x.shape.map((n, i) => (axes.includes(i) ? 1 : n)),
  );
  return expand(kept, x.shape);
}

const at = (xs: readonly (Tensor | null)[], i: number): Tensor => xs[i]!;
const onlyFirst =
  (f: (dy: Tensor, x: Tensor, y: Tensor) => Tensor): Rule =>
  ([dy], n) => [f(dy!, at(n.inputs, 0), at(n.outputs, 0))];
/** both operands of a broadcasting operation */
const pair =
  (f: (dy: Tensor, a: Tensor, b: Tensor) => readonly [Tensor, Tensor]): Rule =>
  ([dy], n) => {
    const [a, b] = [at(n.inputs, 0), at(n.inputs, 1)];
    const [da, db] = f(dy!, a, b);
    return [unbroadcast(da, a.shape), unbroadcast(db, b.shape)];
  };
/** 1.0 where a <= b; ties go to the first operand, as in max(x, 0) at 0 */
const lessOrEqual = (a: Tensor, b: Tensor, shape: readonly number[]): Tensor => {
  const [mask] = a.graph.op("LessOrEqual", [a, b], [shape], {}, { dtype: "bool" });
  return a.graph.op("Cast", [mask], [shape], { to: 1 })[0];
};

export const rules: Readonly<Record<string, Rule>> = {
  Add: pair((dy) => [dy, dy]),
  Sub: pair((dy) => [dy, neg(dy)]),
  Mul: pair((dy, a, b) => [mul(dy, b), mul(dy, a)]),
  Div: pair((dy, a, b) => [div(dy, b), neg(div(mul(dy, a), square(b)))]),
  Min: pair((dy, a, b) => {
    const first = lessOrEqual(a, b, dy.shape);
    return [mul(dy, first), mul(dy, sub(dy.graph.scalar(1), first))];
  }),
  Max: pair((dy, a, b) => {
    const first = lessOrEqual(b, a, dy.shape);
    return [mul(dy, first), mul(dy, sub(dy.graph.scalar(1), first))];
  }),
  Neg: onlyFirst((dy) => neg(dy)),
  Exp: onlyFirst((dy, _x, y) => mul(dy, y)),
  Log: onlyFirst((dy, x) => div(dy, x)),
  Sqrt: onlyFirst((dy, _x, y) => div(dy, mul(y, 2))),
  Tanh: onlyFirst((dy, _x, y) => mul(dy, sub(y.graph.scalar(1), square(y)))),
  Sin: onlyFirst((dy, x) => mul(dy, x.graph.op("Cos", [x], [x.shape])[0])),
  Cos: onlyFirst((dy, x) => neg(mul(dy, x.graph.op("Sin", [x], [x.shape])[0]))),
  Pow: ([dy], n) => {
    const x = at(n.inputs, 0);
    const k = (n.attributes["_k"] as { float: number }).float;
    const power = x.graph.op("Pow", [x, x.graph.scalar(k - 1)], [x.shape])[0];
    return [mul(dy!, mul(power, k)), null];
  },
  Sigmoid: onlyFirst((dy, _x, y) => mul(dy, mul(y, sub(y.graph.scalar(1), y)))),
  Softplus: onlyFirst((dy, x) => mul(dy, x.graph.op("Sigmoid", [x], [x.shape])[0])),
  Abs: onlyFirst((dy, x) => mul(dy, x.graph.op("Sign", [x], [x.shape])[0])),
  Erf: onlyFirst((dy, x) =>
    mul(dy, mul(x.graph.op("Exp", [neg(square(x))], [x.shape])[0], 2 / Math.sqrt(Math.PI))),
  ),
  Identity: onlyFirst((dy) => dy),
  Reshape: ([dy], n) => [reshape(dy!, at(n.inputs, 0).shape), null],
  Transpose: ([dy], n) => {
    const perm = n.attributes["perm"] as readonly number[];
    const inverse = perm.map((_, i) => perm.indexOf(i));
    return [transpose(dy!, inverse)];
  },
  ReduceSum: ([dy], n) => [
    spread(dy!, at(n.inputs, 0), n.attributes["_axes"] as readonly number[]),
    null,
  ],
  ReduceMean: ([dy], n) => {
    const x = at(n.inputs, 0);
    return [
      spread(
        mul(dy!, sizeOf(at(n.outputs, 0).shape) / sizeOf(x.shape)),
        x,
        n.attributes["_axes"] as readonly number[],
      ),
      null,
    ];
  },
  // in equal parts to every place that holds the largest
  ReduceMax: ([dy], n) => {
    const [x, y] = [at(n.inputs, 0), at(n.outputs, 0)];
    const axes = n.attributes["_axes"] as readonly number[];
    const [is] = x.graph.op("Equal", [x, spread(y, x, axes)], [x.shape], {}, { dtype: "bool" });
    const here = x.graph.op("Cast", [is], [x.shape], { to: 1 })[0];
    return [div(mul(spread(dy!, x, axes), here), sum(here, axes, { keep: true })), null];
  },
  CumSum: ([dy], n) => {
    const reverse = n.attributes["reverse"] === 1 ? 0 : 1;
    return [dy!.graph.op("CumSum", [dy!, at(n.inputs, 1)], [dy!.shape], { reverse })[0], null];
  },
  Slice: ([dy], n) => {
    const x = at(n.inputs, 0);
    const [axis, start] = [n.attributes["_axis"], n.attributes["_start"]] as [number, number];
    const before = x.shape.map((_, i) => (i === axis ? start : 0));
    const after = x.shape.map((size, i) => size - before[i]! - dy!.shape[i]!);
    const pads = x.graph.constant([...before, ...after], [2 * x.shape.length], "int64");
    const o = { _axis: axis, _start: start };
    return [x.graph.op("Pad", [dy!, pads], [x.shape], o)[0], null, null, null];
  },
  Where: ([dy], n) => {
    const [mask, a, b] = n.inputs as [Tensor, Tensor, Tensor];
    const zero = mask.graph.scalar(0);
    const [da, db] = [
      [dy!, zero],
      [zero, dy!],
    ].map((xy) => mask.graph.op("Where", [mask, ...xy], [dy!.shape])[0]) as [Tensor, Tensor];
    return [null, unbroadcast(da, a.shape), unbroadcast(db, b.shape)];
  },
  // of slice's gradient: what was padded on is cut off again
  Pad: ([dy], n) => {
    const [axis, start] = [n.attributes["_axis"], n.attributes["_start"]] as [number, number];
    return [slice(dy!, axis, start, start + at(n.inputs, 0).shape[axis]!), null];
  },
  LogSoftmax: onlyFirst((dy, _x, y) =>
    sub(dy, mul(y.graph.op("Exp", [y], [y.shape])[0], sum(dy, [-1], { keep: true }))),
  ),
  Expand: ([dy], n) => [unbroadcast(dy!, at(n.inputs, 0).shape), null],
  // y = alpha op(a) op(b) + bias; each gradient comes out in its operand's own layout
  Gemm: ([dy], n) => {
    const [a, b, bias] = n.inputs as [Tensor, Tensor, Tensor?];
    return [
      ...productGradients(plainLeft, dy!, a, b, n.attributes),
      bias ? unbroadcast(dy!, bias.shape) : null,
    ];
  },
  FusedMatMul: ([dy], n) =>
    productGradients(bmm, dy!, at(n.inputs, 0), at(n.inputs, 1), n.attributes),
  // the table's gradient: rows of dy added into what is there (a tied output matrix), else into zeros
  Gather: ([dy], n, [old]) => {
    const [w, ids] = [at(n.inputs, 0), at(n.inputs, 1)];
    const rows = sizeOf(ids.shape);
    const into =
      old ??
      w.graph.op(
        "ConstantOfShape",
        [w.graph.constant(w.shape, [w.shape.length], "int64")],
        [w.shape],
      )[0];
    const [total] = w.graph.op(
      "ScatterND",
      [into, reshape(ids, [rows, 1]), reshape(dy!, [rows, ...w.shape.slice(1)])],
      [w.shape],
      { reduction: "add" },
    );
    return [{ total }, null];
  },
  Split: (gs, n) => {
    const x = at(n.inputs, 0);
    const parts = gs.map(
      (d, i) =>
        d ?? x.graph.constant(new Float32Array(sizeOf(n.outputs[i]!.shape)), n.outputs[i]!.shape),
    );
    return [concat(parts, n.attributes["axis"] as number)];
  },
  Concat: ([dy], n) => {
    const axis = n.attributes["axis"] as number;
    const sizes = n.inputs.map((t) => t!.shape[axis]);
    return dy!.graph.op(
      "Split",
      [dy!, dy!.graph.constant(sizes, [sizes.length], "int64")],
      n.inputs.map((t) => t!.shape),
      { axis },
    );
  },
  Softmax: onlyFirst((dy, _x, y) => mul(y, sub(dy, sum(mul(dy, y), [-1], { keep: true })))),
  LayerNormalization: ([dy], n) => {
    const [x, gain] = [at(n.inputs, 0), at(n.inputs, 1)];
    const normal = mul(sub(x, at(n.outputs, 1)), at(n.outputs, 2)); // (x - mean) / std
    const d = mul(dy!, gain);
    const dx = sub(
      sub(d, mean(d, [-1], { keep: true })),
      mul(normal, mean(mul(d, normal), [-1], { keep: true })),
    );
    const lead = x.shape.slice(0, -1).map((_, i) => i);
    return [mul(dx, at(n.outputs, 2)), sum(mul(dy!, normal), lead), sum(dy!, lead)];
  },
  SimplifiedLayerNormalization: ([dy], n) => {
    const [x, gain, inverse] = [at(n.inputs, 0), at(n.inputs, 1), at(n.outputs, 1)];
    const normal = mul(x, inverse); // x / rms
    const d = mul(dy!, gain);
    const dx = sub(d, mul(normal, mean(mul(d, normal), [-1], { keep: true })));
    const lead = x.shape.slice(0, -1).map((_, i) => i);
    return [mul(dx, inverse), sum(mul(dy!, normal), lead)];
  },
};

/**
 * A product whose left operand is turned round beforehand where that is cheap: the runtime's kernel turns it anew for every
 * 128 columns of the right one, which costs more. (By three axes, else the runtime merges the turn into the product again.)
 */
function plainLeft(
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false, alpha = 1 }: Parameters<typeof bmm>[2] = {},
): Tensor {
  const [k, m] = a.shape as [number, number];
  const columns = b.shape[transB ? 0 : 1]!;
  if (!transA || m > columns || columns < 256) return gemm(a, b, null, { transA, transB, alpha });
  const turned = reshape(transpose(reshape(a, [1, k, m]), [0, 2, 1]), [m, k]);
  return gemm(turned, b, null, { transB, alpha });
}
function productGradients(
  product: typeof bmm,
  dy: Tensor,
  a: Tensor,
  b: Tensor,
  f: Readonly<Record<string, unknown>>,
): [Tensor, Tensor] {
  const [transA, transB, alpha] = [
    f["transA"] === 1,
    f["transB"] === 1,
    (f["alpha"] as { float: number }).float,
  ];
  const da = transA
    ? product(b, dy, { transA: transB, transB: true, alpha })
    : product(dy, b, { transB: !transB, alpha });
  const db = transB
    ? product(dy, a, { transA: true, transB: transA, alpha })
    : product(a, dy, { transA: !transA, alpha });
  return [da, db];
}

/** Gradients of a scalar with respect to `wrt`; null where it does not depend on one. */
export function grad(loss: Tensor, wrt: readonly Tensor[]): (Tensor | null)[] {
  if (sizeOf(loss.shape) !== 1)
    throw new TillerError(
      "not_scalar",
      `grad needs a scalar loss, this one is (${loss.shape}). Sum it or take its mean.`,
    );
  const one = loss.graph.constant([1], loss.shape);
  return vjp(rules, add, [[loss, one]], wrt);
}

/**
 * What `forward` gives, without keeping what it computes on the way: the backward pass computes it again from the inputs
 * (Chen et al. 2016). `inputs` are all tensors that get a gradient through it, parameters too.
 */
export function recompute<T extends readonly Tensor[]>(
  inputs: readonly Tensor[],
  forward: (xs: readonly Tensor[]) => T,
): T {
  const g = inputs[0]!.graph;
  return g.customVjp(
    inputs,
    () => forward(inputs),
    (dys) => {
      const dy = dys.find((d) => d !== null)!;
      // what the second pass reads waits for the gradient: else it would run with the first, or be merged with it
      const one = g.op(
        "Cast",
        [slice(reshape(dy, [sizeOf(dy.shape)]), 0, 0, 1)],
        [[1]],
        { to: 9 },
        { dtype: "bool" },
      )[0]!;
      const late = inputs.map((x, i) => (i === 0 ? g.op("Where", [one, x, x], [x.shape])[0]! : x));
      const again = forward(late);
      const seeds = again.flatMap((y, i) => (dys[i] ? [[y, dys[i]] as const] : []));
      return vjp(rules, add, seeds, late);
    },
  );
}
