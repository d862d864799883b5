/** Random graphs: values and gradients of the native library against the plain interpreter in float64. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng, type Rng } from "@tiller/schema";
import { interpret } from "./fixtures/interpreter.ts";
import * as t from "./index.ts";
import { Graph, Program, State, type Tensor } from "./index.ts";

const tame = (x: Tensor) => t.tanh(x); // keeps a long chain away from overflow
/** Makes one more tensor out of one or two; every shape here is (2..4, 2..4) or (2, 2..4, 2..4). */
const steps: readonly ((r: Rng, x: Tensor, y: Tensor) => Tensor)[] = [
  (_, x, y) => (fits(x, y) ? t.add(x, y) : t.neg(x)),
  (_, x, y) => (fits(x, y) ? t.sub(x, y) : t.abs(x)),
  (_, x, y) => (fits(x, y) ? t.mul(x, y) : t.square(x)),
  (_, x, y) => (fits(x, y) ? t.div(x, t.add(t.square(y), 1)) : t.sigmoid(x)),
  (_, x, y) => (fits(x, y) ? t.maximum(x, y) : t.relu(x)),
  (_, x, y) => (fits(x, y) ? t.where(t.greater(x, y), x, t.mul(y, 0.5)) : t.softplus(x)),
  (r, x) => r.choose([t.gelu, t.silu, t.geluTanh, t.erf, t.sin, t.cos, t.logSigmoid])(x),
  (r, x) => r.choose([t.softmax, t.logSoftmax])(x),
  (_, x) => t.exp(tame(x)),
  (_, x) => t.log(t.add(t.square(x), 1)),
  (_, x) => t.sqrt(t.add(t.square(x), 0.5)),
  (r, x) => t.mean(x, [r.int(x.shape.length)], { keep: true }),
  (r, x) => t.sum(tame(x), [r.int(x.shape.length)], { keep: true }),
  (r, x) => t.max(x, [r.int(x.shape.length)], { keep: true }),
  (r, x) => t.cumsum(tame(x), r.int(x.shape.length), { reverse: r.int(2) === 1 }),
  (r, x) => t.transpose(x, r.shuffle(x.shape.map((_, i) => i))),
  (_, x) => t.reshape(x, x.shape.toReversed()),
  (r, x) => {
    const axis = r.int(x.shape.length);
    return x.shape[axis]! > 1 ? t.slice(x, axis, 1) : t.expand(x, x.shape.with(axis, 2));
  },
  (_, x, y) =>
    x.shape.length === y.shape.length && x.shape.length === 2 ? product(x, y) : tame(x),
  (_, x) => t.bmm(x, x, { transB: true, alpha: 0.3 }),
  (_, x) => {
    const d = x.shape.at(-1)!;
    const g = x.graph;
    return t.layerNorm(
      x,
      g.constant(new Array(d).fill(0.7), [d]),
      g.constant(new Array(d).fill(0.1), [d]),
      0.1,
    );
  },
  (_, x) =>
    t.rmsNorm(x, x.graph.constant(new Array(x.shape.at(-1)).fill(1.3), [x.shape.at(-1)!]), 0.1),
  (r, x) => t.concat([x, tame(x)], r.int(x.shape.length)),
  (_, x) => t.recompute([x], ([z]) => [t.tanh(t.mul(z!, t.sigmoid(z!)))] as const)[0],
  (_, x) => t.gather(x, x.graph.constant([0, x.shape[0]! - 1, 0], [3], "int64")),
  (r, x) => t.dropout(x, 0.3, x.graph.constant([r.int(2 ** 31)], [], "int64"), 1),
];
function fits(x: Tensor, y: Tensor): boolean {
  const rank = Math.max(x.shape.length, y.shape.length);
  return Array.from({ length: rank }, (_, i) => [
    x.shape.at(-1 - i) ?? 1,
    y.shape.at(-1 - i) ?? 1,
  ]).every(([a, b]) => a === b || a === 1 || b === 1);
}
function product(x: Tensor, y: Tensor): Tensor {
  const [a, b, c, d] = [...x.shape, ...y.shape];
  if (b === c) return t.gemm(x, y);
  if (b === d) return t.gemm(x, y, null, { transB: true });
  if (a === c) return t.gemm(x, y, null, { transA: true });
  return t.gemm(x, x, null, { transB: true, alpha: 0.5 });
}

test("random graphs give what the interpreter gives, and so do their gradients", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 14 }), (seed, length) => {
      const r = rng(seed, "fuzz");
      const g = new Graph();
      const shapes = Array.from({ length: 3 }, () => [
        ...(r.int(3) === 0 ? [2] : []),
        2 + r.int(3),
        2 + r.int(3),
      ]);
      const xs = shapes.map((s, i) => g.stateful(`x${i}`, s));
      const all = [...xs];
      for (let i = 0; i < length; i++) {
        const made = r.choose(steps)(r, r.choose(all), r.choose(all));
        if (t.sizeOf(made.shape) <= 600) all.push(made);
      }
      const loss = all
        .slice(-3)
        .map((x) => t.mean(tame(x)))
        .reduce((a, b) => t.add(a, b));
      const ds = t.grad(loss, xs).flatMap((d, i) => (d ? [[`d${i}`, d] as const] : []));
      g.output("loss", loss);
      for (const [name, d] of ds) g.output(name, d);
      const values = shapes.map((s) =>
        Float32Array.from({ length: t.sizeOf(s) }, () => r.normal()),
      );
      const state = new State();
      shapes.forEach((s, i) => state.set(`x${i}`, s, values[i]!));
      using p = new Program(g, state);
      p.run();
      const given = Object.fromEntries(values.map((v, i) => [`x${i}`, v]));
      const exact = interpret(g, given, [loss, ...ds.map(([, d]) => d)]);
      ["loss", ...ds.map(([name]) => name)].forEach((name, k) =>
        p.float(name).forEach((v, i) => {
          const want = exact[k]![i]!;
          expect(Math.abs(v - want), `${name}[${i}]: ${v}, interpreter ${want}`).toBeLessThan(
            1e-4 * Math.max(1, Math.abs(want)),
          );
        }),
      );
    }),
    { numRuns: 150, seed: 20261126 },
  );
});
