/** What every quality page uses: an estimate with its interval, a trend with its band, the choice of what is measured. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { type Counted, type Estimated, Population, type Populations } from "@tiller/schema";
import { asking } from "../api.ts";
import { percent, Term, SimulatedNote } from "../design/components.tsx";
import "./quality.css";

const two = (x: number) => x.toFixed(2).replace("-", "−");

/** "82 % 74 to 88, of 90": never a fraction without its interval. */
export function Estimate({
  of,
  as = "fraction",
}: {
  of: Estimated | null;
  as?: "fraction" | "number";
}) {
  if (!of || of.at === null || of.n === 0) return <span className="quiet">no data</span>;
  const show = (x: number | null) =>
    x === null ? "?" : as === "fraction" ? String(Math.round(100 * x)) : two(x);
  return (
    <span className="estimate">
      {as === "fraction" ? percent(of.at) : two(of.at)}{" "}
      <small>
        {of.low === null ? "no interval" : `${show(of.low)} to ${show(of.high)}`}, n {of.n}
      </small>
    </span>
  );
}
export const Figure = ({
  name,
  term = name,
  of,
  as = "fraction",
  note,
}: {
  name: string;
  /** what the glossary calls it */
  term?: string;
  of: Estimated | null;
  as?: "fraction" | "number";
  note?: string;
}) => {
  const known = of && of.at !== null && of.n > 0;
  const show = (x: number | null) =>
    x === null ? "?" : as === "fraction" ? String(Math.round(100 * x)) : two(x);
  return (
    <div>
      <span className="quiet small">
        <Term of={term}>{name}</Term>
      </span>
      <b>{known ? (as === "fraction" ? percent(of.at) : two(of.at!)) : "–"}</b>
      <span className="quiet small">
        {known
          ? `${of.low === null ? "no interval" : `${show(of.low)} to ${show(of.high)}`}, ${of.n} ${note ?? "tasks"}`
          : "no data yet"}
      </span>
    </div>
  );
};

export type Stretch = Estimated & { readonly from: number; readonly to: number };
/** Fractions by stretch of time, each with its interval, as points with whiskers over a 0-100 % axis. */
export function Trend({ parts, label }: { parts: readonly Stretch[]; label: string }) {
  if (parts.length < 2)
    return <p className="quiet">Too few answers for a course over time: it takes 20.</p>;
  const [W, H, left, bottom] = [400, 150, 36, 20];
  const x = (i: number) => left + ((i + 0.5) * (W - left - 8)) / parts.length;
  const lowest = Math.min(0.5, ...parts.map((p) => p.low ?? 1));
  const floor = Math.floor(lowest * 10) / 10;
  const y = (v: number) => 8 + (1 - (v - floor) / (1 - floor)) * (H - bottom - 8);
  const day = (ms: number) => new Date(ms).toISOString().slice(5, 10);
  const times = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  const whole = parts.at(-1)!.to - parts[0]!.from;
  const mark = whole > 2 * 86_400_000 ? day : times;
  const said = parts.map((p) => `${percent(p.at)} (${percent(p.low)} to ${percent(p.high)})`);
  return (
    <svg
      className="trend"
      viewBox={`0 0 ${W} ${H}`}
      role="img"
      aria-label={`${label}: ${said.join(", ")}`}
    >
      {[floor, (floor + 1) / 2, 1].map((v) => (
        <g key={v}>
          <line x1={left} x2={W} y1={y(v)} y2={y(v)} stroke="var(--line)" />
          <text x={0} y={y(v) + 4}>
            {Math.round(100 * v)} %
          </text>
        </g>
      ))}
      <polyline
        points={parts.map((p, i) => `${x(i)},${y(p.at ?? 0)}`).join(" ")}
        fill="none"
        stroke="var(--accent)"
        strokeWidth="1.5"
      />
      {parts.map((p, i) => (
        <g key={p.from}>
          <line
            x1={x(i)}
            x2={x(i)}
            y1={y(p.low ?? 0)}
            y2={y(p.high ?? 1)}
            stroke="var(--strong-line)"
            strokeWidth="2"
          />
          <circle cx={x(i)} cy={y(p.at ?? 0)} r="3.5" fill="var(--accent)" />
        </g>
      ))}
      <text x={left} y={H - 4}>
        {mark(parts[0]!.from)}
      </text>
      <text x={W} y={H - 4} textAnchor="end">
        {mark(parts.at(-1)!.to)}
      </text>
    </svg>
  );
}

