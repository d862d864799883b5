/** A delegation rule's clauses, thresholds and bounds as a form. */
import {
  type DelegationClause,
  type DelegationRule,
  delegationSignals,
  type DelegationSignal,
} from "@tiller/schema";
import "./delegation.css";

type Editable = Pick<DelegationRule, "rules" | "most" | "perTask" | "scoring" | "explore">;
const acts: Readonly<Record<DelegationClause["act"], string>> = {
  ask: "Ask one more",
  stop: "Enough",
  review: "A researcher looks",
};
const whom: Readonly<Record<DelegationRule["scoring"], string>> = {
  anyone: "Anyone",
  reliable: "The most reliable first",
  suited: "Whoever is best at the topic first",
};
type Condition = DelegationClause["when"][number];

export function RuleEditor<R extends Editable>({
  rule,
  change,
}: {
  rule: R;
  change: (rule: R) => void;
}) {
  const { rules } = rule;
  const clauses = (next: DelegationClause[]) => change({ ...rule, rules: next });
  const setClause = (i: number, clause: DelegationClause) =>
    clauses(rules.map((r, n) => (n === i ? clause : r)));
  return (
    <div className="rule-editor">
      {rules.map((r, i) => (
        <fieldset key={i}>
          <legend>{i + 1}.</legend>
          <div className="row">
            <select
              aria-label={`What clause ${i + 1} does`}
              value={r.act}
              onChange={(e) =>
                setClause(i, { ...r, act: e.target.value as DelegationClause["act"] })
              }
            >
              {Object.entries(acts).map(([act, name]) => (
                <option key={act} value={act}>
                  {name}
                </option>
              ))}
            </select>
            <button
              type="button"
              className="button plain"
              aria-label={`Up: clause ${i + 1}`}
              disabled={i === 0}
              onClick={() => clauses(rules.toSpliced(i, 1).toSpliced(i - 1, 0, r))}
            >
              ↑
            </button>
            <button
              type="button"
              className="button plain"
              aria-label={`Remove: clause ${i + 1}`}
              disabled={rules.length === 1}
              onClick={() => clauses(rules.toSpliced(i, 1))}
            >
              Remove
            </button>
          </div>
          {r.when.map((c, k) => (
            <ConditionForm
              key={k}
              condition={c}
              first={k === 0}
              change={(next) =>
                setClause(i, { ...r, when: r.when.map((x, n) => (n === k ? next : x)) })
              }
              remove={() => setClause(i, { ...r, when: r.when.toSpliced(k, 1) })}
            />
          ))}
          <button
            type="button"
            className="button plain"
            onClick={() =>
              setClause(i, {
                ...r,
                when: [...r.when, { signal: "answers", is: "below", value: 2 }],
              })
            }
          >
            {r.when.length ? "And a condition" : "Only on a condition"}
          </button>
        </fieldset>
      ))}
      <button
        type="button"
        className="button"
        disabled={rules.length >= 20}
        onClick={() => clauses([...rules, { when: [], act: "stop" }])}
      >
        Add a clause
      </button>
      <div className="rule-bounds">
        <label>
          Answers an item, at most
          <input
            type="number"
            min={1}
            max={100}
            required
            value={rule.most}
            onChange={(e) => change({ ...rule, most: e.target.valueAsNumber || 1 })}
          />
        </label>
        <label>
          On average, at most
          <input
            type="number"
            min={1}
            step="any"
            placeholder="no bound"
            value={rule.perTask ?? ""}
            onChange={(e) => {
              const { perTask: _, ...rest } = rule;
              const n = e.target.valueAsNumber;
              change((n > 0 ? { ...rest, perTask: n } : rest) as R);
            }}
          />
        </label>
        <label>
          Who is asked first
          <select
            value={rule.scoring}
            onChange={(e) =>
              change({ ...rule, scoring: e.target.value as DelegationRule["scoring"] })
            }
          >
            {Object.entries(whom).map(([scoring, name]) => (
              <option key={scoring} value={scoring}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {rule.scoring !== "anyone" && (
          <label>
            Asked of anyone, per cent
            <input
              type="number"
              min={0}
              max={100}
              value={Math.round(100 * rule.explore)}
              onChange={(e) => change({ ...rule, explore: (e.target.valueAsNumber || 0) / 100 })}
            />
          </label>
        )}
      </div>
    </div>
  );
}

/** Probabilities are written in per cent. */
const scale = (signal: DelegationSignal) => (signal === "answers" ? 1 : 100);
function ConditionForm({
  condition: c,
  first,
  change,
  remove,
}: {
  condition: Condition;
  first: boolean;
  change: (c: Condition) => void;
  remove: () => void;
}) {
  const per = scale(c.signal);
  return (
    <div className="row condition">
      <span className="quiet small">{first ? "when" : "and"}</span>
      <select
        aria-label="What is looked at"
        value={c.signal}
        onChange={(e) => {
          const signal = e.target.value as DelegationSignal;
          change({ ...c, signal, value: signal === "answers" ? 2 : 0.8 });
        }}
      >
        {Object.entries(delegationSignals).map(([signal, name]) => (
          <option key={signal} value={signal}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label="How it compares"
        value={c.is}
        onChange={(e) => change({ ...c, is: e.target.value as Condition["is"] })}
      >
        <option value="below">is below</option>
        <option value="at least">is at least</option>
      </select>
      <input
        type="number"
        aria-label="Threshold"
        min={0}
        max={100}
        step={1}
        required
        value={Math.round(1000 * per * c.value) / 1000}
        onChange={(e) => change({ ...c, value: (e.target.valueAsNumber || 0) / per })}
      />
      {per === 100 && <span className="quiet small">%</span>}
      <button type="button" className="button plain" aria-label="Remove condition" onClick={remove}>
        ×
      </button>
    </div>
  );
}
