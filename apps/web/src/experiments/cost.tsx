/** What an experiment will cost, before it is started: people's time and pay, and what the nearest earlier one took. */
import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { type Agents, type ExperimentForecast, type ForecastWork, own } from "@tiller/schema";
import { asking } from "../api.ts";
import { Card, duration } from "../design/components.tsx";
import { compact, money } from "../trace/format.ts";

const SETTLES_MS = 500;
/** The forecast for an input that fits, once nobody has changed it for a moment. */
export function useForecast(workflow: string, input: unknown): UseQueryResult<ExperimentForecast> {
  const text = JSON.stringify(input);
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), SETTLES_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const body =
    settled === undefined ? undefined : { workflow, input: JSON.parse(settled) as unknown };
  return useQuery({
    ...asking("forecastExperiment", body && { body }),
    placeholderData: keepPreviousData,
    retry: false,
  });
}

const answeredBy = (agents: Agents, kind: string) =>
  (own(agents, kind) ?? own(agents, "*"))?.kind ?? "people";
const standIns = { model: "a model", simulated: "programs", replay: "an earlier experiment" };
const amountOf = (pay: NonNullable<ForecastWork["pay"]>) =>
  `${(pay.amount / 100).toFixed(2)} ${pay.currency}`;
const shownValue = (x: unknown) => (x === undefined ? "not set" : JSON.stringify(x));
const DIFFERENCES = 6;

export function Cost({
  workflow,
  forecast: q,
  agents,
  fits,
}: {
  workflow: string;
  forecast: UseQueryResult<ExperimentForecast>;
  agents: Agents;
  fits: boolean;
}) {
  const { data: f, error } = q;
  return (
    <Card title="What it will cost">
      {!fits ? (
        <p className="quiet">It is worked out when the input is complete.</p>
      ) : error ? (
        <p role="alert" className="experiment-bad" style={{ whiteSpace: "pre-wrap" }}>
          {error.message}
        </p>
      ) : !f ? (
        <p className="quiet">It is worked out.</p>
      ) : (
        <>
          {f.asks === null ? (
            <p>The workflow does not say beforehand how much it asks of people.</p>
          ) : (
            f.asks.map((w) => <Asked key={w.kind} work={w} by={answeredBy(agents, w.kind)} />)
          )}
          {f.nearest ? (
            <Nearest of={f.nearest} />
          ) : (
            <p className="quiet">
              No experiment of {workflow} has ended here yet, so how long it takes and what its
              model calls cost is not known.
            </p>
          )}
        </>
      )}
    </Card>
  );
}

function Asked({ work: w, by }: { work: ForecastWork; by: string }) {
  const standIn = own(standIns, by);
  const what = `${w.answers.toLocaleString("en")} answers (${w.kind})`;
  if (standIn)
    return (
      <p>
        <b>{what}</b>, by {standIn}: no time of people.
      </p>
    );
  return (
    <p>
      <b>{what}</b> by people at most:{" "}
      {w.seconds === null ? (
        "how long one takes is not known yet, since no person has given one"
      ) : (
        <>
          <b>{duration(w.seconds)}</b> of their time, at {(w.seconds / w.answers).toFixed(0)} s an
          answer (the median of {w.measured} so far)
        </>
      )}
      {w.pay && (
        <>
          , <b>{amountOf(w.pay)}</b> at today's rates
        </>
      )}
      .
    </p>
  );
}

function Nearest({ of: n }: { of: NonNullable<ExperimentForecast["nearest"]> }) {
  return (
    <div className="stack" style={{ gap: 6 }}>
      <p>
        The nearest that ended,{" "}
        <Link to="/studio/experiments/$id" params={{ id: n.id }}>
          {n.title}
        </Link>{" "}
        <span className="quiet small">({n.id})</span>, took <b>{duration(60 * n.minutes)}</b>,{" "}
        {compact(n.answers) || "no"} answers and {money(n.money) || "$0"} of model calls (
        {compact(n.tokens) || "0"} tokens).
      </p>
      {n.differs.length === 0 ? (
        <p className="quiet small">Its settings are the same.</p>
      ) : (
        <p className="quiet small">
          It differs in{" "}
          {n.differs
            .slice(0, DIFFERENCES)
            .map((d) => `${d.path} (${shownValue(d.there)} there, ${shownValue(d.here)} here)`)
            .join(", ")}
          {n.differs.length > DIFFERENCES && ` and ${n.differs.length - DIFFERENCES} more`}.
        </p>
      )}
    </div>
  );
}
