/**
 * What a policy sees of a node: for each object that it may have to write about, the candidates it can choose from, each a person named in a
 * sentence of the chunk or in a line of the outputs below, and "nothing to say". A candidate is a set of features of the text: words and
 * pairs of words with the roles in place of the names, how "it" can be meant, what is told of the object after it. What the right
 * choice is has to be learned. The tree is Wu et al.'s: leaves, then four outputs a node, one policy for all heights.
 */
import { type Book, type Chunk, objects, people } from "./story.ts";

/** Of an output: "key: Tom; ring: Anna", in the order in which they changed hands. */
export interface Entry {
  readonly object: number;
  readonly to: number;
}
interface Candidate {
  /** among all that were ever seen: what the network scores */
  readonly id: number;
  /** -1: nothing to say */
  readonly to: number;
  /** the sentence, or the line among those of the children */
  readonly at: number;
}
export interface Group {
  readonly object: number;
  readonly candidates: readonly Candidate[];
}

export const FEATURES = 24; // of a candidate at most
export const BUCKETS = 2048; // of the hash, 0 for none

/** Candidates by their features: the same features are one candidate. */
export class Table {
  readonly features: Int32Array[] = [];
  readonly #ids = new Map<string, number>();
  readonly #buckets = new Map<string, number>();

