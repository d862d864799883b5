/**
 * Values of nodes as pages and files show them: whole up to a bound, beyond it their size and their first characters;
 * and each as a stream, however large.
 */
import { z } from "zod";
import { type LargePart, type NodePart, TillerError } from "@tiller/schema";
import { blobBytes, blobPieces, type Db, readBlob, sql, type Sql } from "@tiller/store";

/** Of a value that a page gets whole, as JSON. Every blob above it is fetched by itself. */
export const SHOWN_BYTES = 1_000_000;
/** Of a value that an exported file holds: the browser that opens it decodes it in one piece. */
export const FILED_BYTES = 16_000_000;
const BEGINS = 2000;

export const Stored = z
  .union([z.strictObject({ value: z.unknown() }), z.strictObject({ blob: z.string() })])
  .nullable();
export type Stored = z.infer<typeof Stored>;

/** The value, out of its blob when it is one; null when there is none (yet); how large it is where it is too large. */
export async function shownValue(
  home: string,
  stored: Stored,
  { part, most }: { part: NodePart; most: number },
): Promise<{ value: unknown; large?: LargePart }> {
  if (stored === null) return { value: null };
  if (!("blob" in stored)) return { value: stored.value ?? null };
  const bytes = await blobBytes(home, stored.blob);
  if (bytes > most)
    return { value: null, large: { part, bytes, begins: await beginning(home, stored.blob) } };
  return { value: JSON.parse((await readBlob(home, stored.blob)).toString("utf8")) as unknown };
}
async function beginning(home: string, blob: string): Promise<string> {
  for await (const piece of blobPieces(home, blob))
    return new TextDecoder().decode(piece.subarray(0, BEGINS), { stream: true });
  return "";
}

/** Of a jsonb column: itself, or how large it is and how it begins. */
export const boundedJson = (column: Sql, most: number) => ({
  whole: sql`case when octet_length(${column}::text) <= ${most} then ${column} end`,
  large: sql`case when octet_length(${column}::text) > ${most} then jsonb_build_object('bytes', octet_length(${column}::text), 'begins', left(${column}::text, ${BEGINS})) end`,
});
export const Large = z.object({ bytes: z.number(), begins: z.string() }).nullable();
export type Large = z.infer<typeof Large>;

/** Bytes as they come, and how many, where it is known before. */
export interface Whole {
  readonly bytes?: number;
  readonly pieces: AsyncIterable<Uint8Array | string> | Iterable<string>;
}
async function wholeOf(home: string, stored: Stored): Promise<Whole> {
  if (stored !== null && "blob" in stored)
    return { bytes: await blobBytes(home, stored.blob), pieces: blobPieces(home, stored.blob) };
  return { pieces: [JSON.stringify(stored?.value ?? null)] };
}

/** One part of a node, whole, as JSON. */
export async function nodePart(
  db: Db,
  home: string,
  o: { experiment: string; node: string; part: NodePart },
): Promise<Whole> {
  const found = await db.maybe(
    sql`select n.input, n.output, coalesce(i.large @> ${JSON.stringify([{ part: o.part }])}, false) as elsewhere
        from node n left join node_import i on i.node = n.id where n.id = ${o.node} and n.experiment = ${o.experiment}`,
    z.object({ input: Stored, output: Stored, elsewhere: z.boolean() }),
  );
  if (!found)
    throw new TillerError(
      "not_found",
      `experiment ${o.experiment} has no node ${o.node}. Reload the trace: a rewind may have removed it.`,
    );
  if (found.elsewhere)
    throw new TillerError(
      "left_out",
      `the ${o.part} of ${o.node} was too large for the file that it came in. It is on the server that the experiment is from.`,
    );
  if (o.part === "input" || o.part === "output") return wholeOf(home, found[o.part]);
  if (o.part === "answers") return { pieces: answersOf(db, o.node) };
  const text = await db.value(
    sql`select coalesce(prompt::text, 'null') from node where id = ${o.node}`,
    z.string(),
  );
  return { pieces: [text] };
}

const PAGE = 100; // answers read at a time
async function* answersOf(db: Db, node: string): AsyncGenerator<string> {
  const ids = await db.many(
    sql`select a.id from node n join batch b on b.node = n.id or b.id in (select l->>'id' from jsonb_array_elements(n.links) l where l->>'kind' = 'batch')
          join task t on t.batch = b.id join answer a on a.task = t.id and a.undone_at is null where n.id = ${node} order by t.place, a.at, a.id`,
    z.object({ id: z.string() }),
  );
  yield "[";
  for (let at = 0; at < ids.length; at += PAGE) {
    const page = ids.slice(at, at + PAGE).map((a) => a.id);
    const rows = await db.many(
      sql`select jsonb_build_object('task', a.task, 'place', t.place - 1, 'by', p.pseudonym, 'simulated', p.simulated, 'value', a.value,
            'activeSeconds', a.active_seconds, 'at', to_char(a.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text as text
          from answer a join task t on t.id = a.task join person p on p.id = a.person where a.id = any(${page}) order by t.place, a.at, a.id`,
      z.object({ text: z.string() }),
    );
    yield `${at ? ",\n" : ""}${rows.map((r) => r.text).join(",\n")}`;
  }
  if (ids.length) return yield "]";
  // an imported node has them in its own row
  const kept = await db.maybe(
    sql`select answered::text as text from node_import where node = ${node}`,
    z.object({ text: z.string() }),
  );
  yield kept ? kept.text.slice(1) : "]";
}

/** An experiment's whole result as JSON, however large; "null" until there is one. */
export async function experimentResult(db: Db, home: string, id: string): Promise<Whole> {
  const found = await db.maybe(
    sql`select result_blob as blob, result::text as text from experiment where id = ${id}`,
    z.object({ blob: z.string().nullable(), text: z.string().nullable() }),
  );
  if (!found)
    throw new TillerError("not_found", `there is no experiment ${id}. Look it up in the studio.`);
  return found.blob === null
    ? { pieces: [found.text ?? "null"] }
    : wholeOf(home, { blob: found.blob });
}
export async function resultText(db: Db, home: string, id: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await experimentResult(db, home, id)).pieces)
    pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString("utf8");
}
