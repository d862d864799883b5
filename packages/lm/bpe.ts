/**
 * Byte-level byte-pair encoding: training (Sennrich et al. 2016 over bytes, as GPT-2 does it), written
 * out in Hugging Face's tokenizer.json format. Ties between equally frequent pairs go to the pair whose
 * two tokens were made first, so the same text always gives the same tokenizer.
 */
import { TillerError } from "@tiller/schema";

/** The part of tokenizer.json we write; the fields are the Hugging Face library's own. */
export interface TokenizerJson {
  version: string;
  truncation: null;
  padding: null;
  added_tokens: {
    id: number;
    content: string;
    single_word: boolean;
    lstrip: boolean;
    rstrip: boolean;
    normalized: boolean;
    special: boolean;
  }[];
  normalizer: null;
  pre_tokenizer: ByteLevel;
  post_processor: ByteLevel;
  decoder: ByteLevel;
  model: {
    type: "BPE";
    dropout: null;
    unk_token: null;
    continuing_subword_prefix: string;
    end_of_word_suffix: string;
    fuse_unk: boolean;
    byte_fallback: boolean;
    ignore_merges: boolean;
    vocab: Record<string, number>;
    merges: [string, string][];
  };
}
interface ByteLevel {
  type: "ByteLevel";
  add_prefix_space: boolean;
  trim_offsets: boolean;
  use_regex: boolean;
}

/** GPT-2's split: contractions, words, numbers, marks, each with at most one leading space (Unicode's, as in Rust). */
export const gpt2Split =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** GPT-2's printable stand-in for each byte: itself where printable, else the next letter from U+0100 on. */
export const byteToChar: readonly string[] = (() => {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
})();

/** A pre-token with its tokens and how often the text has it. */
interface Word {
  ids: number[];
  count: number;
}

const pairKey = (a: number, b: number): number => a * 65_536 + b;

/** Learns merges until the vocabulary, specials included, has `vocabSize` entries. */
export function trainBpe(
  text: string,
  options: { vocabSize: number; specials?: readonly string[] },
): TokenizerJson {
  const specials = options.specials ?? ["<|endoftext|>", "<|pad|>"];
  const wanted = options.vocabSize - 256 - specials.length;
  if (wanted < 0 || options.vocabSize > 65_536)
    throw new TillerError(
      "bad_vocab_size",
      `vocabSize ${options.vocabSize} is out of range; give ${256 + specials.length} to 65536.`,
    );

  const symbols = printableOrder();
  const tokens: string[] = symbols.map((b) => byteToChar[b]);
  const idOfByte = new Map(symbols.map((b, id) => [b, id]));
  const words = countWords(text, idOfByte);

  const counts = new Map<number, number>();
  const places = new Map<number, Set<number>>(); // pair -> words that may hold it
  const add = (a: number, b: number, word: number, count: number) => {
    const key = pairKey(a, b);
    counts.set(key, (counts.get(key) ?? 0) + count);
    if (count <= 0) return;
    const held = places.get(key);
    if (held) held.add(word);
    else places.set(key, new Set([word]));
  };
  words.forEach(({ ids, count }, w) => {
    for (let i = 0; i + 1 < ids.length; i++) add(ids[i], ids[i + 1], w, count);
  });

  const merges: [string, string][] = [];
  while (merges.length < wanted) {
    const best = mostFrequent(counts);
    if (best < 0) break; // the text has no pair left: a smaller vocabulary
    const [a, b] = [Math.floor(best / 65_536), best % 65_536];
    const made = tokens.push(tokens[a] + tokens[b]) - 1;
    merges.push([tokens[a], tokens[b]]);
    for (const w of places.get(best) ?? []) {
      const { ids, count } = words[w];
      const out: number[] = [];
      for (let i = 0; i < ids.length; i++) {
        if (ids[i] === a && ids[i + 1] === b) {
          out.push(made);
          i++;
        } else out.push(ids[i]);
      }
      if (out.length === ids.length) continue;
      for (let i = 0; i + 1 < ids.length; i++) add(ids[i], ids[i + 1], w, -count);
      for (let i = 0; i + 1 < out.length; i++) add(out[i], out[i + 1], w, count);
      words[w].ids = out;
    }
    counts.delete(best);
    places.delete(best);
  }
  return tokenizerJson([...tokens, ...specials], merges, specials);
}

/** Bytes in the order GPT-2 numbers them: printable ones first, then the others. */
function printableOrder(): number[] {
  const own = (b: number) => byteToChar[b].charCodeAt(0) === b;
  const all = Array.from({ length: 256 }, (_, b) => b);
  return [...all.filter(own), ...all.filter((b) => !own(b))];
}

function countWords(text: string, idOfByte: ReadonlyMap<number, number>): Word[] {
  const seen = new Map<string, number>();
  for (const [word] of text.matchAll(gpt2Split)) seen.set(word, (seen.get(word) ?? 0) + 1);
  const utf8 = new TextEncoder();
  return [...seen].map(([word, count]) => ({
    ids: Array.from(utf8.encode(word), (b) => idOfByte.get(b)!),
    count,
  }));
}

/** The pair with the highest count, the lowest key among equals; -1 when none is left. */
function mostFrequent(counts: ReadonlyMap<number, number>): number {
  let best = -1;
  let most = 0;
  for (const [key, count] of counts)
    if (count > most || (count === most && count > 0 && key < best)) [best, most] = [key, count];
  return best;
}

export const byteLevel = (use_regex: boolean): ByteLevel => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
});
export const addedToken = (id: number, content: string, special: boolean) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special,
});

function tokenizerJson(
  vocab: readonly string[],
  merges: [string, string][],
  specials: readonly string[],
): TokenizerJson {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content) => addedToken(vocab.indexOf(content), content, true)),
    normalizer: null,
    pre_tokenizer: byteLevel(true),
    post_processor: byteLevel(true),
    decoder: byteLevel(true),
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      merges,
    },
  };
}
