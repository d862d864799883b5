/**
 * Who has which task, and what they answered. Exact overlap: a task's `taken` moves in the same statement as the
 * lease that takes it, so no task ever has more live leases and answers than it wants people.
 */
import { v7 } from "uuid";
import { z } from "zod";
import {
  Answer,
  type ExperimentId,
  Judgment,
  Lease,
  type LeaseId,
  type PersonId,
  requireStorable,
  type Requirement,
  type SkipReason,
  type Submit,
  TillerError,
} from "@tiller/schema";
import type { TaskDef } from "@tiller/task";
import { parseAnswer } from "./claim.ts";
import { type Db, type Sql, sql } from "@tiller/store";
import { prepared } from "@tiller/store/sql.ts";
import { countLeftTicks, countTicks, TICKS_ABOVE } from "./ticks.ts";

export const LEASE_MINUTES = 15;
export const UNDO_SECONDS = 120;

/** What of a kind of work the store keeps: everything but its code. */
export type TaskType = Pick<
  TaskDef,
  "name" | "version" | "title" | "instructions" | "view" | "input" | "output"
> & {
  /** name@version of the ready-made kind that it was made from, in the browser */
  readonly base?: string | undefined;
};

export interface PostedTask {
  readonly id: string;
  readonly input: unknown;
  readonly draft?: unknown;
  /** only for people who have it on record */
  readonly language?: string;
  /** what skill is estimated by */
  readonly topic?: string;
  /** answers that the input was made from: nobody who saw one of their tasks, or what those were made from, gets this one */
  readonly upstream?: readonly string[];
  /** people who may not get it */
  readonly excluded?: readonly string[];
}

/** Keeps what the desk shows of a kind of work, and gives it a lane. */
export async function storeKind(db: Db, type: TaskType): Promise<void> {
  const schemaOf = (s: z.ZodType) => JSON.stringify(z.toJSONSchema(s, { unrepresentable: "any" }));
  requireStorable(
    { title: type.title, instructions: type.instructions, view: type.view },
    type.name,
  );
  // with no lock on a kind that is known: all who ask wait for each other's commits else
  await db.run(
    prepared(sql`insert into task_type (name, version, title, instructions, view, input_schema, output_schema, base)
          select ${type.name}, ${type.version}, ${type.title}, ${type.instructions}, ${JSON.stringify(type.view)}::jsonb, ${schemaOf(type.input)}::jsonb, ${schemaOf(type.output)}::jsonb, ${type.base ?? null}
          where not exists (select from task_type where name = ${type.name} and version = ${type.version} and view is not null)
          on conflict (name, version) do update set title = excluded.title, view = excluded.view, input_schema = excluded.input_schema, output_schema = excluded.output_schema
          where task_type.view is null`),
  );
  await db.run(sql`insert into lane (kind) values (${type.name}) on conflict do nothing`);
}

