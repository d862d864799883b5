/**
 * A text in parts of similar length, each with at most so many tokens (Wu et al. 2021, section 2: decomposition is an algorithm).
 * A part ends where a chapter ends, else a paragraph, else a line, else a word, whichever is best near to where an even division,
 * moved a little by the seed, would end it. The parts join to the text, character by character; white space around one does not count.
 * A word that is longer than a part is divided: some scripts have no spaces.
 */
import { type Rng, rng, TillerError } from "@tiller/schema";

export type CountTokens = (text: string) => number;
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A place where a part may end, with the tokens before it and how good an end it is. */
interface Place {
  readonly at: number;
  readonly tokens: number;
  readonly rank: 0 | 1 | 2 | 3;
}

const SLACK = 0.2; // of an even part: how far from its end a better place is looked for
const CHAPTER = 0.5; // and a chapter's end
const FILLED = 0.9; // of the bound, so that there are places to choose from
const heading =
  /^(?:chapter|letter|book|part|volume|stave|canto|act|scene|section|prologue|epilogue|preface|introduction|adventure)\b.{0,80}$|^[IVXLC]{1,8}\.?$/i;

function placesOf(text: string, most: number, count: CountTokens): Place[] {
  const known = new Map<string, number>();
  const tokensOf = (piece: string): number => {
    let n = known.get(piece);
    if (n === undefined) known.set(piece, (n = count(piece)));
    return n;
  };
  const places: Place[] = [];
  let tokens = 0;
  for (const { 0: piece, index } of text.matchAll(/\s*\S+|\s+$/g)) {
    const space = piece.slice(0, piece.length - piece.trimStart().length);
    const from = index + space.length;
    if (space !== "" && from > 0)
      places.push({ at: from, tokens, rank: rankOf(text, from, space) });
    const n = tokensOf(piece);
    if (n > most)
      for (const at of within(piece, most, count))
        if (index + at > (places.at(-1)?.at ?? 0))
          places.push({ at: index + at, tokens: tokens + (n * at) / piece.length, rank: 0 });
    tokens += n;
  }
  places.push({ at: text.length, tokens, rank: 3 });
  return places;
}

function rankOf(text: string, at: number, space: string): Place["rank"] {
  if (!/\n/.test(space)) return 0;
  if (!/\n[^\S\n]*\n/.test(space)) return 1;
  const end = text.indexOf("\n", at);
  return heading.test(text.slice(at, end < 0 ? text.length : end).trim()) ? 3 : 2;
}

/** Places in a word without spaces: its characters, never half of one. */
function* within(word: string, most: number, count: CountTokens): Generator<number> {
  let [at, from] = [0, 0];
  for (const character of word) {
    if (at > from && count(word.slice(from, at + character.length)) > most / 4) yield (from = at);
    at += character.length;
  }
}

export function splitText(
  text: string,
  o: { readonly most: number; readonly count: CountTokens; readonly seed: number },
): Span[] {
  if (text.trim() === "")
    throw new TillerError("empty_text", "the text is empty. Give one with words in it.");
  const { most, count } = o;
  const places = placesOf(text, most, count);
  const draw = rng(o.seed, "split");
  const spans: Span[] = [];
  let next = 0;
  for (let [from, before] = [0, 0]; from < text.length;) {
    const end = endOf(places, next, {
      from,
      before,
      most,
      draw,
      fits: (to) => count(text.slice(from, to).trim()) <= most,
    });
    spans.push({ from, to: places[end]!.at });
    [from, before] = [places[end]!.at, places[end]!.tokens];
    next = end + 1;
  }
  return spans;
}

/** The place at which the part that begins at `from` ends. */
function endOf(
  places: readonly Place[],
  next: number,
  o: {
    readonly from: number;
    readonly before: number;
    readonly most: number;
    readonly draw: Rng;
    readonly fits: (to: number) => boolean;
  },
): number {
  const left = places.at(-1)!.tokens - o.before;
  const jitter = 1 + SLACK * (o.draw.next() - 0.5);
  if (left <= o.most && o.fits(places.at(-1)!.at)) return places.length - 1;
  const even = left / Math.max(2, Math.ceil(left / (FILLED * o.most)));
  const ideal = even * jitter;
  let [best, score, last] = [-1, Infinity, next];
  for (let i = next; i < places.length; i++) {
    const tokens = places[i]!.tokens - o.before;
    if (tokens > o.most && i > next) break;
    last = i;
    const off = Math.abs(tokens - ideal) / even;
    const near = off <= (places[i]!.rank === 3 ? CHAPTER : SLACK);
    const s = near ? 3 - places[i]!.rank + off : 4 + off;
    if (s < score) [best, score] = [i, s];
  }
  // token counts of pieces are not quite those of the whole
  if (o.fits(places[best]!.at)) return best;
  for (let i = Math.min(best, last) - 1; i > next; i--) if (o.fits(places[i]!.at)) return i;
  return next;
}
