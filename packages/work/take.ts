/** Who gets which task next: the one they hold, one that only measures, or the best of what is open; and a look at it without taking it. */
import { v7 } from "uuid";
import { z } from "zod";
import {
  DeskPreview,
  Lease,
  type PersonId,
  type Role,
  type TaskId,
  TillerError,
  workerStages,
} from "@tiller/schema";
import { EXPLORE, measuringDue } from "@tiller/crowd";
import { languagesOf, lanesOf, mayHave, quotaOf, today } from "./eligible.ts";
import { blindDuplicateOf, pickBlindDuplicate, pickGold } from "./gold.ts";
import { type Db, type Sql, sql } from "@tiller/store";
import { prepared } from "@tiller/store/sql.ts";
import { giveBack, LEASE_MINUTES, leaseRow } from "./work.ts";

const MAX_HELD = 4;

export interface TakeOptions {
  readonly holding?: readonly string[];
  readonly swap: boolean;
  readonly id?: string;
  /** of the person: researchers get blind duplicates first, others hidden gold by chance; absent: neither */
  readonly role?: Role;
  /** uniform in [0, 1): whether hidden gold comes, and then whether the order by skill is left aside */
  readonly chance?: () => number;
}

/** A lease the person holds already and does not name in `holding`, else a new one; undefined when there is nothing. */
export async function takeLease(
  db: Db,
  person: PersonId,
  o: TakeOptions,
): Promise<Lease | undefined> {
  const chance = o.chance ?? Math.random;
  const holding = [...(o.holding ?? [])];
  const held: Lease[] = [];
  const rows = await db.many(
    prepared(sql`select ${leaseRow} from lease l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version
        where l.person = ${person} and l.state = 'live' and l.expires_at > now() order by l.created_at limit ${MAX_HELD + 1}`),
    LeaseRow,
  );
  for (const row of rows) {
    const lease = await shownOrAside(db, row);
    if (lease) held.push(lease);
  }
  const known = held.find((l) => !holding.includes(l.lease));
  if (known) {
    await db.run(
      sql`update lease set left_at = null, expires_at = now() + make_interval(mins => ${LEASE_MINUTES}) where id = ${known.lease} and left_at is not null`,
    );
    return known;
  }
  if (held.length >= MAX_HELD)
    throw new TillerError(
      "too_many_leases",
      `you hold ${held.length} tasks already. Answer or skip one first.`,
    );
  const measuring = await pickMeasuring(db, person, { role: o.role, chance });
  if (measuring) {
    const lease = await shownOrAside(db, await db.maybe(takeNamed(person, measuring, o), LeaseRow));
    if (lease) return lease;
  }
  attempts: for (let attempt = 0; attempt < 5; attempt++)
    try {
      const drawn = chance();
      for (const window of windows) {
        const row = await db.maybe(prepared(takeNext(person, { ...o, drawn, window })), LeaseRow);
        const lease = await shownOrAside(db, row);
        if (lease) return lease;
        if (row) continue attempts; // that one is set aside: there may be others
      }
      return undefined;
    } catch (e) {
      const { code } = e as { code?: string };
      if (code === "23514") return undefined; // the day's quota was reached in another tab
      if (code !== "23505") throw e; // the same person took it in another tab
    }
  return undefined;
}

const LeaseRow = z.looseObject({ lease: z.string(), task: z.string() });
/** The lease; a task that cannot be shown is set aside, and locks nobody's desk. */
async function shownOrAside(
  db: Db,
  row: z.infer<typeof LeaseRow> | undefined,
): Promise<Lease | undefined> {
  if (!row) return undefined;
  const parsed = Lease.safeParse(row);
  if (parsed.success) return parsed.data;
  const why = `it cannot be shown: ${z.prettifyError(parsed.error)}`;
  const body = JSON.stringify({ task: row.task, why });
  await db.run(
    sql`with gone as (update lease set state = 'expired' where id = ${row.lease} and state = 'live' returning *), ${giveBack}`,
  );
  await db.run(sql`update task set lane = null where id = ${row.task}`);
  await db.run(
    sql`insert into work_event (by, action, body) values (null, 'task_set_aside', ${body})`,
  );
  await db.run(
    sql`update node set brief = ${`task ${row.task} is set aside, ${why}`.slice(0, 500)}, seq = nextval('node_seq')
        where id = (select b.node from task t join batch b on b.id = t.batch where t.id = ${row.task}) and state = 'waiting'`,
  );
  return undefined;
}

/** The kind of work that a person is at: its last task in their hands. */
const lastKind = (me: Sql): Sql =>
  sql`(select t.type from lease l join task t on t.id = l.task where l.person = ${me} and l.state in ('live', 'answered', 'skipped') order by l.created_at desc limit 1)`;

