/**
 * Bytes as text, in pieces. UTF-8 unless another encoding is declared or a byte-order mark declares it; what is not
 * valid is refused with its line and byte, never replaced by U+FFFD.
 */
import { isUtf8 } from "node:buffer";
import { TillerError } from "@tiller/schema";

export interface TextOptions {
  /** what messages call the file */
  readonly name: string;
  /** a label of https://encoding.spec.whatwg.org, such as windows-1252; UTF-8 unless said */
  readonly encoding?: string | undefined;
}

/** The encoding by its canonical name. */
export function encodingOf(label: string): string {
  try {
    return new TextDecoder(label.trim()).encoding;
  } catch (cause) {
    throw new TillerError(
      "bad_encoding",
      `there is no encoding ${JSON.stringify(label)}. Give utf-8, utf-16le, windows-1252, iso-8859-2, shift_jis, gb18030 or another of https://encoding.spec.whatwg.org.`,
      { cause },
    );
  }
}

const LINE_FEED = 10;
const linesIn = (bytes: Uint8Array): number => {
  let n = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) n++;
  return n;
};

export async function* textOf(
  bytes: AsyncIterable<Buffer>,
  o: TextOptions,
): AsyncGenerator<string> {
  const declared = o.encoding === undefined ? undefined : encodingOf(o.encoding);
  let rest: Buffer | undefined;
  const pieces = bytes[Symbol.asyncIterator]();
  try {
    // enough to see a byte-order mark and what a text looks like
    let head: Buffer = Buffer.alloc(0);
    let ended = false;
    while (head.length < 512 && !ended) {
      const next = await pieces.next();
      if (next.done) ended = true;
      else head = Buffer.concat([head, next.value]);
    }
    const encoding = marked(head, o.name, declared);
    rest = head;
    async function* all() {
      if (rest) yield rest;
      while (!ended) {
        const next = await pieces.next();
        if (next.done) return;
        yield next.value;
      }
    }
    yield* encoding === "utf-8" ? utf8(all(), o.name) : other(all(), encoding, o.name);
  } finally {
    await pieces.return?.();
  }
}

/** What a byte-order mark or the declaration says. UTF-16 without either is told, and not taken apart. */
function marked(head: Buffer, name: string, declared: string | undefined): string {
  const [x, y] = [head[0], head[1]];
  if (x === 0xff && y === 0xfe && head[2] === 0 && head[3] === 0 && !declared)
    throw new TillerError("bad_encoding", `${name} is UTF-32. Save it as UTF-8.`);
  const mark = x === 0xff && y === 0xfe ? "utf-16le" : x === 0xfe && y === 0xff ? "utf-16be" : null;
  if (mark && declared && mark !== declared)
    throw new TillerError(
      "bad_encoding",
      `${name} begins with the byte-order mark of ${mark}, and ${declared} was declared. Leave the declaration out.`,
    );
  if (mark ?? declared) return (mark ?? declared)!;
  const zeros = [0, 0];
  for (const [i, b] of head.subarray(0, 512).entries()) if (b === 0) zeros[i % 2]!++;
  const seen = Math.min(head.length, 512) / 2;
  const looks = zeros[1]! > seen / 4 ? "utf-16le" : zeros[0]! > seen / 4 ? "utf-16be" : undefined;
  if (looks && seen >= 2)
    throw new TillerError(
      "bad_encoding",
      `${name} is no UTF-8: every other byte is 0, as in ${looks}. Say --encoding ${looks}, or save it as UTF-8.`,
    );
  return "utf-8";
}

async function* utf8(pieces: AsyncIterable<Buffer>, name: string): AsyncGenerator<string> {
  let [line, before, first] = [1, 0, true];
  let carry: Buffer = Buffer.alloc(0);
  const check = (bytes: Buffer) => {
    if (isUtf8(bytes)) return;
    const bad = firstInvalid(bytes);
    throw new TillerError(
      "bad_encoding",
      `${name}: line ${line + linesIn(bytes.subarray(0, bad))}: byte ${before + bad + 1} of the file, 0x${bytes[bad]!.toString(16).padStart(2, "0")}, is no UTF-8. Say what it is, --encoding windows-1252 for instance, or save the file as UTF-8; nothing was imported.`,
    );
  };
  for await (const piece of pieces) {
    const all = carry.length ? Buffer.concat([carry, piece]) : piece;
    const whole = all.subarray(0, all.length - unfinished(all));
    check(whole);
    let text = whole.toString("utf8");
    if (first && text) {
      if (text.startsWith("\ufeff")) text = text.slice(1);
      first = false;
    }
    line += linesIn(whole);
    before += whole.length;
    carry = all.subarray(whole.length);
    if (text) yield text;
  }
  if (carry.length) check(carry);
}
/** How many bytes at the end begin a character that the next piece may finish. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const b = bytes[bytes.length - back]!;
    if (b < 0x80) return 0;
    if (b >= 0xc0) return (b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}
/** Where the longest valid beginning ends. */
function firstInvalid(bytes: Buffer): number {
  let [low, high] = [0, bytes.length]; // bytes up to low are valid, but for a character that is not finished
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const part = bytes.subarray(0, middle);
    if (isUtf8(part.subarray(0, part.length - unfinished(part)))) low = middle;
    else high = middle;
  }
  const part = bytes.subarray(0, low);
  return low - unfinished(part);
}

async function* other(
  pieces: AsyncIterable<Buffer>,
  encoding: string,
  name: string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let [line, before] = [1, 0];
  const decode = (bytes: Buffer, last: boolean): string => {
    try {
      return decoder.decode(bytes, { stream: !last });
    } catch (cause) {
      throw new TillerError(
        "bad_encoding",
        `${name}: line ${line} or soon after, behind byte ${before} of the file: no ${encoding}. Declare what it is by --encoding, or save it as UTF-8; nothing was imported.`,
        { cause },
      );
    }
  };
  // small pieces, so that the place that is told is near
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; at += 4096) {
      const part = piece.subarray(at, at + 4096);
      const text = decode(part, false);
      for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) line++;
      before += part.length;
      if (text) yield text;
    }
  const text = decode(Buffer.alloc(0), true);
  if (text) yield text;
}
