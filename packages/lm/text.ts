/** Passages of a text, as people read them and models go on from them: whole sentences within one paragraph. */
import { rng, TillerError } from "@tiller/schema";
import type { Tokenizer } from "./tokenizer.ts";

/** One space between words, plain quotes, one empty line between paragraphs. */
export function normalise(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[^\P{Cc}\n\t]/gu, "") // the speeches hold stray control characters
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter(Boolean)
    .join("\n\n");
}

/** The last part of the text, from a paragraph's start on, is held out. */
export function splitTrainHeldout(
  text: string,
  options: { heldout?: number } = {},
): { train: string; heldout: string } {
  const from = Math.floor(text.length * (1 - (options.heldout ?? 0.1)));
  const at = text.indexOf("\n\n", from);
  if (at < 0) return { train: text, heldout: "" };
  return { train: text.slice(0, at), heldout: text.slice(at + 2) };
}

const abbreviations =
  /(?:^|[\s("'—])(?:Mr|Mrs|Ms|Dr|St|Capt|Col|Gen|Gov|Hon|Jr|Sr|No|Nos|vs|etc|viz|i\.e|e\.g|[A-Z])\.$/;

/** Sentences of one paragraph, each with its closing quotes; abbreviations and initials end none. */
export function sentences(paragraph: string): string[] {
  const out: string[] = [];
  let start = 0;
  for (const { 0: found, index } of paragraph.matchAll(/[.!?]+["')\]]*(?= +["'([]?[A-Z]|$)/g)) {
    const end = index + found.length;
    const sentence = paragraph.slice(start, end);
    if (abbreviations.test(sentence)) continue;
    out.push(sentence.trim());
    start = end;
  }
  return out; // a tail without a full stop is no sentence
}

export interface PassageOptions {
  readonly n: number;
  readonly seed: number;
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly tokenizer: Tokenizer;
}

/**
 * `n` passages that begin and end at sentence bounds within one paragraph and share no sentence, in a
 * random order that the seed fixes. Passages of two texts that do not overlap (see `splitTrainHeldout`)
 * do not either.
 */
export function samplePassages(text: string, options: PassageOptions): string[] {
  const { n, seed, minTokens, maxTokens, tokenizer } = options;
  const random = rng(seed, "passages");
  const size = (t: string) => tokenizer.encode(t).length;
  const found: string[] = [];
  const seen = new Set<string>();
  for (const paragraph of random.shuffle(text.split("\n\n"))) {
    if (found.length >= n) break;
    const all = sentences(paragraph);
    let from = 0;
    while (from < all.length && found.length < n) {
      // Mostly near the minimum: a book has more short passages than long ones.
      const target = minTokens + Math.floor((maxTokens - minTokens) * random.next() ** 2);
      let passage = "";
      let to = from;
      while (to < all.length) {
        const longer = passage ? `${passage} ${all[to]}` : all[to];
        if (size(longer) > maxTokens) break;
        passage = longer;
        to++;
        if (size(passage) >= target) break;
      }
      if (passage && size(passage) >= minTokens && !seen.has(passage)) {
        found.push(passage);
        seen.add(passage);
      }
      from = Math.max(to, from + 1);
    }
  }
  if (found.length < n)
    throw new TillerError(
      "too_few_passages",
      `the text has ${found.length} passages of ${minTokens} to ${maxTokens} tokens, ${n} were asked for. Widen the range or ask for fewer.`,
    );
  return random.shuffle(found);
}
