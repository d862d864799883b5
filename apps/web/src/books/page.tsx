/**
 * A tree of summaries beside its book, live while it grows: a sentence leads down to what stands behind it and back up. Both columns are
 * virtual, so that thousands of nodes and megabytes stay smooth; on a phone one is shown at a time.
 */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import type { TreeNode } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Failed, fixed, Loading, Meter, Refused } from "../design/components.tsx";
import { bookTree, type Lead, pathTo, rowsOf, Support } from "./book-tree.ts";
import { BookText } from "./book-text.tsx";
import { EditNode } from "./edit.tsx";
import { Summaries } from "./summaries.tsx";
import "./books.css";

const EVERY_MS = 2000;

/** All nodes, and again and again what changed. */
function useNodes(id: string, live: boolean) {
  const client = useQueryClient();
  const key = [...keyOf("treeNodes", { id }), "all"];
  return useQuery({
    queryKey: key,
    refetchInterval: live ? EVERY_MS : false,
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

export function BookPage() {
  const { id } = useParams({ from: "/books/$id" });
  const detail = useQuery({ ...asking("getTree", { id }), refetchInterval: EVERY_MS });
  const { version, state } = detail.data ?? {};
  const nodes = useNodes(id, state !== undefined);
  const text = useQuery({ ...asking("treeText", { id }), staleTime: Infinity });
  const { refetch } = text;
  useEffect(() => void (version !== undefined && version > 1 && refetch()), [version, refetch]);
  const tree = useMemo(() => nodes.data && bookTree(nodes.data.nodes), [nodes.data]);
  const words = text.data?.text;
  const support = useMemo(
    () => (tree && words !== undefined ? new Support(tree, words) : undefined),
    [tree, words],
  );
  const [open, setOpen] = useState<ReadonlySet<string>>();
  const [lit, setLit] = useState<Lead>();
  const [side, setSide] = useState<"tree" | "book">("tree");
  const [edits, setEdits] = useState<TreeNode>();
  const error = detail.error ?? nodes.error ?? text.error;
  if (!detail.data || !tree || !support)
    return (
      <main>
        {error ? <Failed error={error} retry={() => void detail.refetch()} /> : <Loading />}
      </main>
    );
  const opened = open ?? new Set(tree.root ? [tree.root.node] : []);
  const follow = (lead: Lead) => {
    setLit(lead);
    setOpen(new Set([...opened, ...pathTo(tree, lead.node).slice(1)]));
    setSide(lead.span ? "book" : "tree");
  };
  const t = detail.data;
  return (
    <main className="book">
      <header className="stack tight">
        <div className="row spread">
          <h1>{t.name}</h1>
          <Grows id={id} state={t.state} />
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
        <fieldset className="row book-sides">
          <legend className="sr">What is shown</legend>
          {(["tree", "book"] as const).map((s) => (
            <label key={s} className={`button ${side === s ? "primary" : ""}`}>
              <input
                type="radio"
                name="side"
                className="sr"
                checked={side === s}
                onChange={() => setSide(s)}
              />
              {s === "tree" ? "Summaries" : "The book"}
            </label>
          ))}
        </fieldset>
      </header>
      <div className={`book-columns shows-${side}`}>
        <Summaries
          rows={rowsOf(tree, opened)}
          tree={tree}
          open={opened}
          setOpen={setOpen}
          support={support}
          lit={lit}
          follow={follow}
          edit={setEdits}
        />
        <BookText tree={tree} support={support} lit={lit} follow={follow} />
      </div>
      {edits && (
        <EditNode
          id={id}
          node={edits}
          words={edits.starts === null ? undefined : support.textOf(edits)}
          close={() => setEdits(undefined)}
        />
      )}
    </main>
  );
}
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
