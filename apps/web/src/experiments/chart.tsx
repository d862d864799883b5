/**
 * A chart of curves by step: values under the pointer for every line, smoothing with the raw faint behind, a log scale, names and
 * units on its axes, and the picture or the numbers to take away. uPlot draws at most once a frame.
 */
import { useEffect, useMemo, useRef, useState } from "react";
import type uPlot from "uplot";
import { alignedTo, type Line, logFits, saveAs, smoothed, svgOf, tableOf } from "./curves.ts";
import { loadPlot, type Plot } from "./plot.ts";

const HEIGHT = 190;
const COLOURS = 8;
const colourName = (i: number) => `--series-${(i % COLOURS) + 1}`;
const colour = (i: number) =>
  getComputedStyle(document.documentElement).getPropertyValue(colourName(i)).trim();
const short = (v: number) => (v === 0 ? "0" : String(Number(v.toPrecision(3))));
/** A level line stands in the middle, others have a little air. */
const around = (_: uPlot, low: number | null, high: number | null): [number, number] => {
  if (low === null || high === null) return [0, 1];
  if (low === high) return [low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2];
  const air = (high - low) / 20;
  return [low - air, high + air];
};
/** In whole powers of ten. */
const around10 = (_: uPlot, low: number | null, high: number | null): [number, number] =>
  low === null || high === null || low <= 0
    ? [0.1, 1]
    : [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high) + 1e-9)];

/** One value alone is no line: it is marked. */
const isAlone = (u: uPlot, series: number): boolean =>
  Array.from(u.data[series]!).filter((v) => typeof v === "number").length === 1;

export interface ChartOf {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
}

