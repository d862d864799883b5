/** What each run gained for how far it went from the base: a figure that should rise over the square root of the KL. */
import { useState } from "react";
import { type Experiment, own, type Run, type RunCurves } from "@tiller/schema";
import { Scroll } from "../design/components.tsx";
import { letter } from "./compare-mark.tsx";

interface Of {
  readonly title: string;
  readonly run: Run | undefined;
  readonly curves: RunCurves | undefined;
}
interface Point {
  readonly x: number;
  readonly y: number;
  readonly step: number;
}
export const KL = "kl";
/** What people or a known truth say goes before what a reward model does. */
const preferred = ["gold", "human", "winRate", "score"];

/** The metric over the root of the KL at each step that has both. */
function pointsOf(curves: RunCurves | undefined, metric: string): Point[] {
  const kl = curves?.curves.find((c) => c.metric === KL);
  const gain = curves?.curves.find((c) => c.metric === metric);
  if (!kl || !gain) return [];
  const at = new Map(kl.steps.map((s, i) => [s, kl.values[i]!]));
  return gain.steps.flatMap((step, i) => {
    const nats = at.get(step);
    return nats === undefined
      ? []
      : [{ x: Math.sqrt(Math.max(0, nats)), y: gain.values[i]!, step }];
  });
}
/** The same of a whole experiment, by its report. */
function summaryPoint(e: Experiment, name: string): Point[] {
  const [kl, m] = [KL, name].map((n) => e.summary?.find((x) => x.name === n)?.value);
  if (typeof kl !== "number" || typeof m !== "number") return [];
  return [{ x: Math.sqrt(Math.max(0, kl)), y: m, step: -1 }];
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BELOW] = [640, 260, 52, 20, 12, 40];
export function Frontier({
  of,
  experiments,
}: {
  of: readonly Of[];
  experiments: readonly Experiment[];
}) {
  const [chosen, choose] = useState<string>();
  const logged = [...new Set(of.flatMap((o) => Object.keys(o.run?.metrics ?? {})))].filter((m) =>
    of.some((o) => own(o.run?.metrics ?? {}, m)?.better === "up" && pointsOf(o.curves, m).length),
  );
  const reported = [
    ...new Set(experiments.flatMap((e) => (e.summary ?? []).map((m) => m.name))),
  ].filter(
    (n) =>
      n !== KL &&
      experiments.some((e) => summaryPoint(e, n).length) &&
      experiments.some((e) => e.summary?.find((m) => m.name === n)?.better === "up"),
  );
  const options = [
    ...reported.map((n) => ({
      key: `report ${n}`,
      name: n,
      says: `${labelIn(experiments, n)}, at the end`,
    })),
    ...logged.map((n) => ({ key: n, name: n, says: `${labelOf(of, n)}, by step` })),
  ];
  const first = preferred.flatMap((p) => options.filter((o) => o.name === p))[0] ?? options[0];
  const shown = options.find((o) => o.key === chosen) ?? first;
  if (!shown) return null;
  const sets = shown.key.startsWith("report ")
    ? experiments.map((e) => summaryPoint(e, shown.name))
    : of.map((o) => pointsOf(o.curves, shown.name));
  const all = sets.flat();
  const [x1, y0, y1] = [
    Math.max(...all.map((p) => p.x), 0.1) * 1.05,
    Math.min(...all.map((p) => p.y)),
    Math.max(...all.map((p) => p.y)),
  ];
  const air = (y1 - y0 || Math.abs(y1) || 1) / 10;
  const x = (v: number) => LEFT + (v / x1) * (WIDTH - LEFT - RIGHT);
  const y = (v: number) =>
    HEIGHT - BELOW - ((v - y0 + air) / (y1 - y0 + 2 * air)) * (HEIGHT - BELOW - TOP);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const short = (v: number) => String(Number(v.toPrecision(3)));
  return (
    <figure className="chart-card">
      <figcaption className="row spread small">
        <b>Frontier: gain over the way from the base</b>
        <label className="row">
          <span className="quiet">Gain</span>
          <select value={shown.key} onChange={(e) => choose(e.target.value)}>
            {options.map((o) => (
              <option key={o.key} value={o.key}>
                {o.says}
              </option>
            ))}
          </select>
        </label>
      </figcaption>
      <Scroll label="The frontier">
        <svg
          className="frontier"
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          role="img"
          aria-label={`${shown.says} over the square root of the KL`}
        >
          {ticks.map((t) => (
            <g key={t}>
              <line
                x1={LEFT}
                x2={WIDTH - RIGHT}
                y1={y(y0 - air + t * (y1 - y0 + 2 * air))}
                y2={y(y0 - air + t * (y1 - y0 + 2 * air))}
              />
              <text x={LEFT - 6} y={y(y0 - air + t * (y1 - y0 + 2 * air)) + 4} textAnchor="end">
                {short(y0 - air + t * (y1 - y0 + 2 * air))}
              </text>
              <text x={x(t * x1)} y={HEIGHT - BELOW + 16} textAnchor="middle">
                {short(t * x1)}
              </text>
            </g>
          ))}
          <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 6} textAnchor="middle">
            √KL to the base, √nats a continuation
          </text>
          {sets.map((points, i) => {
            const last = points.at(-1);
            const colour = `var(--series-${(i % 8) + 1})`;
            return (
              last && (
                <g key={i}>
                  <polyline
                    points={points
                      .map((p) => `${x(p.x).toFixed(1)},${y(p.y).toFixed(1)}`)
                      .join(" ")}
                    style={{ stroke: colour }}
                  />
                  {points.map((p, k) => (
                    <circle
                      key={k}
                      cx={x(p.x)}
                      cy={y(p.y)}
                      r={p === last ? 5 : 2.5}
                      style={{ fill: colour }}
                    >
                      <title>
                        {`${letter(i)}${p.step < 0 ? "" : `, step ${p.step}`}: ${short(p.y)} at KL ${short(p.x ** 2)}`}
                      </title>
                    </circle>
                  ))}
                  <text x={x(last.x) + 8} y={y(last.y) + 4} style={{ fill: colour }}>
                    {letter(i)}
                  </text>
                </g>
              )
            );
          })}
        </svg>
      </Scroll>
    </figure>
  );
}
const labelIn = (experiments: readonly Experiment[], name: string) =>
  experiments.flatMap((e) => (e.summary ?? []).filter((m) => m.name === name))[0]?.label ?? name;
const labelOf = (of: readonly Of[], name: string) => {
  const def = of.map((o) => own(o.run?.metrics ?? {}, name)).find((m) => m !== undefined);
  return def ? `${def.group}: ${def.label}` : name;
};
