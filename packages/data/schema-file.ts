/** The schema.json beside an exported file: what each column means, as JSON Schema, and the kinds of work in full. */
import { z } from "zod";
import type { FormatName } from "@tiller/schema";
import { rowSchema } from "./columns.ts";
import { formats } from "./formats.ts";

const TypeInFile = z.strictObject({
  name: z.string(),
  version: z.string(),
  title: z.string(),
  instructions: z.string(),
  view: z.unknown(),
  inputSchema: z.unknown(),
  outputSchema: z.unknown(),
});
export type TypeInFile = z.infer<typeof TypeInFile>;

export const SchemaFile = z.strictObject({
  tiller: z.literal(1).describe("the version of this file's own shape"),
  format: z.string(),
  title: z.string(),
  about: z.string(),
  request: z.unknown().describe("what was asked for"),
  row: z.unknown().describe("JSON Schema of a row; json columns are text in CSV and Parquet"),
  offsets: z
    .string()
    .optional()
    .describe(
      "what start and end of marked places count; files of before it was said count the same",
    ),
  types: z.array(TypeInFile).describe("the kinds of work, with their instructions"),
});
export type SchemaFile = z.infer<typeof SchemaFile>;

export function schemaFile(o: {
  format: FormatName;
  request: unknown;
  types: readonly unknown[];
}): string {
  const { title, about, columns } = formats[o.format];
  const file: SchemaFile = {
    tiller: 1,
    format: o.format,
    title,
    about,
    request: o.request,
    row: z.toJSONSchema(rowSchema(columns)),
    offsets:
      "UTF-16 code units from the beginning of the text, as JavaScript counts; end is behind the last one. Neither falls into a character. In Python: text.encode('utf-16-le')[2 * start : 2 * end].decode('utf-16-le')",
    types: z.array(TypeInFile).parse(o.types),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}
