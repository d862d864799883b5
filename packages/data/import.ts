/**
 * Answers out of a file into the database, in one transaction: all of it or nothing. A dry run does the same and takes
 * it back. Rows are staged as JSON text and taken apart by Postgres, so that no number loses a digit.
 */
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import {
  type DirtPolicy,
  type FileKind,
  findUnstorable,
  type Imported,
  importNames,
  maybeUnstorable,
  own,
  TillerError,
  type TypeInFile,
} from "@tiller/schema";
import { Db, type Store } from "@tiller/store";
import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { recognise, withoutKnown } from "./again.ts";
import { answersIn } from "./convert.ts";
import { dealWith, Dirt } from "./dirt.ts";
import { AnswerRow, formats } from "./formats.ts";
import { importedComparison, type ImportedType } from "./imported-types.ts";
import { readMapping } from "./mapping.ts";
import { clipped } from "./json.ts";
import { DirtyRow, idOf, type Mapped } from "./mapped.ts";
import { saveImportedPairs } from "./pairs.ts";
import { converters } from "./published.ts";
import { kindOfFile, readRows } from "./read.ts";
import { BadRow, parsedRow, type SourceRow } from "./row.ts";
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
  /** of other formats: the column that says who judged */
  readonly rater?: string | undefined;
  /** of other formats: what becomes of rows that published sets are known to have; `report` unless said */
  readonly dirt?: DirtPolicy | undefined;
  /** of JSONL and CSV: a label of the WHATWG's, such as windows-1252; UTF-8 unless said */
  readonly encoding?: string | undefined;
  /** of CSV: what stands between cells; a comma unless said */
  readonly separator?: string | undefined;
  /** of CSV: whether Tiller wrote it, so that its guard against formulas comes off; unless said, as its header says */
  readonly guarded?: boolean | undefined;
  readonly dry: boolean;
  readonly now: Date;
  /** ends the work; nothing is kept then */
  readonly signal?: AbortSignal | undefined;
}
const SHOWN = 10; // problems that are told at once
const MANY = 1000; // rows from which reading whole tables is cheaper than looking rows up

