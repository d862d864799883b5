/**
 * A mapping file says where our columns stand in somebody else's rows:
 *
 *   { "columns": { "task": { "join": ["topic", "a", "b"] }, "rater": "worker", "input.passage": "topic",
 *                  "input.a.text": { "from": "a", "in": { "file": "arguments.jsonl", "key": "id", "take": "text" } },
 *                  "value.choice": { "from": "choice", "map": { "a1": "a", "a2": "b", "equal": "tie" } } } }
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { BadRow, kindOfFile, readRows } from "./read.ts";

const name = z.string().min(1);
const Rule = z.union([
  name.describe("the column itself; dots lead into objects"),
  z.strictObject({
    from: name,
    map: z.record(z.string(), z.unknown()).optional().describe("what each value becomes"),
    in: z
      .strictObject({ file: name, key: name, take: name })
      .optional()
      .describe("look the value up in another file, named from the mapping file's folder"),
    default: z.unknown().optional().describe("where the column is empty"),
  }),
  z.strictObject({ join: z.array(name).min(1), with: z.string().default(" ") }),
  z.strictObject({ time: name.describe("a column that holds a date") }),
  z.strictObject({
    seconds: z.tuple([name, name]).describe("from one date to the other"),
    divide: z.number().positive().default(1),
  }),
  z.strictObject({ always: z.unknown() }),
]);
type Rule = z.infer<typeof Rule>;

export const Mapping = z.strictObject({
  about: z.string().optional(),
  type: z
    .strictObject({ name, version: name, title: z.string(), view: z.unknown() })
    .optional()
    .describe("the kind of work; a comparison unless said"),
  columns: z.record(z.string(), Rule),
});
export type Mapping = z.infer<typeof Mapping>;

/** Columns of an answer that a mapping may fill, and what they are where it does not. */
export interface Mapped {
  readonly task?: unknown;
  readonly batch?: unknown;
  readonly rater?: unknown;
  readonly at?: unknown;
  readonly activeSeconds?: unknown;
  readonly idleSeconds?: unknown;
  readonly swap?: unknown;
  readonly weight?: unknown;
  readonly input: unknown;
  readonly value: unknown;
}
const known = ["task", "batch", "rater", "at", "activeSeconds", "idleSeconds", "swap", "weight"];

export async function readMapping(file: string): Promise<{
  mapping: Mapping;
  rowOf: (row: Readonly<Record<string, unknown>>, line: number) => Mapped;
}> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new TillerError("no_file", `cannot read the mapping ${file}. Check the path.`, { cause });
  });
  let mapping: Mapping;
  try {
    mapping = Mapping.parse(JSON.parse(text));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll("\n", " ") : String(cause);
    throw new TillerError("bad_mapping", `${file} is no mapping: ${why}. See docs/data.md.`, {
      cause,
    });
  }
  const strange = Object.keys(mapping.columns).find(
    (c) => !known.includes(c) && !/^(input|value)\./.test(c),
  );
  if (strange || !Object.keys(mapping.columns).some((c) => c.startsWith("value.")))
    throw new TillerError(
      "bad_mapping",
      strange
        ? `${file} fills ${strange}; there are ${known.join(", ")}, input.* and value.*.`
        : `${file} fills no value.*: an answer needs what was answered.`,
    );
  const tables = new Map<string, Map<string, unknown>>();
  for (const rule of Object.values(mapping.columns))
    if (typeof rule === "object" && "from" in rule && rule.in)
      tables.set(
        JSON.stringify(rule.in),
        await lookup(path.join(path.dirname(file), rule.in.file), rule.in),
      );

  const rowOf = (row: Readonly<Record<string, unknown>>, line: number): Mapped => {
    const mapped: Record<string, unknown> = { input: {}, value: {} };
    for (const [column, rule] of Object.entries(mapping.columns)) {
      const value = valueOf(rule, row, line, tables);
      if (value !== undefined) put(mapped, column.split("."), value);
    }
    return mapped as unknown as Mapped;
  };
  return { mapping, rowOf };
}

async function lookup(
  file: string,
  o: { key: string; take: string },
): Promise<Map<string, unknown>> {
  const table = new Map<string, unknown>();
  for await (const { row } of readRows(file, { kind: kindOfFile(file), name: path.basename(file) }))
    table.set(String(at(row, o.key)), at(row, o.take));
  return table;
}

const at = (row: unknown, path_: string): unknown =>
  path_
    .split(".")
    .reduce<unknown>(
      (x, key) =>
        typeof x === "object" && x !== null ? (x as Record<string, unknown>)[key] : undefined,
      row,
    );

function put(into: Record<string, unknown>, [key, ...rest]: string[], value: unknown): void {
  if (!rest.length) into[key!] = value;
  else put((into[key!] ??= {}) as Record<string, unknown>, rest, value);
}

function valueOf(
  rule: Rule,
  row: Readonly<Record<string, unknown>>,
  line: number,
  tables: ReadonlyMap<string, ReadonlyMap<string, unknown>>,
): unknown {
  const there = (column: string): unknown => {
    const value = at(row, column);
    if (value === undefined)
      throw new BadRow(
        line,
        `there is no column ${column}; there are ${Object.keys(row).join(", ")}`,
      );
    return value;
  };
  const date = (column: string): number => {
    const ms = Date.parse(String(there(column)));
    if (Number.isNaN(ms))
      throw new BadRow(line, `${column}: ${String(at(row, column))} is no date`);
    return ms;
  };
  if (typeof rule === "string") return there(rule);
  if ("always" in rule) return rule.always;
  if ("join" in rule) return rule.join.map((c) => String(there(c))).join(rule.with);
  if ("time" in rule) return new Date(date(rule.time)).toISOString();
  if ("seconds" in rule)
    return (date(rule.seconds[1]) - date(rule.seconds[0])) / 1000 / rule.divide;
  const found = at(row, rule.from);
  if ((found === undefined || found === null || found === "") && rule.default !== undefined)
    return rule.default;
  let value = there(rule.from);
  if (rule.in) {
    const table = tables.get(JSON.stringify(rule.in))!;
    if (!table.has(String(value)))
      throw new BadRow(line, `${rule.in.file} has no row whose ${rule.in.key} is ${String(value)}`);
    value = table.get(String(value));
  }
  if (!rule.map) return value;
  if (!(String(value) in rule.map))
    throw new BadRow(
      line,
      `${rule.from}: the mapping does not say what ${JSON.stringify(value)} becomes; it has ${Object.keys(rule.map).join(", ")}`,
    );
  return rule.map[String(value)];
}
