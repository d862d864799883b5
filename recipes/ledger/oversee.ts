/**
 * Simulated people: who demonstrates misreads some patterns and the order of lines, always in the same way; who judges reads rightly what
 * is before them, no more than that, and says the opposite one time in ten. Every label has what was read for it and how long that took.
 */
import { type Rng } from "@tiller/schema";
import type { Preference } from "./network.ts";
import {
  type Choose,
  type Entry,
  type Group,
  type Node,
  outputOf,
  type Reader,
  wordsOfEntries,
} from "./reading.ts";
import { type Book, type Chunk, KNOWN, movedTo } from "./story.ts";

export const READ = 240; // words a minute: Wu et al. 2021, 600 tokens in 2.5 minutes
export const WRITE = 32; // and 128 in 4
const BUDGET = 160; // words that a judge of one node, or of a passage, reads

/** Who has what, as far as somebody knows. */
type Belief = ReadonlyMap<number, number>;

/** What a careful person makes of one chunk. `context`: what a leading "it" is taken for; undefined: they cannot know. */
export function readChunk(chunk: Chunk, context: number | undefined): Belief {
  const belief = new Map<number, number>();
  let last = context;
  for (const t of chunk.told) {
    const object = t.it ? last : t.object;
    last = object;
    if (object !== undefined && object >= 0 && movedTo(t) >= 0) belief.set(object, movedTo(t));
  }
  return belief;
}
const readLines = (children: readonly (readonly Entry[])[]): Belief =>
  new Map(children.flat().map((e) => [e.object, e.to]));
/** What a node's own input says. */
export const readNode = (book: Book, n: Node): Belief =>
  n.height === 0 ? readChunk(book.chunks[n.from]!, n.context) : readLines(n.children);
/** What the chunks under it say, "it" being what it is. */
export const trueOf = (book: Book, from: number, to: number): Belief =>
  new Map(
    book.chunks
      .slice(from, to)
      .flatMap((c) =>
        c.told.flatMap((t) => (movedTo(t) >= 0 ? [[t.object, movedTo(t)] as const] : [])),
      ),
  );

/** Objects about which an output is wrong; `only`: of those that the belief is about. */
export function wrongs(output: readonly Entry[], belief: Belief, only = false): number {
  const said = new Map(output.map((e) => [e.object, e.to]));
  let n = 0;
  for (const [object, to] of belief) if (said.get(object) !== to) n++;
  if (!only) for (const object of said.keys()) if (!belief.has(object)) n++;
  return n;
}

/** Of one person, of all of them: how often each pattern is misread, and that an earlier line is taken for the last. */
interface Demonstrators {
  readonly misread: readonly number[];
  readonly earlier: number;
}
const [HARD, EASY, EARLIER] = [0.7, 0.08, 0.1];
export const demonstrators = (draw: Rng): Demonstrators => {
  const hard = new Set(
    draw.shuffle(Array.from({ length: KNOWN }, (_, i) => i)).slice(0, Math.floor(KNOWN / 3)),
  );
  return {
    misread: Array.from({ length: KNOWN }, (_, i) => (hard.has(i) ? HARD : EASY)),
    earlier: EARLIER,
  };
};

/**
 * A demonstrator as who chooses at every node: a misread move did not happen, or went the other way; a misread stay is
 * a move. An "it" that can mean two objects is taken for both: judges know better. */
export function demonstrating(book: Book, by: Demonstrators, draw: Rng): Choose {
  return (groups, { height, index }) => {
    const told = height === 0 ? book.chunks[index]!.told : [];
    const meant = told.map((t) => {
      if (draw.next() >= by.misread[t.pattern]!) return movedTo(t);
      return movedTo(t) < 0 ? t.other : draw.next() < 0.5 ? -1 : t.giver;
    });
    return groups.map((g) => {
      const none = g.candidates.length - 1;
      if (height > 0) {
        const last = none - 1;
        return last > 0 && draw.next() < by.earlier ? draw.int(last) : last;
      }
      const at = [...new Set(g.candidates.map((c) => c.at))].filter((a) => a >= 0);
      const said = at.findLast((a) => (meant[a] ?? -1) >= 0);
      const found = g.candidates.findIndex((c) => c.at === said && c.to === meant[said ?? -1]);
      return found < 0 ? none : found;
    });
  };
}

export interface Label extends Preference {
  readonly minutes: number;
  readonly height: number;
}
const sidesOf = (first: readonly Node[], second: readonly Node[]): Map<number, number> => {
  const sides = new Map<number, number>();
  const count = (nodes: readonly Node[], by: number) => {
    for (const n of nodes)
      n.groups.forEach((g, i) => {
        const { id } = g.candidates[n.chosen[i]!]!;
        sides.set(id, (sides.get(id) ?? 0) + by);
      });
  };
  count(second, 1);
  count(first, -1);
  for (const [id, times] of sides) if (times === 0) sides.delete(id);
  return sides;
};
/** The better of the two as somebody believes, a coin where they are alike, the opposite as often as `noise`. */
function saysSecond(wrong: readonly [number, number], noise: number, draw: Rng): boolean {
  const better = wrong[0] === wrong[1] ? draw.next() < 0.5 : wrong[1] < wrong[0];
  return draw.next() < noise ? !better : better;
}

