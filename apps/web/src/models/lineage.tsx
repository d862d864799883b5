/** The walk back from a checkpoint: run, dataset version, the judgments, and who made them. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { asking } from "../api.ts";
import { Badge, fixed, Missing, SimulatedNote, when } from "../design/components.tsx";
import { Serving } from "./models.tsx";
import { RewardReport } from "./reward-report.tsx";

const short = (id: string) => id.slice(0, 12);

export function LineagePage() {
  const { id } = useParams({ from: "/studio/checkpoints/$id" });
  const q = useQuery(asking("lineage", { id }));
  const models = useQuery(asking("listServed"));
  if (!q.data)
    return (
      <main>
        <Missing query={q} />
      </main>
    );
  const { checkpoint: c, run, datasets, raters, parents } = q.data;
  const named = (models.data ?? []).flatMap((m) =>
    m.versions.filter((v) => v.checkpoint.id === c.id).map((v) => ({ model: m, ...v })),
  );
  return (
    <main>
      <div>
        <h1>Where {c.name} came from</h1>
        <p className="quiet">Every sentence this checkpoint writes rests on what follows.</p>
      </div>
      <div className="row">
        {named.map(({ model, version }) => (
          <span key={model.name} className="row">
            <b>
              {model.name}@{version}
            </b>
            <Serving model={model} version={version} />
          </span>
        ))}
        <Link className="button plain" to="/studio/checkpoints">
          All models
        </Link>
      </div>
      {named.some((v) => v.simulated) && (
        <SimulatedNote>
          Programs answered in people’s place in the experiment that made it: its figures and
          judgments rest on that.
        </SimulatedNote>
      )}
      {c.role === "reward" && <RewardReport id={id} />}
      <ol className="trail card" style={{ paddingTop: 24 }}>
        <li>
          <h2>
            Checkpoint {short(c.id)} <Badge>{c.role}</Badge>
          </h2>
          <p className="quiet">
            {when(c.createdAt)};{" "}
            {Object.entries(c.metrics)
              .map(([k, v]) => `${k} ${Number.isInteger(v) ? v : fixed(v)}`)
              .join(", ") || "no metrics"}
          </p>
        </li>
        {run && (
          <li>
            <h2>Run {run.id}</h2>
            <p className="quiet">
              {run.kind}, code {short(run.codeRevision)}
              {run.experiment && (
                <>
                  , of{" "}
                  <Link to="/studio/experiments/$id" params={{ id: run.experiment }}>
                    {run.experiment}
                  </Link>
                </>
              )}
            </p>
            <details>
              <summary className="small">Configuration</summary>
              <pre className="small scroll">{JSON.stringify(run.config, null, 2)}</pre>
            </details>
          </li>
        )}
        {datasets.map((d) => (
          <li key={d.id}>
            <h2>
              Dataset {d.name} {short(d.id)}
            </h2>
            <p>
              <Link to="/studio/datasets/$id" params={{ id: d.id }}>
                {d.judgments ? `${d.rows} rows from ${d.judgments} judgments` : `${d.rows} rows`}
              </Link>
            </p>
          </li>
        ))}
        {raters.length > 0 && (
          <li>
            <h2>{raters.length === 1 ? "1 rater" : `${raters.length} raters`}</h2>
            <p className="row small">
              {raters.map((r) => (
                <span key={r.pseudonym}>
                  {r.pseudonym} <span className="quiet num">{r.judgments}</span>
                </span>
              ))}
            </p>
          </li>
        )}
        {parents.map((p) => (
          <li key={p.id}>
            <h2>
              <Link to="/studio/checkpoints/$id" params={{ id: p.id }}>
                {p.name} {short(p.id)}
              </Link>{" "}
              <Badge>{p.role}</Badge>
            </h2>
            <p className="quiet">
              {p.role === "reward" ? "scored it during training" : "it started from this"}
            </p>
          </li>
        ))}
      </ol>
    </main>
  );
}
