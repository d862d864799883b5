/** How far an experiment is: one row of facts for lists and its page, and its parts one by one. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { ExperimentProgress, OneProgress, ProgressPart } from "@tiller/schema";
import { duration, Meter, Term, when } from "../design/components.tsx";
import { compact, money, span } from "../trace/format.ts";

const timeNames = {
  running: "Ends about",
  held: "So far",
  done: "Took",
  failed: "Failed after",
  cancelled: "Cancelled after",
} as const;

/** In words how much is done: a fraction only of what goes on or is done. */
function Far({ of: p }: { of: ExperimentProgress }) {
  const failed = p.failed > 0 && <span className="experiment-bad">, {p.failed} failed</span>;
  const all = compact(Math.round(p.total)) || "0";
  if (p.state === "cancelled" || p.state === "failed")
    return (
      <span>
        {compact(Math.floor(p.done)) || "none"} of {all} known parts were done{failed}
      </span>
    );
  const fraction = p.state === "done" ? 1 : p.total ? Math.min(0.99, p.done / p.total) : 0;
  return (
    <>
      <Meter label={`Progress of ${p.title}`} done={fraction} total={1} />
      <span>
        {Math.floor(100 * fraction)} % of {all} known {all === "1" ? "part" : "parts"}
        {failed}
      </span>
    </>
  );
}

export function Facts({ progress: p }: { progress: ExperimentProgress }) {
  const spends = [
    ["Money", p.spent.money, p.budget.money, (x: number) => money(x) || "$0"],
    ["Tokens", p.spent.tokens, p.budget.tokens, (x: number) => compact(x) || "0"],
    ["Answers", p.spent.people, p.budget.people, (x: number) => compact(x) || "0"],
    ["Time", p.spent.minutes, p.budget.minutes, (x: number) => span(60 * x)],
  ] as const;
  return (
    <div className="experiment-facts small num">
      <Fact name="Progress">
        <Far of={p} />
      </Fact>
      <Fact name={p.ahead ? "Under way until about" : timeNames[p.state]} title={p.basis}>
        <b>
          {p.state !== "running" ? span(60 * p.spent.minutes) : p.end ? when(p.end) : "not known"}
        </b>
        {p.state === "running" && (
          <span className="quiet">
            {p.endRange &&
              `between ${when(p.endRange.low)} and ${p.endRange.high ? when(p.endRange.high) : "no end in sight"}, `}
            {p.basis}
            {p.ahead > 0 &&
              `; ${p.ahead === 1 ? "1 stage has" : `${p.ahead} stages have`} not begun`}
          </span>
        )}
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
export const Fact = (f: { name: string; title?: string; says?: string; children: ReactNode }) => (
  <div title={f.title}>
    <span className="quiet">{f.says ? <Term says={f.says}>{f.name}</Term> : f.name}</span>
    {f.children}
  </div>
);

/** What it consists of, as far as that is known: its stages, or the first level of its trace. */
export function Parts({ of: p }: { of: OneProgress }) {
  if (!p.parts.length) return <p className="quiet">Nothing was done yet.</p>;
  return (
    <ol className="pipeline">
      {p.parts.map((part, i) => (
        <Part key={part.node ?? i} part={part} experiment={p.id} />
      ))}
      {p.more > 0 && (
        <li>
          <span />
          <Link to="/studio/experiments/$id/trace" params={{ id: p.id }} search={{}}>
            and {p.more} more in the trace
          </Link>
        </li>
      )}
    </ol>
  );
}
function Part({ part: s, experiment }: { part: ProgressPart; experiment: string }) {
  const took =
    s.startedAt && s.endedAt ? (Date.parse(s.endedAt) - Date.parse(s.startedAt)) / 1000 : undefined;
  const under = s.state === "running" || s.state === "waiting";
  const counted = s.total > 0 && (s.unit !== "" || under);
  return (
    <li>
      <span className={`dot ${s.state}`} role="img" aria-label={s.state} />
      {s.node ? (
        <Link
          to="/studio/experiments/$id/trace"
          params={{ id: experiment }}
          search={{ node: s.node }}
        >
          {s.title}
        </Link>
      ) : (
        <span>{s.title}</span>
      )}
      <span className="quiet num">{took === undefined ? "" : duration(took)}</span>
      <span className="row" style={{ flexWrap: "nowrap" }}>
        {under && s.startedAt && s.total > 0 && (
          <span style={{ flex: "0 0 160px" }}>
            <Meter label={s.title} done={s.done} total={s.total} />
          </span>
        )}
        <span className="quiet small num">
          {counted && `${Math.floor(s.done)} of ${s.total} ${s.unit}. `}
          {s.note}
        </span>
      </span>
    </li>
  );
}
