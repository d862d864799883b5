/** Rows of a file as items of a kind of work: what its view reads, filled from columns; and answers that the file knows. */
import {
  type Field,
  type ItemMapping,
  type ItemSlot,
  own,
  type RowProblem,
  type View,
} from "@tiller/schema";
import {
  at,
  type Draft,
  fieldsOf,
  kindOfField,
  problemsOf,
  put,
  slotsOf,
  type TaskDef,
} from "@tiller/task";
import { withDerived } from "./derived-columns.ts";
import { isRaw, JsonError, parseJson, shownValue, someOf } from "./json.ts";
import { at as columnAt, textOf } from "./mapping-rules.ts";
import { messagesOf, transcript } from "./messages.ts";
import { BadRow, type SourceRow } from "./row.ts";

type Kind = Pick<TaskDef, "view" | "input" | "samples">;

export interface ItemRow {
  readonly row: number;
  readonly source: string;
  readonly input: Draft;
  readonly answer: Draft | undefined;
}

/** A row that does not fit, with the column that is why. */
export class BadCell extends BadRow {
  readonly column: string | null;
  constructor(line: number, column: string | null, message: string, options?: ErrorOptions) {
    super(line, message, options);
    this.column = column;
  }
}
export const problemOf = (e: BadRow): RowProblem => ({
  row: e.line,
  column: e instanceof BadCell ? e.column : null,
  message: e.message,
});

/** What a mapping says that cannot be, in words; undefined: nothing. */
export function wrongMapping(kind: Kind, mapping: ItemMapping): string | undefined {
  const slots = slotsOf(kind);
  const paths = slots.map((s) => s.path);
  const fields = fieldsOf(kind.view).map((f) => f.name);
  const strange = Object.keys(mapping.input).find((p) => !paths.includes(p));
  if (strange) return `it fills ${strange}, which is not shown; shown are ${paths.join(", ")}`;
  const unknown = Object.keys(mapping.answer).find((f) => !fields.includes(f));
  if (unknown)
    return `it has answers to ${unknown}, which is not asked; asked are ${fields.join(", ")}`;
  const empty = slots.find((s) => own(mapping.input, s.path) === undefined);
  if (empty) return `no column fills ${empty.label} (${empty.path})`;
  const several = slots.find((s) => Array.isArray(own(mapping.input, s.path)) && s.kind !== "list");
  return several && `several columns make a list, and ${several.path} is none`;
}

/** A row as an item; a BadCell where it is none. */
export function itemOf(kind: Kind, mapping: ItemMapping, source: SourceRow): ItemRow {
  const { line, text } = source;
  const row = withDerived(source.row, line);
  const there = (column: string): unknown => {
    const found = columnAt(row, column);
    if (found === undefined)
      throw new BadCell(
        line,
        column,
        `there is no column ${column}; there are ${someOf(Object.keys(row))}`,
      );
    return found;
  };
  let input: Draft = {};
  for (const slot of slotsOf(kind)) {
    const from = own(mapping.input, slot.path)!;
    const value = Array.isArray(from)
      ? from.map((c) => within(line, c, () => textIn(there(c), c, line))).filter((t) => t.trim())
      : within(line, from, () => fills[slot.kind](there(from), from, line));
    const name = Array.isArray(from) ? from.join(", ") : from;
    if (value === "") throw new BadCell(line, name, `${name} is empty, and raters are shown it`);
    input = put(input, slot.path, value);
  }
  const parsed = kind.input.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue!.path.join(".");
    const from = own(mapping.input, path) ?? null;
    throw new BadCell(
      line,
      Array.isArray(from) ? from.join(", ") : from,
      `${path}: ${issue!.message}`,
    );
  }
  return {
    row: line,
    source: text,
    input,
    answer: answerOf(kind.view, mapping, { there, line, input }),
  };
}
/** Whatever is wrong with a cell is told with its column. */
function within<T>(line: number, column: string, act: () => T): T {
  try {
    return act();
  } catch (e) {
    if (e instanceof BadRow && !(e instanceof BadCell))
      throw new BadCell(line, column, e.message, { cause: e });
    throw e;
  }
}

function textIn(value: unknown, column: string, line: number): string {
  if (value === null) return "";
  if (Array.isArray(value)) {
    const turns = messagesOf(value, column, line);
    return turns.length === 1
      ? turns[0]!.content
      : turns.map((m) => `${m.role}: ${m.content}`).join("\n\n");
  }
  return textOf(value, column, line);
}
/** What a list of objects calls its text. */
const wordsOf = (x: unknown): unknown =>
  ["text", "response", "completion", "output", "answer", "content", "value"]
    .map((name) => at(x, name))
    .find((found) => typeof found === "string");
