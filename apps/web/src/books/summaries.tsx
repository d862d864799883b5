/** The tree's summaries, as a virtual list of what is open. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { Fragment, memo, useEffect, useMemo, useRef } from "react";
import { own, type TreeNode, type TreeVerdicts } from "@tiller/schema";
import { Badge } from "../design/components.tsx";
import { Ago } from "./ago.tsx";
import {
  type BookTree,
  heightOf,
  type Lead,
  nameOf,
  type Row,
  sentences,
  type Support,
} from "./book-tree.ts";
import { useLed } from "./led.ts";
import { VerdictMark } from "./score-bar.tsx";
import { VirtualRows } from "./virtual-rows.tsx";

interface Props {
  readonly rows: readonly Row[];
  readonly tree: BookTree;
  readonly open: ReadonlySet<string>;
  readonly setOpen: (open: ReadonlySet<string>) => void;
  readonly support: Support;
  readonly lit: Lead | undefined;
  /** the node whose details are open */
  readonly chosen: string | undefined;
  /** how much was said of each */
  readonly judged: Readonly<Record<string, number>>;
  readonly verdicts: TreeVerdicts;
  readonly acts: NodeActs;
}
/** The same from one frame to the next, so that rows stay as they are. */
export interface NodeActs {
  readonly toggle: (node: string) => void;
  readonly follow: (lead: Lead) => void;
  readonly edit: (node: TreeNode) => void;
  readonly details: (node: string) => void;
}
const standings = {
  current: undefined,
  drifted: "made beside other summaries than stand there now",
  aged: "made by another policy or other words",
  invalid: "what it was made from has changed",
} as const;

const [LINE, CHARACTERS] = [28, 58]; // for the first guess of a height

export function Summaries(p: Props) {
  const { rows, lit, tree, open } = p;
  const scroller = useRef<HTMLElement>(null);
  // oxlint-disable-next-line react/incompatible-library -- nothing made of it is memoised
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => 96 + LINE * Math.ceil((rows[i]!.node.text?.length ?? 0) / CHARACTERS),
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
  const all = useMemo(() => [...tree.children.keys()].every((n) => open.has(n)), [tree, open]);
  return (
    <div className="book-tree">
      <p>
        <button
          type="button"
          className="link"
          onClick={() => p.setOpen(new Set(all ? [] : tree.children.keys()))}
        >
          {all ? "close all" : "open all"}
        </button>
      </p>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keys */}
      <section ref={scroller} aria-label="Summaries" tabIndex={0}>
        <VirtualRows
          virtual={virtual}
          row={(i) => {
            const { node, depth } = rows[i]!;
            return (
              <NodeRow
                node={node}
                depth={depth}
                name={nameOf(tree, node)}
                below={tree.children.get(node.node)?.length ?? 0}
                isOpen={open.has(node.node)}
                isLit={lit?.node === node.node && !lit.span}
                isChosen={p.chosen === node.node}
                said={own(p.judged, node.node) ?? 0}
                verdicts={own(p.verdicts, node.node)}
                support={p.support}
                acts={p.acts}
              />
            );
          }}
        />
      </section>
    </div>
  );
}

const NodeRow = memo(function NodeRow(p: {
  readonly node: TreeNode;
  readonly depth: number;
  readonly name: string;
  /** how many */
  readonly below: number;
  readonly isOpen: boolean;
  readonly isLit: boolean;
  readonly isChosen: boolean;
  readonly said: number;
  readonly verdicts: TreeVerdicts[string] | undefined;
  readonly support: Support;
  readonly acts: NodeActs;
}) {
  const { node, depth, below, isOpen, acts } = p;
  const height = Math.min(3, heightOf(node.node));
  return (
    <article
      className={`book-node h${height} ${p.isLit ? "lit" : ""} ${p.isChosen ? "chosen" : ""}`}
      style={{ marginInlineStart: `${Math.min(depth, 4) * 14}px` }}
    >
      <div className="row spread">
        <h2>{p.name}</h2>
        <span className="row book-ways">
          {node.parent !== null && (
            <button
              type="button"
              className="link"
              onClick={() => acts.follow({ node: node.parent! })}
            >
              up
            </button>
          )}
          {node.starts !== null && (
            <button
              type="button"
              className="link"
              onClick={() => acts.follow(placeOf(p.support, node))}
            >
              in the book
            </button>
          )}
          <button type="button" className="link" onClick={() => acts.edit(node)}>
            edit
          </button>
          <button
            type="button"
            className="link"
            data-details={node.node}
            onClick={() => acts.details(node.node)}
          >
            details
          </button>
        </span>
      </div>
      <Said node={node} support={p.support} verdicts={p.verdicts} follow={acts.follow} />
      <p className="row small quiet book-by">
        <span>
          {byWhom(node)}
          {node.at !== null && (
            <>
              , <Ago at={node.at} />
            </>
          )}
        </span>
        {node.standing && standings[node.standing] && (
          <Badge tone={node.standing === "invalid" ? "bad" : "warn"}>
            {node.standing}: {standings[node.standing]}
          </Badge>
        )}
        {node.trouble && <Badge tone="bad">{node.trouble.slice(0, 160)}</Badge>}
        {node.versions > 1 && <span className="num">{node.versions} versions</span>}
        {p.said > 0 && (
          <span className="num">{p.said === 1 ? "1 judgment" : `${p.said} judgments`}</span>
        )}
        {below > 0 && (
          <button
            type="button"
            className="link"
            aria-expanded={isOpen}
            onClick={() => acts.toggle(node.node)}
          >
            {isOpen ? "close" : `open ${below} ${heightOf(node.node) > 1 ? "parts" : "passages"}`}
          </button>
        )}
      </p>
    </article>
  );
});
const placeOf = (support: Support, node: TreeNode): Lead => {
  const first = sentences(support.textOf(node))[0];
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
function Said(p: {
  readonly node: TreeNode;
  readonly support: Support;
  readonly verdicts: TreeVerdicts[string] | undefined;
  readonly follow: (lead: Lead) => void;
}) {
  const { node, support, verdicts, follow } = p;
  const led = useLed(support, node);
  if (node.text === null) return <p className="quiet">Not written yet.</p>;
  if (node.text === "") return <p className="quiet">Empty: nothing to tell.</p>;
  if (!led) return <p className="read">{node.text}</p>;
  return (
    <p className="read">
      {led.map(({ sentence: s, lead }, i) => (
        <Fragment key={s.from}>
          {lead ? (
            <button type="button" className="sentence" onClick={() => follow(lead)}>
              {s.text}{" "}
            </button>
          ) : (
            <span className="alone">{s.text} </span>
          )}
          {verdicts?.[i] && <VerdictMark verdict={verdicts[i]} />}
        </Fragment>
      ))}
    </p>
  );
}