/** Posts the tasks of one `ask`, or of a project. Posting the same batch again changes nothing. */
export async function postBatch(
  db: Db,
  b: {
    id: string;
    /** null: of a project */
    experiment: ExperimentId | null;
    project?: string;
    type: TaskType;
    people: number;
    inputs: readonly PostedTask[];
    node?: string;
    deadline?: Date | undefined;
    /** higher goes first, before any deadline */
    priority?: number | undefined;
    requires?: readonly Requirement[] | undefined;
    /** who may not get these tasks */
    excluded?: readonly string[];
    upstream?: readonly string[];
    /** simulated people may answer as well */
    simulated?: boolean;
  },
): Promise<void> {
  const { type } = b;
  const deadline = b.deadline?.toISOString() ?? null;
  for (const { id, input, draft } of b.inputs)
    requireStorable({ [id]: { input, draft } }, type.name);
  await db.transaction(async (tx) => {
    await storeKind(tx, type);
    const fresh = await tx.run(
      sql`insert into batch (id, experiment, project, type, wanted, node, deadline, priority, simulated)
          values (${b.id}, ${b.experiment}, ${b.project ?? null}, ${type.name}, ${b.inputs.length * b.people}, ${b.node ?? null}, ${deadline}, ${b.priority ?? 0}, ${b.simulated ?? false}) on conflict do nothing`,
    );
    if (!fresh) return;
    // shared: a queue that gets a lane of its own meanwhile waits, and then finds these tasks
    await tx.run(
      sql`select 1 from lane where kind = ${type.name} and experiment is null for share`,
    );
    await tx.run(sql`insert into task (id, batch, place, type, type_version, input, people, draft, excluded, lane, language, topic, requires, urgency)
      select ${b.id} || '/' || (x->>'id'), ${b.id}, n, ${type.name}, ${type.version}, x->'input', ${b.people}, x->'draft',
        ${[...(b.excluded ?? [])]}::text[] || array(select jsonb_array_elements_text(coalesce(x->'excluded', '[]'))),
        (select id from lane where kind = ${type.name} and (experiment = ${b.experiment ?? b.project ?? null} or experiment is null) order by experiment nulls last limit 1),
        coalesce(x->>'language', ''), coalesce(x->>'topic', ''), ${b.requires?.length ? JSON.stringify(b.requires) : null}::jsonb,
        ${urgency(sql`${b.priority ?? 0}::int`, sql`${deadline}::timestamptz`)}
      from jsonb_array_elements(${JSON.stringify(b.inputs)}::jsonb) with ordinality as e(x, n)`);
    for (const x of b.inputs) {
      const upstream = [...(b.upstream ?? []), ...(x.upstream ?? [])];
      if (upstream.length) await nameUpstream(tx, `${b.id}/${x.id}`, upstream);
    }
  });
}
/** One number that sorts tasks: priority first (higher is earlier), then the deadline. */
export const urgency = (priority: Sql, deadline: Sql): Sql =>
  sql`(-100000000000 * ${priority}::bigint + coalesce(extract(epoch from ${deadline})::bigint, 90000000000))`;

const nameUpstream = async (db: Db, task: string, answers: readonly string[]): Promise<void> => {
  const found = await db.run(
    sql`insert into task_upstream (task, upstream)
        select distinct ${task}, u.task from answer a cross join lateral (select a.task union select v.upstream from task_upstream v where v.task = a.task) u
        where a.id = any(${[...answers]}) and u.task <> ${task} on conflict do nothing`,
  );
  if (found) await db.run(sql`update task set derived = true where id = ${task}`);
};

export const leaseRow = sql`l.id as lease, t.id as task, t.type, t.type_version as "typeVersion", k.title, k.instructions, k.view, t.input, t.draft, l.swap, l.expires_at as "expiresAt"`;

export const renewLease = (db: Db, person: PersonId, lease: LeaseId): Promise<number> =>
  db.run(
    sql`update lease set expires_at = now() + make_interval(mins => ${LEASE_MINUTES}) where id = ${lease} and person = ${person} and state = 'live'`,
  );

/**
 * The leases in `gone` lose their places; a task is open again. Tasks before days, and days
 * in order: as everywhere, so that no two statements wait for each other.
 */
export const giveBack = sql`freed as (
    update task set taken = taken - g.n from (select task, count(*)::int as n from gone group by task) g where task.id = g.task returning task.id, task.type),
  back as (insert into day_count as d (person, kind, day, taken)
  select gone.person, k.kind, (gone.created_at at time zone 'utc')::date, count(*)::int from gone join freed on freed.id = gone.task
    cross join lateral (values (''), (freed.type)) as k(kind) group by 1, 2, 3 order by 1, 2, 3
  on conflict (person, kind, day) do update set taken = greatest(0, d.taken - excluded.taken))
  select count(*)::int from gone`;

/** Gives back what nobody renewed; adds up what a crash left uncounted. One server at a time. Returns the leases ended. */
export async function expireLeases(db: Db): Promise<number> {
  await countLeftTicks(db);
  return db.transaction(async (tx) => {
    if (!(await tx.value(sql`select pg_try_advisory_xact_lock(${SWEEP})`, z.boolean()))) return 0;
    return tx.value(
      sql`with gone as (update lease set state = 'expired' where state = 'live' and expires_at < now() returning *), ${giveBack}`,
      z.number(),
    );
  });
}
const SWEEP = 7_070_710;

