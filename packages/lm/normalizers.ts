/**
 * The normalisers of a tokenizer.json, as Hugging Face's `tokenizers` 0.23 has them. Where JavaScript's own functions
 * differ from Rust's (spaces, lower case at a word's end), Rust's are meant.
 */
import { z } from "zod";
import { byteToChar } from "./bpe.ts";
import { charsMap } from "./chars-map.ts";
import { type Patterns, TextPattern } from "./patterns.ts";

type Normalizer = (text: string) => string;

const Spec = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("BertNormalizer"),
    clean_text: z.boolean().default(true),
    handle_chinese_chars: z.boolean().default(true),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean().default(true),
  }),
  z.looseObject({
    type: z.literal("Strip"),
    strip_left: z.boolean().default(true),
    strip_right: z.boolean().default(true),
  }),
  z.looseObject({ type: z.enum(["StripAccents", "Lowercase", "Nmt", "ByteLevel"]) }),
  z.looseObject({ type: z.enum(["NFC", "NFD", "NFKC", "NFKD"]) }),
  z.looseObject({ type: z.literal("Replace"), pattern: TextPattern, content: z.string() }),
  z.looseObject({ type: z.literal("Prepend"), prepend: z.string() }),
  z.looseObject({ type: z.literal("Precompiled"), precompiled_charsmap: z.string().nullish() }),
  z.looseObject({ type: z.literal("Sequence"), normalizers: z.array(z.unknown()) }),
]);

/** One function of a specification; `null` changes nothing. */
export function normalizer(spec: unknown, patterns: Patterns): Normalizer {
  if (spec === null || spec === undefined) return (text) => text;
  const s = Spec.parse(spec);
  switch (s.type) {
    case "BertNormalizer":
      return bert(s);
    case "Strip":
      return (text) => {
        const left = s.strip_left ? text.replace(/^\p{White_Space}+/u, "") : text;
        return s.strip_right ? trimEnd(left) : left;
      };
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Lowercase":
      return lower;
    case "Nmt":
      return (text) =>
        text
          .replace(/\p{Cc}/gu, control)
          .replace(/[\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ");
    case "ByteLevel":
      return (text) => Array.from(Buffer.from(text), (b) => byteToChar[b]).join("");
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => text.normalize(s.type);
    case "Replace": {
      const pattern = patterns.of(s.pattern);
      return (text) => text.replaceAll(pattern, () => s.content);
    }
    case "Prepend":
      return (text) => (text ? s.prepend + text : text);
    case "Precompiled":
      return charsMap(s.precompiled_charsmap ?? "");
    case "Sequence": {
      const steps = s.normalizers.map((one) => normalizer(one, patterns));
      return (text) => steps.reduce((t, step) => step(t), text);
    }
  }
}

/** Character by character: no special sigma at a word's end. */
const lower: Normalizer = (text) =>
  text.includes("\u03a3") ? Array.from(text, (c) => c.toLowerCase()).join("") : text.toLowerCase();

/** SentencePiece's: spaces stay spaces, NUL and most of C1 stay, other control characters go. */
const control = (char: string): string => {
  if ("\t\n\f\r".includes(char)) return " ";
  const code = char.charCodeAt(0);
  return code === 0 || (code >= 0x80 && code !== 0x8f && code !== 0x9f) ? char : "";
};

/** A pattern with "+$" would look at every space of a text anew. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1])) end--;
  return text.slice(0, end);
}

const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

function bert(s: {
  readonly clean_text: boolean;
  readonly handle_chinese_chars: boolean;
  readonly strip_accents?: boolean | null | undefined;
  readonly lowercase: boolean;
}): Normalizer {
  return (given) => {
    let text = given;
    if (s.clean_text)
      text = text
        .replace(/(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu, "")
        .replace(/\p{White_Space}/gu, " ");
    if (s.handle_chinese_chars) text = text.replace(chinese, " $& ");
    if (s.strip_accents ?? s.lowercase) text = text.normalize("NFD").replace(/\p{Mn}/gu, "");
    return s.lowercase ? lower(text) : text;
  };
}
