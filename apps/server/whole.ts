/** A value of any size as a file to take away, sent as it is read. */
import { Readable } from "node:stream";
import type { Context } from "hono";
import type { Whole } from "@tiller/flow";

export function sendWhole(c: Context, { bytes, pieces }: Whole, name: string): Response {
  c.header("content-type", "application/json");
  c.header("content-disposition", `attachment; filename*=UTF-8''${encodeURIComponent(name)}`);
  if (bytes !== undefined) c.header("content-length", String(bytes));
  // an error on the way ends the connection: a part of a value never looks like the whole
  const body = Readable.toWeb(Readable.from(pieces, { objectMode: false }));
  return c.body(body as globalThis.ReadableStream<Uint8Array>);
}
