/** The tree's summaries, as a virtual list of what is open. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { TreeNode } from "@tiller/schema";
import { Badge } from "../design/components.tsx";
import {
  type BookTree,
  heightOf,
  type Lead,
  type Row,
  sentences,
  type Support,
} from "./book-tree.ts";
import { VirtualRows } from "./virtual-rows.tsx";

interface Props {
  readonly rows: readonly Row[];
  readonly tree: BookTree;
  readonly open: ReadonlySet<string>;
  readonly setOpen: (open: ReadonlySet<string>) => void;
  readonly support: Support;
  readonly lit: Lead | undefined;
  readonly follow: (lead: Lead) => void;
  readonly edit: (node: TreeNode) => void;
}
const standings = {
  current: undefined,
  drifted: "made beside other summaries than stand there now",
  aged: "made by another policy or other words",
  invalid: "what it was made from has changed",
} as const;

export function Summaries(p: Props) {
  const { rows, lit } = p;
  const scroller = useRef<HTMLElement>(null);
  // oxlint-disable-next-line react/incompatible-library -- nothing made of it is memoised
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 150,
    overscan: 6,
    getItemKey: (i) => rows[i]!.node.node,
  });
  const sought = useRef<Lead>(undefined);
  useEffect(() => {
    if (!lit || lit.span || sought.current === lit) return;
    const at = rows.findIndex((r) => r.node.node === lit.node);
    if (at < 0) return;
    sought.current = lit;
    virtual.scrollToIndex(at, { align: "start" });
  }, [lit, rows, virtual]);
  const all = [...p.tree.children.keys()].every((n) => p.open.has(n));
  return (
    <div className="book-tree">
      <p>
        <button
          type="button"
          className="link"
          onClick={() => p.setOpen(new Set(all ? [] : p.tree.children.keys()))}
        >
          {all ? "close all" : "open all"}
        </button>
      </p>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keys */}
      <section ref={scroller} aria-label="Summaries" tabIndex={0}>
        <VirtualRows virtual={virtual} row={(i) => <NodeRow {...p} row={rows[i]!} />} />
      </section>
    </div>
  );
}

function NodeRow(p: Props & { row: Row }) {
  const { row, tree, open, lit } = p;
  const { node, depth } = row;
  const children = tree.children.get(node.node)?.length ?? 0;
  const isOpen = open.has(node.node);
  const name =
    node === tree.root && children > 0
      ? "The book"
      : `${node.starts === null ? "Part" : "Passage"} ${node.node}`;
  const isLit = lit?.node === node.node && !lit.span;
  const toggle = () => {
    const next = new Set(open);
    if (!next.delete(node.node)) next.add(node.node);
    p.setOpen(next);
  };
  return (
    <article
      className={`book-node h${Math.min(3, heightOf(node.node))} ${isLit ? "lit" : ""}`}
      style={{ marginInlineStart: `${Math.min(depth, 4) * 14}px` }}
    >
      <div className="row spread">
        <h2>{name}</h2>
        <span className="row book-ways">
          {node.parent !== null && (
            <button type="button" className="link" onClick={() => p.follow({ node: node.parent! })}>
              up
            </button>
          )}
          {node.starts !== null && (
            <button type="button" className="link" onClick={() => p.follow(placeOf(p, node))}>
              in the book
            </button>
          )}
          <button type="button" className="link" onClick={() => p.edit(node)}>
            edit
          </button>
        </span>
      </div>
      <Said {...p} node={node} />
      <p className="row small quiet book-by">
        <span>{byWhom(node)}</span>
        {node.standing && standings[node.standing] && (
          <Badge tone={node.standing === "invalid" ? "bad" : "warn"}>
            {node.standing}: {standings[node.standing]}
          </Badge>
        )}
        {node.trouble && <Badge tone="bad">{node.trouble.slice(0, 160)}</Badge>}
        {node.versions > 1 && <span className="num">{node.versions} versions</span>}
        {children > 0 && (
          <button type="button" className="link" aria-expanded={isOpen} onClick={toggle}>
            {isOpen
              ? "close"
              : `open ${children} ${heightOf(node.node) > 1 ? "parts" : "passages"}`}
          </button>
        )}
      </p>
    </article>
  );
}
const placeOf = (p: Pick<Props, "support">, node: TreeNode): Lead => {
  const first = sentences(p.support.textOf(node))[0];
  return { node: node.node, ...(first && { span: first }) };
};
const byWhom = (n: TreeNode): string =>
  n.author === null
    ? n.people
      ? "waits for a person"
      : "waits for the policy"
    : n.author.kind === "person"
      ? `written by ${n.author.name}`
      : n.author.name;

/** A summary, each sentence of it a way down. */
function Said({ node, support, follow }: Props & { node: TreeNode }) {
  if (node.text === null) return <p className="quiet">Not written yet.</p>;
  if (node.text === "") return <p className="quiet">Empty: nothing to tell.</p>;
  return (
    <p className="read">
      {sentences(node.text).map((s) => {
        const lead = support.lead(node, s.text);
        return lead ? (
          <button key={s.from} type="button" className="sentence" onClick={() => follow(lead)}>
            {s.text}{" "}
          </button>
        ) : (
          <span key={s.from} className="alone">
            {s.text}{" "}
          </span>
        );
      })}
    </p>
  );
}
