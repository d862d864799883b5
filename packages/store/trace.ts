/**
 * Reading the trace: a run's nodes in pages, one node with the people behind it, comments, and search. Nodes are
 * written by the flow (nodes.ts) and by an import.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  NodeAnswer,
  NodeComment,
  NodeDetail,
  NodeDigest,
  type NodeRest,
  type NodeView,
  NodeWait,
  type PersonId,
  TillerError,
  type TraceFound,
  TracedRun,
  TraceNode,
  type TracePage,
} from "@tiller/schema";
import { readBlob } from "./blobs.ts";
import { resultBytes, smallResult } from "./lab.ts";
import { type Db, sql } from "./sql.ts";

const PAGE = 20_000; // nodes a page: about 8 MB
export const lightColumns = sql`n.id, n.experiment, n.parent, n.kind, n.name, n.place, n.state, n.agent, n.cached, n.started_at as "startedAt", n.ended_at as "endedAt",
  n.cost, n.tokens, n.answers, n.wanted, n.error, n.brief, n.seq`;

const runColumns = sql`e.id, e.recipe, e.title, e.state, e.seed, e.config, ${smallResult} as result, ${resultBytes} as "resultBytes", e.agents, e.budget, e.origin, e.code_revision as "codeRevision",
  e.started_at as "startedAt", e.ended_at as "endedAt", e.error, coalesce(e.origin ? 'imported', false) as imported`;

export async function getTracedRun(db: Db, id: string): Promise<TracedRun> {
  const run = await db.maybe(
    sql`select ${runColumns} from experiment e where e.id = ${id}`,
    TracedRun,
  );
  if (!run)
    throw new TillerError("not_found", `there is no run ${id}. Look it up in the studio's list.`);
  return run;
}

/** The nodes that changed after `after`, in the order of their changes. */
export async function tracePage(db: Db, experiment: string, after: number): Promise<TracePage> {
  const nodes = await db.many(
    sql`select ${lightColumns} from node n where n.experiment = ${experiment} and n.seq > ${after} order by n.seq limit ${PAGE}`,
    TraceNode,
  );
  return { nodes, seq: nodes.at(-1)?.seq ?? after, more: nodes.length === PAGE };
}

const Stored = z
  .union([z.strictObject({ value: z.unknown() }), z.strictObject({ blob: z.string() })])
  .nullable();
const StoredNode = NodeDetail.extend({ input: Stored, output: Stored });
type StoredNode = z.infer<typeof StoredNode>;
const fullColumns = sql`${lightColumns}, n.input, n.output, n.prompt, n.links, n.attempts`;

/** The value itself, out of its blob when it is large; null when there is none (yet). */
async function resolve(home: string, stored: z.infer<typeof Stored>): Promise<unknown> {
  if (stored === null) return null;
  if (!("blob" in stored)) return stored.value ?? null;
  return JSON.parse((await readBlob(home, stored.blob)).toString("utf8")) as unknown;
}

const answerColumns = sql`a.task, t.place - 1 as place, p.pseudonym, p.simulated, a.value, a.active_seconds as "activeSeconds", a.at`;
const AnswerOfNode = z
  .object({ batch: z.string(), node: z.string().nullable() })
  .loose()
  .transform(({ batch, node, ...answer }) => ({ batch, node, answer: NodeAnswer.parse(answer) }));
const Kept = z.object({
  node: z.string(),
  answered: z.array(NodeAnswer),
  comments: z.array(NodeComment),
});
const commentColumns = sql`c.id, c.node, p.pseudonym as author, c.text, c.at`;

