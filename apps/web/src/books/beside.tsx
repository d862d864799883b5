/** Two trees of one text beside each other, from the root down: what is the same, what changed sentence by sentence, and what was said of it. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { diffArrays } from "diff";
import { memo, useMemo, useRef } from "react";
import { z } from "zod";
import type { TaughtBy, TreeComparison } from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Dialog, Empty, Loaded, when } from "../design/components.tsx";
import { sentences } from "./book-tree.ts";
import { VirtualRows } from "./virtual-rows.tsx";
import "./books.css";
import "./beside.css";

export const BesidePlace = z.object({
  before: z.int().positive().optional().catch(undefined),
  all: z.boolean().optional().catch(undefined),
});
type BesidePlace = z.infer<typeof BesidePlace>;
const route = "/books/$id/beside/$other";
type Row = TreeComparison["rows"][number];
type Node = Row["here"];
type Side = TreeComparison["sides"][number];

export function BesidePage() {
  const { id, other } = useParams({ from: route });
  const place = BesidePlace.parse(useSearch({ strict: false }));
  const { before } = place;
  const compared = useQuery({
    ...asking("compareTrees", { id, with: other, before }),
    retry: false,
  });
  return (
    <main className="book beside">
      <Loaded query={compared}>{(c) => <Compared c={c} place={place} />}</Loaded>
    </main>
  );
}

function Compared({ c, place }: { c: TreeComparison; place: BesidePlace }) {
  const navigate = useNavigate({ from: route });
  const all = place.all === true;
  const { same, changed, onlyHere, onlyThere } = c.counts;
  const nothing = same === c.rows.length && onlyThere === 0;
  const rows = useMemo(
    // where something differs the two roots are shown: they are what the trees come to
    () => (all ? c.rows : c.rows.filter((r, i) => r.how !== "same" || (i === 0 && !nothing))),
    [c.rows, all, nothing],
  );
  const [here, there] = c.sides;
  return (
    <>
      <header className="stack tight">
        <h1>{here.name}, compared</h1>
        <p className="quiet small num">
          {same} the same · {changed} changed
          {onlyHere + onlyThere > 0 &&
            ` · ${onlyHere} stand for a place of their own here, ${onlyThere} there`}
          {c.aligned === "places" && " · divided differently: aligned by the book's characters"}
        </p>
        <div className="row">
          {([false, true] as const).map((every) => (
            <button
              key={String(every)}
              type="button"
              className="button"
              aria-pressed={all === every}
              onClick={() =>
                void navigate({ search: { ...place, all: every || undefined }, replace: true })
              }
            >
              {every ? `All ${c.rows.length}` : "Only what differs"}
            </button>
          ))}
        </div>
      </header>
      <div className="beside-sides">
        <Named side={here} />
        <Named side={there} before={place.before} />
      </div>
      {nothing ? <Empty title="Nothing differs">Every summary says the same in both.</Empty> : null}
      <Rows rows={rows} here={here.tree} there={there.tree} />
    </>
  );
}
const Named = ({ side, before }: { side: Side; before?: number | undefined }) => (
  <div className="stack tight">
    <h2>
      <Link to="/books/$id" params={{ id: side.tree }}>
        {side.name}
      </Link>
    </h2>
    <p className="quiet small num">
      {before !== undefined && "as it was: "}
      version {side.version} · {side.policy ?? "people alone"} · seed {side.seed} ·{" "}
      {when(side.madeAt)}
    </p>
  </div>
);

const [LINE, CHARACTERS, FRAME] = [25, 58, 70]; // for the first guess of a height
const textsOf = (nodes: readonly Node[]) => nodes.reduce((n, x) => n + (x.text?.length ?? 0), 0);
function Rows({ rows, here, there }: { rows: readonly Row[]; here: string; there: string }) {
  const scroller = useRef<HTMLElement>(null);
  // oxlint-disable-next-line react/incompatible-library -- nothing made of it is memoised
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => {
      const most = Math.max(textsOf([rows[i]!.here]), textsOf(rows[i]!.there));
      return FRAME + LINE * Math.ceil(most / CHARACTERS);
    },
    overscan: 4,
    getItemKey: (i) => rows[i]!.here.node,
  });
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keys
    <section className="beside-rows" ref={scroller} aria-label="Node by node" tabIndex={0}>
      <VirtualRows
        virtual={virtual}
        row={(i) => (
          <Beside
            row={rows[i]!}
            here={here}
            there={there}
            isRoot={rows[i]!.height > 0 && i === 0}
          />
        )}
      />
    </section>
  );
}

const hows = {
  same: { tone: undefined, says: "the same" },
  changed: { tone: "warn", says: "changed" },
  covers: { tone: "warn", says: "divided differently" },
} as const;
const Beside = memo(function Beside(p: { row: Row; here: string; there: string; isRoot: boolean }) {
  const { row } = p;
  const [other] = row.there;
  const { tone, says } = hows[row.how];
  const cut = useMemo(
    () => (row.how === "changed" ? changes(row.here.text ?? "", other?.text ?? "") : undefined),
    [row, other],
  );
  return (
    <article className={`beside-row h${Math.min(3, row.height)}`}>
      <h3 className="row small">
        {p.isRoot ? "The book" : `${row.leaf ? "Passage" : "Part"} ${row.here.node}`}
        <Badge tone={tone}>{says}</Badge>
      </h3>
      {row.taughtBy && <Because by={row.taughtBy} />}
      <div className="beside-sides">
        <Text tree={p.here} node={row.here} parts={cut?.here} />
        <div className="stack">
          {row.how === "same" ? (
            <p className="quiet small">
              The same words. <Said tree={p.there} node={other!} />
            </p>
          ) : (
            row.there.map((n) => (
              <Text
                key={n.node}
                tree={p.there}
                node={n}
                parts={cut?.there}
                named={row.how === "covers"}
              />
            ))
          )}
        </div>
      </div>
    </article>
  );
});

/** The judgments that the reward of the newer tree's policy was taught by. */
function Because({ by }: { by: TaughtBy }) {
  const counted = by.judgments === 1 ? "1 judgment" : `${by.judgments} judgments`;
  return (
    <p className="small quiet">
      Changed after {counted} {by.how === "node" ? "of it" : "of others of its height"}:{" "}
      {by.nodes.map((node, i) => (
        <span key={node}>
          {i > 0 && ", "}
          <Link to="/books/$id" params={{ id: by.tree }} search={{ node, tab: "judgments" }}>
            {node}
          </Link>
        </span>
      ))}
      {by.nodes.length === 20 && by.judgments > 20 && " and more"}
    </p>
  );
}

