/** What a dataset is made of: lengths, near-duplicates, people and their agreement, weights, what it shares, what it trained. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Dataset, DatasetCard, Shared, Spread } from "@tiller/schema";
import { asking } from "../api.ts";
import {
  Badge,
  Card,
  fixed,
  Interval,
  Loaded,
  percent,
  Scroll,
  SimulatedNote,
  Stat,
} from "../design/components.tsx";
import { RunList } from "./dataset-examples.tsx";
import { type DatasetPlace, examplesAt, type Go } from "./dataset-place.ts";

interface Shows {
  readonly dataset: Dataset;
  readonly place: DatasetPlace;
  readonly go: Go;
}
export function CardView({ dataset, place, go }: Shows) {
  const { id } = dataset;
  const card = useQuery(asking("datasetCard", { id }));
  return (
    <Loaded query={card}>
      {(c) => (
        <>
          {c.simulated > 0 && (
            <SimulatedNote>
              {c.simulated} of {c.judgments} judgments are by programs in people’s place.
            </SimulatedNote>
          )}
          <Figures id={id} card={c} />
          <Lengths card={c} />
          <Overlaps dataset={dataset} place={place} go={go} />
          {c.splits.length > 0 && <Splits id={id} card={c} />}
          {c.people.length > 0 && <People id={id} card={c} />}
          <Trained id={id} />
        </>
      )}
    </Loaded>
  );
}

/** Rows behind a figure; 0 leads nowhere. */
const Rows = ({ id, n, at }: { id: string; n: number; at: Omit<DatasetPlace, "view"> }) =>
  n === 0 ? (
    <>0</>
  ) : (
    <Link to="/studio/datasets/$id" params={{ id }} search={examplesAt(at)}>
      {n}
    </Link>
  );

function Figures({ id, card: c }: { id: string; card: DatasetCard }) {
  const d = c.duplicates;
  const raw = c.agreement?.raw;
  const interval =
    raw && raw.low !== null && raw.high !== null
      ? `${percent(raw.low)} to ${percent(raw.high)}; alpha ${fixed(c.agreement!.krippendorff.at)}`
      : "nothing was judged twice";
  const { weights } = c;
  const counted =
    weights.rows === 0
      ? "all count 1"
      : `as much as ${Math.round(weights.effective)} rows of equal weight; ${weights.zero} count nothing`;
  return (
    <>
      <div className="stats">
        <Stat
          name="Rows"
          value={String(c.rows)}
          note={`${d.rows} say the same as an earlier one`}
        />
        <Stat
          name="Near-duplicates"
          says={`Rows whose texts are nearly those of another: a Jaccard similarity of ${d.threshold} or more of their three-word shingles, found by MinHash and checked.`}
          value={String(d.near)}
          note={`in ${d.groups} groups, the largest ${d.largest}`}
        />
        <Stat
          name="Judgments"
          value={String(c.judgments)}
          note={`by ${c.peopleInAll} people${c.missing ? `; ${c.missing} were taken back` : ""}`}
        />
        <Stat
          name="Agreement"
          says="Of two people's judgments of one row, how often they say the same; alpha is Krippendorff's, beyond chance."
          value={percent(raw?.at)}
          note={interval}
        />
        <Stat
          name="The longer is preferred"
          says="Of rows with a preferred text and texts of different lengths: how often the longer one is preferred. What a reward model must beat."
          value={percent(c.longer?.share)}
          note={c.longer ? `of ${c.longer.n} rows` : "no row prefers one of two"}
        />
        <Stat name="Weights" value={weights.rows ? String(weights.rows) : "none"} note={counted} />
      </div>
      <p className="row small">
        <span className="quiet">Look at the rows</span>
        <span>
          nearly the same as another: <Rows id={id} n={d.near} at={{ part: "near" }} />
        </span>
        <span>
          the same words as an earlier one: <Rows id={id} n={d.same} at={{ part: "same" }} />
        </span>
        {c.agreement && (
          <Link
            to="/studio/datasets/$id"
            params={{ id }}
            search={examplesAt({ part: "disputed", sort: "disagreement" })}
          >
            on which people disagree
          </Link>
        )}
        {c.strength && (
          <Link to="/studio/datasets/$id" params={{ id }} search={examplesAt({ sort: "weakest" })}>
            of the weakest preference
          </Link>
        )}
      </p>
      {d.passedBy > 0 && (
        <p className="small quiet">
          {d.passedBy} pairs of texts with a common form were not compared: there may be more
          near-duplicates.
        </p>
      )}
    </>
  );
}

