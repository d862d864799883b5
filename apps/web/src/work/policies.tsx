/** Delegation policies: the rules in words, what they would have done on past answers, and which one is at work. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type Backtest,
  type Policy,
  policySignals,
  type PolicyRule,
  type StoredPolicy,
} from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Card, Empty, Loaded, percent } from "../design/components.tsx";
import "./policies.css";

const acts = { ask: "Ask one more", stop: "Enough", review: "A researcher looks" } as const;
const whom = {
  anyone: "anyone",
  reliable: "the most reliable first",
  suited: "whoever is best at the topic first",
} as const;
const tone = { draft: undefined, live: "good", retired: "warn" } as const;
const words = (r: PolicyRule) =>
  r.when.length
    ? r.when.map((c) => `${policySignals[c.signal]} ${c.is} ${c.value}`).join(", and ")
    : "otherwise";
const signed = (x: number) => `${x > 0 ? "+" : x < 0 ? "−" : "±"}${Math.abs(100 * x).toFixed(1)}`;

type Send = (name: string, act: () => Promise<unknown>) => void;

export function PoliciesPage() {
  const [kind, setKind] = useState("comparison");
  const list = useQuery(asking("listPolicies", { kind }));
  const client = useQueryClient();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState("");
  const send: Send = (name, act) => {
    setBusy(name);
    setError(undefined);
    act()
      .then(() => client.invalidateQueries({ queryKey: keyOf("listPolicies") }))
      .catch(setError)
      .finally(() => setBusy(""));
  };
  return (
    <main>
      <div className="stack">
        <h1>Policies</h1>
        <p className="quiet policies-lead">
          How many people a task gets, when it is enough, and who is asked first. A policy is tried
          on past answers before it goes live; the first rule that holds decides.
        </p>
      </div>
      {error && (
        <p className="policies-error" role="alert">
          {error.message}
        </p>
      )}
      <Loaded query={list}>
        {(data) => (
          <>
            {data.policies.length === 0 && (
              <Empty title="No policies yet">
                Every task gets as many people as its experiment asks for. Start from a ready-made
                one.
              </Empty>
            )}
            {data.policies.map((p) => (
              <PolicyCard
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
                  className="policies-kind"
                  value={kind}
                  onChange={(e) => setKind(e.target.value || "comparison")}
                />
              </label>
              <ul className="policies-ready">
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
                          api.savePolicy({ body: { name: `${name}-${kind}`, body } }),
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

const Rules = ({ body }: { body: Policy }) => (
  <>
    <ol className="policies-rules">
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

function PolicyCard({ p, busy, send }: { p: StoredPolicy; busy: boolean; send: Send }) {
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
          onClick={() => send(id, () => api.backtestPolicy({ body: v }))}
        >
          {busy ? "Working…" : backtest ? "Try again on past answers" : "Try on past answers"}
        </button>
        {p.state !== "live" && (
          <button
            className="button primary"
            disabled={busy || !backtest}
            onClick={() => send(id, () => api.setPolicyState({ body: { ...v, state: "live" } }))}
          >
            Put to work
          </button>
        )}
        {p.state === "live" && (
          <button
            className="button"
            disabled={busy}
            onClick={() => send(id, () => api.setPolicyState({ body: { ...v, state: "retired" } }))}
          >
            Take out
          </button>
        )}
      </div>
    </Card>
  );
}

const Tried = ({ b }: { b: Backtest }) => (
  <div className="policies-tried stack">
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
    <ul className="policies-fired">
      {b.fired.map((f) => (
        <li key={f.rule}>
          <span className="num">{f.times}</span> times: {f.rule}
        </li>
      ))}
    </ul>
  </div>
);
