/** One experiment, live: its pipeline, raters, curves, samples, and the report. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { type Experiment, isSimulated, readInterval, readNumber, type Run } from "@tiller/schema";
import { asking, linkTo } from "../api.ts";
import { ExportButton } from "../data/export.tsx";
import {
  Badge,
  Card,
  Interval,
  Loaded,
  Missing,
  percent,
  Scroll,
  SimulatedNote,
  Stat,
  Term,
  when,
} from "../design/components.tsx";
import { VerdictBadge } from "../design/verdict.tsx";
import { HoldButton } from "./hold.tsx";
import { isImported, Waits } from "./row.tsx";
import { ExperimentWords, stateTone } from "./words.tsx";
import { CancelButton } from "./cancel.tsx";
import { Labels } from "./labels.tsx";
import { useLive } from "./live.ts";
import { Facts, Parts } from "./progress.tsx";
import { Details, RunCharts, Smoothing } from "./run-charts.tsx";
import { Samples } from "./samples.tsx";
import { InWords, NobodyAnswered } from "./told.tsx";

const LOOK_MS = 30_000; // for what another server does; what happens on this one is told

export function ExperimentPage() {
  const { id } = useParams({ from: "/studio/experiments/$id" });
  useLive(id);
  const e = useQuery({
    ...asking("getExperiment", { id }),
    refetchInterval: LOOK_MS,
  });
  const runs = useQuery(asking("listRuns", { id }));
  if (!e.data)
    return (
      <main>
        <Missing query={e} />
      </main>
    );
  const { data } = e;
  const s = data.summary;
  const dataset = runs.data?.find((r) => r.dataset)?.dataset;
  return (
    <main>
      <div className="row spread">
        <div>
          <h1>{data.title}</h1>
          <p className="quiet">
            {data.recipe}, {id}, seed {data.seed}, started {when(data.startedAt)}
          </p>
          <Labels experiment={data} />
        </div>
        <div className="row">
          <Link className="button" to="/studio/experiments/$id/trace" params={{ id }} search={{}}>
            Trace
          </Link>
          <Link className="button" to="/studio/start" search={{ from: id }}>
            Run again
          </Link>
          <ExportButton experiment={id} />
          {dataset && (
            <Link className="button" to="/studio/datasets/$id" params={{ id: dataset }}>
              Judgments
            </Link>
          )}
          {s && (
            <a className="button primary" href={linkTo("reportPage", { id })}>
              Report
            </a>
          )}
          <CancelButton experiment={data} />
          <HoldButton experiment={{ id: data.id, state: data.state, imported: isImported(data) }} />
          <Badge tone={stateTone[data.state]}>{data.state}</Badge>
        </div>
      </div>
      {data.error && <ExperimentWords state={data.state} words={data.error} />}
      <Simulated experiment={data} />
      <InWords experiment={data} />
      {s && (
        <div className="stats">
          {s.map((m) => {
            const interval = readInterval(m, m.unit);
            const note = [m.note, interval && `95 %: ${interval}`].filter(Boolean).join("; ");
            return (
              <Stat
                key={m.name}
                name={m.label}
                value={readNumber(m.value, m.unit)}
                note={note}
                says={m.help}
              />
            );
          })}
        </div>
      )}
      <Progress id={id} state={data.state} />
      <Curves runs={runs.data ?? []} />
      <Raters experiment={data} />
      {runs.data && runs.data.length > 0 && <Samples runs={runs.data} />}
    </main>
  );
}

/** Says so where simulated raters answered, or may. */
function Simulated({ experiment: e }: { experiment: Experiment }) {
  const raters = useQuery(asking("listRaters", { id: e.id })).data ?? [];
  const n = raters.filter((r) => r.simulated).length;
  if (!n && !isSimulated(e.agents)) return null;
  const people = raters.length - n;
  return (
    <SimulatedNote>
      Programs answer here in people’s place
      {raters.length > 0 && `: ${n} of ${raters.length} raters so far are simulated`}
      {n > 0 && people > 0 && `, ${people === 1 ? "1 is a person" : `${people} are people`}`}. Every
      figure of this experiment rests on that.
    </SimulatedNote>
  );
}

function Progress({ id, state }: Pick<Experiment, "id" | "state">) {
  const progress = useQuery({
    ...asking("getProgress", { id }),
    refetchInterval: state === "running" ? LOOK_MS : false,
  });
  return (
    <Card title="Progress">
      <Loaded query={progress}>
        {(p) => (
          <>
            <Facts progress={p} />
            {p.waits.length > 0 && <Waits progress={p} now={progress.dataUpdatedAt} />}
            <Parts of={p} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

const RUNS = 4; // whose curves stand open, the newest
function Curves({ runs }: { runs: readonly Run[] }) {
  const [smoothing, smooth] = useState(0);
  if (!runs.length) return null;
  const open = runs.slice(-RUNS);
  const folded = runs.slice(0, -RUNS);
  return (
    <>
      <div className="row spread">
        <span />
        <Smoothing weight={smoothing} set={smooth} />
      </div>
      {folded.length > 0 && (
        <Details title={`${folded.length} earlier ${folded.length === 1 ? "run" : "runs"}`}>
          <Earlier runs={folded} smoothing={smoothing} />
        </Details>
      )}
      {open.map((r) => (
        <RunCharts key={r.id} run={r} smoothing={smoothing} />
      ))}
    </>
  );
}
/** Many runs, each drawn once it is opened. */
const Earlier = ({ runs, smoothing }: { runs: readonly Run[]; smoothing: number }) => (
  <div className="stack">
    {runs.map((r) => (
      <Details key={r.id} title={`${r.id}, ${r.kind}, ${r.state}`}>
        <RunCharts run={r} smoothing={smoothing} />
      </Details>
    ))}
  </div>
);

function Raters({ experiment }: { experiment: Experiment }) {
  const { id } = experiment;
  const raters = useQuery(asking("listRaters", { id }));
  const rows = raters.data ?? [];
  return (
    <Card
      title="Raters"
      aside={
        <span className="quiet small">
          {rows.filter((r) => r.flag === "careless").length} careless
        </span>
      }
    >
      <Loaded query={raters}>
        {() =>
          rows.length === 0 ? (
            <NobodyAnswered experiment={experiment} />
          ) : (
            <Scroll label="Raters">
              <table>
                <thead>
                  <tr>
                    <th>Rater</th>
                    <th>Answers</th>
                    <th>
                      <Term>An hour</Term>
                    </th>
                    <th>
                      <Term>Median time</Term>
                    </th>
                    <th>
                      <Term>Agreement</Term>
                    </th>
                    <th>
                      <Term>Reliability, 95 %</Term>
                    </th>
                    <th>
                      <Term>Chose left</Term>
                    </th>
                    <th>
                      <Term of="verdict">Flag</Term>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((r) => (
                    <tr key={r.rater}>
                      <td>
                        {r.pseudonym} {r.simulated && <Badge tone="warn">simulated</Badge>}
                      </td>
                      <td>{r.answers}</td>
                      <td>{r.perHour === null ? "–" : Math.round(r.perHour)}</td>
                      <td>{r.medianSeconds === null ? "–" : `${r.medianSeconds.toFixed(0)} s`}</td>
                      <td>{percent(r.agreement)}</td>
                      <td>
                        <Interval
                          low={r.reliabilityLow}
                          at={r.reliability}
                          high={r.reliabilityHigh}
                          bad={r.flag === "careless"}
                        />
                      </td>
                      <td>{percent(r.sideBias)}</td>
                      <td>
                        <VerdictBadge of={r.flag} concerns={r.concerns} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </Loaded>
    </Card>
  );
}
