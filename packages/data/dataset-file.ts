/** A file's rows as a dataset version that workflows and jobs can name: each checked by the schema of its rows, or none saved. */
import {
  type Dataset,
  type NewDataset,
  own,
  type RowSchema,
  rowSchemas,
  TillerError,
} from "@tiller/schema";
import { getDataset, saveDataset } from "@tiller/lab";
import type { Store } from "@tiller/store";
import type { ItemFile } from "./project-file.ts";
import { readRows } from "./read.ts";
import { BadRow, parsedRow } from "./row.ts";

/** `column`: what is the prompt, where the file calls it otherwise. */
export async function datasetFromFile(
  { db, home }: Pick<Store, "db" | "home">,
  file: ItemFile,
  o: Omit<NewDataset, "file">,
): Promise<Dataset> {
  const schema = rowSchemas.find((s) => s.name === o.schema);
  if (!schema)
    throw new TillerError(
      "unknown_schema",
      `there is no schema ${o.schema} of rows. Take one of ${rowSchemas.map((s) => s.name).join(", ")}.`,
    );
  const rows: unknown[] = [];
  try {
    for await (const { row: given, line } of readRows(file.path, file)) {
      const row = renamed(given, schema, o.column, line);
      parsedRow(schema.row, row, line);
      rows.push(row); // as it was given: a schema may read more than one way of saying it
    }
  } catch (e) {
    if (!(e instanceof BadRow)) throw e;
    throw new TillerError(
      "wrong_rows",
      `row ${e.line} of ${file.name} is no ${schema.name}: ${e.message}. Mend it, or name the column that is meant; nothing was saved.`,
      { cause: e },
    );
  }
  if (!rows.length)
    throw new TillerError("bad_file", `${file.name} has no rows. Send a file with at least one.`);
  const about = { name: o.name, experiment: null, schema: schema.name, role: o.role };
  return getDataset(db, await saveDataset(db, home, { ...about, rows }));
}

function renamed(
  row: Readonly<Record<string, unknown>>,
  schema: RowSchema,
  column: string | undefined,
  line: number,
): Readonly<Record<string, unknown>> {
  if (column === undefined || column === "prompt") return row;
  if (schema.name !== "prompt@1")
    throw new TillerError(
      "bad_option",
      `column names what is the prompt, and rows of ${schema.name} have their own names. Leave it out.`,
    );
  const prompt = own(row, column);
  if (prompt === undefined)
    throw new BadRow(
      line,
      `there is no column ${column}; there are ${Object.keys(row).join(", ")}`,
    );
  const { [column]: _, ...rest } = row;
  return { ...rest, prompt };
}
