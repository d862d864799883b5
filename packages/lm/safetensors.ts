/**
 * Safetensors, Hugging Face's file of named tensors: 8 bytes of header length, a JSON header, raw data.
 * Reads F32, F16 and BF16 into float32, writes all three. The header is checked whole before any tensor has memory;
 * a tensor of another type stops only who wants that tensor. Files of any size go through in pieces: a file is
 * written beside its place, flushed to disk and renamed, so a crash or a full disk leaves the old one whole.
 */
import type { Hash } from "node:crypto";
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { bytesOf, CHUNK, cutInto, Ranged, writeFileSafely } from "./files.ts";

export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
export type TensorMap = ReadonlyMap<string, TensorData>;
export const dtypes = ["F32", "F16", "BF16"] as const;
export type Dtype = (typeof dtypes)[number];
export interface WriteOptions {
  readonly dtype?: Dtype;
  readonly metadata?: Readonly<Record<string, string>>;
  /** bytes in one piece */
  readonly chunk?: number;
}

export const widthOf: Readonly<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2 };
/** Bits of a number of each type the format knows. */
const bits = new Map(
  [
    [4, "F4"],
    [6, "F6_E2M3 F6_E3M2"],
    [8, "BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ"],
    [16, "I16 U16 F16 BF16"],
    [32, "I32 U32 F32"],
    [64, "I64 U64 F64 C64"],
  ].flatMap(([n, names]) =>
    String(names)
      .split(" ")
      .map((name) => [name, Number(n)] as const),
  ),
);
const headerLimit = 100_000_000; // the format's own

