/**
 * GGUF, the file of llama.cpp: typed key-value metadata, then tensors, all in one (version 3 of the format; 2 is
 * read as well). What the keys and tensor names mean for each architecture stands in gguf-model.ts.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { TillerError } from "@tiller/schema";
import { CHUNK, POINTER, pointerText } from "./files.ts";
import { dequantise, type GgmlTypeName, ggmlType, ggmlTypes, quantise } from "./ggml-types.ts";
import type { TensorData, TensorMap } from "./safetensors.ts";

export type GgufValue = number | boolean | string | readonly GgufValue[];
export interface Gguf {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** each is read anew when its data is asked for */
  readonly tensors: Map<string, TensorData>;
}
/** What is read from: bytes in memory, or a file by ranges. */
export interface Source {
  readonly size: number;
  read(from: number, length: number): Uint8Array;
}
const inMemory = (bytes: Uint8Array): Source => ({
  size: bytes.length,
  read: (from, length) => bytes.subarray(from, from + length),
});
export function ggufFile(file: string): Source & Disposable {
  const fd = openSync(file, "r");
  return {
    size: fstatSync(fd).size,
    read: (from, length) => {
      const out = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const n = readSync(fd, out, at, Math.min(CHUNK, length - at), from + at);
        if (n === 0) throw bad(file, `it ends at byte ${from + at}`);
        at += n;
      }
      return out;
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** More than any model's header has; a list of a vocabulary's merges has half a million texts. */
const LIMIT = { header: 2 ** 29, list: 2 ** 22, text: 2 ** 27 };
/** The header goes on past what was read of it. */
class Short extends Error {}

const bad = (file: string, what: string, cause?: unknown) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is no whole GGUF file: ${what}. Download it again or convert the model anew.`,
    { cause },
  );
const aligned = (n: number, to: number) => Math.ceil(n / to) * to;

/** A cursor over the file's first bytes; every read is bounded by them and by the file's size. */
class Reader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #size: number;
  at = 0;
  constructor(bytes: Uint8Array, size: number) {
    this.#bytes = bytes;
    this.#size = size;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  /** where `n` bytes stand; the cursor goes past them */
  #take(n: number): number {
    const from = this.at;
    if (from + n > this.#size) throw new RangeError(`${n} bytes past its end`);
    if (from + n > this.#bytes.length) throw new Short();
    this.at += n;
    return from;
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  u64(): number {
    const x = this.#view.getBigUint64(this.#take(8), true);
    if (x > 2n ** 52n) throw new RangeError(`a size of ${x}`);
    return Number(x);
  }
  text(): string {
    const length = this.u64();
    if (length > LIMIT.text) throw new RangeError(`a text of ${length} bytes`);
    const from = this.#take(length);
    return new TextDecoder().decode(this.#bytes.subarray(from, from + length));
  }
  /** a metadata value of the file's type number */
  value(type: number): GgufValue {
    if (type === 8) return this.text();
    if (type === 9) {
      const [of, n] = [this.u32(), this.u64()];
      const least = of === 8 ? 8 : (numbers[of]?.bytes ?? 0);
      if (!least) throw new RangeError(`a list of values of type ${of}`);
      if (n > LIMIT.list) throw new RangeError(`a list of ${n} values`);
      if (this.at + n * least > this.#size) throw new RangeError(`a list of ${n} values`);
      return Array.from({ length: n }, () => this.value(of));
    }
    const known = numbers[type];
    if (!known) throw new RangeError(`a value of type ${type}`);
    const x = Number(known.get(this.#view, this.#take(known.bytes)));
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

interface Info {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly offset: number;
}
function header(r: Reader): { metadata: Map<string, GgufValue>; infos: Info[] } {
  const metadata = new Map<string, GgufValue>();
  const infos: Info[] = [];
  r.at = 4;
  const version = r.u32();
  if (version !== 2 && version !== 3) throw new RangeError(`version ${version}`);
  const [tensors, keys] = [r.u64(), r.u64()];
  for (let i = 0; i < keys; i++) {
    const key = r.text();
    if (metadata.has(key)) throw new RangeError(`two values ${key}`);
    metadata.set(key, r.value(r.u32()));
  }
  const seen = new Set<string>();
  for (let i = 0; i < tensors; i++) {
    const name = r.text();
    if (seen.has(name)) throw new RangeError(`two tensors ${name}`);
    seen.add(name);
    const rank = r.u32();
    if (rank > 4) throw new RangeError(`tensor ${name} of ${rank} dimensions`);
    const shape = Array.from({ length: rank }, () => r.u64()).reverse(); // the fastest stands first
    infos.push({ name, shape, type: r.u32(), offset: r.u64() });
  }
  return { metadata, infos };
}

/**
 * Metadata and every tensor as float32; `file` is for messages. The whole header is checked, against the file's size too,
 * before anything of a tensor is read.
 */
export function decodeGguf(from: Uint8Array | Source, file: string): Gguf {
  const source = from instanceof Uint8Array ? inMemory(from) : from;
  const { size } = source;
  const begins = new TextDecoder().decode(source.read(0, Math.min(size, POINTER.length)));
  if (begins === POINTER) throw new TillerError("git_lfs_pointer", pointerText(file));
  if (size < 24 || new TextDecoder().decode(source.read(0, 4)) !== "GGUF")
    throw bad(file, "it does not begin with GGUF");
  let read: ReturnType<typeof header> & { end: number };
  for (let window = 2 ** 20; ; window *= 4) {
    const r = new Reader(source.read(0, Math.min(window, size)), size);
    try {
      read = { ...header(r), end: r.at };
      break;
    } catch (cause) {
      if (cause instanceof Short && window < LIMIT.header) continue;
      if (!(cause instanceof RangeError || cause instanceof Short)) throw cause;
      const why = cause instanceof Short ? `more than ${LIMIT.header} bytes` : cause.message;
      throw bad(file, `its header ends or breaks at byte ${r.at} (${why})`, cause);
    }
  }
  const alignment = read.metadata.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || !(alignment > 0) || !Number.isInteger(Math.log2(alignment)))
    throw bad(file, `general.alignment is ${JSON.stringify(alignment)}, no power of two`);
  const start = aligned(read.end, alignment);
  const tensors = new Map<string, TensorData>();
  const spans: (readonly [from: number, to: number, name: string])[] = [];
  for (const { name, shape, type: id, offset } of read.infos) {
    const n = shape.reduce((a, b) => a * b, 1);
    if (offset % alignment || start + offset > size)
      throw bad(file, `tensor ${name} (${shape}) begins at byte ${start + offset} of ${size}`);
    const type = ggmlType(id);
    const from = start + offset;
    const bytes = type ? (n / type.weights) * type.bytes : 0;
    if (!Number.isSafeInteger(bytes) || from + bytes > size)
      throw bad(file, `tensor ${name} (${shape}) ends at byte ${from + bytes} of ${size}`);
    spans.push([from, from + bytes, name]);
    const unreadable = () =>
      new TillerError(
        "unsupported_dtype",
        `${file}: tensor ${name} is of ggml type ${id}; read are ${Object.keys(ggmlTypes).join(", ")}. Take another quantisation of the model.`,
      );
    tensors.set(name, {
      shape,
      get data() {
        if (!type) throw unreadable();
        const out = new Float32Array(n);
        const step = Math.floor(CHUNK / type.bytes);
        for (let block = 0; block * type.weights < n; block += step) {
          const blocks = Math.min(step, n / type.weights - block);
          const part = source.read(from + block * type.bytes, blocks * type.bytes);
          const first = block * type.weights;
          out.set(dequantise(type, part, blocks * type.weights), first);
        }
        return out;
      },
    });
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (const [i, [from, , name]] of spans.entries())
    if (i > 0 && from < spans[i - 1]![1])
      throw bad(file, `tensors ${spans[i - 1]![2]} and ${name} overlap at byte ${from}`);
  return { metadata: read.metadata, tensors };
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

/**
 * The bytes of a file, piece by piece. Matrices whose rows fill whole blocks are stored as `matrices`, all else as F32.
 * A tensor's numbers are asked for once, when they are written.
 */
export function* ggufPieces(
  metadata: ReadonlyMap<string, GgufWritten>,
  tensors: TensorMap,
  o: { readonly matrices?: "F32" | "F16" | "Q8_0" } = {},
): Generator<Uint8Array> {
  const alignment = 32;
  const header: Buffer[] = [
    Buffer.from("GGUF"),
    u32(3),
    u64(tensors.size),
    u64(metadata.size),
    ...[...metadata].map(([key, value]) => Buffer.concat([text(key), encodeValue(value)])),
  ];
  const typeOf = (shape: readonly number[]) => {
    const wanted: GgmlTypeName =
      shape.length > 1 && shape.at(-1)! % ggmlTypes[o.matrices ?? "F32"].weights === 0
        ? (o.matrices ?? "F32")
        : "F32";
    return ggmlTypes[wanted] as Parameters<typeof quantise>[0];
  };
  let offset = 0;
  for (const [name, { shape }] of tensors) {
    const type = typeOf(shape);
    header.push(
      text(name),
      u32(shape.length),
      ...shape.toReversed().map(u64),
      u32(type.id),
      u64(offset),
    );
    const bytes = (shape.reduce((a, b) => a * b, 1) / type.weights) * type.bytes;
    offset += aligned(bytes, alignment);
  }
  const head = Buffer.concat(header);
  yield head;
  yield new Uint8Array(aligned(head.length, alignment) - head.length);
  for (const { shape, data } of tensors.values()) {
    const type = typeOf(shape);
    const step = Math.floor(CHUNK / type.bytes) * type.weights;
    let bytes = 0;
    for (let at = 0; at < data.length; at += step) {
      const piece = quantise(type, data.subarray(at, at + step));
      bytes += piece.length;
      yield piece;
    }
    yield new Uint8Array(aligned(bytes, alignment) - bytes);
  }
}

/** The same in one piece. */
export const encodeGguf = (...given: Parameters<typeof ggufPieces>): Buffer =>
  Buffer.concat([...ggufPieces(...given)]);
