/** Every gradient rule against central differences, and AdamW against numbers worked out by hand. */
import { describe, expect, test } from "vitest";
import { rng } from "@tiller/schema";
import * as t from "./index.ts";
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
  tokenLogprobs: {
    shapes: [[3, 5]],
    build: ([z], g) => t.tokenLogprobs(z, g.constant([4, 0, 2], [3], "int64")),
  },
};

describe.each(Object.entries(cases))("%s", (name, { shapes, build, positive }) => {
  test("agrees with central differences", () => {
    const random = rng(7, name);
    const state = new State();
    const g = new Graph();
    const xs = shapes.map((s, i) => g.stateful(`x${i}`, s));
    const y = build(xs, g);
    // a fixed random weighting makes every element of the gradient different
    const weights = g.constant(
      Float32Array.from({ length: t.sizeOf(y.shape) }, () => random.normal()),
      y.shape,
    );
    const loss = t.sum(t.mul(y, weights));
    g.output("loss", loss);
    t.grad(loss, xs).forEach((d, i) => g.output(`d${i}`, d!));
    using program = new Program(g, state);
    for (const [i, s] of shapes.entries())
      state.set(
        `x${i}`,
        s,
        Array.from({ length: t.sizeOf(s) }, () =>
          positive ? 0.5 + random.next() : random.normal(),
        ),
      );
    program.run();
    const exact = shapes.map((_, i) => Float64Array.from(program.float(`d${i}`)));
    const h = 1e-2;
    for (const [i, s] of shapes.entries())
      for (let j = 0; j < t.sizeOf(s); j++) {
        const x = state.get(`x${i}`).data;
        const old = x[j];
        const at = (v: number) => {
          x[j] = v;
          program.run();
          return program.float("loss")[0];
        };
        // fourth-order central difference
        const d =
          (8 * (at(old + h) - at(old - h)) - (at(old + 2 * h) - at(old - 2 * h))) / (12 * h);
        x[j] = old;
        expect(
          Math.abs(d - exact[i][j]),
          `d x${i}[${j}]: ${d} against ${exact[i][j]}`,
        ).toBeLessThan(2e-3 * Math.max(1, Math.abs(d)));
      }
  });
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

test("shape errors say which operation and what to do", () => {
  const g = new Graph();
  expect(() => t.gemm(g.input("a", [2, 3]), g.input("b", [4, 5]))).toThrow(
    "gemm: inner dimensions differ, (2,3) @ (4,5). Transpose the right operand?",
  );
  expect(() => t.add(g.input("c", [2, 3]), g.input("d", [2, 4]))).toThrow(
    "do not broadcast at axis 1: 3 against 4",
  );
});

test("the native library survives garbage collection", async () => {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const g = new Graph();
  g.output("y", t.mul(g.input("x", [1]), 2));
  using p = new Program(g, new State());
  for (let i = 0; i < 5; i++) {
    gc();
    p.run({ x: [i] });
    expect(p.float("y")[0]).toBe(2 * i);
  }
});
