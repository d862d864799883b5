/** People an item, deadline, who may answer, how many answers by a rule, pay: for a new project, and to change one. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Project, ProjectPay, ProjectRule, Requirement, View } from "@tiller/schema";
import { fieldsOf, kindOfField } from "@tiller/task";
import { asking } from "../api.ts";
import { RuleEditor } from "../work/rule-editor.tsx";

export interface Settings {
  readonly people: number;
  /** as the browser's date and time field has it */
  readonly deadline: string;
  readonly requires: readonly Requirement[];
  readonly rule: ProjectRule | null;
  readonly pay: ProjectPay | null;
}
export const firstSettings: Settings = {
  people: 3,
  deadline: "",
  requires: [],
  rule: null,
  pay: null,
};
/** As the server wants them. */
export const bodyOf = (s: Settings) => ({
  people: s.people,
  deadline: s.deadline ? new Date(s.deadline).toISOString() : null,
  requires: [...s.requires],
  rule: s.rule,
  ...(s.pay ? { pay: s.pay } : {}),
});
const local = (iso: string) => {
  const d = new Date(iso);
  return new Date(d.getTime() - 60_000 * d.getTimezoneOffset()).toISOString().slice(0, 16);
};
export const settingsOf = (p: Project): Settings => ({
  people: p.people,
  deadline: p.deadline ? local(p.deadline) : "",
  requires: p.requires,
  rule: p.rule,
  pay: p.pay,
});

/** How many answers that makes: as many as people are asked, or until the rule has enough. */
export function answersWanted(items: number, { people, rule }: Pick<Settings, "people" | "rule">) {
  const first = `${items * people} answers wanted`;
  if (!rule) return first;
  const most = Math.min(items * rule.most, Math.ceil(items * (rule.perTask ?? rule.most)));
  return `${first} to begin with; the rule asks for more or fewer, ${most} at most`;
}

type Props = { value: Settings; change: (value: Settings) => void };
export const FirstSettings = ({ value, change }: Props) => (
  <>
    <label>
      People an item
      <input
        type="number"
        min={1}
        max={100}
        required
        value={value.people}
        onChange={(e) => change({ ...value, people: e.target.valueAsNumber || 1 })}
      />
    </label>
    <label>
      Deadline
      <input
        type="datetime-local"
        value={value.deadline}
        onChange={(e) => change({ ...value, deadline: e.target.value })}
      />
    </label>
  </>
);

export function MoreSettings({ value, change, view, kind }: Props & { view: View; kind: string }) {
  const types = useQuery(asking("listQualificationTypes"));
  const workers = useQuery(asking("listWorkers"));
  const names = [
    ...new Set([
      ...(types.data ?? []).map((t) => t.body.qualification),
      ...(workers.data ?? []).flatMap((w) => Object.keys(w.qualifications)),
      ...value.requires.map((r) => r.qualification),
    ]),
  ];
  const [needed] = value.requires;
  return (
    <>
      <div className="project-numbers">
        <label>
          Qualification needed
          <select
            value={needed?.qualification ?? ""}
            onChange={(e) =>
              change({
                ...value,
                requires: e.target.value
                  ? [{ qualification: e.target.value, level: needed?.level ?? 1 }]
                  : [],
              })
            }
          >
            <option value="">None: whoever gets work</option>
            {names.map((n) => (
              <option key={n}>{n}</option>
            ))}
          </select>
        </label>
        {needed && (
          <label>
            Its level, at least
            <input
              type="number"
              min={0}
              step="any"
              value={needed.level}
              onChange={(e) =>
                change({
                  ...value,
                  requires: [{ ...needed, level: e.target.valueAsNumber || 0 }],
                })
              }
            />
          </label>
        )}
      </div>
      <PayFields pay={value.pay} change={(pay) => change({ ...value, pay })} />
      <RuleFields
        rule={value.rule}
        view={view}
        kind={kind}
        change={(rule) => change({ ...value, rule })}
      />
    </>
  );
}

/** Whole minor units in the words of the currency: 1234 is 12.34 in euros, 1234 in yen. */
const digitsOf = (currency: string): number =>
  /^[A-Z]{3}$/.test(currency)
    ? (new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions()
        .maximumFractionDigits ?? 2)
    : 2;
/** An hour's rate is shown a minute, as leads reckon. */
const MINUTES = 60;
function PayFields({
  pay,
  change,
}: {
  pay: ProjectPay | null;
  change: (pay: ProjectPay | null) => void;
}) {
  const rates = useQuery({ ...asking("payRates"), retry: false });
  const currency = pay?.currency ?? rates.data?.[0]?.currency ?? "EUR";
  const unit = 10 ** digitsOf(currency);
  const per = (p: ProjectPay) => (p.per === "hour" ? unit * MINUTES : unit);
  const [text, setText] = useState(() => (pay ? String(pay.amount / per(pay)) : ""));
  const said = (amount: string, by: ProjectPay["per"]) => {
    setText(amount);
    const n = Number(amount.replace(",", "."));
    const whole = Math.round(n * (by === "hour" ? unit * MINUTES : unit));
    if (amount.trim() === "" || !Number.isFinite(n)) return change(null);
    change({ per: by, amount: whole, currency });
  };
  return (
    <div className="project-numbers">
      <label>
        Pay
        <select
          value={pay?.per ?? ""}
          onChange={(e) =>
            e.target.value === ""
              ? said("", "piece")
              : said(text || "0.10", e.target.value as ProjectPay["per"])
          }
        >
          <option value="">As all work is paid</option>
          <option value="piece">An answer</option>
          <option value="hour">A minute</option>
        </select>
      </label>
      {pay && (
        <label>
          {currency} {pay.per === "piece" ? "an answer" : "a minute"}
          <input
            inputMode="decimal"
            required
            value={text}
            onChange={(e) => said(e.target.value, pay.per)}
          />
        </label>
      )}
    </div>
  );
}

function RuleFields({
  rule,
  view,
  kind,
  change,
}: {
  rule: ProjectRule | null;
  view: View;
  kind: string;
  change: (rule: ProjectRule | null) => void;
}) {
  const list = useQuery(asking("listDelegationRules", { kind }));
  const closed = fieldsOf(view).filter((f) => {
    const kind = kindOfField(f);
    return kind.scale && !kind.each && kind.labels(f);
  });
  const [first] = closed;
  if (!first) return null; // a rule looks at a closed question
  const chosen = list.data?.ready.find((r) => r.body.title === rule?.title)?.name;
  return (
    <>
      <label>
        Answers an item
        <select
          value={rule === null ? "" : (chosen ?? "own")}
          onChange={(e) => {
            const ready = list.data?.ready.find((r) => r.name === e.target.value);
            if (!ready) return change(null);
            const { kind: _, experiment: __, ...body } = ready.body;
            change({ ...body, field: first.name });
          }}
        >
          <option value="">As many as people are asked</option>
          {list.data?.ready.map((r) => (
            <option key={r.name} value={r.name}>
              {r.body.title}
            </option>
          ))}
          {rule && !chosen && <option value="own">{rule.title}</option>}
        </select>
      </label>
      {rule && (
        <>
          {closed.length > 1 && (
            <label>
              The question that it looks at
              <select
                value={rule.field}
                onChange={(e) => change({ ...rule, field: e.target.value })}
              >
                {closed.map((f) => (
                  <option key={f.name} value={f.name}>
                    {f.label}
                  </option>
                ))}
              </select>
            </label>
          )}
          <RuleEditor rule={rule} change={change} />
        </>
      )}
    </>
  );
}
