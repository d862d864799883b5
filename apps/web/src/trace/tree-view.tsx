/**
 * The tree on the page: a virtualised ARIA tree. The tree itself has the focus and names its active row, so that rows
 * may come and go while it is scrolled. Arrows, Home, End, Page keys, typing ahead; * opens what stands beside it.
 */
import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useLayoutEffect, useRef } from "react";
import { Badge } from "../design/components.tsx";
import { compact, kindNames, money, span, stateNames } from "./format.ts";
import { type Change, type Row, type Tree, typeahead } from "./tree.ts";

const ROW = 30; // pixels, as in trace.css
const HEAD = 32; // of the row of headings, which stays on top
const TYPING_MS = 700;
const changeNames: Record<Change, string> = {
  same: "",
  changed: "changed",
  here: "only here",
  there: "only there",
};
const changeTone = { same: undefined, changed: "warn", here: "good", there: "bad" } as const;

export interface TreeViewProps {
  readonly tree: Tree;
  readonly rows: readonly Row[];
  readonly active: string | undefined;
  readonly changes: ReadonlyMap<string, Change> | undefined;
  readonly now: number;
  readonly choose: (id: string) => void;
  /** Enter, or a tap: show the details where they are a page of their own */
  readonly open: (id: string) => void;
  readonly toggle: (ids: readonly string[], expanded: boolean) => void;
}

export function TreeView(p: TreeViewProps) {
  const { rows, active } = p;
  const scroller = useRef<HTMLDivElement>(null);
  const typed = useRef({ text: "", at: 0 });
  const at = rows.findIndex((r) => r.branch.node.id === active);
  // oxlint-disable-next-line react/incompatible-library -- nothing made of it is memoised
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
    scrollMargin: HEAD,
    scrollPaddingStart: HEAD,
    getItemKey: (i) => rows[i]!.branch.node.id,
    // the active row is always there: it is named by aria-activedescendant
    rangeExtractor: (range) => {
      const shown = defaultRangeExtractor(range);
      return at < 0 || at >= range.count || shown.includes(at)
        ? shown
        : [...shown, at].toSorted((a, b) => a - b);
    },
  });
  const sought = useRef<string>(undefined);
  useLayoutEffect(() => {
    if (!active || at < 0 || sought.current === active) return;
    sought.current = active;
    virtual.scrollToIndex(at, { align: "auto" });
  }, [active, at, virtual]);
  useEffect(() => {
    if (active === undefined) sought.current = undefined;
  }, [active]);

  const go = (i: number) => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, i))];
    if (row) p.choose(row.branch.node.id);
  };
  const keys: Record<string, () => void> = {
    ArrowDown: () => go(at + 1),
    ArrowUp: () => go(at - 1),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    PageDown: () => go(at + Math.floor((scroller.current?.clientHeight ?? 600) / ROW) - 1),
    PageUp: () => go(at - Math.floor((scroller.current?.clientHeight ?? 600) / ROW) + 1),
    ArrowRight: () => {
      const row = rows[at];
      if (!row) go(0);
      else if (row.expanded === false) p.toggle([row.branch.node.id], true);
      else if (row.expanded) go(at + 1);
    },
    ArrowLeft: () => {
      const row = rows[at];
      if (row?.expanded) p.toggle([row.branch.node.id], false);
      else if (row?.branch.parent) p.choose(row.branch.parent.node.id);
    },
    Enter: () => active && p.open(active),
    "*": () => {
      const beside = rows[at]?.branch.parent?.children ?? p.tree.roots;
      p.toggle(
        beside.filter((b) => b.children.length).map((b) => b.node.id),
        true,
      );
    },
  };
  const onKeyDown = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const act = keys[e.key];
    if (act) act();
    else if (e.key.length === 1 && (e.key !== " " || typed.current.text)) {
      const fresh = e.timeStamp - typed.current.at > TYPING_MS;
      const text = (fresh ? "" : typed.current.text) + e.key;
      typed.current = { text, at: e.timeStamp };
      const found = typeahead(rows, Math.max(0, at), text);
      if (rows[found]?.branch.node.id !== active) go(found);
    } else return;
    e.preventDefault();
  };
  const onClick = (e: React.MouseEvent) => {
    if (!(e.target instanceof Element)) return;
    const id = e.target.closest<HTMLElement>("[data-id]")?.dataset["id"];
    const row = rows.find((r) => r.branch.node.id === id);
    if (!row || id === undefined) return;
    if (row.expanded !== undefined && e.target.closest(".twist")) p.toggle([id], !row.expanded);
    else {
      p.choose(id);
      p.open(id);
    }
  };
  return (
    <div className="trace-scroll" ref={scroller} data-testid="trace-scroll">
      <div className="trace-head" aria-hidden="true">
        <span>Step</span>
        <span>Who</span>
        <Axis tree={p.tree} />
        <span className="num">Cost</span>
        <span className="num">Tokens</span>
        <span className="num">Answers</span>
      </div>
      <div
        role="tree"
        aria-label="Steps of the experiment"
        tabIndex={0}
        className="trace-tree"
        style={{ height: virtual.getTotalSize() }}
        aria-activedescendant={at >= 0 ? rowId(active!) : undefined}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onFocus={() => at < 0 && go(0)}
      >
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!;
          return (
            <TreeRow
              key={item.key}
              row={row}
              state={row.branch.node.state}
              top={item.start}
              active={item.index === at}
              begin={p.tree.begin}
              end={p.tree.end}
              now={row.branch.end === undefined ? p.now : 0}
              change={p.changes?.get(row.branch.node.id)}
            />
          );
        })}
      </div>
    </div>
  );
}

