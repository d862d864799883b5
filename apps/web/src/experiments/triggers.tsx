/** What starts experiments by itself: each with what sets it off, when next, its last firings, and what went wrong and helps. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Trigger, TriggerFiring, TriggerOn } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Dialog, Empty, Failed, Loaded, when } from "../design/components.tsx";
import { ago, span } from "../trace/format.ts";
import "./experiments.css";

export function Triggers() {
  const list = useQuery({
    ...asking("listTriggers"),
    refetchInterval: 3000,
  });
  return (
    <main className="triggers">
      <div>
        <div className="row spread">
          <h1>Triggers</h1>
          <Link className="button primary" to="/studio/triggers/new">
            New trigger
          </Link>
        </div>
        <p className="quiet">
          A trigger starts an experiment at set times, with a new version of a dataset, or when a
          model is saved. Each event starts one experiment, however many servers there are.
        </p>
      </div>
      <Loaded
        query={list}
        empty={
          <Empty title="No triggers yet">
            <Link to="/studio/triggers/new">Make one</Link>, or{" "}
            <Link to="/studio/start" search={{}}>
              start an experiment by hand
            </Link>
            .
          </Empty>
        }
      >
        {(data) => (
          <ul className="experiments">
            {data.map((t) => (
              <One key={t.id} trigger={t} now={list.dataUpdatedAt} />
            ))}
          </ul>
        )}
      </Loaded>
    </main>
  );
}

/** In words: what sets it off. */
function setsOff(on: TriggerOn): string {
  if ("schedule" in on) return `at ${on.schedule} (minute, hour, day, month, weekday; UTC)`;
  return "dataset" in on
    ? `with each new version of the dataset ${on.dataset}`
    : `each time a model is saved as ${on.checkpoint}`;
}

function One({ trigger: t, now }: { trigger: Trigger; now: number }) {
  const client = useQueryClient();
  const [sure, ask] = useState(false);
  const again = () => client.invalidateQueries({ queryKey: keyOf("listTriggers") });
  const pausing = useMutation({
    mutationFn: () => api.setTrigger({ name: t.name, body: { active: !t.active } }),
    onSuccess: again,
  });
  const removing = useMutation({
    mutationFn: () => api.removeTrigger({ name: t.name }),
    onSuccess: () => {
      ask(false);
      return again();
    },
  });
  const failing = t.active && t.firings[0]?.state === "failed";
  return (
    <li className="card experiment">
      <div className="experiment-head">
        <div>
          <b>{t.name}</b>
          <p className="small quiet">
            starts {t.workflow} {setsOff(t.on)}
          </p>
        </div>
        <Badge tone={failing ? "bad" : t.active ? "good" : "warn"}>
          {failing ? "failing" : t.active ? "on" : "paused"}
        </Badge>
      </div>
      <div className="experiment-facts small num">
        {"schedule" in t.on && (
          <div>
            <span className="quiet">Next</span>
            <b>{t.nextAt ? when(t.nextAt) : "not while it is paused"}</b>
            {t.nextAt && (
              <span className="quiet">
                in {span(Math.max(0, Date.parse(t.nextAt) - now) / 1000)}, by this browser's clock
              </span>
            )}
          </div>
        )}
        <div>
          <span className="quiet">Fired</span>
          <b>
            {t.fired} {t.fired === 1 ? "time" : "times"}
          </b>
        </div>
        <details>
          <summary>What the experiment is given</summary>
          <pre className="trigger-call small">
            {JSON.stringify({ input: t.input, agents: t.agents, budget: t.budget }, undefined, 2)}
          </pre>
        </details>
      </div>
      {t.firings.length > 0 ? (
        <ul className="trigger-fired small" aria-label={`Last firings of ${t.name}`}>
          {t.firings.map((f) => (
            <li key={f.event}>
              <Fired firing={f} on={t.on} now={now} />
            </li>
          ))}
        </ul>
      ) : (
        <p className="small quiet">
          {t.active
            ? "It has not fired yet."
            : "It has not fired. What happens while it is paused starts nothing, also later."}
        </p>
      )}
      {failing && (
        <p className="small quiet">
          Later events are tried all the same. If the trigger itself is wrong, remove it and make it
          anew.
        </p>
      )}
      {pausing.error && <Failed error={pausing.error} />}
      <div className="row">
        <button
          className="button small"
          aria-label={`${t.active ? "Pause" : "Resume"} ${t.name}`}
          disabled={pausing.isPending}
          onClick={() => pausing.mutate()}
        >
          {t.active ? "Pause" : "Resume"}
        </button>
        <button className="button small" aria-label={`Remove ${t.name}`} onClick={() => ask(true)}>
          Remove
        </button>
      </div>
      <Dialog open={sure} close={() => ask(false)} title={`Remove ${t.name}`}>
        <ul>
          <li>It starts no more experiments, and the list of its firings is gone.</li>
          <li>Experiments that it started go on, and stay in the list of experiments.</li>
        </ul>
        {removing.error && <Failed error={removing.error} />}
        <div className="row">
          <button
            className="button primary"
            disabled={removing.isPending}
            onClick={() => removing.mutate()}
          >
            Remove it
          </button>
          <button className="button" onClick={() => ask(false)}>
            Leave it
          </button>
        </div>
      </Dialog>
    </li>
  );
}

/** One event and what came of it. */
function Fired({ firing: f, on, now }: { firing: TriggerFiring; on: TriggerOn; now: number }) {
  const event =
    "dataset" in on ? (
      <Link to="/studio/datasets/$id" params={{ id: f.event }}>
        version {f.event.slice(0, 12)}
      </Link>
    ) : "checkpoint" in on ? (
      <Link to="/studio/checkpoints/$id" params={{ id: f.event }}>
        {f.event.slice(0, 24)}
      </Link>
    ) : (
      when(f.event)
    );
  return (
    <>
      {event}, {ago(f.at, now)}:{" "}
      {f.experiment ? (
        <Link to="/studio/experiments/$id/trace" params={{ id: f.experiment }} search={{}}>
          {f.experiment}
        </Link>
      ) : f.error ? (
        <span className="experiment-bad">started no experiment: {f.error}</span>
      ) : (
        "a server is about to start the experiment"
      )}
    </>
  );
}
