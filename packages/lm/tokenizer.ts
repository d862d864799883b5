/**
 * A tokenizer from a checkpoint's tokenizer.json. For GPT-2's byte-level BPE, encoding is our own and keeps the pieces
 * of each word it has seen, so that a book takes a second; ids are the same as @huggingface/tokenizers gives (a test
 * compares them). Every other kind goes through that library. Special tokens are never made from text: a prompt that
 * spells "<|endoftext|>" stays plain characters, unless `encode` is told that the text is a filled-in template.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import { largest, TillerError } from "@tiller/schema";
import { z } from "zod";
import { byteToChar, gpt2Split, type TokenizerJson } from "./bpe.ts";

export interface Tokenizer {
  readonly vocabSize: number;
  /** id of <|endoftext|> */
  readonly eos: number;
  /** id of <|pad|> */
  readonly pad: number;
  /** what a text begins with: nothing for GPT-2, the begin-of-text token for Llama */
  readonly start: readonly number[];
  /** `specials`: special tokens spelled in the text become one id each, as chat templates need */
  encode(text: string, o?: { readonly specials?: boolean }): number[];
  /** Specials are left out; bytes that form no character become U+FFFD. */
  decode(ids: readonly number[]): string;
  /** The bytes of one token, for text that streams out a token at a time; empty for specials. */
  bytes(id: number): Uint8Array;
}

export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const path = join(dir, "tokenizer.json");
  try {
    return loadTokenizerJson(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if (cause instanceof TillerError) throw cause;
    throw new TillerError(
      "damaged_checkpoint",
      `${path} cannot be read as a tokenizer (${(cause as Error).message}). Restore the checkpoint folder.`,
      { cause },
    );
  }
}

const cacheLimit = 200_000; // words; the whole of Moby-Dick has 30,000

/** From a parsed tokenizer.json; `eos` is config.json's eos_token_id, where it names one. */
export function loadTokenizerJson(parsed: unknown, o: { readonly eos?: number } = {}): Tokenizer {
  const json = parsed as TokenizerJson;
  const plain =
    json?.model?.type === "BPE" &&
    json.pre_tokenizer?.type === "ByteLevel" &&
    json.pre_tokenizer.use_regex !== false &&
    !json.pre_tokenizer.add_prefix_space &&
    json.normalizer === null;
  return plain ? byteLevelTokenizer(json, o) : libraryTokenizer(parsed, o);
}

function byteLevelTokenizer(json: TokenizerJson, o: { readonly eos?: number }): Tokenizer {
  const vocab = new Map(Object.entries(json.model.vocab));
  const special = new Map(json.added_tokens.map((token) => [token.content, token.id]));
  const vocabSize = 1 + largest([...vocab.values(), ...special.values()]);
  const idOfByte = byteToChar.map((char) => vocab.get(char)!);
  const merge = mergeTable(json, vocab);
  const pieces = bytesOfTokens(vocab, special, vocabSize);
  const utf8 = new TextEncoder();
  const cache = new Map<string, readonly number[]>();

  const eos = endOfText(special, o.eos);
  const splitter = specialSplitter([...special.keys()]);

  const encodeWord = (word: string): readonly number[] => {
    const ids = Array.from(utf8.encode(word), (b) => idOfByte[b]);
    for (;;) {
      let at = -1;
      let best: { rank: number; id: number } | undefined;
      for (let i = 0; i + 1 < ids.length; i++) {
        const found = merge.get(ids[i] * 4_194_304 + ids[i + 1]);
        if (found && (!best || found.rank < best.rank)) [best, at] = [found, i];
      }
      if (!best) return ids;
      ids.splice(at, 2, best.id);
    }
  };

  return {
    vocabSize,
    eos,
    pad: special.get("<|pad|>") ?? eos,
    start: [],
    bytes: (id) => pieces[id] ?? new Uint8Array(),
    encode: (text, { specials } = {}) => {
      const out: number[] = [];
      for (const part of specials ? text.split(splitter) : [text]) {
        const one = specials ? special.get(part) : undefined;
        if (one !== undefined) {
          out.push(one);
          continue;
        }
        for (const [word] of part.matchAll(gpt2Split)) {
          let ids = cache.get(word);
          if (!ids) {
            ids = encodeWord(word);
            if (cache.size < cacheLimit && word.length <= 64) cache.set(word, ids);
          }
          for (const id of ids) out.push(id);
        }
      }
      return out;
    },
    decode: (ids) => {
      const parts = ids.map((id) => pieces[id] ?? new Uint8Array());
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(parts));
    },
  };
}

