/**
 * The models of a tokenizer.json: BPE, Unigram, WordPiece, WordLevel, each from a piece of text to ids, as Hugging
 * Face's `tokenizers` 0.23 has them. One thing differs: a control token is never made from text, however the text
 * spells it (there Unigram reads "</s>" as the end of the text).
 */
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { byteToChar } from "./bpe.ts";
import { idLimit, mergeAll, pairOf } from "./bpe-merge.ts";

export interface TokenModel {
  readonly vocab: ReadonlyMap<string, number>;
  encode(piece: string): readonly number[];
}
export interface ModelOptions {
  /** ids of control tokens */
  readonly control: ReadonlySet<number>;
  /** pieces are text, the vocabulary is in GPT-2's letters for bytes */
  readonly byteLevel: boolean;
}

const Vocab = z.custom<Readonly<Record<string, number>>>(
  (v) => typeof v === "object" && v !== null && !Array.isArray(v),
  "is not an object of tokens and their ids",
);
const Bpe = z.looseObject({
  type: z.literal("BPE"),
  vocab: Vocab,
  merges: z.custom<readonly unknown[]>(Array.isArray, "is not a list"), // each is looked at below
  dropout: z.literal(0, "is not 0: encoding would be random").nullish(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
});
const WordPiece = z.looseObject({
  type: z.literal("WordPiece"),
  vocab: Vocab,
  unk_token: z.string().default("[UNK]"),
  continuing_subword_prefix: z.string().default("##"),
  max_input_chars_per_word: z.int().positive().max(1000).default(100),
});
const WordLevel = z.looseObject({
  type: z.literal("WordLevel"),
  vocab: Vocab,
  unk_token: z.string().default("<unk>"),
});
const Unigram = z.looseObject({
  type: z.literal("Unigram"),
  vocab: z.array(z.tuple([z.string(), z.number()])),
  unk_id: z.int().nonnegative().nullish(),
  byte_fallback: z.boolean().default(false),
});
const Model = z.discriminatedUnion("type", [Bpe, WordPiece, WordLevel, Unigram]);

export const damaged = (what: string) =>
  new TillerError(
    "damaged_checkpoint",
    `tokenizer.json: ${what}. Take the file from its source again.`,
  );

export function tokenModel(spec: unknown, o: ModelOptions): TokenModel {
  // old files name no type; only BPE has merges
  const typed =
    typeof spec === "object" && spec && !("type" in spec) && "merges" in spec
      ? { ...spec, type: "BPE" }
      : spec;
  const s = Model.parse(typed);
  switch (s.type) {
    case "BPE":
      return bpe(s, o);
    case "WordPiece":
      return wordPiece(s, o);
    case "WordLevel":
      return wordLevel(s, o);
    case "Unigram":
      return unigram(s, o);
  }
}

function vocabOf(entries: Iterable<readonly [string, unknown]>): Map<string, number> {
  const vocab = new Map<string, number>();
  const held = new Map<number, string>();
  for (const [token, id] of entries) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= idLimit)
      throw damaged(`token ${shown(token)} has the id ${String(id)}, ids are 0 to ${idLimit - 1}`);
    const other = held.get(id);
    if (other !== undefined)
      throw damaged(`the tokens ${shown(other)} and ${shown(token)} have one id, ${id}`);
    held.set(id, token);
    vocab.set(token, id);
  }
  if (!vocab.size) throw damaged("its vocabulary is empty");
  return vocab;
}
const shown = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

const byteToken = (b: number) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`;
const unknown = (text: string) =>
  new TillerError(
    "unencodable_text",
    `the model's tokenizer has no token for ${shown(text)} and none for what is unknown. Leave these characters out, or choose another model.`,
  );

function bpe(s: z.infer<typeof Bpe>, { control, byteLevel }: ModelOptions): TokenModel {
  const vocab = vocabOf(Object.entries(s.vocab));
  const prefix = s.continuing_subword_prefix ?? "";
  const suffix = s.end_of_word_suffix ?? "";
  const rankOf = new Map<number, number>();
  const made = new Int32Array(s.merges.length);
  s.merges.forEach((pair, rank) => {
    const [left, right, more] = (typeof pair === "string" ? pair.split(" ") : pair) as unknown[];
    if (typeof left !== "string" || typeof right !== "string" || more !== undefined)
      throw damaged(`merge ${rank} is ${shown(JSON.stringify(pair))}, not two tokens`);
    const [a, b, id] = [left, right, left + right.slice(prefix.length)].map((t) => vocab.get(t));
    if (a === undefined || b === undefined || id === undefined)
      throw damaged(
        `merge ${rank} (${shown(left)} ${shown(right)}) names a token that is not in the vocabulary`,
      );
    if (control.has(id)) return;
    rankOf.set(pairOf(a, b), rank);
    made[rank] = id;
  });
  const merges = { rank: rankOf, made };
  const bytes = Array.from({ length: 256 }, (_, b) => vocab.get(byteToken(b)));
  const fallback = s.byte_fallback && bytes.every((id) => id !== undefined);
  const unk = s.unk_token ? vocab.get(s.unk_token) : undefined;
  const letters = byteLevel && !prefix && !suffix ? byteToChar.map((c) => vocab.get(c)) : undefined;
  const inBytes = (piece: string) =>
    byteLevel ? Array.from(Buffer.from(piece), (b) => byteToChar[b]).join("") : piece;

  const symbols = (piece: string): number[] => {
    if (letters) {
      const ids = Array.from(Buffer.from(piece), (b) => letters[b]);
      if (ids.every((id) => id !== undefined)) return ids as number[];
    }
    const out: number[] = [];
    let pending = false; // an unknown token that the next unknown character may join
    const chars = Array.from(inBytes(piece));
    chars.forEach((char, i) => {
      const token = `${i > 0 ? prefix : ""}${char}${i === chars.length - 1 ? suffix : ""}`;
      const id = vocab.get(token);
      if (id !== undefined && !(control.has(id) && Array.from(token).length > 1)) {
        if (pending) out.push(unk!);
        pending = false;
        out.push(id);
      } else if (fallback) for (const b of Buffer.from(token)) out.push(bytes[b]!);
      else if (unk === undefined) throw unknown(char);
      else {
        if (pending && !s.fuse_unk) out.push(unk);
        pending = true;
      }
    });
    if (pending) out.push(unk!);
    return out;
  };
  return {
    vocab,
    encode: (piece) => {
      if (s.ignore_merges) {
        const whole = vocab.get(inBytes(piece));
        if (whole !== undefined && !control.has(whole)) return [whole];
      }
      return mergeAll(symbols(piece), merges);
    },
  };
}

