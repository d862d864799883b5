/**
 * Who has which task, and what they answered. Exact overlap: a task's `taken` moves in the same statement as the
 * lease that takes it, so no task ever has more live leases and answers than it wants people.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  Answer,
  type DeskProgress,
  type ExperimentId,
  Judgment,
  Lease,
  type LeaseId,
  type PersonId,
  type SkipReason,
  type Submit,
  type TaskDef,
  TillerError,
} from "@tiller/schema";
import { type Db, sql } from "./sql.ts";

export const LEASE_MINUTES = 15;
export const UNDO_SECONDS = 120;
const MAX_HELD = 4;

/** What of a kind of work the store keeps: everything but its code. */
export type TaskType = Pick<
  TaskDef,
  "name" | "version" | "title" | "instructions" | "view" | "input" | "output"
>;

/** Posts the tasks of one `ask`. Posting the same batch again changes nothing. */
export async function postBatch(
  db: Db,
  b: {
    id: string;
    experiment: ExperimentId;
    type: TaskType;
    people: number;
    inputs: readonly { id: string; input: unknown; draft?: unknown }[];
    node?: string;
    deadline?: Date | undefined;
    /** who may not get these tasks */
    excluded?: readonly string[];
  },
): Promise<void> {
  const { type } = b;
  const schemaOf = (s: z.ZodType) => JSON.stringify(z.toJSONSchema(s, { unrepresentable: "any" }));
  await db.transaction(async (tx) => {
    await tx.run(
      sql`insert into task_type (name, version, title, instructions, view, input_schema, output_schema)
          values (${type.name}, ${type.version}, ${type.title}, ${type.instructions}, ${JSON.stringify(type.view)}, ${schemaOf(type.input)}, ${schemaOf(type.output)})
          on conflict (name, version) do update set title = excluded.title, view = excluded.view, input_schema = excluded.input_schema, output_schema = excluded.output_schema
          where task_type.view is null`,
    );
    const fresh = await tx.run(
      sql`insert into batch (id, experiment, wanted, node, deadline)
          values (${b.id}, ${b.experiment}, ${b.inputs.length * b.people}, ${b.node ?? null}, ${b.deadline?.toISOString() ?? null}) on conflict do nothing`,
    );
    if (!fresh) return;
    await tx.run(sql`insert into task (id, batch, place, type, type_version, input, people, draft, excluded)
      select ${b.id} || '/' || (x->>'id'), ${b.id}, n, ${type.name}, ${type.version}, x->'input', ${b.people}, x->'draft', ${[...(b.excluded ?? [])]}
      from jsonb_array_elements(${JSON.stringify(b.inputs)}::jsonb) with ordinality as e(x, n)`);
  });
}

const leaseRow = sql`l.id as lease, t.id as task, t.type, t.type_version as "typeVersion", k.title, k.instructions, k.view, t.input, t.draft, l.swap, l.expires_at as "expiresAt"`;

/** A lease the person holds already and does not name in `holding`, else a new one; undefined when there is nothing. */
export async function takeLease(
  db: Db,
  person: PersonId,
  o: { holding?: readonly string[]; swap: boolean; id?: string },
): Promise<Lease | undefined> {
  const holding = [...(o.holding ?? [])];
  const held = await db.many(
    sql`select ${leaseRow} from lease l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version
        where l.person = ${person} and l.state = 'live' and l.expires_at > now() order by l.created_at limit ${MAX_HELD + 1}`,
    Lease,
  );
  const known = held.find((l) => !holding.includes(l.lease));
  if (known) return known;
  if (held.length >= MAX_HELD)
    throw new TillerError(
      "too_many_leases",
      `you hold ${held.length} tasks already. Answer or skip one first.`,
    );
  for (let attempt = 0; attempt < 5; attempt++)
    try {
      return await db.maybe(
        sql`with picked as (
              select t.id from task t join batch b on b.id = t.batch
              where b.consumed_at is null and b.cancelled_at is null and t.taken < t.people and t.dropped_at is null and ${person} <> all(t.excluded)
                and not exists (select 1 from lease l where l.task = t.id and l.person = ${person} and l.state in ('live', 'answered', 'skipped'))
              order by b.id, t.place limit 1 for update of t skip locked),
            bumped as (update task set taken = taken + 1 from picked where task.id = picked.id),
            l as (insert into lease (id, task, person, swap, expires_at)
              select ${o.id ?? randomUUID()}, picked.id, ${person}, ${o.swap}, now() + make_interval(mins => ${LEASE_MINUTES}) from picked returning *)
            select ${leaseRow} from l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version`,
        Lease,
      );
    } catch (e) {
      if ((e as { code?: string }).code !== "23505") throw e; // the same person took it in another tab
    }
  return undefined;
}

