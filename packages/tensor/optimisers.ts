/** Optimisers as graph updates: gradients in, new parameters and moments out, all in place. */
import { TillerError } from "@tiller/schema";
import type { Tensor } from "./graph.ts";
import { grad } from "./gradients.ts";
import { add, div, minimum, mul, sqrt, square, sub } from "./ops.ts";

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** where epsilon sits: "torch" m^/(sqrt(v^)+eps); "tf1" lr_t m/(sqrt(v)+eps) as in Ziegler et al.'s code */
  readonly placement?: "torch" | "tf1";
  /** decoupled decay, on matrices only */
  readonly weightDecay?: number;
  /** max global gradient norm; Infinity = off */
  readonly clip?: number;
  /** what the learning rate of a parameter is multiplied by, by its name */
  readonly rate?: (name: string) => number;
}

/**
 * AdamW (Loshchilov and Hutter 2019) with global-norm clipping. Adds the inputs `lr`, `bias1` = 1 - beta1^t and
 * `bias2` = 1 - beta2^t, the output `gradNorm`, and updates `params` with moments named `m:` and `v:`.
 * Every update waits for the norm and so for all gradients: no old parameter is read after it is overwritten.
 */
export function adamw(
  loss: Tensor,
  params: ReadonlyMap<string, Tensor>,
  o: AdamWOptions = {},
): void {
  const {
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    placement = "torch",
    weightDecay = 0,
    clip = 1,
    rate = () => 1,
  } = o;
  const g = loss.graph;
  const names = [...params.keys()];
  const gradients = grad(loss, [...params.values()]).map((d, i) => {
    if (!d)
      throw new TillerError(
        "no_gradient",
        `the loss does not depend on ${names[i]}. Freeze it, or leave it out of the optimiser.`,
      );
    return d;
  });
  const squares = gradients.map((d) => g.op("ReduceSumSquare", [d], [[]], { keepdims: 0 })[0]);
  const norm = sqrt(g.op("Sum", squares, [[]])[0]);
  g.output("gradNorm", norm);
  const scale = minimum(div(g.scalar(Math.min(clip, 3e38)), add(norm, 1e-6)), 1);
  const lr = g.input("lr", []);
  const [bias1, bias2] = [g.input("bias1", []), g.input("bias2", [])];
  const root2 = sqrt(bias2);
  // torch: lr/bias1 * m / (sqrt(v)/root2 + eps) = lr root2/bias1 * m / (sqrt(v) + eps root2); tf1 has plain eps there
  const step = mul(div(root2, bias1), lr);
  const eps = placement === "torch" ? mul(root2, epsilon) : g.scalar(epsilon);
  names.forEach((name, i) => {
    const p = params.get(name)!;
    const [m, v] = [g.stateful(`m:${name}`, p.shape), g.stateful(`v:${name}`, p.shape)];
    const d = mul(gradients[i], scale);
    const m2 = add(mul(m, beta1), mul(d, 1 - beta1));
    const v2 = add(mul(v, beta2), mul(square(d), 1 - beta2));
    const times = rate(name); // of the step and of the decay, as in a parameter group of PyTorch's
    const own = times === 1 ? step : mul(step, times);
    const keep = sub(g.scalar(1), mul(lr, weightDecay * times));
    const decayed = weightDecay > 0 && p.shape.length > 1 ? mul(p, keep) : p;
    g.update(name, sub(decayed, mul(div(m2, add(sqrt(v2), eps)), own)));
    g.update(`m:${name}`, m2);
    g.update(`v:${name}`, v2);
  });
}

/** The optimiser's scalars at step t (from 1). */
export const adamwInputs = (
  t: number,
  lr: number,
  o: AdamWOptions = {},
): { lr: number; bias1: number; bias2: number } => ({
  lr,
  bias1: 1 - (o.beta1 ?? 0.9) ** t,
  bias2: 1 - (o.beta2 ?? 0.999) ** t,
});
