/**
 * Safetensors, Hugging Face's file of named tensors: 8 bytes of header length, a JSON header, raw data.
 * Reads F32, F16 and BF16 into float32, writes all three; other types are refused. A file is written
 * beside its place, flushed to disk and renamed, so a crash or a full disk leaves the old one whole.
 */
import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";

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
}

const bytesOf: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };
const headerLimit = 100_000_000; // the format's own

const damaged = (file: string, what: string, cause?: unknown) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is damaged: ${what}. Restore it from a copy or make it again.`,
    { cause },
  );

/** The upper half of each float32, rounded to the nearest, ties to even. */
function toBf16(data: Float32Array): Uint16Array {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return Uint16Array.from(bits, (b, i) =>
    Number.isNaN(data[i]) ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16,
  );
}

/** The bytes of a file with these tensors, in the order given. */
export function encodeSafetensors(tensors: TensorMap, options: WriteOptions = {}): Buffer {
  const dtype = options.dtype ?? "F32";
  const header: Record<string, unknown> = {};
  if (options.metadata) header["__metadata__"] = options.metadata;
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (size !== data.length)
      throw new TillerError(
        "shape_mismatch",
        `tensor ${name} has ${data.length} numbers, its shape (${shape}) needs ${size}. Pass the right shape.`,
      );
    const end = offset + size * bytesOf[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = 8 + Math.ceil(json.length / 8) * 8; // data aligned to 8, padded by spaces as the format says
  const out = Buffer.alloc(start + offset, 0);
  out.writeBigUInt64LE(BigInt(start - 8));
  out.fill(0x20, 8, start);
  json.copy(out, 8);
  let at = start;
  for (const { data } of tensors.values()) {
    if (dtype === "F32") out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    else {
      const halves = dtype === "F16" ? new Float16Array(data) : toBf16(data);
      out.set(new Uint8Array(halves.buffer), at);
    }
    at += data.length * bytesOf[dtype];
  }
  return out;
}

/** Tensors and metadata of a file's bytes; `file` is for messages. Every offset is checked. */
export function decodeSafetensors(
  bytes: Buffer,
  file: string,
): { tensors: Map<string, TensorData>; metadata: Record<string, string> } {
  if (bytes.length < 8) throw damaged(file, `it has ${bytes.length} bytes, fewer than a header`);
  const length = bytes.readBigUInt64LE();
  if (length > BigInt(Math.min(headerLimit, bytes.length - 8)))
    throw damaged(
      file,
      `its header should have ${length} bytes, the file ends after ${bytes.length - 8}`,
    );
  const start = 8 + Number(length);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<string, unknown>;
  } catch (cause) {
    throw damaged(file, "its header is no JSON", cause);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw damaged(file, "its header is no object");

  const tensors = new Map<string, TensorData>();
  const spans: (readonly [number, number])[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const {
      dtype,
      shape,
      data_offsets: span,
    } = (entry ?? {}) as { dtype?: string; shape?: number[]; data_offsets?: number[] };
    const whole = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
    if (
      !dtype ||
      !Array.isArray(shape) ||
      !shape.every(whole) ||
      !Array.isArray(span) ||
      span.length !== 2 ||
      !span.every(whole)
    )
      throw damaged(file, `the entry of tensor ${name} is incomplete`);
    const width = bytesOf[dtype];
    if (!width)
      throw new TillerError(
        "unsupported_dtype",
        `${file}: tensor ${name} is ${dtype}; F32, F16 and BF16 can be read. Convert the file first.`,
      );
    const size = shape.reduce((a, b) => a * b, 1);
    const [from, to] = span;
    if (to - from !== size * width)
      throw damaged(
        file,
        `tensor ${name} of shape (${shape}) spans ${to - from} bytes, not ${size * width}`,
      );
    if (start + to > bytes.length)
      throw damaged(file, `tensor ${name} ends at byte ${start + to}, the file at ${bytes.length}`);
    spans.push([from, to]);
    tensors.set(name, { shape, data: toFloat32(bytes.subarray(start + from, start + to), dtype) });
  }
  let end = 0;
  for (const [from, to] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (from !== end)
      throw damaged(file, `its tensors overlap or leave a gap at byte ${start + end}`);
    end = to;
  }
  if (start + end !== bytes.length)
    throw damaged(file, `${bytes.length - start - end} bytes follow the last tensor`);
  return { tensors, metadata: (header["__metadata__"] ?? {}) as Record<string, string> };
}

function toFloat32(bytes: Uint8Array, dtype: string): Float32Array {
  const copy = new Uint8Array(bytes).buffer; // own and aligned; slice() of a Buffer would be a view
  if (dtype === "F32") return new Float32Array(copy);
  if (dtype === "F16") return Float32Array.from(new Float16Array(copy));
  return new Float32Array(Uint32Array.from(new Uint16Array(copy), (half) => half << 16).buffer);
}

export async function writeSafetensors(
  file: string,
  tensors: TensorMap,
  options: WriteOptions = {},
): Promise<void> {
  await writeFileSafely(file, encodeSafetensors(tensors, options));
}

export async function readSafetensors(
  file: string,
): Promise<{ tensors: Map<string, TensorData>; metadata: Record<string, string> }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw damaged(file, `it cannot be read (${(cause as Error).message})`, cause);
  }
  return decodeSafetensors(bytes, file);
}

/** Writes beside `file`, flushes, renames over it. A full disk leaves the old file and says so. */
export async function writeFileSafely(file: string, bytes: Uint8Array | string): Promise<void> {
  const beside = `${file}.${randomUUID()}.tmp`; // its own: two may write one file at once
  try {
    await writeFlushed(beside, bytes);
    await rename(beside, file);
    await flushFolder(path.dirname(file));
  } catch (cause) {
    await rm(beside, { force: true });
    throw diskError(file, cause);
  }
}

export async function writeFlushed(file: string, bytes: Uint8Array | string): Promise<void> {
  const handle = await open(file, "w");
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a rename survive a power cut. */
export async function flushFolder(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A full or read-only disk as one line with a remedy; anything else unchanged. */
export function diskError(file: string, cause: unknown): unknown {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new TillerError(
      "disk_full",
      `no space left to write ${file}; what was there before is unchanged. Free some disk space and start again.`,
      { cause },
    );
  if (code === "EACCES" || code === "EROFS" || code === "EPERM")
    return new TillerError(
      "not_writable",
      `${file} cannot be written (${code}). Choose another folder with --home or change its permissions.`,
      { cause },
    );
  return cause;
}