const parsedCell = (value: unknown, column: string, line: number): unknown => {
  if (typeof value !== "string" || !/^\s*\[/.test(value)) return value;
  try {
    return parseJson(value);
  } catch (e) {
    if (e instanceof JsonError) throw new BadCell(line, column, e.message, { cause: e });
    throw e;
  }
};
/** Lists stand as JSON or a line each; a conversation as JSON, or as what one person said. */
const fills: Readonly<
  Record<ItemSlot["kind"], (value: unknown, column: string, line: number) => unknown>
> = {
  text: textIn,
  number(value, column, line) {
    const n = typeof value === "number" ? value : Number(textIn(value, column, line).trim() || NaN);
    if (!Number.isFinite(n)) throw new BadCell(line, column, `${shownValue(value)} is no number`);
    return n;
  },
  list(value, column, line) {
    const list = parsedCell(value, column, line);
    if (list === null) return [];
    if (Array.isArray(list))
      return list.map((x) => textIn(typeof x === "object" ? (wordsOf(x) ?? x) : x, column, line));
    return textIn(list, column, line)
      .split("\n")
      .filter((t) => t.trim());
  },
  turns(value, column, line) {
    const turns = parsedCell(value, column, line);
    if (Array.isArray(turns) && turns.every((t) => typeof at(t, "text") === "string"))
      return turns.map((t) => ({ role: at(t, "role") ?? "user", text: at(t, "text") }));
    if (Array.isArray(turns))
      return messagesOf(turns, column, line).map((m) => ({ role: m.role, text: m.content }));
    const text = textIn(turns, column, line);
    if (text.startsWith("\n\nHuman:"))
      return transcript(text, column, line).map((m) => ({ role: m.role, text: m.content }));
    return text.trim() ? [{ role: "user", text }] : "";
  },
};

const spoken = (x: unknown) =>
  (typeof x === "string" || typeof x === "number" || typeof x === "boolean" ? String(x) : "")
    .trim()
    .toLowerCase();
const sides: Readonly<Record<string, "a" | "b" | "tie">> = {
  a: "a",
  "1": "a",
  first: "a",
  left: "a",
  chosen: "a",
  b: "b",
  "2": "b",
  second: "b",
  right: "b",
  rejected: "b",
  tie: "tie",
  equal: "tie",
  same: "tie",
  both: "tie",
  neither: "tie",
};
/** A side by its letter, its number, the name of its column, or its text. */
function sideOf(
  f: Field & { kind: "pair" },
  mapping: ItemMapping,
  input: Draft,
  said: string,
): string {
  for (const side of ["a", "b"] as const)
    if (said === spoken(own(mapping.input, f[side])) || said === spoken(at(input, f[side])))
      return side;
  return own(sides, said) ?? own(sides, /(?:^|[^a-z])([ab12])$/.exec(said)?.[1] ?? "") ?? said;
}

function answerOf(
  view: View,
  mapping: ItemMapping,
  r: { there: (column: string) => unknown; line: number; input: Draft },
): Draft | undefined {
  let answer: Draft = {};
  for (const f of fieldsOf(view)) {
    const from = own(mapping.answer, f.name);
    if (from === undefined) continue;
    const column = typeof from === "string" ? from : null;
    const found = typeof from === "string" ? r.there(from) : from.always;
    if (found === null || found === "") continue;
    const value = answered(f, found, mapping, r.input);
    const kind = kindOfField(f);
    const parsed = kind.value(f).safeParse(value);
    const wrong = parsed.success ? kind.wrong(f, r.input, value) : parsed.error.issues[0]!.message;
    if (wrong)
      throw new BadCell(
        r.line,
        column,
        `${shownValue(found)} is no answer to ${f.label || f.name}: ${wrong}`,
      );
    answer = put(answer, f.name, value);
  }
  return Object.keys(answer).length ? answer : undefined;
}
function answered(f: Field, found: unknown, mapping: ItemMapping, input: Draft): unknown {
  const plain = isRaw(found) ? Number(found.rawJSON) : found;
  const said = spoken(plain);
  const option = (x: string) =>
    "options" in f
      ? (f.options.find((o) => spoken(o.value) === x || spoken(o.label) === x)?.value ?? x)
      : x;
  if (f.kind === "pair") return sideOf(f, mapping, input, said);
  const { cell, each } = kindOfField(f);
  if (cell === "text" && "options" in f) return option(said);
  if (cell === "number") return said === "" ? plain : Number(said);
  if (cell === "text" || typeof plain !== "string") return plain;
  if (each && !/^\s*\[/.test(plain)) return plain.split(/[;,]/).map((x) => option(spoken(x)));
  try {
    return parseJson(plain);
  } catch {
    return plain; // its schema says what is wrong
  }
}

/** Whether an answer that a row knows is whole: only then it can be gold that is met by every key of it. */
export const isWhole = (view: View, row: ItemRow): boolean =>
  row.answer !== undefined && problemsOf(view, row.input, row.answer).length === 0;
