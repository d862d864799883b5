/**
 * What a policy reads (Wu et al. 2021, appendix): earlier outputs of the same depth joined by `----`, cut at their beginning to
 * what the window leaves, then `====`, the text or the children's outputs, and `TL;DR:`. And what is kept of its answer: the cap.
 */
import type { CountTokens } from "./split.ts";

export const TASK = "summarise@1";
const [BETWEEN, BEFORE, PARTS, ASKS] = ["\n----\n", "\n====\n", "\n\n", "\n\nTL;DR:"];

const headed = (instructions: string) => (instructions === "" ? "" : `${instructions.trim()}\n\n`);

/** Tokens of a prompt beside its text and its context. */
export const overheadOf = (count: CountTokens, instructions: string): number =>
  count(`${headed(instructions)}${BEFORE}`) + count(ASKS);

/** What a node is about: its text, or its children's outputs. Empty ones (front matter) are left out. */
export const joined = (outputs: readonly string[]): string =>
  outputs.filter((o) => o !== "").join(PARTS);

export interface Filled {
  readonly prompt: string;
  /** the parts of it: earlier outputs as far as they are read, and what the node is about */
  readonly earlier: readonly string[];
  readonly text: string;
  /** how many of the context's outputs it depends on, counted from the last; the earliest may be cut, or just not fit */
  readonly used: number;
  readonly tokens: number;
}

/** The words that are read, of their parts. */
export const promptOf = (o: {
  readonly instructions: string;
  readonly earlier: readonly string[];
  readonly text: string;
}): string =>
  `${headed(o.instructions)}${o.earlier.length > 0 ? `${o.earlier.join(BETWEEN)}${BEFORE}` : ""}${o.text.trim()}${ASKS}`;

/** `context`: earlier outputs of the same depth, in order; `room`: tokens that the prompt may have. */
export function fill(o: {
  readonly text: string;
  readonly context: readonly string[];
  readonly room: number;
  readonly instructions: string;
  readonly count: CountTokens;
}): Filled {
  const end = `${o.text.trim()}${ASKS}`;
  const fits = (prompt: string) => o.count(prompt) <= o.room;
  let left = o.room - o.count(end) - o.count(`${headed(o.instructions)}${BEFORE}`);
  let [kept, used] = [[] as string[], 0];
  for (let i = o.context.length - 1; i >= 0 && left > 0; i--) {
    const whole = o.context[i]!;
    const tokens = o.count(whole) + (kept.length > 0 ? o.count(BETWEEN) : 0);
    const shown =
      tokens <= left ? whole : endingOf(whole, left - (tokens - o.count(whole)), o.count);
    if (shown !== "") kept = [shown, ...kept];
    used++; // an empty one is part of what was read: it said that there was nothing
    left -= tokens;
  }
  const whole = (earlier: readonly string[]) => promptOf({ ...o, earlier });
  // the tokens of the pieces are not quite those of the whole
  for (; kept.length > 0 && !fits(whole(kept));) {
    const shorter = kept[0]!.replace(/^\s*\S+\s*/, "");
    kept = shorter === "" ? kept.slice(1) : [shorter, ...kept.slice(1)];
  }
  const prompt = whole(kept);
  return { prompt, earlier: kept, text: o.text.trim(), used, tokens: o.count(prompt) };
}

/** The words at the end of a text that have at most so many tokens. */
function endingOf(text: string, most: number, count: CountTokens): string {
  const starts = [...text.matchAll(/(?<=\s)\S/g)].map((m) => m.index);
  let [low, high] = [0, starts.length]; // the first start from which it fits
  while (low < high) {
    const middle = (low + high) >> 1;
    if (count(text.slice(starts[middle])) <= most) high = middle;
    else low = middle + 1;
  }
  return low < starts.length ? text.slice(starts[low]) : "";
}

/** The words at the beginning of an answer that have at most so many tokens: before anybody sees it. */
export function capped(text: string, cap: number, count: CountTokens): string {
  const whole = text.trim();
  if (count(whole) <= cap) return whole;
  let [low, high] = [0, whole.length]; // the longest beginning that fits
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (count(whole.slice(0, middle)) <= cap) low = middle;
    else high = middle - 1;
  }
  const half = /[\uD800-\uDBFF]$/.test(whole.slice(0, low)) ? 1 : 0;
  const begun = whole.slice(0, low - half);
  const cut = /\s/.test(whole[low] ?? " ") ? begun : begun.replace(/\s\S*$/, "");
  return cut.trimEnd();
}
