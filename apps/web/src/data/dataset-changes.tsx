/** What changed between two versions of a dataset: rows that came, went, or say something else. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Dataset, DatasetChanges } from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Empty, Loaded, when } from "../design/components.tsx";
import { Value } from "../trace/value.tsx";
import { Pages, RowBody } from "./dataset-examples.tsx";
import { type DatasetPlace, type Go, PAGE } from "./dataset-place.ts";

interface Shows {
  readonly dataset: Dataset;
  readonly place: DatasetPlace;
  readonly go: Go;
}
export function Changes({ dataset: d, place, go }: Shows) {
  const versions = useQuery(asking("listDatasets", { name: d.name }));
  return (
    <Loaded query={versions}>
      {(list) => {
        const others = list.filter((v) => v.id !== d.id);
        const before = others.find((v) => v.createdAt <= d.createdAt) ?? others[0];
        if (!before)
          return (
            <Empty title="This is the only version">
              What is saved under the name {d.name} again becomes another version, and what changed
              is told here.
            </Empty>
          );
        const since = others.some((v) => v.id === place.since) ? place.since! : before.id;
        return (
          <>
            <label className="row small">
              <span className="quiet">Since</span>
              <select
                className="against"
                value={since}
                onChange={(e) => go({ since: e.target.value, kind: undefined })}
              >
                {others.map((v) => (
                  <option key={v.id} value={v.id}>
                    {v.id.slice(0, 8)} of {when(v.createdAt)} ({v.rows} rows)
                  </option>
                ))}
              </select>
            </label>
            <Between id={d.id} since={since} place={place} go={go} />
          </>
        );
      }}
    </Loaded>
  );
}

const kinds = ["added", "removed", "changed"] as const;
const tones = { added: "good", removed: "bad", changed: "warn" } as const;
function Between({
  id,
  since,
  place,
  go,
}: {
  id: string;
  since: string;
  place: DatasetPlace;
  go: Go;
}) {
  const { kind, page = 1 } = place;
  const changes = useQuery({
    ...asking("datasetChanges", { id, since, kind, offset: (page - 1) * PAGE, limit: PAGE }),
    placeholderData: keepPreviousData,
  });
  return (
    <Loaded query={changes}>
      {(c) => (
        <>
          <div className="row">
            <button
              className="button"
              aria-pressed={kind === undefined}
              onClick={() => go({ kind: undefined })}
            >
              All changes {c.added + c.removed + c.changed}
            </button>
            {kinds.map((k) => (
              <button
                key={k}
                className="button"
                aria-pressed={kind === k}
                disabled={c[k] === 0}
                onClick={() => go({ kind: k })}
              >
                {k.charAt(0).toUpperCase() + k.slice(1)} {c[k]}
              </button>
            ))}
          </div>
          <p className="small quiet">
            {c.kept} rows are as they were{c.moved && ", some in another place"}. A row is known by{" "}
            {c.known}.
          </p>
          {c.total === 0 ? (
            <Empty title="Nothing changed">Every row is in both versions.</Empty>
          ) : (
            <>
              <Pages page={page} total={c.total} go={go} />
              {c.rows.map((r, i) => (
                <Change key={`${r.key} ${i}`} change={r} />
              ))}
              {c.total > PAGE && <Pages page={page} total={c.total} go={go} />}
            </>
          )}
        </>
      )}
    </Loaded>
  );
}
type Changed = DatasetChanges["rows"][number];
type Row = Readonly<Record<string, unknown>>;
const Change = ({ change: { kind, key, before, after, fields } }: { change: Changed }) => (
  <article className="card stack example" aria-label={`${kind} ${key}`}>
    <p className="row small">
      <Badge tone={tones[kind]}>{kind}</Badge>
      <code className="quiet">{key}</code>
    </p>
    {kind === "changed" ? (
      fields.map((f) => (
        <div key={f} className="stack">
          <b className="small">{f}</b>
          <div className="pair">
            {([before, after] as Row[]).map((row, i) => (
              <div key={i}>
                <span className="small quiet">{i ? "now" : "before"}</span>
                <Value value={Object.hasOwn(row, f) ? row[f] : "not there"} />
              </div>
            ))}
          </div>
        </div>
      ))
    ) : (
      <RowBody row={(kind === "added" ? after : before) as Row} />
    )}
  </article>
);
