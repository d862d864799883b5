/**
 * Answers out of the database: one query, read as a stream, encoded page by page. Order: by time, then id, so the same
 * answers give the same bytes.
 */
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import pg from "pg";
import { type ExportRequest, type FileKind, TillerError } from "@tiller/schema";
import type { Store } from "@tiller/store";
import { listedKinds, orderedKinds } from "@tiller/task";
import { csvHeader, guardSql } from "./cells.ts";
import type { Column } from "./columns.ts";
import { copied, pages } from "./copy.ts";
import { experimentOf, type Format, formats } from "./formats.ts";
import { jsonl } from "./encode.ts";
import { parquet } from "./parquet.ts";
import { schemaFile } from "./schema-file.ts";

const literal = (s: string) => pg.escapeLiteral(s); // COPY takes no parameters
const quoted = (xs: readonly string[]) => xs.map(literal).join(", ");
/** Where the texts of each kind of work stand, computed once a query. */
export const kindsOfWork = `with k as materialized (
  select name, version,
    coalesce(instructions_version, left(encode(sha256(convert_to(instructions, 'UTF8')), 'hex'), 16)) as instructions_version,
    string_to_array(pair->>'name', '.') as field, string_to_array(pair->>'confidence', '.') as confidence,
    string_to_array(pair->>'a', '.') as a, string_to_array(pair->>'b', '.') as b,
    array(select s->>'from' from jsonb_array_elements(view->'show') s where s->>'kind' = 'text') as prompts,
    view is null or (select count(*) > 1 or coalesce(bool_or(f->>'kind' in (${quoted(listedKinds)})), false) from jsonb_array_elements(view->'ask') f where f->>'kind' in (${quoted(orderedKinds)})) as ordered
  from task_type left join lateral (
    select f as pair from jsonb_array_elements(view->'ask') f where f->>'kind' = 'pair' limit 1) f on true)`;

const kindColumns = {
  name: "text",
  version: "text",
  instructions_version: "text",
  field: "text[]",
  confidence: "text[]",
  a: "text[]",
  b: "text[]",
  prompts: "text[]",
  ordered: "boolean",
} as const;
/** The kinds of work as a list of values: the planner then knows how few they are, and may share the work out. */
async function kindsAsValues(client: pg.ClientBase): Promise<string> {
  const columns = Object.keys(kindColumns);
  const { rows } = await client.query<Record<string, string | null>>(
    `${kindsOfWork} select ${columns.map((c) => `${c}::text`).join(", ")} from k`,
  );
  const cells = (row: Record<string, string | null>) =>
    Object.entries(kindColumns).map(([c, type]) => {
      const value = row[c] ?? null;
      return `${value === null ? "null" : literal(value)}::${type}`;
    });
  const values = rows.length
    ? `values ${rows.map((row) => `(${cells(row).join(", ")})`).join(", ")}`
    : `select ${Object.values(kindColumns)
        .map((type) => `null::${type}`)
        .join(", ")} where false`;
  return `with k (${columns.join(", ")}) as (${values})`;
}
const tables = `from answer a join task t on t.id = a.task join batch b on b.id = t.batch
  join person p on p.id = a.person join k on k.name = t.type and k.version = t.type_version`;
/** The answers that were asked for. */
const wanted = (r: ExportRequest): string =>
  [
    r.undone === "leave-out" && "a.undone_at is null",
    r.experiment !== undefined && `${experimentOf} = ${literal(r.experiment)}`,
    r.batch !== undefined && `t.batch = ${literal(r.batch)}`,
    r.type !== undefined && `t.type = ${literal(r.type)}`,
    r.since !== undefined && `a.at >= ${literal(r.since)}::timestamptz`,
    r.until !== undefined && `a.at < ${literal(r.until)}::timestamptz`,
  ]
    .filter((condition) => condition !== false)
    .map((condition) => ` and ${condition}`)
    .join("");
/** Of a comparison with a side chosen: the only answers that a preference row can say. */
const sayable = {
  all: "true",
  chosen: "coalesce(a.value #>> k.field in ('a', 'b'), false)",
} as const;