/** Full nodes by id, in the order asked for, with answers and comments: four queries however many they are. */
async function fullNodes(
  db: Db,
  home: string,
  ids: readonly string[],
): Promise<(NodeDetail & NodeRest)[]> {
  const wanted = [...ids];
  const nodes = await db.many(
    sql`select ${fullColumns} from node n where n.id = any(${wanted})`,
    StoredNode,
  );
  // a run that goes on in place of another has batches which the other posted
  const nodeOfBatch = new Map(
    nodes.flatMap((n) => n.links.filter((l) => l.kind === "batch").map((l) => [l.id, n.id])),
  );
  const answers = await db.many(
    sql`select b.id as batch, b.node, ${answerColumns} from batch b join task t on t.batch = b.id join answer a on a.task = t.id and a.undone_at is null join person p on p.id = a.person
        where b.node = any(${wanted}) or b.id = any(${[...nodeOfBatch.keys()]}) order by t.place, a.at, a.id`,
    AnswerOfNode,
  );
  const comments = await db.many(
    sql`select ${commentColumns} from node_comment c join person p on p.id = c.person where c.node = any(${wanted}) order by c.at, c.id`,
    NodeComment,
  );
  const kept = await db.many(
    sql`select node, answered, comments from node_import where node = any(${wanted})`,
    Kept,
  );
  const answersOf = Map.groupBy(answers, (a) => nodeOfBatch.get(a.batch) ?? a.node ?? "");
  const commentsOf = Map.groupBy(comments, (c) => c.node);
  const keptOf = new Map(kept.map((k) => [k.node, k]));
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const full = async (n: StoredNode) => ({
    ...n,
    input: await resolve(home, n.input),
    output: await resolve(home, n.output),
    answered: keptOf.get(n.id)?.answered ?? (answersOf.get(n.id) ?? []).map((a) => a.answer),
    comments: [...(keptOf.get(n.id)?.comments ?? []), ...(commentsOf.get(n.id) ?? [])],
  });
  const out = [];
  for (const id of wanted) {
    const n = byId.get(id);
    if (n) out.push(await full(n));
  }
  return out;
}

/** What a block of the exported file holds of these nodes. */
export const nodeRests = async (db: Db, home: string, ids: readonly string[]) =>
  (await fullNodes(db, home, ids)).map(
    ({ id, input, output, prompt, links, attempts, answered, comments }): NodeRest => ({
      id,
      input,
      output,
      prompt,
      links,
      attempts,
      answered,
      comments,
    }),
  );

export async function getNode(
  db: Db,
  home: string,
  o: { experiment: string; node: string },
): Promise<NodeView> {
  const [node] = await fullNodes(db, home, [o.node]);
  if (!node || node.experiment !== o.experiment)
    throw new TillerError(
      "not_found",
      `run ${o.experiment} has no node ${o.node}. Reload the trace: a rewind may have removed it.`,
    );
  const linked = node.links.filter((l) => l.kind === "batch").map((l) => l.id);
  const wait = node.state === "waiting" ? await waitOf(db, o.node, linked) : undefined;
  return { ...node, wait: wait ?? null };
}

const waitOf = (db: Db, node: string, linked: string[]): Promise<NodeWait | undefined> =>
  db.maybe(
    sql`select b.id as batch, coalesce((select t.type from task t where t.batch = b.id limit 1), '') as type, b.done, b.wanted, b.created_at as since, b.deadline,
          coalesce((select jsonb_agg(jsonb_build_object('pseudonym', p.pseudonym, 'since', to_char(l.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by l.created_at)
            from task t join lease l on l.task = t.id and l.state = 'live' join person p on p.id = l.person where t.batch = b.id), '[]') as held,
          (select coalesce(sum(t.people - t.taken), 0)::int from task t where t.batch = b.id) as free
        from batch b where (b.node = ${node} or b.id = any(${linked})) and b.consumed_at is null and b.cancelled_at is null order by b.created_at desc limit 1`,
    NodeWait,
  );

export const listComments = (db: Db, experiment: string): Promise<NodeComment[]> =>
  db.many(
    sql`select ${commentColumns} from node_comment c join node n on n.id = c.node join person p on p.id = c.person where n.experiment = ${experiment}
        union all select x.id, x.node, x.author, x.text, x.at from node_import i, jsonb_to_recordset(i.comments) as x(id text, node text, author text, text text, at timestamptz)
        where i.experiment = ${experiment} order by at, id`,
    NodeComment,
  );

