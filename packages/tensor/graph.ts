/**
 * A graph of tensors with static shapes, and reverse-mode gradients over it. Operations are named as in
 * ONNX; `gradients.ts` holds one rule an operation. Composite functions bring their own backward pass
 * by `customVjp`; their inner nodes are then invisible to `grad`.
 */
import { Bug, TillerError } from "@tiller/schema";
import { type DType, sizeOf } from "./dtype.ts";

/** What an id may be: 0 up to `size`, and `IGNORED` (picks.ts) where labels are meant. */
export interface Bounds {
  readonly size: number;
  readonly ignored: boolean;
}

export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface Tensor {
  readonly graph: Graph;
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export interface Node {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly (Tensor | null)[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** set on the record of a customVjp; such a record computes nothing itself */
  readonly vjp?: Vjp;
  /** inner node of a customVjp: computed, but not differentiated */
  readonly hidden: boolean;
}

/** From the gradients of the outputs to those of the inputs; null where there is none. */
export type Vjp = (outputGradients: readonly (Tensor | null)[]) => readonly (Tensor | null)[];
/**
 * `old`: what has been added up for each input so far. A rule may add to it itself, for less memory, and then
 * returns `{ total }`.
 */
export type Rule = (
  g: readonly (Tensor | null)[],
  node: Node,
  old: readonly (Tensor | null)[],
) => readonly (Tensor | { readonly total: Tensor } | null)[];

export interface Constant {
  readonly tensor: Tensor;
  readonly raw: Uint8Array;
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Tensor>();
  /** resident state by name: parameters, moments, caches */
  readonly state = new Map<string, Tensor>();
  readonly outputs = new Map<string, Tensor>();
  /** state name -> its next value */
  readonly updates = new Map<string, Tensor>();
  readonly constants: Constant[] = [];
  /** of the inputs that pick places, by tensor: what they may hold */
  readonly bounds = new Map<number, Bounds>();
  readonly #shared = new Map<string, Tensor>();
  #ids = 0;
  #hidden = 0;

  tensor(shape: readonly number[], dtype: DType = "float32"): Tensor {
    return { graph: this, id: this.#ids++, shape, dtype };
  }

  input(name: string, shape: readonly number[], dtype: DType = "float32"): Tensor {
    if (this.inputs.has(name) || this.state.has(name))
      throw new TillerError(
        "duplicate_name",
        `the graph has an input ${name} already. Give it another name.`,
      );
    const t = this.tensor(shape, dtype);
    this.inputs.set(name, t);
    return t;
  }

  /** A tensor that stays in memory between runs and that `update` may change in place. */
  stateful(name: string, shape: readonly number[], dtype: DType = "float32"): Tensor {
    const old = this.state.get(name);
    if (old) return old;
    const t = this.tensor(shape, dtype);
    this.state.set(name, t);
    return t;
  }

  output(name: string, t: Tensor): void {
    this.outputs.set(name, t);
  }

  /** After a run, the state `name` holds `next`. The caller orders it after every reader of the old value. */
  update(name: string, next: Tensor): void {
    const state = this.state.get(name);
    if (!state)
      throw new TillerError(
        "unknown_state",
        `update of ${name}, which is no state of this graph. Declare it with stateful().`,
      );
    if (state.shape.join() !== next.shape.join())
      throw new TillerError(
        "shape_mismatch",
        `update of ${name}: it is (${state.shape}), its next value is (${next.shape}).`,
      );
    this.updates.set(name, next);
  }

  constant(
    values: ArrayLike<number>,
    shape: readonly number[] = [],
    dtype: DType = "float32",
  ): Tensor {
    if (values.length !== sizeOf(shape))
      throw new Bug(`constant of ${values.length} values for shape (${shape})`);
    const key =
      values.length <= 64 ? `${dtype}:${shape.join()}:${Array.from(values).join()}` : undefined;
    const known = key && this.#shared.get(key);
    if (known) return known;
    const tensor = this.tensor(shape, dtype);
    const typed =
      dtype === "int64"
        ? BigInt64Array.from(Array.from(values), (x) => BigInt(x))
        : dtype === "int32"
          ? Int32Array.from(values)
          : dtype === "float32"
            ? Float32Array.from(values)
            : Uint8Array.from(values);
    this.constants.push({
      tensor,
      raw: new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength),
    });
    if (key) this.#shared.set(key, tensor);
    return tensor;
  }

  scalar(x: number): Tensor {
    return this.constant([x]);
  }

  /** Adds a node; one output tensor a shape (null: that optional output is not wanted). */
  op(
    op: string,
    inputs: readonly (Tensor | null)[],
    shapes: readonly (readonly number[] | null)[],
    attributes: Readonly<Record<string, Attribute>> = {},
    o: { domain?: string; dtype?: DType | readonly DType[] } = {},
  ): Tensor[] {
    const dtypeOf = (i: number): DType =>
      typeof o.dtype === "string" ? o.dtype : (o.dtype?.[i] ?? "float32");
    const outputs = shapes.map((s, i) => (s === null ? null : this.tensor(s, dtypeOf(i))));
    this.nodes.push({
      op,
      ...(o.domain ? { domain: o.domain } : {}),
      inputs,
      outputs,
      attributes,
      hidden: this.#hidden > 0,
    });
    return outputs as Tensor[];
  }

  /** Runs `forward` and differentiates it by `backward` instead of through its nodes. */
  customVjp<T extends readonly Tensor[]>(
    inputs: readonly Tensor[],
    forward: () => T,
    backward: (g: readonly (Tensor | null)[], outputs: T) => readonly (Tensor | null)[],
  ): T {
    this.#hidden++;
    let outputs: T;
    try {
      outputs = forward();
    } finally {
      this.#hidden--;
    }
    this.nodes.push({
      op: "CustomVjp",
      inputs,
      outputs,
      attributes: {},
      vjp: (g) => backward(g, outputs),
      hidden: this.#hidden > 0,
    });
    return outputs;
  }
}

/** Gradients with respect to `wrt` of tensors whose own are given; null where nothing depends on one. */
export function vjp(
  rules: Readonly<Record<string, Rule>>,
  add: (a: Tensor, b: Tensor) => Tensor,
  seeds: readonly (readonly [Tensor, Tensor])[],
  wrt: readonly Tensor[],
): (Tensor | null)[] {
  const g = seeds[0]![0].graph;
  const nodes = g.nodes.filter((n) => !n.hidden);
  const depends = new Set(wrt.map((t) => t.id));
  for (const n of nodes)
    if (n.inputs.some((t) => t && depends.has(t.id)))
      for (const t of n.outputs) if (t) depends.add(t.id);

  const adjoint = new Map<number, Tensor>();
  for (const [t, d] of seeds) {
    const old = adjoint.get(t.id);
    adjoint.set(t.id, old ? add(old, d) : d);
  }
  for (const n of nodes.toReversed()) {
    const gs = n.outputs.map((t) => (t ? (adjoint.get(t.id) ?? null) : null));
    if (gs.every((x) => x === null) || !n.outputs.some((t) => t && depends.has(t.id))) continue;
    const rule: Rule | undefined = n.vjp ?? rules[n.op];
    if (!rule) throw new Bug(`no gradient rule for ${n.op}`);
    const olds = n.inputs.map((t) => (t ? (adjoint.get(t.id) ?? null) : null));
    rule(gs, n, olds).forEach((result, i) => {
      const t = n.inputs[i];
      if (!result || !t || !depends.has(t.id)) return;
      const d = "total" in result ? result.total : result;
      if (d.shape.join() !== t.shape.join())
        throw new Bug(`gradient of ${n.op} input ${i} is (${d.shape}), the input (${t.shape})`);
      const old = adjoint.get(t.id);
      adjoint.set(t.id, old && !("total" in result) ? add(old, d) : d);
    });
  }
  return wrt.map((t) => adjoint.get(t.id) ?? null);
}
