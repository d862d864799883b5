/**
 * Answers out of a file into the database, in one transaction: all of it or nothing. A dry run does the same and takes
 * it back. Rows are staged as JSON text and taken apart by Postgres, so that no number loses a digit.
 */
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import {
  type FileKind,
  findUnstorable,
  type Imported,
  importNames,
  maybeUnstorable,
  TillerError,
} from "@tiller/schema";
import { Db, type Store } from "@tiller/store";
import { from as copyFrom } from "pg-copy-streams";
import {
  answersIn,
  type ConverterName,
  converters,
  type ImportedType,
  importedComparison,
} from "./convert.ts";
import { AnswerRow, formats } from "./formats.ts";
import { readMapping } from "./mapping.ts";
import { saveImportedPairs } from "./pairs.ts";
import { clipped } from "./json.ts";
import { BadRow, kindOfFile, parsedRow, readRows, type SourceRow } from "./read.ts";
import type { TypeInFile } from "./schema-file.ts";
import { checks, inserts } from "./import-sql.ts";

export interface ImportRequest {
  readonly file: string;
  /** what messages call it; its own name unless said */
  readonly name?: string;
  /** one of the formats, or the path of a mapping file */
  readonly format: string;
  readonly kind?: FileKind | undefined;
  /** where other formats' rows go; our own rows say it themselves */
  readonly experiment?: string | undefined;
  /** put before the pseudonyms of our own format's rows */
  readonly raterPrefix?: string | undefined;
  /** kinds of work in full, from the schema.json beside the file */
  readonly types?: readonly TypeInFile[] | undefined;
  /** of JSONL and CSV: a label of the WHATWG's, such as windows-1252; UTF-8 unless said */
  readonly encoding?: string | undefined;
  /** of CSV: what stands between cells; a comma unless said */
  readonly separator?: string | undefined;
  readonly dry: boolean;
  readonly now: Date;
  /** ends the work; nothing is kept then */
  readonly signal?: AbortSignal | undefined;
}
const SHOWN = 10; // problems that are told at once

export async function importAnswers(store: Store, r: ImportRequest): Promise<Imported> {
  const rows = await rowsOf(r);
  const name = r.name ?? path.basename(r.file);
  const client = await store.pool.connect();
  try {
    await client.query("begin; set local timezone = 'UTC'; set local tiller.quiet = 'on'");
    await client.query("create temp table staged (line int, row jsonb) on commit drop");
    const read = await stage(client.query(copyFrom("copy staged from stdin")), rows, name);
    if (r.raterPrefix)
      await client.query(
        `update staged set row = jsonb_set(row, '{rater}', to_jsonb($1::text || (row->>'rater')))`,
        [r.raterPrefix],
      );
    const db = new Db(client as unknown as ConstructorParameters<typeof Db>[0]);
    await client.query("create index on staged ((row->>'answer')); analyze staged");
    for (const { find, say } of checks) {
      const found = z
        .array(z.object({ line: z.number(), what: z.string() }))
        .parse((await client.query<Record<string, unknown>>(`${find} limit ${SHOWN}`)).rows);
      if (found.length)
        throw new TillerError(
          "bad_rows",
          `${name}: ${found.map((p) => `line ${p.line}: ${say(p.what)}`).join("; ")}. Nothing was imported.`,
        );
    }
    const count = async (text: string, values: unknown[] = []) =>
      (await client.query(text, values)).rowCount ?? 0;
    const fresh = await count(inserts.fresh);
    const types = (
      await client.query<{ name: string }>(inserts.types, [
        JSON.stringify(
          r.types ?? [importedComparison, ...Object.values(converters).map((c) => c.type)],
        ),
      ])
    ).rows.map((x) => x.name);
    const experiments = (
      await client.query<{ id: string }>(inserts.experiments, [
        JSON.stringify({ imported: name, format: r.format }),
      ])
    ).rows.map((x) => x.id);
    const people = await count(inserts.people);
    const batches = await count(inserts.batches);
    const tasks = await count(inserts.tasks);
    await client.query(inserts.leases);
    await client.query(inserts.answers);
    await client.query(inserts.counts);
    const dataset =
      r.dry || !fresh
        ? null
        : await saveImportedPairs(db, store.home, {
            name,
            experiment: experiments.length === 1 ? experiments[0]! : null,
          });
    await client.query(r.dry ? "rollback" : "commit");
    return {
      rows: read,
      answers: fresh,
      known: read - fresh,
      tasks,
      people,
      batches,
      experiments,
      types,
      dataset,
      dry: r.dry,
    };
  } catch (e) {
    await client.query("rollback").catch(() => {});
    throw explained(e, name);
  } finally {
    client.release();
  }
}

