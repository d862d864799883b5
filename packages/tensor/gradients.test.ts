/** Every gradient rule against central differences in float64, and AdamW against numbers worked out by hand. */
import { describe, expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { interpret } from "./fixtures/interpreter.ts";
import * as t from "./index.ts";
import * as ops from "./ops.ts";
import { Graph, Program, State, type Tensor } from "./index.ts";

type Build = (xs: Tensor[], g: Graph) => Tensor;
const cases: Record<string, { shapes: number[][]; build: Build; positive?: boolean }> = {
  "add, broadcast": { shapes: [[2, 3], [3]], build: ([a, b]) => t.add(a, b) },
  sub: {
    shapes: [
      [2, 3],
      [2, 1],
    ],
    build: ([a, b]) => t.sub(a, b),
  },
  mul: {
    shapes: [
      [2, 3],
      [1, 3],
    ],
    build: ([a, b]) => t.mul(a, b),
  },
  div: {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    build: ([a, b]) => t.div(a, b),
    positive: true,
  },
  minimum: {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    build: ([a, b]) => t.minimum(a, b),
  },
  maximum: {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    build: ([a, b]) => t.maximum(a, b),
  },
  "exp and neg": { shapes: [[4]], build: ([a]) => t.exp(t.neg(a)) },
  "log and sqrt": { shapes: [[4]], build: ([a]) => t.log(t.sqrt(a)), positive: true },
  "tanh and sigmoid": { shapes: [[4]], build: ([a]) => t.tanh(t.sigmoid(a)) },
  logSigmoid: { shapes: [[5]], build: ([a]) => t.logSigmoid(a) },
  erf: { shapes: [[4]], build: ([a]) => t.erf(a) },
  abs: { shapes: [[4]], build: ([a]) => t.abs(a) },
  gelu: { shapes: [[5]], build: ([a]) => t.gelu(a) },
  "transpose and reshape": {
    shapes: [[2, 3, 2]],
    build: ([a]) => t.reshape(t.transpose(a, [2, 0, 1]), [4, 3]),
  },
  "sum over an axis": { shapes: [[2, 3]], build: ([a]) => t.sum(a, [0]) },
  "mean over an axis, kept": { shapes: [[2, 3]], build: ([a]) => t.mean(a, [-1], { keep: true }) },
  gemm: { shapes: [[2, 3], [3, 4], [4]], build: ([a, b, c]) => t.gemm(a, b, c) },
  "gemm, the left operand turned beforehand": {
    shapes: [
      [3, 2],
      [2, 256],
    ],
    build: ([a, b]) => t.gemm(a, b),
  },
  "gemm, both transposed": {
    shapes: [
      [3, 2],
      [4, 3],
    ],
    build: ([a, b]) => t.gemm(a, b, null, { transA: true, transB: true, alpha: 0.5 }),
  },
  "gemm, right transposed": {
    shapes: [
      [2, 3],
      [4, 3],
    ],
    build: ([a, b]) => t.gemm(a, b, null, { transB: true }),
  },
  "gemm, left transposed": {
    shapes: [
      [3, 2],
      [3, 4],
    ],
    build: ([a, b]) => t.gemm(a, b, null, { transA: true }),
  },
  bmm: {
    shapes: [
      [2, 2, 3],
      [2, 4, 3],
    ],
    build: ([a, b]) => t.bmm(a, b, { transB: true, alpha: 0.7 }),
  },
  "gather with repeats": {
    shapes: [[4, 2]],
    build: ([w], g) => t.gather(w, g.constant([1, 3, 1], [3], "int64")),
  },
  "split, one part unused": {
    shapes: [[2, 6]],
    build: ([a]) => t.mul(...(t.split(a, 1, 3).slice(0, 2) as [Tensor, Tensor])),
  },
  concat: {
    shapes: [
      [2, 2],
      [2, 3],
    ],
    build: ([a, b]) => t.concat([a, b], 1),
  },
  softmax: { shapes: [[2, 4]], build: ([a]) => t.softmax(a) },
  layerNorm: { shapes: [[3, 4], [4], [4]], build: ([x, w, b]) => t.layerNorm(x, w, b) },
  rmsNorm: { shapes: [[3, 4], [4]], build: ([x, w]) => t.rmsNorm(x, w) },
  "silu and relu": { shapes: [[6]], build: ([a]) => t.add(t.silu(a), t.relu(a)) },
  geluTanh: { shapes: [[6]], build: ([a]) => t.geluTanh(a) },
  rotary: {
    shapes: [[1, 2, 3, 4]],
    build: ([a], g) => t.rotary(a, t.rotaryTables(g, 3, [1, 0.1])),
  },
  "rotary, half of each head": {
    shapes: [[2, 2, 3, 8]],
    build: ([a], g) => t.rotary(a, t.rotaryTables(g, 3, [1, 0.1])),
  },
  "causalAttention, grouped queries and a window": {
    shapes: [
      [2, 4, 4, 2],
      [2, 2, 4, 2],
      [2, 2, 4, 2],
    ],
    build: ([q, k, v]) => t.causalAttention(q, k, v, 0.7, { window: 2 }),
  },
  causalAttention: {
    shapes: [
      [1, 2, 3, 2],
      [1, 2, 3, 2],
      [1, 2, 3, 2],
    ],
    build: ([q, k, v]) => t.causalAttention(q, k, v, 0.7),
  },
  "sin, cos": { shapes: [[4]], build: ([a]) => t.mul(t.sin(a), t.cos(a)) },
  "pow and square": {
    shapes: [[4]],
    build: ([a]) => t.add(t.pow(a, 2.5), t.square(a)),
    positive: true,
  },
  softplus: { shapes: [[5]], build: ([a]) => t.softplus(a) },
  clamp: { shapes: [[6]], build: ([a]) => t.clamp(a, -0.5, 0.5) },
  max: { shapes: [[3, 4]], build: ([a]) => t.max(a, [1]) },
  "min, kept": { shapes: [[3, 4]], build: ([a]) => t.min(a, [0], { keep: true }) },
  maskedMean: {
    shapes: [[3, 2]],
    build: ([a], g) => t.maskedMean(a, g.constant([1, 0, 1], [3, 1])),
  },
  expand: { shapes: [[2, 1]], build: ([a]) => t.expand(a, [3, 2, 4]) },
  stack: {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    build: ([a, b]) => t.stack([a, b, a], 1),
  },
  "slice, of a slice": {
    shapes: [[5, 4]],
    build: ([a]) => t.slice(t.slice(a, 0, 1, -1), 1, -3),
  },
  cumsum: { shapes: [[3, 4]], build: ([a]) => t.cumsum(a, 1) },
  "cumsum, reversed, of the first axis": {
    shapes: [[3, 4]],
    build: ([a]) => t.cumsum(a, 0, { reverse: true }),
  },
  where: {
    shapes: [[2, 3], [3]],
    build: ([a, b], g) => t.where(g.constant([1, 0], [2, 1]), a, b),
  },
  "where, around a pole": {
    shapes: [[4]],
    build: ([a]) => t.where(t.greater(a, 0), t.log(t.where(t.greater(a, 0), a, 1)), 0),
  },
  logSoftmax: { shapes: [[2, 4]], build: ([a]) => t.logSoftmax(a) },
  logSumExp: { shapes: [[2, 4]], build: ([a]) => t.logSumExp(a) },
  entropy: { shapes: [[2, 4]], build: ([a]) => t.entropy(a) },
  "a gradient's norm, differentiated": {
    shapes: [[3, 4], [4]],
    build: ([x, w], g) => {
      const y = t.sum(t.tanh(t.mul(t.slice(t.cumsum(x, 1), 1, 1), t.slice(w, 0, 1))));
      const [d] = t.grad(y, [x]);
      return t.mul(t.sum(t.square(d!)), g.scalar(0.5));
    },
  },
  "recompute, two inputs": {
    shapes: [[2, 3], [3]],
    build: ([a, b]) => t.recompute([a, b], ([x, y]) => [t.tanh(t.mul(t.exp(x!), y!))] as const)[0],
  },
  dropout: {
    shapes: [[4, 8]],
    build: ([a], g) => t.dropout(a, 0.4, g.constant([12345], [], "int64"), 3),
  },
  linearLogprobs: {
    shapes: [
      [3, 4],
      [5, 4],
    ],
    build: ([h, w], g) => t.linearLogprobs(h, w, g.constant([4, 0, 4], [3], "int64")),
  },
  tokenLogprobs: {
    shapes: [[3, 5]],
    build: ([z], g) => t.tokenLogprobs(z, g.constant([4, 0, 2], [3], "int64")),
  },
};

describe.each(Object.entries(cases))("%s", (name, { shapes, build, positive }) => {
  test("agrees with central differences in float64, and the native kernels with both", () => {
    const random = rng(7, name);
    const g = new Graph();
    const xs = shapes.map((s, i) => g.stateful(`x${i}`, s));
    const y = build(xs, g);
    // a fixed random weighting makes every element of the gradient different
    const weights = g.constant(
      Float32Array.from({ length: t.sizeOf(y.shape) }, () => random.normal()),
      y.shape,
    );
    const loss = t.sum(t.mul(y, weights));
    const gradients = t.grad(loss, xs).map((d) => d!);
    g.output("loss", loss);
    gradients.forEach((d, i) => g.output(`d${i}`, d));
    const values = shapes.map((s) =>
      Float32Array.from({ length: t.sizeOf(s) }, () =>
        positive ? 0.5 + random.next() : random.normal(),
      ),
    );
    const state = new State();
    shapes.forEach((s, i) => state.set(`x${i}`, s, values[i]!));
    using program = new Program(g, state);
    program.run();

    const given = Object.fromEntries(values.map((v, i) => [`x${i}`, Float64Array.from(v)]));
    const exact = interpret(g, given, [loss, ...gradients]);
    const close = (a: number, b: number, tolerance: number, what: string) =>
      expect(Math.abs(a - b), `${what}: ${a} against ${b}`).toBeLessThan(
        tolerance * Math.max(1, Math.abs(b)),
      );
    close(program.float("loss")[0]!, exact[0]![0]!, 1e-5, "loss");
    const h = 1e-3;
    for (const [i, s] of shapes.entries())
      for (let j = 0; j < t.sizeOf(s); j++) {
        const x = given[`x${i}`]!;
        const old = x[j]!;
        const at = (v: number) => {
          x[j] = v;
          return interpret(g, given, [loss])[0]![0]!;
        };
        // fourth-order central difference
        const d =
          (8 * (at(old + h) - at(old - h)) - (at(old + 2 * h) - at(old - 2 * h))) / (12 * h);
        x[j] = old;
        close(exact[1 + i]![j]!, d, 1e-7, `rule of x${i}[${j}]`);
        close(program.float(`d${i}`)[j]!, d, 2e-5, `native x${i}[${j}]`);
      }
  });
});

test("every differentiable operation has a case above", () => {
  const constant = ["cast", "counted", "equal", "greater", "less", "rotaryTables", "stopGradient"];
  const code = Object.values(cases)
    .map((c) => c.build.toString())
    .join();
  const missing = Object.keys(ops).filter(
    (name) => !constant.includes(name) && !new RegExp(`\\b${name}\\b`).test(code),
  );
  expect(missing).toEqual([]);
});

test("operations on ids and masks as the interpreter has them", () => {
  const g = new Graph();
  const x = g.stateful("x", [2, 3]);
  const made = [
    t.greater(x, 1),
    t.less(x, 1),
    t.equal(x, 1),
    t.cast(t.cast(x, "int64"), "float32"),
  ];
  made.forEach((m, i) => g.output(`m${i}`, m));
  const state = new State();
  state.set("x", [2, 3], [0, 1, 2, 1, 3, -1]);
  using p = new Program(g, state);
  p.run();
  const exact = interpret(g, { x: state.get("x").data }, made);
  made.forEach((_, i) => expect([...p.float(`m${i}`)]).toEqual([...exact[i]!]));
  expect([...p.float("m0")]).toEqual([0, 0, 1, 0, 1, 0]);
});

test("stopGradient passes the value and no gradient", () => {
  const g = new Graph();
  const x = g.stateful("x", [3]);
  const loss = t.sum(t.mul(x, t.stopGradient(x)));
  g.output("d", t.grad(loss, [x])[0]!);
  const state = new State();
  state.set("x", [3], [1, 2, 3]);
  using p = new Program(g, state);
  p.run();
  expect([...p.float("d")]).toEqual([1, 2, 3]); // 2x without it
});

test.each([
  ["torch", 0.1 / (0.1 + 1e-2)],
  // lr_t = lr sqrt(1-b2)/(1-b1); m = (1-b1) g; v = (1-b2) g^2: eps stands beside sqrt(v), not beside sqrt(v^)
  ["tf1", 0.1 * (Math.sqrt(0.1) / (Math.sqrt(0.1) * 0.1 + 1e-2))],
] as const)(
  "AdamW with epsilon placed as in %s takes the step worked out by hand",
  (placement, expected) => {
    const g = new Graph();
    const x = g.stateful("x", [1]);
    t.adamw(t.sum(t.mul(x, 0.1)), new Map([["x", x]]), {
      beta1: 0.5,
      beta2: 0.9,
      epsilon: 1e-2,
      placement,
      clip: null,
    });
    const state = new State();
    using p = new Program(g, state);
    p.run(t.adamwInputs(1, 1, { beta1: 0.5, beta2: 0.9 }));
    expect(state.get("x").data[0]).toBeCloseTo(-expected, 5);
  },
);

test("clipping scales the gradient to the norm asked for", () => {
  const g = new Graph();
  const x = g.stateful("x", [2]);
  t.adamw(t.sum(t.mul(x, g.constant([3, 4], [2]))), new Map([["x", x]]), {
    beta1: 0,
    beta2: 0,
    epsilon: 1,
    clip: 1,
  });
  const state = new State();
  using p = new Program(g, state);
  p.run(t.adamwInputs(1, 1, { beta1: 0, beta2: 0 }));
  expect(p.float("gradNorm")[0]).toBeCloseTo(5, 5);
  expect(state.get("x").data[0]).toBeCloseTo(-0.6 / 1.6, 4); // g/(|g|+1)
});

test("a parameter's own rate scales its step and its decay, and no one else's", () => {
  const run = (rate?: number) => {
    const g = new Graph();
    const [x, y] = ["x", "y"].map((name) => g.stateful(name, [1, 1])) as [t.Tensor, t.Tensor];
    t.adamw(
      t.sum(t.add(t.mul(x, 0.1), t.mul(y, 0.1))),
      new Map([
        ["x", x],
        ["y", y],
      ]),
      { clip: null, weightDecay: 0.5, ...(rate && { groups: [{ names: "x", rate }] }) },
    );
    const state = new State();
    for (const name of ["x", "y"]) state.set(name, [1, 1], Float32Array.of(1));
    using p = new Program(g, state);
    p.run(t.adamwInputs(1, 0.01));
    return ["x", "y"].map((name) => 1 - state.get(name).data[0]!);
  };
  const [plain] = run();
  const [x, y] = run(4);
  expect(plain).toBeCloseTo(0.01 * 1 + 0.01 * 0.5, 5); // a first step of AdamW is lr, and the decay lr x 0.5
  expect(x! / plain!).toBeCloseTo(4, 3);
  expect(y).toBeCloseTo(plain!, 6);
});

test("a wrong element type says which operand and what to do", () => {
  const g = new Graph();
  const [x, ids] = [g.input("x", [2, 3]), g.input("ids", [3], "int64")];
  expect(() => t.mul(x, ids)).toThrow("Mul: an operand is int64 (3), it must be float32. Cast it");
  expect(() => t.softmax(ids)).toThrow("Softmax: an operand is int64 (3)");
  expect(() => t.gather(x, x)).toThrow("gather: the ids (2,3) are float32, they must be int64");
});

test("shape errors say which operation and what to do", () => {
  const g = new Graph();
  expect(() => t.gemm(g.input("a", [2, 3]), g.input("b", [4, 5]))).toThrow(
    "gemm: inner dimensions differ, (2,3) @ (4,5). Transpose the right operand?",
  );
  expect(() => t.add(g.input("c", [2, 3]), g.input("d", [2, 4]))).toThrow(
    "do not broadcast at axis 1: 3 against 4",
  );
});