/** How far a person is on the way in, the kinds of work that they could get, and the one that they are at. */
const Due = z.object({
  stage: z.enum(workerStages),
  types: z.array(z.string()),
  at: z.string().nullable(),
});
/** A task that only measures, when it is time for one: to a researcher a blind copy, to a rater hidden gold among other work. */
async function pickMeasuring(
  db: Db,
  person: PersonId,
  { role, chance }: { role: Role | undefined; chance: () => number },
): Promise<TaskId | undefined> {
  if (!role) return undefined;
  if (role === "researcher") {
    const asked = await db.maybe(
      sql`select r.task from task_review r where not exists (
            select 1 from task t join lease l on l.task = t.id where (t.id = r.task or t.twin_of = r.task) and (l.person = ${person} or (t.twin_of = r.task and l.state in ('live', 'answered'))))
          order by r.at limit 1`,
      z.object({ task: z.string() }),
    );
    return asked ? blindDuplicateOf(db, asked.task) : pickBlindDuplicate(db, person);
  }
  const drawn = chance();
  if (!measuringDue("probation", drawn).length) return undefined; // the most that anyone gets: no look is needed
  const me = sql`${person}::text`;
  const { stage, types, at } = await db.one(
    prepared(sql`select coalesce((select stage from worker where person = ${me}), 'active') as stage,
          array(select distinct lanes.kind from ${lanesOf(me)} lanes cross join ${languagesOf(me)} as my(language) cross join lateral (
            select 1 from task t where t.lane = lanes.lane and t.language = my.language and t.taken < t.people and ${mayHave(me)}
            order by t.urgency, t.seq limit 1) x) as types, ${lastKind(me)} as at`),
    Due,
  );
  const due = measuringDue(stage, drawn);
  if (!types.length) return undefined;
  return pickGold(db, person, { due, types: at !== null && types.includes(at) ? [at] : types });
}

/** A lease on a task by its name. */
const takeNamed = (person: PersonId, task: TaskId, o: TakeOptions): Sql =>
  sql`with picked as (select t.id, t.type from task t where t.id = ${task} and t.taken < t.people for update of t),
      ${leasePicked(sql`${person}::text`, o)}`;

/** Looked at together: few at first, then more than others can have locked at one moment. */
const windows = [sql`8`, sql`64`] as const;

/** The lease on the task in `picked`, and the counts that move with it. */
const leasePicked = (me: Sql, o: TakeOptions): Sql => sql`counted as (
        insert into day_count as d (person, kind, day, taken, most)
        select ${me}, k.kind, ${today}, 1, ${quotaOf(me, sql`k.kind`)} from picked cross join lateral (values (''), (picked.type)) as k(kind)
        on conflict (person, kind, day) do update set taken = d.taken + 1, most = excluded.most),
      bumped as (update task set taken = taken + 1 from picked where task.id = picked.id),
      l as (insert into lease (id, task, person, swap, expires_at)
        select ${o.id ?? v7()}, picked.id, ${me}, ${o.swap}, now() + make_interval(mins => ${LEASE_MINUTES}) from picked returning *)
    select ${leaseRow} from l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version`;

/**
 * The next task: of the first open ones in each of the person's lanes, the best that nobody else is taking right now.
 * Every rule is in here, and so are the counts that must move with the lease. Among the equally urgent the kind of work that
 * the person is at goes on. Who is best suited to a topic comes first, but for the fraction of asks that the live delegation
 * rule leaves to anyone: then something is learnt of the others, too.
 */
const takeNext = (person: PersonId, o: TakeOptions & { drawn: number; window: Sql }): Sql => {
  const me = sql`${person}::text`;
  return sql`with ${headOf(me, o)},
      picked as (
        select t.id, t.type from (select id from head order by ${bestFirst}) h
        cross join lateral (select id, type from task where id = h.id and taken < people and lane is not null for update skip locked) t
        limit 1),
      ${leasePicked(me, o)}`;
};
const bestFirst = sql`place, urgency, other, advantage desc, seq`;
const headOf = (
  me: Sql,
  o: { drawn: number; window: Sql },
): Sql => sql`lanes as materialized (select * from ${lanesOf(me)} x),
      head as materialized (
        select c.*, lanes.place, c.type is distinct from ${lastKind(me)} as other, coalesce(s.advantage, 0) as advantage
        from lanes cross join ${languagesOf(me)} as my(language) cross join lateral (
          select t.id, t.type, t.topic, t.urgency, t.seq from task t
          where t.lane = lanes.lane and t.language = my.language and t.taken < t.people and ${mayHave(me)}
          order by t.urgency, t.seq limit ${o.window}) c
        left join skill s on s.person = ${me} and s.kind = c.type and s.topic = c.topic
          and ${o.drawn}::float8 >= coalesce((select max((r.body->>'explore')::float8) from delegation_rule r where r.state = 'live' and r.body->>'kind' = c.type), ${EXPLORE}))`;

/** What the person would get next, which nobody takes by looking; and how many tasks they hold. */
export const peekTask = (db: Db, person: PersonId): Promise<DeskPreview> => {
  const me = sql`${person}::text`;
  return db.one(
    sql`with ${headOf(me, { drawn: 1, window: windows[0] })}
        select (select count(*)::int from lease where person = ${me} and state = 'live' and expires_at > now()) as held,
          (select jsonb_build_object('type', t.type, 'typeVersion', t.type_version, 'title', k.title, 'instructions', k.instructions, 'view', k.view, 'input', t.input)
           from (select id from head order by ${bestFirst} limit 1) h join task t on t.id = h.id join task_type k on k.name = t.type and k.version = t.type_version) as task`,
    DeskPreview,
  );
};
