/**
 * Reading the trace: an experiment's nodes in pages, one node with the people behind it, comments, and search. Nodes are
 * written by the flow (nodes.ts) and by an import.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  LargePart,
  NodeAnswer,
  StoredNodeAnswer,
  NodeComment,
  NodeDetail,
  NodeDigest,
  type NodeRest,
  type NodeView,
  NodeWait,
  type PersonId,
  TillerError,
  type TraceFound,
  TracedExperiment,
  TraceNode,
  type TracePage,
} from "@tiller/schema";
import { blobBytes, type Db, readBlob, sql } from "@tiller/store";
import { resultBytes, smallConfig, smallResult } from "@tiller/lab";
import {
  boundedJson,
  FILED_BYTES,
  Large,
  SHOWN_BYTES,
  shownValue,
  Stored,
} from "./trace-values.ts";

const PAGE = 20_000; // nodes a page: about 8 MB
export const lightColumns = sql`n.id, n.experiment, n.parent, n.kind, n.name, n.place, n.state, n.agent, n.cached, n.started_at as "startedAt", n.ended_at as "endedAt",
  n.cost, n.tokens, n.answers, n.wanted, n.error, n.brief, n.seq`;

const experimentColumns = sql`e.id, e.recipe, e.title, e.state, e.seed, ${smallConfig} as config, ${smallResult} as result, ${resultBytes} as "resultBytes", e.agents, e.budget, e.origin, e.code_revision as "codeRevision",
  e.started_at as "startedAt", e.ended_at as "endedAt", e.error, coalesce(e.origin ? 'imported', false) as imported`;

export async function getTracedExperiment(db: Db, id: string): Promise<TracedExperiment> {
  const experiment = await db.maybe(
    sql`select ${experimentColumns} from experiment e where e.id = ${id}`,
    TracedExperiment,
  );
  if (!experiment)
    throw new TillerError(
      "not_found",
      `there is no experiment ${id}. Look it up in the studio's list.`,
    );
  return experiment;
}

/** The nodes that changed after `after`, in the order of their changes. */
export async function tracePage(db: Db, experiment: string, after: number): Promise<TracePage> {
  const nodes = await db.many(
    sql`select ${lightColumns} from node n where n.experiment = ${experiment} and n.seq > ${after} order by n.seq limit ${PAGE}`,
    TraceNode,
  );
  return { nodes, seq: nodes.at(-1)?.seq ?? after, more: nodes.length === PAGE };
}

const StoredNode = NodeDetail.extend({ input: Stored, output: Stored, largePrompt: Large });
const fullColumns = (most: number) => {
  const prompt = boundedJson(sql`n.prompt`, most);
  return sql`${lightColumns}, n.input, n.output, ${prompt.whole} as prompt, ${prompt.large} as "largePrompt", n.links, n.attempts`;
};

const answerColumns = sql`a.task, t.place - 1 as place, p.pseudonym as by, p.simulated, a.value, a.active_seconds as "activeSeconds", a.at`;
const AnswerOfNode = z
  .object({ batch: z.string(), node: z.string().nullable() })
  .loose()
  .transform(({ batch, node, ...answer }) => ({ batch, node, answer: NodeAnswer.parse(answer) }));
const Kept = z.object({
  node: z.string(),
  answered: z.array(StoredNodeAnswer).nullable(),
  manyAnswers: Large,
  large: z.array(LargePart).describe("too large for the file that it came in"),
  comments: z.array(NodeComment),
});
const commentColumns = sql`c.id, c.node, p.pseudonym as author, c.text, c.at`;

/**
 * Full nodes by id, in the order asked for, with answers and comments: five queries however many they are. Values are
 * read one node at a time, and what is larger than `most` bytes is only said to be there.
 */
