/** What a mapping file may say, and what a rule makes of a row. Nothing is guessed: a conversion is declared. */
import { z } from "zod";
import {
  type Raw,
  clipped,
  decimal,
  isRaw,
  JsonError,
  parseJson,
  shownValue,
  someOf,
} from "./json.ts";
import { BadRow } from "./row.ts";
import { epochUnits, type EpochUnit, isoOf, microsOf, TimeError } from "./time.ts";

const name = z.string().min(1);
const units = Object.keys(epochUnits) as [EpochUnit, ...EpochUnit[]];
const time = {
  zone: name.optional().describe("of times that do not say theirs: UTC, Europe/Berlin ..."),
  unit: z.enum(units).optional().describe("of numbers: what they count since 1970"),
};
export const Rule = z.union([
  name.describe("the column itself; dots lead into objects"),
  z.strictObject({
    from: name,
    map: z.record(z.string(), z.unknown()).optional().describe("what each value becomes"),
    begins: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("what a text that begins so becomes"),
    in: z
      .strictObject({ file: name, key: name, take: name, encoding: name.optional() })
      .optional()
      .describe("look the value up in another file, named from the mapping file's folder"),
    as: z.enum(["text", "number", "boolean", "json"]).optional().describe("converted to this"),
    default: z.unknown().optional().describe("where the column is empty or not there"),
  }),
  z.strictObject({ join: z.array(name).min(1), with: z.string().default(" ") }),
  z.strictObject({ time: name.describe("a column that holds a date"), ...time }),
  z.strictObject({
    seconds: z.tuple([name, name]).describe("from one date to the other"),
    divide: z.number().positive().default(1),
    ...time,
  }),
  z.strictObject({
    choose: name.describe("a column that says which of several columns it is"),
    of: z.record(z.string(), name),
  }),
  z.strictObject({ always: z.unknown() }),
]);
export type Rule = z.infer<typeof Rule>;
export type Lookup = NonNullable<Extract<Rule, { from: string }>["in"]>;

/** The value at a column: a name as it stands, or dots that lead into objects and lists. */
export function at(row: unknown, column: string): unknown {
  if (typeof row !== "object" || row === null || isRaw(row)) return undefined;
  const own = row as Record<string, unknown>;
  if (Object.hasOwn(own, column)) return own[column];
  for (let dot = column.indexOf("."); dot > 0; dot = column.indexOf(".", dot + 1)) {
    const key = column.slice(0, dot);
    if (!Object.hasOwn(own, key)) continue;
    const found = at(own[key], column.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A text, or a number's own digits; what keys of maps and look-ups, and joined names, are made of. */
export function textOf(value: unknown, column: string, line: number): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (isRaw(value)) return value.rawJSON;
  throw new BadRow(line, `${column}: ${shownValue(value)} is neither text nor a number`);
}

export function converted(
  value: unknown,
  as: "text" | "number" | "boolean" | "json",
  column: string,
  line: number,
): unknown {
  if (as === "text") return textOf(value, column, line);
  if (as === "number") {
    const n: number | Raw | undefined =
      typeof value === "number" ? value : typeof value === "string" ? decimal(value) : undefined;
    if (typeof n === "number" && Number.isFinite(n)) return n;
    throw new BadRow(
      line,
      `${column}: ${shownValue(value)} is ${n || isRaw(value) ? "a number of more digits than are kept" : "no number"}`,
    );
  }
  if (as === "boolean") {
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "false") return value === "true";
    throw new BadRow(line, `${column}: ${shownValue(value)} is neither true nor false`);
  }
  if (typeof value !== "string") return value;
  try {
    return parseJson(value);
  } catch (e) {
    if (e instanceof JsonError) throw new BadRow(line, `${column}: ${e.message}`, { cause: e });
    throw e;
  }
}

export const dated = (column: string, line: number, make: () => bigint): bigint => {
  try {
    return make();
  } catch (e) {
    if (e instanceof TimeError) throw new BadRow(line, `${column}: ${e.message}`, { cause: e });
    throw e;
  }
};

export function valueOf(
  rule: Rule,
  row: Readonly<Record<string, unknown>>,
  line: number,
  tables: ReadonlyMap<string, ReadonlyMap<string, unknown>>,
): unknown {
  const there = (column: string): unknown => {
    const value = at(row, column);
    if (value === undefined)
      throw new BadRow(line, `there is no column ${column}; there are ${someOf(Object.keys(row))}`);
    return value;
  };
  if (typeof rule === "string") return there(rule);
  if ("always" in rule) return rule.always;
  if ("join" in rule) return rule.join.map((c) => textOf(there(c), c, line)).join(rule.with);
  if ("time" in rule) return isoOf(dated(rule.time, line, () => microsOf(there(rule.time), rule)));
  if ("seconds" in rule) {
    const [from, to] = rule.seconds.map((c) => dated(c, line, () => microsOf(there(c), rule)));
    const seconds = Number(to! - from!) / 1e6 / rule.divide;
    if (seconds < 0)
      throw new BadRow(
        line,
        `${rule.seconds[1]} is before ${rule.seconds[0]}: ${seconds} seconds. Are the two the other way round?`,
      );
    return seconds;
  }
  if ("choose" in rule) {
    const key = textOf(there(rule.choose), rule.choose, line);
    if (!Object.hasOwn(rule.of, key))
      throw new BadRow(
        line,
        `${rule.choose}: the mapping does not say which column ${shownValue(key)} is; it has ${someOf(Object.keys(rule.of))}`,
      );
    return there(rule.of[key]!);
  }
  const found = at(row, rule.from);
  if ((found === undefined || found === null || found === "") && rule.default !== undefined)
    return rule.default;
  let value = there(rule.from);
  if (rule.in) {
    const key = textOf(value, rule.from, line);
    const table = tables.get(JSON.stringify(rule.in))!;
    if (!table.has(key))
      throw new BadRow(line, `${rule.in.file} has no row whose ${rule.in.key} is ${clipped(key)}`);
    value = table.get(key);
  }
  if (rule.begins) {
    const text = textOf(value, rule.from, line);
    const begin = Object.keys(rule.begins).find((b) => text.startsWith(b));
    if (begin === undefined)
      throw new BadRow(
        line,
        `${rule.from}: ${shownValue(text)} begins with none of ${someOf(Object.keys(rule.begins))}`,
      );
    value = rule.begins[begin];
  }
  if (rule.map) {
    const key = textOf(value, rule.from, line);
    if (!Object.hasOwn(rule.map, key))
      throw new BadRow(
        line,
        `${rule.from}: the mapping does not say what ${shownValue(value)} becomes; it has ${someOf(Object.keys(rule.map))}`,
      );
    value = rule.map[key];
  }
  return rule.as ? converted(value, rule.as, rule.from, line) : value;
}
