/**
 * An experiment as one self-contained HTML file that opens offline in the studio's own viewer, and such a file read back.
 * The file is lines: a head, the viewer, the light nodes, then blocks of full nodes, each gzipped and in base64 inside a
 * script element of its own, so that a browser decodes only what is looked at and an import reads it as a stream.
 */
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Pool } from "pg";
import { z } from "zod";
import {
  findUnstorable,
  type NodeLink,
  NodeRest,
  StoredTraceFileHead,
  TillerError,
  type TraceFileHead,
  type TracedExperiment,
  TraceNode,
} from "@tiller/schema";
import { Db, sql, type Store, writeBlob } from "@tiller/store";
import { getTracedExperiment, lightColumns, nodeRests } from "./trace.ts";
import { FILED_BYTES, resultText } from "./trace-values.ts";

const BLOCK_BYTES = 512_000; // of JSON, before compression: a larger node has a block of its own
const FETCH = 200; // full nodes read at a time
// what a file may hold, so that a small one cannot unpack to gigabytes: an element, and how far JSON shrinks at most
const MOST_UNPACKED = 128 * 2 ** 20;
const MOST_LINE = 192 * 2 ** 20;
const SHRINKS = 200;
const SMALL = 2 ** 20; // repetitive, but harmless
const INLINE_BYTES = 64_000; // larger values of an imported node go to blobs, as the flow's do
const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** The viewer that the web app's build makes: its script and its style. */
export interface ViewerFiles {
  readonly script: string;
  readonly style: string;
}

const packed = async (value: unknown): Promise<string> =>
  (await zip(Buffer.from(JSON.stringify(value)), { level: 6 })).toString("base64");
const element = (id: string, text: string) =>
  `<script type="text/tiller-trace" id="${id}">${text}</script>\n`;
// what stands in a page must not end it: </script>, <!--
const inPage = (text: string) => text.replaceAll(/<(?=\/script|!--|script)/gi, "\\x3C");
const attribute = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** The file, piece by piece, of one moment of the experiment: changes after the first piece do not show. */
export async function* exportTrace(
  store: Store,
  id: string,
  viewer: ViewerFiles,
): AsyncGenerator<string> {
  const client = await store.pool.connect();
  try {
    await client.query("begin isolation level repeatable read read only");
    yield* pieces(new Db(client as unknown as Pool), store.home, { id, viewer });
  } finally {
    await client.query("rollback").catch(() => {});
    client.release();
  }
}

async function* pieces(
  db: Db,
  home: string,
  { id, viewer }: { id: string; viewer: ViewerFiles },
): AsyncGenerator<string> {
  const traced = await getTracedExperiment(db, id);
  const result =
    (traced.resultBytes ?? 0) > FILED_BYTES
      ? null
      : (JSON.parse(await resultText(db, home, id)) as unknown);
  const experiment = { ...traced, result };
  const nodes = await db.many(
    sql`select ${lightColumns} from node n where n.experiment = ${id} order by n.seq`,
    TraceNode,
  );
  const head: TraceFileHead = {
    format: "tiller-trace",
    version: 2,
    experiment,
    nodes: nodes.length,
    exportedAt: new Date().toISOString(),
  };
  yield `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; font-src data:; img-src data:">
<title>${attribute(experiment.title)}</title>\n`;
  yield `<style>\n${viewer.style.replaceAll("</style", "<\\/style")}\n</style></head><body><div id="root"></div>\n`;
  yield element("head", Buffer.from(JSON.stringify(head)).toString("base64"));
  yield element("nodes", await packed(nodes));
  yield `<script>\n${inPage(viewer.script)}\n</script>\n`;
  const starts: number[] = []; // the place of each block's first node
  let block: NodeRest[] = [];
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += FETCH) {
    const ids = nodes.slice(at, at + FETCH).map((n) => n.id);
    let i = -1;
    for await (const rest of nodeRests(db, home, ids)) {
      i++;
      const size = JSON.stringify(rest).length;
      if (block.length && bytes + size > BLOCK_BYTES) {
        yield element(`block-${starts.length - 1}`, await packed(block));
        block = [];
      }
      if (!block.length) {
        starts.push(at + i);
        bytes = 0;
      }
      block.push(rest);
      bytes += size;
    }
  }
  if (block.length) yield element(`block-${starts.length - 1}`, await packed(block));
  yield element("starts", await packed(starts));
  yield `</body></html>\n`;
}

const notOurs = (why: string, cause?: unknown) =>
  new TillerError(
    "not_a_trace",
    `this is not a whole exported trace (${why}). Export the experiment again with "tiller trace export".`,
    { cause },
  );