export interface Submitted {
  readonly answer: string;
  readonly at: string;
  /** null: its task is of a project, or only measures */
  readonly experiment: ExperimentId | null;
  readonly batch: string;
  readonly done: number;
  readonly wanted: number;
  /** the lease was answered before, with this */
  readonly earlier?: { readonly value: unknown };
}
const SubmittedRow = z.object({
  answer: z.string(),
  at: z.string(),
  experiment: z.string().nullable(),
  batch: z.string(),
  done: z.number(),
  wanted: z.number(),
});

const StoredRow = SubmittedRow.extend({ ticked: z.boolean() });

/** Adds an answer in `t` (type, created_at of its lease) to its person's day, or takes it out. */
const countAnswer = (person: PersonId, n: 1 | -1, seconds: number | Sql): Sql =>
  sql`insert into day_count as d (person, kind, day, answered, seconds)
      select ${person}, k.kind, (t.created_at at time zone 'utc')::date, ${n}::int, ${seconds}::float8 from t cross join lateral (values (''), (t.type)) as k(kind) order by 2
      on conflict (person, kind, day) do update set answered = d.answered + excluded.answered, seconds = d.seconds + excluded.seconds`;

/** How many people a task should have, given the answer that just comes; undefined: as many as before. */
export type DecidePeople = (
  tx: Db,
  answered: { lease: LeaseId; value: unknown },
) => Promise<number | undefined>;

/** The answer, its place, and all counts in one statement. `more`: places the task gets beside, or loses, with it. */
const storeAnswer = (
  db: Db,
  person: PersonId,
  s: Submit,
  o: { more?: number } = {},
): Promise<(z.infer<typeof SubmittedRow> & { ticked: boolean }) | undefined> => {
  const change = o.more
    ? sql`b as (update batch set done = done + 1, wanted = wanted + ${o.more} where id = (select batch from t) returning *),
          p as (update task set people = people + ${o.more} where id = (select task from t)),`
    : sql`b as (update batch set done = done + 1 where id = (select batch from t) and wanted - done <= ${TICKS_ABOVE} returning *),`;
  return db.maybe(
    prepared(sql`with l as (update lease set state = 'answered' where id = ${s.lease} and person = ${person} and state = 'live' returning *),
          a as (insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds)
            select ${v7()}, task, id, person, ${JSON.stringify(s.value)}::jsonb, swap, ${s.activeSeconds}, ${s.idleSeconds} from l returning *),
          t as (select a.id, a.at, a.task, t.batch, t.type, l.created_at from a join task t on t.id = a.task cross join l),
          d as (${countAnswer(person, 1, s.activeSeconds)}),
          ${change}
          tick as (insert into batch_tick (batch, n) select t.batch, 1 from t where not exists (select 1 from b) returning *)
        select t.id as answer, t.at, o.experiment, o.id as batch, coalesce(b.done, o.done) as done, coalesce(b.wanted, o.wanted) as wanted, exists (select 1 from tick) as ticked
        from t join batch o on o.id = t.batch left join b on b.id = o.id`),
    StoredRow,
  );
};

/** The same under a delegation rule: the task is locked while it decides, so the places change with the answer and never after it. */
const storeDeciding = (db: Db, person: PersonId, s: Submit, decide: DecidePeople) =>
  db.transaction(async (tx) => {
    const live = await tx.run(
      sql`select 1 from lease where id = ${s.lease} and person = ${person} and state = 'live' for update`,
    );
    if (!live) return undefined;
    const task = await tx.one(
      sql`select t.people, t.taken from task t join batch b on b.id = t.batch
          where t.id = (select task from lease where id = ${s.lease}) for update of t`,
      z.object({ people: z.number(), taken: z.number() }),
    );
    const people = await decide(tx, { lease: s.lease, value: s.value });
    // never below the places that are taken: whoever is at it finishes
    const more = people === undefined ? 0 : Math.max(people, task.taken) - task.people;
    return storeAnswer(tx, person, s, { more });
  });