/** What the database found wrong with a staged row, with its line. */
function explained(e: unknown, file: string): unknown {
  const { code, where = "", detail = "" } = e as { code?: string; where?: string; detail?: string };
  const row = /COPY staged, line (\d+)/.exec(where)?.[1];
  // data that a type, a constraint or a limit does not take; everything else is our mistake or the machine's
  if (!/^(22|23|54)...$/.test(code ?? "")) return e;
  return new TillerError(
    "bad_rows",
    `${file}: ${row ? `row ${row}: ` : ""}the database cannot keep it: ${clipped((e as Error).message, 300)}${detail && ` (${clipped(detail, 300)})`}. Correct the row; nothing was imported.`,
    { cause: e },
  );
}

/** The rows as answers of ours. */
async function rowsOf(r: ImportRequest): Promise<AsyncIterable<SourceRow | BadRow>> {
  const how = {
    kind: r.kind ?? kindOfFile(r.file),
    name: r.name ?? path.basename(r.file),
    encoding: r.encoding,
    separator: r.separator,
    signal: r.signal,
  };
  if (r.format === "answers")
    return convertedRows(
      readRows(r.file, { ...how, columns: formats.answers.columns }),
      (s) => s,
      (s) => parsedRow(AnswerRow, s.row, s.line),
    );
  const experiment =
    r.experiment ?? `imported-${(r.name ?? path.basename(r.file)).replace(/\..*$/, "")}`;
  const at = r.now;
  if (r.format in converters) {
    const { type, convert } = converters[r.format as ConverterName];
    return convertedRows(readRows(r.file, how), answersIn({ experiment, type, at }), (s) =>
      convert(nested(s.row), s.line),
    );
  }
  if (!r.format.endsWith(".json"))
    throw new TillerError(
      "bad_format",
      `there is no format ${r.format}. Give ${importNames.join(", ")}, or a mapping file that ends in .json.`,
    );
  const { mapping, rowOf } = await readMapping(r.format);
  const type: ImportedType = mapping.type
    ? { ...mapping.type, instructions: "", inputSchema: {}, outputSchema: {} }
    : importedComparison;
  return convertedRows(readRows(r.file, how), answersIn({ experiment, type, at }), (s) =>
    rowOf(s.row, s.line),
  );
}

/** CSV has nested values as JSON text. */
const nested = (row: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([key, v]) => {
      if (typeof v !== "string" || !/^\s*[[{]/.test(v)) return [key, v];
      try {
        return [key, JSON.parse(v) as unknown];
      } catch {
        return [key, v];
      }
    }),
  );

async function* convertedRows<T>(
  rows: AsyncIterable<SourceRow>,
  store: (s: SourceRow, m: T) => SourceRow,
  convert: (s: SourceRow) => T,
): AsyncGenerator<SourceRow | BadRow> {
  for await (const s of rows)
    try {
      yield store(s, convert(s));
    } catch (e) {
      if (!(e instanceof BadRow)) throw e;
      yield e;
    }
}

/** Streams the rows into the table; every bad one is told, and then none is kept. */
async function stage(
  table: NodeJS.WritableStream & { destroy(e?: Error): unknown },
  rows: AsyncIterable<SourceRow | BadRow>,
  name: string,
): Promise<number> {
  const bad: string[] = [];
  let read = 0;
  async function* lines() {
    let piece = "";
    try {
      for await (const s of rows) {
        if (!(s instanceof BadRow)) {
          read++;
          const problem = unkeepable(s);
          // the text format of COPY: a backslash and what ends a field are written with a backslash
          if (!problem) piece += `${s.line}\t${s.text.replace(/[\\\t\n\r]/g, escaped)}\n`;
          else bad.push(`line ${s.line}: ${problem}`);
        } else bad.push(`line ${s.line}: ${s.message}`);
        if (bad.length >= SHOWN) break;
        if (piece.length > 1 << 16) {
          yield piece;
          piece = "";
        }
      }
    } catch (e) {
      if (!(e instanceof BadRow)) throw e;
      bad.push(`line ${e.line}: ${e.message}`); // behind it the file cannot be read
    }
    if (bad.length)
      throw new TillerError(
        "bad_rows",
        `${name}: ${bad.join("; ")}${bad.length >= SHOWN ? "; and maybe more" : ""}. Correct them; nothing was imported.`,
      );
    if (piece) yield piece;
  }
  await pipeline(Readable.from(lines(), { objectMode: true }), table);
  return read;
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
};
const escaped = (c: string): string => escapes[c]!;

/** What is wrong with a row that no database keeps. */
function unkeepable({ text, row }: SourceRow): string | undefined {
  const found = maybeUnstorable(text) ? findUnstorable(row) : undefined;
  return found && `${found.at} ${found.what}`;
}
