/**
 * A tokenizer from a checkpoint's tokenizer.json. Encoding keeps the pieces of each word it has seen, so
 * that a book takes a second; ids are the same as @huggingface/tokenizers gives (a test compares them).
 * Special tokens are never made from text: a prompt that spells "<|endoftext|>" stays plain characters.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TillerError } from "@tiller/schema";
import { byteToChar, gpt2Split, type TokenizerJson } from "./bpe.ts";

export interface Tokenizer {
  readonly vocabSize: number;
  /** id of <|endoftext|> */
  readonly eos: number;
  /** id of <|pad|> */
  readonly pad: number;
  readonly json: TokenizerJson;
  encode(text: string): number[];
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

/** From a parsed tokenizer.json. */
export function loadTokenizerJson(parsed: unknown): Tokenizer {
  const json = parsed as TokenizerJson;
  if (json?.model?.type !== "BPE" || json.pre_tokenizer?.type !== "ByteLevel")
    throw new TillerError(
      "unknown_tokenizer",
      `tokenizer.json holds a ${json?.model?.type ?? "nameless"} model over ${json?.pre_tokenizer?.type ?? "no"} pre-tokens; only byte-level BPE (GPT-2 style) is supported.`,
    );
  const vocab = new Map(Object.entries(json.model.vocab));
  const special = new Map(json.added_tokens.map((token) => [token.content, token.id]));
  const vocabSize = 1 + Math.max(...vocab.values(), ...special.values());
  const idOfByte = byteToChar.map((char) => vocab.get(char)!);
  const merge = mergeTable(json, vocab);
  const pieces = bytesOfTokens(vocab, special, vocabSize);
  const utf8 = new TextEncoder();
  const cache = new Map<string, readonly number[]>();

  const eos = special.get("<|endoftext|>");
  if (eos === undefined)
    throw new TillerError(
      "unknown_tokenizer",
      `tokenizer.json has no <|endoftext|> token. Add it to added_tokens.`,
    );

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
    json,
    bytes: (id) => pieces[id] ?? new Uint8Array(),
    encode: (text) => {
      const out: number[] = [];
      for (const [word] of text.matchAll(gpt2Split)) {
        let ids = cache.get(word);
        if (!ids) {
          ids = encodeWord(word);
          if (cache.size < cacheLimit && word.length <= 64) cache.set(word, ids);
        }
        for (const id of ids) out.push(id);
      }
      return out;
    },
    decode: (ids) => {
      const parts = ids.map((id) => pieces[id] ?? new Uint8Array());
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(parts));
    },
  };
}

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
