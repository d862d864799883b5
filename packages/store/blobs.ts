/** Large values by content hash, below the home. A blob is whole or not there, however many write it at once. */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { writeWhole } from "./files.ts";

const place = (home: string, hash: string) => path.join(home, "blobs", hash.slice(0, 2), hash);
const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Keeps the bytes; one that is there already is read and, if it was damaged, written anew. */
export async function writeBlob(home: string, bytes: Uint8Array): Promise<string> {
  const hash = hashOf(bytes);
  const file = place(home, hash);
  const there = await readFile(file).catch(() => undefined);
  if (there?.equals(bytes)) return hash;
  await mkdir(path.dirname(file), { recursive: true });
  await writeWhole(file, bytes);
  return hash;
}

export const blobBytes = async (home: string, hash: string): Promise<number> =>
  (await stat(place(home, hash)).catch(missing(home, hash))).size;

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
  const bytes = await readFile(place(home, hash)).catch(missing(home, hash));
  if (hashOf(bytes) !== hash) throw damaged(home, hash);
  return bytes;
}

/** The same, a piece at a time; a damaged one ends with an error. */
export async function* blobPieces(home: string, hash: string): AsyncGenerator<Uint8Array> {
  const sum = createHash("sha256");
  await using file = await open(place(home, hash)).catch(missing(home, hash));
  for await (const piece of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    sum.update(piece);
    yield piece;
  }
  if (sum.digest("hex") !== hash) throw damaged(home, hash);
}
