/** Reads and writes safetensors files: u64 header length, JSON header, raw little-endian data. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { z } from "zod";
import { TillerError } from "@tiller/schema";

export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const Entry = z.object({ dtype: z.string(), shape: z.array(z.int().nonnegative()), data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]) });
const MAX_HEADER = 100_000_000;
const damaged = (file: string, what: string, cause?: unknown) =>
  new TillerError("damaged_checkpoint", `${file} is damaged: ${what}. Restore it from a copy, or delete its folder and make it again.`, { cause });

const halfToFloat = (h: number): number => {
  const [sign, exponent, fraction] = [h >> 15 ? -1 : 1, (h >> 10) & 31, h & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

/** Decoders by dtype: bytes of one tensor -> float32. */
const decoders: Record<string, { size: number; decode: (bytes: Uint8Array, n: number) => Float32Array }> = {
  F32: { size: 4, decode: (b, n) => new Float32Array(b.slice().buffer, 0, n) },
  F16: { size: 2, decode: (b, n) => Float32Array.from(new Uint16Array(b.slice().buffer, 0, n), halfToFloat) },
  BF16: {
    size: 2,
    decode: (b, n) => {
      const wide = Uint32Array.from(new Uint16Array(b.slice().buffer, 0, n), (x) => x << 16);
      return new Float32Array(wide.buffer);
    },
  },
};

export function parseSafetensors(bytes: Uint8Array, file: string): { tensors: Map<string, TensorData>; metadata: Record<string, string> } {
  if (bytes.length < 8) throw damaged(file, `it has ${bytes.length} bytes, fewer than a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > bytes.length) throw damaged(file, `its header claims ${length} bytes, the file has ${bytes.length}`);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length))) as Record<string, unknown>;
  } catch (cause) {
    throw damaged(file, "its header is no JSON", cause);
  }
  const body = bytes.subarray(8 + length);
  const metadata = z.record(z.string(), z.string()).catch({}).parse(header["__metadata__"] ?? {});
  const tensors = new Map<string, TensorData>();
  let used = 0;
  for (const [name, raw] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const entry = Entry.safeParse(raw);
    if (!entry.success) throw damaged(file, `the entry of ${name} is malformed`);
    const { dtype, shape, data_offsets: [from, to] } = entry.data;
    const decoder = decoders[dtype];
    if (!decoder) throw new TillerError("unknown_dtype", `${file}: tensor ${name} has dtype ${dtype}; F32, F16 and BF16 can be read. Convert it first.`);
    const n = shape.reduce((a, b) => a * b, 1);
    if (to - from !== n * decoder.size || to > body.length) throw damaged(file, `tensor ${name} (${shape}) wants bytes ${from}-${to} of ${body.length}`);
    tensors.set(name, { shape, data: decoder.decode(body.subarray(from, to), n) });
    used = Math.max(used, to);
  }
  if (used !== body.length) throw damaged(file, `its tensors cover ${used} bytes of ${body.length}`);
  return { tensors, metadata };
}

export const readSafetensors = async (file: string) => parseSafetensors(await readFile(file), file);

export function encodeSafetensors(tensors: ReadonlyMap<string, TensorData>, metadata: Readonly<Record<string, string>> = {}): Uint8Array[] {
  let at = 0;
  const entries = [...tensors].map(([name, { shape, data }]) => {
    const from = at;
    at += data.byteLength;
    return [name, { dtype: "F32", shape, data_offsets: [from, at] }] as const;
  });
  const json = JSON.stringify({ ...(Object.keys(metadata).length ? { __metadata__: metadata } : {}), ...Object.fromEntries(entries) });
  const header = Buffer.from(json.padEnd(Math.ceil(Buffer.byteLength(json) / 8) * 8 + json.length - Buffer.byteLength(json)), "utf8");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return [length, header, ...[...tensors.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
}

/** Writes beside the file, syncs, and renames into place: the old file stays good until the new one is whole. */
export async function writeAtomically(file: string, parts: readonly Uint8Array[]): Promise<void> {
  const temporary = `${file}.${process.pid}.part`;
  try {
    const handle = await open(temporary, "w");
    try {
      for (const part of parts) await handle.writeFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    if ((cause as NodeJS.ErrnoException).code === "ENOSPC")
      throw new TillerError("disk_full", `the disk is full while writing ${file}; what was there before is untouched. Free some space and start again.`, { cause });
    throw cause;
  }
}

export const writeSafetensors = (file: string, tensors: ReadonlyMap<string, TensorData>, o: { metadata?: Readonly<Record<string, string>> } = {}): Promise<void> =>
  writeAtomically(file, encodeSafetensors(tensors, o.metadata));