const KEY = "quality: what is measured";
export interface Which {
  readonly type: string;
  readonly field: string;
  readonly population: Population;
}
/** As the operations ask for it. */
export const asked = ({ type, field, population }: Which) => ({ type, field, ...population });
/** The kind of work and field that is looked at, kept in this browser; undefined while loading or when there is none. */
export function useWhich() {
  const fields = useQuery({
    ...asking("qualityFields"),
    staleTime: 60_000,
  });
  const [kept, keep] = useState(() => localStorage.getItem(KEY) ?? "");
  const [population, setPopulation] = useState<Population>(keptPopulation);
  const name = (m: Pick<Which, "type" | "field">) => `${m.type} ${m.field}`;
  const found = fields.data?.find((m) => name(m) === kept) ?? fields.data?.[0];
  const which: Which | undefined = found && { type: found.type, field: found.field, population };
  const about = (next: Population) => {
    sessionStorage.setItem(WHOSE, JSON.stringify(next));
    setPopulation(next);
  };
  const choose = (next: string) => {
    localStorage.setItem(KEY, next);
    keep(next);
    about({}); // another kind of work has other sources and versions
  };
  const picker = (
    <div className="pick">
      <select
        aria-label="What is measured"
        value={which ? name(which) : ""}
        onChange={(e) => choose(e.target.value)}
      >
        {(fields.data ?? []).map((m) => (
          <option key={name(m)} value={name(m)}>
            {m.type}: {m.field} ({m.answers} answers)
          </option>
        ))}
      </select>
    </div>
  );
  return { fields, which, picker, about };
}
/** Whose answers are looked at lasts as long as the tab: tomorrow's figures are of one's own people again. */
const WHOSE = "quality: whose answers";
function keptPopulation(): Population {
  const kept = Population.safeParse(JSON.parse(sessionStorage.getItem(WHOSE) ?? "{}"));
  return kept.success ? kept.data : {};
}

const count = (n: number) => n.toLocaleString("en");
/** Whose answers the figures of a page are about, and the choice of others. */
export function PopulationLine({
  of,
  which,
  about,
}: {
  of: Counted;
  which: Which;
  about: (next: Population) => void;
}) {
  const { population: p } = which;
  const choices = useQuery({
    ...asking("qualityPopulations", { type: which.type, field: which.field }),
    staleTime: 30_000,
  });
  const pick = (name: keyof Population, value: string) => {
    const { [name]: _, ...rest } = p;
    about(value ? { ...rest, [name]: value } : rest);
  };
  const asked = Object.keys(p).length > 0;
  const select = (
    name: "source" | "experiment" | "version",
    label: string,
    any: string,
    list: Populations["sources"],
  ) =>
    list.length > 1 || p[name] ? (
      <label>
        <span>{label}</span>
        <select value={p[name] ?? ""} onChange={(e) => pick(name, e.target.value)}>
          <option value="">{any}</option>
          {list.map((s) => (
            <option key={s.id} value={s.id}>
              {s.title} ({count(s.answers)})
            </option>
          ))}
        </select>
      </label>
    ) : null;
  const day = (name: "since" | "until", label: string) => (
    <label>
      <span>{label}</span>
      <input
        type="date"
        value={p[name]?.slice(0, 10) ?? ""}
        onChange={(e) => pick(name, e.target.value && `${e.target.value}T00:00:00Z`)}
      />
    </label>
  );
  const c = choices.data;
  const all = c?.sources.reduce((n, s) => n + s.answers, 0) ?? 0;
  return (
    <>
      {of.source === "simulated" && (
        <SimulatedNote>
          Every figure here is about programs that answer the first experiment, not people.
        </SimulatedNote>
      )}
      {of.source === "all" && c?.sources.some((s) => s.id === "simulated") && (
        <SimulatedNote>Figures here count programs among the people.</SimulatedNote>
      )}
      <details className="population" open={asked}>
        <summary>
          About <b>{of.title}</b>: {count(of.answers)} answers
          {of.elsewhere > 0 && (
            <span className="quiet"> · {count(of.elsewhere)} others are not counted</span>
          )}
        </summary>
        <div className="population-choice">
          {c && (
            <>
              {select("source", "Whose", "people, where there are any", [
                ...c.sources,
                ...(c.sources.length > 1
                  ? [{ id: "all", title: "everyone, imports too", answers: all }]
                  : []),
              ])}
              {select("experiment", "Project", "all", c.experiments)}
              {select("version", "Task version", "all", c.versions)}
            </>
          )}
          {day("since", "From")}
          {day("until", "Before")}
          {asked && (
            <button type="button" className="button" onClick={() => about({})}>
              Reset
            </button>
          )}
        </div>
      </details>
    </>
  );
}

export const Page = ({
  title,
  aside,
  children,
}: {
  title: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
}) => (
  <main>
    <div className="row spread">
      <h1>{title}</h1>
      {aside}
    </div>
    {children}
  </main>
);

/** A value of an answer, short: one word where it is one, else "choice b, confidence 7". */
export function short(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value !== "object") return typeof value === "string" ? value : JSON.stringify(value);
  if (Array.isArray(value)) return value.map(short).join(", ");
  const entries = Object.entries(value);
  return entries.length === 1
    ? short(entries[0]![1])
    : entries.map(([key, v]) => `${key} ${short(v)}`).join(", ");
}
