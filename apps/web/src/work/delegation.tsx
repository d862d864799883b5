/** Delegation rules in words, what they would have done on past answers, and which one is at work. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type Backtest,
  type DelegationRule,
  delegationSignals,
  type DelegationClause,
  type KnownKind,
  type StoredDelegationRule,
} from "@tiller/schema";
import { kindOfField } from "@tiller/task";
import { api, asking, keyOf } from "../api.ts";
import {
  Badge,
  Card,
  Dialog,
  Empty,
  FormEnd,
  Loaded,
  percent,
  Refused,
} from "../design/components.tsx";
import { RuleEditor } from "./rule-editor.tsx";
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
  const kinds = useQuery(asking("listKinds"));
  const client = useQueryClient();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState("");
  const [changing, setChanging] = useState<{ name: string; body: DelegationRule }>();
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
                change={() => setChanging(p)}
              />
            ))}
            <Card title="Ready-made">
              <label className="row">
                <span className="quiet">Kind of work</span>
                <select
                  className="delegation-kind"
                  value={kind}
                  onChange={(e) => setKind(e.target.value)}
                >
                  {[...new Set(["comparison", ...(kinds.data ?? []).map((k) => k.name)])].map(
                    (name) => (
                      <option key={name}>{name}</option>
                    ),
                  )}
                </select>
              </label>
              <ul className="delegation-ready">
                {data.ready.map(({ name, body }) => (
                  <li key={name}>
                    <div>
                      <b>{body.title}</b>
                      <Rules body={body} />
                    </div>
                    <div className="row">
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
                      <button
                        className="button"
                        onClick={() => setChanging({ name: `${name}-${kind}`, body })}
                      >
                        Change and take
                      </button>
                    </div>
                  </li>
                ))}
              </ul>
            </Card>
          </>
        )}
      </Loaded>
      {changing && (
        <RuleDialog rule={changing} kinds={kinds.data ?? []} close={() => setChanging(undefined)} />
      )}
    </main>
  );
}

/** The next version of a rule, saved and tried on past answers at once: to see what a threshold does. */
function RuleDialog({
  rule: { name, body },
  kinds,
  close,
}: {
  rule: { name: string; body: DelegationRule };
  kinds: readonly KnownKind[];
  close: () => void;
}) {
  const client = useQueryClient();
  const [rule, setRule] = useState(body);
  const [backtest, setBacktest] = useState<Backtest>();
  const view = kinds.find((k) => k.name === body.kind)?.view;
  const fields = view?.ask.filter((f) => kindOfField(f).scale !== null).map((f) => f.name) ?? [];
  const seen = () => client.invalidateQueries({ queryKey: keyOf("listDelegationRules") });
  const save = useMutation({
    mutationFn: () => api.saveDelegationRule({ body: { name, body: rule } }),
    onSuccess: async () => {
      await seen();
      close();
    },
  });
  const attempt = useMutation({
    mutationFn: async () => {
      const { version } = await api.saveDelegationRule({ body: { name, body: rule } });
      setBacktest(await api.backtestDelegationRule({ body: { name, version } }));
      await seen();
    },
  });
  return (
    <Dialog open close={close} title={`Change ${body.title}`}>
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <label>
          Title
          <input
            required
            maxLength={120}
            value={rule.title}
            onChange={(e) => setRule({ ...rule, title: e.target.value })}
          />
        </label>
        {fields.length > 1 && (
          <label>
            The question that it looks at
            <select
              value={rule.field}
              onChange={(e) => setRule({ ...rule, field: e.target.value })}
            >
              {[...new Set([rule.field, ...fields])].map((f) => (
                <option key={f}>{f}</option>
              ))}
            </select>
          </label>
        )}
        <RuleEditor rule={rule} change={setRule} />
        <div>
          <button
            type="button"
            className="button"
            disabled={attempt.isPending}
            onClick={() => attempt.mutate()}
          >
            {attempt.isPending ? "Working…" : "Try on past answers"}
          </button>
        </div>
        <Refused error={attempt.error} />
        {backtest && <Tried b={backtest} />}
        <FormEnd error={save.error} close={close} disabled={save.isPending}>
          Save as a draft
        </FormEnd>
      </form>
    </Dialog>
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

function RuleCard({
  p,
  busy,
  send,
  change,
}: {
  p: StoredDelegationRule;
  busy: boolean;
  send: Send;
  change: () => void;
}) {
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
        <button className="button" onClick={change}>
          Change
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
