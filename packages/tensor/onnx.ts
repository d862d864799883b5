/** Writes a graph as ONNX bytes (protobuf wire format; field numbers from onnx.proto). */
import { type DType, dtypes } from "./dtype.ts";
import type { Attribute, Node, Tensor } from "./graph.ts";

const OPSET = 23;
const IR_VERSION = 10;

function varint(value: number): number[] {
  let n = BigInt(value);
  if (n < 0n) n += 1n << 64n;
  const out: number[] = [];
  while (n > 127n) {
    out.push(Number(n & 127n) | 128);
    n >>= 7n;
  }
  out.push(Number(n));
  return out;
}
const tag = (field: number, wire: number) => varint((field << 3) | wire);
const int = (field: number, n: number) => Buffer.from([...tag(field, 0), ...varint(n)]);
const bytes = (field: number, b: Uint8Array) =>
  Buffer.concat([Buffer.from([...tag(field, 2), ...varint(b.length)]), b]);
const text = (field: number, s: string) => bytes(field, Buffer.from(s, "utf8"));
const float = (field: number, x: number) => {
  const b = Buffer.alloc(4);
  b.writeFloatLE(x);
  return Buffer.concat([Buffer.from(tag(field, 5)), b]);
};

// AttributeProto: name 1, f 2, i 3, s 4, ints 8, type 20 (FLOAT 1, INT 2, STRING 3, INTS 7)
function attribute(name: string, value: Attribute): Buffer {
  if (Array.isArray(value))
    return Buffer.concat([text(1, name), ...value.map((x: number) => int(8, x)), int(20, 7)]);
  if (typeof value === "string") return Buffer.concat([text(1, name), text(4, value), int(20, 3)]);
  if (typeof value === "object")
    return Buffer.concat([text(1, name), float(2, (value as { float: number }).float), int(20, 1)]);
  return Buffer.concat([text(1, name), int(3, value), int(20, 2)]);
}

// ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 } } } }
const valueInfo = (name: string, dtype: DType, shape: readonly number[]) =>
  Buffer.concat([
    text(1, name),
    bytes(
      2,
      bytes(
        1,
        Buffer.concat([
          int(1, dtypes[dtype]),
          bytes(2, Buffer.concat(shape.map((d) => bytes(1, int(1, d))))),
        ]),
      ),
    ),
  ]);

export interface Named {
  readonly name: string;
  readonly tensor: Tensor;
}

/** `nodes` in topological order; `nameOf` gives every tensor its name. */
export function encodeModel(g: {
  nodes: readonly Node[];
  inputs: readonly Named[];
  outputs: readonly Named[];
  constants: readonly { name: string; dtype: DType; shape: readonly number[]; raw: Uint8Array }[];
  nameOf: (t: Tensor | null) => string;
}): Uint8Array {
  const nodes = g.nodes.map((n, i) =>
    bytes(
      1,
      Buffer.concat([
        ...n.inputs.map((t) => text(1, g.nameOf(t))),
        ...n.outputs.map((t) => text(2, g.nameOf(t))),
        text(3, `${n.op}_${i}`),
        text(4, n.op),
        // names with an underscore are ours, for the gradient rules
        ...Object.entries(n.attributes)
          .filter(([k]) => !k.startsWith("_"))
          .map(([k, v]) => bytes(5, attribute(k, v))),
        ...(n.domain ? [text(7, n.domain)] : []),
      ]),
    ),
  );
  const constants = g.constants.map((t) =>
    bytes(
      5,
      Buffer.concat([
        ...t.shape.map((d) => int(1, d)),
        int(2, dtypes[t.dtype]),
        text(8, t.name),
        bytes(9, t.raw),
      ]),
    ),
  );
  const graph = Buffer.concat([
    ...nodes,
    text(2, "tiller"),
    ...constants,
    ...g.inputs.map((v) => bytes(11, valueInfo(v.name, v.tensor.dtype, v.tensor.shape))),
    ...g.outputs.map((v) => bytes(12, valueInfo(v.name, v.tensor.dtype, v.tensor.shape))),
  ]);
  const opset = (domain: string, version: number) =>
    bytes(8, Buffer.concat([text(1, domain), int(2, version)]));
  return Buffer.concat([
    int(1, IR_VERSION),
    bytes(7, graph),
    opset("", OPSET),
    opset("com.microsoft", 1),
  ]);
}
