/** Large values by content hash, below the home. Written beside and renamed: a blob is whole or not there. */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";

const place = (home: string, hash: string) => path.join(home, "blobs", hash.slice(0, 2), hash);

export async function writeBlob(home: string, bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256").update(bytes).digest("hex");
  const file = place(home, hash);
  if (await stat(file).catch(() => undefined)) return hash;
  const part = `${file}.${process.pid}.part`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(part, "w");
    await handle.writeFile(bytes).finally(() =>
      handle
        .sync()
        .catch(() => {})
        .then(() => handle.close()),
    );
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    if ((cause as NodeJS.ErrnoException).code === "ENOSPC")
      throw new TillerError(
        "disk_full",
        `the disk of ${home} is full. Free some space and start again; nothing was lost.`,
        { cause },
      );
    throw cause;
  }
  return hash;
}

export async function readBlob(home: string, hash: string): Promise<Buffer> {
  const bytes = await readFile(place(home, hash)).catch((cause: unknown) => {
    throw new TillerError(
      "missing_blob",
      `the blob ${hash} is not in ${home}. Restore the home from a backup.`,
      { cause },
    );
  });
  if (createHash("sha256").update(bytes).digest("hex") !== hash)
    throw new TillerError(
      "damaged_blob",
      `the blob ${hash} in ${home} is damaged. Restore it from a backup.`,
    );
  return bytes;
}
