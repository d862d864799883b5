/**
 * GGUF, the file of llama.cpp: typed key-value metadata, then tensors, all in one (version 3 of the format; 2 is
 * read as well). What the keys and tensor names mean for each architecture stands in gguf-model.ts.
 */
import { TillerError } from "@tiller/schema";
import { dequantise, type GgmlTypeName, ggmlType, ggmlTypes, quantise } from "./ggml-types.ts";
import type { TensorData, TensorMap } from "./safetensors.ts";

export type GgufValue = number | boolean | string | readonly GgufValue[];
export interface Gguf {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: Map<string, TensorData>;
}

const bad = (file: string, what: string, cause?: unknown) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is no whole GGUF file: ${what}. Download it again or convert the model anew.`,
    { cause },
  );
const aligned = (n: number, to: number) => Math.ceil(n / to) * to;

/** A cursor over the bytes; every read is bounded by the view's own check. */
class Reader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  u32(): number {
    const x = this.#view.getUint32(this.at, true);
    this.at += 4;
    return x;
  }
  u64(): number {
    const x = this.#view.getBigUint64(this.at, true);
    this.at += 8;
    if (x > BigInt(this.#bytes.length) * 4096n) throw new RangeError(`a size of ${x}`);
    return Number(x);
  }
  text(): string {
    const length = this.u64();
    if (this.at + length > this.#bytes.length) throw new RangeError(`a text of ${length} bytes`);
    const bytes = this.#bytes.subarray(this.at, (this.at += length));
    return new TextDecoder().decode(bytes);
  }
  /** a metadata value of the file's type number */
  value(type: number): GgufValue {
    if (type === 8) return this.text();
    if (type === 9) {
      const [of, n] = [this.u32(), this.u64()];
      return Array.from({ length: n }, () => this.value(of));
    }
    const known = numbers[type];
    if (!known) throw new RangeError(`a value of type ${type}`);
    const x = Number(known.get(this.#view, this.at));
    this.at += known.bytes;
    return type === 7 ? x !== 0 : x;
  }
}
/** The file's number types, by their number there; 7 is a truth value, 8 a text and 9 an array. */
const numbers: Readonly<
  Record<number, { bytes: number; get: (v: DataView, at: number) => number | bigint }>
> = {
  0: { bytes: 1, get: (v, at) => v.getUint8(at) },
  1: { bytes: 1, get: (v, at) => v.getInt8(at) },
  2: { bytes: 2, get: (v, at) => v.getUint16(at, true) },
  3: { bytes: 2, get: (v, at) => v.getInt16(at, true) },
  4: { bytes: 4, get: (v, at) => v.getUint32(at, true) },
  5: { bytes: 4, get: (v, at) => v.getInt32(at, true) },
  6: { bytes: 4, get: (v, at) => v.getFloat32(at, true) },
  7: { bytes: 1, get: (v, at) => v.getUint8(at) },
  10: { bytes: 8, get: (v, at) => v.getBigUint64(at, true) },
  11: { bytes: 8, get: (v, at) => v.getBigInt64(at, true) },
  12: { bytes: 8, get: (v, at) => v.getFloat64(at, true) },
};

/** Metadata and every tensor as float32; `file` is for messages. */
export function decodeGguf(bytes: Uint8Array, file: string): Gguf {
  if (bytes.length < 24 || new TextDecoder().decode(bytes.subarray(0, 4)) !== "GGUF")
    throw bad(file, "it does not begin with GGUF");
  const r = new Reader(bytes);
  r.at = 4;
  const metadata = new Map<string, GgufValue>();
  const infos: { name: string; shape: number[]; type: number; offset: number }[] = [];
  try {
    const version = r.u32();
    if (version !== 2 && version !== 3) throw new RangeError(`version ${version}`);
    const [tensors, keys] = [r.u64(), r.u64()];
    for (let i = 0; i < keys; i++) {
      const key = r.text();
      metadata.set(key, r.value(r.u32()));
    }
    for (let i = 0; i < tensors; i++) {
      const name = r.text();
      const rank = r.u32();
      if (rank > 4) throw new RangeError(`tensor ${name} of ${rank} dimensions`);
      const shape = Array.from({ length: rank }, () => r.u64()).reverse(); // the fastest stands first
      infos.push({ name, shape, type: r.u32(), offset: r.u64() });
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw bad(file, `its header ends or breaks at byte ${r.at} (${cause.message})`, cause);
  }
  const start = aligned(r.at, Number(metadata.get("general.alignment") ?? 32));
  const out = new Map<string, TensorData>();
  for (const { name, shape, type: id, offset } of infos) {
    const type = ggmlType(id);
    if (!type)
      throw new TillerError(
        "unsupported_dtype",
        `${file}: tensor ${name} is of ggml type ${id}; read are ${Object.keys(ggmlTypes).join(", ")}. Take another quantisation of the model.`,
      );
    const n = shape.reduce((a, b) => a * b, 1);
    const size = (n / type.weights) * type.bytes;
    const from = start + offset;
    if (!Number.isInteger(size) || from + size > bytes.length)
      throw bad(file, `tensor ${name} (${shape}) ends at byte ${from + size} of ${bytes.length}`);
    out.set(name, { shape, data: dequantise(type, bytes.subarray(from, from + size), n) });
  }
  return { metadata, tensors: out };
}

/** What can be written: whole numbers are stored as 32-bit integers, `f32` says that they are not whole. */
export type GgufWritten =
  | number
  | boolean
  | string
  | readonly string[]
  | readonly number[]
  | { readonly f32: number | readonly number[] };

const scalars = {
  i32: [5, (x: number) => fourBytes((b) => b.writeInt32LE(x))],
  f32: [6, (x: number) => fourBytes((b) => b.writeFloatLE(x))],
  text: [8, (x: string) => text(x)],
} as const;
function list<T>([type, encode]: readonly [number, (x: T) => Buffer], xs: readonly T[]): Buffer {
  return Buffer.concat([u32(9), u32(type), u64(xs.length), ...xs.map(encode)]);
}
function encodeValue(value: GgufWritten): Buffer {
  if (typeof value === "boolean") return Buffer.concat([u32(7), Buffer.of(value ? 1 : 0)]);
  if (typeof value === "string") return Buffer.concat([u32(8), text(value)]);
  if (typeof value === "number") return Buffer.concat([u32(4), u32(value)]);
  if ("f32" in value)
    return typeof value.f32 === "number"
      ? Buffer.concat([u32(6), scalars.f32[1](value.f32)])
      : list(scalars.f32, value.f32);
  return typeof value[0] === "number"
    ? list(scalars.i32, value as readonly number[])
    : list(scalars.text, value as readonly string[]);
}
const fourBytes = (put: (b: Buffer) => void) => {
  const b = Buffer.alloc(4);
  put(b);
  return b;
};
const u32 = (n: number) => fourBytes((b) => b.writeUInt32LE(n));
const u64 = (n: number) => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(BigInt(n));
  return b;
};
const text = (s: string) => {
  const b = Buffer.from(s, "utf8");
  return Buffer.concat([u64(b.length), b]);
};

/** The bytes of a file. Matrices whose rows fill whole blocks are stored as `matrices`, all else as F32. */
export function encodeGguf(
  metadata: ReadonlyMap<string, GgufWritten>,
  tensors: TensorMap,
  o: { readonly matrices?: "F32" | "F16" | "Q8_0" } = {},
): Buffer {
  const alignment = 32;
  const header: Buffer[] = [
    Buffer.from("GGUF"),
    u32(3),
    u64(tensors.size),
    u64(metadata.size),
    ...[...metadata].map(([key, value]) => Buffer.concat([text(key), encodeValue(value)])),
  ];
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data: x }] of tensors) {
    const wanted: GgmlTypeName =
      shape.length > 1 && shape.at(-1)! % ggmlTypes[o.matrices ?? "F32"].weights === 0
        ? (o.matrices ?? "F32")
        : "F32";
    const type = ggmlTypes[wanted] as Parameters<typeof quantise>[0];
    const bytes = quantise(type, x);
    header.push(
      text(name),
      u32(shape.length),
      ...shape.toReversed().map(u64),
      u32(type.id),
      u64(offset),
    );
    const padding = aligned(bytes.length, alignment) - bytes.length;
    data.push(bytes, new Uint8Array(padding));
    offset += bytes.length + padding;
  }
  const head = Buffer.concat(header);
  return Buffer.concat([
    head,
    new Uint8Array(aligned(head.length, alignment) - head.length),
    ...data,
  ]);
}
