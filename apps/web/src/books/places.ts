/** Places that were named by their words, where the page can show them. */
import type { TreeNode } from "@tiller/schema";
import type { BookTree, Lead, Support } from "./book-tree.ts";

const BETWEEN = "\n\n".length; // summaries, as they are joined for a node above them

export interface Place {
  readonly from: number;
  readonly quote: string;
}

/** Where words of a node's direct input stand now: in the passage, or in a summary below; undefined: they are no longer there. */
export function placeOf(
  tree: BookTree,
  support: Support,
  node: TreeNode,
  { from, quote }: Place,
): Lead | undefined {
  const to = from + quote.length;
  if (node.starts !== null) {
    const text = support.textOf(node);
    const at = from + (text.length - text.trimStart().length);
    const here = text.slice(at, at + quote.length) === quote;
    return here
      ? { node: node.node, span: { from: at, to: at + quote.length, text: quote } }
      : undefined;
  }
  let begin = 0;
  for (const child of tree.children.get(node.node) ?? []) {
    const text = child.text ?? "";
    if (text === "") continue;
    const end = begin + text.length;
    if (from >= begin && to <= end && text.slice(from - begin, to - begin) === quote)
      return { node: child.node };
    begin = end + BETWEEN;
  }
  return undefined;
}
/** Words of the book by their place in it, as the book's column has them. */
export function inBook(tree: BookTree, from: number, to: number, text: string): Lead | undefined {
  const leaf = tree.leaves.find((l) => l.starts! <= from && from < l.ends!);
  return (
    leaf && { node: leaf.node, span: { from: from - leaf.starts!, to: to - leaf.starts!, text } }
  );
}
