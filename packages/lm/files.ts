/**
 * Files of any size: read by ranges, written piece by piece, hashed on the way. The system takes at most 2 GiB in one
 * read, write or hash, and a copy of a whole file beside its tensors is memory that nobody has.
 */
import { type Hash, randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";

/** Bytes in one read or write where nothing else is said. */
export const CHUNK = 2 ** 24;

/** What a file is written from: all of it, or pieces made as they are needed. */
export type Content = string | Uint8Array | Iterable<Uint8Array>;

/** The same bytes in pieces of at most `chunk`; none is copied. */
export function* cutInto(bytes: Uint8Array, chunk = CHUNK): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
}
/** Passes pieces on and hashes them. */
export function* hashing(pieces: Iterable<Uint8Array>, hash: Hash): Generator<Uint8Array> {
  for (const piece of pieces) {
    for (const part of cutInto(piece)) hash.update(part);
    yield piece;
  }
}
/** The bytes of an array of numbers, not copied. */
export const bytesOf = (data: NodeJS.TypedArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** How a file begins that git left in the place of a large one. */
export const POINTER = "version https://git-lfs";
export const pointerText = (file: string): string =>
  `${file} is Git LFS's note of where the file is, not the file. Fetch it with git lfs pull, or with tiller model pull.`;

/** A file read by ranges. `fault` makes the error of a file that ends before the range does. */
export class Ranged implements AsyncDisposable {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #fault: (what: string) => Error;
  private constructor(handle: FileHandle, size: number, fault: (what: string) => Error) {
    this.#handle = handle;
    this.size = size;
    this.#fault = fault;
  }
  static async open(
    file: string,
    fault: (what: string, cause?: unknown) => Error,
  ): Promise<Ranged> {
    try {
      const handle = await open(file, "r");
      const about = await handle.stat();
      if (about.isFile()) {
        const opened = new Ranged(handle, about.size, fault);
        const first = Buffer.alloc(Math.min(POINTER.length, about.size));
        await opened.read(first, 0);
        if (first.toString() !== POINTER) return opened;
        await handle.close();
        throw new TillerError("git_lfs_pointer", pointerText(file));
      }
      await handle.close();
    } catch (cause) {
      if (cause instanceof TillerError) throw cause;
      const { code, message } = cause as NodeJS.ErrnoException;
      throw fault(`it cannot be read (${code ?? message})`, cause);
    }
    throw fault("it is no file");
  }
  /** Fills `into` from byte `from` of the file; `chunk`: bytes in one read. */
  async read(into: Uint8Array, from: number, chunk = CHUNK): Promise<void> {
    for (let at = 0; at < into.length;) {
      const length = Math.min(chunk, into.length - at);
      const { bytesRead } = await this.#handle.read(into, at, length, from + at);
      if (bytesRead === 0) throw this.#fault(`it ends at byte ${from + at}`);
      at += bytesRead;
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Writes beside `file`, flushes, renames over it. A full disk leaves the old file and says so. */
export async function writeFileSafely(file: string, content: Content): Promise<void> {
  const beside = `${file}.${randomUUID()}.tmp`; // its own: two may write one file at once
  try {
    await writeFlushed(beside, content);
    await rename(beside, file);
    await flushFolder(path.dirname(file));
  } catch (cause) {
    await rm(beside, { force: true });
    throw diskError(file, cause);
  }
}

export async function writeFlushed(file: string, content: Content): Promise<void> {
  const whole = typeof content === "string" ? Buffer.from(content) : content;
  const pieces = whole instanceof Uint8Array ? [whole] : whole;
  const handle = await open(file, "w");
  try {
    for (const piece of pieces)
      for (const part of cutInto(piece))
        for (let at = 0; at < part.length;)
          at += (await handle.write(part, at, part.length - at)).bytesWritten;
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
