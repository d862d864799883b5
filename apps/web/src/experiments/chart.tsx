/** A live curve: points arrive in plain arrays, uPlot draws at most once a frame. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type uPlot from "uplot";
import { type MetricPoint, own, type Run } from "@tiller/schema";
import { asking } from "../api.ts";
import { onLive } from "./live.ts";
import { loadPlot, type Plot } from "./plot.ts";

export interface Series {
  readonly key: string;
  readonly label: string;
}
const color = (i: number) =>
  getComputedStyle(document.documentElement)
    .getPropertyValue(`--series-${(i % 4) + 1}`)
    .trim();

const short = (v: number) => (v === 0 ? "0" : String(Number(v.toPrecision(3))));
/** A level line stands in the middle, others have a little air. */
const around = (_: uPlot, low: number | null, high: number | null): [number, number] => {
  if (low === null || high === null) return [0, 1];
  if (low === high) return [low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2];
  const air = (high - low) / 20;
  return [low - air, high + air];
};

export function Chart({
  run,
  title,
  series,
}: {
  run: string;
  title: string;
  series: readonly Series[];
}) {
  const box = useRef<HTMLDivElement>(null);
  const points = useQuery(asking("getMetrics", { id: run }));
  const [Plot, setPlot] = useState<Plot>();
  const [trouble, setTrouble] = useState<string>();
  useEffect(() => {
    loadPlot().then(
      (loaded) => setPlot(() => loaded),
      (e: unknown) => setTrouble((e as Error).message),
    );
  }, []);
  useEffect(() => {
    const host = box.current;
    if (!host || !points.data || !Plot) return;
    const rows = new Map(points.data.map((p) => [p.step, p.values]));
    const quiet = getComputedStyle(host).getPropertyValue("--quiet");
    const line = getComputedStyle(host).getPropertyValue("--line");
    const axis = {
      stroke: quiet,
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
      font: "11px Inter Variable",
    };
    const plot = new Plot(
      {
        width: host.clientWidth,
        height: 170,
        legend: { show: false },
        cursor: { y: false },
        scales: { x: { time: false }, y: { range: around } },
        axes: [
          { ...axis, size: 28 },
          { ...axis, size: 52, values: (_, at) => at.map(short) },
        ],
        series: [
          {},
          ...series.map((s, i) => ({
            label: s.label,
            stroke: color(i),
            width: 1.75,
            spanGaps: true,
            points: { show: false },
          })),
        ],
      },
      [[]],
      host,
    );
    let frame = 0;
    const draw = () => {
      frame = 0;
      const steps = [...rows.keys()].toSorted((a, b) => a - b);
      plot.setData([
        steps,
        ...series.map((s) => steps.map((step) => own(rows.get(step), s.key) ?? null)),
      ] as uPlot.AlignedData);
    };
    draw();
    const end = onLive((e) => {
      if (e.type !== "metric" || e.run !== run) return;
      rows.set(e.point.step, e.point.values);
      frame ||= requestAnimationFrame(draw);
    });
    const resize = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: 170 }));
    resize.observe(host);
    return () => {
      end();
      resize.disconnect();
      cancelAnimationFrame(frame);
      plot.destroy();
    };
  }, [points.data, run, series, Plot]);
  // what was said once in a long run is no curve
  const told = (points.data ?? []).filter((p) =>
    series.some((s) => own(p.values, s.key) !== undefined),
  );
  const once = told.length === 1 && points.data!.length > 1 ? told : undefined;
  return (
    <figure className="card" style={{ margin: 0 }}>
      <figcaption className="row spread small">
        <b>{title}</b>
        {series.length > 1 && (
          <span className="row quiet">
            {series.map((s, i) => (
              <span key={s.key} style={{ color: `var(--series-${i + 1})` }}>
                {s.label}
              </span>
            ))}
          </span>
        )}
      </figcaption>
      {trouble ? (
        <Newest points={points.data ?? []} series={series} why={trouble} />
      ) : once ? (
        <Newest points={once} series={series} />
      ) : (
        <div ref={box} className="chart" role="img" aria-label={`${title} by step`} />
      )}
    </figure>
  );
}

/** Where no curve can be drawn: the newest values in words. */
function Newest(p: { points: readonly MetricPoint[]; series: readonly Series[]; why?: string }) {
  const last = p.points.at(-1);
  return (
    <div className="small">
      {p.why !== undefined && <p className="quiet">The curve cannot be drawn here ({p.why}).</p>}
      {last && (
        <p className="num">
          Step {last.step}:{" "}
          {p.series
            .flatMap((s) => {
              const value = own(last.values, s.key);
              return value === undefined ? [] : [`${s.label} ${value.toPrecision(4)}`];
            })
            .join(", ")}
        </p>
      )}
    </div>
  );
}

export interface ChartOf {
  readonly title: string;
  readonly series: readonly Series[];
}
/** The charts of a run, by what its job declares: a chart a group, in that order. */
export function chartsOf(metrics: Run["metrics"]): ChartOf[] {
  const groups = Map.groupBy(Object.entries(metrics), ([, m]) => m.group);
  return [...groups].map(([group, members]) => {
    const { unit } = members[0]![1];
    const series = members.map(([key, m]) => ({ key, label: m.label }));
    return { title: unit ? `${group}, ${unit}` : group, series };
  });
}