const damaged = (file: string, what: string, cause?: unknown) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is damaged: ${what}. Restore it from a copy or make it again.`,
    { cause },
  );

/** A tensor's place: bytes from the start of the file. */
export interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}
const whole = z.int().nonnegative();
const HeaderEntry = z.looseObject({
  dtype: z.string(),
  shape: z.array(whole).max(64),
  data_offsets: z.tuple([whole, whole]),
});
const Metadata = z.record(z.string(), z.string());
export interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** where the data begins */
  readonly start: number;
}

/** How many bytes the header has, out of the file's first eight. */
function headerLength(first: Buffer, size: number, file: string): number {
  if (size < 8) throw damaged(file, `it has ${size} bytes, fewer than a header`);
  const length = first.readBigUInt64LE();
  if (length > BigInt(Math.min(headerLimit, size - 8)))
    throw damaged(
      file,
      `its header should have ${length} bytes, ${size - 8 < headerLimit ? `the file ends after ${size - 8}` : `the format allows ${headerLimit}`}`,
    );
  return Number(length);
}

/** The header of a file of `size` bytes. Tensors come in the order of their data, which they cover without a gap. */
function parseHeader(json: Buffer, size: number, file: string): Header {
  const start = 8 + json.length;
  let header: unknown;
  const text = json.toString("utf8");
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw damaged(file, "its header is no JSON", cause);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw damaged(file, "its header is no object");
  const twice = repeatedKey(text);
  if (twice !== undefined) throw damaged(file, `it has two tensors ${twice}`);
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      const read = Metadata.safeParse(value);
      if (!read.success) throw damaged(file, "its __metadata__ is no object of texts", read.error);
      metadata = read.data;
      continue;
    }
    const entry = HeaderEntry.safeParse(value);
    if (!entry.success) throw damaged(file, `the entry of tensor ${name} is incomplete`);
    const { dtype, shape, data_offsets: span } = entry.data;
    const [from, to] = [start + span[0], start + span[1]];
    const count = shape.reduce((a, b) => a * b, 1);
    const width = bits.get(dtype);
    if (width && to - from !== Math.ceil((count * width) / 8))
      throw damaged(
        file,
        `tensor ${name} of shape (${shape}) spans ${to - from} bytes, not ${Math.ceil((count * width) / 8)}`,
      );
    if (to > size) throw damaged(file, `tensor ${name} ends at byte ${to}, the file at ${size}`);
    entries.push({ name, dtype, shape, from, to });
  }
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  let end = start;
  for (const { from, to } of entries) {
    if (from !== end || to < from)
      throw damaged(file, `its tensors overlap or leave a gap at byte ${end}`);
    end = to;
  }
  if (end !== size) throw damaged(file, `${size - end} bytes follow the last tensor`);
  return { entries, metadata, start };
}

/** A key that stands twice in the outermost object; JSON.parse would keep the last without a word. */
function repeatedKey(json: string): string | undefined {
  const seen = new Set<string>();
  const at = (i: number) => json.charCodeAt(i);
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    if (at(i) === OPEN_OBJECT || at(i) === OPEN_ARRAY) depth++;
    else if (at(i) === CLOSE_OBJECT || at(i) === CLOSE_ARRAY) depth--;
    if (at(i) !== QUOTE) continue;
    const begin = i++;
    while (at(i) !== QUOTE) i += at(i) === BACKSLASH ? 2 : 1;
    if (depth !== 1 || !/^\s*:/.test(json.slice(i + 1, i + 20))) continue;
    const key = JSON.parse(json.slice(begin, i + 1)) as string;
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
}
const [QUOTE, BACKSLASH, OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] =
  Buffer.from('"\\{}[]');

/** Refuses a type that cannot be turned into float32. */
function readable(file: string, { name, dtype }: Entry): Dtype {
  if ((dtypes as readonly string[]).includes(dtype)) return dtype as Dtype;
  throw new TillerError(
    "unsupported_dtype",
    `${file}: tensor ${name} is ${dtype}; F32, F16 and BF16 can be read. Convert the file first (in transformers: from_pretrained(..., dtype=torch.bfloat16), then save_pretrained).`,
  );
}

/** Numbers of a piece of a tensor's bytes, written to `out` from `at`. */
function toFloat32(bytes: Uint8Array, dtype: Dtype, out: Float32Array, at: number): void {
  if (dtype === "F32") return bytesOf(out).set(bytes, 4 * at);
  const halves = new Uint16Array(bytes.length / 2);
  bytesOf(halves).set(bytes); // aligned
  if (dtype === "F16") return out.set(new Float16Array(halves.buffer), at);
  const view = new Uint32Array(out.buffer, out.byteOffset + 4 * at, halves.length);
  for (let i = 0; i < halves.length; i++) view[i] = halves[i]! << 16;
}

/** The upper half of each float32, rounded to the nearest, ties to even. */
function toBf16(data: Float32Array): Uint16Array {
  const from = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return Uint16Array.from(from, (b, i) =>
    Number.isNaN(data[i]) ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16,
  );
}

/** An open file: its header is read and checked, its tensors are read when asked for. */
export class SafetensorsFile implements AsyncDisposable {
  readonly file: string;
  readonly header: Header;
  readonly #bytes: Ranged;
  readonly #head: readonly Uint8Array[];
  private constructor(file: string, bytes: Ranged, head: readonly [Buffer, Buffer]) {
    this.file = file;
    this.#bytes = bytes;
    this.#head = head;
    this.header = parseHeader(head[1], bytes.size, file);
  }
  static async open(file: string): Promise<SafetensorsFile> {
    const bytes = await Ranged.open(file, (what, cause) => damaged(file, what, cause));
    try {
      const first = Buffer.alloc(8);
      await bytes.read(first.subarray(0, Math.min(8, bytes.size)), 0);
      const json = Buffer.alloc(headerLength(first, bytes.size, file));
      await bytes.read(json, 8);
      return new SafetensorsFile(file, bytes, [first, json]);
    } catch (cause) {
      await bytes[Symbol.asyncDispose]();
      throw cause;
    }
  }
  /**
   * Reads the data once, in order: each tensor into the memory that `place` gives for it; where it gives none, the
   * tensor is passed over. `hash` takes in every byte of the file.
   */
  async read(
    place: (entry: Entry) => Float32Array | undefined,
    o: { readonly hash?: Hash; readonly chunk?: number } = {},
  ): Promise<void> {
    for (const part of this.#head) for (const piece of cutInto(part)) o.hash?.update(piece);
    const chunk = Math.max(4, Math.floor((o.chunk ?? CHUNK) / 4) * 4); // whole numbers of every type
    let scratch: Uint8Array | undefined;
    for (const entry of this.header.entries) {
      const out = place(entry);
      if (!out && !o.hash) continue;
      const dtype = out && readable(this.file, entry);
      for (let from = entry.from; from < entry.to; from += chunk) {
        const length = Math.min(chunk, entry.to - from);
        const at = from - entry.from;
        const piece =
          dtype === "F32"
            ? bytesOf(out!).subarray(at, at + length)
            : (scratch ??= new Uint8Array(chunk)).subarray(0, length);
        await this.#bytes.read(piece, from, chunk);
        o.hash?.update(piece);
        if (out && dtype !== "F32") toFloat32(piece, dtype!, out, at / 2);
      }
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bytes[Symbol.asyncDispose]();
  }
}

export async function readSafetensors(
  file: string,
  o: {
    /** memory for a tensor; default: its own */
    readonly place?: (name: string, shape: readonly number[]) => Float32Array;
    readonly chunk?: number;
  } = {},
): Promise<{ tensors: Map<string, TensorData>; metadata: Readonly<Record<string, string>> }> {
  await using opened = await SafetensorsFile.open(file);
  const { entries, metadata } = opened.header;
  for (const entry of entries) readable(file, entry);
  const fresh = (_: string, shape: readonly number[]) =>
    new Float32Array(shape.reduce((a, b) => a * b, 1));
  const tensors = new Map<string, TensorData>();
  await opened.read(({ name, shape }) => {
    const data = (o.place ?? fresh)(name, shape);
    tensors.set(name, { shape, data });
    return data;
  }, o);
  return { tensors, metadata };
}

/** Tensors and metadata of a file's bytes in memory; `file` is for messages. */
export function decodeSafetensors(
  bytes: Buffer,
  file: string,
): { tensors: Map<string, TensorData>; metadata: Readonly<Record<string, string>> } {
  const end = 8 + headerLength(bytes, bytes.length, file);
  const { entries, metadata } = parseHeader(bytes.subarray(8, end), bytes.length, file);
  const tensors = new Map<string, TensorData>();
  for (const entry of entries) {
    const dtype = readable(file, entry);
    const data = new Float32Array(entry.shape.reduce((a, b) => a * b, 1));
    toFloat32(bytes.subarray(entry.from, entry.to), dtype, data, 0);
    tensors.set(entry.name, { shape: entry.shape, data });
  }
  return { tensors, metadata };
}

/** The bytes of a file with these tensors, in the order given, piece by piece. A tensor's numbers are asked for once. */
export function* safetensorsPieces(
  tensors: TensorMap,
  options: WriteOptions = {},
): Generator<Uint8Array> {
  const dtype = options.dtype ?? "F32";
  const width = widthOf[dtype];
  const header: [string, unknown][] = [];
  if (options.metadata) header.push(["__metadata__", options.metadata]);
  let offset = 0;
  for (const [name, { shape }] of tensors) {
    const end = offset + shape.reduce((a, b) => a * b, 1) * width;
    header.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const start = 8 + Math.ceil(json.length / 8) * 8; // data aligned to 8, padded by spaces as the format says
  const head = Buffer.alloc(start, 0x20);
  head.writeBigUInt64LE(BigInt(start - 8));
  json.copy(head, 8);
  yield head;
  const step = Math.max(1, Math.floor((options.chunk ?? CHUNK) / width));
  for (const [name, { shape, data }] of tensors) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (size !== data.length)
      throw new TillerError(
        "shape_mismatch",
        `tensor ${name} has ${data.length} numbers, its shape (${shape}) needs ${size}. Pass the right shape.`,
      );
    for (let at = 0; at < size; at += step) {
      const part = data.subarray(at, at + step);
      yield bytesOf(
        dtype === "F32" ? part : dtype === "F16" ? new Float16Array(part) : toBf16(part),
      );
    }
  }
}

/** The same in one piece. */
export const encodeSafetensors = (tensors: TensorMap, options: WriteOptions = {}): Buffer =>
  Buffer.concat([...safetensorsPieces(tensors, options)]);

export async function writeSafetensors(
  file: string,
  tensors: TensorMap,
  options: WriteOptions = {},
): Promise<void> {
  await writeFileSafely(file, safetensorsPieces(tensors, options));
}
