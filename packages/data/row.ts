/** A row of a file, and what is wrong with one. */
import type { z } from "zod";
import { own } from "@tiller/schema";
import { shownValue, someOf } from "./json.ts";

export interface SourceRow {
  /** of a text file; of Parquet the number of the row */
  readonly line: number;
  readonly row: Readonly<Record<string, unknown>>;
  /** the row's JSON */
  readonly text: string;
  /** everything in it is text, since its kind of file knows nothing else */
  readonly cells?: boolean;
}

/** A row that cannot be used: what is wrong. The reader of the message learns the line from the one who catches it. */
export class BadRow extends Error {
  readonly line: number;
  constructor(line: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.line = line;
  }
}

const isObject = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null;
const within = (x: unknown, key: PropertyKey): unknown =>
  isObject(x) ? own(x, String(key)) : undefined;

export function parsedRow<T>(schema: z.ZodType<T>, row: unknown, line: number): T {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const { path: at, message, code } = parsed.error.issues[0]!;
  if (at.length === 1 && isObject(row) && own(row, String(at[0])) === undefined)
    throw new BadRow(line, `there is no ${String(at[0])}; there are ${someOf(Object.keys(row))}`);
  const found = code === "invalid_union" ? at.reduce<unknown>(within, row) : undefined;
  const value = found === undefined ? "" : `, and it is ${shownValue(found)}`;
  throw new BadRow(line, `${at.length ? `${at.join(".")}: ` : ""}${message}${value}`);
}
