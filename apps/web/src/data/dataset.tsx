/** A dataset version: its rows with the judgments behind them, drawn by their schema where one is known. */
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Fragment, type ReactNode, useState } from "react";
import { z } from "zod";
import { Judgment, LabelledPair, labelledPairs, promptRows } from "@tiller/schema";
import { asking } from "../api.ts";
import { Missing, percent, together } from "../design/components.tsx";
import { Value } from "../trace/value.tsx";

const Pair = LabelledPair.extend({ judgments: z.array(Judgment) });
/** How a row of a schema is drawn; others as values. */
const drawn: ReadonlyMap<string, (row: unknown) => ReactNode> = new Map([
  [
    promptRows.name,
    (row) => {
      const alone = z.strictObject({ prompt: z.string() }).safeParse(row).data;
      return alone ? (
        <article className="card read">{alone.prompt}</article>
      ) : (
        <RowCard row={row} />
      );
    },
  ],
  [
    labelledPairs.name,
    (row) => {
      const pair = Pair.safeParse(row).data; // undefined where an answer behind it was taken back
      return pair ? <PairCard pair={pair} /> : <RowCard row={row} />;
    },
  ],
]);
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
  const draw = drawn.get(head.data.schema) ?? ((row: unknown) => <RowCard row={row} />);
  return (
    <main>
      <div className="row spread">
        <div>
          <h1>Dataset {head.data!.name}</h1>
          <p className="quiet">
            {total} rows{head.data.judgments > 0 && ` from ${head.data.judgments} judgments`},
            schema <code>{head.data.schema}</code>, version <code>{id.slice(0, 12)}</code>
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
      {rows.data.map((row, i) => (
        <Fragment key={offset + i}>{draw(row)}</Fragment>
      ))}
    </main>
  );
}

const RowCard = ({ row }: { row: unknown }) => (
  <article className="card">
    <Value value={row} />
  </article>
);

function PairCard({ pair: r }: { pair: z.infer<typeof Pair> }) {
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
            {j.by}: <b>{j.choice}</b> in {j.activeSeconds.toFixed(0)} s
          </span>
        ))}
      </p>
    </article>
  );
}