function wordPiece(s: z.infer<typeof WordPiece>, { control }: ModelOptions): TokenModel {
  const vocab = vocabOf(Object.entries(s.vocab));
  const unk = vocab.get(s.unk_token);
  const encode = (piece: string): number[] => {
    const chars = Array.from(piece);
    const out: number[] = [];
    for (let from = 0; from < chars.length && chars.length <= s.max_input_chars_per_word;) {
      let to = chars.length;
      let id: number | undefined;
      for (; to > from; to--) {
        id = vocab.get((from ? s.continuing_subword_prefix : "") + chars.slice(from, to).join(""));
        if (id !== undefined && !control.has(id)) break;
      }
      if (to === from) break;
      out.push(id!);
      from = to;
      if (from === chars.length) return out;
    }
    if (unk === undefined) throw unknown(piece);
    return [unk];
  };
  return { vocab, encode };
}

function wordLevel(s: z.infer<typeof WordLevel>, { control }: ModelOptions): TokenModel {
  const vocab = vocabOf(Object.entries(s.vocab));
  const unk = vocab.get(s.unk_token);
  return {
    vocab,
    encode: (piece) => {
      const id = vocab.get(piece);
      if (id !== undefined && !control.has(id)) return [id];
      if (unk === undefined) throw unknown(piece);
      return [unk];
    },
  };
}

/** Viterbi's best path (Kudo 2018), without SentencePiece's lattice: one best way to each character. */
function unigram(s: z.infer<typeof Unigram>, { control }: ModelOptions): TokenModel {
  const vocab = new Map<string, number>();
  s.vocab.forEach(([token], id) => vocab.has(token) || vocab.set(token, id));
  if (!vocab.size) throw damaged("its vocabulary is empty");
  const unk = s.unk_id ?? undefined;
  if (unk !== undefined && unk >= s.vocab.length)
    throw damaged(`unk_id is ${unk}, there are ${s.vocab.length} tokens`);
  const scores = Float64Array.from(s.vocab, ([, score]) => score);
  const unkScore = scores.reduce((least, x) => Math.min(least, x), Infinity) - 10;
  const bytes = Array.from({ length: 256 }, (_, b) => vocab.get(byteToken(b)));
  const fallback = s.byte_fallback && bytes.every((id) => id !== undefined);
  // the tokens that begin alike stand together: a walk along the text narrows a range of them
  const sorted = [...vocab]
    .filter(([token, id]) => token && !control.has(id))
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const unit = (i: number, depth: number) => {
    const code = sorted[i][0].charCodeAt(depth);
    return Number.isNaN(code) ? -1 : code;
  };
  const bound = (lo: number, hi: number, depth: number, code: number): number => {
    let [a, b] = [lo, hi];
    while (a < b) {
      const middle = (a + b) >> 1;
      if (unit(middle, depth) < code) a = middle + 1;
      else b = middle;
    }
    return a;
  };

  const encode = (piece: string): number[] => {
    const n = piece.length;
    const best = new Float64Array(n + 1);
    const from = new Int32Array(n + 1).fill(-1);
    const by = new Int32Array(n + 1); // id + 1; 0: no token of the vocabulary
    const offer = (start: number, end: number, score: number, id: number) => {
      if (from[end] >= 0 && score <= best[end]) return;
      [best[end], from[end], by[end]] = [score, start, id];
    };
    for (let at = 0; at < n;) {
      const width = piece.codePointAt(at)! > 0xffff ? 2 : 1;
      let single = false;
      let [lo, hi] = [0, sorted.length];
      for (let end = at; end < n && lo < hi; end++) {
        const code = piece.charCodeAt(end);
        lo = bound(lo, hi, end - at, code);
        hi = bound(lo, hi, end - at, code + 1);
        if (lo < hi && sorted[lo][0].length === end - at + 1) {
          const id = sorted[lo][1];
          offer(at, end + 1, best[at] + scores[id], id + 1);
          if (end + 1 === at + width) single = true;
        }
      }
      if (!single) offer(at, at + width, best[at] + unkScore, 0);
      at += width;
    }
    const out: number[] = [];
    for (let end = n; end > 0;) {
      if (by[end] > 0 && by[end] - 1 !== unk) {
        out.push(by[end] - 1);
        end = from[end];
        continue;
      }
      let start = end; // unknown characters side by side are one
      while (start > 0 && (by[start] === 0 || by[start] - 1 === unk)) start = from[start];
      const text = piece.slice(start, end);
      if (fallback) for (const b of Buffer.from(text).toReversed()) out.push(bytes[b]!);
      else if (unk === undefined) throw unknown(text);
      else out.push(unk);
      end = start;
    }
    return out.reverse();
  };
  return { vocab, encode };
}
