/**
 * Which tensor went wrong: when a loss or a gradient is not finite, the same graph is built once more with a probe on
 * every tensor and run on the same inputs. Slow and large, and only needed once.
 */
import { TillerError } from "@tiller/schema";
import { Graph, type Node, type Tensor } from "./graph.ts";
import { Program, type RunInputs, type State } from "./program.ts";

const bad = (xs: ArrayLike<number | bigint>): number => {
  for (let i = 0; i < xs.length; i++) {
    const x = xs[i];
    if (typeof x === "number" && !Number.isFinite(x)) return i;
  }
  return -1;
};
const place = (shape: readonly number[], i: number): string => {
  const at = shape.map((_, axis) => {
    const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    return Math.floor(i / stride) % shape[axis]!;
  });
  return at.length ? `[${at.join(", ")}]` : "";
};

/**
 * The first tensor that is not finite, in the order of computation, as a clause: "state h.0.mlp.weight (4,4) is NaN at
 * [0, 1]", or "Log (2,3) gives -Infinity at [0, 0], from x (2,3)". Undefined where all are finite.
 * `build` makes the graph anew; names that it declares are looked up in `state` and `inputs`.
 */
export function firstNotFinite(
  build: (g: Graph) => void,
  state: State,
  inputs: RunInputs,
): string | undefined {
  const g = new Graph();
  build(g);
  const nameOf = new Map<number, string>();
  for (const [name, t] of [...g.state, ...g.inputs]) nameOf.set(t.id, name);
  for (const [name, t] of g.state) {
    if (!state.has(name)) continue;
    const { data } = state.get(name);
    const i = bad(data);
    if (i >= 0) return `state ${name} (${t.shape}) is ${data[i]} at ${place(t.shape, i)}`;
  }
  for (const [name, t] of g.inputs) {
    const given = inputs[name];
    const values = typeof given === "number" ? [given] : (given ?? []);
    const i = bad(values);
    if (i >= 0) return `input ${name} (${t.shape}) is ${values[i]} at ${place(t.shape, i)}`;
  }
  const own = Object.fromEntries(Object.entries(inputs).filter(([name]) => g.inputs.has(name)));
  g.updates.clear();
  g.outputs.clear();
  const probes = new Map<string, { node: Node; tensor: Tensor }>();
  const made = g.nodes.slice(); // the probes are nodes too
  for (const node of made)
    for (const tensor of node.vjp ? [] : node.outputs)
      if (tensor?.dtype === "float32") {
        const key = `probe ${probes.size}`;
        probes.set(key, { node, tensor });
        // 0 where all is finite: 0 times infinity is NaN, and NaN stays
        const flat = g.op("Mul", [tensor, g.scalar(0)], [tensor.shape])[0]!;
        g.output(key, g.op("ReduceSum", [flat], [[]], { keepdims: 0 })[0]!);
      }
  const first = (keys: readonly string[]) => {
    using program = new Program(g, state);
    program.run(own);
    return keys.find((key) => !Number.isFinite(program.float(key)[0]));
  };
  const key = first([...probes.keys()]);
  if (!key) return undefined;
  // once more, for its values
  const { node, tensor } = probes.get(key)!;
  g.outputs.clear();
  g.output("values", tensor);
  using program = new Program(g, state);
  program.run(own);
  const values = program.float("values");
  const i = bad(values);
  const from = node.inputs.flatMap((t) => {
    if (!t) return [];
    const op = made.find((n) => !n.vjp && n.outputs.includes(t))?.op;
    return [`${nameOf.get(t.id) ?? op ?? "a constant"} (${t.shape})`];
  });
  return `${node.op} (${tensor.shape}) gives ${values[i]} at ${place(tensor.shape, i)}, from ${from.join(", ")}`;
}

/** The error of a step that must not be taken. */
export const notFinite = (what: string, where: string | undefined): TillerError =>
  new TillerError(
    "not_finite",
    `${what} is not finite: ${where ?? "no single tensor is"}. The weights are as they were. Lower the learning rate, clip harder, or look at that tensor.`,
  );
