/** What an experiment is given beside its input, by hand or by a trigger: who answers, and what it may use up. */
import { z } from "zod";
import { Agents, Budget } from "@tiller/schema";
import { Card } from "../design/components.tsx";

export const peopleAnswer = '{ "*": { "kind": "people" } }';
const budgetNames = [
  ["money", "US dollars of model calls"],
  ["tokens", "tokens"],
  ["minutes", "minutes from its start"],
  ["people", "answers by people"],
] as const;

/** The text as JSON that fits the schema, or what is wrong with it. */
export function checked<T>(text: string, schema: z.ZodType<T>): { value: T } | { wrong: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (e) {
    return { wrong: `This is not JSON: ${(e as Error).message}` };
  }
  const fits = schema.safeParse(parsed);
  return fits.success ? { value: fits.data } : { wrong: z.prettifyError(fits.error) };
}
/** Limits as they were typed; an empty one is none. */
export const limitsOf = (typed: Readonly<Record<string, string>>) =>
  Budget.safeParse(
    Object.fromEntries(
      Object.entries(typed).flatMap(([k, v]) => (v.trim() === "" ? [] : [[k, Number(v)]])),
    ),
  );

export function WhoAnswers({ text, change }: { text: string; change: (text: string) => void }) {
  const agents = checked(text, Agents);
  return (
    <Card title="Who answers">
      <label className="stack" style={{ gap: 4 }}>
        <span className="small quiet">
          By kind of work, * for all others: people, model, draft (a person with a model's draft),
          approval (a model with a person's approval), replay, simulated.
        </span>
        <textarea
          rows={4}
          spellCheck={false}
          aria-label="Who answers, as JSON"
          className="code"
          value={text}
          onChange={(e) => change(e.target.value)}
        />
      </label>
      {"wrong" in agents && <pre className="experiment-wrong small">{agents.wrong}</pre>}
    </Card>
  );
}

export function Limits({
  typed,
  change,
  children,
}: {
  typed: Readonly<Record<string, string>>;
  change: (typed: Record<string, string>) => void;
  children?: React.ReactNode;
}) {
  const limits = limitsOf(typed);
  return (
    <Card title="What it may use up">
      <div className="start-budget">
        {budgetNames.map(([name, label]) => (
          <label key={name} className="stack" style={{ gap: 4 }}>
            <span className="small">{label}</span>
            <input
              inputMode="decimal"
              placeholder="no limit"
              value={typed[name] ?? ""}
              onChange={(e) => change({ ...typed, [name]: e.target.value })}
            />
          </label>
        ))}
        {children}
      </div>
      {!limits.success && (
        <pre className="experiment-wrong small">{z.prettifyError(limits.error)}</pre>
      )}
    </Card>
  );
}
