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

/** Where a sentence of a summary leads: the summary below, or the place in the book, that shares most of its rare words. */
export type Lead = { readonly node: string; readonly span?: Sentence };
export class Support {
  readonly #tree: BookTree;
  readonly #text: string;
  #rare: ((word: string) => number) | undefined;
  readonly #passages = new Map<string, readonly ReadonlySet<string>[]>();
  constructor(tree: BookTree, text: string) {
    this.#tree = tree;
    this.#text = text;
  }
  #rarity(): (word: string) => number {
    return (this.#rare ??= rarity(this.#tree.leaves.map((l) => this.textOf(l))));
  }
  textOf(leaf: TreeNode): string {
    return this.#text.slice(leaf.starts ?? 0, leaf.ends ?? 0);
  }
  /** What stands right below a node. */
  #below(node: TreeNode): Lead[] {
    if (node.starts === null)
      return (this.#tree.children.get(node.node) ?? []).map((c) => ({ node: c.node }));
    return sentences(this.textOf(node)).map((span) => ({ node: node.node, span }));
  }
  lead(node: TreeNode, sentence: string): Lead | undefined {
    const below = this.#below(node);
    const key = `${node.node} ${node.seq}`;
    let passages = this.#passages.get(key);
    if (!passages) {
      passages = below.map((b) =>
        wordsOf(b.span?.text ?? this.#tree.nodes.get(b.node)?.text ?? ""),
      );
      this.#passages.set(key, passages);
    }
    const at = support(sentence, passages, this.#rarity());
    return at === undefined ? undefined : below[at];
  }
  /** Which sentences of a node lead to each place below it: the way back. */
  uses(node: TreeNode): { readonly sentence: Sentence; readonly lead: Lead }[] {
    return sentences(node.text ?? "").flatMap((sentence) => {
      const lead = this.lead(node, sentence.text);
      return lead ? [{ sentence, lead }] : [];
    });
  }
}
