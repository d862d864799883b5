/** The rater's own words, or a text that they change. */
import { z } from "zod";
import type { FieldOf, Limit } from "@tiller/schema";
import { votesFrom } from "../aggregation.ts";
import { characterAround, measure, wordsOfTokens } from "../measure.ts";
import { at, textAt } from "../paths.ts";
import { type FieldKind, many } from "./kind.ts";

const MOST = 100_000;

export const text = {
  value: () => z.string().min(1).max(MOST),
  nothing: undefined,
  initial: (f, input) => (f.edits ? textAt(input, f.edits) : undefined),
  missing(f, _i, value) {
    const written = typeof value === "string" ? value : "";
    if (!written.trim()) return "write an answer";
    const { unit, min = 0 } = f.limit ?? { unit: "words" };
    const lacks = min - measure[unit](written);
    return lacks > 0 ? `${much(unit, lacks)} more, at least ${told(unit, min)}` : undefined;
  },
  wrong(f, input, value) {
    const { unit, max = Infinity } = limitOf(f, input) ?? { unit: "characters", max: MOST };
    const over = measure[unit](value as string) - max;
    return over > 0 ? `${much(unit, over)} too many, at most ${told(unit, max)}` : undefined;
  },
  words: (_f, _i, value) => String(value),
  /** Words of the input, in the order of a sentence, as many as the limit wants. */
  draw(f, input, rng) {
    const limit = limitOf(f, input);
    const { min = 4, max = 40 } = limit?.unit === "characters" ? {} : (limit ?? {});
    const source = f.edits ? textAt(input, f.edits) : stringsOf(input).join(" ");
    const all = source.match(/\S+/g) ?? ["nothing", "to", "say"];
    const length = Math.max(min, Math.min(Math.floor(max / 2), 12));
    const start = rng.int(Math.max(1, all.length - length));
    let said = Array.from({ length }, (_, i) => all[(start + i) % all.length]).join(" ");
    if (!limit) return said;
    const { unit, min: least = 0, max: most = Infinity } = limit;
    for (let i = length; measure[unit](said) < least; i++)
      said += ` ${all[(start + i) % all.length]}`;
    while (measure[unit](said) > most) {
      const last = said.length - 1;
      said = said.slice(0, characterAround(said, last)?.start ?? last).trimEnd();
    }
    return said;
  },
  reads: { edits: "text" },
  second: null,
  order: null,
  aggregations: ["none", ...votesFrom("majority")],
  labels: () => undefined,
  each: false,
  scale: null,
  cell: "text",
  prose: true,
} satisfies FieldKind<FieldOf<"text">>;

/** The limit of this task: its max may stand in the input. */
export function limitOf(f: FieldOf<"text">, input: unknown): Limit | undefined {
  const max = f.most === undefined ? undefined : at(input, f.most);
  return f.limit && typeof max === "number" ? { ...f.limit, max } : f.limit;
}

/** In words people count by: those who wrote a limit in tokens meant a model's, not a rater's. */
const told = (unit: Limit["unit"], n: number): string =>
  unit === "tokens" ? `about ${wordsOfTokens(n)}` : String(n);
const much = (unit: Limit["unit"], n: number): string =>
  unit === "tokens"
    ? `about ${many(Math.max(1, wordsOfTokens(n)), "word")}`
    : many(n, unit.slice(0, -1));

function stringsOf(v: unknown): string[] {
  if (typeof v === "string") return [v];
  return v !== null && typeof v === "object" ? Object.values(v).flatMap(stringsOf) : [];
}
