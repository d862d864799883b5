/**
 * Rows out of a file, one after the other, gzipped or not: JSONL, CSV with a header line, Parquet. Each row keeps its
 * line, and its JSON as text, so that numbers too large for JavaScript reach the database as they stand.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip, zstdDecompressSync } from "node:zlib";
import { CsvError, parse } from "csv-parse";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import type { z } from "zod";
import { type FileKind, TillerError } from "@tiller/schema";
import type { Column, Kind } from "./columns.ts";

export interface SourceRow {
  /** of a text file; of Parquet the number of the row */
  readonly line: number;
  readonly row: Readonly<Record<string, unknown>>;
  /** the row's JSON */
  readonly text: string;
}

/** A row that cannot be used: what is wrong. The reader of the message learns the line from the one who catches it. */
export class BadRow extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export function parsedRow<T>(schema: z.ZodType<T>, row: unknown, line: number): T {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const { path: at, message } = parsed.error.issues[0]!;
  throw new BadRow(line, `${at.length ? `${at.join(".")}: ` : ""}${message}`);
}

/** How a file is written, by its name. */
export function kindOfFile(file: string): FileKind {
  const [, kind] = /\.(jsonl|ndjson|csv|parquet)(?:\.gz)?$/.exec(file) ?? [];
  if (kind) return kind === "ndjson" ? "jsonl" : (kind as FileKind);
  throw new TillerError(
    "bad_file",
    `${file} is no .jsonl, .csv or .parquet file, gzipped or not. Rename it to what it is.`,
  );
}

/** `columns`: what the columns of CSV and Parquet hold; those without an entry stay text. */
export async function* readRows(
  file: string,
  o: { kind: FileKind; columns?: readonly Column[] },
): AsyncGenerator<SourceRow> {
  if (o.kind === "parquet") yield* fromParquet(file, o.columns);
  else if (o.kind === "csv") yield* fromCsv(await opened(file), o.columns);
  else yield* fromJsonl(await opened(file));
}

/** The file's bytes, unzipped where it is zipped. */
async function opened(file: string): Promise<AsyncIterable<Buffer>> {
  const head = Buffer.alloc(2);
  try {
    await using handle = await open(file);
    await handle.read(head, 0, 2, 0);
  } catch (cause) {
    throw new TillerError("no_file", `cannot read ${file}. Check the path.`, { cause });
  }
  const bytes = createReadStream(file, { highWaterMark: 1 << 18 });
  if (head[0] !== 0x1f || head[1] !== 0x8b) return bytes;
  const unzipped = createGunzip();
  bytes.on("error", (e) => unzipped.destroy(e));
  return bytes.pipe(unzipped);
}

const isRow = (x: unknown): x is Record<string, unknown> =>
  typeof x === "object" && x !== null && !Array.isArray(x);

/** By line feeds alone: other line ends of Unicode may stand inside a text. */
async function* fromJsonl(bytes: AsyncIterable<Buffer>): AsyncGenerator<SourceRow> {
  let line = 0;
  const rowOf = (piece: Buffer): SourceRow | undefined => {
    line++;
    let text = piece.toString("utf8");
    if (line === 1) text = text.replace(/^\ufeff/, "");
    text = text.trim();
    if (!text) return undefined;
    let row: unknown;
    try {
      row = JSON.parse(text);
    } catch (e) {
      throw new BadRow(line, `not JSON: ${(e as Error).message}`);
    }
    if (!isRow(row)) throw new BadRow(line, "a row is an object, {...}");
    return { line, row, text };
  };
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of bytes) {
    const all = rest.length ? Buffer.concat([rest, piece]) : piece;
    let from = 0;
    for (let to = all.indexOf(10); to >= 0; to = all.indexOf(10, from)) {
      const row = rowOf(all.subarray(from, to));
      if (row) yield row;
      from = to + 1;
    }
    rest = all.subarray(from);
  }
  const last = rest.length ? rowOf(rest) : undefined;
  if (last) yield last;
}

