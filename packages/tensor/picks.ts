/**
 * Ids that pick places: tokens, labels, rows. ONNX counts negative ids from the end, so that -1 would train the last token
 * in silence. What comes straight from an input is checked as it is written, with place and value (`Program`); what a
 * graph computes is turned, where it is negative, into an id that the runtime refuses.
 */
import { TillerError } from "@tiller/schema";
import type { Bounds, Graph, Tensor } from "./graph.ts";

/** The label that counts for nothing: its log-prob is 0 and so is its gradient. The same number as PyTorch's. */
export const IGNORED = -100;

const allowed = (x: number, b: Bounds): boolean =>
  (x >= 0 && x < b.size) || (b.ignored && x === IGNORED);

const place = (shape: readonly number[], i: number): string =>
  shape
    .map((n, axis) => Math.floor(i / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % n)
    .join(", ");
const may = ({ size, ignored }: Bounds): string =>
  `0 to ${size - 1}${ignored ? `, or ${IGNORED} for a label that does not count` : ""}`;

/** Copies ids into a buffer of 64 bits; the first that is no whole number or out of bounds is an error. */
export function writeIds(
  to: BigInt64Array,
  values: ArrayLike<number> | ArrayLike<bigint>,
  o: { name: string; shape: readonly number[]; bounds: Bounds | undefined },
): void {
  const { bounds } = o;
  for (let i = 0; i < values.length; i++) {
    const x = Number(values[i]);
    if (!Number.isInteger(x) || (bounds && !allowed(x, bounds))) throw badId(x, i, o);
    to[i] = BigInt(x);
  }
}
function badId(
  x: number,
  i: number,
  o: { name: string; shape: readonly number[]; bounds: Bounds | undefined },
): TillerError {
  const at = o.shape.length ? ` at [${place(o.shape, i)}]` : "";
  return new TillerError(
    "out_of_range",
    `input ${o.name} (${o.shape}) is ${x}${at}: ids must be ${o.bounds ? `whole numbers, ${may(o.bounds)}` : "whole numbers"}. Look at how that row was made: another tokenizer, or padding that is no token?`,
  );
}

/** The tensor that these ids are another shape of. */
function source(ids: Tensor): Tensor {
  for (let t = ids; ;) {
    const made = t.graph.nodes.find((n) => n.outputs.includes(t));
    if (made?.op !== "Reshape" && made?.op !== "Identity" && made?.op !== "Transpose") return t;
    t = made.inputs[0]!;
  }
}
const narrower = (old: Bounds | undefined, b: Bounds): Bounds =>
  old ? { size: Math.min(old.size, b.size), ignored: old.ignored && b.ignored } : b;

/** `ids`, sure to lie within bounds when the program runs; `op` names the operation in errors. */
export function withinBounds(op: string, ids: Tensor, bounds: Bounds): Tensor {
  if (ids.dtype !== "int64" && ids.dtype !== "int32")
    throw new TillerError(
      "wrong_dtype",
      `${op}: the ids (${ids.shape}) are ${ids.dtype}, they must be int64. Declare the input so, or cast(ids, "int64").`,
    );
  const g: Graph = ids.graph;
  const from = source(ids);
  const known = g.constants.find((k) => k.tensor === from);
  if (known) {
    const { buffer, byteOffset, byteLength } = known.raw;
    const values =
      from.dtype === "int64"
        ? new BigInt64Array(buffer as ArrayBuffer, byteOffset, byteLength / 8)
        : new Int32Array(buffer as ArrayBuffer, byteOffset, byteLength / 4);
    for (let i = 0; i < values.length; i++)
      if (!allowed(Number(values[i]), bounds))
        throw new TillerError(
          "out_of_range",
          `${op}: the constant ids (${from.shape}) hold ${values[i]} at [${place(from.shape, i)}]; they must be ${may(bounds)}.`,
        );
    return ids;
  }
  if ([...g.inputs.values()].includes(from) && from.dtype === "int64") {
    g.bounds.set(from.id, narrower(g.bounds.get(from.id), bounds));
    return ids;
  }
  const { dtype } = ids;
  const k = (x: number) => g.constant([x], [], dtype);
  const op2 = (name: string, a: Tensor, b: Tensor) =>
    g.op(name, [a, b], [ids.shape], {}, { dtype: "bool" })[0]!;
  const choose = (mask: Tensor, a: Tensor, b: Tensor) =>
    g.op("Where", [mask, a, b], [ids.shape], {}, { dtype })[0]!;
  const refused = choose(op2("Less", ids, k(0)), k(bounds.size), ids);
  return bounds.ignored ? choose(op2("Equal", ids, k(IGNORED)), ids, refused) : refused;
}