export const renewLease = (db: Db, person: PersonId, lease: LeaseId): Promise<number> =>
  db.run(
    sql`update lease set expires_at = now() + make_interval(mins => ${LEASE_MINUTES}) where id = ${lease} and person = ${person} and state = 'live'`,
  );

/** Gives back what nobody renewed. */
export const expireLeases = (db: Db): Promise<number> =>
  db.run(sql`with gone as (update lease set state = 'expired' where state = 'live' and expires_at < now() returning task)
    update task set taken = taken - n from (select task, count(*)::int n from gone group by task) g where task.id = g.task`);

export interface Submitted {
  readonly answer: string;
  readonly at: string;
  readonly experiment: ExperimentId;
  readonly batch: string;
  readonly done: number;
  readonly wanted: number;
}
const SubmittedRow = z.object({
  answer: z.string(),
  at: z.string(),
  experiment: z.string(),
  batch: z.string(),
  done: z.number(),
  wanted: z.number(),
});

const outputSchemas = new Map<string, z.ZodType>(); // by type and version: they never change
/** The answer as the task's type wants it; a clear error when it does not fit. */
async function parseValue(db: Db, s: Submit): Promise<unknown> {
  const type = await db.maybe(
    sql`select t.type, t.type_version as version from lease l join task t on t.id = l.task where l.id = ${s.lease}`,
    z.object({ type: z.string(), version: z.string() }),
  );
  if (!type) return s.value; // an unknown lease: said below
  const key = `${type.type}@${type.version}`;
  if (!outputSchemas.has(key)) {
    const schema = await db.value(
      sql`select output_schema from task_type where name = ${type.type} and version = ${type.version}`,
      z.record(z.string(), z.unknown()).nullable(),
    );
    outputSchemas.set(key, schema ? z.fromJSONSchema(schema) : z.unknown());
  }
  const parsed = outputSchemas.get(key)!.safeParse(s.value);
  if (parsed.success) return parsed.data;
  throw new TillerError(
    "bad_answer",
    `the answer does not fit ${key}: ${parsed.error.issues.map((i) => `${i.path.join(".") || "answer"}: ${i.message}`).join("; ")}. Correct it and send it again.`,
  );
}

