/** The curves of one run, a chart a group of its declared metrics; those of a run that is under way grow. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { metric, type MetricPoint, own, type Run, type RunCurves } from "@tiller/schema";
import { asking, linkTo } from "../api.ts";
import { Badge, Loaded } from "../design/components.tsx";
import { Chart, type ChartOf } from "./chart.tsx";
import { type Line, lineOf } from "./curves.ts";
import { onLive } from "./live.ts";
import { stateTone } from "./words.tsx";

export const POINTS = 400; // places a curve: as many as a chart has pixels for
const SHOWN = 6; // charts that stand open

/** What came since the curves were read. */
function useFresh(run: string, running: boolean): readonly MetricPoint[] {
  const [fresh, set] = useState<readonly MetricPoint[]>([]);
  useEffect(() => {
    if (!running) return undefined;
    let waiting: MetricPoint[] = [];
    const flush = setInterval(() => {
      const come = waiting;
      waiting = [];
      if (come.length)
        set((old) => {
          const all = new Map([...old, ...come].map((p) => [p.step, p]));
          return [...all.values()].toSorted((a, b) => a.step - b.step);
        });
    }, 500);
    const end = onLive((e) => {
      if (e.type === "metric" && e.run === run) waiting.push(e.point);
    });
    return () => {
      end();
      clearInterval(flush);
    };
  }, [run, running]);
  return fresh;
}
function grown(line: Line, name: string, fresh: readonly MetricPoint[]): Line {
  const last = line.steps.at(-1) ?? -1;
  const more = fresh.flatMap((p) => {
    const value = p.step > last ? own(p.values, name) : undefined;
    return value === undefined ? [] : [{ step: p.step, value }];
  });
  if (!more.length) return line;
  const values = more.map((m) => m.value);
  return {
    ...line,
    steps: [...line.steps, ...more.map((m) => m.step)],
    values: [...line.values, ...values],
    low: line.low && [...line.low, ...values],
    high: line.high && [...line.high, ...values],
  };
}

/** By what its job declares: a chart a group, in that order; of a run from before metrics were declared each by its name. */
export function chartsOf(
  run: Pick<Run, "metrics">,
  curves: RunCurves | undefined,
  fresh: readonly MetricPoint[] = [],
  only?: readonly string[],
): ChartOf[] {
  const known = new Map((curves?.curves ?? []).map((c) => [c.metric, c]));
  const names = new Set([...known.keys(), ...fresh.flatMap((p) => Object.keys(p.values))]);
  const wanted = (name: string) => names.has(name) && (!only || only.includes(name));
  const declared = Object.entries(run.metrics).filter(([name]) => wanted(name));
  const others = [...names].filter((n) => wanted(n) && !Object.hasOwn(run.metrics, n));
  const all = [...declared, ...others.map((n) => [n, metric(n, n)] as const)];
  const groups = Map.groupBy(all, ([, m]) => m.group);
  return [...groups].map(([title, members]) => ({
    title,
    unit: members[0]![1].unit,
    lines: members.map(([name, m]) => grown(lineOf(name, m.label, known.get(name)), name, fresh)),
  }));
}

/** The metrics of the charts that stand open, where the run declares more: the others are read once they are opened. */
function openOf(run: Run): string[] | undefined {
  const groups = [...new Set(Object.values(run.metrics).map((m) => m.group))];
  if (groups.length <= SHOWN) return undefined;
  const open = new Set(groups.slice(0, SHOWN));
  return Object.entries(run.metrics).flatMap(([name, m]) => (open.has(m.group) ? [name] : []));
}
function useCharts(run: Run, metrics?: string[]) {
  const running = run.state === "running";
  const curves = useQuery({
    ...asking("curves", { body: { runs: [run.id], points: POINTS, metrics } }),
    refetchInterval: running ? 60_000 : false, // what comes in between is live
  });
  const fresh = useFresh(run.id, running);
  const [mine] = curves.data ?? [];
  const charts = useMemo(() => chartsOf(run, mine, fresh, metrics), [run, mine, fresh, metrics]);
  return { curves, charts, steps: mine?.steps ?? 0 };
}
interface Drawn {
  readonly run: Run;
  readonly smoothing: number;
}
const Grid = ({ run, smoothing, charts }: Drawn & { charts: readonly ChartOf[] }) => (
  <div className="grid">
    {charts.map((c) => (
      <Chart
        key={c.title}
        {...c}
        smoothing={smoothing}
        csv={linkTo("metricsFile", { id: run.id })}
      />
    ))}
  </div>
);
function More({ open, ...of }: Drawn & { open: readonly ChartOf[] }) {
  const { curves, charts } = useCharts(of.run);
  const titles = new Set(open.map((c) => c.title));
  return (
    <Loaded query={curves}>
      {() => <Grid {...of} charts={charts.filter((c) => !titles.has(c.title))} />}
    </Loaded>
  );
}

export function RunCharts({ run, smoothing }: Drawn) {
  const few = useMemo(() => openOf(run), [run]);
  const { curves, charts, steps } = useCharts(run, few);
  const name = run.id.split(/[./]/).at(-1)!;
  if (curves.data && !charts.length && !few && run.state !== "running") return null;
  const open = charts.slice(0, SHOWN);
  return (
    <section className="stack">
      <div className="row spread">
        <h2>{name.charAt(0).toUpperCase() + name.slice(1)}</h2>
        <span className="row small">
          <span className="quiet">
            {run.kind}
            {steps > POINTS && `, ${steps} steps, drawn in ${POINTS} places`}
          </span>
          <Badge tone={stateTone[run.state]}>{run.state}</Badge>
          {run.output && (
            <Link to="/studio/checkpoints/$id" params={{ id: run.output }}>
              Where it came from
            </Link>
          )}
        </span>
      </div>
      <Loaded query={curves}>
        {() => (
          <>
            <Grid run={run} smoothing={smoothing} charts={open} />
            {(few || charts.length > SHOWN) && (
              <Details title="More charts">
                <More run={run} smoothing={smoothing} open={open} />
              </Details>
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}
/** What is drawn only once it is opened. */
export function Details({ title, children }: { title: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary className="small">{title}</summary>
      {open && children}
    </details>
  );
}

/** How much curves are smoothed, on all charts of a page. */
export const Smoothing = ({ weight, set }: { weight: number; set: (w: number) => void }) => (
  <label className="row small quiet smoothing">
    Smoothing
    <input
      type="range"
      min={0}
      max={0.98}
      step={0.02}
      value={weight}
      onChange={(e) => set(Number(e.target.value))}
    />
    <b className="num">{weight.toFixed(2)}</b>
  </label>
);
