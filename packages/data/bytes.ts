/**
 * A file's bytes, unpacked where it is packed (gzip, zstd; several members behind each other are one file), and never
 * more of them than a file of its size may reasonably hold: a few kilobytes that unpack to gigabytes are refused early.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { TillerError } from "@tiller/schema";

const MB = 2 ** 20;
/** What any file may hold, however small it is. */
const ALWAYS = 256 * MB;
/** Beyond that, so many bytes for each of the file's own. Text packs 3 to 50 times. */
const RATIO = 200;

export const sizeInWords = (bytes: number): string =>
  bytes < MB ? `${Math.ceil(bytes / 1024)} KB` : `${Math.round(bytes / MB)} MB`;

/** Counts what comes out of a file and stops when it is out of all proportion to what went in. */
export function proportion(name: string, size: number): (bytes: number) => void {
  const most = Math.max(ALWAYS, RATIO * size);
  let out = 0;
  return (bytes) => {
    out += bytes;
    if (out > most)
      throw new TillerError(
        "too_large",
        `${name} has ${sizeInWords(size)} and unpacks to more than ${sizeInWords(most)}. Unpack it yourself and look at what is in it; a file that is not packed has no such bound.`,
      );
  };
}

const starts = (head: Buffer, hex: string, at = 0): boolean =>
  head.subarray(at, at + hex.length / 2).toString("hex") === hex;
const isSkippable = (head: Buffer) => /^5[0-9a-f]2a4d18$/.test(head.subarray(0, 4).toString("hex"));
/** What is no text at all, by how it begins, with what to do. */
const strangers: readonly [string, string][] = [
  ["504b0304", "a zip archive, or a spreadsheet. Unpack it, or save the sheet as CSV"],
  ["425a68", "compressed by bzip2. Unpack it, or pack it by gzip or zstd"],
  ["fd377a585a00", "compressed by xz. Unpack it, or pack it by gzip or zstd"],
  ["50415231", "a Parquet file. Name it .parquet, or say so"],
  ["d0cf11e0", "an old spreadsheet. Save it as CSV"],
  ["4f626a01", "an Avro file. Write it as JSONL or Parquet"],
];

export interface Opened {
  readonly size: number;
  /** the first bytes of the file, as they stand in it */
  readonly head: Buffer;
}
export async function headOf(file: string): Promise<Opened> {
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    return { size, head: buffer.subarray(0, bytesRead) };
  } catch (cause) {
    throw new TillerError("no_file", `cannot read ${file}. Check the path.`, { cause });
  }
}

/** The unpacked bytes of a text file. `name` is what messages call it. */
export async function* unpacked(file: string, name: string): AsyncGenerator<Buffer> {
  const { size, head } = await headOf(file);
  const stranger = strangers.find(([magic]) => starts(head, magic));
  if (stranger) throw new TillerError("bad_file", `${name} is ${stranger[1]}.`);
  const gzip = starts(head, "1f8b");
  if (!gzip && !starts(head, "28b52ffd")) {
    yield* createReadStream(file, { highWaterMark: 1 << 18 });
    return;
  }
  const count = proportion(name, size);
  const how = gzip ? "gzip" : "zstd";
  let [at, members, good] = [0, 0, 0];
  try {
    // Node's gunzip goes through all members by itself, its zstd ends after each
    while (at < size) {
      if (!gzip && members) {
        await using handle = await open(file);
        const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, at);
        if (isSkippable(buffer)) {
          at += 8 + buffer.readUInt32LE(4);
          continue;
        }
        if (!starts(buffer, "28b52ffd")) throw new Error("unknown bytes behind it");
      }
      const bytes = createReadStream(file, { start: at, highWaterMark: 1 << 16 });
      const packed = gzip ? createGunzip() : createZstdDecompress();
      bytes.on("error", (e) => packed.destroy(e));
      try {
        for await (const piece of bytes.pipe(packed) as AsyncIterable<Buffer>) {
          count(piece.length);
          good += piece.length;
          yield piece;
        }
      } finally {
        bytes.destroy();
        packed.destroy();
      }
      at = gzip ? size : at + packed.bytesWritten;
      members++;
    }
  } catch (cause) {
    const { code = "", message } = cause as { code?: string; message: string };
    if (cause instanceof TillerError || (code && !/^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code)))
      throw cause;
    const cut = code === "Z_BUF_ERROR";
    throw new TillerError(
      "bad_file",
      `${name} is ${cut ? `cut off: its ${how} stream ends too early` : `damaged: ${how} says ${message}`}, after ${good} unpacked bytes. ${cut ? "Copy or download it again" : "Make it again, with nothing behind the packed part"}; nothing was imported.`,
      { cause },
    );
  }
}
