/** Ids and labels: -100 counts for nothing, anything else outside is an error with its place and value. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import {
  cast,
  gather,
  grad,
  Graph,
  IGNORED,
  linearLogprobs,
  mean,
  Program,
  reshape,
  State,
  sum,
  type Tensor,
  tokenLogprobs,
  transpose,
} from "./index.ts";

const [N, V, d] = [4, 7, 5];
const draw = (n: number, seed: number) => {
  const random = rng(seed, "picks");
  return Float32Array.from({ length: n }, () => random.normal());
};
const [h, w] = [draw(N * d, 1), draw(V * d, 2)];
/** log-probs of labels under softmax(h w^T), and the gradient of their sum with respect to h, in float64 */
function byHand(labels: readonly number[]) {
  const logprobs = labels.map(() => 0);
  const dh = new Float64Array(N * d);
  labels.forEach((label, n) => {
    if (label === IGNORED) return;
    const z = Array.from({ length: V }, (_, v) =>
      Array.from({ length: d }, (_, i) => h[n * d + i]! * w[v * d + i]!).reduce((a, b) => a + b, 0),
    );
    const norm = Math.log(z.reduce((a, x) => a + Math.exp(x), 0));
    logprobs[n] = z[label]! - norm;
    for (let i = 0; i < d; i++)
      dh[n * d + i] =
        w[label * d + i]! - z.reduce((a, x, v) => a + Math.exp(x - norm) * w[v * d + i]!, 0);
  });
  return { logprobs, dh };
}
const kinds = {
  linearLogprobs: (x: Tensor, y: Tensor, labels: Tensor) => linearLogprobs(x, y, labels),
  tokenLogprobs: (x: Tensor, y: Tensor, labels: Tensor) => {
    const z = x.graph.op(
      "FusedMatMul",
      [x, y],
      [[N, V]],
      { transA: 0, transB: 1, alpha: { float: 1 } },
      { domain: "com.microsoft" },
    )[0]!;
    return tokenLogprobs(z, labels);
  },
};
function program(
  build: (x: Tensor, y: Tensor, labels: Tensor) => Tensor,
  labelsOf = (g: Graph) => g.input("labels", [N], "int64"),
) {
  const g = new Graph();
  const [x, y] = [g.input("h", [N, d]), g.input("w", [V, d])];
  const logprobs = build(x, y, labelsOf(g));
  g.output("logprobs", logprobs);
  g.output("dh", grad(sum(logprobs), [x])[0]!);
  return new Program(g, new State());
}

test.each(Object.entries(kinds))(
  "%s: a label of -100 has log-prob 0 and no gradient; the rest are as by hand",
  (name, build) => {
    using p = program(name === "tokenLogprobs" ? (x, y, l) => build(x, y, l) : build);
    for (const labels of [
      [1, IGNORED, 6, 0],
      [IGNORED, IGNORED, IGNORED, IGNORED],
      [6, 5, 4, 3],
    ]) {
      p.run({ h, w, labels });
      const want = byHand(labels);
      want.logprobs.forEach((l, i) => expect(p.float("logprobs")[i]).toBeCloseTo(l, 5));
      if (name === "linearLogprobs")
        want.dh.forEach((x, i) => expect(p.float("dh")[i]).toBeCloseTo(x, 5));
      labels.forEach((l, n) => {
        if (l === IGNORED)
          expect([...p.float("dh").subarray(n * d, n * d + d)].every((x) => x === 0)).toBe(true);
      });
    }
  },
);

test.each([-1, -V - 1, V, V + 5, V - 100, 0.5, Number.NaN, Infinity])(
  "label %d is refused with its place",
  (bad) => {
    for (const build of Object.values(kinds)) {
      using p = program(build);
      expect(() => p.run({ h, w, labels: [1, 2, bad, 0] })).toThrow(
        `input labels (${N}) is ${bad} at [2]`,
      );
      expect(() => p.run({ h, w, labels: BigInt64Array.of(1n, 2n, 7n, 0n) })).toThrow(
        "is 7 at [2]",
      );
    }
  },
);

test("ids of an embedding are refused by row and column, through any change of shape", () => {
  const g = new Graph();
  const ids = g.input("ids", [2, 3], "int64");
  g.output("y", gather(g.input("w", [V, d]), transpose(reshape(ids, [3, 2]), [1, 0])));
  using p = new Program(g, new State());
  p.run({ w, ids: [0, 1, 2, 3, 4, 6] });
  for (const bad of [-1, -100, V])
    expect(() => p.run({ w, ids: [0, 1, 2, 3, bad, 5] })).toThrow(
      `input ids (2,3) is ${bad} at [1, 1]: ids must be whole numbers, 0 to 6`,
    );
});

test("ids that a graph computes are refused when it runs; constants when it is written", () => {
  const g = new Graph();
  const ids = cast(g.input("x", [2]), "int64");
  g.output("y", gather(g.input("w", [V, d]), ids));
  using p = new Program(g, new State());
  p.run({ w, x: [0, 6] });
  expect(p.float("y").slice(d)).toEqual(w.slice(6 * d));
  for (const bad of [-1, -7, V])
    expect(() => p.run({ w, x: [0, bad] })).toThrow("pick a place that is not there");
  using of = program(
    (x, y, labels) => linearLogprobs(x, y, cast(labels, "int64")),
    (g) => g.input("labels", [N]),
  );
  of.run({ h, w, labels: [1, IGNORED, 6, 0] });
  expect(Math.abs(of.float("logprobs")[1]!)).toBe(0);
  expect(() => of.run({ h, w, labels: [1, -1, 6, 0] })).toThrow("pick a place that is not there");
  expect(() => gather(g.input("w2", [V, d]), g.constant([2, -1], [2], "int64"))).toThrow(
    "hold -1 at [1]",
  );
  expect(() => mean(tokenLogprobs(g.input("z", [2, V]), g.input("float labels", [2])))).toThrow(
    "must be int64",
  );
});