/** Any other tokenizer.json: SentencePiece-like BPE (Llama 2), byte-level BPE with another split (Llama 3, Qwen, Pythia). */
function libraryTokenizer(parsed: unknown, o: { readonly eos?: number }): Tokenizer {
  const unusable = (why: string, cause: unknown) =>
    new TillerError(
      "unknown_tokenizer",
      `tokenizer.json cannot be used: ${why}. Take the file from its source again, or choose a model with byte-level BPE.`,
      { cause },
    );
  const found = ForeignTokenizer.safeParse(parsed);
  if (!found.success) {
    const [issue] = found.error.issues;
    throw unusable(`${issue?.path.join(".") || "its content"}: ${issue?.message}`, found.error);
  }
  const json = found.data;
  let withSpecials: HfTokenizer;
  let plain: HfTokenizer;
  try {
    withSpecials = new HfTokenizer(json, {});
    plain = new HfTokenizer({ ...json, added_tokens: [] }, {});
  } catch (cause) {
    throw unusable((cause as Error).message, cause);
  }
  const special = new Map(json.added_tokens.map((t) => [t.content, t.id]));
  const hidden = new Set(json.added_tokens.filter((t) => t.special).map((t) => t.id));
  const texts = new Map<number, string>();
  for (const [token, id] of withSpecials.get_vocab(true) as Map<string, number>)
    texts.set(id, token);
  const vocabSize = 1 + largest(texts.keys());
  const byteLevel = JSON.stringify(json.decoder).includes('"ByteLevel"');
  const byteOf = new Map(byteToChar.map((char, b) => [char, b]));
  const utf8 = new TextEncoder();
  const eos = endOfText(special, o.eos);
  return {
    vocabSize,
    eos,
    pad: special.get("<|pad|>") ?? special.get("<pad>") ?? eos,
    start: withSpecials
      .encode("", { add_special_tokens: true })
      .ids.filter((id: number) => hidden.has(id)),
    encode: (text, { specials } = {}) =>
      (specials ? withSpecials : plain).encode(text, { add_special_tokens: false }).ids,
    decode: (ids) =>
      ids.length
        ? withSpecials.decode([...ids], {
            skip_special_tokens: true,
            clean_up_tokenization_spaces: false,
          })
        : "",
    bytes: (id) => {
      const token = texts.get(id);
      if (token === undefined || hidden.has(id)) return new Uint8Array();
      if (byteLevel) return Uint8Array.from(token, (char) => byteOf.get(char) ?? 63);
      const byte = /^<0x([0-9A-F]{2})>$/.exec(token);
      return byte
        ? Uint8Array.of(parseInt(byte[1], 16))
        : utf8.encode(token.replaceAll("\u2581", " "));
    },
  };
}
const ForeignTokenizer = z.looseObject({
  model: z.looseObject({ type: z.string(), vocab: z.unknown() }),
  added_tokens: z.array(
    z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().default(false) }),
  ),
  decoder: z.unknown().default(null),
});

/** config.json's, else the first of the names in use. */
function endOfText(special: ReadonlyMap<string, number>, given: number | undefined): number {
  const names = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>"];
  const id = given ?? names.map((name) => special.get(name)).find((x) => x !== undefined);
  if (id !== undefined) return id;
  throw new TillerError(
    "unknown_tokenizer",
    `tokenizer.json has no ${names[0]} token, nor another end of text, and config.json names none. Add eos_token_id there.`,
  );
}
const specialSplitter = (names: readonly string[]): RegExp =>
  names.length ? new RegExp(`(${names.map((s) => RegExp.escape(s)).join("|")})`) : /(?!)/;

/** (left id, right id) -> rank and the id they merge into. Merges are pairs, or "left right" in old files. */
function mergeTable(json: TokenizerJson, vocab: ReadonlyMap<string, number>) {
  const table = new Map<number, { rank: number; id: number }>();
  (json.model.merges as readonly (readonly [string, string] | string)[]).forEach((pair, rank) => {
    const [left, right] = typeof pair === "string" ? pair.split(" ") : pair;
    const [a, b, id] = [vocab.get(left), vocab.get(right), vocab.get(left + right)];
    if (a === undefined || b === undefined || id === undefined)
      throw new TillerError(
        "damaged_checkpoint",
        `tokenizer.json: merge ${rank} (${left} ${right}) names a token that is not in the vocabulary. Restore the file.`,
      );
    table.set(a * 4_194_304 + b, { rank, id });
  });
  return table;
}

function bytesOfTokens(
  vocab: ReadonlyMap<string, number>,
  special: ReadonlyMap<string, number>,
  vocabSize: number,
): Uint8Array[] {
  const byteOf = new Map(byteToChar.map((char, b) => [char, b]));
  const pieces = Array.from({ length: vocabSize }, () => new Uint8Array());
  for (const [token, id] of vocab)
    if (!special.has(token)) pieces[id] = Uint8Array.from(token, (char) => byteOf.get(char) ?? 63);
  return pieces;
}
