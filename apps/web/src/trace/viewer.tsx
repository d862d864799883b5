/**
 * The viewer: filters and totals above, the tree, the chosen node beside it (on a phone: in its place). It is the same
 * in the studio and in an exported file; only the source and where its place is kept differ.
 */
import { useQuery } from "@tanstack/react-query";
import {
  type ReactNode,
  useCallback,
  useDeferredValue,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import {
  nodeKinds,
  type NodeLink,
  nodeStates,
  type TracedExperiment,
  type TraceNode,
} from "@tiller/schema";
import { Badge, Empty, Failed, Loading, when } from "../design/components.tsx";
import { ExperimentWords } from "../experiments/words.tsx";
import { Detail, NoDetail } from "./detail.tsx";
import { compact, kindNames, money, span, stateNames, stateTone } from "./format.ts";
import type { OtherExperiment, TraceSource } from "./source.ts";
import "./trace.css";
import {
  buildTree,
  type Change,
  type Filter,
  isActive,
  type Place,
  type Totals,
  unite,
  visibleRows,
} from "./tree.ts";
import { TreeView } from "./tree-view.tsx";

export interface ViewerProps {
  readonly source: TraceSource;
  /** how it is now; the source's own is how it was when it was opened */
  readonly experiment?: TracedExperiment;
  readonly place: Place;
  readonly go: (change: Partial<Place>) => void;
  readonly link?: (link: NodeLink) => ReactNode;
  /** buttons beside the title */
  readonly aside?: ReactNode;
}

const SETTLE_MS = 200; // the address and the details follow the arrows after this

/** The nodes of a source (always the same one), kept whole; a new map object with every change. */
function useNodes(source: TraceSource) {
  const [state, set] = useState<{
    nodes: ReadonlyMap<string, TraceNode>;
    settled: boolean;
    error: Error | undefined;
  }>({ nodes: new Map(), settled: false, error: undefined });
  useEffect(() => {
    let nodes: ReadonlyMap<string, TraceNode> = new Map();
    return source.watch({
      nodes: (changed) => {
        const next = new Map(nodes);
        for (const n of changed) next.set(n.id, n);
        nodes = next;
        set((s) => ({ ...s, nodes }));
      },
      settled: (error) =>
        set((s) => (s.settled && s.error === error ? s : { ...s, settled: true, error })),
    });
  }, [source]);
  return state;
}

/** Seconds tick only while something experiments. */
function useNow(ticking: boolean): number {
  const [now, set] = useState(() => Date.now());
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => set(Date.now()), 2000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

/** What of the other experiment the comparison needs. */
const useOther = (source: TraceSource, other: string | undefined) =>
  useQuery({
    queryKey: ["trace-other", source.experiment.id, other],
    queryFn: async () => {
      const [there, here] = await Promise.all([
        source.compare!.open(other!),
        source.compare!.digests(),
      ]);
      return { ...there, here };
    },
    enabled: Boolean(other && source.compare),
    staleTime: 10_000,
  });

/** Nodes whose inputs, outputs or prompts hold the text. */
const useFound = (source: TraceSource, text: string | undefined) =>
  useQuery({
    queryKey: ["trace-search", source.experiment.id, text],
    queryFn: async () => {
      const { nodes, complete } = await source.search(text!);
      return { found: new Set(nodes), complete };
    },
    enabled: Boolean(text && text.length >= 2),
    staleTime: 5000,
  });

export function Viewer({
  source,
  experiment = source.experiment,
  place,
  go,
  link,
  aside,
}: ViewerProps) {
  const { nodes: known, settled, error } = useNodes(source);
  const ongoing = useMemo(() => {
    for (const n of known.values()) if (n.endedAt === null && n.state !== "cancelled") return true;
    return false;
  }, [known]);
  const live =
    ongoing &&
    experiment.state === "running" &&
    !experiment.imported &&
    source.seenAt === undefined;
  const now = useNow(live);
  const comparing = useOther(source, place.with);
  const other = place.with ? comparing.data : undefined;
  const looking = useFound(source, place.q);
  const found = looking.data;
  const searching = looking.isLoading;
  const failed = looking.error ?? comparing.error;
  const united = useMemo(
    () =>
      other && known.size
        ? unite(
            { experiment: experiment.id, nodes: [...known.values()], digests: other.here },
            { experiment: other.experiment.id, nodes: other.nodes, digests: other.digests },
          )
        : undefined,
    [known, other, experiment.id],
  );
  const axisEnd = live ? now : (source.seenAt ?? (Date.parse(experiment.endedAt ?? "") || 0));
  const tree = useMemo(() => buildTree(united?.nodes ?? known, axisEnd), [known, united, axisEnd]);
  const filter: Filter = useMemo(
    () => ({
      kind: place.kind,
      state: place.state,
      agent: place.agent,
      text: place.q || undefined,
      found: found?.found,
      change: united && place.change,
      changes: united?.changes,
    }),
    [place.kind, place.state, place.agent, place.q, place.change, found, united],
  );
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map());
  const shown = useDeferredValue(filter);
  const { rows, totals } = useMemo(
    () => visibleRows(tree, shown, toggled, axisEnd),
    [tree, shown, toggled, axisEnd],
  );
  const toggle = useCallback((ids: readonly string[], expanded: boolean) => {
    setToggled((old) => new Map([...old, ...ids.map((id) => [id, expanded] as const)]));
  }, []);

  // the active row moves at once; address and details follow when the arrows rest
  const [moved, move] = useState<{ from: string | undefined; to: string }>();
  const active = moved && moved.from === place.node ? moved.to : place.node;
  const pending = useRef<ReturnType<typeof setTimeout>>(undefined);
  const goRef = useRef(go);
  useEffect(() => {
    goRef.current = go;
  }, [go]);
  const from = place.node;
  const choose = useCallback(
    (id: string) => {
      move({ from, to: id });
      clearTimeout(pending.current);
      pending.current = setTimeout(() => goRef.current({ node: id }), SETTLE_MS);
    },
    [from],
  );
  const [paged, page] = useState(Boolean(place.node)); // on a phone: the details are shown
  const open = useCallback((id: string) => {
    clearTimeout(pending.current);
    goRef.current({ node: id });
    page(true);
  }, []);
  // a node from the address, or chosen in the details, is shown wherever it is folded away
  const reveal = useCallback(
    (id: string) => {
      const above: string[] = [];
      for (let b = tree.byId.get(id)?.parent; b; b = b.parent) above.push(b.node.id);
      toggle(above, true);
      open(id);
    },
    [tree, toggle, open],
  );
  const revealed = useRef(false);
  useEffect(() => {
    if (revealed.current || !settled || !place.node || !tree.byId.has(place.node)) return;
    revealed.current = true;
    reveal(place.node);
  }, [settled, place.node, tree, reveal]);

  const chosen = place.node ? tree.byId.get(place.node) : undefined;
  const change = chosen && united?.changes.get(chosen.node.id);
  return (
    <main className={`trace-page${paged && chosen ? " paged" : ""}`}>
      <header className="trace-top">
        <div className="row spread">
          <div>
            <h1>{experiment.title}</h1>
            <p className="quiet small">
              {experiment.recipe}, {experiment.id}, started {when(experiment.startedAt)}
            </p>
          </div>
          <div className="row">
            {experiment.imported && <Badge tone="warn">imported, read-only</Badge>}
            <Badge tone={stateTone[experiment.state]}>{experiment.state}</Badge>
            {aside}
          </div>
        </div>
        {experiment.error && <ExperimentWords state={experiment.state} words={experiment.error} />}
        <Filters
          source={source}
          place={place}
          go={go}
          nodes={known}
          compared={united !== undefined}
          searching={searching}
        />
        <TotalsLine totals={totals} all={tree.byId.size} active={isActive(filter)} />
        {found && !found.complete && (
          <p className="small quiet">
            The search stopped at its limit of time and size: there may be more. Type more of the
            text.
          </p>
        )}
        {failed && (
          <p className="small" role="alert" style={{ color: "var(--bad)" }}>
            {failed.message}
          </p>
        )}
        {united && other && (
          <Comparison
            changes={united.changes}
            here={{ name: experiment.id, nodes: [...known.values()] }}
            there={{ name: other.experiment.id, nodes: other.nodes }}
            place={place}
            go={go}
          />
        )}
      </header>
      {error && known.size === 0 ? (
        <Failed error={error} />
      ) : !settled ? (
        <Loading />
      ) : known.size === 0 ? (
        <Empty title="Nothing has happened yet">
          Steps appear here as soon as the experiment has started its first.
        </Empty>
      ) : (
        <div className="trace-panes">
          <section className="trace-left" aria-label="Tree">
            {error && (
              <p className="small" role="alert" style={{ color: "var(--bad)" }}>
                Not up to date: {error.message}
              </p>
            )}
            {rows.length === 0 ? (
              <Empty title={searching ? "Looking through inputs and outputs" : "No step matches"}>
                {!searching && (
                  <button
                    className="button"
                    onClick={() =>
                      go({
                        q: undefined,
                        kind: undefined,
                        state: undefined,
                        agent: undefined,
                        change: undefined,
                      })
                    }
                  >
                    Show all steps
                  </button>
                )}
              </Empty>
            ) : (
              <TreeView
                tree={tree}
                rows={rows}
                active={active}
                changes={united?.changes}
                now={axisEnd}
                choose={choose}
                open={open}
                toggle={toggle}
              />
            )}
          </section>
          <section className="trace-right" aria-label="Details">
            <button className="button trace-back" onClick={() => page(false)}>
              Back to the tree
            </button>
            {chosen ? (
              <Detail
                key={chosen.node.id}
                source={source}
                branch={chosen}
                now={live ? now : axisEnd}
                choose={reveal}
                link={link}
                compared={change && other && { experiment: other.experiment.id, change }}
              />
            ) : (
              <NoDetail />
            )}
          </section>
        </div>
      )}
    </main>
  );
}

interface FiltersProps {
  readonly source: TraceSource;
  readonly place: Place;
  readonly go: (change: Partial<Place>) => void;
  readonly nodes: ReadonlyMap<string, TraceNode>;
  readonly compared: boolean;
  readonly searching: boolean;
}
function Filters({ source, place, go, nodes, compared, searching }: FiltersProps) {
  const present = useMemo(() => {
    const kinds = new Set<string>();
    const states = new Set<string>();
    const agents = new Set<string>();
    for (const n of nodes.values()) {
      kinds.add(n.kind);
      states.add(n.state);
      if (n.agent) agents.add(n.agent);
    }
    return { kinds, states, agents: [...agents].toSorted() };
  }, [nodes]);
  // the person's own while it has the focus; the address's when that changes elsewhere
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (input.current && document.activeElement !== input.current)
      input.current.value = place.q ?? "";
  }, [place.q]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const choose = (name: keyof Place) => (e: React.ChangeEvent<HTMLSelectElement>) =>
    go({ [name]: e.target.value || undefined });
  return (
    <div className="trace-filters" role="search">
      <input
        type="search"
        aria-label="Find in names, inputs and outputs"
        placeholder="Find in names, inputs and outputs"
        ref={input}
        defaultValue={place.q ?? ""}
        onChange={(e) => {
          const q = e.target.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => go({ q: q || undefined }), 200);
        }}
      />
      <select aria-label="Kind" value={place.kind ?? ""} onChange={choose("kind")}>
        <option value="">Every kind</option>
        {nodeKinds
          .filter((k) => present.kinds.has(k))
          .map((k) => (
            <option key={k} value={k}>
              {kindNames[k]}
            </option>
          ))}
      </select>
      <select aria-label="State" value={place.state ?? ""} onChange={choose("state")}>
        <option value="">Every state</option>
        {nodeStates
          .filter((s) => present.states.has(s))
          .map((s) => (
            <option key={s} value={s}>
              {stateNames[s]}
            </option>
          ))}
      </select>
      <select aria-label="Who" value={place.agent ?? ""} onChange={choose("agent")}>
        <option value="">Everyone</option>
        {present.agents.map((a) => (
          <option key={a} value={a}>
            {a}
          </option>
        ))}
      </select>
      {source.compare && (
        <OtherExperiments source={source} place={place} go={go} compared={compared} />
      )}
      <span className="small quiet" role="status">
        {searching ? "looking…" : ""}
      </span>
    </div>
  );
}

