/**
 * Experiments side by side: the settings that differ first, figures with their intervals, curves over one another, how far each
 * went from the base for what it gained, the same prompts' texts, and what people judged between them.
 */
import { useQueries, useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { z } from "zod";
import {
  differingSettings,
  type Experiment,
  InputSchema,
  type MetricDefs,
  own,
  type Report,
  type Run,
  type RunCurves,
  type Sample,
  settingsOf,
  withDefaults,
} from "@tiller/schema";
import { asking } from "../api.ts";
import {
  Card,
  Empty,
  Loaded,
  Loading,
  Missing,
  Scroll,
  together,
  when,
} from "../design/components.tsx";
import { Chart } from "./chart.tsx";
import { Figures, JudgedBetween } from "./compare-figures.tsx";
import { letter, Mark } from "./compare-mark.tsx";
import { sharedPrompts, Texts } from "./compare-texts.tsx";
import { lineOf } from "./curves.ts";
import { Frontier, KL } from "./frontier.tsx";
import { Details, POINTS, Smoothing } from "./run-charts.tsx";
import "./experiments.css";

export const MOST = 12; // side by side
export const ComparePlace = z.object({
  ids: z.array(z.string()).max(MOST).catch([]).default([]),
});

export function ComparePage() {
  const { ids } = ComparePlace.parse(useSearch({ strict: false }));
  const found = useQueries({
    queries: ids.map((id) => asking("getExperiment", { id })),
    combine: (all) => ({
      data: all.flatMap((q) => q.data ?? []),
      error: all.find((q) => q.error)?.error ?? null,
      refetch: () => Promise.all(all.map((q) => q.refetch())),
    }),
  });
  if (ids.length < 2)
    return (
      <main>
        <Empty title="Two experiments at least are compared">
          <Link to="/studio/experiments" search={{}}>
            Choose them in the list
          </Link>
          .
        </Empty>
      </main>
    );
  if (found.data.length < ids.length)
    return (
      <main>
        <Missing query={found} />
      </main>
    );
  return <Comparison experiments={found.data} />;
}

function Comparison({ experiments }: { experiments: readonly Experiment[] }) {
  const runs = useQueries({
    queries: experiments.map((e) => asking("listRuns", { id: e.id })),
    combine: (all) => (all.every((q) => q.data) ? all.map((q) => q.data!) : undefined),
  });
  const reports = useQueries({
    queries: experiments.map((e) => asking("getReport", e.summary ? { id: e.id } : undefined)),
    combine: (all): (Report | undefined)[] => all.map((q) => q.data),
  });
  const samples = useQueries({
    queries: experiments.map((e) => asking("listSamples", { id: e.id, limit: 200 })),
    combine: (all): Sample[][] => all.map((q) => q.data ?? []),
  });
  return (
    <main className="compare">
      <div>
        <Link to="/studio/experiments" search={{}} className="small">
          Experiments
        </Link>
        <h1>{experiments.length} experiments compared</h1>
      </div>
      <ol className="compare-heads">
        {experiments.map((e, i) => (
          <li key={e.id}>
            <Mark i={i} />
            <span>
              <Link to="/studio/experiments/$id" params={{ id: e.id }}>
                {e.title}
              </Link>
              <br />
              <span className="quiet small">
                {e.id}, {e.state}, {when(e.startedAt)}
                {e.note && `: ${e.note}`}
              </span>
            </span>
          </li>
        ))}
      </ol>
      <Settings experiments={experiments} />
      <Figures experiments={experiments} />
      {runs ? <Overlaid experiments={experiments} runs={runs} /> : <Loading />}
      <Texts rows={sharedPrompts(reports, samples)} of={experiments} />
      <JudgedBetween experiments={experiments} />
    </main>
  );
}

const said = (x: unknown) =>
  x === undefined ? "–" : typeof x === "string" ? x : JSON.stringify(x).slice(0, 200);

/** What each was given, its defaults filled in. */
function Settings({ experiments }: { experiments: readonly Experiment[] }) {
  const workflows = useQuery(asking("listWorkflows"));
  const all = useMemo(
    () =>
      experiments.map((e) => {
        const known = workflows.data?.find((w) => w.name === e.recipe);
        return {
          input: known ? withDefaults(InputSchema.parse(known.input), e.config) : e.config,
          seed: e.seed,
          workflow: e.recipe,
          "who answers": e.agents,
        };
      }),
    [experiments, workflows.data],
  );
  const settings = all.map((s) => settingsOf(s));
  const differ = differingSettings(all);
  const same = [...new Set(settings.flatMap((s) => [...s.keys()]))].filter(
    (k) => !differ.includes(k),
  );
  const table = (paths: readonly string[]) => (
    <Scroll label="Settings">
      <table>
        <thead>
          <tr>
            <th>Setting</th>
            {experiments.map((e, i) => (
              <th key={e.id}>
                <Mark i={i} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {paths.map((p) => (
            <tr key={p}>
              <td>{p.replace(/^input\./, "")}</td>
              {settings.map((s, i) => (
                <td key={i} className="num">
                  {said(s.get(p))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
  return (
    <Card title="Settings that differ">
      {differ.length ? table(differ) : <p>None: they were given the same.</p>}
      {same.length > 0 && (
        <Details title={`${same.length} settings are the same`}>{table(same)}</Details>
      )}
    </Card>
  );
}

/** The run's name in its experiment: by it, runs of several are the same. */
const nameOf = (r: Run) => r.id.slice((r.experiment?.length ?? -1) + 1) || r.id;

function Overlaid({
  experiments,
  runs,
}: {
  experiments: readonly Experiment[];
  runs: readonly (readonly Run[])[];
}) {
  const [smoothing, smooth] = useState(0);
  const named = runs.map((of) => new Map(of.map((r) => [nameOf(r), r])));
  const names = [...new Set(runs.flatMap((of) => of.map(nameOf)))].filter((n) =>
    named.some((m) => Object.keys(m.get(n)?.metrics ?? {}).length > 0),
  );
  const [chosen, choose] = useState<string>();
  const name = chosen ?? names.findLast((n) => named.every((m) => m.has(n))) ?? names.at(-1);
  const each = named.map((m) => (name === undefined ? undefined : m.get(name)));
  const defs = defsOf(each);
  const open = Object.keys(defs).slice(0, OPEN);
  const frontier = Object.entries(defs)
    .filter(([m, def]) => m === KL || def.better === "up")
    .map(([m]) => m);
  const curves = useQuery(overlaid(each, [...new Set([...open, ...frontier])]));
  if (name === undefined) return null;
  const of = (r: Run | undefined) => r && curves.data?.find((c) => c.run === r.id);
  return (
    <Card
      title="Curves"
      aside={
        <span className="row">
          <label className="row small">
            <span className="quiet">Run</span>
            <select value={name} onChange={(e) => choose(e.target.value)}>
              {names.map((n) => (
                <option key={n}>{n}</option>
              ))}
            </select>
          </label>
          <Smoothing weight={smoothing} set={smooth} />
        </span>
      }
    >
      {curves.data ? (
        <>
          <Frontier
            of={each.map((r, i) => ({ title: experiments[i]!.title, curves: of(r), run: r }))}
            experiments={experiments}
          />
          <Overlay runs={each} metrics={open} curves={curves.data} smoothing={smoothing} />
          <MoreCharts runs={each} metrics={Object.keys(defs).slice(OPEN)} smoothing={smoothing} />
        </>
      ) : (
        <Missing query={together(curves, curves)} />
      )}
    </Card>
  );
}

const OPEN = 6; // charts that stand open
const PLACES = POINTS / 2; // a curve of several in a chart
type Chosen = readonly (Run | undefined)[];
const defsOf = (runs: Chosen): MetricDefs =>
  Object.assign({}, ...runs.map((r) => r?.metrics ?? {})) as MetricDefs;
const overlaid = (of: Chosen, metrics: string[]) => {
  const runs = of.flatMap((r) => (r ? [r.id as string] : []));
  return asking("curves", runs.length ? { body: { runs, metrics, points: PLACES } } : undefined);
};

/** A chart a metric, a line an experiment. */
function Overlay({
  runs,
  metrics,
  curves,
  smoothing,
}: {
  runs: Chosen;
  metrics: readonly string[];
  curves: readonly RunCurves[];
  smoothing: number;
}) {
  const charts = useMemo(() => {
    const defs = defsOf(runs);
    return metrics.flatMap((metric) => {
      const def = own(defs, metric)!;
      const lines = runs.flatMap((r, i) => {
        const of = curves.find((c) => c.run === r?.id);
        const curve = of?.curves.find((x) => x.metric === metric);
        return curve ? [lineOf(`${metric} ${i}`, letter(i), curve, i)] : [];
      });
      const title = def.group === def.label ? def.label : `${def.group}: ${def.label}`;
      return lines.length ? [{ key: metric, title, unit: def.unit, lines }] : [];
    });
  }, [runs, metrics, curves]);
  return (
    <div className="grid">
      {charts.map(({ key, ...c }) => (
        <Chart key={key} {...c} smoothing={smoothing} />
      ))}
    </div>
  );
}

interface More {
  readonly runs: Chosen;
  readonly metrics: string[];
  readonly smoothing: number;
}
/** Those of the other metrics, read once they are opened. */
function MoreCharts(p: More) {
  if (!p.metrics.length) return null;
  return (
    <Details title={`${p.metrics.length} more metrics`}>
      <Opened {...p} />
    </Details>
  );
}
function Opened({ runs, metrics, smoothing }: More) {
  const curves = useQuery(overlaid(runs, metrics));
  return (
    <Loaded query={curves}>
      {(data) => <Overlay runs={runs} metrics={metrics} curves={data} smoothing={smoothing} />}
    </Loaded>
  );
}
