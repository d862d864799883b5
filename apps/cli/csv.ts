/** Rows of a CSV file, packed or not, parsed by a schema; a bad row is named with its line. */
import { z } from "zod";
import { BadRow, readRows } from "@tiller/data";
import { decimal } from "@tiller/data/json.ts";
import { TillerError } from "@tiller/schema";
import { flag } from "./flags.ts";

/** A cell that holds a number: no empty one, no spaces, no hex. */
export const numberCell = z.string().transform((text, c) => {
  const n = decimal(text);
  if (typeof n === "number" && Number.isFinite(n)) return n;
  c.addIssue({
    code: "custom",
    message:
      text === "" ? "is empty, where a number belongs" : `${JSON.stringify(text)} is no number`,
  });
  return z.NEVER;
});

export interface CsvFlags {
  readonly encoding?: string | undefined;
  readonly separator?: string | undefined;
  readonly guarded?: boolean | undefined;
}
export const csvFlags = {
  encoding: flag(
    z.string().min(1).optional(),
    "NAME",
    "of the text (UTF-8, unless this says another)",
  ),
  separator: flag(
    z.string().min(1).optional(),
    "CHARACTER",
    "between cells, or tab (a comma, unless this says another)",
  ),
  guarded: z
    .boolean()
    .optional()
    .describe("Tiller wrote the file before its CSV said so: apostrophes before formulas come off"),
};
/** What --separator says, as the one character that it is. */
export function separatorOf(given: string | undefined): string | undefined {
  const separator = given === "tab" || given === "\\t" ? "\t" : given;
  if (separator !== undefined && (separator.length !== 1 || /["\r\n]/.test(separator)))
    throw new TillerError(
      "bad_flag",
      `--separator ${given}: give one character, such as ";", or tab.`,
    );
  return separator;
}

/** Columns that may be missing, and cells that may be empty, are those whose schema is optional. */
export async function readCsv<S extends z.ZodRawShape>(
  file: string,
  shape: S,
  o: CsvFlags = {},
): Promise<z.infer<z.ZodObject<S>>[]> {
  const row = z.object(shape);
  const optional = Object.keys(shape).filter(
    (k) => (shape[k] as z.ZodType).safeParse(undefined).success,
  );
  const needed = Object.keys(shape).filter((k) => !optional.includes(k));
  const rows: z.infer<z.ZodObject<S>>[] = [];
  const how = {
    kind: "csv",
    encoding: o.encoding,
    separator: separatorOf(o.separator),
    guarded: o.guarded,
    trim: true,
  } as const;
  try {
    for await (const { row: found, line } of readRows(file, how)) {
      const missing = needed.filter((k) => !Object.hasOwn(found, k));
      if (missing.length)
        throw new TillerError(
          "bad_csv",
          `${file} has the columns ${Object.keys(found).slice(0, 20).join(", ")}; it needs ${needed.join(", ")}.`,
        );
      const given = Object.fromEntries(
        Object.keys(shape)
          .filter((k) => Object.hasOwn(found, k) && !(optional.includes(k) && found[k] === ""))
          .map((k) => [k, found[k]]),
      );
      const parsed = row.safeParse(given);
      if (!parsed.success) {
        const { path, message } = parsed.error.issues[0]!;
        throw new BadRow(line, `${path.join(".")}: ${message}`);
      }
      rows.push(parsed.data);
    }
  } catch (e) {
    if (e instanceof BadRow)
      throw new TillerError("bad_csv", `${file}, line ${e.line}: ${e.message}.`, { cause: e });
    throw e;
  }
  return rows;
}