/** Stores an answer. The same lease again returns the stored one: a retry after a lost reply is safe. */
export async function submitAnswer(db: Db, person: PersonId, s: Submit): Promise<Submitted> {
  const id = randomUUID();
  const value = await parseValue(db, s);
  const stored = (where: typeof leaseRow) =>
    db.maybe(
      sql`select a.id as answer, a.at, b.experiment, b.id as batch, b.done, b.wanted from answer a join task t on t.id = a.task join batch b on b.id = t.batch where a.undone_at is null and ${where}`,
      SubmittedRow,
    ) as Promise<Submitted | undefined>;
  const fresh = await db.maybe(
    sql`with l as (update lease set state = 'answered' where id = ${s.lease} and person = ${person} and state = 'live' returning *),
          a as (insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds)
            select ${id}, task, id, person, ${JSON.stringify(value)}::jsonb, swap, ${s.activeSeconds}, ${s.idleSeconds} from l returning *),
          b as (update batch set done = done + 1 where id = (select t.batch from task t join a on a.task = t.id) returning *)
        select a.id as answer, a.at, b.experiment, b.id as batch, b.done, b.wanted from a, b`,
    SubmittedRow,
  );
  if (fresh) return fresh as Submitted;
  const old = await stored(sql`a.lease = ${s.lease} and a.person = ${person}`);
  if (old) return old;
  const state = await db.maybe(
    sql`select state from lease where id = ${s.lease} and person = ${person}`,
    z.object({ state: z.string() }),
  );
  if (state?.state === "live" || state?.state === "answered") return submitAnswer(db, person, s); // a retry beside this one moved it between the two looks
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
  return submitAnswer(db, person, s);
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
              and at > now() - make_interval(secs => ${UNDO_SECONDS}) returning lease, task),
            b as (update batch set done = done - 1 where id = (select t.batch from task t join a on a.task = t.id)),
            l as (update lease set state = 'live', expires_at = now() + make_interval(mins => ${LEASE_MINUTES}) from a where lease.id = a.lease returning lease.*)
          select ${leaseRow} from l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version`,
      Lease,
    );
  });
  if (!lease)
    throw new TillerError(
      "too_late",
      `answer ${answer} can no longer be undone: two minutes are over, or it is in use. Tell the work lead if it was wrong.`,
    );
  return lease;
}

/** Puts a task back for somebody else; this person does not see it again. */
export async function skipTask(
  db: Db,
  person: PersonId,
  s: { lease: LeaseId; reason: SkipReason; comment?: string | undefined },
): Promise<void> {
  const n = await db.run(
    sql`with l as (update lease set state = 'skipped' where id = ${s.lease} and person = ${person} and state = 'live' returning *),
          k as (insert into skip (lease, reason, comment) select id, ${s.reason}, ${s.comment ?? null} from l)
        update task set taken = taken - 1 from l where task.id = l.task`,
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
    sql`select a.id as answer, a.task, t.type, t.type_version as "typeVersion", a.person as rater, p.pseudonym, a.value, a.swap,
          a.active_seconds as "activeSeconds", a.idle_seconds as "idleSeconds", a.at
        from answer a join task t on t.id = a.task join batch b on b.id = t.batch join person p on p.id = a.person
        where a.undone_at is null and ${whichAnswers(where)} order by t.place, a.at, a.id`,
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

const judgmentColumns = sql`a.id as answer, a.task, t.type_version as "typeVersion", a.person as rater, p.pseudonym, a.value->>'choice' as choice, a.swap,
  a.active_seconds as "activeSeconds", a.idle_seconds as "idleSeconds", a.at`;

export const judgmentsOf = (
  db: Db,
  where: { batch: string } | { experiment: ExperimentId } | { answers: readonly string[] },
): Promise<Judgment[]> =>
  db.many(
    sql`select ${judgmentColumns} from answer a join task t on t.id = a.task join batch b on b.id = t.batch join person p on p.id = a.person
        where a.undone_at is null and a.value->>'choice' is not null and ${whichAnswers(where)}
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
    sql`select done, wanted from batch where id = ${batch}`,
    z.object({ done: z.number(), wanted: z.number() }),
  );

/** The person's own numbers. Agreement is with the majority of the others on tasks that two others answered. */
export async function deskProgress(db: Db, person: PersonId): Promise<DeskProgress> {
  const Row = z.object({
    answered: z.number(),
    answeredToday: z.number(),
    skipped: z.number(),
    activeSeconds: z.number(),
    available: z.number(),
  });
  const row = await db.one(
    sql`select count(*)::int as answered, count(*) filter (where at::date = now()::date)::int as "answeredToday", coalesce(sum(active_seconds), 0)::float8 as "activeSeconds",
          (select count(*)::int from skip join lease on lease.id = skip.lease where lease.person = ${person}) as skipped,
          (select count(*)::int from task t join batch b on b.id = t.batch where b.consumed_at is null and b.cancelled_at is null and t.taken < t.people and t.dropped_at is null and ${person} <> all(t.excluded)
             and not exists (select 1 from lease l where l.task = t.id and l.person = ${person} and l.state in ('live', 'answered', 'skipped'))) as available
        from answer where person = ${person} and undone_at is null`,
    Row,
  );
  const shared = await db.one(
    sql`select count(*)::int as n, coalesce(avg(case when mine = theirs then 1.0 else 0.0 end), 0)::float8 as share from (
          select a.value->>'choice' as mine, mode() within group (order by o.value->>'choice') as theirs
          from answer a join answer o on o.task = a.task and o.person <> a.person and o.undone_at is null
          where a.person = ${person} and a.undone_at is null group by a.id having count(*) >= 2) x`,
    z.object({ n: z.number(), share: z.number() }),
  );
  return { ...row, agreement: shared.n >= 10 ? shared.share : null };
}