async function* fullNodes(
  db: Db,
  home: string,
  { ids, most }: { ids: readonly string[]; most: number },
): AsyncGenerator<NodeDetail & NodeRest> {
  const wanted = [...ids];
  const nodes = await db.many(
    sql`select ${fullColumns(most)} from node n where n.id = any(${wanted})`,
    StoredNode,
  );
  // an experiment that goes on in place of another has batches which the other posted
  const nodeOfBatch = new Map(
    nodes.flatMap((n) => n.links.filter((l) => l.kind === "batch").map((l) => [l.id, n.id])),
  );
  const asked = sql`from batch b join task t on t.batch = b.id join answer a on a.task = t.id and a.undone_at is null
        where b.node = any(${wanted}) or b.id = any(${[...nodeOfBatch.keys()]})`;
  const sizes = await db.many(
    sql`select b.id as batch, b.node, sum(octet_length(a.value::text))::int8 as bytes ${asked} group by b.id`,
    z.object({ batch: z.string(), node: z.string().nullable(), bytes: z.number() }),
  );
  const answers = await db.many(
    sql`select x.batch, x.node, ${answerColumns} from (
          select b.id as batch, b.node, t.place, a.*, sum(octet_length(a.value::text)) over (partition by b.id order by t.place, a.at, a.id) as "upTo" ${asked}) a
          join task t on t.id = a.task join person p on p.id = a.person, lateral (select a.batch, a.node) x
        where a."upTo" <= ${most} order by t.place, a.at, a.id`,
    AnswerOfNode,
  );
  const comments = await db.many(
    sql`select ${commentColumns} from node_comment c join person p on p.id = c.person where c.node = any(${wanted}) order by c.at, c.id`,
    NodeComment,
  );
  const answered = boundedJson(sql`answered`, most);
  const kept = await db.many(
    sql`select node, ${answered.whole} as answered, ${answered.large} as "manyAnswers", large, comments from node_import where node = any(${wanted})`,
    Kept,
  );
  const owner = (a: { batch: string; node: string | null }) =>
    nodeOfBatch.get(a.batch) ?? a.node ?? "";
  const answersOf = Map.groupBy(answers, owner);
  const sizesOf = Map.groupBy(sizes, owner);
  const commentsOf = Map.groupBy(comments, (c) => c.node);
  const keptOf = new Map(kept.map((k) => [k.node, k]));
  const byId = new Map(nodes.map((n) => [n.id, n]));
  for (const id of wanted) {
    const n = byId.get(id);
    if (!n) continue;
    const { largePrompt, ...node } = n;
    const input = await shownValue(home, n.input, { part: "input", most });
    const output = await shownValue(home, n.output, { part: "output", most });
    const old = keptOf.get(id);
    const own = (sizesOf.get(id) ?? []).filter((s) => s.bytes > most);
    const bytes = own.reduce((sum, s) => sum + s.bytes, 0);
    const tooMany = old ? old.manyAnswers : bytes ? { bytes, begins: "" } : null;
    yield {
      ...node,
      input: input.value,
      output: output.value,
      answered: old ? (old.answered ?? []) : (answersOf.get(id) ?? []).map((a) => a.answer),
      comments: [...(old?.comments ?? []), ...(commentsOf.get(id) ?? [])],
      large: [
        ...(old?.large ?? []),
        ...(input.large ? [input.large] : []),
        ...(output.large ? [output.large] : []),
        ...(largePrompt ? [{ part: "prompt" as const, ...largePrompt }] : []),
        ...(tooMany ? [{ part: "answers" as const, ...tooMany }] : []),
      ],
    };
  }
}

/** What blocks of the exported file hold of these nodes. */
export async function* nodeRests(
  db: Db,
  home: string,
  ids: readonly string[],
): AsyncGenerator<NodeRest> {
  for await (const n of fullNodes(db, home, { ids, most: FILED_BYTES })) {
    const { id, input, output, prompt, links, attempts, answered, comments, large } = n;
    yield { id, input, output, prompt, links, attempts, answered, comments, large };
  }
}

export async function getNode(
  db: Db,
  home: string,
  o: { experiment: string; node: string },
): Promise<NodeView> {
  let node: (NodeDetail & NodeRest) | undefined;
  for await (const n of fullNodes(db, home, { ids: [o.node], most: SHOWN_BYTES })) node = n;
  if (!node || node.experiment !== o.experiment)
    throw new TillerError(
      "not_found",
      `experiment ${o.experiment} has no node ${o.node}. Reload the trace: a rewind may have removed it.`,
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
    `experiment ${c.experiment} has no node ${c.node}. Reload the trace: a rewind may have removed it.`,
  );
}

/** By node, a hash of its output: two experiments are compared without moving their outputs. */
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
        bytes += await blobBytes(home, hash);
        if (bytes > BLOB_BUDGET) break;
        const text = (await readBlob(home, hash)).toString("utf8");
        seen.set(hash, text.toLowerCase().includes(needle));
      }
      if (seen.get(hash)) ids.add(b.id);
    }
  }
  return { nodes: [...ids].slice(0, FOUND), complete };
}
