/** A tree as the page has it: its nodes by name, what is open, and what stands behind a sentence. */
import { rarity, sentencesOf, support, wordsOf } from "@tiller/book/support.ts";
import type { TreeNode } from "@tiller/schema";

export interface BookTree {
  readonly nodes: ReadonlyMap<string, TreeNode>;
  readonly root: TreeNode | undefined;
  readonly leaves: readonly TreeNode[];
  readonly children: ReadonlyMap<string, readonly TreeNode[]>;
}
export const heightOf = (node: string): number => Number(node.split(".")[0]);
const placeIn = (node: string): number => Number(node.split(".")[1]);

export function bookTree(nodes: ReadonlyMap<string, TreeNode>): BookTree {
  const inOrder = [...nodes.values()].toSorted(
    (a, b) => heightOf(a.node) - heightOf(b.node) || placeIn(a.node) - placeIn(b.node),
  );
  const children = new Map<string, TreeNode[]>();
  for (const n of inOrder)
    if (n.parent !== null) children.set(n.parent, [...(children.get(n.parent) ?? []), n]);
  return {
    nodes,
    root: inOrder.at(-1),
    leaves: inOrder.filter((n) => n.starts !== null),
    children,
  };
}

export interface Row {
  readonly node: TreeNode;
  readonly depth: number;
}
/** What is shown, from the top: the children of what is open. */
export function rowsOf(tree: BookTree, open: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const visit = (node: TreeNode, depth: number) => {
    rows.push({ node, depth });
    if (open.has(node.node))
      for (const c of tree.children.get(node.node) ?? []) visit(c, depth + 1);
  };
  if (tree.root) visit(tree.root, 0);
  return rows;
}
/** A node and all above it. */
export function pathTo(tree: BookTree, node: string): string[] {
  const parent = tree.nodes.get(node)?.parent;
  return parent ? [node, ...pathTo(tree, parent)] : [node];
}

interface Sentence {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}
export const sentences = (text: string): Sentence[] =>
  sentencesOf(text).map((s) => ({ ...s, text: text.slice(s.from, s.to) }));

/** What a node is called in the tree. */
export const nameOf = (tree: BookTree, node: TreeNode): string =>
  node === tree.root && tree.children.has(node.node)
    ? "The book"
    : `${node.starts === null ? "Part" : "Passage"} ${node.node}`;

/** Where a sentence of a summary leads: the summary below, or the place in the book, that shares most of its rare words. */
export type Lead = { readonly node: string; readonly span?: Sentence };
export interface Led {
  readonly sentence: Sentence;
  readonly lead: Lead | undefined;
}
const KEPT = 4000; // nodes whose sentences are kept: all that a page shows again and again
/** `previous`: of the tree a moment ago, whose work is kept where it still holds. */
export class Support {
  readonly #tree: BookTree;
  readonly #text: string;
  #rare: ((word: string) => number) | undefined;
  readonly #led: Map<string, readonly Led[]>;
  constructor(tree: BookTree, text: string, previous?: Support) {
    this.#tree = tree;
    this.#text = text;
    const same = previous && previous.#text === text ? previous : undefined; // an edit moves passages with the text
    this.#rare = same && same.#rare;
    this.#led = same ? same.#led : new Map();
  }
  #rarity(): (word: string) => number {
    return (this.#rare ??= rarity(this.#tree.leaves.map((l) => this.textOf(l))));
  }
  textOf(leaf: TreeNode): string {
    return this.#text.slice(leaf.starts ?? 0, leaf.ends ?? 0);
  }
  #key(node: TreeNode): string {
    const children = this.#tree.children.get(node.node) ?? [];
    return [node, ...children].map((n) => `${n.node} ${n.seq}`).join();
  }
  /** The sentences of a node's summary, each with where it leads; undefined: not looked for so far. */
  known(node: TreeNode): readonly Led[] | undefined {
    return this.#led.get(this.#key(node));
  }
  /** Looks for them, once for what stands there: milliseconds, too long for each of the rows that fly past in a frame. */
  find(node: TreeNode): void {
    if (this.#led.size >= KEPT) this.#led.clear();
    this.#led.set(this.#key(node), this.#lead(node, this.#tree.children.get(node.node) ?? []));
  }
  #lead(node: TreeNode, children: readonly TreeNode[]): Led[] {
    const below: readonly { readonly lead: Lead; readonly text: string }[] =
      node.starts === null
        ? children.map((c) => ({ lead: { node: c.node }, text: c.text ?? "" }))
        : sentences(this.textOf(node)).map((span) => ({
            lead: { node: node.node, span },
            text: span.text,
          }));
    const passages = below.map((b) => wordsOf(b.text));
    return sentences(node.text ?? "").map((sentence) => {
      const at = support(sentence.text, passages, this.#rarity());
      return { sentence, lead: at === undefined ? undefined : below[at]!.lead };
    });
  }
}
