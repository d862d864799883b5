/** Rows of a dataset by agreement, strength, length, rater, source and what they repeat, each with the judgments behind it. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import {
  type DatasetCard,
  type DatasetRun,
  type Example,
  type ExamplePart,
  exampleParts,
  type ExampleSort,
  exampleSorts,
} from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Empty, fixed, Loaded, Paged, percent } from "../design/components.tsx";
import { Text, Value } from "../trace/value.tsx";
import { type DatasetPlace, type Go, PAGE } from "./dataset-place.ts";

export function ExamplesView({ id, place, go }: { id: string; place: DatasetPlace; go: Go }) {
  const card = useQuery(asking("datasetCard", { id }));
  const runs = useQuery(asking("datasetRuns", { id }));
  const { sort, part, rater, source, split, shared, row, page = 1 } = place;
  const examples = useQuery({
    ...asking("datasetExamples", {
      id,
      sort,
      part,
      rater,
      source,
      split,
      shared,
      row,
      offset: (page - 1) * PAGE,
      limit: PAGE,
    }),
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <Filters card={card.data} place={place} go={go} />
      <Loaded query={examples}>
        {({ total, rows }) =>
          total === 0 ? (
            <Empty title="No row is like that">Choose other rows above.</Empty>
          ) : (
            <>
              <Pages page={page} total={total} go={go} />
              {rows.map((e) => (
                <ExampleCard key={e.at} example={e} runs={runs.data ?? []} go={go} />
              ))}
              {total > PAGE && <Pages page={page} total={total} go={go} />}
            </>
          )
        }
      </Loaded>
    </>
  );
}

/** Pages of examples. */
export const Pages = ({ page, total, go }: { page: number; total: number; go: Go }) => (
  <Paged page={page} size={PAGE} total={total} turn={(page) => go({ page })} />
);

interface Choice {
  readonly label: string;
  readonly value: string | undefined;
  readonly all: string;
  readonly of: readonly (readonly [key: string, says: string])[];
  readonly set: (value: string | undefined) => void;
}
const Select = ({ label, value, all, of, set }: Choice) => (
  <select aria-label={label} value={value ?? ""} onChange={(e) => set(e.target.value || undefined)}>
    <option value="">{all}</option>
    {of.map(([key, says]) => (
      <option key={key} value={key}>
        {says}
      </option>
    ))}
  </select>
);
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const optionsOf = (names: Readonly<Record<string, string>>, without: string) =>
  Object.entries(names)
    .filter(([key]) => key !== without)
    .map(([key, says]) => [key, capital(says)] as const);

function Filters({
  card,
  place,
  go,
}: {
  card: DatasetCard | undefined;
  place: DatasetPlace;
  go: Go;
}) {
  const counted = (of: readonly { readonly name: string; readonly rows: number }[]) =>
    of.map((x) => [x.name, `${x.name} (${x.rows})`] as const);
  const chosen = place.row !== undefined || place.shared !== undefined;
  return (
    <div className="dataset-filters">
      <Select
        label="Which rows"
        value={place.part}
        all="All rows"
        of={optionsOf(exampleParts, "all")}
        set={(part) => go({ part: part as ExamplePart | undefined })}
      />
      <Select
        label="Order"
        value={place.sort}
        all="As they stand"
        of={optionsOf(exampleSorts, "place")}
        set={(sort) => go({ sort: sort as ExampleSort | undefined })}
      />
      {card && card.people.length > 0 && (
        <Select
          label="Rater"
          value={place.rater}
          all="All raters"
          of={card.people.map((p) => [p.by, `${p.by} (${p.judgments})`] as const)}
          set={(rater) => go({ rater })}
        />
      )}
      {(
        [
          ["source", "Source", card?.sources],
          ["split", "Split", card?.splits],
        ] as const
      ).map(
        ([key, label, of]) =>
          of &&
          of.length > 0 && (
            <Select
              key={key}
              label={label}
              value={place[key]}
              all={`All ${key}s`}
              of={counted(of)}
              set={(value) => go({ [key]: value })}
            />
          ),
      )}
      {chosen && (
        <button className="button" onClick={() => go({ row: undefined, shared: undefined })}>
          {place.row === undefined
            ? `Only what ${place.shared!.slice(0, 12)} has too: show all`
            : `Only what is like row ${place.row + 1}: show all`}
        </button>
      )}
    </div>
  );
}

