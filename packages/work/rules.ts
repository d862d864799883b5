/**
 * One roster over all kinds of work: rules of queues, who works on which, pauses, qualifications. Rows are the newest
 * state, and every change adds an event beside it. The rules themselves are applied in `eligible.ts`.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  type ExperimentId,
  type Move,
  type PersonId,
  type Queue,
  RosterRow,
  type RuleBody,
  TillerError,
  type Who,
  WorkEvent,
  Worker,
  WorkRule,
} from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";
import { urgency } from "./work.ts";

/** Writes down what was done. `by` null: a rule did it. */
export const recordWork = (
  db: Db,
  by: PersonId | null,
  action: string,
  body: Record<string, unknown>,
): Promise<number> =>
  db.run(
    sql`insert into work_event (by, action, body) values (${by}, ${action}, ${JSON.stringify(body)})`,
  );

/** What was done, newest first; about one person, when named. */
export const workEvents = (
  db: Db,
  o: { person?: PersonId; before?: number; limit?: number } = {},
): Promise<WorkEvent[]> =>
  db.many(
    sql`select seq, at, by, action, body from work_event
        where (${o.person ?? null}::text is null or body->>'person' = ${o.person ?? null} or body->'who'->>'person' = ${o.person ?? null})
          and seq < ${o.before ?? Number.MAX_SAFE_INTEGER} order by seq desc limit ${o.limit ?? 100}`,
    WorkEvent,
  );

/** That queues may be of it: an experiment or a project. */
async function requireOwner(db: Db, id: string): Promise<void> {
  const known = await db.run(
    sql`select 1 from experiment where id = ${id} union all select 1 from project where id = ${id}`,
  );
  if (!known)
    throw new TillerError(
      "not_found",
      `there is no experiment or project ${id}. Look at the queues of the control room.`,
    );
}

/** Gives a queue that has rules or people of its own a lane of its own, and moves its tasks there. */
async function ownLane(db: Db, q: Queue): Promise<void> {
  await db.run(sql`insert into lane (kind) values (${q.kind}) on conflict do nothing`);
  if (q.experiment === null) return;
  await requireOwner(db, q.experiment);
  // whoever posts tasks of this kind waits, or we wait for them
  await db.run(sql`select 1 from lane where kind = ${q.kind} and experiment is null for update`);
  const fresh = await db.run(
    sql`insert into lane (kind, experiment) values (${q.kind}, ${q.experiment}) on conflict do nothing`,
  );
  if (!fresh) return;
  await db.run(
    sql`update task set lane = (select id from lane where kind = ${q.kind} and experiment = ${q.experiment})
        from batch b where b.id = task.batch and b.type = ${q.kind} and coalesce(b.experiment, b.project) = ${q.experiment}
          and b.consumed_at is null and b.cancelled_at is null and task.lane is not null`,
  );
}

const theirs = (who: Who): Sql =>
  "person" in who ? sql`person = ${who.person}` : sql`grp = ${who.group}`;
const onQueue = (q: Queue): Sql =>
  sql`kind = ${q.kind} and experiment is not distinct from ${q.experiment}`;
const whoName = (who: Who) => ("person" in who ? who.person : `group ${who.group}`);
const queueName = (q: Queue) => (q.experiment ? `${q.kind} of ${q.experiment}` : q.kind);

/** Puts someone on a queue; `place` in their order, behind all others when absent. */
async function enlist(db: Db, who: Who, q: Queue, place?: number): Promise<void> {
  await ownLane(db, q);
  const [person, group] =
    "person" in who ? ([who.person, null] as const) : ([null, who.group] as const);
  await db.run(
    sql`insert into roster (person, grp, kind, experiment, place)
        values (${person}, ${group}, ${q.kind}, ${q.experiment}, coalesce(${place ?? null}::int, (select max(place) + 1 from roster where ${theirs(who)}), 0))
        on conflict (person, grp, kind, experiment) do update set place = excluded.place`,
  );
}

/** Moves a person, a group or a queue in one action. */
export const moveWork = (db: Db, by: PersonId, move: Move): Promise<void> =>
  db.transaction(async (tx) => {
    await applyMove(tx, move);
    await recordWork(tx, by, "move", move);
  });

/** What a move does to the roster, without the event: also tried, and taken back, by `previewMove`. */
export async function applyMove(db: Db, move: Move): Promise<void> {
  if ("queue" in move) {
    if (move.from)
      await db.run(sql`delete from roster where ${theirs(move.from)} and ${onQueue(move.queue)}`);
    return enlist(db, move.to, move.queue, 0);
  }
  const { who, from, to } = move;
  const place = from
    ? await db.maybe(
        sql`delete from roster where ${theirs(who)} and ${onQueue(from)} returning place`,
        z.object({ place: z.number() }),
      )
    : undefined;
  if (from && !place)
    throw new TillerError(
      "not_on_queue",
      `${whoName(who)} is not on the roster of ${queueName(from)}. Leave the old queue out to move them from all of theirs.`,
    );
  if (!from || to === "everything") await db.run(sql`delete from roster where ${theirs(who)}`);
  if (to !== "everything") await enlist(db, who, to, place?.place ?? 0);
}

/** The whole order of someone's queues; an empty one: everything that is not reserved. */
export const setRoster = (
  db: Db,
  by: PersonId,
  o: { who: Who; queues: readonly Queue[] },
): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(sql`delete from roster where ${theirs(o.who)}`);
    for (const [place, q] of o.queues.entries()) await enlist(tx, o.who, q, place);
    await recordWork(tx, by, "roster", { who: o.who, queues: o.queues });
  });

export const listRoster = (db: Db): Promise<RosterRow[]> =>
  db.many(
    sql`select person, grp as "group", kind, experiment, place from roster order by grp nulls last, person, place`,
    RosterRow,
  );

