/** Twenty steps of every optimiser against PyTorch's (golden/optimisers.py), groups, and the average of the weights. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { rng } from "@tiller/schema";
import * as t from "./index.ts";
import { Graph, type OptimiserOptions, Program, State } from "./index.ts";

const numbers = z.array(z.number());
const Run = z.strictObject({ losses: numbers, w: numbers, b: numbers });
const golden = z
  .strictObject({
    x: numbers,
    y: numbers,
    w: numbers,
    b: numbers,
    runs: z.record(z.string(), Run),
  })
  .parse(
    JSON.parse(readFileSync(new URL("golden/optimisers.json", import.meta.url), "utf8")) as unknown,
  );

/** loss = 10 mean((tanh(x w + b) - y)^2), x (5, 3), w (3, 4) */
function problem() {
  const g = new Graph();
  const params = new Map([
    ["w", g.stateful("w", [3, 4])],
    ["b", g.stateful("b", [4])],
  ]);
  const h = t.gemm(g.constant(golden.x, [5, 3]), params.get("w")!, params.get("b")!);
  const loss = t.mul(t.mean(t.square(t.sub(t.tanh(h), g.constant(golden.y, [5, 4])))), 10);
  g.output("loss", loss);
  const state = new State();
  state.set("w", [3, 4], golden.w);
  state.set("b", [4], golden.b);
  return { g, params, loss, state };
}
const runs: Record<string, OptimiserOptions> = {
  adamw: { kind: "adamw", beta2: 0.95, weightDecay: 0.1 },
  sgd: { kind: "sgd", clip: null },
  momentum: { kind: "sgd", momentum: 0.9 },
  nesterov: { kind: "sgd", momentum: 0.9, nesterov: true },
  lion: { kind: "lion", weightDecay: 0.1 },
  adafactor: { kind: "adafactor", weightDecay: 0.1, clip: null },
};
const near = (a: ArrayLike<number>, b: readonly number[], what: string) => {
  for (const [i, x] of b.entries())
    expect(Math.abs(a[i]! - x), `${what}[${i}]: ${a[i]} for ${x}`).toBeLessThan(2e-5);
};

test.each(Object.keys(golden.runs))("%s takes PyTorch's twenty steps", (name) => {
  const { g, params, loss, state } = problem();
  const o = t.Optimiser.parse(runs[name]);
  t.optimise(loss, params, o);
  using p = new Program(g, state);
  const losses = golden.runs[name]!.losses.map((_, i) => {
    p.run(t.optimiserInputs(o, i + 1, 0.05));
    return p.float("loss")[0]!;
  });
  near(losses, golden.runs[name]!.losses, "loss");
  near(state.get("w").data, golden.runs[name]!.w, "w");
  near(state.get("b").data, golden.runs[name]!.b, "b");
});

test.each(Object.keys(runs))("%s: gradients in parts, then applied, are the fused step", (name) => {
  const o = t.Optimiser.parse({ ...runs[name], clip: null });
  const fused = problem();
  t.optimise(fused.loss, fused.params, o);
  using whole = new Program(fused.g, fused.state);
  const a = problem();
  const shapes = [...a.params].map(([key, p]) => [key, p.shape] as const);
  t.grad(a.loss, [...a.params.values()]).forEach((d, i) => {
    const key = `g:${shapes[i]![0]}`;
    a.g.stateful(key, shapes[i]![1]);
    a.g.update(key, t.add(a.g.state.get(key)!, d!));
  });
  using back = new Program(a.g, a.state);
  const b = new Graph();
  const [params, gradients] = ["", "g:"].map(
    (prefix) => new Map(shapes.map(([key, shape]) => [key, b.stateful(prefix + key, shape)])),
  );
  t.applyGradients(params!, gradients!, b.input("scale", []), o);
  using apply = new Program(b, a.state);
  for (let step = 1; step <= 3; step++) {
    whole.run(t.optimiserInputs(o, step, 0.05));
    for (const [key] of shapes) a.state.get(`g:${key}`).data.fill(0);
    back.run();
    back.run(); // twice the gradient, half the scale
    apply.run({ scale: 0.5, ...t.optimiserInputs(o, step, 0.05) });
  }
  for (const [key] of shapes) near(a.state.get(key).data, [...fused.state.get(key).data], key);
});

