/**
 * Which words below stand behind a sentence: of what the sentence was made from, the passage that shares most of its rare words. A guess by
 * words alone, for finding one's way: it says where to look and not whether the sentence is true.
 */
import type { Span } from "./split.ts";

const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });
const blank = /\n[^\S\n]*(?:\n[^\S\n]*)+/g;

// a line's end would end a sentence
const unwrapped = (text: string) => text.replaceAll(/\s/g, " ");

/** Sentences, none across an empty line, without the space around them. */
export function sentencesOf(text: string): Span[] {
  const spans: Span[] = [];
  const paragraph = (from: number, to: number) => {
    for (const { segment, index } of segmenter.segment(unwrapped(text.slice(from, to)))) {
      const begin = from + index + (segment.length - segment.trimStart().length);
      const end = begin + segment.trim().length;
      if (end > begin) spans.push({ from: begin, to: end });
    }
  };
  let from = 0;
  for (const { 0: gap, index } of text.matchAll(blank)) {
    paragraph(from, index);
    from = index + gap.length;
  }
  paragraph(from, text.length);
  return spans;
}

export const wordsOf = (text: string): Set<string> =>
  new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);

/** How rare each word is among these texts, in nats. */
export function rarity(texts: readonly string[]): (word: string) => number {
  const seen = new Map<string, number>();
  for (const text of texts) for (const w of wordsOf(text)) seen.set(w, (seen.get(w) ?? 0) + 1);
  return (word) => Math.log((texts.length + 1) / ((seen.get(word) ?? 0) + 0.5));
}

const LEAST = 2; // nats of shared words; less is chance

/** The index of the passage that stands behind a sentence; undefined: none shares more than common words. */
export function support(
  sentence: string,
  passages: readonly ReadonlySet<string>[],
  rare: (word: string) => number,
): number | undefined {
  const words = [...wordsOf(sentence)];
  let [best, most] = [undefined as number | undefined, 0];
  for (const [i, passage] of passages.entries()) {
    const shared = words.reduce((sum, w) => sum + (passage.has(w) ? rare(w) : 0), 0);
    const score = shared / Math.sqrt(passage.size + 8);
    if (shared >= LEAST && score > most) [best, most] = [i, score];
  }
  return best;
}
