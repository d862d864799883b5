/**
 * Rows out of a file, one after the other, packed or not: JSONL, CSV with a header line, Parquet. Each row keeps its
 * line, and its JSON as text, so that numbers too large for JavaScript reach the database as they stand. Whatever is
 * wrong with a file is a BadRow with its line, or a TillerError.
 */
import { type FileKind, TillerError } from "@tiller/schema";
import { unpacked } from "./bytes.ts";
import type { Column, Kind } from "./columns.ts";
import { csvRecords } from "./csv.ts";
import { clipped, decimal, isRaw, JsonError, parseJson, shownValue } from "./json.ts";
import { parquetRows } from "./parquet-read.ts";
import { BadRow, type SourceRow } from "./row.ts";
import { textOf } from "./text.ts";

/** What one row may have, in characters. */
const LONGEST = 16 * 2 ** 20;

/** How a file is written, by its name. */
export function kindOfFile(file: string): FileKind {
  const [, kind] = /\.(jsonl|ndjson|csv|tsv|parquet)(?:\.gz|\.zst)?$/i.exec(file) ?? [];
  const known = kind?.toLowerCase();
  if (known) return known === "ndjson" ? "jsonl" : known === "tsv" ? "csv" : (known as FileKind);
  throw new TillerError(
    "bad_file",
    `${file} is no .jsonl, .csv, .tsv or .parquet file, packed by gzip or zstd or not. Rename it to what it is.`,
  );
}

type Cell = Pick<Column, "name" | "kind" | "nullable">;
export interface ReadOptions {
  readonly kind: FileKind;
  /** what messages call the file; its path unless said */
  readonly name?: string | undefined;
  /** what the columns of CSV and Parquet hold; those without an entry stay as they are */
  readonly columns?: readonly Cell[] | undefined;
  readonly encoding?: string | undefined;
  /** of CSV; a comma unless said, or a tab where the name ends in .tsv */
  readonly separator?: string | undefined;
  /** of CSV: spaces around cells are taken away */
  readonly trim?: boolean;
  /** of CSV: whether Tiller wrote it, so that its guard against formulas comes off; unless said, as its header says */
  readonly guarded?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function* readRows(file: string, o: ReadOptions): AsyncGenerator<SourceRow> {
  const name = o.name ?? file;
  const kinds = new Map(o.columns?.map((c) => [c.name, c]));
  const rows =
    o.kind === "parquet"
      ? fromParquet(file, name, kinds, o.signal)
      : o.kind === "csv"
        ? fromCsv(file, name, kinds, o)
        : fromJsonl(textOf(unpacked(file, name), { name, encoding: o.encoding }));
  for await (const row of rows) {
    o.signal?.throwIfAborted();
    yield row;
  }
}

const isRow = (x: unknown): x is Record<string, unknown> =>
  typeof x === "object" && x !== null && !Array.isArray(x) && !isRaw(x);

/** By line feeds alone: other line ends of Unicode may stand inside a text. */
async function* fromJsonl(pieces: AsyncIterable<string>): AsyncGenerator<SourceRow> {
  let line = 0;
  const rowOf = (given: string): SourceRow | undefined => {
    line++;
    const text = given.trim();
    if (!text) return undefined;
    if (text.length > LONGEST) throw tooLong(line);
    try {
      const row = parseJson(text);
      if (!isRow(row))
        throw new BadRow(line, `a row is an object, {...}, and this is ${shownValue(row)}`);
      return { line, row, text };
    } catch (e) {
      if (e instanceof JsonError) throw new BadRow(line, e.message, { cause: e });
      throw e;
    }
  };
  let begun: string[] = []; // pieces of a line whose end is not there yet
  let size = 0;
  for await (const piece of pieces) {
    let from = 0;
    for (let to = piece.indexOf("\n"); to >= 0; to = piece.indexOf("\n", from)) {
      const rest = piece.slice(from, to);
      const row = rowOf(begun.length ? begun.join("") + rest : rest);
      if (row) yield row;
      [begun, size, from] = [[], 0, to + 1];
    }
    begun.push(piece.slice(from));
    size += piece.length - from;
    if (size > LONGEST + 1024) throw tooLong(line + 1);
  }
  const last = rowOf(begun.join(""));
  if (last) yield last;
}
const tooLong = (line: number) =>
  new BadRow(
    line,
    `the row has more than ${LONGEST} characters. Is every row on a line of its own?`,
  );

async function* fromCsv(
  file: string,
  name: string,
  kinds: ReadonlyMap<string, Cell>,
  o: ReadOptions,
): AsyncGenerator<SourceRow> {
  const separator = o.separator ?? (/\.tsv(\.gz|\.zst)?$/i.test(name) ? "\t" : ",");
  const pieces = textOf(unpacked(file, name), { name, encoding: o.encoding });
  const options = {
    separator,
    trim: o.trim ?? false,
    guarded: o.guarded,
    longest: LONGEST,
  };
  for await (const { line, record } of csvRecords(pieces, options))
    yield { ...typed(record, line, kinds), cells: true };
}

/** From text to the kind of the column. */
export const fromText: Readonly<Record<Kind, (s: string) => unknown>> = {
  text: (s) => s,
  number: (s) => {
    const n = decimal(s);
    if (n === undefined) throw new Error(`${JSON.stringify(clipped(s))} is no number`);
    return n;
  },
  boolean: (s) => {
    if (s !== "true" && s !== "false")
      throw new Error(`${JSON.stringify(clipped(s))} is neither true nor false`);
    return s === "true";
  },
  time: (s) => s,
  json: (s) => parseJson(s),
};

function typed(
  record: Readonly<Record<string, unknown>>,
  line: number,
  kinds: ReadonlyMap<string, Cell>,
): SourceRow {
  const row: Record<string, unknown> = {};
  const parts: string[] = [];
  for (const [name, value] of Object.entries(record)) {
    const column = kinds.get(name);
    const kind = column?.kind ?? "text";
    const isText = typeof value === "string";
    let read: unknown;
    let json: string;
    try {
      if (value === null || value === undefined || (column?.nullable && value === "")) read = null;
      else read = isText ? fromText[kind](value) : value;
      // the text of JSON stays as it is
      json = kind === "json" && isText && read !== null ? value : JSON.stringify(read);
    } catch (e) {
      throw new BadRow(line, `${clipped(name)}: ${(e as Error).message}`, { cause: e });
    }
    Object.defineProperty(row, name, {
      value: read,
      enumerable: true,
      writable: true,
      configurable: true,
    }); // also __proto__
    parts.push(`${JSON.stringify(name)}:${json}`);
  }
  return { line, row, text: `{${parts.join(",")}}` };
}

async function* fromParquet(
  file: string,
  name: string,
  kinds: ReadonlyMap<string, Cell>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceRow> {
  for await (const { line, record } of parquetRows(file, { name, signal })) {
    const row = typed(record, line, kinds);
    if (row.text.length > LONGEST) throw tooLong(line);
    yield row;
  }
}
