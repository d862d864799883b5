/** One experiment in the list. */
import { Link } from "@tanstack/react-router";
import {
  type Experiment,
  type ExperimentProgress,
  isSimulated,
  readInterval,
  readNumber,
} from "@tiller/schema";
import { Badge, when } from "../design/components.tsx";
import { meaningOf } from "../design/glossary.ts";
import { ago } from "../trace/format.ts";
import { HoldButton } from "./hold.tsx";
import { Fact, Facts } from "./progress.tsx";
import { ExperimentWords, stateTone } from "./words.tsx";

/** It came out of a file: nothing here can change it, and there is nothing of it but its trace. */
export const isImported = (e: Pick<Experiment, "origin">): boolean =>
  e.origin !== null && Object.hasOwn(e.origin, "imported");

interface Row {
  readonly experiment: Experiment;
  /** of the newest; what is older has ended long ago */
  readonly progress: ExperimentProgress | undefined;
  readonly now: number;
  /** whether it is to be compared with others */
  readonly chosen: boolean;
  readonly choose: (chosen: boolean) => void;
}
export function ExperimentRow({ experiment: e, progress: p, now, chosen, choose }: Row) {
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
          {!imported && (
            <label className="row small" style={{ gap: 6 }}>
              <input
                type="checkbox"
                checked={chosen}
                aria-label={`Compare ${e.title} (${e.id})`}
                onChange={(ev) => choose(ev.target.checked)}
              />
              compare
            </label>
          )}
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

export function Waits({ progress: p, now }: { progress: ExperimentProgress; now: number }) {
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
