/**
 * A tree of summaries beside its book, live while it grows: a sentence leads down to what stands behind it and back up. Both columns are
 * virtual, so that thousands of nodes and megabytes stay smooth; on a phone one is shown at a time.
 */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { z } from "zod";
import { own, type TreeDetail, type TreeEdit, type TreeNode, TreeNodeName } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Failed, fixed, Loading, Meter, Refused } from "../design/components.tsx";
import { type BookTree, bookTree, type Lead, pathTo, rowsOf, Support } from "./book-tree.ts";
import { ChooseBeside } from "./beside.tsx";
import { BookText } from "./book-text.tsx";
import { AskBook } from "./ask.tsx";
import { EditNode } from "./edit.tsx";
import { NodePanel } from "./panel.tsx";
import { ScoreBar } from "./score-bar.tsx";
import { type NodeActs, Summaries } from "./summaries.tsx";
import "./books.css";

const EVERY_MS = 2000; // while it grows
const STILL_MS = 10_000;

/** All nodes, and again and again what changed. */
function useNodes(id: string, refetchInterval: number) {
  const client = useQueryClient();
  const key = [...keyOf("treeNodes", { id }), "all"];
  return useQuery({
    queryKey: key,
    refetchInterval,
    structuralSharing: false,
    queryFn: async () => {
      const old = client.getQueryData<{ nodes: ReadonlyMap<string, TreeNode>; seq: number }>(key);
      const { nodes, seq } = await api.treeNodes({ id, after: old?.seq ?? 0 });
      if (old && nodes.length === 0) return old;
      return {
        nodes: new Map([...(old?.nodes ?? []), ...nodes.map((n) => [n.node, n] as const)]),
        seq,
      };
    },
  });
}

/** Which node's details are open, and which of them. */
export const BookPlace = z.object({
  node: TreeNodeName.optional().catch(undefined),
  tab: z.string().max(40).optional().catch(undefined),
});
type BookPlace = z.infer<typeof BookPlace>;
const route = "/books/$id";
type Edits = { readonly node: TreeNode; readonly begin?: Pick<TreeEdit, "what" | "text"> };
const sides = { tree: "Summaries", book: "The book", node: "Details" } as const;

export function BookPage() {
  const { id } = useParams({ from: route });
  const detail = useQuery({
    ...asking("getTree", { id }),
    refetchInterval: ({ state: { data } }) => (data?.state === "growing" ? EVERY_MS : STILL_MS),
  });
  const { version, state, written } = detail.data ?? {};
  const nodes = useNodes(id, state === "growing" ? EVERY_MS : STILL_MS);
  const { refetch: refetchNodes } = nodes;
  // a short growth may begin and end between two looks
  useEffect(() => void refetchNodes(), [version, state, written, refetchNodes]);
  const text = useQuery({ ...asking("treeText", { id }), staleTime: Infinity });
  const { refetch } = text;
  useEffect(() => void (version !== undefined && version > 1 && refetch()), [version, refetch]);
  const tree = useMemo(() => nodes.data && bookTree(nodes.data.nodes), [nodes.data]);
  const words = text.data?.text;
  const last = useRef<Support>(undefined);
  const support = useMemo(
    () => (tree && words !== undefined ? new Support(tree, words, last.current) : undefined),
    [tree, words],
  );
  useEffect(() => void (last.current = support), [support]);
  const error = detail.error ?? nodes.error ?? text.error;
  if (!detail.data || !tree || !support)
    return (
      <main>
        {error ? <Failed error={error} retry={() => void detail.refetch()} /> : <Loading />}
      </main>
    );
  return <Book key={id} detail={detail.data} tree={tree} support={support} />;
}

