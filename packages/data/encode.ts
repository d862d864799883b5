/** Pages of rows as JSONL. Text of the database is copied as bytes; only what must be escaped is looked at. */
import type { Column } from "./columns.ts";
import type { Page } from "./copy.ts";

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

const [QUOTE, BACKSLASH] = [34, 92];

/** Turns pages into bytes; one encoder a file. */
export interface Encoder {
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
          const { kind } = columns[c]!;
          out.room(key.length + 4);
          out.copy(key, 0, key.length);
          if (n < 0) out.ascii("null");
          else if (kind === "text" || kind === "time") string(bytes, start[slot]!, n);
          else {
            out.room(n);
            out.copy(bytes, start[slot]!, n);
          }
        }
        out.room(2);
        out.ascii("}\n");
      }
      return out.take();
    },
  };
}
