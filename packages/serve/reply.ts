/**
 * A reply as it grows: tokens become text, stop words end it, and what is told is final. Bytes decide, not each token's
 * text alone: a character that several tokens make stands with the last of them, and text that may become a stop word
 * is held back together with its tokens.
 */
import type { Alternative, ReplyToken } from "./sampler-messages.ts";

export interface Vocabulary {
  bytes(id: number): Uint8Array;
}
export interface Told {
  readonly id: number;
  readonly logprob?: number;
  readonly top?: readonly { readonly id: number; readonly logprob: number }[];
}

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const wholeText = (bytes: Uint8Array): string | undefined => {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
};
export const alternativesOf = (
  v: Vocabulary,
  top: readonly { readonly id: number; readonly logprob: number }[],
): Alternative[] =>
  top.map(({ id, logprob }) => {
    const bytes = v.bytes(id);
    return { id, text: wholeText(bytes), bytes: [...bytes], logprob };
  });

/** Whether the bytes end within a character. */
function endsWithin(bytes: readonly number[]): boolean {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const b = bytes[bytes.length - back];
    if (b < 0x80) return false;
    if (b >= 0xc0) return back < (b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2);
  }
  return false;
}

/** How many characters at the text's end begin one of the words. */
const beginningOf = (words: readonly string[], text: string): number =>
  Math.max(
    0,
    ...words.map((w) => {
      let n = Math.min(w.length - 1, text.length);
      while (n > 0 && !text.endsWith(w.slice(0, n))) n--;
      return n;
    }),
  );

/** Tokens with their texts, of bytes that come one token at a time. */
class Texts {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #vocabulary: Vocabulary;
  readonly tokens: ReplyToken[] = [];
  constructor(v: Vocabulary) {
    this.#vocabulary = v;
  }
  add({ id, logprob, top }: Told): void {
    const bytes = this.#vocabulary.bytes(id);
    this.tokens.push({
      id,
      text: this.#decoder.decode(bytes, { stream: true }),
      bytes: [...bytes],
      ...(logprob !== undefined && { logprob }),
      ...(top && { top: alternativesOf(this.#vocabulary, top) }),
    });
  }
  /** Bytes that no character came of become U+FFFD. */
  flush(): void {
    const rest = this.#decoder.decode();
    const last = this.tokens.findLast((t) => t.bytes.length) ?? this.tokens.at(-1);
    if (last) last.text += rest;
  }
}

/** A prompt's tokens with their texts. SentencePiece puts a space before a text, which is none of the prompt's. */
export function promptTokens(
  v: Vocabulary,
  tokens: readonly Told[],
  text: string | undefined,
): ReplyToken[] {
  const texts = new Texts(v);
  for (const t of tokens) texts.add(t);
  texts.flush();
  const joined = texts.tokens.map((t) => t.text).join("");
  const first = texts.tokens.find((t) => t.text);
  if (first && text !== undefined && joined === ` ${text}`) {
    first.text = first.text.slice(1);
    first.bytes = first.bytes.slice(1);
  }
  return texts.tokens;
}

export class Reply {
  readonly #texts: Texts;
  readonly #ends: ReadonlySet<number>;
  readonly #stop: readonly string[];
  readonly #maxTokens: number;
  #count = 0;
  /** the last bytes, which may be the beginning of a character */
  #tail: number[] = [];

  constructor(
    v: Vocabulary,
    o: {
      readonly ends: ReadonlySet<number>;
      readonly stop: readonly string[];
      readonly maxTokens: number;
    },
  ) {
    this.#texts = new Texts({ bytes: (id) => (o.ends.has(id) ? new Uint8Array() : v.bytes(id)) });
    this.#ends = o.ends;
    this.#stop = o.stop;
    this.#maxTokens = o.maxTokens;
  }

  /** Takes the next token; gives those whose text is final, and how the reply ended. */
  add(told: Told): { tokens: ReplyToken[]; finish?: "stop" | "length" } {
    const pending = this.#texts.tokens;
    this.#texts.add(told);
    this.#count++;
    const ended = this.#ends.has(told.id);
    const full = this.#count >= this.#maxTokens;
    this.#tail = [...this.#tail, ...pending.at(-1)!.bytes].slice(-3);
    if (ended || full) this.#texts.flush();
    const text = pending.map((t) => t.text).join("");
    const found = this.#stop.map((s) => text.indexOf(s)).filter((i) => i >= 0);
    if (found.length) {
      cut(pending, Math.min(...found));
      return { tokens: pending.splice(0), finish: "stop" };
    }
    if (ended || full) return { tokens: pending.splice(0), finish: ended ? "stop" : "length" };
    // what may become a stop word or a character is held back, by whole tokens
    if (endsWithin(this.#tail)) return { tokens: [] };
    let left = text.length - beginningOf(this.#stop, text);
    let n = 0;
    while (n < pending.length && pending[n].text.length <= left) left -= pending[n++].text.length;
    while (n > 0 && !pending[n - 1].text && n < pending.length) n--; // a character's first bytes stay with its last
    return { tokens: pending.splice(0, n) };
  }
}

/** The first bytes of a token that make `kept` of its text; bytes of no character are one each, though U+FFFD has three. */
function bytesOf(kept: string, { text, bytes }: ReplyToken, begun: readonly number[]): number[] {
  for (let n = 0; n <= bytes.length; n++) {
    const so = Uint8Array.from([...begun, ...bytes.slice(0, n)]);
    if (new TextDecoder("utf-8", { ignoreBOM: true }).decode(so, { stream: true }) === kept)
      return bytes.slice(0, n);
  }
  const gone = utf8.encode(text.slice(kept.length)).length;
  return bytes.slice(0, Math.max(0, bytes.length - gone));
}

/** Takes the text from `at` on away, and the bytes behind it. */
function cut(tokens: ReplyToken[], at: number): void {
  let left = at;
  let begun: number[] = []; // a character's first bytes, in tokens without a text
  for (const t of tokens) {
    const kept = t.text.slice(0, Math.max(0, left));
    left -= t.text.length;
    begun = t.text ? begun : [...begun, ...t.bytes];
    if (kept.length < t.text.length) {
      t.bytes = kept ? bytesOf(kept, t, begun) : [];
      t.text = kept;
    }
    if (t.text) begun = [];
  }
  for (let i = tokens.length - 1; i >= 0 && !tokens[i].text; i--) tokens[i].bytes = [];
}
