/** One gradient rule an operation: from dy to the gradients of the inputs. */
import { gradWith, type Rule, type Tensor } from "./graph.ts";
import {
  add,
  bmm,
  concat,
  div,
  gemm,
  mean,
  mul,
  neg,
  reshape,
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
  const g = x.graph;
  return g.op("Expand", [kept, g.constant(x.shape, [x.shape.length], "int64")], [x.shape])[0];
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
  Expand: ([dy], n) => [unbroadcast(dy!, at(n.inputs, 0).shape), null],
  // y = alpha op(a) op(b) + bias; each gradient comes out in its operand's own layout
  Gemm: ([dy], n) => {
    const [a, b, bias] = n.inputs as [Tensor, Tensor, Tensor?];
    return [
      ...productGradients(gemm2, dy!, a, b, n.attributes),
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

const gemm2 = (a: Tensor, b: Tensor, f: { transA?: boolean; transB?: boolean; alpha?: number }) =>
  gemm(a, b, null, f);
function productGradients(
  product: typeof gemm2,
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
export const grad = (loss: Tensor, wrt: readonly Tensor[]): (Tensor | null)[] =>
  gradWith(rules, add, loss, wrt);