function OtherExperiments({
  source,
  place,
  go,
  compared,
}: Omit<FiltersProps, "nodes" | "searching">) {
  const [experiments, set] = useState<readonly OtherExperiment[]>([]);
  useEffect(() => {
    source.compare!.experiments().then(set, () => set([]));
  }, [source]);
  const unlisted = place.with && !experiments.some((r) => r.id === place.with);
  return (
    <>
      <select
        aria-label="Compare with"
        value={place.with ?? ""}
        onChange={(e) =>
          go({ with: e.target.value || undefined, change: e.target.value ? "differs" : undefined })
        }
      >
        <option value="">Compare with…</option>
        {unlisted && <option value={place.with}>{place.with}</option>}
        {experiments.map((r) => (
          <option key={r.id} value={r.id}>
            {r.title} ({r.id})
          </option>
        ))}
      </select>
      {compared && (
        <select
          aria-label="Changes"
          value={place.change ?? ""}
          onChange={(e) => go({ change: e.target.value || undefined })}
        >
          <option value="">Same and different</option>
          <option value="differs">Different</option>
          <option value="changed">Output changed</option>
          <option value="here">Only here</option>
          <option value="there">Only there</option>
          <option value="same">Same</option>
        </select>
      )}
    </>
  );
}

const TotalsLine = ({
  totals: t,
  all,
  active,
}: {
  totals: Totals;
  all: number;
  active: boolean;
}) => (
  <p className="trace-totals small num" role="status" aria-label="Totals of what is shown">
    <span>
      <b>{t.nodes.toLocaleString("en")}</b>{" "}
      {active ? `of ${all.toLocaleString("en")} steps` : "steps"}
    </span>
    <span>
      cost <b>{money(t.cost) || "$0"}</b>
    </span>
    <span>
      tokens <b>{compact(t.tokens) || "0"}</b>
    </span>
    <span>
      answers <b>{t.answers.toLocaleString("en")}</b>
    </span>
    <span title="summed over steps: what runs side by side counts twice">
      time <b>{span(t.seconds)}</b>
    </span>
  </p>
);

