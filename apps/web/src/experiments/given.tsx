/** What an experiment may use up, by hand or by a trigger; and JSON as people write it. */
import { z } from "zod";
import { Budget } from "@tiller/schema";
import { Card } from "../design/components.tsx";

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

export function Limits({
  typed,
  change,
}: {
  typed: Readonly<Record<string, string>>;
  change: (typed: Record<string, string>) => void;
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
      </div>
      {!limits.success && (
        <pre className="experiment-wrong small">{z.prettifyError(limits.error)}</pre>
      )}
    </Card>
  );
}
