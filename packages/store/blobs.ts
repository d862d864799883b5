/**
 * Large values by content hash, below the home. A blob is whole or not there, however many write it at once. One of any
 * size is written piece by piece and read by pieces or lines; one that is a single text is read whole.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { writeWhole } from "./files.ts";

/** Where a blob stands. */
export const blobFile = (home: string, hash: string): string =>
  path.join(home, "blobs", hash.slice(0, 2), hash);
/** What one read of the system takes. */
const ONE_READ = 2 ** 31 - 1;

/** Pieces that can be gone through more than once: they are hashed, then written. */
export type Pieces = Uint8Array | Iterable<Uint8Array>;
const piecesOf = (content: Pieces): Iterable<Uint8Array> =>
  content instanceof Uint8Array ? [content] : content;

/** Lines as the bytes of a blob, some thousands at a time. */
export const linePieces = (lines: readonly string[]): Iterable<Uint8Array> => ({
  *[Symbol.iterator]() {
    for (let at = 0; at < lines.length; at += 1000)
      yield Buffer.from(
        lines
          .slice(at, at + 1000)
          .map((l) => `${l}\n`)
          .join(""),
      );
  },
});

/** Keeps the bytes; those that are there already are read and, if they were damaged, written anew. */
export async function writeBlob(home: string, content: Pieces): Promise<string> {
  const sum = createHash("sha256");
  for (const piece of piecesOf(content)) sum.update(piece);
  const hash = sum.digest("hex");
  const file = blobFile(home, hash);
  if ((await hashOf(file)) === hash) return hash;
  await mkdir(path.dirname(file), { recursive: true });
  await writeWhole(file, piecesOf(content));
  return hash;
}

/** The hash of a file as it is; undefined where none can be read. */
async function hashOf(file: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  } catch {
    return undefined;
  }
  return hash.digest("hex");
}

export const blobBytes = async (home: string, hash: string): Promise<number> =>
  (await stat(blobFile(home, hash)).catch(missing(home, hash))).size;

const missing = (home: string, hash: string) => (cause: unknown) => {
  throw new TillerError(
    "missing_blob",
    `the blob ${hash} is not in ${home}. Restore the home from a backup: tiller restore FILE --home NEW.`,
    { cause },
  );
};
const damaged = (home: string, hash: string) =>
  new TillerError(
    "damaged_blob",
    `the blob ${hash} in ${home} is damaged. Restore the home from a backup: tiller restore FILE --home NEW.`,
  );

export async function readBlob(home: string, hash: string): Promise<Buffer> {
  await using file = await open(blobFile(home, hash)).catch(missing(home, hash));
  const { size } = await file.stat();
  if (size > ONE_READ)
    throw new TillerError(
      "too_large",
      `the blob ${hash} has ${size} bytes, at most ${ONE_READ} are read as one value. Keep it as rows of a dataset.`,
    );
  const bytes = await file.readFile();
  if (createHash("sha256").update(bytes).digest("hex") !== hash) throw damaged(home, hash);
  return bytes;
}

/** The same, a piece at a time; a damaged one ends with an error. */
export async function* blobPieces(home: string, hash: string): AsyncGenerator<Uint8Array> {
  const sum = createHash("sha256");
  await using file = await open(blobFile(home, hash)).catch(missing(home, hash));
  for await (const piece of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    sum.update(piece);
    yield piece;
  }
  if (sum.digest("hex") !== hash) throw damaged(home, hash);
}

/** Its lines. Damage shows at the end: take nothing for good before. */
export async function* blobLines(home: string, hash: string): AsyncGenerator<string> {
  let rest: Uint8Array[] = []; // of the line that the pieces so far end in
  for await (let piece of blobPieces(home, hash)) {
    for (let end; (end = piece.indexOf(0x0a)) >= 0; piece = piece.subarray(end + 1)) {
      yield Buffer.concat([...rest, piece.subarray(0, end)]).toString();
      rest = [];
    }
    if (piece.length) rest.push(piece);
  }
  if (rest.length) yield Buffer.concat(rest).toString();
}
