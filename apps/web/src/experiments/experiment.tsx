/** One experiment, live: its pipeline, raters, curves, samples, and the report. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import {
  type Experiment,
  isSimulated,
  metric,
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
  SimulatedNote,
  Stat,
  Term,
  when,
} from "../design/components.tsx";
import { VerdictBadge } from "../design/verdict.tsx";
import { HoldButton } from "./hold.tsx";
import { isImported } from "./row.tsx";
import { ExperimentWords, stateTone } from "./words.tsx";
import { Chart, chartsOf } from "./chart.tsx";
import { Labels } from "./labels.tsx";
import { useLive } from "./live.ts";
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
      {(runs.data ?? []).map((r) => (
        <Curves key={r.id} run={r} />
      ))}
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

const SHOWN = 6; // charts that stand open
function Curves({ run }: { run: Run }) {
  const declared = Object.keys(run.metrics).length > 0;
  const points = useQuery({
    ...asking("getMetrics", { id: run.id }),
    enabled: !declared,
  });
  // of a run from before metrics were declared: each by its name
  const metrics = useMemo(() => {
    const names = [...new Set((points.data ?? []).flatMap((p) => Object.keys(p.values)))];
    return declared ? run.metrics : Object.fromEntries(names.map((n) => [n, metric(n, n)]));
  }, [declared, run.metrics, points.data]);
  const charts = useMemo(() => chartsOf(metrics), [metrics]);
  if (!charts.length) return null;
  const name = run.id.split(/[./]/).at(-1)!;
  return (
    <section className="stack">
      <div className="row spread">
        <h2>{name.charAt(0).toUpperCase() + name.slice(1)}</h2>
        <span className="row small">
          <span className="quiet">{run.kind}</span>
          <Badge tone={stateTone[run.state]}>{run.state}</Badge>
          {run.output && (
            <Link to="/studio/checkpoints/$id" params={{ id: run.output }}>
              Where it came from
            </Link>
          )}
        </span>
      </div>
      <div className="grid">
        {charts.slice(0, SHOWN).map((c) => (
          <Chart key={c.title} run={run.id} {...c} />
        ))}
      </div>
      {charts.length > SHOWN && (
        <Details title={`${charts.length - SHOWN} more curves`}>
          <div className="grid">
            {charts.slice(SHOWN).map((c) => (
              <Chart key={c.title} run={run.id} {...c} />
            ))}
          </div>
        </Details>
      )}
    </section>
  );
}
/** What is drawn only once it is opened. */
function Details({ title, children }: { title: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary className="small">{title}</summary>
      {open && children}
    </details>
  );
}

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
            <div className="scroll">
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
                        <VerdictBadge of={r.flag} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
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