const spreads = ["least", "low", "median", "mean", "high", "most"] as const;
const heads = ["n", "Least", "5 %", "Median", "Mean", "95 %", "Most"];
function Lengths({ card: c }: { card: DatasetCard }) {
  const rows: readonly (readonly [string, Spread | null, number])[] = [
    ["Prompt, characters", c.lengths.prompt, 0],
    ["Text, characters", c.lengths.text, 0],
    ["Preferred less the other, characters", c.lengths.difference, 0],
    ["Strength of preference, 0 to 1", c.strength, 2],
    ["Weight", c.weights.spread, 2],
  ];
  return (
    <Card title="Lengths, strength and weights">
      <Table
        label="Lengths, strength and weights"
        heads={["Figure", ...heads]}
        rows={rows.flatMap(([name, s, digits]) =>
          s ? [[name, s.n, ...spreads.map((k) => s[k].toFixed(digits))]] : [],
        )}
      />
    </Card>
  );
}

const Table = ({
  label,
  heads: top,
  rows,
}: {
  label: string;
  heads: readonly string[];
  rows: readonly (readonly ReactNode[])[];
}) => (
  <Scroll label={label}>
    <table>
      <thead>
        <tr>
          {top.map((h) => (
            <th key={h}>{h}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, i) => (
          <tr key={i}>
            {row.map((cell, k) => (
              <td key={k} className={k ? "num" : ""}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);
const sharedHeads = ["Nearly the same", "The same words", "The same prompt"];
const sharedCells = (s: Shared, link: ReactNode): ReactNode[] => [link, s.same, s.prompts];

function Overlaps({ dataset, place, go }: Shows) {
  const { id } = dataset;
  const all = useQuery(asking("listDatasets", {}));
  const overlaps = useQuery(asking("datasetOverlaps", { id, other: place.shared }));
  return (
    <Card
      title="What it shares with evaluation sets"
      aside={
        <select
          aria-label="Hold it against another dataset"
          className="against"
          value={place.shared ?? ""}
          onChange={(e) => go({ shared: e.target.value || undefined })}
        >
          <option value="">Hold it against another</option>
          {all.data
            ?.filter((d) => d.id !== id)
            .map((d) => (
              <option key={d.id} value={d.id}>
                {d.name} {d.id.slice(0, 8)} ({d.rows} rows)
              </option>
            ))}
        </select>
      }
    >
      <Loaded
        query={overlaps}
        empty={
          <p className="quiet">
            There is no evaluation set here, and it was held against no other.
          </p>
        }
      >
        {(list) => (
          <Table
            label="What it shares"
            heads={["Set", "Rows", ...sharedHeads]}
            rows={list.map((o) => [
              <>
                <Link to="/studio/datasets/$id" params={{ id: o.other }}>
                  {o.name} {o.other.slice(0, 8)}
                </Link>{" "}
                {o.evaluation && <Badge>evaluation</Badge>}
              </>,
              o.rows,
              ...sharedCells(o, <Rows id={id} n={o.near} at={{ shared: o.other }} />),
            ])}
          />
        )}
      </Loaded>
      <p className="small quiet">Counted in rows of this dataset.</p>
    </Card>
  );
}

function Splits({ id, card: c }: { id: string; card: DatasetCard }) {
  return (
    <Card title="Splits">
      <Table
        label="Splits"
        heads={["Split", "Also in", "Rows", ...sharedHeads]}
        rows={[
          ...c.splits.map((s) => [
            s.name,
            "",
            <Rows key="rows" id={id} n={s.rows} at={{ split: s.name }} />,
            "",
            "",
            "",
          ]),
          ...c.shared.map((s) => [s.of, s.with, "", ...sharedCells(s, s.near)]),
        ]}
      />
    </Card>
  );
}

const FEW = 12;
function People({ id, card: c }: { id: string; card: DatasetCard }) {
  const table = (people: DatasetCard["people"]) => (
    <Table
      label="People"
      heads={["Rater", "Judgments", "Agree with the others"]}
      rows={people.map((p) => [
        <>
          <Link to="/studio/datasets/$id" params={{ id }} search={examplesAt({ rater: p.by })}>
            {p.by}
          </Link>{" "}
          {p.simulated && <Badge>simulated</Badge>}
        </>,
        p.judgments,
        percent(p.agreement),
      ])}
    />
  );
  return (
    <Card
      title={`${c.peopleInAll} people`}
      aside={
        c.agreement && (
          <span className="row small quiet">
            agreement
            <Interval
              low={c.agreement.raw.low}
              at={c.agreement.raw.at}
              high={c.agreement.raw.high}
            />
          </span>
        )
      }
    >
      {table(c.people.slice(0, FEW))}
      {c.people.length > FEW && (
        <details>
          <summary className="small">{c.people.length - FEW} more</summary>
          {table(c.people.slice(FEW))}
        </details>
      )}
    </Card>
  );
}

function Trained({ id }: { id: string }) {
  const runs = useQuery(asking("datasetRuns", { id }));
  return (
    <Card title="Runs that read it">
      <Loaded query={runs} empty={<p className="quiet">No run has read this version.</p>}>
        {(list) => <RunList runs={list} />}
      </Loaded>
    </Card>
  );
}