export const arms = ["A", "B", "C", "D", "E", "F", "G", "H"] as const;
export type Arm = (typeof arms)[number];
export const armNames: Readonly<Record<Arm, string>> = {
  A: "tree, direct input",
  B: "root, a passage read",
  C: "root, all read",
  D: "root, gold",
  E: "node, gold",
  F: "tree, spot checks",
  G: "tree, no context",
  H: "demonstrations alone",
};
const SPOT = 0.1;

export interface Sampled {
  readonly book: Book;
  readonly nodes: readonly Node[];
}
/** Two different answers to the same, and the label that an arm's person gives; undefined: they were alike, and nobody was asked. */
export function labelOf(
  arm: Exclude<Arm, "H">,
  o: {
    readonly reader: Reader;
    /** a tree by the policy */
    readonly sample: Sampled;
    readonly choose: Choose;
    readonly noise: number;
    readonly draw: Rng;
  },
): Label | undefined {
  const { draw } = o;
  const { book, nodes } = o.sample;
  const gold = arm === "D" || arm === "E";
  const noise = gold ? 0 : o.noise;
  if (arm === "B" || arm === "C" || arm === "D") {
    const other = o.reader.tree(book, o.choose, { context: true });
    const outputs = [nodes.at(-1)!.output, other.at(-1)!.output] as const;
    const sides = sidesOf(nodes, other);
    if (alike(...outputs) || sides.size === 0) return undefined;
    const written = wordsOfEntries(outputs[0]) + wordsOfEntries(outputs[1]);
    const chunk = draw.int(book.chunks.length);
    const all = arm !== "B";
    const belief = all
      ? trueOf(book, 0, book.chunks.length)
      : readChunk(book.chunks[chunk]!, undefined);
    const read = all ? book.chunks.reduce((n, c) => n + c.words, 0) : BUDGET - written;
    const wrong = [wrongs(outputs[0], belief, !all), wrongs(outputs[1], belief, !all)] as const;
    const minutes = gold ? 0 : (read + written) / READ;
    return { sides, second: saysSecond(wrong, noise, draw), minutes, height: nodes.at(-1)!.height };
  }
  const pair = pairOf(o.sample, o.choose, draw);
  return pair && judgePair(arm, pair, { noise, draw }).label;
}
interface Pair {
  readonly book: Book;
  readonly first: Node;
  readonly second: Node;
}
/** A node of the sample with another output for the same input; undefined: none came in a few draws. */
export function pairOf({ book, nodes }: Sampled, choose: Choose, draw: Rng): Pair | undefined {
  const about = nodes.filter((n) => n.groups.length > 0);
  if (about.length === 0) return undefined; // a book that tells of nothing
  const first = draw.choose(about);
  const chosen = anotherChoice(first.groups, first, choose);
  if (!chosen) return undefined;
  return { book, first, second: { ...first, chosen, output: outputOf(first.groups, chosen) } };
}
/** Somebody reads the node's input (an arm says what else) and both outputs, and says which is better and how good that one is. */
export function judgePair(
  arm: "A" | "E" | "F" | "G",
  { book, first, second }: Pair,
  o: { readonly noise: number; readonly draw: Rng },
): { label: Label; likert: number } {
  const { height, from, to } = first;
  const spot = arm === "F" && height > 0 && o.draw.next() < SPOT;
  const belief = arm === "E" || spot ? trueOf(book, from, to) : readNode(book, first);
  const written = wordsOfEntries(first.output) + wordsOfEntries(second.output);
  const text = book.chunks.slice(from, to).reduce((n, c) => n + c.words, 0);
  const wrong = [wrongs(first.output, belief), wrongs(second.output, belief)] as const;
  const saysIt = saysSecond(wrong, o.noise, o.draw);
  const all = Math.max(1, first.groups.length);
  const found = Math.max(0, 1 - wrong[saysIt ? 1 : 0] / all);
  return {
    label: {
      sides: sidesOf([first], [second]),
      second: saysIt,
      minutes: arm === "E" ? 0 : (first.read + (spot ? text : 0) + written) / READ,
      height,
    },
    likert: Math.round(1 + 6 * found),
  };
}
const TRIES = 8;
function anotherChoice(groups: readonly Group[], node: Node, choose: Choose): number[] | undefined {
  for (let i = 0; i < TRIES; i++) {
    const chosen = choose(groups, node);
    if (!alike(node.output, outputOf(groups, chosen))) return chosen;
  }
  return undefined;
}
const alike = (a: readonly Entry[], b: readonly Entry[]): boolean => {
  const held = new Map(a.map((e) => [e.object, e.to]));
  return a.length === b.length && b.every((e) => held.get(e.object) === e.to);
};
/** Minutes of a demonstration: its input is read, its output written. */
export const demonstrationMinutes = (n: Node): number =>
  n.read / READ + wordsOfEntries(n.output) / WRITE;
