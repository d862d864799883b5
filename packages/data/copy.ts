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

/** The rows of a query; `width` is its number of columns. */
export async function* pages(
  client: pg.ClientBase,
  query: string,
  width: number,
): AsyncGenerator<Page> {
  const stream = client.query(
    copyTo(`copy (${query}) to stdout (format binary)`, { highWaterMark: PAGE_BYTES }),
  );
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

const EPOCH_MS = Date.UTC(2000, 0, 1); // timestamps count microseconds from here
const pad = (n: number, digits: number) => String(n).padStart(digits, "0");
let [lastSecond, lastText] = [Number.NaN, ""]; // answers come by the second: most have the one before

/** 2026-01-01T12:00:00.000001Z */
export function timeText(bytes: Buffer, at: number): string {
  const micros = bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
  const second = Math.floor(micros / 1e6);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = new Date(EPOCH_MS + second * 1000).toISOString().slice(0, -4); // without milliseconds and Z
  }
  return `${lastText}${pad(micros - second * 1e6, 6)}Z`;
}
