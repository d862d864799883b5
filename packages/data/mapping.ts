/**
 * A mapping file says where our columns stand in somebody else's rows:
 *
 *   { "columns": { "task": { "join": ["topic", "a", "b"] }, "rater": "worker", "input.passage": "topic",
 *                  "input.a.text": { "from": "a", "in": { "file": "arguments.jsonl", "key": "id", "take": "text" } },
 *                  "value.choice": { "from": "choice", "map": { "a1": "a", "a2": "b", "equal": "tie" } } } }
 *
 * What it fills is checked by the kind of work: its questions, and the texts that it shows.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { type Field, setOwn, TillerError, View } from "@tiller/schema";
import { fieldsOf, kindOfField, readAnswer, readBy, shownBy } from "@tiller/task";
import { importedComparison, type ImportedType, pairValue } from "./imported-types.ts";
import { shownValue, someOf } from "./json.ts";
import { idOf, type Mapped } from "./mapped.ts";
import { at, converted, dated, type Lookup, Rule, textOf, valueOf } from "./mapping-rules.ts";
import { kindOfFile, readRows } from "./read.ts";
import { BadRow, parsedRow, type SourceRow } from "./row.ts";
import { isoOf, microsOf } from "./time.ts";

const name = z.string().min(1).max(150);
const Mapping = z.strictObject({
  about: z.string().optional(),
  type: z
    .strictObject({ name, version: name, title: z.string(), view: View })
    .optional()
    .describe("the kind of work; a comparison unless said"),
  each: z
    .array(z.strictObject({ in: name, as: name }))
    .optional()
    .describe(
      "an answer for each item of a list or object in the row; it is {key, item} under that name",
    ),
  columns: z.record(z.string(), Rule),
});
type Mapping = z.infer<typeof Mapping>;

const numbers = ["activeSeconds", "idleSeconds", "weight"] as const;
const ids = ["task", "batch", "rater"] as const;
const known: readonly string[] = [...ids, "at", ...numbers, "swap"];

export async function readMapping(file: string): Promise<{
  type: ImportedType;
  /** the mapping's own kind of work, and not the ready-made one */
  own: boolean;
  rowsOf: (row: SourceRow) => Mapped[];
}> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new TillerError("no_file", `cannot read the mapping ${file}. Check the path.`, { cause });
  });
  const bad = (why: string, cause?: unknown) =>
    new TillerError("bad_mapping", `${file} ${why}. See docs/data.md.`, { cause });
  let mapping: Mapping;
  try {
    mapping = Mapping.parse(JSON.parse(text));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll("\n", " ") : String(cause);
    throw bad(`is no mapping: ${why}`, cause);
  }
  const type: ImportedType = mapping.type
    ? {
        ...mapping.type,
        instructions: "",
        inputSchema: {},
        outputSchema: {},
      }
    : importedComparison;
  const wrong = whatIsWrong(mapping, type.view);
  if (wrong) throw bad(wrong);

  const tables = new Map<string, ReadonlyMap<string, unknown>>();
  for (const rule of Object.values(mapping.columns))
    if (
      typeof rule === "object" &&
      "from" in rule &&
      rule.in &&
      !tables.has(JSON.stringify(rule.in))
    )
      tables.set(
        JSON.stringify(rule.in),
        await lookup(path.join(path.dirname(file), rule.in.file), rule.in),
      );
  const fields = new Map(
    fieldsOf(type.view).map((f) => [
      f.name,
      { ...f, optional: f.optional || !type.view.ask.includes(f) },
    ]),
  );

  const rules = { output: z.unknown(), view: type.view };
  const answerOf = ({ row, line, cells }: SourceRow): Mapped => {
    const own: Record<string, unknown> = {};
    const [input, value]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
    for (const [column, rule] of Object.entries(mapping.columns)) {
      const found = valueOf(rule, row, line, tables);
      const [first, ...rest] = column.split(".") as [string, ...string[]];
      if (first === "input") put(input, rest as [string, ...string[]], found);
      else if (first === "value") {
        const said = answered(fields.get(rest.join(".")), found, { column, line, cells });
        if (said !== undefined) put(value, rest as [string, ...string[]], said);
      } else setOwn(own, column, ownColumn(column, found, { line, cells }));
    }
    const unshown = shownProblem(type.view, input);
    if (unshown) throw new BadRow(line, unshown);
    if (!mapping.type) parsedRow(pairValue, value, line);
    else {
      const read = readAnswer(rules, input, value);
      if ("problems" in read) throw new BadRow(line, read.problems[0]!);
    }
    return { ...own, input, value };
  };
  return {
    type,
    own: mapping.type !== undefined,
    rowsOf: (s) => exploded(mapping.each ?? [], s).map(answerOf),
  };
}

