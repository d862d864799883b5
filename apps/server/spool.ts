/**
 * Files that come in: kept on disk until they are whole. They may be larger than memory, and a slow sender holds nothing
 * of the database while they arrive.
 */
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { TillerError } from "@tiller/schema";

/** Does something with the body as a file, which is removed afterwards. */
export async function spooled<T>(
  home: string,
  body: globalThis.ReadableStream<Uint8Array> | null,
  act: (file: string) => Promise<T>,
): Promise<T> {
  if (!body)
    throw new TillerError("no_file", "the request has no body. Send the file as the body.");
  const folder = path.join(home, "uploads");
  const file = path.join(folder, randomUUID());
  await mkdir(folder, { recursive: true });
  try {
    await pipeline(
      Readable.fromWeb(body as unknown as ReadableStream<Uint8Array>),
      createWriteStream(file),
    );
    return await act(file);
  } finally {
    await rm(file, { force: true });
  }
}
