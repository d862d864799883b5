/** Rows of a CSV file, gzipped or not, parsed by a schema; a bad row is named with its line. */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { CsvError, parse } from "csv-parse/sync";
import { z } from "zod";
import { TillerError } from "@tiller/schema";

export function readCsv<S extends z.ZodRawShape>(
  file: string,
  shape: S,
): z.infer<z.ZodObject<S>>[] {
  if (!existsSync(file))
    throw new TillerError("no_file", `there is no file ${file}. Check the path.`);
  const raw = readFileSync(file);
  const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  let rows: Record<string, string>[];
  try {
    rows = parse(bytes, { columns: true, bom: true, skip_empty_lines: true, trim: true });
  } catch (cause) {
    const why = cause instanceof CsvError ? cause.message : String(cause);
    throw new TillerError("bad_csv", `${file} is not well-formed CSV: ${why}.`, { cause });
  }
  const missing = Object.keys(shape).filter((k) => rows[0] && !(k in rows[0]));
  if (missing.length)
    throw new TillerError(
      "bad_csv",
      `${file} has the columns ${Object.keys(rows[0]!).join(", ")}; it needs ${Object.keys(shape).join(", ")}.`,
    );
  const row = z.object(shape);
  return rows.map((r, i) => {
    const parsed = row.safeParse(r);
    if (parsed.success) return parsed.data;
    const { path, message } = parsed.error.issues[0]!;
    throw new TillerError("bad_csv", `${file}, row ${i + 1}: ${path.join(".")}: ${message}.`);
  });
}