/**
 * Stores an answer. The same lease again returns the stored one: a retry after a lost reply is safe. `bound`: its seconds
 * are what a client claims, and cut to what passed.
 */
export async function submitAnswer(
  db: Db,
  person: PersonId,
  sent: Submit,
  o: { bound?: boolean; decide?: DecidePeople | undefined } = {},
): Promise<Submitted> {
  const { decide } = o;
  const s = await parseAnswer(db, person, sent, o);
  const stored = (where: typeof leaseRow) =>
    db.maybe(
      sql`select a.id as answer, a.at, b.experiment, b.id as batch, b.done, b.wanted, jsonb_build_object('value', a.value) as earlier from answer a join task t on t.id = a.task join batch b on b.id = t.batch where a.undone_at is null and ${where}`,
      SubmittedRow.extend({ earlier: z.object({ value: z.unknown() }) }),
    ) as Promise<Submitted | undefined>;
  const fresh = await (decide ? storeDeciding(db, person, s, decide) : storeAnswer(db, person, s));
  if (fresh) {
    const { ticked, ...row } = fresh;
    if (!ticked) return row as Submitted;
    // another process may have added ours up
    const count = (await countTicks(db, row.batch)) ?? (await batchProgress(db, row.batch));
    return { ...row, ...count } as Submitted;
  }
  const old = await stored(sql`a.lease = ${s.lease} and a.person = ${person}`);
  if (old) return old;
  const state = await db.maybe(
    sql`select state from lease where id = ${s.lease} and person = ${person}`,
    z.object({ state: z.string() }),
  );
  if (state?.state === "live" || state?.state === "answered")
    return submitAnswer(db, person, sent, o); // a retry beside this one moved it between the two looks
  if (state?.state !== "expired")
    throw new TillerError(
      "unknown_lease",
      `lease ${s.lease} is not yours or was skipped. Take the next task.`,
    );
  // late, but the work was done: take the place again when nobody else has it. The lease is locked first: of
  // several retries one takes the place, the others then find its answer
  const revived = await db
    .transaction(async (tx) => {
      const again = await tx.run(
        sql`update lease set state = 'live' where id = ${s.lease} and state = 'expired'`,
      );
      if (!again) return true;
      const place = await tx.run(
        sql`update task set taken = taken + 1 where id = (select task from lease where id = ${s.lease}) and taken < people`,
      );
      if (!place) await tx.run(sql`update lease set state = 'expired' where id = ${s.lease}`);
      return place > 0;
    })
    .catch((e: unknown) => {
      if ((e as { code?: string }).code === "23505") return false; // the same person took the task again
      throw e;
    });
  if (!revived)
    throw new TillerError(
      "lease_expired",
      `the task of lease ${s.lease} was given out again after ${LEASE_MINUTES} minutes. Take the next task.`,
    );
  return submitAnswer(db, person, sent, o);
}

/** Takes an answer back within two minutes and makes its lease live again, unless the answers are in use. */
export async function undoAnswer(db: Db, person: PersonId, answer: string): Promise<Lease> {
  const lease = await db.transaction(async (tx) => {
    // the batch first: a second undo, or the use of the answers, waits here and then sees what came of this one
    const open = await tx.run(
      sql`select 1 from batch where consumed_at is null and id = (select t.batch from answer a join task t on t.id = a.task where a.id = ${answer} and a.person = ${person}) for update`,
    );
    if (!open) return undefined;
    return tx.maybe(
      sql`with a as (update answer set undone_at = now() where id = ${answer} and person = ${person} and undone_at is null
              and at > now() - make_interval(secs => ${UNDO_SECONDS}) returning lease, task, active_seconds),
            b as (update batch set done = done - 1 where id = (select t.batch from task t join a on a.task = t.id)),
            t as (select t.type, a.active_seconds as seconds, l.created_at from a join task t on t.id = a.task join lease l on l.id = a.lease),
            d as (${countAnswer(person, -1, sql`(select -seconds from t)`)}),
            l as (update lease set state = 'live', expires_at = now() + make_interval(mins => ${LEASE_MINUTES}) from a where lease.id = a.lease returning lease.*)
          select ${leaseRow} from l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version`,
      Lease,
    );
  });
  if (!lease)
    throw new TillerError(
      "too_late",
      `answer ${answer} can no longer be undone: two minutes are over, it is in use, or it was sent back. Tell the work lead if it was wrong.`,
    );
  return lease;
}