export async function importAnswers(store: Store, r: ImportRequest): Promise<Imported> {
  const { rows, type, foreign } = await incoming(r);
  const name = r.name ?? path.basename(r.file);
  const dirt = new Dirt(r.dirt ?? "report");
  const client = await store.pool.connect();
  try {
    await client.query("begin; set local timezone = 'UTC'; set local tiller.quiet = 'on'");
    await client.query(
      "create temp table staged (line int, row jsonb, n bigint generated always as identity) on commit drop",
    );
    const table = client.query(copyFrom("copy staged (line, row) from stdin"));
    const read = await stage(table, rows, { name, dirt, signal: r.signal });
    // tables that grow in one transaction are taken for small once another analyses them: a loop in a loop takes minutes
    if (read > MANY) await client.query("set local enable_nestloop = off");
    if (r.raterPrefix)
      await client.query(
        `update staged set row = jsonb_set(row, '{rater}', to_jsonb($1::text || (row->>'rater')))`,
        [r.raterPrefix],
      );
    let unchanged = 0;
    if (foreign) {
      await recognise(client);
      await dealWith(client, dirt, name);
      unchanged = await withoutKnown(client, name);
    }
    const db = new Db(client as unknown as ConstructorParameters<typeof Db>[0]);
    await client.query("create index on staged ((row->>'answer')); analyze staged");
    for (const { find, say } of checks) {
      r.signal?.throwIfAborted();
      const found = z
        .array(z.object({ line: z.number(), what: z.string() }))
        .parse((await client.query<Record<string, unknown>>(`${find} limit ${SHOWN}`)).rows);
      if (found.length)
        throw new TillerError(
          "bad_rows",
          `${name}: ${found.map((p) => `line ${p.line}: ${say(p.what)}`).join("; ")}. Nothing was imported.`,
        );
    }
    if (type) await sameView(client, type);
    const count = async (text: string, values: unknown[] = []) =>
      (await client.query(text, values)).rowCount ?? 0;
    const kept = await count("select from staged");
    const fresh = await count(inserts.fresh);
    const types = (
      await client.query<{ name: string }>(inserts.types, [
        JSON.stringify(
          r.types ??
            (type
              ? [type]
              : [
                  importedComparison,
                  ...Object.values(converters).flatMap((c) => [
                    c.type,
                    ...(c.also ? [c.also] : []),
                  ]),
                ]),
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
      known: kept - fresh + unchanged,
      tasks,
      people,
      batches,
      experiments,
      types,
      dataset,
      dirt: dirt.report(),
      dry: r.dry,
    };
  } catch (e) {
    await client.query("rollback").catch(() => {});
    throw explained(e, name);
  } finally {
    client.release();
  }
}

/** A kind of work of a mapping that is here already must ask the same. */
async function sameView(client: pg.ClientBase, { name, version, view }: ImportedType) {
  const other = await client.query(
    "select from task_type where name = $1 and version = $2 and view is distinct from $3::jsonb",
    [name, version, JSON.stringify(view)],
  );
  if (other.rowCount)
    throw new TillerError(
      "bad_mapping",
      `${name}@${version} is here already with another view. Give the mapping's type another version.`,
    );
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

interface Incoming {
  readonly rows: AsyncIterable<SourceRow | BadRow>;
  /** the mapping's own kind of work */
  readonly type?: ImportedType;
  readonly foreign: boolean;
}
/** The rows as answers of ours. */
async function incoming(r: ImportRequest): Promise<Incoming> {
  const how = {
    kind: r.kind ?? kindOfFile(r.file),
    name: r.name ?? path.basename(r.file),
    encoding: r.encoding,
    separator: r.separator,
    guarded: r.guarded ?? (r.format === "answers" || undefined), // exports of before have no mark
    signal: r.signal,
  };
  if (r.format === "answers") {
    const rows = readRows(r.file, { ...how, columns: formats.answers.columns });
    const check = (s: SourceRow) => {
      parsedRow(AnswerRow, s.row, s.line);
      return [s];
    };
    return { rows: eachOf(rows, check), foreign: false };
  }
  const experiment = r.experiment ?? `imported-${how.name.replace(/\..*$/, "")}`;
  const named = (s: SourceRow, m: Mapped): Mapped =>
    r.rater === undefined ? m : { ...m, rater: idOf(own(s.row, r.rater), r.rater, s.line) };
  if (Object.hasOwn(converters, r.format)) {
    const { type, convert, cells } = converters[r.format as keyof typeof converters];
    const store = answersIn({ experiment, type, at: r.now });
    const rows = readRows(r.file, { ...how, columns: cells });
    const made = (s: SourceRow) =>
      [convert(s)].flat().map((m) => (m instanceof BadRow ? m : store(s, named(s, m))));
    return { rows: eachOf(rows, made), foreign: true };
  }
  if (!r.format.endsWith(".json"))
    throw new TillerError(
      "bad_format",
      `there is no format ${r.format}. Give ${importNames.join(", ")}, or a mapping file that ends in .json.`,
    );
  const { type, own: itsOwn, rowsOf } = await readMapping(r.format);
  const store = answersIn({ experiment, type, at: r.now });
  const rows = eachOf(readRows(r.file, how), (s) => rowsOf(s).map((m) => store(s, named(s, m))));
  return { rows, foreign: true, ...(itsOwn ? { type } : {}) };
}

async function* eachOf(
  rows: AsyncIterable<SourceRow>,
  made: (s: SourceRow) => (SourceRow | BadRow)[],
): AsyncGenerator<SourceRow | BadRow> {
  for await (const s of rows)
    try {
      yield* made(s);
    } catch (e) {
      if (!(e instanceof BadRow)) throw e;
      yield e;
    }
}

/** Streams the rows into the table; every bad one is told, and then none is kept. */
async function stage(
  table: NodeJS.WritableStream & { destroy(e?: Error): unknown },
  rows: AsyncIterable<SourceRow | BadRow>,
  { name, dirt, signal }: { name: string; dirt: Dirt; signal?: AbortSignal | undefined },
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
        } else if (s instanceof DirtyRow && dirt.policy !== "fail") {
          read++;
          dirt.add(s.kind, [s.line], 1);
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
  await pipeline(Readable.from(lines(), { objectMode: true }), table, signal ? { signal } : {});
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
