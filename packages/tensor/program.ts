/**
 * A graph made runnable: encoded as ONNX, bound to its buffers. State lives in a `State` that several
 * programs share (training, evaluation and sampling read one weight buffer); updates happen in place.
 */
import { TillerError } from "@tiller/schema";
import { type DType, sizeOf } from "./dtype.ts";
import type { Bounds, Graph, Tensor } from "./graph.ts";
import { Session, type SessionOptions, Storage } from "./native.ts";
import { encodeModel, type Named } from "./onnx.ts";
import { writeIds } from "./picks.ts";

/** Values of inputs by name. */
export type RunInputs = Readonly<Record<string, ArrayLike<number> | ArrayLike<bigint> | number>>;

/** Named resident tensors. */
export class State {
  readonly #buffers = new Map<string, Storage>();

  /** The buffer of that name, made (zeros) when it is new. */
  buffer<D extends DType>(name: string, shape: readonly number[], dtype: D): Storage<D> {
    const old = this.#buffers.get(name);
    if (old) {
      if (old.shape.join() !== shape.join() || old.dtype !== dtype)
        throw new TillerError(
          "shape_mismatch",
          `state ${name} is ${old.dtype} (${old.shape}), a program wants ${dtype} (${shape}). Use another name or another State.`,
        );
      return old as Storage<D>;
    }
    const made = new Storage(dtype, shape);
    this.#buffers.set(name, made as unknown as Storage);
    return made;
  }
  get(name: string): Storage<"float32"> {
    const b = this.#buffers.get(name);
    if (!b)
      throw new TillerError(
        "unknown_state",
        `no state ${name}; there are ${[...this.#buffers.keys()].slice(0, 8).join(", ")} ...`,
      );
    return b as unknown as Storage<"float32">;
  }
  has(name: string): boolean {
    return this.#buffers.has(name);
  }
  set(name: string, shape: readonly number[], values: ArrayLike<number>): void {
    this.buffer(name, shape, "float32").data.set(values);
  }
  /** Forgets it; programs that are bound to it keep it. */
  delete(name: string): void {
    this.#buffers.delete(name);
  }
  names(): string[] {
    return [...this.#buffers.keys()];
  }
  /** Uses another state's buffer under that name: shared, not copied. */
  share(name: string, from: State, fromName = name): void {
    this.#buffers.set(name, from.get(fromName) as unknown as Storage);
  }
}

/** Programs whose intermediate values are below this many bytes in all have their memory planned. */
const PLANNED = 2 ** 30;

export class Program {
  readonly inputs = new Map<string, Storage>();
  readonly outputs = new Map<string, Storage>();
  readonly nodes: number;
  readonly #bounds = new Map<string, Bounds>();
  readonly #session: Session;

