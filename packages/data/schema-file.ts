/** The schema.json beside an exported file: what each column means, as JSON Schema, and the kinds of work in full. */
import { z } from "zod";
import { type FormatName, type SchemaFile, TypeInFile } from "@tiller/schema";
import { rowSchema } from "./columns.ts";
import { formats } from "./formats.ts";

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