/** Adds a rule to a queue, or to all of them where `kind` is null. */
export async function addRule(
  db: Db,
  by: PersonId,
  r: { kind: string | null; experiment?: ExperimentId | null; body: RuleBody },
): Promise<string> {
  const id = randomUUID();
  const experiment = r.experiment ?? null;
  await db.transaction(async (tx) => {
    if (r.kind !== null) await ownLane(tx, { kind: r.kind, experiment });
    else if (experiment) {
      await requireOwner(tx, experiment);
      const kinds = await tx.many(
        sql`select distinct type as kind from batch where coalesce(experiment, project) = ${experiment} and consumed_at is null and cancelled_at is null and type is not null`,
        z.object({ kind: z.string() }),
      );
      for (const { kind } of kinds) await ownLane(tx, { kind, experiment });
    }
    await tx.run(
      sql`insert into work_rule (id, kind, experiment, body) values (${id}, ${r.kind}, ${experiment}, ${JSON.stringify(r.body)})`,
    );
    await recordWork(tx, by, "rule", { id, kind: r.kind, experiment, ...r.body });
  });
  return id;
}
export const endRule = (db: Db, by: PersonId, id: string): Promise<void> =>
  db.transaction(async (tx) => {
    if (
      await tx.run(sql`update work_rule set ended_at = now() where id = ${id} and ended_at is null`)
    )
      await recordWork(tx, by, "rule ended", { id });
  });
export const listRules = (db: Db): Promise<WorkRule[]> =>
  db.many(
    sql`select id, kind, experiment, body, at from work_rule where ended_at is null order by at`,
    WorkRule,
  );

/** Changes a batch's place in the queue. */
export const setPriority = (
  db: Db,
  by: PersonId,
  o: { batch: string; priority: number; deadline?: Date | null },
): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(
      sql`update batch set priority = ${o.priority}, deadline = ${o.deadline === undefined ? sql`deadline` : sql`${o.deadline?.toISOString() ?? null}::timestamptz`} where id = ${o.batch}`,
    );
    await tx.run(
      sql`update task set urgency = ${urgency(sql`b.priority`, sql`b.deadline`)} from batch b where b.id = ${o.batch} and task.batch = b.id`,
    );
    await recordWork(tx, by, "priority", {
      batch: o.batch,
      priority: o.priority,
      deadline: o.deadline?.toISOString() ?? null,
    });
  });

const worker = (db: Db, person: PersonId) =>
  db.run(sql`insert into worker (person) values (${person}) on conflict do nothing`);

/** Stops handing work to someone, or goes on. What they hold they may still finish. `by` null: a rule did it. */
export const setPaused = (
  db: Db,
  by: PersonId | null,
  o: { person: PersonId; paused: boolean; why: string },
): Promise<void> =>
  db.transaction(async (tx) => {
    await worker(tx, o.person);
    await tx.run(
      sql`update worker set paused_at = case when ${o.paused} then now() end, paused_why = ${o.paused ? o.why : null} where person = ${o.person}`,
    );
    await recordWork(tx, by, o.paused ? "paused" : "resumed", { person: o.person, why: o.why });
  });

export const setLanguages = (
  db: Db,
  by: PersonId,
  o: { person: PersonId; languages: readonly string[] },
): Promise<void> =>
  db.transaction(async (tx) => {
    await worker(tx, o.person);
    await tx.run(sql`update worker set languages = ${[...o.languages]} where person = ${o.person}`);
    await recordWork(tx, by, "languages", o);
  });

/** Grants a level of a qualification; null takes it away. */
export const setQualification = (
  db: Db,
  by: PersonId | null,
  o: { person: PersonId; name: string; level: number | null; why: string },
): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(
      o.level === null
        ? sql`delete from qualification where person = ${o.person} and name = ${o.name}`
        : sql`insert into qualification (person, name, level) values (${o.person}, ${o.name}, ${o.level})
              on conflict (person, name) do update set level = excluded.level, at = now()`,
    );
    await recordWork(tx, by, "qualification", o);
  });

/** Sets who is in a group; makes the group. */
export const setGroup = (
  db: Db,
  by: PersonId,
  o: { group: string; people: readonly PersonId[] },
): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(sql`insert into work_group (id) values (${o.group}) on conflict do nothing`);
    await tx.run(sql`delete from work_group_member where grp = ${o.group}`);
    await tx.run(
      sql`insert into work_group_member (grp, person) select ${o.group}, unnest(${[...o.people]}::text[])`,
    );
    await recordWork(tx, by, "group", o);
  });
export const listGroups = (db: Db): Promise<{ group: string; people: string[] }[]> =>
  db.many(
    sql`select g.id as "group", array(select m.person from work_group_member m where m.grp = g.id order by m.person) as people from work_group g order by g.id`,
    z.object({ group: z.string(), people: z.array(z.string()) }),
  );

/** Everyone who may be given work, or the one named. */
export const listWorkers = (db: Db, o: { person?: PersonId } = {}): Promise<Worker[]> =>
  db.many(
    sql`select p.id as person, coalesce(w.stage, 'active') as stage, w.paused_at as "pausedAt", w.paused_why as "pausedWhy", coalesce(w.languages, '{}') as languages,
          array(select m.grp from work_group_member m where m.person = p.id order by 1) as groups,
          coalesce((select jsonb_object_agg(q.name, q.level) from qualification q where q.person = p.id), '{}') as qualifications
        from person p left join worker w on w.person = p.id
        where (p.role = 'rater' or w.person is not null) and (${o.person ?? null}::text is null or p.id = ${o.person ?? null}) order by p.pseudonym`,
    Worker,
  );