interface Part {
  readonly text: string;
  readonly how?: "del" | "ins";
}
/** Sentence by sentence: what is only here, and what is only there. */
function changes(here: string, there: string): { here: Part[]; there: Part[] } {
  const of = (text: string) => sentences(text).map((s) => s.text);
  const sides: { here: Part[]; there: Part[] } = { here: [], there: [] };
  for (const { value, added, removed } of diffArrays(of(here), of(there)))
    for (const text of value) {
      if (!added) sides.here.push({ text, ...(removed && { how: "del" }) });
      if (!removed) sides.there.push({ text, ...(added && { how: "ins" }) });
    }
  return sides;
}

function Text(p: {
  tree: string;
  node: Node;
  parts: readonly Part[] | undefined;
  named?: boolean;
}) {
  const { node, parts = [{ text: node.text ?? "" }] } = p;
  return (
    <div className="stack tight">
      <p className="small quiet row">
        {p.named && <b>{node.node}</b>}
        <span>{node.by ?? "not written"}</span>
        <Said tree={p.tree} node={node} />
      </p>
      {node.text !== null && (
        <p className="read diff">
          {parts.map((part, i) => {
            const Tag = part.how ?? "span";
            return <Tag key={i}>{part.text} </Tag>;
          })}
        </p>
      )}
    </div>
  );
}
const Said = ({ tree, node }: { tree: string; node: Node }) => (
  <Link to="/books/$id" params={{ id: tree }} search={{ node: node.node, tab: "judgments" }}>
    {node.said === 0 ? "its details" : node.said === 1 ? "1 judgment" : `${node.said} judgments`}
  </Link>
);

/** What a tree can be laid beside, to choose from. */
export function ChooseBeside({ id, close }: { id: string; close: () => void }) {
  const beside = useQuery(asking("treesBeside", { id }));
  return (
    <Dialog open close={close} title="Compare with">
      <Loaded query={beside}>
        {({ trees, edits }) =>
          trees.length + edits.length === 0 ? (
            <Empty title="Nothing to compare with">
              There is no other tree of this text, and no edit of this one.
            </Empty>
          ) : (
            <ul className="book-effects">
              {trees.map((t) => (
                <li key={t.tree}>
                  <Link to={route} params={{ id, other: t.tree }}>
                    {t.name}
                  </Link>{" "}
                  <span className="quiet small num">
                    seed {t.seed} · {when(t.madeAt)}
                  </span>
                </li>
              ))}
              {edits.map((e) => (
                <li key={e.n}>
                  <Link to={route} params={{ id, other: id }} search={{ before: e.n }}>
                    itself before the edit of {e.node}
                  </Link>{" "}
                  <span className="quiet small num">
                    version {e.n} · {e.by ?? "nobody known"} · {when(e.at)}
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Dialog>
  );
}
