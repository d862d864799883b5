/** Delegation rules in words, what they would have done on past answers, and which one is at work. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type Backtest,
  type DelegationRule,
  delegationSignals,
  type DelegationClause,
  type StoredDelegationRule,
} from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Card, Empty, Loaded, percent } from "../design/components.tsx";
import "./delegation.css";

const acts = { ask: "Ask one more", stop: "Enough", review: "A researcher looks" } as const;
const whom = {
  anyone: "anyone",
  reliable: "the most reliable first",
  suited: "whoever is best at the topic first",
} as const;
const tone = { draft: undefined, live: "good", retired: "warn" } as const;
const words = (r: DelegationClause) =>
  r.when.length
    ? r.when.map((c) => `${delegationSignals[c.signal]} ${c.is} ${c.value}`).join(", and ")
    : "otherwise";
const signed = (x: number) => `${x > 0 ? "+" : x < 0 ? "−" : "±"}${Math.abs(100 * x).toFixed(1)}`;

type Send = (name: string, act: () => Promise<unknown>) => void;

export function DelegationPage() {
  const [kind, setKind] = useState("comparison");
  const list = useQuery(asking("listDelegationRules", { kind }));
  const client = useQueryClient();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState("");
  const send: Send = (name, act) => {
    setBusy(name);
    setError(undefined);
    act()
      .then(() => client.invalidateQueries({ queryKey: keyOf("listDelegationRules") }))
      .catch(setError)
      .finally(() => setBusy(""));
  };
  return (
    <main>
      <div className="stack">
        <h1>Delegation</h1>
        <p className="quiet delegation-lead">
          How many people a task gets, when it is enough, and who is asked first. A rule is tried on
          past answers before it goes live; the first of its clauses that holds decides.
        </p>
      </div>
      {error && (
        <p className="delegation-error" role="alert">
          {error.message}
        </p>
      )}
      <Loaded query={list}>
        {(data) => (
          <>
            {data.rules.length === 0 && (
              <Empty title="No rules yet">
                Every task gets as many people as its experiment asks for. Start from a ready-made
                one.
              </Empty>
            )}
            {data.rules.map((p) => (
              <RuleCard
                key={`${p.name}@${p.version}`}
                p={p}
                busy={busy === `${p.name}@${p.version}`}
                send={send}
              />
            ))}
            <Card title="Ready-made">
              <label className="row">
                <span className="quiet">Kind of work</span>
                <input
                  className="delegation-kind"
                  value={kind}
                  onChange={(e) => setKind(e.target.value || "comparison")}
                />
              </label>
              <ul className="delegation-ready">
                {data.ready.map(({ name, body }) => (
                  <li key={name}>
                    <div>
                      <b>{body.title}</b>
                      <Rules body={body} />
                    </div>
                    <button
                      className="button"
                      disabled={busy === name}
                      onClick={() =>
                        send(name, () =>
                          api.saveDelegationRule({ body: { name: `${name}-${kind}`, body } }),
                        )
                      }
                    >
                      Take as a draft
                    </button>
                  </li>
                ))}
              </ul>
            </Card>
          </>
        )}
      </Loaded>
    </main>
  );
}

const Rules = ({ body }: { body: DelegationRule }) => (
  <>
    <ol className="delegation-rules">
      {body.rules.map((r, i) => (
        <li key={i}>
          <b>{acts[r.act]}</b>{" "}
          <span className="quiet">
            {r.when.length ? "when" : ""} {words(r)}
          </span>
        </li>
      ))}
    </ol>
    <p className="quiet small">
      At most {body.most} answers a task
      {body.perTask ? `, ${body.perTask} on average` : ""}; {whom[body.scoring]}.
    </p>
  </>
);

function RuleCard({ p, busy, send }: { p: StoredDelegationRule; busy: boolean; send: Send }) {
  const { name, version, body, backtest } = p;
  const id = `${name}@${version}`;
  const v = { name, version };
  return (
    <Card title={body.title} aside={<Badge tone={tone[p.state]}>{p.state}</Badge>}>
      <p className="quiet small">
        {name}, version {version} · {body.kind}
        {body.experiment ? ` of ${body.experiment}` : ""} · question “{body.field}”
      </p>
      <Rules body={body} />
      {backtest && <Tried b={backtest} />}
      <div className="row">
        <button
          className="button"
          disabled={busy}
          onClick={() => send(id, () => api.backtestDelegationRule({ body: v }))}
        >
          {busy ? "Working…" : backtest ? "Try again on past answers" : "Try on past answers"}
        </button>
        {p.state !== "live" && (
          <button
            className="button primary"
            disabled={busy || !backtest}
            onClick={() =>
              send(id, () => api.setDelegationRuleState({ body: { ...v, state: "live" } }))
            }
          >
            Put to work
          </button>
        )}
        {p.state === "live" && (
          <button
            className="button"
            disabled={busy}
            onClick={() =>
              send(id, () => api.setDelegationRuleState({ body: { ...v, state: "retired" } }))
            }
          >
            Take out
          </button>
        )}
      </div>
    </Card>
  );
}

const Tried = ({ b }: { b: Backtest }) => (
  <div className="delegation-tried stack">
    <div className="stats">
      <div>
        <span className="quiet small">Cost</span>
        <b>{signed(b.cost.change)} %</b>
        <span className="quiet small">
          95 %: {signed(b.cost.low)} to {signed(b.cost.high)}; {b.used} of {b.recorded} answers
        </span>
      </div>
      <div>
        <span className="quiet small">Agreement with {b.agreement.against}</span>
        <b>{signed(b.agreement.change)} points</b>
        <span className="quiet small">
          95 %: {signed(b.agreement.low)} to {signed(b.agreement.high)};{" "}
          {percent(b.agreement.before)} before, {b.agreement.judged} tasks
        </span>
      </div>
      <div>
        <span className="quiet small">To a researcher</span>
        <b>{b.reviews}</b>
        <span className="quiet small">of {b.tasks} tasks</span>
      </div>
    </div>
    <ul className="delegation-fired">
      {b.fired.map((f) => (
        <li key={f.rule}>
          <span className="num">{f.times}</span> times: {f.rule}
        </li>
      ))}
    </ul>
  </div>
);