interface Side {
  readonly name: string;
  readonly nodes: readonly TraceNode[];
}
function Comparison({
  changes,
  here,
  there,
  place,
  go,
}: {
  changes: ReadonlyMap<string, Change>;
  here: Side;
  there: Side;
  place: Place;
  go: (change: Partial<Place>) => void;
}) {
  const count = useMemo(() => {
    const n = { same: 0, changed: 0, here: 0, there: 0 };
    for (const c of changes.values()) n[c]++;
    return n;
  }, [changes]);
  const add = (nodes: readonly TraceNode[], f: (n: TraceNode) => number) =>
    nodes.reduce((s, n) => s + f(n), 0);
  const rows: [string, (nodes: readonly TraceNode[]) => string][] = [
    ["steps", (x) => x.length.toLocaleString("en")],
    ["cost", (x) => money(add(x, (n) => n.cost)) || "$0"],
    ["tokens", (x) => compact(add(x, (n) => n.tokens)) || "0"],
    ["answers", (x) => add(x, (n) => n.answers).toLocaleString("en")],
    ["failed", (x) => String(add(x, (n) => (n.state === "failed" ? 1 : 0)))],
  ];
  const words: [Change, string][] = [
    ["same", "the same"],
    ["changed", "with a changed output"],
    ["here", "only here"],
    ["there", "only there"],
  ];
  return (
    <div className="trace-compared">
      <p className="small">
        Compared with <b>{there.name}</b>:{" "}
        {words.map(([key, text], i) => (
          <span key={key}>
            {i > 0 && ", "}
            <button
              className="link"
              aria-pressed={place.change === key}
              onClick={() => go({ change: place.change === key ? undefined : key })}
            >
              {count[key].toLocaleString("en")} {text}
            </button>
          </span>
        ))}
      </p>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>Experiment</th>
              {rows.map(([name]) => (
                <th key={name}>{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[here, there].map((side, i) => (
              <tr key={side.name}>
                <td>
                  {side.name} <span className="quiet small">{i ? "there" : "here"}</span>
                </td>
                {rows.map(([name, f]) => (
                  <td key={name}>{f(side.nodes)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