async function* fromCsv(
  bytes: AsyncIterable<Buffer>,
  columns: readonly Column[] | undefined,
): AsyncGenerator<SourceRow> {
  const parser = parse({ columns: true, bom: true, skip_empty_lines: true, info: true });
  void (async () => {
    try {
      for await (const piece of bytes)
        if (!parser.write(piece)) await new Promise((r) => parser.once("drain", r));
      parser.end();
    } catch (e) {
      parser.destroy(e as Error);
    }
  })();
  const kinds = new Map(columns?.map((c) => [c.name, c]));
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>)
      yield typed(record, info.lines, kinds);
  } catch (e) {
    if (e instanceof CsvError) throw new BadRow(Number(e["lines"] ?? 0), e.message);
    throw e;
  }
}

/** From text to the kind of the column. */
const fromText: Readonly<Record<Kind, (s: string) => unknown>> = {
  text: (s) => s,
  number: (s) => {
    const n = Number(s);
    if (!s.trim() || Number.isNaN(n)) throw new Error(`${JSON.stringify(s)} is no number`);
    return n;
  },
  boolean: (s) => {
    if (s !== "true" && s !== "false")
      throw new Error(`${JSON.stringify(s)} is neither true nor false`);
    return s === "true";
  },
  time: (s) => s,
  json: (s) => JSON.parse(s) as unknown,
};

function typed(
  record: Readonly<Record<string, unknown>>,
  line: number,
  kinds: ReadonlyMap<string, Column>,
): SourceRow {
  const row: Record<string, unknown> = {};
  const parts: string[] = [];
  for (const [name, value] of Object.entries(record)) {
    const column = kinds.get(name);
    const kind = column?.kind ?? "text";
    const isText = typeof value === "string";
    let json: string;
    try {
      if (value === null || value === undefined || (column?.nullable && value === ""))
        row[name] = null;
      else row[name] = isText ? fromText[kind](value) : value;
      // the text of JSON stays as it is
      json = kind === "json" && isText && row[name] !== null ? value : JSON.stringify(row[name]);
    } catch (e) {
      throw new BadRow(line, `${name}: ${(e as Error).message}`);
    }
    parts.push(`${JSON.stringify(name)}:${json}`);
  }
  return { line, row, text: `{${parts.join(",")}}` };
}

const BATCH = 10_000;
/** Times keep their microseconds; 64-bit numbers that JavaScript holds exactly become its numbers. */
const microTime = (micros: bigint): string => {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);
  const fraction = String(micros - seconds * 1_000_000n).padStart(6, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}.${fraction}Z`;
};
const plainValue = (v: unknown): unknown =>
  typeof v === "bigint"
    ? Number.isSafeInteger(Number(v))
      ? Number(v)
      : String(v)
    : v instanceof Date
      ? v.toISOString()
      : Array.isArray(v)
        ? v.map(plainValue)
        : isRow(v)
          ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plainValue(x)]))
          : v;

async function* fromParquet(
  path: string,
  columns: readonly Column[] | undefined,
): AsyncGenerator<SourceRow> {
  const kinds = new Map(columns?.map((c) => [c.name, c]));
  const file = await asyncBufferFromFile(path).catch((cause: unknown) => {
    throw new TillerError("no_file", `cannot read ${path}. Check the path.`, { cause });
  });
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw new TillerError("bad_file", `${path} is no whole Parquet file. Make it again.`, {
      cause,
    });
  });
  const rows = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < rows; rowStart += BATCH) {
    const batch = await parquetReadObjects({
      file,
      metadata,
      rowStart,
      rowEnd: Math.min(rows, rowStart + BATCH),
      compressors: { ZSTD: (input) => zstdDecompressSync(input) },
      parsers: { timestampFromMicroseconds: microTime },
    });
    for (const [i, record] of batch.entries())
      yield typed(plainValue(record) as Record<string, unknown>, rowStart + i + 1, kinds);
  }
}
