/** Large values by content hash, below the home. A blob is whole or not there, however many write it at once. */
import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
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
  (await stat(place(home, hash))).size;

export async function readBlob(home: string, hash: string): Promise<Buffer> {
  const bytes = await readFile(place(home, hash)).catch((cause: unknown) => {
    throw new TillerError(
      "missing_blob",
      `the blob ${hash} is not in ${home}. Restore the home from a backup: tiller restore FILE --home NEW.`,
      { cause },
    );
  });
  if (hashOf(bytes) !== hash)
    throw new TillerError(
      "damaged_blob",
      `the blob ${hash} in ${home} is damaged. Restore the home from a backup: tiller restore FILE --home NEW.`,
    );
  return bytes;
}