test.each([
  ["torch", null],
  ["torch", 0.3],
  ["tf1", 0.3],
] as const)(
  "AdamW in one pass: epsilon as in %s, clip %s: the graph's own step",
  (placement, clip) => {
    const o = t.Optimiser.parse({
      kind: "adamw",
      placement,
      clip,
      epsilon: 1e-4,
      weightDecay: 0.1,
      groups: [
        { names: "slow", rate: 0.3, weightDecay: 0.5 },
        { names: "still", frozen: true },
      ],
    });
    if (o.kind !== "adamw") throw new Error("not AdamW");
    // a vector, sizes around a piece and past several, not a multiple of four among them
    const shapes = { b: [7], slow: [4096], wide: [3, 4099], still: [2, 2] };
    const random = rng(5, "fused");
    const build = () => {
      const g = new Graph();
      const params = new Map(Object.entries(shapes).map(([k, s]) => [k, g.stateful(k, s)]));
      // a rough valley, other slopes at every step
      const loss = [...params.values()]
        .map((p) => t.sum(t.mul(t.sin(t.mul(p, 3)), t.add(p, 0.2))))
        .reduce((a, b) => t.add(a, b));
      return { g, params, loss };
    };
    const values = Object.entries(shapes).map(
      ([k, s]) =>
        [k, s, Float32Array.from({ length: t.sizeOf(s) }, () => random.normal())] as const,
    );
    const [a, b] = [new State(), new State()];
    for (const [k, s, v] of values) for (const state of [a, b]) state.set(k, s, v);
    const whole = build();
    t.optimise(whole.loss, whole.params, o);
    using graph = new Program(whole.g, a);
    const half = build();
    const names = t.gradientsInto(half.loss, half.params, o);
    expect(names).toEqual(["b", "slow", "wide"]);
    using back = new Program(half.g, b);
    for (let step = 1; step <= 12; step++) {
      graph.run(t.optimiserInputs(o, step, 0.01));
      back.run();
      const scale = t.clipBy(back.float("gradNorm")[0]!, clip);
      t.fusedAdamW(b, names, o, { t: step, lr: 0.01, scale });
    }
    for (const [k, , v] of values) {
      near(b.get(k).data, [...a.get(k).data], k);
      if (k !== "still") expect(b.get(k).data).not.toEqual(v);
      else expect(b.get(k).data).toEqual(v);
    }
  },
);

test("AdamW in one pass takes PyTorch's twenty steps", () => {
  const { g, params, loss, state } = problem();
  const o = t.Optimiser.parse(runs["adamw"]);
  if (o.kind !== "adamw") throw new Error("not AdamW");
  const names = t.gradientsInto(loss, params, o);
  using p = new Program(g, state);
  golden.runs["adamw"]!.losses.forEach((wanted, i) => {
    p.run();
    near(p.float("loss"), [wanted], "loss");
    const scale = t.clipBy(p.float("gradNorm")[0]!, o.clip);
    t.fusedAdamW(state, names, o, { t: i + 1, lr: 0.05, scale });
  });
  near(state.get("w").data, golden.runs["adamw"]!.w, "w");
  near(state.get("b").data, golden.runs["adamw"]!.b, "b");
});

test("groups: the first pattern that fits sets rate, decay, or freezes", () => {
  const o = t.Optimiser.parse({
    kind: "sgd",
    weightDecay: 0.1,
    groups: [
      { names: "h.*.bias", frozen: true },
      { names: "h.0.*", rate: 3, weightDecay: 0 },
      { names: "*.bias", weightDecay: 0.5 },
    ],
  });
  expect(t.groupOf(o, "h.1.bias", 1)).toBeNull();
  expect(t.groupOf(o, "h.0.w", 2)).toEqual({ rate: 3, weightDecay: 0 });
  expect(t.groupOf(o, "f.bias", 1)).toEqual({ rate: 1, weightDecay: 0.5 });
  expect(t.groupOf(o, "f.w", 2)).toEqual({ rate: 1, weightDecay: 0.1 });
  expect(t.groupOf(o, "f.gain", 1)).toEqual({ rate: 1, weightDecay: 0 });
});

test("frozen parameters stay to the bit, and the average follows the rest", () => {
  const { g, params, loss, state } = problem();
  const o = t.Optimiser.parse({ kind: "sgd", clip: null, groups: [{ names: "b", frozen: true }] });
  const d = new Map([["w", t.grad(loss, [params.get("w")!])[0]!]]);
  const scale = t.add(t.mul(loss, 0), 1); // after every reader of w
  t.applyGradients(params, d, scale, o);
  state.set("ema:w", [3, 4], golden.w);
  using p = new Program(g, state);
  const after = new Graph();
  t.averageWeights(new Map([["w", after.stateful("w", [3, 4])]]), 0.75);
  using averaging = new Program(after, state);
  const expected = Float64Array.from(golden.w);
  for (let step = 1; step <= 4; step++) {
    p.run(t.optimiserInputs(o, step, 0.05));
    averaging.run();
    expected.forEach((e, i) => (expected[i] = 0.75 * e + 0.25 * state.get("w").data[i]!));
  }
  expect([...state.get("b").data]).toEqual([...Float32Array.from(golden.b)]);
  near(state.get("ema:w").data, [...expected], "ema");
  expect(state.get("w").data[0]).not.toBe(Math.fround(golden.w[0]!));
});

test("the norm of gradients of any rank, and of very many small numbers, is exact", () => {
  const g = new Graph();
  const shapes = [[], [7], [2, 3], [20_000, 512], [2, 2, 2]];
  const state = new State();
  const gradients = shapes.map((shape, i) => {
    state.buffer(`d${i}`, shape, "float32").data.fill(0.01);
    return g.stateful(`d${i}`, shape);
  });
  g.output("norm", t.globalNorm(gradients));
  using program = new Program(g, state);
  program.run();
  const n = shapes.reduce((sum, shape) => sum + t.sizeOf(shape), 0);
  expect(Math.abs(program.float("norm")[0]! / (0.01 * Math.sqrt(n)) - 1)).toBeLessThan(1e-4);
});