function Book(p: { detail: TreeDetail; tree: BookTree; support: Support }) {
  const { detail: t, tree, support } = p;
  const id = t.tree;
  const place = BookPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: route });
  const judged = useQuery({ ...asking("treeJudged", { id }), refetchInterval: STILL_MS });
  const verdicts = useQuery({ ...asking("treeVerdicts", { id }), refetchInterval: STILL_MS });
  const [open, setOpen] = useState<ReadonlySet<string>>(
    () => new Set([...(tree.root ? [tree.root.node] : []), ...pathTo(tree, place.node ?? "")]),
  );
  const [lit, setLit] = useState<Lead | undefined>(() =>
    place.node ? { node: place.node } : undefined,
  );
  const [side, setSide] = useState<keyof typeof sides>(place.node ? "node" : "tree");
  const [edits, setEdits] = useState<Edits>();
  const [choosing, setChoosing] = useState(false);
  const now = useRef(tree);
  useEffect(() => void (now.current = tree), [tree]);
  const go = useCallback(
    (next: BookPlace) => void navigate({ search: next, replace: true, resetScroll: false }),
    [navigate],
  );
  const acts = useMemo<NodeActs>(
    () => ({
      toggle: (node) =>
        setOpen((old) => {
          const next = new Set(old);
          if (!next.delete(node)) next.add(node);
          return next;
        }),
      follow: (lead) => {
        setLit(lead);
        setOpen((old) => new Set([...old, ...pathTo(now.current, lead.node).slice(1)]));
        setSide(lead.span ? "book" : "tree");
        if (lead.span) go({});
      },
      edit: (node) => setEdits({ node }),
      details: (node) => {
        setSide("node");
        go({ node });
      },
    }),
    [go],
  );
  const about = place.node === undefined ? undefined : tree.nodes.get(place.node);
  const rows = useMemo(() => rowsOf(tree, open), [tree, open]);
  const shown = about ? side : side === "node" ? "tree" : side;
  const close = () => {
    setSide("tree");
    go({});
    document.querySelector<HTMLElement>(`[data-details="${place.node}"]`)?.focus();
  };
  return (
    <main className="book">
      <header className="stack tight">
        <div className="row spread">
          <h1>{t.name}</h1>
          <span className="row">
            <button type="button" className="button" onClick={() => setChoosing(true)}>
              Compare
            </button>
            <AskBook id={id} tree={tree} follow={acts.follow} />
            <Grows id={id} state={t.state} />
          </span>
        </div>
        <Meter done={t.written} total={t.nodes} label="Nodes written" />
        <p className="quiet small num">
          {t.written} of {t.nodes} summaries · version {t.version} ·{" "}
          {t.settings.model ?? "people alone"} · {t.used.answers} by people
          {t.used.tokens > 0 && `, ${Math.round(t.used.tokens).toLocaleString("en-GB")} tokens`}
          {t.used.money > 0 && `, $${fixed(t.used.money)}`}
          {t.left.people.nodes > 0 && ` · people have ${hours(t.left.people.minutes)} left`}
          {t.why && ` · ${t.why}`}
          {t.experiment && (
            <>
              {" · "}
              <Link to="/studio/experiments/$id" params={{ id: t.experiment }}>
                its run
              </Link>
            </>
          )}
        </p>
        <ScoreBar id={id} model={t.settings.model} />
        <fieldset className="row book-sides">
          <legend className="sr">What is shown</legend>
          {(["tree", "book", ...(about ? (["node"] as const) : [])] as const).map((s) => (
            <label key={s} className={`button ${shown === s ? "primary" : ""}`}>
              <input
                type="radio"
                name="side"
                className="sr"
                checked={shown === s}
                onChange={() => setSide(s)}
              />
              {sides[s]}
            </label>
          ))}
        </fieldset>
      </header>
      <div className={`book-columns shows-${shown} ${about ? "with-panel" : ""}`}>
        <Summaries
          rows={rows}
          tree={tree}
          open={open}
          setOpen={setOpen}
          support={support}
          lit={lit}
          chosen={about?.node}
          judged={judged.data ?? nothing}
          verdicts={verdicts.data ?? nothing}
          acts={acts}
        />
        <BookText tree={tree} support={support} lit={lit} follow={acts.follow} />
        {about && (
          <NodePanel
            id={id}
            tree={tree}
            node={about}
            support={support}
            follow={acts.follow}
            edit={(node, begin) => setEdits({ node, begin })}
            tab={place.tab}
            goTo={(tab) => go({ node: about.node, tab })}
            said={own(judged.data, about.node) ?? 0}
            close={close}
          />
        )}
      </div>
      {choosing && <ChooseBeside id={id} close={() => setChoosing(false)} />}
      {edits && (
        <EditNode
          id={id}
          node={edits.node}
          words={edits.node.starts === null ? undefined : support.textOf(edits.node)}
          begin={edits.begin}
          close={() => setEdits(undefined)}
        />
      )}
    </main>
  );
}
const nothing = {};
const hours = (minutes: number) =>
  minutes < 90 ? `${Math.round(minutes)} minutes` : `${fixed(minutes / 60, 1)} hours`;

/** Where it stands, and the one thing that can be done about it. */
function Grows({ id, state }: { id: string; state: "growing" | "whole" | "stopped" }) {
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: async (): Promise<unknown> =>
      state === "growing" ? api.stopTree({ id }) : api.growTree({ id, body: {} }),
    onSettled: () => client.invalidateQueries({ queryKey: keyOf("getTree", { id }) }),
  });
  return (
    <div className="row">
      <Badge tone={state === "whole" ? "good" : state === "stopped" ? "warn" : undefined}>
        {state}
      </Badge>
      {state !== "whole" && (
        <button
          type="button"
          className="button"
          disabled={act.isPending}
          onClick={() => act.mutate()}
        >
          {state === "growing" ? "Stop at the best so far" : "Go on"}
        </button>
      )}
      <Refused error={act.error} />
    </div>
  );
}
