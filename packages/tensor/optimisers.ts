/**
 * Optimisers as graph updates: gradients in, new parameters and moments out, all in place. An optimiser is data; what it
 * keeps of a parameter is one table, what it does with a gradient another.
 */
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { sizeOf } from "./dtype.ts";
import type { Graph, Tensor } from "./graph.ts";
import { grad } from "./gradients.ts";
import {
  add,
  div,
  gemm,
  maximum,
  mean,
  minimum,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
} from "./ops.ts";

const Groups = z
  .array(
    z.strictObject({
      names: z.string().describe("a pattern of parameters' names; * stands for anything"),
      rate: z.number().nonnegative().default(1).describe("what the learning rate is multiplied by"),
      weightDecay: z.number().nonnegative().optional().describe("in place of the general one"),
      frozen: z.boolean().default(false).describe("these do not learn"),
    }),
  )
  .describe("the first that fits a parameter holds for it");
const common = {
  weightDecay: z
    .number()
    .nonnegative()
    .default(0)
    .describe("on matrices only, unless a group says"),
  clip: z.number().positive().nullable().default(1).describe("largest global norm; null: none"),
  groups: Groups.default([]),
};
const beta = (value: number) => z.number().min(0).lt(1).default(value);
export const Optimiser = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("adamw"),
    beta1: beta(0.9),
    beta2: beta(0.999),
    epsilon: z.number().positive().default(1e-8),
    placement: z
      .enum(["torch", "tf1"])
      .default("torch")
      .describe(
        "of epsilon: m^/(sqrt(v^)+eps), or lr_t m/(sqrt(v)+eps) as in Ziegler et al.'s code",
      ),
    ...common,
  }),
  z.strictObject({
    kind: z.literal("sgd"),
    momentum: beta(0),
    nesterov: z.boolean().default(false),
    ...common,
  }),
  z.strictObject({
    kind: z.literal("lion"),
    beta1: beta(0.9).pipe(z.number().positive()),
    beta2: beta(0.99),
    ...common,
  }),
  z.strictObject({
    kind: z.literal("adafactor"),
    /** second moments decay by 1 - t^this */
    decay: z.number().negative().default(-0.8),
    /** of the second moment, and the least scale of a parameter */
    epsilon: z.tuple([z.number().positive(), z.number().positive()]).default([1.1920929e-7, 1e-3]),
    /** largest root mean square of an update */
    threshold: z.number().positive().default(1),
    ...common,
  }),
]);
export type Optimiser = z.infer<typeof Optimiser>;
export type OptimiserOptions = z.input<typeof Optimiser>;
type Of<K extends Optimiser["kind"]> = Extract<Optimiser, { kind: K }>;

/** What a parameter's group says; null where it is frozen. */
export function groupOf(
  o: Pick<Optimiser, "groups" | "weightDecay">,
  name: string,
  rank: number,
): { readonly rate: number; readonly weightDecay: number } | null {
  const group = o.groups.find(({ names }) =>
    new RegExp(
      `^${names
        .split("*")
        .map((s) => RegExp.escape(s))
        .join(".*")}$`,
    ).test(name),
  );
  if (group?.frozen) return null;
  return {
    rate: group?.rate ?? 1,
    weightDecay: group?.weightDecay ?? (rank > 1 ? o.weightDecay : 0),
  };
}

interface One {
  readonly g: Graph;
  readonly name: string;
  readonly p: Tensor;
  /** its gradient, clipped */
  readonly d: Tensor;
  /** of the learning rate */
  readonly rate: number;
  /** 1 - lr x rate x decay, or null where nothing decays */
  readonly keep: Tensor | null;
  /** a scalar that several parameters share */
  readonly once: (key: string, make: (input: (name: string) => Tensor) => Tensor) => Tensor;
}
const rateOf = ({ once, rate }: One): Tensor =>
  once(`lr ${rate}`, (input) => (rate === 1 ? input("lr") : mul(input("lr"), rate)));
const shrunk = ({ p, keep }: One): Tensor => (keep ? mul(p, keep) : p);
const moment = ({ g, p, name }: Pick<One, "g" | "p" | "name">, kind: string, shape = p.shape) =>
  g.stateful(`${kind}:${name}`, shape);
/** b old + (1 - b) new, kept */
function average(
  one: Pick<One, "g" | "p" | "name">,
  kind: string,
  b: number,
  next: Tensor,
): Tensor {
  const value = add(mul(moment(one, kind), b), mul(next, 1 - b));
  one.g.update(`${kind}:${one.name}`, value);
  return value;
}
const sign = (x: Tensor): Tensor => x.graph.op("Sign", [x], [x.shape])[0];
const rms = (x: Tensor): Tensor => sqrt(mean(square(x)));

