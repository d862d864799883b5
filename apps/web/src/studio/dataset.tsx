/** A dataset version: each pair with its label and the judgments behind it, or the rows that a workflow saved. */
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { z } from "zod";
import { Judgment, LabelledPair } from "@tiller/schema";
import { asking } from "../api.ts";
import { Missing, percent, together } from "../design/components.tsx";
import { Value } from "../trace/value.tsx";

const Row = LabelledPair.extend({ judgments: z.array(Judgment) });
const PAGE = 20;

export function DatasetPage() {
  const { id } = useParams({ from: "/studio/datasets/$id" });
  const [offset, setOffset] = useState(0);
  const head = useQuery(asking("getDataset", { id }));
  const rows = useQuery({
    ...asking("datasetRows", { id, offset, limit: PAGE }),
    placeholderData: (old) => old,
  });
  if (!head.data || !rows.data)
    return (
      <main>
        <Missing query={together(head, rows)} />
      </main>
    );
  const total = head.data.rows;
  const pairs = head.data.kind === "pairs";
  return (
    <main>
      <div className="row spread">
        <div>
          <h1>Dataset {head.data!.name}</h1>
          <p className="quiet">
            {pairs ? `${total} pairs from ${head.data!.judgments} judgments` : `${total} rows`};
            version <code>{id.slice(0, 12)}</code>
          </p>
        </div>
        <div className="row">
          <button
            className="button"
            disabled={offset === 0}
            onClick={() => setOffset(Math.max(0, offset - PAGE))}
          >
            Earlier
          </button>
          <span className="num small">
            {offset + 1} to {Math.min(total, offset + PAGE)}
          </span>
          <button
            className="button"
            disabled={offset + PAGE >= total}
            onClick={() => setOffset(offset + PAGE)}
          >
            Later
          </button>
        </div>
      </div>
      {pairs
        ? rows.data!.map((r) => <Pair key={Row.parse(r).task} pair={Row.parse(r)} />)
        : rows.data!.map((r, i) => (
            <article className="card" key={offset + i}>
              <Value value={r} />
            </article>
          ))}
    </main>
  );
}

function Pair({ pair: r }: { pair: z.infer<typeof Row> }) {
  return (
    <article className="card stack" style={{ gap: 10 }}>
      <p className="quiet">{r.passage}</p>
      <div className="pair">
        {(["a", "b"] as const).map((side) => (
          <p key={side}>
            <b className="num">{percent(side === "b" ? r.pB : 1 - r.pB)}</b> {r[side].trim()}
          </p>
        ))}
      </div>
      <p className="row small quiet">
        {r.judgments.map((j) => (
          <span key={j.answer}>
            {j.pseudonym}: <b>{j.choice}</b> in {j.activeSeconds.toFixed(0)} s
          </span>
        ))}
      </p>
    </article>
  );
}