/** Puts a task back for somebody else; this person does not see it again. */
export async function skipTask(
  db: Db,
  person: PersonId,
  s: { lease: LeaseId; reason: SkipReason; comment?: string | undefined },
): Promise<void> {
  const n = await db.value(
    sql`with gone as (update lease set state = 'skipped' where id = ${s.lease} and person = ${person} and state = 'live' returning *),
          k as (insert into skip (lease, reason, comment) select id, ${s.reason}, ${s.comment ?? null} from gone), ${giveBack}`,
    z.number(),
  );
  if (!n)
    throw new TillerError(
      "unknown_lease",
      `lease ${s.lease} is not yours, or it is over. Take the next task.`,
    );
}

/** Answers of any kind of work, in the order of their tasks. */
export const answersOf = (
  db: Db,
  where: { batch: string } | { experiment: ExperimentId } | { answers: readonly string[] },
): Promise<Answer[]> =>
  db.many(
    prepared(sql`select a.id as answer, a.task, t.type, t.type_version as "typeVersion", a.person, p.pseudonym as by, a.value, a.swap,
          a.active_seconds as "activeSeconds", a.idle_seconds as "idleSeconds", a.at
        from answer a join task t on t.id = a.task join batch b on b.id = t.batch join person p on p.id = a.person
        where a.undone_at is null and ${whichAnswers(where)} order by t.place, a.at, a.id`),
    Answer,
  );
const whichAnswers = (
  where: { batch: string } | { experiment: ExperimentId } | { answers: readonly string[] },
) =>
  "batch" in where
    ? sql`t.batch = ${where.batch}`
    : "experiment" in where
      ? sql`b.experiment = ${where.experiment}`
      : sql`a.id = any(${[...where.answers]})`;

const judgmentColumns = sql`a.id as answer, a.task, t.type_version as "typeVersion", a.person, p.pseudonym as by, a.value->>'choice' as choice, a.swap,
  a.active_seconds as "activeSeconds", a.idle_seconds as "idleSeconds", a.at`;

export const judgmentsOf = (
  db: Db,
  where: { batch: string } | { experiment: ExperimentId } | { answers: readonly string[] },
): Promise<Judgment[]> =>
  db.many(
    sql`select ${judgmentColumns} from answer a join task t on t.id = a.task join batch b on b.id = t.batch join person p on p.id = a.person
        where a.undone_at is null and a.value->>'choice' in ('a', 'b', 'tie') and ${whichAnswers(where)}
        order by t.place, a.at, a.id`,
    Judgment,
  );

/** Fixes a complete batch's answers for use; false while some are missing. */
export const consumeBatch = async (db: Db, batch: string): Promise<boolean> =>
  (await db.run(
    sql`update batch set consumed_at = coalesce(consumed_at, now()) where id = ${batch} and done >= wanted`,
  )) > 0;

/** Complete batches whose workflow has not taken the answers: it may have missed the word in a crash. */
export const waitingBatches = (
  db: Db,
): Promise<{ batch: string; done: number; wanted: number }[]> =>
  db.many(
    sql`select b.id as batch, b.done, b.wanted from batch b join experiment e on e.id = b.experiment
        where b.done >= b.wanted and b.consumed_at is null and e.state = 'running'`,
    z.object({ batch: z.string(), done: z.number(), wanted: z.number() }),
  );

export const batchProgress = (db: Db, batch: string): Promise<{ done: number; wanted: number }> =>
  db.one(
    prepared(sql`select done, wanted from batch where id = ${batch}`),
    z.object({ done: z.number(), wanted: z.number() }),
  );