/** The parameter after the step; its moments are updated on the way, each read by one operation only: they change in place. */
const rules: { readonly [K in Optimiser["kind"]]: (one: One, o: Of<K>) => Tensor } = {
  // Loshchilov and Hutter 2019
  adamw: (one, o) => {
    const { once, g } = one;
    const m = average(one, "m", o.beta1, one.d);
    const v = average(one, "v", o.beta2, square(one.d));
    const root2 = once("root2", (input) => sqrt(input("bias2")));
    // torch: lr/bias1 m / (sqrt(v)/root2 + eps) = lr root2/bias1 m / (sqrt(v) + eps root2); tf1 has plain eps there
    const eps = once("eps", () =>
      o.placement === "torch" ? mul(root2, o.epsilon) : g.scalar(o.epsilon),
    );
    const step = once(`step ${one.rate}`, (input) => mul(div(root2, input("bias1")), rateOf(one)));
    return sub(shrunk(one), mul(div(m, add(sqrt(v), eps)), step));
  },
  // PyTorch's, without dampening; but decay is decoupled, as in the others
  sgd: (one, o) => {
    if (o.momentum === 0) return sub(shrunk(one), mul(one.d, rateOf(one)));
    const m = add(mul(moment(one, "m"), o.momentum), one.d);
    one.g.update(`m:${one.name}`, m);
    const d = o.nesterov ? add(mul(m, o.momentum), one.d) : m;
    return sub(shrunk(one), mul(d, rateOf(one)));
  },
  // Chen et al. 2023: c = b1 m + (1 - b1) d, and m' = b2 m + (1 - b2) d, which is written by c
  lion: (one, o) => {
    const c = add(mul(moment(one, "m"), o.beta1), mul(one.d, 1 - o.beta1));
    const ratio = o.beta2 / o.beta1;
    one.g.update(`m:${one.name}`, add(mul(c, ratio), mul(one.d, 1 - ratio)));
    return sub(shrunk(one), mul(sign(c), rateOf(one)));
  },
  // Shazeer and Stern 2018 as PyTorch has it: no first moment, steps relative to the parameter's scale. Above two
  // axes the leading ones count as one
  adafactor: (one, o) => {
    const { g, p, d, once } = one;
    const fresh = once("fresh", (input) => input("fresh"));
    const old = once("old", () => sub(g.scalar(1), fresh));
    const decayed = (kind: string, shape: readonly number[], next: Tensor) => {
      const value = add(mul(moment(one, kind, shape), old), mul(next, fresh));
      g.update(`${kind}:${one.name}`, value);
      return value;
    };
    const rho = once(`rho ${one.rate}`, (input) => minimum(rateOf(one), input("cap")));
    const alpha = mul(maximum(rms(p), o.epsilon[1]), rho);
    const second = () => {
      if (p.shape.length < 2) return decayed("v", p.shape, square(d));
      const [rows, columns] = [sizeOf(p.shape.slice(0, -1)), p.shape.at(-1)!];
      const d2 = square(reshape(d, [rows, columns]));
      const row = decayed("row", [rows, 1], mean(d2, [1], { keep: true }));
      const column = decayed("column", [1, columns], mean(d2, [0], { keep: true }));
      return reshape(div(gemm(row, column), maximum(mean(row), o.epsilon[0])), p.shape);
    };
    const u = div(d, sqrt(maximum(second(), o.epsilon[0] ** 2)));
    const denominator = maximum(div(rms(u), o.threshold), 1);
    return sub(shrunk(one), mul(u, div(alpha, denominator)));
  },
};

/** Sums of squares over the last axis. */
const sumSquare = (d: Tensor): Tensor =>
  d.graph.op("ReduceSumSquare", [d, d.graph.constant([-1], [1], "int64")], [d.shape.slice(0, -1)], {
    keepdims: 0,
  })[0];

/** The global norm of gradients, a scalar. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  const g = gradients[0]!.graph;
  // by rows first: one float32 sum over tens of millions of small squares stops growing
  const squares = gradients.map((d) => (d.shape.length ? sum(sumSquare(d)) : square(d)));
  return sqrt(g.op("Sum", squares, [[]])[0]);
}
/** min(1, clip / norm), as `clip_grad_norm_` has it. */
const clipScale = (norm: Tensor, clip: number | null): Tensor =>
  minimum(div(norm.graph.scalar(clip ?? 3e38), add(norm, 1e-6)), 1);

/**
 * One step of an optimiser on `params` whose gradients are given, each times `scale` (a scalar). Adds the inputs that
 * `optimiserInputs` fills. Nothing of a parameter is written before `scale` is known; where its old value has other
 * readers in this graph, `scale` must come after them.
 */
