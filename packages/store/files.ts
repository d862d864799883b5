/**
 * Files that are whole or not there: written beside under a name of this writer's own, flushed, renamed. Two writers of
 * one file, in one process or in several, never meet in the file beside.
 */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TillerError } from "@tiller/schema";

export async function writeWhole(
  file: string,
  content: Uint8Array | string | Iterable<Uint8Array>,
  o: { readonly mode?: number } = {},
): Promise<void> {
  const part = `${file}.${randomUUID()}.part`;
  try {
    const handle = await open(part, "wx", o.mode);
    try {
      if (typeof content === "string" || content instanceof Uint8Array)
        await handle.writeFile(content);
      else for (const piece of content) await handle.writeFile(piece); // goes on where the last ended
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
    await flushFolder(path.dirname(file));
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    throw isFull(cause) ? diskFull(file, cause) : cause;
  }
}
/** Makes a rename survive a power cut. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const isFull = (e: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes(String((e as { code?: unknown }).code));
export const diskFull = (file: string, cause: unknown) =>
  new TillerError(
    "disk_full",
    `no space is left to write ${file}; what was there before is unchanged. Free some disk space; what waits for it goes on by itself.`,
    { cause },
  );

const LONGEST_MS = 5000;
/** Does it again while the disk is full, until `signal`. For what may happen twice. */
export async function whileFull<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let wait = 100; ; wait = Math.min(2 * wait, LONGEST_MS))
    try {
      return await act();
    } catch (e) {
      if ((e as { code?: unknown }).code !== "disk_full" || signal?.aborted) throw e;
      await sleep(wait, undefined, { ref: false });
    }
}
