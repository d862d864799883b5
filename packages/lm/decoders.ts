/**
 * From tokens back to text, as the decoder of a tokenizer.json says, in the manner of Hugging Face's `tokenizers` 0.23.
 * One thing differs: an added token is text and comes back as it is, also where its letters could stand for bytes.
 */
import { z } from "zod";
import { byteToChar } from "./bpe.ts";
import { type Patterns, TextPattern } from "./patterns.ts";

export interface Token {
  readonly text: string;
  readonly added: boolean;
}
type Step = (tokens: readonly Token[]) => Token[];

const Spec = z.discriminatedUnion("type", [
  z.looseObject({ type: z.enum(["ByteLevel", "ByteFallback", "Fuse"]) }),
  z.looseObject({ type: z.literal("Replace"), pattern: TextPattern, content: z.string() }),
  z.looseObject({
    type: z.literal("Strip"),
    content: z.string().min(1),
    start: z.int().nonnegative().default(0),
    stop: z.int().nonnegative().default(0),
  }),
  z.looseObject({
    type: z.literal("Metaspace"),
    replacement: z.string().min(1).default("\u2581"),
    prepend_scheme: z.enum(["always", "first", "never"]).optional(),
    add_prefix_space: z.boolean().optional(),
  }),
  z.looseObject({
    type: z.literal("WordPiece"),
    prefix: z.string().default("##"),
    cleanup: z.boolean().default(true),
  }),
  z.looseObject({ type: z.literal("BPEDecoder"), suffix: z.string().min(1).default("</w>") }),
  z.looseObject({ type: z.literal("Sequence"), decoders: z.array(z.unknown()) }),
]);
type Spec = z.infer<typeof Spec>;

const byteOf = new Map(byteToChar.map((char, b) => [char, b]));
export const byteToken = /^<0x([0-9A-Fa-f]{2})>$/;
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** The bytes of a token in GPT-2's letters; a token with another letter in it is text. */
export function bytesOfLetters({ text, added }: Token): Uint8Array {
  if (added) return Buffer.from(text);
  const bytes = Array.from(text, (char) => byteOf.get(char));
  return bytes.every((b) => b !== undefined) ? Uint8Array.from(bytes) : Buffer.from(text);
}

export interface Decoder {
  (tokens: readonly Token[]): string;
  readonly byteLevel: boolean;
  readonly byteFallback: boolean;
}
export function decoder(spec: unknown, patterns: Patterns): Decoder {
  const flat = flatten(spec);
  const steps = flat.map((s) => stepOf(s, patterns));
  const decode = (tokens: readonly Token[]) => {
    const out = steps.reduce((ts, step) => step(ts), tokens);
    return out.map((t) => t.text).join(steps.length ? "" : " ");
  };
  const has = (type: Spec["type"]) => flat.some((s) => s.type === type);
  return Object.assign(decode, {
    byteLevel: has("ByteLevel"),
    byteFallback: has("ByteFallback"),
  });
}

function flatten(spec: unknown): Spec[] {
  if (spec === null || spec === undefined) return [];
  const s = Spec.parse(spec);
  return s.type === "Sequence" ? s.decoders.flatMap(flatten) : [s];
}
const each =
  (change: (text: string, i: number, n: number) => string): Step =>
  (tokens) =>
    tokens.map((t, i) => ({ text: change(t.text, i, tokens.length), added: t.added }));
const fused = (text: string): Token[] => [{ text, added: false }];

function stepOf(s: Spec, patterns: Patterns): Step {
  switch (s.type) {
    case "ByteLevel":
      return (tokens) => fused(lossy.decode(Buffer.concat(tokens.map(bytesOfLetters))));
    case "ByteFallback":
      return bytesBack;
    case "Fuse":
      return (tokens) => fused(tokens.map((t) => t.text).join(""));
    case "Replace": {
      const pattern = patterns.of(s.pattern);
      return each((text) => text.replaceAll(pattern, () => s.content));
    }
    case "Strip":
      return each((text) => {
        let [from, to] = [0, text.length];
        while (from / s.content.length < s.start && text.startsWith(s.content, from))
          from += s.content.length;
        while (
          to > from &&
          (text.length - to) / s.content.length < s.stop &&
          text.slice(0, to).endsWith(s.content)
        )
          to -= s.content.length;
        return text.slice(from, to);
      });
    case "Metaspace": {
      const scheme = s.add_prefix_space === false ? "never" : (s.prepend_scheme ?? "always");
      return each((text, i) =>
        text.replaceAll(s.replacement, i === 0 && scheme !== "never" ? "" : " "),
      );
    }
    case "WordPiece":
      return each((text, i) => {
        const joined =
          i === 0 ? text : text.startsWith(s.prefix) ? text.slice(s.prefix.length) : ` ${text}`;
        return s.cleanup ? cleanUp(joined) : joined;
      });
    case "BPEDecoder":
      return each((text, i, n) => text.replaceAll(s.suffix, i === n - 1 ? "" : " "));
    case "Sequence":
      return (tokens) => [...tokens]; // flattened before
  }
}

const cleanUp = (text: string) =>
  [
    [" .", "."],
    [" ?", "?"],
    [" !", "!"],
    [" ,", ","],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [" do not", " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ].reduce((t, [from, to]) => t.replaceAll(from, to), text);

/** <0xE9> and the like: their bytes where they form characters, U+FFFD for each where not. */
const bytesBack: Step = (tokens) => {
  const out: Token[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (!bytes.length) return;
    let text: string;
    try {
      text = strict.decode(Uint8Array.from(bytes));
    } catch {
      text = "\ufffd".repeat(bytes.length);
    }
    out.push({ text, added: false });
    bytes = [];
  };
  for (const token of tokens) {
    const byte = token.added ? null : byteToken.exec(token.text);
    if (byte) bytes.push(parseInt(byte[1], 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
};