export async function addComment(
  db: Db,
  c: { experiment: string; node: string; person: PersonId; text: string },
): Promise<NodeComment> {
  const made = await db.maybe(
    sql`with c as (insert into node_comment (id, node, person, text)
          select ${randomUUID()}, n.id, ${c.person}, ${c.text} from node n where n.id = ${c.node} and n.experiment = ${c.experiment} returning *)
        select ${commentColumns} from c join person p on p.id = c.person`,
    NodeComment,
  );
  if (made) return made;
  throw new TillerError(
    "not_found",
    `run ${c.experiment} has no node ${c.node}. Reload the trace: a rewind may have removed it.`,
  );
}

/** By node, a hash of its output: two runs are compared without moving their outputs. */
export const outputDigests = (db: Db, experiment: string): Promise<NodeDigest[]> =>
  db.many(
    sql`select n.id, coalesce(md5(n.output::text), '') as digest from node n where n.experiment = ${experiment}`,
    NodeDigest,
  );

const FOUND = 2000; // ids a search returns
const SEARCH_MS = 5000; // time it may take in all
const BLOB_BUDGET = 200_000_000; // bytes of blobs it may read

/** The nodes whose input, output, prompt, error or brief hold `text`, whatever the case. Bounded in time and bytes. */
export async function searchTrace(
  db: Db,
  home: string,
  o: { experiment: string; text: string; now?: () => number },
): Promise<TraceFound> {
  const now = o.now ?? (() => performance.now());
  const began = now();
  // jsonb's text holds what is quoted as JSON quotes it
  const quoted = JSON.stringify(o.text).slice(1, -1);
  const like = (t: string) => `%${t.replace(/[\\%_]/g, (c) => `\\${c}`)}%`;
  const found = await db.transaction(async (tx) => {
    await tx.run({ text: `set local statement_timeout = ${SEARCH_MS}`, values: [] });
    return tx
      .many(
        sql`select n.id from node n where n.experiment = ${o.experiment} and (n.name ilike ${like(o.text)} or n.brief ilike ${like(o.text)}
              or n.input::text ilike ${like(quoted)} or n.output::text ilike ${like(quoted)} or n.prompt::text ilike ${like(quoted)} or n.error::text ilike ${like(quoted)})
            order by n.seq limit ${FOUND + 1}`,
        z.object({ id: z.string() }),
      )
      .catch((e: unknown) => {
        if ((e as { code?: string }).code === "57014") return undefined; // ran out of its time
        throw e;
      });
  });
  if (!found)
    throw new TillerError(
      "search_too_slow",
      `looking for "${o.text}" took more than ${SEARCH_MS / 1000} s. Search for a longer or rarer text.`,
    );
  const ids = new Set(found.map((f) => f.id));
  const blobs = await db.many(
    sql`select n.id, array_remove(array[n.input->>'blob', n.output->>'blob'], null) as blobs from node n
        where n.experiment = ${o.experiment} and (n.input ? 'blob' or n.output ? 'blob') order by n.seq`,
    z.object({ id: z.string(), blobs: z.array(z.string()) }),
  );
  const needle = quoted.toLowerCase();
  const seen = new Map<string, boolean>();
  let bytes = 0;
  let complete = ids.size <= FOUND;
  for (const b of blobs) {
    if (ids.has(b.id)) continue;
    if (bytes > BLOB_BUDGET || now() - began > SEARCH_MS || ids.size > FOUND) {
      complete = false;
      break;
    }
    for (const hash of b.blobs) {
      if (!seen.has(hash)) {
        const text = (await readBlob(home, hash)).toString("utf8");
        bytes += text.length;
        seen.set(hash, text.toLowerCase().includes(needle));
      }
      if (seen.get(hash)) ids.add(b.id);
    }
  }
  return { nodes: [...ids].slice(0, FOUND), complete };
}