export function applyGradients(
  params: ReadonlyMap<string, Tensor>,
  gradients: ReadonlyMap<string, Tensor>,
  scale: Tensor,
  o: Optimiser,
): void {
  const g = scale.graph;
  const shared = new Map<string, Tensor>();
  const once: One["once"] = (key, make) => {
    const old = shared.get(key);
    if (old) return old;
    const made = make((name) => once(`input ${name}`, () => g.input(name, [])));
    shared.set(key, made);
    return made;
  };
  for (const [name, d] of gradients) {
    const p = params.get(name)!;
    const group = groupOf(o, name, p.shape.length);
    if (!group) continue;
    const { rate, weightDecay } = group;
    const keep = weightDecay
      ? once(`keep ${rate} ${weightDecay}`, (input) =>
          sub(g.scalar(1), mul(input("lr"), weightDecay * rate)),
        )
      : null;
    const one: One = { g, name, p, d: mul(d, scale), rate, keep, once };
    const next = (rules[o.kind] as (one: One, o: Optimiser) => Tensor)(one, o);
    g.update(name, next);
  }
}

/** Averages of parameters after a step, kept as `ema:NAME`, of which `b` stays. */
export function averageWeights(params: ReadonlyMap<string, Tensor>, b: number): void {
  for (const [name, p] of params) average({ g: p.graph, p, name }, "ema", b, p);
}

/**
 * The whole step in the loss's own graph: gradients, clipping to a global norm, the update of `params`. Adds the output
 * `gradNorm`. Every update waits for the norm and so for all gradients: no old parameter is read after it is overwritten.
 */
export function optimise(
  loss: Tensor,
  params: ReadonlyMap<string, Tensor>,
  options: OptimiserOptions,
): void {
  const o = Optimiser.parse(options);
  const gradients = gradientsOf(loss, params, o);
  const norm = globalNorm([...gradients.values()]);
  loss.graph.output("gradNorm", norm);
  applyGradients(params, gradients, clipScale(norm, o.clip), o);
}
function gradientsOf(
  loss: Tensor,
  params: ReadonlyMap<string, Tensor>,
  o: Pick<Optimiser, "groups" | "weightDecay">,
): Map<string, Tensor> {
  const learning = [...params].filter(([name, p]) => groupOf(o, name, p.shape.length));
  const found = grad(
    loss,
    learning.map(([, p]) => p),
  );
  return new Map(
    learning.map(([name], i) => {
      const d = found[i];
      if (!d)
        throw new TillerError(
          "no_gradient",
          `the loss does not depend on ${name}. Freeze it, or leave it out of the optimiser.`,
        );
      return [name, d];
    }),
  );
}

/** The optimiser's scalars at step t (from 1). */
export function optimiserInputs(
  o: Optimiser,
  t: number,
  lr: number,
): Readonly<Record<string, number>> {
  switch (o.kind) {
    case "adamw":
      return { lr, bias1: 1 - o.beta1 ** t, bias2: 1 - o.beta2 ** t };
    case "adafactor":
      return { lr, cap: 1 / Math.sqrt(t), fresh: t ** o.decay };
    default:
      return { lr };
  }
}

/**
 * Half of `optimise`: the gradients of a loss into the state, `g:NAME`, and the output `gradNorm`. A step outside the graph,
 * such as `fusedAdamW`, takes them from there.
 */
export function gradientsInto(
  loss: Tensor,
  params: ReadonlyMap<string, Tensor>,
  o: Pick<Optimiser, "groups" | "weightDecay">,
): string[] {
  const g = loss.graph;
  const gradients = gradientsOf(loss, params, o);
  g.output("gradNorm", globalNorm([...gradients.values()]));
  for (const [name, d] of gradients) {
    g.stateful(`g:${name}`, d.shape);
    g.update(`g:${name}`, d);
  }
  return [...gradients.keys()];
}
/** What clipping to `clip` multiplies gradients of that norm by. */
export const clipBy = (norm: number, clip: number | null): number =>
  clip === null ? 1 : Math.min(1, clip / (norm + 1e-6));

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly placement?: "torch" | "tf1";
  readonly weightDecay?: number;
  readonly clip?: number | null;
  readonly groups?: Extract<OptimiserOptions, { kind: "adamw" }>["groups"];
}
/** `optimise` by AdamW; `adamwInputs` gives its scalars. */
export const adamw = (
  loss: Tensor,
  params: ReadonlyMap<string, Tensor>,
  o: AdamWOptions = {},
): void => optimise(loss, params, { kind: "adamw", ...o });
/** AdamW's scalars at step t (from 1). */
export const adamwInputs = (
  t: number,
  lr: number,
  o: Pick<AdamWOptions, "beta1" | "beta2"> = {},
) => {
  const { beta1 = 0.9, beta2 = 0.999 } = o;
  return { lr, bias1: 1 - beta1 ** t, bias2: 1 - beta2 ** t };
};
