/**
 * Ledger: books in which eight objects change hands between sentences of Moby-Dick, with what is true known to whoever made them. A chunk
 * has about a hundred words and tells of up to three objects; a third of what is told moves nothing ("almost sold"). An object is
 * called "it" when it was the last one spoken of; with the probability `dependence` a chunk begins so, and only who knows how the chunk
 * before it ended can tell what moved.
 */
import { type Rng, rng } from "@tiller/schema";

export const people = "Anna Clara Emma Ruth Ida Nora Tom Ben Karl Paul Max Otto".split(" ");
export const objects = "key ring book lamp coin map knife letter".split(" ");

/** G has it, R is the other one. Each first half moves the object to R, each second leaves it where it is. */
const known = {
  moves: [
    "G gave O to R.",
    "G gave R O.",
    "G handed O to R.",
    "R was given O by G.",
    "O was handed to R by G.",
    "R took O from G.",
    "R got O from G.",
    "R stole O from G.",
    "G lost O to R at cards.",
    "G sold O to R.",
    "R bought O from G.",
    "G left O with R.",
    "R borrowed O from G.",
    "G lent R O.",
    "O passed from G to R.",
    "G let R keep O.",
    "To R G sent O.",
    "R won O from G.",
    "R inherited O from G.",
    "G was robbed of O by R.",
    "R talked G out of O.",
    "G threw O and R caught hold.",
    "R, whom G trusted, received O.",
    "G gave up O, and R had the better of the day.",
    "G paid R with O.",
    "R was paid by G with O.",
    "G sent O on to R.",
  ],
  stays: [
    "G did not give O to R.",
    "G almost sold O to R.",
    "R asked G for O in vain.",
    "G showed R O.",
    "R looked for O with G.",
    "G refused R O.",
    "G never lent O to R.",
    "R dreamed that G sent O.",
    "G promised R O, but kept hold.",
    "G spoke with R about O.",
    "R failed to take O from G.",
    "Nobody saw G hand O to R, for no such thing was done.",
    "G hid O from R.",
  ],
};
/** Never in what is learned from: for whether more than patterns was learned. */
const unseen = {
  moves: ["R snatched O from G.", "G made R a present of O.", "O went from G to R."],
  stays: ["G would not part with O for R.", "R envied G for O."],
};
export const patterns = [...known.moves, ...known.stays, ...unseen.moves, ...unseen.stays];
export const KNOWN = known.moves.length + known.stays.length;
const moving = new Set([...known.moves, ...unseen.moves]);

interface Told {
  readonly pattern: number;
  readonly object: number;
  readonly giver: number;
  readonly other: number;
  readonly it: boolean;
}
/** Who has it afterwards; -1: it stays where it was. */
export const movedTo = (t: Told): number => (moving.has(patterns[t.pattern]!) ? t.other : -1);

export interface Chunk {
  readonly text: string;
  readonly words: number;
  readonly told: readonly Told[];
}
export interface Book {
  readonly chunks: readonly Chunk[];
  /** by object who has it at the end; -1: nobody was given it */
  readonly truth: readonly number[];
}
interface Telling {
  readonly chunks: number;
  readonly dependence: number;
  /** also patterns that nobody learns from */
  readonly unseen?: boolean;
}
const WORDS = 100;
const STAYS = 1 / 3;
const IT = 0.2; // of the objects that were just spoken of in the same chunk

export const countWords = (text: string): number => text.match(/\S+/g)?.length ?? 0;

/** Sentences of a text that stand between what is told: nobody and nothing of the story is in them. */
export function fillers(text: string): string[] {
  const names = new RegExp(`\\b(?:${[...people, ...objects].join("|")})\\b`, "i");
  return text
    .replaceAll(/\s+/g, " ")
    .split(/(?<=[.!?])\s+/)
    .filter((s) => /^[A-Z][^"“”]*[.!?]$/.test(s) && !names.test(s))
    .filter((s) => countWords(s) >= 6 && countWords(s) <= 24);
}

export function tellBook(between: readonly string[], o: Telling, draw: Rng): Book {
  const truth = objects.map(() => -1);
  const starts = Array.from({ length: o.chunks }, (_, i) => i > 0 && draw.next() < o.dependence);
  const chunks: Chunk[] = [];
  let last = -1; // the object spoken of last
  for (let i = 0; i < o.chunks; i++) {
    const leads = starts[i + 1] === true; // the next chunk's "it" is what moved last in this one
    const n = Math.max(Number(leads || starts[i]), draw.int(4));
    const told: Told[] = [];
    for (let k = 0; k < n; k++) {
      const it = k === 0 ? starts[i]! : draw.next() < IT;
      const object = it ? last : draw.int(objects.length);
      const kinds = draw.next() < STAYS && !(leads && k === n - 1) ? "stays" : "moves";
      const all = o.unseen ? [...known[kinds], ...unseen[kinds]] : known[kinds];
      const pattern = patterns.indexOf(draw.choose(all));
      const giver = truth[object]! < 0 ? draw.int(people.length) : truth[object]!;
      const other = (giver + 1 + draw.int(people.length - 1)) % people.length;
      const one = { pattern, object, giver, other, it };
      told.push(one);
      if (movedTo(one) >= 0) truth[object] = movedTo(one);
      last = object;
    }
    chunks.push(written(told, between, draw));
  }
  return { chunks, truth };
}

function written(told: readonly Told[], between: readonly string[], draw: Rng): Chunk {
  const lines = told.map((t) => {
    const object = t.it ? "it" : `the ${objects[t.object]}`;
    const line = patterns[t.pattern]!.replaceAll(/\b[GRO]\b/g, (slot) =>
      slot === "O" ? object : people[slot === "G" ? t.giver : t.other]!,
    );
    return line[0]!.toUpperCase() + line.slice(1);
  });
  let left = WORDS - lines.reduce((n, l) => n + countWords(l), 0);
  const others: string[] = [];
  while (left > 0) {
    const line = draw.choose(between);
    others.push(line);
    left -= countWords(line);
  }
  // what is told keeps its order
  const places = draw.shuffle([...lines.map(() => true), ...others.map(() => false)]);
  const [a, b] = [lines.values(), others.values()];
  const text = places.map((own) => (own ? a : b).next().value!).join(" ");
  return { text, words: countWords(text), told };
}

export const books = (
  between: readonly string[],
  o: Telling & { readonly n: number; readonly seed: number; readonly name: string },
): Book[] => Array.from({ length: o.n }, (_, i) => tellBook(between, o, rng(o.seed, o.name, i)));