export function Chart({
  title,
  unit,
  lines,
  smoothing,
  csv,
}: ChartOf & {
  /** 0 to 1: how much of the smoothed value stays from step to step */
  smoothing: number;
  /** every step, where the server has more than is drawn */
  csv?: string | undefined;
}) {
  const box = useRef<HTMLDivElement>(null);
  const values = useRef<(HTMLElement | null)[]>([]);
  const [Plot, setPlot] = useState<Plot>();
  const [trouble, setTrouble] = useState<string>();
  const [log, setLog] = useState(false);
  const [at, setAt] = useState<number | null>(null); // the step under the pointer
  const drawn = useMemo(() => lines.map((l) => smoothed(l, smoothing)), [lines, smoothing]);
  const shape = drawn
    .map((l) => `${l.key} ${l.low ? "band" : ""} ${l.raw ? "raw" : ""}`)
    .join("\n");
  const now = useRef({ drawn, steps: [] as readonly number[] }); // what the plot's hooks read
  const plotted = useRef<uPlot>(undefined);
  useEffect(() => {
    loadPlot().then(
      (loaded) => setPlot(() => loaded),
      (e: unknown) => setTrouble((e as Error).message),
    );
  }, []);
  useEffect(() => {
    const host = box.current;
    if (!host || !Plot) return;
    const { drawn } = now.current;
    const quiet = getComputedStyle(host).getPropertyValue("--quiet");
    const line = getComputedStyle(host).getPropertyValue("--line");
    const axis = {
      stroke: quiet,
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
      font: "11px Inter Variable",
      labelFont: "11px Inter Variable",
      labelSize: 18,
    };
    const series = drawn.flatMap((l, i): uPlot.Series[] => {
      const plain = { spanGaps: true, points: { show: isAlone } };
      const faint = {
        ...plain,
        stroke: `${colour(l.colour ?? i)}40`,
        width: 1,
        points: { show: false },
      };
      const main = {
        ...plain,
        stroke: colour(l.colour ?? i),
        width: 1.75,
        dash: i < COLOURS ? [] : [5, 3],
      };
      return [...(l.low ? [faint, faint] : []), ...(l.raw ? [faint] : []), main];
    });
    let first = 1;
    const bands = drawn.flatMap((l, i): uPlot.Band[] => {
      const from = first;
      first += (l.low ? 2 : 0) + (l.raw ? 1 : 0) + 1;
      return l.low ? [{ series: [from + 1, from], fill: `${colour(l.colour ?? i)}22` }] : [];
    });
    const plot = new Plot(
      {
        width: host.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { show: false }, sync: { key: "steps" } },
        scales: {
          x: { time: false },
          y: log ? { distr: 3, range: around10 } : { range: around },
        },
        axes: [
          { ...axis, size: 26, label: "step" },
          {
            ...axis,
            size: 50,
            ...(unit && { label: unit }),
            values: (_, ticks) => ticks.map((v) => (v === null ? "" : short(v))),
          },
        ],
        series: [{}, ...series],
        bands,
        hooks: {
          setCursor: [
            (u) => {
              const { idx } = u.cursor;
              const { steps, drawn: lines } = now.current;
              const step = idx === null || idx === undefined ? null : (steps[idx] ?? null);
              setAt(step);
              for (const [i, l] of lines.entries())
                if (values.current[i]) values.current[i].textContent = valueAt(l, step);
            },
          ],
        },
      },
      [[]],
      host,
    );
    plotted.current = plot;
    const resize = new ResizeObserver(() =>
      plot.setSize({ width: host.clientWidth, height: HEIGHT }),
    );
    resize.observe(host);
    return () => {
      resize.disconnect();
      plotted.current = undefined;
      plot.destroy();
    };
  }, [Plot, log, unit, shape]);
  useEffect(() => {
    const { steps, columns } = alignedTo(drawn);
    now.current = { drawn, steps };
    plotted.current?.setData([steps, ...columns] as uPlot.AlignedData);
  }, [drawn, Plot, log, unit, shape]); // also anew where the plot is
  const file = title.replaceAll(/[^\w-]+/g, "-").toLowerCase();
  const colours = lines.map((l, i) => colourName(l.colour ?? i));
  return (
    <figure className="card chart-card">
      <figcaption className="row spread small">
        <b>{title}</b>
        <span className="row chart-tools">
          {logFits(lines) && (
            <button
              className="button plain small"
              aria-pressed={log}
              onClick={() => setLog((old) => !old)}
            >
              log
            </button>
          )}
          <button
            className="button plain small"
            aria-label={`${title} as SVG`}
            onClick={() =>
              saveAs(
                `${file}.svg`,
                "image/svg+xml",
                svgOf({
                  title,
                  unit,
                  log,
                  lines: drawn,
                  colours: lines.map((l, i) => colour(l.colour ?? i)),
                }),
              )
            }
          >
            SVG
          </button>
          {csv ? (
            <a className="button plain small" href={csv} aria-label={`${title} as CSV`}>
              CSV
            </a>
          ) : (
            <button
              className="button plain small"
              aria-label={`${title} as CSV`}
              onClick={() => saveAs(`${file}.csv`, "text/csv", tableOf(lines))}
            >
              CSV
            </button>
          )}
        </span>
      </figcaption>
      {trouble ? (
        <p className="small quiet">The curve cannot be drawn here ({trouble}).</p>
      ) : (
        <div ref={box} className="chart" role="img" aria-label={`${title} by step`} />
      )}
      <p className="chart-legend small num">
        {lines.map((l, i) => (
          <span key={l.key}>
            <i style={{ background: `var(${colours[i]})` }} aria-hidden="true" />
            {l.label} <b ref={(el) => void (values.current[i] = el)}>{valueAt(drawn[i]!, at)}</b>
          </span>
        ))}
        <span className="quiet">{at === null ? "newest" : `step ${at}`}</span>
      </p>
    </figure>
  );
}

/** The value of a line at a step, or the last before it; the newest where no step is meant. */
function valueAt(line: Line, step: number | null): string {
  const i = step === null ? line.steps.length - 1 : line.steps.findLastIndex((s) => s <= step);
  const value = line.values[i];
  return value === undefined ? "–" : String(Number(value.toPrecision(4)));
}