/** What a mapping says that cannot be, in words. */
function whatIsWrong({ columns, type, each = [] }: Mapping, view: View): string | undefined {
  const names = Object.keys(columns);
  const strange = names.find(
    (c) =>
      (!known.includes(c) && !/^(input|value)\../.test(c)) ||
      c
        .split(".")
        .some((part) => !part || ["__proto__", "constructor", "prototype"].includes(part)),
  );
  if (strange) return `fills ${strange}; there are ${known.join(", ")}, input.* and value.*`;
  const within = (c: string, other: string) => c === other || other.startsWith(`${c}.`);
  const twice = names.find((c) => names.some((o) => o !== c && within(c, o)));
  if (twice) return `fills ${twice} and a part of it`;
  if (!names.some((c) => c.startsWith("value.")))
    return "fills no value.*: an answer needs what was answered";
  const asked = fieldsOf(view).map((f) => f.name);
  const noQuestion =
    type && names.find((c) => c.startsWith("value.") && !asked.includes(c.slice(6)));
  if (noQuestion)
    return `fills ${noQuestion}, which the view does not ask; it asks ${asked.join(", ")}`;
  const unasked = view.ask.find((f) => !f.optional && !names.includes(`value.${f.name}`));
  if (unasked) return `does not fill value.${unasked.name}, which the view asks`;
  const filled = (p: string) =>
    names.some((c) => within(c, `input.${p}`) || within(`input.${p}`, c));
  const unshown = textsIn(view).find(({ path: p }) => !filled(p));
  if (unshown) return `does not fill input.${unshown.path}, which the view shows`;
  const bound = new Set<string>();
  for (const e of each) {
    if (bound.has(e.as)) return `has two each called ${e.as}`;
    bound.add(e.as);
  }
  return undefined;
}

/** The texts and lists of a view, by their paths in the input. */
const textsIn = (view: View): { path: string; list: boolean }[] =>
  [...view.show.flatMap(shownBy), ...view.ask.flatMap(readBy)].map(({ path: p, what }) => ({
    path: p,
    list: what !== "text",
  }));
function shownProblem(view: View, input: unknown): string | undefined {
  const isText = (x: unknown) => typeof x === "string" || typeof at(x, "text") === "string";
  for (const { path: p, list } of textsIn(view)) {
    const found = at(input, p);
    const good = list ? Array.isArray(found) && found.every(isText) : isText(found);
    if (!good)
      return `input.${p}: ${shownValue(found)} is no ${list ? "list of texts" : `text. If it shall become one, say {"from": ..., "as": "text"}`}`;
  }
  return undefined;
}

interface Place {
  readonly column?: string;
  readonly line: number;
  readonly cells?: boolean | undefined;
}
/** What a question takes, of a cell of text where the file knows nothing else; undefined: not answered. */
function answered(field: Field | undefined, found: unknown, p: Place): unknown {
  if (found === null || found === undefined || (found === "" && p.cells)) {
    if (!field || field.optional) return undefined;
    throw new BadRow(p.line, `${p.column} is empty, and the question is not optional`);
  }
  if (field === undefined || !p.cells) return found;
  const { cell } = kindOfField(field);
  return cell === "text" ? found : converted(found, cell, p.column!, p.line);
}
/** A column of ours by its own kind. */
function ownColumn(column: string, found: unknown, p: Place): unknown {
  if ((ids as readonly string[]).includes(column))
    return column === "task" && typeof found === "string" && found.length > 150
      ? found
      : idOf(found, column, p.line);
  if (column === "at") return isoOf(dated(column, p.line, () => microsOf(found)));
  const kind = column === "swap" ? "boolean" : "number";
  if (!p.cells && typeof found !== kind)
    throw new BadRow(
      p.line,
      `${column}: ${shownValue(found)} is no ${kind}. Say {"from": ..., "as": "${kind}"}`,
    );
  return converted(found, kind, column, p.line);
}

/** A row for each combination of the items. */
function exploded(each: NonNullable<Mapping["each"]>, s: SourceRow): SourceRow[] {
  let rows = [s.row];
  for (const { in: from, as } of each)
    rows = rows.flatMap((row) => {
      if (Object.hasOwn(row, as))
        throw new BadRow(
          s.line,
          `the row has a column ${as}, and an each is called so. Call it otherwise`,
        );
      const list = at(row, from);
      if (typeof list !== "object" || list === null)
        throw new BadRow(s.line, `${from}: ${shownValue(list)} is neither a list nor an object`);
      return Object.entries(list).map(([key, item]) => ({
        ...row,
        [as]: { key, item: item as unknown },
      }));
    });
  return each.length ? rows.map((row) => ({ ...s, row })) : [s];
}

async function lookup(file: string, o: Lookup): Promise<Map<string, unknown>> {
  const table = new Map<string, unknown>();
  const bad = (line: number, why: string) =>
    new TillerError("bad_mapping", `${o.file}, line ${line}: ${why}.`);
  try {
    for await (const { row, line } of readRows(file, {
      kind: kindOfFile(file),
      name: o.file,
      encoding: o.encoding,
    })) {
      const [key, take] = [at(row, o.key), at(row, o.take)];
      const missing = key === undefined ? o.key : take === undefined ? o.take : undefined;
      if (missing)
        throw bad(line, `there is no column ${missing}; there are ${someOf(Object.keys(row))}`);
      const text = textOf(key, o.key, line);
      if (table.has(text) && JSON.stringify(table.get(text)) !== JSON.stringify(take))
        throw bad(line, `a second row has the ${o.key} ${shownValue(text)}, and another ${o.take}`);
      table.set(text, take);
    }
  } catch (e) {
    throw e instanceof BadRow ? bad(e.line, e.message) : e;
  }
  return table;
}

function put(
  into: Record<string, unknown>,
  [key, ...rest]: readonly [string, ...string[]],
  value: unknown,
): void {
  if (!rest.length) return setOwn(into, key, value);
  if (!Object.hasOwn(into, key)) setOwn(into, key, {});
  put(into[key] as Record<string, unknown>, rest as [string, ...string[]], value);
}
