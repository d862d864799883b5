/** The book beside its tree: passages as a virtual list; a marked sentence leads back to the summary that uses it. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useEffect, useRef } from "react";
import type { TreeNode } from "@tiller/schema";
import type { BookTree, Lead, Support } from "./book-tree.ts";
import { useLed } from "./led.ts";
import { VirtualRows } from "./virtual-rows.tsx";

const CHARACTERS = 62; // of a line, for the first guess of a height

export function BookText(p: {
  readonly tree: BookTree;
  readonly support: Support;
  readonly lit: Lead | undefined;
  readonly follow: (lead: Lead) => void;
}) {
  const { lit, support } = p;
  const { leaves } = p.tree;
  const scroller = useRef<HTMLElement>(null);
  // oxlint-disable-next-line react/incompatible-library -- nothing made of it is memoised
  const virtual = useVirtualizer({
    count: leaves.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) =>
      70 + 28 * Math.ceil(((leaves[i]!.ends ?? 0) - (leaves[i]!.starts ?? 0)) / CHARACTERS),
    overscan: 2,
    getItemKey: (i) => leaves[i]!.node,
  });
  const sought = useRef<Lead>(undefined);
  useEffect(() => {
    if (!lit?.span || sought.current === lit) return;
    const at = leaves.findIndex((l) => l.node === lit.node);
    if (at < 0) return;
    sought.current = lit;
    virtual.scrollToIndex(at, { align: "start" });
    // once the passage is there, its marked sentence
    const seek = (tries: number) => {
      const mark = scroller.current?.querySelector("mark.lit");
      if (mark) mark.scrollIntoView({ block: "center" });
      else if (tries > 0) requestAnimationFrame(() => seek(tries - 1));
    };
    requestAnimationFrame(() => seek(20));
  }, [lit, leaves, virtual]);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keys
    <section className="book-text" ref={scroller} aria-label="The book" tabIndex={0}>
      <VirtualRows
        virtual={virtual}
        row={(i) => {
          const leaf = leaves[i]!;
          const here = lit?.node === leaf.node ? lit.span : undefined;
          return <Passage leaf={leaf} support={support} lit={here} follow={p.follow} />;
        }}
      />
    </section>
  );
}

/** Lines that were broken at a width flow; verse and what is indented stays. Of the same length, so that places hold. */
const flowing = (text: string) =>
  text.replace(/(?<=[^\n]{45})\r?\n(?=\S)/g, (end) => " ".repeat(end.length));

// every frame of a scroll asks for all rows again: those that are as they were stay
const Passage = memo(function Passage(p: {
  readonly leaf: TreeNode;
  readonly support: Support;
  /** of this passage */
  readonly lit: Lead["span"];
  readonly follow: (lead: Lead) => void;
}) {
  const { leaf, support, lit, follow } = p;
  const text = flowing(support.textOf(leaf));
  const led = useLed(support, leaf) ?? [];
  const spans = new Map(
    led.flatMap(({ lead }) => (lead?.span ? [[lead.span.from, lead.span] as const] : [])),
  );
  if (lit) spans.set(lit.from, lit);
  const parts: ReactNode[] = [];
  let at = 0;
  for (const s of [...spans.values()].toSorted((a, b) => a.from - b.from)) {
    parts.push(
      text.slice(at, s.from),
      <mark key={s.from} className={lit?.from === s.from ? "lit" : ""}>
        {text.slice(s.from, s.to)}
      </mark>,
    );
    at = s.to;
  }
  parts.push(text.slice(at));
  return (
    <div className="book-passage">
      <button type="button" className="link small" onClick={() => follow({ node: leaf.node })}>
        summary {leaf.node}
      </button>
      <p className="read">{parts}</p>
    </div>
  );
});