const side = { a: "A", b: "B" } as const;
function ExampleCard({
  example: e,
  runs,
  go,
}: {
  example: Example;
  runs: readonly DatasetRun[];
  go: Go;
}) {
  const signed = (n: number) => `${n > 0 ? "+" : n < 0 ? "−" : ""}${Math.abs(n)}`;
  const facts = [
    e.agreement !== null && `people agree ${percent(e.agreement)}`,
    e.strength !== null && `strength ${fixed(e.strength)}`,
    e.difference !== null && `preferred ${signed(e.difference)} characters`,
    e.weight !== null && `weight ${fixed(e.weight)}`,
    e.source,
    e.split,
  ].filter((x) => typeof x === "string");
  return (
    <article className="card stack example" aria-label={`Row ${e.at + 1}`}>
      <RowBody row={e.row} />
      <p className="row small quiet">
        <span className="num">Row {e.at + 1}</span>
        {facts.map((f) => (
          <span key={f} className="num">
            {f}
          </span>
        ))}
        {e.near > 1 && (
          <button
            className="button plain"
            onClick={() => go({ row: e.at, part: undefined, sort: undefined })}
          >
            {e.near} rows nearly the same
          </button>
        )}
      </p>
      {e.judgments.length > 0 && (
        <p className="row small">
          {e.judgments.map((j, i) => (
            <span key={j.answer ?? i} className="judged">
              {j.person ? (
                <Link to="/quality/raters/$id" params={{ id: j.person }}>
                  {j.by}
                </Link>
              ) : (
                j.by
              )}{" "}
              <b>{saidOf(j.label)}</b>
              {j.seconds !== null && j.seconds > 0 && (
                <span className="quiet num"> in {j.seconds.toFixed(0)} s</span>
              )}{" "}
              {j.simulated && <Badge>simulated</Badge>}
            </span>
          ))}
        </p>
      )}
      <details>
        <summary className="small">Where it comes from and went</summary>
        <Provenance example={e} runs={runs} />
      </details>
    </article>
  );
}
const saidOf = (label: string | null) =>
  label === null ? "answered" : label === "a" || label === "b" ? side[label] : label;

function Provenance({ example: e, runs }: { example: Example; runs: readonly DatasetRun[] }) {
  const experiments = [...new Set(e.judgments.flatMap((j) => j.experiment ?? []))];
  const projects = [...new Set(e.judgments.flatMap((j) => j.project ?? []))];
  const tasks = [...new Set(e.judgments.flatMap((j) => j.task ?? []))];
  return (
    <dl className="provenance small">
      <dt>Judged in</dt>
      <dd>
        {experiments.map((id) => (
          <Link key={id} to="/studio/experiments/$id" params={{ id }}>
            {id}
          </Link>
        ))}
        {projects.map((id) => (
          <Link key={id} to="/projects/$id" params={{ id }}>
            the project {id}
          </Link>
        ))}
        {experiments.length + projects.length === 0 && "no experiment or project that is known"}
      </dd>
      {tasks.length > 0 && (
        <>
          <dt>Task</dt>
          <dd>
            <code>{tasks.join(", ")}</code>
          </dd>
        </>
      )}
      <dt>Trained</dt>
      <dd>{runs.length ? <RunList runs={runs} /> : "no run read this version"}</dd>
    </dl>
  );
}
/** Runs that read a dataset, each with what it left. */
export const RunList = ({ runs }: { runs: readonly DatasetRun[] }) => (
  <ul className="runs">
    {runs.map((r) => (
      <li key={r.run}>
        {r.experiment ? (
          <Link to="/studio/experiments/$id" params={{ id: r.experiment }}>
            {r.run}
          </Link>
        ) : (
          r.run
        )}
        , {r.kind}
        {r.state !== "done" && `, ${r.state}`}
        {r.output && (
          <>
            :{" "}
            <Link to="/studio/checkpoints/$id" params={{ id: r.output }}>
              {r.name ?? r.output.slice(0, 12)}
            </Link>
          </>
        )}
      </li>
    ))}
  </ul>
);

const shown = (row: Readonly<Record<string, unknown>>, ...names: readonly string[]) =>
  names.flatMap((n) => {
    const value = Object.hasOwn(row, n) ? row[n] : undefined;
    return typeof value === "string" ? [value] : [];
  })[0];
/** Two texts side by side where the row has two; else what it says. */
export function RowBody({ row }: { row: Readonly<Record<string, unknown>> }) {
  const prompt = shown(row, "passage", "prompt", "question");
  const chance = Object.hasOwn(row, "pB") && typeof row["pB"] === "number" ? row["pB"] : undefined;
  const pairs = [
    [shown(row, "a"), shown(row, "b")],
    [shown(row, "chosen"), shown(row, "rejected")],
  ] as const;
  const at = pairs.findIndex(([x, y]) => x !== undefined && y !== undefined);
  if (at < 0) {
    const rest = Object.entries(row).filter(([k]) => k !== "judgments");
    const alone = rest.length === 1 && typeof rest[0]![1] === "string" ? rest[0]![1] : undefined;
    return alone === undefined ? <Value value={Object.fromEntries(rest)} /> : <Text text={alone} />;
  }
  const heads =
    at === 1
      ? ["Chosen", "Rejected"]
      : chance === undefined
        ? ["A", "B"]
        : [`A ${percent(1 - chance)}`, `B ${percent(chance)}`];
  return (
    <>
      {prompt !== undefined && prompt !== "" && (
        <div className="quiet">
          <Text text={prompt} />
        </div>
      )}
      <div className="pair">
        {pairs[at]!.map((text, i) => (
          <div key={heads[i]}>
            <b className="num small">{heads[i]}</b>
            <Text text={text!.trim()} />
          </div>
        ))}
      </div>
    </>
  );
}