/** The elements of a file, in their order. */
async function* elements(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ id: string; text: string }> {
  const opening =
    /^<script type="text\/tiller-trace" id="([a-z0-9-]+)">([A-Za-z0-9+/=]*)<\/script>$/;
  let parts: Buffer[] = [];
  let length = 0;
  const line = function* (): Generator<{ id: string; text: string }> {
    const text = Buffer.concat(parts).toString("latin1");
    parts = [];
    length = 0;
    const found = text.startsWith("<script type") ? opening.exec(text) : undefined;
    if (found) yield { id: found[1]!, text: found[2]! };
  };
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      parts.push(rest.subarray(0, end));
      yield* line();
      rest = rest.subarray(end + 1);
    }
    parts.push(Buffer.from(rest)); // a copy: the chunk's memory may be used again
    length += rest.length;
    if (length > MOST_LINE) throw notOurs("a line is too long");
  }
  yield* line();
}

async function unpack<T>(text: string, schema: z.ZodType<T>): Promise<T> {
  const packed = Buffer.from(text, "base64");
  const maxOutputLength = Math.min(MOST_UNPACKED, Math.max(SMALL, SHRINKS * packed.length));
  try {
    const json = JSON.parse((await unzip(packed, { maxOutputLength })).toString("utf8")) as unknown;
    const found = findUnstorable(json, "a node");
    if (found) throw notOurs(`${found.at} ${found.what}`);
    return schema.parse(json);
  } catch (cause) {
    if (cause instanceof TillerError) throw cause;
    if (cause instanceof z.ZodError)
      throw notOurs(
        cause.issues
          .slice(0, 3)
          .map((i) => `${i.path.join(".")}: ${i.message}`)
          .join("; "),
        cause,
      );
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
      throw notOurs(`a block unpacks to more than ${Math.round(maxOutputLength / 1e6)} MB`, cause);
    throw notOurs("a block is damaged", cause);
  }
}

const COUNT = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
/** A node as it may come in: its numbers are those that an experiment can have. */
const ImportedNode = TraceNode.extend({
  place: COUNT,
  tokens: COUNT,
  answers: COUNT,
  wanted: COUNT,
  cost: z.number().min(0).max(1e9),
});

/**
 * Ids as they come in, renamed below the import. A node lives nowhere else. What it points to outside of the experiment
 * that was exported may mean something else on this server, so it gets a name that nothing here has; what is named by its
 * content (datasets, checkpoints) is the same everywhere.
 */
const below = (old: string, experiment: string) => {
  const inside = (x: string) => x === old || x.startsWith(`${old}/`);
  const renamed = (x: string) => experiment + x.slice(old.length);
  return {
    node: (x: string): string => {
      if (inside(x)) return renamed(x);
      throw notOurs(`it has a node ${x.slice(0, 100)}, which is not of its experiment ${old}`);
    },
    link: (l: NodeLink): NodeLink => {
      if (l.kind === "dataset" || l.kind === "checkpoint") return l;
      const own = inside(l.id) || (l.kind === "run" && l.id.startsWith(`${old}.`));
      return { ...l, id: own ? renamed(l.id) : `${experiment}:${l.id}` };
    },
  };
};

/** Reads an exported file into the database as an experiment that nothing can change. All of it or nothing. */
export async function importTrace(
  store: Store,
  chunks: AsyncIterable<Uint8Array>,
  o: { by: string },
): Promise<{ experiment: string; nodes: number }> {
  const { home } = store;
  return store.db.transaction(async (db) => {
    let head: TraceFileHead | undefined;
    let rename: ReturnType<typeof below> | undefined;
    let experiment = "";
    let ids: string[] | undefined; // as the file has them, in its order
    let rests = 0;
    let closed = false;
    for await (const { id, text } of elements(chunks)) {
      if (id === "head") {
        if (head) throw notOurs("it has two heads");
        head = await parseHead(text);
        experiment = await freeId(db, head.experiment.id);
        const old = head.experiment.id;
        rename = below(old, experiment);
        await insertExperiment(db, home, {
          experiment: { ...head.experiment, id: experiment as TracedExperiment["id"] },
          imported: {
            from: old,
            state: head.experiment.state,
            exportedAt: head.exportedAt,
            by: o.by,
          },
        });
      } else if (!head || !rename) throw notOurs("its head is missing");
      else if (id === "nodes") {
        if (ids) throw notOurs("its nodes come twice");
        const nodes = await unpack(text, z.array(ImportedNode));
        if (nodes.length !== head.nodes) throw notOurs("nodes are missing");
        ids = nodes.map((n) => n.id);
        if (new Set(ids).size !== ids.length) throw notOurs("it has a node twice");
        const { node } = rename;
        await insertLight(
          db,
          nodes.map((n) => ({
            ...n,
            id: node(n.id),
            experiment,
            parent: n.parent === null ? null : node(n.parent),
          })),
        );
      } else if (id.startsWith("block-")) {
        const block = await unpack(text, z.array(NodeRest));
        const { node, link } = rename;
        // a block holds the next nodes and no others: what a node says is what stands at its own place
        const strange = block.findIndex((r, i) => r.id !== ids?.[rests + i]);
        if (strange >= 0)
          throw notOurs(
            `node ${rests + strange + 1} should be ${ids?.[rests + strange] ?? "no more"} and is ${block[strange]!.id.slice(0, 100)}`,
          );
        rests += block.length;
        await insertRests(
          db,
          home,
          block.map((r) => ({ ...r, id: node(r.id), links: r.links.map(link) })),
          experiment,
        );
      } else if (id === "starts") closed = true;
    }
    if (!head) throw notOurs("its head is missing");
    if (!closed || rests !== head.nodes) throw notOurs("its end is missing");
    return { experiment, nodes: rests };
  });
}

