/**
 * The patterns that a tokenizer.json brings, Oniguruma's syntax made JavaScript's by @huggingface/tokenizers. Those of
 * the published families are known to end in linear time; a text is cut by any other only under a limit of time.
 */
import * as library from "@huggingface/tokenizers";
import { z } from "zod";

export const TextPattern = z.union([
  z.strictObject({ String: z.string() }),
  z.strictObject({ Regex: z.string().max(20_000) }),
]);
export type TextPattern = z.infer<typeof TextPattern>;

const words = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
const rest = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/** Llama 3's and Qwen 2's. */
export const llama3Split = `${words}\\p{N}{1,3}${rest}`;
export const qwen2Split = `${words}\\p{N}${rest}`;
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const ends = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const one = "[^\\r\\n\\p{L}\\p{N}]?";
const marks = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const known: ReadonlySet<string> = new Set([
  llama3Split,
  qwen2Split,
  `${one}${upper}*${lower}+|${one}${upper}+${lower}*|\\p{N}${marks}`, // Mistral's Tekken
  `${one}${upper}*${lower}+${ends}|${one}${upper}+${lower}*${ends}|\\p{N}{1,3}${marks}`, // o200k
  // DeepSeek's, one after the other
  "[\\r\\n]",
  "\\s?\\p{L}+",
  "\\s?\\p{P}+",
  "[一-龥ࠀ-一가-퟿]+",
  "[一-龥\u0800-一\uac00-\ud7ff]+",
  "\\p{N}{1,3}",
  "\\p{N}",
  " {2,}",
]);

/** Its types name the class, but by a path that TypeScript does not follow. */
const { SplitPreTokenizer } = library as unknown as {
  readonly SplitPreTokenizer: new (config: object) => { readonly pattern: RegExp };
};

export interface Patterns {
  /** Whether all patterns asked for so far are known to end soon. */
  readonly safe: boolean;
  of(pattern: TextPattern): RegExp;
}

export function patterns(): Patterns {
  let safe = true;
  return {
    get safe() {
      return safe;
    },
    of: (pattern) => {
      if ("String" in pattern) return new RegExp(RegExp.escape(pattern.String), "gu");
      if (!known.has(pattern.Regex)) safe = false;
      const split = { type: "Split", pattern, behavior: "isolated", invert: false };
      return new SplitPreTokenizer(split).pattern;
    },
  };
}
