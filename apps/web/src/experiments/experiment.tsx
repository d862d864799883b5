/** One experiment, live: its pipeline, raters, curves, samples, and the report. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import {
  type Experiment,
  isSimulated,
  readInterval,
  readNumber,
  type Run,
  type Stage,
} from "@tiller/schema";
import { asking, linkTo } from "../api.ts";
import { ExportButton } from "../data/export.tsx";
import {
  Badge,
  Card,
  duration,
  Empty,
  Interval,
  Loaded,
  Meter,
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
import { isImported } from "./row.tsx";
import { ExperimentWords, stateTone } from "./words.tsx";
import { Labels } from "./labels.tsx";
import { useLive } from "./live.ts";
import { Details, RunCharts, Smoothing } from "./run-charts.tsx";
import { InWords, NobodyAnswered, TopOfTrace } from "./told.tsx";

export function ExperimentPage() {
  const { id } = useParams({ from: "/studio/experiments/$id" });
  useLive(id);
  const e = useQuery({
    ...asking("getExperiment", { id }),
    refetchInterval: 5000,
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
      <Card title={data.stages.length ? "Pipeline" : "What it did"}>
        {data.stages.length ? (
          <ol className="pipeline">
            {data.stages.map((st) => (
              <StageRow key={st.name} stage={st} />
            ))}
          </ol>
        ) : (
          <TopOfTrace id={id} />
        )}
      </Card>
      <Curves runs={runs.data ?? []} />
      <Raters experiment={data} />
      {runs.data && runs.data.length > 0 && <Samples id={id} runs={runs.data} />}
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

function StageRow({ stage: s }: { stage: Stage }) {
  const seconds =
    s.startedAt && s.endedAt ? (Date.parse(s.endedAt) - Date.parse(s.startedAt)) / 1000 : undefined;
  return (
    <li>
      <span className={`dot ${s.state}`} role="img" aria-label={s.state} />
      <span>{s.title}</span>
      <span className="quiet num">{seconds === undefined ? "" : duration(seconds)}</span>
      <span className="row" style={{ flexWrap: "nowrap" }}>
        {s.state === "running" && s.total > 0 && (
          <span style={{ flex: "0 0 160px" }}>
            <Meter label={s.title} done={s.done} total={s.total} />
          </span>
        )}
        <span className="quiet small num">
          {s.state === "running" && s.total > 0 ? `${s.done} of ${s.total}` : ""} {s.note}
        </span>
      </span>
    </li>
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

function Samples({ id, runs }: { id: string; runs: readonly Run[] }) {
  const samples = useQuery(asking("listSamples", { id, limit: 200 }));
  const steps = useMemo(
    () => [...new Set((samples.data ?? []).map((x) => x.step))].toSorted((a, b) => a - b),
    [samples.data],
  );
  const [chosen, choose] = useState<number>();
  const at = Math.min(chosen ?? steps.length - 1, steps.length - 1);
  const shown = (samples.data ?? []).filter((x) => x.step === steps[at]);
  return (
    <Card
      title="Samples over time"
      aside={
        steps.length > 1 && (
          <label className="row small quiet">
            step <b className="num">{steps[at]}</b>
            <input
              type="range"
              min={0}
              max={steps.length - 1}
              value={at}
              onChange={(ev) => choose(Number(ev.target.value))}
              aria-label="Training step"
            />
          </label>
        )
      }
    >
      <Loaded query={samples}>
        {() =>
          shown.length === 0 ? (
            <Empty title="No samples yet">What a model writes while it trains appears here.</Empty>
          ) : (
            <div>
              {shown.map((x) => (
                <div className="sample" key={x.id}>
                  <p className="read" style={{ fontSize: 17 }}>
                    <span className="quiet">{x.prompt}</span>
                    {x.text}
                  </p>
                  <span className="small quiet num">
                    {Object.entries(x.scores).map(([name, value]) => (
                      <span key={name} style={{ display: "block" }}>
                        {name} {readNumber(value)}
                      </span>
                    ))}
                    <Origin run={runs.find((r) => r.id === x.run)} />
                  </span>
                </div>
              ))}
            </div>
          )
        }
      </Loaded>
    </Card>
  );
}

/** The lineage of a sample, once its run has made a checkpoint. */
const Origin = ({ run }: { run: Run | undefined }) =>
  run?.output ? (
    <Link to="/studio/checkpoints/$id" params={{ id: run.output }}>
      Origin
    </Link>
  ) : null;