async function parseHead(text: string): Promise<TraceFileHead> {
  const parsed = z
    .string()
    .transform((t, at): unknown => {
      try {
        return JSON.parse(Buffer.from(t, "base64").toString("utf8"));
      } catch {
        at.addIssue("its head is damaged");
        return z.NEVER;
      }
    })
    .pipe(StoredTraceFileHead)
    .safeParse(text);
  if (parsed.success) {
    const found = findUnstorable(parsed.data, "its head");
    if (!found) return parsed.data;
    throw notOurs(`${found.at} ${found.what}`);
  }
  throw notOurs(parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; "));
}

const LONGEST_ID = 180; // an id with its number stays below the longest there may be
/** The experiment's own id where it is free, else with a number behind it; one import chooses at a time. */
async function freeId(db: Db, id: string): Promise<string> {
  await db.run(sql`select pg_advisory_xact_lock(hashtext('trace import'))`);
  for (let n = 0; ; n++) {
    const tried = n ? `${id.slice(0, LONGEST_ID)}-import-${n}` : id;
    if (!(await db.run(sql`select 1 from experiment where id = ${tried}`))) return tried;
  }
}

const json = (x: unknown) => JSON.stringify(x);

/** An experiment that was under way when it was exported does not go on here: it counts as cancelled. */
async function insertExperiment(
  db: Db,
  home: string,
  { experiment, imported }: { experiment: TracedExperiment; imported: object },
): Promise<void> {
  const state =
    experiment.state === "running" || experiment.state === "held" ? "cancelled" : experiment.state;
  const text = json(experiment.result ?? null);
  const blob = text.length > INLINE_BYTES ? await writeBlob(home, Buffer.from(text)) : null;
  await db.run(sql`insert into experiment (id, recipe, title, state, seed, config, result, result_blob, result_bytes, agents, budget, origin, code_revision, started_at, ended_at, error)
    values (${experiment.id}, ${experiment.recipe}, ${experiment.title}, ${state}, ${experiment.seed}, ${json(experiment.config ?? {})}, ${blob ? null : text}, ${blob}, ${experiment.result === null ? null : Buffer.byteLength(text)}, ${json(experiment.agents)}, ${json(experiment.budget)},
      ${json({ imported, before: experiment.origin ?? null })}, ${experiment.codeRevision}, ${experiment.startedAt}, ${experiment.endedAt}, ${experiment.error})`);
}

async function insertLight(db: Db, nodes: readonly object[]): Promise<void> {
  await db.run(sql`insert into node (id, experiment, parent, kind, name, place, state, agent, cached, started_at, ended_at, cost, tokens, answers, wanted, error, brief, seq)
    select x.id, x.experiment, x.parent, x.kind, x.name, x.place, x.state, x.agent, x.cached, x."startedAt", x."endedAt", x.cost, x.tokens, x.answers, x.wanted,
      nullif(x.error, 'null'::jsonb), x.brief, nextval('node_seq')
    from jsonb_to_recordset(${json(nodes)}::jsonb) as x(id text, experiment text, parent text, kind text, name text, place int, state text, agent text, cached boolean,
      "startedAt" timestamptz, "endedAt" timestamptz, cost float8, tokens int, answers int, wanted int, error jsonb, brief text)`);
}

async function insertRests(
  db: Db,
  home: string,
  block: readonly NodeRest[],
  experiment: string,
): Promise<void> {
  const stored = async (value: unknown) => {
    if (value === null || value === undefined) return null;
    const text = json(value);
    return text.length > INLINE_BYTES
      ? { blob: await writeBlob(home, Buffer.from(text)) }
      : { value };
  };
  const rows = [];
  for (const r of block)
    rows.push({ ...r, input: await stored(r.input), output: await stored(r.output) });
  await db.run(sql`update node n set input = nullif(x.input, 'null'::jsonb), output = nullif(x.output, 'null'::jsonb), prompt = nullif(x.prompt, 'null'::jsonb), links = x.links, attempts = x.attempts
    from jsonb_to_recordset(${json(rows)}::jsonb) as x(id text, input jsonb, output jsonb, prompt jsonb, links jsonb, attempts int) where n.id = x.id and n.experiment = ${experiment}`);
  const kept = rows.filter((r) => r.answered.length || r.comments.length || r.large.length);
  await db.run(sql`insert into node_import (node, experiment, answered, comments, large)
    select x.id, ${experiment}, x.answered, x.comments, x.large from jsonb_to_recordset(${json(kept)}::jsonb) as x(id text, answered jsonb, comments jsonb, large jsonb)`);
}