const rowId = (id: string) => `row ${id}`.replaceAll(/\s/g, "_");

function Axis({ tree }: { tree: Tree }) {
  const seconds = (tree.end - tree.begin) / 1000;
  return (
    <span className="trace-axis">
      <span>0</span>
      <span>{span(seconds / 2)}</span>
      <span>{span(seconds)}</span>
    </span>
  );
}

interface RowProps extends Pick<TreeViewProps, "now"> {
  readonly row: Row;
  readonly state: string;
  readonly top: number;
  readonly active: boolean;
  readonly begin: number;
  readonly end: number;
  readonly change: Change | undefined;
}
const TreeRow = memo(function TreeRow(p: RowProps) {
  const { branch: b, expanded, dim } = p.row;
  const n = b.node;
  const siblings = b.parent?.children;
  // a folded row stands for all that is in it
  const sum = expanded === undefined ? undefined : b.sum;
  const [cost, tokens] = [sum?.cost ?? n.cost, sum?.tokens ?? n.tokens];
  const [answers, wanted] = [sum?.answers ?? n.answers, sum?.wanted ?? n.wanted];
  const below = expanded === false && sum ? sum : undefined;
  const who = n.agent ?? (n.kind === "ask" ? "people" : "");
  const said = [
    kindNames[n.kind],
    stateNames[n.state],
    wanted ? `${answers} of ${wanted} answers` : "",
  ];
  return (
    <div
      role="treeitem"
      id={rowId(n.id)}
      aria-level={b.level}
      aria-expanded={expanded}
      aria-selected={p.active}
      aria-posinset={b.index + 1}
      aria-setsize={siblings?.length ?? 1}
      className={`trace-row${dim ? " dim" : ""}`}
      style={{ transform: `translateY(${p.top - HEAD}px)` }}
      tabIndex={-1}
      data-id={n.id}
    >
      <span className="trace-name" style={{ paddingLeft: Math.min(b.level - 1, 14) * 16 }}>
        <span className="twist" aria-hidden="true">
          {expanded === undefined ? "" : expanded ? "▾" : "▸"}
        </span>
        <i className={`mark ${n.state} ${n.kind}`} aria-hidden="true" />
        <b>{n.name}</b>
        <span className="trace-said">, {said.filter(Boolean).join(", ")}, </span>
        {p.change && p.change !== "same" && (
          <Badge tone={changeTone[p.change]}>{changeNames[p.change]}</Badge>
        )}
        {below && below.failed > (n.state === "failed" ? 1 : 0) && (
          <Badge tone="bad">{below.failed} failed</Badge>
        )}
        {below && below.waiting > 0 && <Badge tone="warn">{below.waiting} waiting</Badge>}
        <span className="trace-brief">{n.error?.message ?? n.brief}</span>
      </span>
      <span className="trace-who">
        {who && <span className={`badge who-${n.kind}`}>{who}</span>}
        {n.cached && <span className="quiet small">cached</span>}
      </span>
      <TimeBar b={b} begin={p.begin} end={p.end} now={p.now} />
      <span className="num quiet">{money(cost)}</span>
      <span className="num quiet">{compact(tokens)}</span>
      <span aria-hidden="true" className={`num ${answers < wanted ? "trace-open" : "quiet"}`}>
        {wanted ? `${answers}/${wanted}` : ""}
      </span>
    </div>
  );
});

function TimeBar({
  b,
  begin,
  end,
  now,
}: {
  b: Row["branch"];
  begin: number;
  end: number;
  now: number;
}) {
  const all = end - begin;
  const last = b.end ?? (b.node.state === "cancelled" ? b.begin : now);
  const left = (100 * (b.begin - begin)) / all;
  const width = (100 * Math.max(0, last - b.begin)) / all;
  return (
    <span className="trace-time" title={span(Math.max(0, last - b.begin) / 1000)}>
      <i
        className={`${b.node.kind} ${b.node.state}`}
        style={{ left: `min(${left}%, calc(100% - 2px))`, width: `max(2px, ${width}%)` }}
      />
    </span>
  );
}
