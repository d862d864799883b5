/**
 * What a column of an exported file is. One table of columns a format drives the SQL, the JSONL and CSV text, the
 * Parquet schema, the checks at import and the schema.json beside the file.
 */
import { z } from "zod";

/** `json` holds any JSON, as text in CSV and Parquet; `time` is UTC with microseconds, the database's own precision. */
export const kinds = ["text", "number", "boolean", "time", "json"] as const;
export type Kind = (typeof kinds)[number];

export interface Column {
  readonly name: string;
  readonly kind: Kind;
  readonly nullable?: boolean;
  /** files of before it was kept do not have it */
  readonly later?: boolean;
  /** one sentence for the schema beside the file */
  readonly about: string;
  /** its value, over the tables that export.ts joins */
  readonly sql: string;
  /** values repeat a lot: Parquet keeps them in a dictionary */
  readonly repeats?: boolean;
  /** a json column that is a list of objects of text: their keys. Parquet writes it as a list of structs */
  readonly list?: readonly string[];
  /** the shape of a json column where it has a fixed one */
  readonly shape?: z.ZodType;
}

/** What a value of each kind looks like in a parsed row. */
const values: Readonly<Record<Kind, z.ZodType>> = {
  text: z.string(),
  number: z.number(),
  boolean: z.boolean(),
  time: z.iso.datetime({ offset: true }),
  json: z.unknown(),
};

export const valueSchema = (c: Column): z.ZodType => {
  const value = (c.shape ?? values[c.kind]).describe(c.about);
  const said = c.nullable ? value.nullable() : value;
  return c.later ? said.optional() : said;
};

/** A whole row, nothing more and nothing less. */
export const rowSchema = (columns: readonly Column[]): z.ZodObject =>
  z.strictObject(Object.fromEntries(columns.map((c) => [c.name, valueSchema(c)])));
