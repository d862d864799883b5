/** Pages of rows as JSONL or CSV. Text of the database is copied byte by byte; only what must be escaped is looked at. */
import type { Column } from "./columns.ts";
import { type Page, timeText } from "./copy.ts";

/** Grows once to the largest page, then stays. */
class Out {
  bytes = Buffer.allocUnsafe(1 << 20);
  at = 0;
  room(n: number): void {
    if (this.at + n <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + n));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
  copy(from: Buffer, start: number, n: number): void {
    const { bytes } = this;
    if (n > 48) from.copy(bytes, this.at, start, start + n);
    else for (let i = 0; i < n; i++) bytes[this.at + i] = from[start + i]!;
    this.at += n;
  }
  ascii(s: string): void {
    const { bytes } = this;
    for (let i = 0; i < s.length; i++) bytes[this.at + i] = s.charCodeAt(i);
    this.at += s.length;
  }
  take(): Buffer {
    const whole = Buffer.from(this.bytes.subarray(0, this.at)); // a copy: the buffer is used again
    this.at = 0;
    return whole;
  }
}

const [QUOTE, BACKSLASH, COMMA, NEWLINE, RETURN] = [34, 92, 44, 10, 13];
const ENOUGH = 32; // a number, a time or a boolean has fewer characters

/** Turns pages into bytes; one encoder a file. */
export interface Encoder {
  readonly head?: Buffer;
  /** undefined: held back for a later piece */
  encode(page: Page): Buffer | undefined;
  end?(): Buffer;
}

export function jsonl(columns: readonly Column[]): Encoder {
  const out = new Out();
  const keys = columns.map((c, i) => Buffer.from(`${i ? "," : "{"}${JSON.stringify(c.name)}:`));
  const text = (s: string) => {
    out.at += out.bytes.write(s, out.at);
  };
  const string = (bytes: Buffer, start: number, n: number) => {
    out.room(6 * n + 2); // each byte may become \u0001
    for (let i = start; i < start + n; i++) {
      const b = bytes[i]!;
      if (b < 32 || b === QUOTE || b === BACKSLASH)
        return text(JSON.stringify(bytes.toString("utf8", start, start + n)));
    }
    out.bytes[out.at++] = QUOTE;
    out.copy(bytes, start, n);
    out.bytes[out.at++] = QUOTE;
  };
  return {
    encode(page) {
      const { bytes, start, length } = page;
      for (let slot = 0, row = 0; row < page.rows; row++) {
        for (let c = 0; c < columns.length; c++, slot++) {
          const key = keys[c]!;
          const n = length[slot]!;
          const at = start[slot]!;
          out.room(key.length + ENOUGH);
          out.copy(key, 0, key.length);
          if (n < 0) out.ascii("null");
          else if (columns[c]!.kind === "text") string(bytes, at, n);
          else if (columns[c]!.kind === "json") {
            out.room(n);
            out.copy(bytes, at, n);
          } else out.ascii(scalar(columns[c]!, bytes, at, '"'));
        }
        out.room(2);
        out.ascii("}\n");
      }
      return out.take();
    },
  };
}

const scalar = (c: Column, bytes: Buffer, at: number, quote: string): string =>
  c.kind === "number"
    ? String(bytes.readDoubleBE(at))
    : c.kind === "boolean"
      ? bytes[at] === 1
        ? "true"
        : "false"
      : quote + timeText(bytes, at) + quote;

/** RFC 4180 with a header line. A null is empty, an empty text is "". */
export function csv(columns: readonly Column[]): Encoder {
  const out = new Out();
  const field = (bytes: Buffer, start: number, n: number) => {
    out.room(2 * n + 2);
    let quoted = n === 0;
    for (let i = start; i < start + n && !quoted; i++) {
      const b = bytes[i]!;
      quoted = b === QUOTE || b === COMMA || b === NEWLINE || b === RETURN;
    }
    if (!quoted) return out.copy(bytes, start, n);
    const to = out.bytes;
    to[out.at++] = QUOTE;
    let copied = start;
    for (
      let q = bytes.indexOf(QUOTE, start);
      q >= 0 && q < start + n;
      q = bytes.indexOf(QUOTE, q + 1)
    ) {
      out.copy(bytes, copied, q + 1 - copied);
      to[out.at++] = QUOTE;
      copied = q + 1;
    }
    out.copy(bytes, copied, start + n - copied);
    to[out.at++] = QUOTE;
  };
  return {
    head: Buffer.from(`${columns.map((c) => c.name).join(",")}\n`),
    encode(page) {
      const { bytes, start, length } = page;
      for (let slot = 0, row = 0; row < page.rows; row++) {
        for (let c = 0; c < columns.length; c++, slot++) {
          const n = length[slot]!;
          out.room(ENOUGH);
          if (c) out.bytes[out.at++] = COMMA;
          if (n < 0) continue;
          const { kind } = columns[c]!;
          if (kind === "text" || kind === "json") field(bytes, start[slot]!, n);
          else out.ascii(scalar(columns[c]!, bytes, start[slot]!, ""));
        }
        out.room(1);
        out.bytes[out.at++] = NEWLINE;
      }
      return out.take();
    },
  };
}
