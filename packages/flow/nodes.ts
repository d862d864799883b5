/**
 * The trace as it is written: groups of nodes, each whole, in one statement. A node that a replay writes again keeps
 * what it was. Reading for people is in trace.ts.
 */
import { z } from "zod";
import type { NodeError, NodeLink, Prompt, TraceNode } from "@tiller/schema";
import { atOrBelow, type Db, jsonText, type ShownValue, sql } from "@tiller/store";
import { behind, prepared } from "@tiller/store/sql.ts";

export interface NodeWrite extends Pick<
  TraceNode,
  "id" | "experiment" | "parent" | "kind" | "name" | "place" | "state" | "startedAt" | "endedAt"
> {
  agent?: string | null;
  cached?: boolean;
  cost?: number;
  tokens?: number;
  answers?: number;
  wanted?: number;
  error?: NodeError | null;
  brief?: string;
  input?: ShownValue | null;
  output?: ShownValue | null;
  prompt?: Prompt | null;
  links?: readonly NodeLink[];
  attempts?: number;
  /** known from the record, not run now: only completes a node that was left unfinished */
  replayed: boolean;
}

const columns = sql`id, experiment, parent, kind, name, place, state, agent, cached, started_at, ended_at, cost, tokens, answers, wanted, error, brief, input, output, prompt, links, attempts`;

/** A restart writes thousands of nodes that wait as they did: those are left alone. */
const changed = sql`(excluded.output is not null or excluded.prompt is not null
  or (excluded.state, excluded.ended_at, excluded.agent, excluded.cached, excluded.error, excluded.brief, excluded.cost, excluded.tokens, excluded.answers, excluded.wanted, excluded.links, excluded.attempts)
    is distinct from (node.state, node.ended_at, node.agent, node.cached, node.error, node.brief, node.cost, node.tokens, node.answers, node.wanted, node.links, node.attempts))`;

/**
 * Writes nodes; the same id twice in one group is an error. Its commit waits for no disk: the log is in order, so the
 * record of a result that people can see is never safer than the trace written before it. What was cancelled stays so,
 * also where a call under way still ended.
 */
export async function writeNodes(db: Db, nodes: readonly NodeWrite[]): Promise<void> {
  for (const replayed of [false, true]) {
    const group = nodes.filter((n) => n.replayed === replayed);
    if (!group.length) continue;
    const rows = jsonText(
      group.map((n) => ({
        ...n,
        started_at: n.startedAt,
        ended_at: n.endedAt,
        cached: n.cached ?? false,
        cost: n.cost ?? 0,
        tokens: n.tokens ?? 0,
        answers: n.answers ?? 0,
        wanted: n.wanted ?? 0,
        brief: n.brief ?? "",
        links: n.links ?? [],
        attempts: n.attempts ?? 1,
      })),
    );
    await db.run(
      prepared(sql`${behind} insert into node (${columns}, seq)
      select ${columns}, nextval('node_seq') from behind, jsonb_to_recordset(${rows}::jsonb) as r(id text, experiment text, parent text, kind text, name text, place int, state text,
        agent text, cached boolean, started_at timestamptz, ended_at timestamptz, cost float8, tokens int, answers int, wanted int, error jsonb, brief text, input jsonb,
        output jsonb, prompt jsonb, links jsonb, attempts int)
      on conflict (id) do update set state = excluded.state, ended_at = case when excluded.ended_at < node.started_at then node.started_at else excluded.ended_at end, seq = excluded.seq, error = excluded.error,
        agent = coalesce(excluded.agent, node.agent), cached = excluded.cached, cost = greatest(excluded.cost, node.cost), tokens = greatest(excluded.tokens, node.tokens),
        answers = greatest(excluded.answers, node.answers), wanted = greatest(excluded.wanted, node.wanted), brief = excluded.brief,
        input = coalesce(excluded.input, node.input), output = coalesce(excluded.output, node.output), prompt = coalesce(excluded.prompt, node.prompt),
        links = case when excluded.links = '[]' then node.links else excluded.links end, attempts = greatest(excluded.attempts, node.attempts)
      where ${replayed ? sql`node.state in ('running', 'waiting')` : sql`node.state <> 'cancelled' and ${changed}`}`),
    );
  }
}

/** Asks' answers so far, as they come in: [node, answers]. */
export const nodeAnswers = (db: Db, counts: readonly (readonly [string, number])[]) =>
  db.run(
    prepared(sql`${behind} update node set answers = c.answers, seq = nextval('node_seq')
        from behind, unnest(${counts.map(([node]) => node)}::text[], ${counts.map(([, n]) => n)}::int[]) as c(id, answers)
        where node.id = c.id and node.state = 'waiting'`),
  );

/** Every unfinished node at or below a place. */
export const cancelNodes = (db: Db, node: string, why: string): Promise<number> =>
  db.run(
    sql`update node set state = 'cancelled', ended_at = greatest(now(), started_at), brief = ${why}, seq = nextval('node_seq')
        where ${atOrBelow(sql`id`, node)} and state in ('running', 'waiting')`,
  );

const Stored = z
  .union([z.object({ value: z.unknown() }), z.object({ blob: z.string() })])
  .nullable() as z.ZodType<ShownValue | null>;
const OpRow = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  input: Stored,
  output: Stored,
});
export type OpRow = z.infer<typeof OpRow>;

/** What an experiment recorded, in the order it began: the source of forks, replays and migrations. */
export const opsOf = (db: Db, experiment: string): Promise<OpRow[]> =>
  db.many(
    sql`select id, kind, state, started_at as "startedAt", ended_at as "endedAt", input, output from node where experiment = ${experiment} order by started_at, place`,
    OpRow,
  );