  id(names: Iterable<string>): number {
    const buckets = [...new Set([...names].map((n) => this.#bucket(n)))].slice(0, FEATURES);
    const key = buckets.join();
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.features.length;
      this.#ids.set(key, id);
      this.features.push(Int32Array.from(buckets));
    }
    return id;
  }
  #bucket(name: string): number {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      let h = 2166136261;
      for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
      h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
      bucket = 1 + (((h ^ (h >>> 13)) >>> 0) % (BUCKETS - 1));
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }
}

interface Mention {
  readonly words: readonly string[];
  readonly people: readonly number[];
  /** -1: "it" */
  readonly object: number;
}
const nameAt = new Map(people.map((p, i) => [p.toLowerCase(), i]));
const objectAt = new Map(objects.map((o, i) => [o, i]));

/** The sentences of a chunk that speak of people and of an object, or of "it". */
export function mentionsOf(text: string): Mention[] {
  return text.split(/(?<=[.!?])\s+/).flatMap((sentence): Mention[] => {
    const words = (sentence.toLowerCase().match(/[a-z']+/g) ?? []).map((w) => w.replace(/'s$/, ""));
    const found = [...new Set(words.flatMap((w) => nameAt.get(w) ?? []))];
    const named = words.flatMap((w) => objectAt.get(w) ?? [])[0];
    if (found.length === 0 || (named === undefined && !words.includes("it"))) return [];
    return [{ words, people: found, object: named ?? -1 }];
  });
}

const roles = (m: Mention, x: number): string[] =>
  m.words
    .map((w) => {
      const person = nameAt.get(w);
      if (person !== undefined) return x < 0 ? "P" : person === x ? "X" : "Y";
      return objectAt.has(w) || (w === "it" && m.object < 0) ? "O" : w;
    })
    .filter((w) => w !== "the");
const pairs = (words: readonly string[]) => words.slice(1).map((w, i) => `${words[i]} ${w}`);

/** What "it" can be in each mention: the object spoken of before it, what the context says changed last. */
function meant(mentions: readonly Mention[], context: number | undefined): Map<number, string>[] {
  let before: number | undefined;
  return mentions.map((m) => {
    const can = new Map<number, string>();
    if (m.object >= 0) can.set(m.object, "named");
    else {
      if (context !== undefined && context >= 0) can.set(context, "it context");
      if (before !== undefined) can.set(before, "it before");
    }
    before = m.object >= 0 ? m.object : (before ?? context);
    return can;
  });
}

/** `context`: the object that the output before it ends with, -1 if that is empty; undefined: the output is not shown. */
function leafGroups(table: Table, chunk: Chunk, context: number | undefined): Group[] {
  const mentions = mentionsOf(chunk.text);
  const can = meant(mentions, context);
  return objects.flatMap((_, object): Group[] => {
    const about = mentions.flatMap((m, at) => (can[at]!.has(object) ? [{ m, at }] : []));
    if (about.length === 0) return [];
    const candidates = about.flatMap(({ m, at }, k) => {
      const later = about.slice(k + 1);
      const after = later.flatMap((l) => roles(l.m, -1).map((w) => `after ${w}`));
      return m.people.map((x) => {
        const words = roles(m, x);
        const link = can[at]!.get(object)!;
        const order = words.indexOf("X") < words.indexOf("O") ? "X..O" : "O..X";
        const features = [`leaf ${link}`, `later ${Math.min(2, later.length)}`, order];
        return { id: table.id([...features, ...pairs(words), ...after, ...words]), to: x, at };
      });
    });
    const said = about.flatMap(({ m }) => roles(m, -1));
    const links = about.map(({ at }) => `none ${can[at]!.get(object)}`);
    const none = [
      `none of ${Math.min(3, about.length)}`,
      ...links,
      ...said.map((w) => `none ${w}`),
    ];
    return [{ object, candidates: [...candidates, { id: table.id(none), to: -1, at: -1 }] }];
  });
}

function composeGroups(table: Table, children: readonly (readonly Entry[])[]): Group[] {
  const lines = children.flat();
  return objects.flatMap((_, object): Group[] => {
    const about = lines.flatMap((l, at) => (l.object === object ? [{ to: l.to, at }] : []));
    if (about.length === 0) return [];
    const candidates = about.map(({ to, at }, k) => ({
      id: table.id(["line", `line later ${about.length - 1 - k}`, `line earlier ${k}`]),
      to,
      at,
    }));
    const none = { id: table.id(["line none", `line none of ${about.length}`]), to: -1, at: -1 };
    return [{ object, candidates: [...candidates, none] }];
  });
}

export interface Node {
  readonly height: number;
  readonly index: number;
  /** first chunk, and the one after the last */
  readonly from: number;
  readonly to: number;
  readonly groups: readonly Group[];
  /** by group, which candidate */
  readonly chosen: readonly number[];
  readonly output: readonly Entry[];
  /** words of what was read: the chunk or the outputs below, and the output before */
  readonly read: number;
  /** of the output before it, as leafGroups takes it */
  readonly context: number | undefined;
  readonly children: readonly (readonly Entry[])[];
}
export type Choose = (groups: readonly Group[], at: { height: number; index: number }) => number[];

const FAN_IN = 4;
export const wordsOfEntries = (entries: readonly Entry[]): number => 2 * entries.length; // "key: Tom;"

export function outputOf(groups: readonly Group[], chosen: readonly number[]): Entry[] {
  return groups
    .map((g, i) => ({ object: g.object, ...g.candidates[chosen[i]!]! }))
    .filter((c) => c.to >= 0)
    .sort((a, b) => a.at - b.at)
    .map(({ object, to }) => ({ object, to }));
}

/** The leaf groups of a book's chunks are the same whenever what they depend on is. */
export class Reader {
  readonly table = new Table();
  readonly #known = new WeakMap<Chunk, Map<number | undefined, Group[]>>();

  leaf(chunk: Chunk, context: number | undefined): Group[] {
    let of = this.#known.get(chunk);
    if (!of) this.#known.set(chunk, (of = new Map()));
    let groups = of.get(context);
    if (!groups) of.set(context, (groups = leafGroups(this.table, chunk, context)));
    return groups;
  }

  /**
   * A book from left to right and from below: nodes by height; the last one is the root. `context`: whether leaves see the output
   * before, or with a `lag` of k the one k before that.
   */
  tree(
    book: Book,
    choose: Choose,
    o: { readonly context: boolean; readonly lag?: number },
  ): Node[] {
    const nodes: Node[] = [];
    let level: Node[] = [];
    for (const [index, chunk] of book.chunks.entries()) {
      const before = level[index - 1 - (o.lag ?? 0)]?.output;
      const context = o.context ? (before?.at(-1)?.object ?? -1) : undefined;
      const groups = this.leaf(chunk, context);
      const chosen = choose(groups, { height: 0, index });
      const shown = o.context && before ? wordsOfEntries(before) : 0;
      level.push({
        height: 0,
        index,
        from: index,
        to: index + 1,
        groups,
        chosen,
        context,
        children: [],
        output: outputOf(groups, chosen),
        read: chunk.words + shown,
      });
    }
    nodes.push(...level);
    for (let height = 1; level.length > 1; height++) {
      const above: Node[] = [];
      for (let i = 0; i < level.length; i += FAN_IN) {
        const below = level.slice(i, i + FAN_IN);
        const children = below.map((n) => n.output);
        const groups = composeGroups(this.table, children);
        const index = above.length;
        const chosen = choose(groups, { height, index });
        above.push({
          height,
          index,
          from: below[0]!.from,
          to: below.at(-1)!.to,
          groups,
          chosen,
          children,
          context: undefined,
          output: outputOf(groups, chosen),
          read: children.reduce((n, c) => n + wordsOfEntries(c), 0),
        });
      }
      nodes.push(...above);
      level = above;
    }
    return nodes;
  }
}

/** The share of the objects that an output has right. */
export const accuracy = (output: readonly Entry[], truth: readonly number[]): number => {
  const held = new Map(output.map((e) => [e.object, e.to]));
  return truth.filter((to, object) => (held.get(object) ?? -1) === to).length / truth.length;
};
