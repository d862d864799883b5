/**
 * Rows out of Postgres as its binary COPY has them: bytes and offsets, no object a row. Postgres sends as fast as the
 * reader reads; a page is what one piece of the stream completes, so memory stays flat.
 * Format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
 */
import { Bug } from "@tiller/schema";
import { to as copyTo } from "pg-copy-streams";
import type pg from "pg";

/** Complete rows: field f of row r is bytes[start[r * width + f] .. +length], length -1 for null. */
export interface Page {
  readonly bytes: Buffer;
  readonly rows: number;
  readonly start: Int32Array;
  readonly length: Int32Array;
}

const HEADER = 19; // signature 11, flags 4, length of the extension 4
const PAGE_BYTES = 256 * 1024;

const begin = (client: pg.ClientBase, query: string, format: "binary" | "csv") =>
  client.query(
    copyTo(`copy (${query}) to stdout (format ${format})`, { highWaterMark: PAGE_BYTES }),
  );

/** A query's rows as Postgres writes them in CSV; returns how many there were. */
export async function* copied(
  client: pg.ClientBase,
  query: string,
): AsyncGenerator<Buffer, number> {
  const stream = begin(client, query, "csv");
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    waiting.push(piece);
    size += piece.length;
    if (size < PAGE_BYTES) continue;
    yield waiting.length === 1 ? piece : Buffer.concat(waiting, size);
    [waiting, size] = [[], 0];
  }
  if (size) yield Buffer.concat(waiting, size);
  await client.query("select 1"); // the number of rows comes after the last of them
  return stream.rowCount;
}

/** The rows of a query; `width` is its number of columns. */
export async function* pages(
  client: pg.ClientBase,
  query: string,
  width: number,
): AsyncGenerator<Page> {
  const stream = begin(client, query, "binary");
  let started = false;
  let ended = false;
  let waiting: Buffer[] = [];
  let size = 0;
  let start = new Int32Array(1024 * width);
  let length = new Int32Array(1024 * width);

  const parse = (bytes: Buffer): { page: Page; rest: Buffer } => {
    let at = 0;
    if (!started) {
      if (bytes.length < HEADER) return { page: { bytes, rows: 0, start, length }, rest: bytes };
      at = HEADER + bytes.readInt32BE(HEADER - 4);
      started = true;
    }
    let rows = 0;
    let whole = at;
    while (at + 2 <= bytes.length) {
      const fields = bytes.readInt16BE(at);
      if (fields === -1) {
        ended = true;
        whole = bytes.length;
        break;
      }
      if (fields !== width)
        throw new Bug(`a row of ${fields} fields where ${width} were asked for`);
      at += 2;
      let slot = rows * width;
      if (slot + width > start.length) {
        start = grown(start);
        length = grown(length);
      }
      const last = slot + width;
      for (; slot < last; slot++) {
        if (at + 4 > bytes.length) break;
        const n = bytes.readInt32BE(at);
        at += 4;
        start[slot] = at;
        length[slot] = n;
        if (n > 0) at += n;
      }
      if (slot < last || at > bytes.length) break; // its end is in the next piece
      rows++;
      whole = at;
    }
    return { page: { bytes, rows, start, length }, rest: bytes.subarray(whole) };
  };

  for await (const piece of stream as AsyncIterable<Buffer>) {
    waiting.push(piece);
    size += piece.length;
    if (size < PAGE_BYTES) continue;
    const { page, rest } = parse(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting, size));
    waiting = [rest];
    size = rest.length;
    if (page.rows) yield page;
  }
  const { page } = parse(Buffer.concat(waiting, size));
  if (page.rows) yield page;
  if (!ended) throw new Bug("the database's stream ended in the middle of a row");
}

function grown(a: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const b = new Int32Array(a.length * 2);
  b.set(a);
  return b;
}
