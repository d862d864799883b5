/** Texts as people count them: words, characters, and about how many tokens. */
import type { Limit } from "@tiller/schema";

// one locale, so that the browser and the server count the same
const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
const wordsOf = new Intl.Segmenter("en", { granularity: "word" });
/** Scripts that put no spaces between words. */
const unspaced =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const count = (xs: Iterable<unknown>): number => {
  let n = 0;
  for (const _ of xs) n++;
  return n;
};
/** Words as [start, end): between spaces, without the punctuation behind; in scripts without spaces by a dictionary. */
export const wordsIn = (text: string): (readonly [number, number])[] =>
  [...text.matchAll(/\S+/g)].flatMap(({ 0: piece, index }): [number, number][] => {
    if (unspaced.test(piece))
      return [...wordsOf.segment(piece)]
        .filter((s) => s.isWordLike)
        .map((s) => [index + s.index, index + s.index + s.segment.length]);
    const word = piece.replace(/[.,;:!?”"')\]]+$/u, "") || piece;
    return [[index, index + word.length]];
  });
const words = (text: string) => wordsIn(text).length;
// as GPT-2 splits text before it merges; a long word counts for one token in every eight letters, where each sign is a
// word or a syllable for one a sign
const pieces = /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const tokens = (text: string) =>
  (text.match(pieces) ?? []).reduce(
    (n, piece) => n + (unspaced.test(piece) ? count(piece.trim()) : Math.ceil(piece.length / 8)),
    0,
  );
/** How much of a limited text there is. Tokens are an estimate that suits English and many tokenizers. */
export const measure: Record<Limit["unit"], (text: string) => number> = {
  words,
  tokens,
  // what people take for one: an emoji of several code points, a letter with its accents
  characters: (text) => (/^[\n -~]*$/.test(text) ? text.length : count(characters.segment(text))),
};
/** About how many words of English so many tokens are. */
export const wordsOfTokens = (tokens: number): number => Math.round(tokens * 0.75);

/**
 * Where the character around a place in a text begins and ends; undefined: the place is between two. The halves of a
 * line end (CR, LF) are two, since marks of other tools may end there.
 */
export function characterAround(
  text: string,
  place: number,
): { start: number; end: number } | undefined {
  if (place <= 0 || place >= text.length || text.slice(place - 1, place + 1) === "\r\n")
    return undefined;
  // characters are short: their neighbourhood says where they are
  const from = Math.max(0, place - 128);
  const found = characters.segment(text.slice(from, place + 128)).containing(place - from)!;
  const [start, end] = [from + found.index, from + found.index + found.segment.length];
  return start < place ? { start, end } : undefined;
}
