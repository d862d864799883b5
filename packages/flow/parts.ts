/** An experiment part by part, for its page: the stages that its workflow declares, or the first level of its trace. */
import { z } from "zod";
import { type OneProgress, ProgressPart, TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { listProgress } from "./progress.ts";

const LISTED = 40;

export async function oneProgress(db: Db, id: string, now: Date): Promise<OneProgress> {
  const [progress] = await listProgress(db, { now, id });
  if (!progress)
    throw new TillerError("not_found", `there is no experiment ${id}. Look it up in the studio.`);
  const stages = await db.many(
    sql`select (select n.id from node n where n.experiment = s.experiment and n.parent = s.experiment and n.kind = 'stage' and n.name = s.title order by n.place limit 1) as node,
          s.title, s.state, s.done, s.total, '' as unit, s.note, s.started_at as "startedAt", s.ended_at as "endedAt"
        from stage s where s.experiment = ${id} order by s.place`,
    ProgressPart.extend({ state: z.enum(["waiting", "running", "done", "failed"]) }),
  );
  const counts = await openCounts(db, id);
  const { state: how } = progress;
  const over = how === "cancelled" || how === "failed" ? how : undefined; // so what was under way is too
  const parts = stages.length
    ? stages.map((s) => {
        const open = s.node === null ? undefined : counts.get(s.node);
        const state = s.state === "running" && over ? over : s.state;
        return { ...s, state, ...(s.state === "running" && open) };
      })
    : await topOfTrace(db, id);
  return { ...progress, parts: parts.slice(0, LISTED), more: Math.max(0, parts.length - LISTED) };
}

/** Answers that are in and wanted, of asks that are open, by the node that they lie in. */
async function openCounts(
  db: Db,
  id: string,
): Promise<Map<string, { done: number; total: number; unit: string }>> {
  const rows = await db.many(
    sql`select coalesce(n.parent, n.id) as parent, n.id as node, (sum(b.done) + coalesce(sum((select sum(k.n) from batch_tick k where k.batch = b.id)), 0))::int as done, sum(b.wanted)::int as total
        from batch b join node n on n.experiment = b.experiment and n.id = b.node
        where b.experiment = ${id} and b.cancelled_at is null and n.state = 'waiting' group by n.parent, n.id`,
    z.object({ parent: z.string(), node: z.string(), done: z.int(), total: z.int() }),
  );
  const counts = new Map<string, { done: number; total: number; unit: string }>();
  for (const r of rows)
    for (const at of [r.parent, r.node]) {
      const { done, total } = counts.get(at) ?? { done: 0, total: 0 };
      counts.set(at, { done: done + r.done, total: total + r.total, unit: "answers" });
    }
  return counts;
}

/** Steps of the workflow itself; a map by its items, a question by its answers, a job by its own count. */
async function topOfTrace(db: Db, id: string): Promise<ProgressPart[]> {
  const rows = await db.many(
    sql`select n.id as node, n.name as title, n.state, n.kind, n.brief as note, n.started_at as "startedAt", n.ended_at as "endedAt", n.wanted, n.answers,
          (select count(*)::int from node i where i.experiment = n.experiment and i.parent = n.id and i.state = 'done') as items,
          r.done as "jobDone", r.total as "jobTotal"
        from node n left join run r on n.kind = 'job' and r.experiment = n.experiment and r.id = (select l->>'id' from jsonb_array_elements(n.links) l where l->>'kind' = 'run' limit 1)
        where n.experiment = ${id} and n.parent = ${id} order by n.place`,
    z.object({
      ...ProgressPart.pick({
        node: true,
        title: true,
        state: true,
        note: true,
        startedAt: true,
        endedAt: true,
      }).shape,
      kind: z.string(),
      wanted: z.int(),
      answers: z.int(),
      items: z.int(),
      jobDone: z.number().nullable(),
      jobTotal: z.number().nullable(),
    }),
  );
  const open = await openCounts(db, id);
  return rows.map(({ kind, wanted, answers, items, jobDone, jobTotal, ...part }) => {
    const count = (() => {
      if (kind === "map") return { done: items, total: wanted, unit: "items" };
      if (kind === "ask")
        return open.get(part.node!) ?? { done: answers, total: wanted, unit: "answers" };
      if (kind === "job") return { done: jobDone ?? 0, total: jobTotal ?? 0, unit: "" };
      return { done: 0, total: 0, unit: "" };
    })();
    return { ...part, ...count };
  });
}
