/** One experiment in the list. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import {
  type Experiment,
  type ExperimentProgress,
  isSimulated,
  readInterval,
  readNumber,
} from "@tiller/schema";
import { Badge, Meter, Term, when } from "../design/components.tsx";
import { meaningOf } from "../design/glossary.ts";
import { ago, compact, money, span } from "../trace/format.ts";
import { HoldButton } from "./hold.tsx";
import { ExperimentWords, stateTone } from "./words.tsx";

/** It came out of a file: nothing here can change it, and there is nothing of it but its trace. */
export const isImported = (e: Pick<Experiment, "origin">): boolean =>
  e.origin !== null && Object.hasOwn(e.origin, "imported");

interface Row {
  readonly experiment: Experiment;
  /** of the newest; what is older has ended long ago */
  readonly progress: ExperimentProgress | undefined;
  readonly now: number;
}
export function ExperimentRow({ experiment: e, progress: p, now }: Row) {
  const imported = isImported(e);
  const params = { id: e.id };
  return (
    <li className="card experiment">
      <div className="experiment-head">
        <div>
          {imported ? (
            <Link to="/studio/experiments/$id/trace" params={params} search={{}}>
              <b>{e.title}</b>
            </Link>
          ) : (
            <Link to="/studio/experiments/$id" params={params}>
              <b>{e.title}</b>
            </Link>
          )}{" "}
          {imported && <Badge tone="warn">imported</Badge>}
          {isSimulated(e.agents) && <Badge tone="warn">simulated raters</Badge>}
          <p className="small quiet">
            {e.recipe}, {e.id}, seed {e.seed}, started {when(e.startedAt)}
          </p>
          {(e.tags.length > 0 || e.note) && (
            <p className="small">
              {e.tags.map((t) => (
                <Badge key={t}>{t}</Badge>
              ))}{" "}
              {e.note}
            </p>
          )}
        </div>
        <div className="row">
          <Badge tone={stateTone[e.state]}>{e.state}</Badge>
          <Link
            className="button"
            to="/studio/experiments/$id/trace"
            params={params}
            search={{}}
            aria-label={`Trace of ${e.title}`}
          >
            Trace
          </Link>
          <HoldButton experiment={{ ...params, state: e.state, imported }} />
        </div>
      </div>
      {!imported && p && <Facts progress={p} />}
      {e.summary && <Results summary={e.summary} />}
      {e.error && <ExperimentWords state={e.state} words={e.error} />}
      {p && p.waits.length > 0 && <Waits progress={p} now={now} />}
    </li>
  );
}

const timeNames = {
  running: "Ends about",
  held: "So far",
  done: "Took",
  failed: "Failed after",
  cancelled: "Cancelled after",
} as const;

function Facts({ progress: p }: { progress: ExperimentProgress }) {
  const fraction = p.total ? Math.min(1, p.done / p.total) : 0;
  const spends = [
    ["Money", p.spent.money, p.budget.money, (x: number) => money(x) || "$0"],
    ["Tokens", p.spent.tokens, p.budget.tokens, (x: number) => compact(x) || "0"],
    ["Answers", p.spent.people, p.budget.people, (x: number) => compact(x) || "0"],
    ["Time", p.spent.minutes, p.budget.minutes, (x: number) => span(60 * x)],
  ] as const;
  return (
    <div className="experiment-facts small num">
      <Fact name="Progress">
        <Meter label={`Progress of ${p.title}`} done={fraction} total={1} />
        <span>
          {Math.round(100 * fraction)} % of {compact(Math.round(p.total)) || "0"} known parts
          {p.failed > 0 && <span className="experiment-bad">, {p.failed} failed</span>}
        </span>
      </Fact>
      <Fact name={timeNames[p.state]} title={p.basis}>
        <b>
          {p.state !== "running" ? span(60 * p.spent.minutes) : p.end ? when(p.end) : "not known"}
        </b>
        {p.state === "running" && <span className="quiet">{p.basis}</span>}
      </Fact>
      {spends.map(([name, used, most, show]) =>
        name === "Time" && most === undefined ? null : (
          <Fact key={name} name={name}>
            {most !== undefined && <Meter label={`${name} used`} done={used} total={most} />}
            <span className={most !== undefined && used >= most ? "experiment-bad" : ""}>
              {show(used)}
              {most === undefined ? "" : ` of ${show(most)}`}
            </span>
          </Fact>
        ),
      )}
    </div>
  );
}

const SHOWN = 5; // metrics of a summary that the list has place for
const Results = ({ summary }: { summary: NonNullable<Experiment["summary"]> }) => (
  <div className="experiment-facts small num">
    {summary.slice(0, SHOWN).map((m) => (
      <Fact
        key={m.name}
        name={m.label}
        title={readInterval(m, m.unit)}
        says={m.help ?? meaningOf(m.label)}
      >
        <b>{readNumber(m.value, m.unit)}</b>
      </Fact>
    ))}
  </div>
);

const Fact = (f: { name: string; title?: string; says?: string; children: ReactNode }) => (
  <div title={f.title}>
    <span className="quiet">{f.says ? <Term says={f.says}>{f.name}</Term> : f.name}</span>
    {f.children}
  </div>
);

function Waits({ progress: p, now }: { progress: ExperimentProgress; now: number }) {
  return (
    <div className="experiment-waits small">
      <b>
        Waits in {p.waiting} {p.waiting === 1 ? "place" : "places"}
      </b>
      <ul>
        {p.waits.map((w) => (
          <li key={w.node}>
            <Link
              to="/studio/experiments/$id/trace"
              params={{ id: p.id }}
              search={{ node: w.node }}
            >
              {w.node.slice(p.id.length + 1) || w.name}
            </Link>{" "}
            for {w.what}, since {ago(w.since, now)}. <span className="quiet">{w.remedy}</span>
          </li>
        ))}
      </ul>
      {p.waiting > p.waits.length && (
        <Link
          to="/studio/experiments/$id/trace"
          params={{ id: p.id }}
          search={{ state: "waiting" }}
        >
          all {p.waiting} places
        </Link>
      )}
    </div>
  );
}