export interface Exported {
  /** the file's name */
  readonly name: string;
  readonly mime: string;
  readonly stream: Readable;
  /** the text of the schema.json that belongs beside the file */
  readonly schema: string;
  /** Rows written, and answers that the format cannot say (ties, other kinds of work); known when the stream ends. */
  counts(): { rows: number; leftOut: number };
}

export const mimes = {
  jsonl: "application/jsonl",
  csv: "text/csv; charset=utf-8",
  parquet: "application/vnd.apache.parquet",
} as const;
/** In text, Postgres writes numbers and times as well: it is quicker at it, and has a second core for it. */
const asText = ({ kind, sql }: Column, as: FileKind): string =>
  kind === "time"
    ? `to_char(${sql}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
    : kind === "text"
      ? as === "csv"
        ? guardSql(sql)
        : sql
      : kind === "json"
        ? sql
        : `(${sql})::text`;

/** Begins an export. The stream ends the connection that it reads from, also when it is destroyed early. */
export async function exportAnswers(store: Store, r: ExportRequest): Promise<Exported> {
  if (r.gzip && r.as === "parquet")
    throw new TillerError("bad_export", "Parquet is compressed in itself. Leave the .gz out.");
  const format: Format = formats[r.format];
  const client = new pg.Client({ ...store.config, application_name: "tiller export" });
  client.on("error", () => {}); // a lost connection shows in the stream
  await client.connect();
  const end = () => client.end().catch(() => {});
  try {
    // one moment for the counts, the kinds of work and the rows
    await client.query(
      "begin isolation level repeatable read read only; set local timezone = 'UTC'; set local jit = off; set local work_mem = '64MB'; set local max_parallel_workers_per_gather = 1",
    );
    const where = `where true${wanted(r)}`;
    const types = (
      await client.query<Record<string, unknown>>(
        `select name, version, title, instructions, view, input_schema as "inputSchema", output_schema as "outputSchema" from task_type
         where exists (select 1 from task t where (t.type, t.type_version) = (task_type.name, task_type.version)) order by 1, 2`,
      )
    ).rows;
    const schema = schemaFile({ format: r.format, request: r, types });
    const kinds = await kindsAsValues(client);
    const query = `${kinds} select ${format.columns
      .map((c) => (r.as === "parquet" ? c.sql : asText(c, r.as)))
      .join(", ")
      .replaceAll("{one}", String(r.experiment !== undefined))}
      ${tables} ${where} and ${sayable[format.only]} order by a.at, a.id`;

    const counted = { rows: 0, leftOut: 0 };
    async function* encoded() {
      if (r.as === "csv") {
        // RFC 4180 as Postgres writes it: a null is empty, an empty text is ""
        yield Buffer.from(csvHeader(format.columns.map((c) => c.name)));
        counted.rows = yield* copied(client, query);
        return;
      }
      const encode =
        r.as === "parquet"
          ? parquet(format.columns, { "tiller.schema": schema })
          : jsonl(format.columns);
      for await (const page of pages(client, query, format.columns.length)) {
        counted.rows += page.rows;
        const piece = encode.encode(page);
        if (piece) yield piece;
      }
      const last = encode.end?.();
      if (last) yield last;
    }
    async function* bytes() {
      try {
        yield* encoded();
        if (format.only === "chosen")
          counted.leftOut = Number(
            (
              await client.query<{ n: string }>(
                `${kinds} select count(*) as n ${tables} ${where} and not ${sayable.chosen}`,
              )
            ).rows[0]!.n,
          );
      } finally {
        await end();
      }
    }
    const source = Readable.from(bytes(), { objectMode: false, highWaterMark: 1 << 20 });
    source.once("close", () => void end()); // also when nobody has read from it
    let stream: Readable = source;
    if (r.gzip) {
      const zip = createGzip({ level: 1 });
      source.on("error", (e) => zip.destroy(e));
      zip.on("close", () => source.destroy());
      stream = source.pipe(zip);
    }
    const what = r.batch ?? r.experiment ?? "all";
    return {
      name: `${what.replace(/[^\w.-]+/g, "-")}-${r.format}.${r.as}${r.gzip ? ".gz" : ""}`,
      mime: r.gzip ? "application/gzip" : mimes[r.as],
      stream,
      schema,
      counts: () => counted,
    };
  } catch (e) {
    await end();
    throw e;
  }
}