  /** `frozen`: states that never change, by name; they become constants, which the runtime packs for its kernels once. */
  constructor(
    g: Graph,
    state: State,
    options: SessionOptions & { readonly frozen?: ReadonlySet<string> } = {},
  ) {
    const wanted = new Map<string, Tensor>([
      ...g.outputs,
      ...[...g.updates].map(([n, t]) => [`${n}'`, t] as const),
    ]);
    const needed = new Set([...wanted.values()].map((t) => t.id));
    const live = g.nodes
      .toReversed()
      .filter((n) => {
        if (n.op === "CustomVjp" || !n.outputs.some((t) => t && needed.has(t.id))) return false;
        for (const t of n.inputs) if (t) needed.add(t.id);
        return true;
      })
      .toReversed();
    this.nodes = live.length;
    const between = live
      .flatMap((n) => n.outputs)
      .reduce((n, t) => n + 4 * (t ? sizeOf(t.shape) : 0), 0);

    const names = new Map<number, string>();
    const boundIn = new Map<string, Storage>();
    const inputs: Named[] = [];
    const frozen: { name: string; dtype: DType; shape: readonly number[]; raw: Uint8Array }[] = [];
    for (const [kind, tensors] of [
      ["input", g.inputs],
      ["state", g.state],
    ] as const)
      for (const [name, tensor] of tensors) {
        names.set(tensor.id, name);
        const storage =
          kind === "state"
            ? state.buffer(name, tensor.shape, tensor.dtype)
            : new Storage(tensor.dtype, tensor.shape);
        if (kind === "input") {
          this.inputs.set(name, storage);
          const bounds = g.bounds.get(tensor.id);
          if (bounds) this.#bounds.set(name, bounds);
        }
        if (!needed.has(tensor.id)) continue;
        if (kind === "state" && options.frozen?.has(name) && !g.updates.has(name)) {
          const { buffer, byteOffset, byteLength } = storage.data;
          const raw = new Uint8Array(buffer, byteOffset, byteLength);
          frozen.push({ name, dtype: tensor.dtype, shape: tensor.shape, raw });
          continue;
        }
        boundIn.set(name, storage);
        inputs.push({ name, tensor });
      }
    const constants = g.constants
      .filter((k) => needed.has(k.tensor.id))
      .map((k) => ({
        name: `c${k.tensor.id}`,
        dtype: k.tensor.dtype,
        shape: k.tensor.shape,
        raw: k.raw,
      }));
    for (const k of g.constants) names.set(k.tensor.id, `c${k.tensor.id}`);

    // an output takes the producer's place under its own name; a second name for it, or for an input, is a copy
    const boundOut = new Map<string, Storage>();
    const outputs: Named[] = [];
    const copies: typeof live = [];
    for (const [name, tensor] of wanted) {
      const asState = g.updates.has(name.slice(0, -1)) && name.endsWith("'");
      const storage = asState
        ? state.buffer(name.slice(0, -1), tensor.shape, tensor.dtype)
        : new Storage(tensor.dtype, tensor.shape);
      if (!asState) this.outputs.set(name, storage);
      boundOut.set(name, storage);
      if (names.has(tensor.id)) {
        const copy = g.tensor(tensor.shape, tensor.dtype);
        names.set(copy.id, name);
        copies.push({
          op: "Identity",
          inputs: [tensor],
          outputs: [copy],
          attributes: {},
          hidden: false,
        });
        outputs.push({ name, tensor: copy });
      } else {
        names.set(tensor.id, name);
        outputs.push({ name, tensor });
      }
    }
    const nameOf = (t: Tensor | null) => (t ? (names.get(t.id) ?? `t${t.id}`) : "");
    this.#session = new Session(
      encodeModel({
        nodes: [...live, ...copies],
        inputs,
        outputs,
        constants: [...constants, ...frozen],
        nameOf,
      }),
      boundIn,
      boundOut,
      { plan: between < PLANNED, ...options },
    );
  }

  /** Writes inputs by name and runs; read results with `float` or from `outputs`. */
  run(inputs: RunInputs = {}): void {
    this.#fill(inputs);
    this.#session.run();
  }
  async runAsync(inputs: RunInputs = {}): Promise<void> {
    this.#fill(inputs);
    await this.#session.runAsync();
  }
  #fill(inputs: RunInputs): void {
    for (const [name, value] of Object.entries(inputs)) {
      const b = this.inputs.get(name);
      if (!b)
        throw new TillerError(
          "unknown_input",
          `no input ${name}; the program has ${[...this.inputs.keys()].join(", ")}.`,
        );
      const values = typeof value === "number" ? [value] : value;
      if (values.length !== b.data.length)
        throw new TillerError(
          "shape_mismatch",
          `input ${name} is (${b.shape}), ${b.data.length} values; got ${values.length}.`,
        );
      if (b.dtype === "int64")
        writeIds(b.data as unknown as BigInt64Array, values, {
          name,
          shape: b.shape,
          bounds: this.#bounds.get(name),
        });
      else (b.data as Float32Array).set(values as ArrayLike<number>);
    }
  }
  /** An output's values; the array is reused by the next run. */
  float(name: string): Float32Array {
    const b = this.outputs.get(name);
    if (!b)
      throw new TillerError(
        "unknown_output",
        `no output ${name}; the program has ${[...this.outputs.keys()].join(", ")}.`,
      );
    return b.data as Float32Array;
  }
  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}
