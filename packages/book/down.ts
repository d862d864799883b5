/** The way from a sentence of a summary down to the book's words: at each height the place that shares most of its rare words. */
import { rarity, sentencesOf, support, wordsOf } from "./support.ts";

/** Structural: rows of a tree as pages and commands have them. */
interface Row {
  readonly node: string;
  readonly parent: string | null;
  readonly starts: number | null;
  readonly ends: number | null;
  readonly text: string | null;
}
/** A sentence of a node's summary; or, without a node, of the book, where it stands. */
export interface Step {
  readonly node: string | null;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

export class WayDown {
  readonly #nodes: ReadonlyMap<string, Row>;
  readonly #children: ReadonlyMap<string | null, readonly Row[]>;
  readonly #text: string;
  #rare: ((word: string) => number) | undefined;

  constructor(nodes: Iterable<Row>, text: string) {
    const all = [...nodes];
    this.#nodes = new Map(all.map((n) => [n.node, n]));
    this.#children = Map.groupBy(all, (n) => n.parent);
    this.#text = text;
  }
  get root(): string | undefined {
    return this.#children.get(null)?.[0]?.node;
  }
  /** From a sentence of this node, itself left out; it ends early where nothing below shares more than common words. */
  from(node: string, sentence: string): Step[] {
    const row = this.#nodes.get(node);
    const below = row ? this.#below(row) : [];
    this.#rare ??= rarity(
      [...this.#nodes.values()].flatMap((n) =>
        n.starts === null ? [] : [this.#text.slice(n.starts, n.ends ?? n.starts)],
      ),
    );
    const words = below.map((s) => wordsOf(s.text));
    const at = support(sentence, words, this.#rare);
    const step = at === undefined ? undefined : below[at];
    if (!step) return [];
    return step.node === null ? [step] : [step, ...this.from(step.node, step.text)];
  }
  /** Sentences of the book for a passage, else of the summaries that a node was made from. */
  #below(row: Row): Step[] {
    if (row.starts !== null)
      return stepsIn(null, this.#text.slice(row.starts, row.ends ?? row.starts), row.starts);
    return (this.#children.get(row.node) ?? []).flatMap((c) => stepsIn(c.node, c.text ?? "", 0));
  }
}
const stepsIn = (node: string | null, text: string, at: number): Step[] =>
  sentencesOf(text).map((s) => ({
    node,
    text: text.slice(s.from, s.to),
    from: at + s.from,
    to: at + s.to,
  }));
