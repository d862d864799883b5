/**
 * The desk around the form: drafts, concerns, instructions read, the fate of skipped tasks, honest time.
 * Who gets which task is in work.ts.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  Beside,
  type BeatReply,
  Concern,
  SavedDraft,
  type Lease,
  LeaseId,
  type PersonId,
  Referral,
  type SaveDraft,
  type SaveDraftReply,
  type SettleReferral,
  Shown,
  type SkipFate,
  type SkipReason,
  TillerError,
} from "@tiller/schema";
import { drawShown } from "@tiller/task";
import { type Db, sql } from "@tiller/store";
import { prepared } from "@tiller/store/sql.ts";
import { seenColumns } from "./seen.ts";
import { LEASE_MINUTES, skipTask } from "./work.ts";

const DRAFT_BYTES = 1_000_000;
const draftColumns = sql`d.value, d.revision, d.tab, d.saved_at as "savedAt", d.active_seconds as "activeSeconds", d.idle_seconds as "idleSeconds"`;

/** Keeps an answer in the making. The last writer stands; what it stood over comes back with the reply. */
export async function saveDraft(db: Db, person: PersonId, s: SaveDraft): Promise<SaveDraftReply> {
  const value = JSON.stringify(s.value ?? null);
  if (value.length > DRAFT_BYTES)
    throw new TillerError(
      "too_long",
      `a draft of ${value.length} characters is too long to keep; the limit is ${DRAFT_BYTES}. Shorten it.`,
    );
  return db.transaction(async (tx) => {
    const lease = await tx.maybe(
      sql`select state from lease where id = ${s.lease} and person = ${person} for update`,
      z.object({ state: z.string() }),
    );
    if (lease?.state === "live")
      await tx.run(
        sql`update lease set left_at = null, expires_at = now() + make_interval(mins => ${LEASE_MINUTES}) where id = ${s.lease} and left_at is not null`,
      );
    else if (lease?.state !== "expired")
      throw new TillerError(
        "lease_over",
        `the task of lease ${s.lease} is ${lease?.state ?? "not yours"}: its draft is not kept any more. Take the next task.`,
      );
    const before = await tx.maybe(
      sql`select ${draftColumns} from draft d where d.lease = ${s.lease}`,
      SavedDraft,
    );
    const saved = await tx.one(
      sql`insert into draft (lease, value, tab, active_seconds, idle_seconds)
          values (${s.lease}, ${value}::jsonb, ${s.tab}, ${s.activeSeconds}, ${s.idleSeconds})
          on conflict (lease) do update set value = excluded.value, tab = excluded.tab, revision = draft.revision + 1, saved_at = now(),
            active_seconds = greatest(draft.active_seconds, excluded.active_seconds), idle_seconds = greatest(draft.idle_seconds, excluded.idle_seconds)
          returning revision, saved_at as "savedAt"`,
      z.object({ revision: z.number(), savedAt: z.iso.datetime() }),
    );
    const stale = before && before.tab !== s.tab && before.revision > s.base;
    return { ...saved, replaced: stale ? before : null };
  });
}

/** Instructions that a person is known to have read, which nothing makes unread: nobody asks for them again. */
const readBy = new WeakMap<Db, Set<string>>();

const BesideRow = z.object({
  drafted: z.boolean(),
  known: z.boolean().nullable(),
  version: z.string().nullable(),
  instructions: z.string().nullable(),
  ...z.object(SavedDraft.shape).partial().shape,
  revision: z.number().nullable(),
  tab: z.string().nullable(),
  savedAt: z.string().nullable(),
  activeSeconds: z.number().nullable(),
  idleSeconds: z.number().nullable(),
});
/**
 * What the desk needs beside the lease: the draft, and whether its instructions are news to this person. `fresh`: the
 * lease was given out just now, so there is no draft.
 */
export async function besideLease(
  db: Db,
  person: PersonId,
  l: Lease,
  o: { fresh?: boolean } = {},
): Promise<Beside> {
  const read = readBy.get(db) ?? new Set();
  readBy.set(db, read);
  const key = `${person}\n${l.type}\n${l.typeVersion}`;
  if (o.fresh && read.has(key))
    return Beside.parse({ draft: null, first: false, before: null, shown: await shownTo(db, l) });
  const row = await db.one(
    prepared(sql`select d.lease is not null as drafted, ${draftColumns}, r.known, r.version, k.instructions
        from (select 1) x left join draft d on d.lease = ${l.lease}
        left join lateral (
          select version, bool_or(version = ${l.typeVersion}) over () as known from instructions_read
          where person = ${person} and type = ${l.type} order by at desc limit 1) r on true
        left join task_type k on k.name = ${l.type} and k.version = r.version`),
    BesideRow,
  );
  const { drafted, known, version, instructions, ...draft } = row;
  if (known) read.add(key);
  const changed = known === false && instructions !== null && instructions !== l.instructions;
  return Beside.parse({
    draft: drafted ? draft : null,
    first: version === null,
    before: changed ? { version, instructions } : null,
    shown: await shownTo(db, l),
  });
}

/** How this lease's task is shown, drawn and recorded the first time; null where its swap says it all. */
const shownTo = async (db: Db, l: Lease): Promise<Shown | null> => {
  const drawn = drawShown(l);
  if (!drawn) return null;
  return db.value(
    sql`update lease set shown = coalesce(shown, ${JSON.stringify(drawn)}::jsonb) where id = ${l.lease} returning shown`,
    Shown,
  );
};

/** A lease that ran out, back in its person's hands, when nobody else has the place. */
const reclaim = (db: Db, person: PersonId, lease: string): Promise<unknown> =>
  db
    .transaction(async (tx) => {
      const mine = await tx.maybe(
        sql`update lease set state = 'live', expires_at = now() + make_interval(mins => ${LEASE_MINUTES})
            where id = ${lease} and person = ${person} and state = 'expired' returning task`,
        z.object({ task: z.string() }),
      );
      if (!mine) return;
      const place = await tx.run(
        sql`update task set taken = taken + 1 where id = ${mine.task} and taken < people and dropped_at is null`,
      );
      if (!place) await tx.run(sql`update lease set state = 'expired' where id = ${lease}`);
    })
    .catch((e: unknown) => {
      if ((e as { code?: string }).code !== "23505") throw e; // the same person took the task again
    });

/** Renews the leases in hand when the person is active, and says what became of each. */
export async function beat(
  db: Db,
  person: PersonId,
  b: { leases: readonly string[]; active: boolean },
): Promise<BeatReply> {
  const ids = [...b.leases];
  if (b.active)
    await db.run(
      sql`update lease set left_at = null, expires_at = now() + make_interval(mins => ${LEASE_MINUTES}) where id = any(${ids}) and person = ${person} and state = 'live'`,
    );
  const Row = z.strictObject({
    lease: LeaseId,
    state: z.enum(["live", "answered", "skipped", "expired"]),
    revision: z.number(),
    tab: z.string().nullable(),
  });
  const look = () =>
    db.many(
      sql`select l.id as lease, l.state, coalesce(d.revision, 0) as revision, d.tab from lease l left join draft d on d.lease = l.id
          where l.id = any(${ids}) and l.person = ${person}`,
      Row,
    );
  const found = await look();
  const lapsed = b.active ? found.filter((l) => l.state === "expired") : [];
  if (!lapsed.length) return { leases: found };
  for (const l of lapsed) await reclaim(db, person, l.lease);
  return { leases: await look() };
}

/** A reload takes less. */
export const LEAVE_SECONDS = 5;
/**
 * Their page is left: those that nobody began go back in a moment (`soon`), in which a reload takes them up again, or at
 * once. Answers, drafts and time that was spent stay with their task.
 */
export const leaveTasks = (
  db: Db,
  person: PersonId,
  l: { leases: readonly string[]; soon: boolean },
): Promise<number> =>
  db.run(
    sql`update lease set left_at = now(), expires_at = least(expires_at, now() + make_interval(secs => ${l.soon ? LEAVE_SECONDS : 0}))
        where id = any(${[...l.leases]}) and person = ${person} and state = 'live' and not exists (select 1 from draft where draft.lease = lease.id)`,
  );

export const draftOf = (db: Db, person: PersonId, lease: string): Promise<SavedDraft | undefined> =>
  db.maybe(
    sql`select ${draftColumns} from draft d join lease l on l.id = d.lease where d.lease = ${lease} and l.person = ${person}`,
    SavedDraft,
  );

export const readInstructions = (
  db: Db,
  person: PersonId,
  { type, version }: { type: string; version: string },
): Promise<number> =>
  db.run(
    sql`insert into instructions_read (person, type, version)
        select ${person}, name, version from task_type where name = ${type} and version = ${version} on conflict do nothing`,
  );

/** After an undo: the answer that was taken back becomes the draft, and its time goes on. */
export const draftFromUndone = (db: Db, answer: string): Promise<number> =>
  db.run(
    sql`insert into draft (lease, value, tab, active_seconds, idle_seconds)
        select lease, value, 'undo', active_seconds, idle_seconds from answer where id = ${answer} and undone_at is not null
        on conflict (lease) do update set value = excluded.value, tab = excluded.tab, revision = draft.revision + 1, saved_at = now(),
          active_seconds = excluded.active_seconds, idle_seconds = excluded.idle_seconds`,
  );

export interface BatchState {
  /** null: its tasks are a project's or only measure, and no workflow waits for them */
  readonly experiment: string | null;
  readonly batch: string;
  readonly done: number;
  readonly wanted: number;
}
const BatchRow = z.strictObject({
  experiment: z.string().nullable(),
  batch: z.string(),
  done: z.number(),
  wanted: z.number(),
});

/** Nobody new gets the task: what it still wanted is wanted no more. */
const dropTask = (db: Db, task: string): Promise<BatchState> =>
  db.one(
    sql`with old as (select id, people, taken from task where id = ${task} for update),
          t as (update task set people = old.taken, dropped_at = coalesce(dropped_at, now()) from old where task.id = old.id
            returning task.batch, old.people - old.taken as fewer)
        update batch set wanted = wanted - t.fewer from t where batch.id = t.batch
        returning experiment, batch.id as batch, done, wanted`,
    BatchRow,
  );

/** Places of dropped tasks that fell free since, by a lease that ran out: they are wanted no more either. */
export const settleDropped = (db: Db): Promise<number> =>
  db.run(
    sql`with t as (update task set people = taken from (select id, people - taken as fewer from task where dropped_at is not null and taken < people for update) x
          where task.id = x.id returning task.batch, x.fewer)
        update batch set wanted = wanted - n from (select batch, sum(fewer)::int as n from t group by batch) s where batch.id = s.batch`,
  );

/** Skips a task; the state of its batch comes back when that changed. */
export const skipTo = (
  db: Db,
  person: PersonId,
  s: {
    lease: LeaseId;
    reason: SkipReason;
    comment?: string | undefined;
    fate: SkipFate;
    activeSeconds: number;
    idleSeconds: number;
  },
): Promise<BatchState | undefined> =>
  db.transaction(async (tx) => {
    await skipTask(tx, person, s);
    const task = await tx.value(
      sql`update skip set fate = ${s.fate}, active_seconds = ${s.activeSeconds}, idle_seconds = ${s.idleSeconds}
          where lease = ${s.lease} returning (select task from lease where id = ${s.lease})`,
      z.string(),
    );
    if (s.fate === "drop") return dropTask(tx, task);
    // the place stays taken: a researcher has it in hand
    if (s.fate === "researcher")
      await tx.run(sql`update task set taken = taken + 1 where id = ${task}`);
    return undefined;
  });

export const openReferrals = (db: Db): Promise<Referral[]> =>
  db.many(
    sql`select l.id as lease, l.task, k.title, p.pseudonym, s.reason, s.comment, s.at, ${seenColumns(sql`(select d.value from draft d where d.lease = l.id)`)}
        from skip s join lease l on l.id = s.lease join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version join person p on p.id = l.person
        where s.fate = 'researcher' and s.settled_at is null order by s.at limit 500`,
    Referral,
  );

/** A researcher takes the task, gives it to others, or drops it. */
export const settleReferral = (
  db: Db,
  by: PersonId,
  r: SettleReferral & { lease: string; id: string; swap: boolean },
): Promise<BatchState | undefined> =>
  db
    .transaction(async (tx) => {
      const referral = await tx.maybe(
        sql`update skip set settled_at = now(), settled_by = ${by} from lease l join task t on t.id = l.task
            where skip.lease = ${r.lease} and l.id = skip.lease and skip.fate = 'researcher' and skip.settled_at is null
            returning t.id as task, ${by} = any(t.excluded) as barred`,
        z.object({ task: z.string(), barred: z.boolean() }),
      );
      if (!referral)
        throw new TillerError(
          "not_found",
          `there is no skipped task ${r.lease} waiting for a researcher; somebody else may have settled it. Reload the list.`,
        );
      const { task, barred } = referral;
      if (r.act === "take") {
        if (barred) throw notYours(task);
        // the place was kept for this
        await tx.run(
          sql`insert into lease (id, task, person, swap, expires_at) values (${r.id}, ${task}, ${by}, ${r.swap}, now() + make_interval(mins => ${LEASE_MINUTES}))`,
        );
        return undefined;
      }
      await tx.run(sql`update task set taken = taken - 1 where id = ${task}`);
      return r.act === "drop" ? dropTask(tx, task) : undefined;
    })
    .catch((e: unknown) => {
      if ((e as { code?: string }).code === "23505") throw notYours(r.lease);
      throw e;
    });
const notYours = (task: string) =>
  new TillerError(
    "not_for_you",
    `you had ${task} before, or may not judge it. Give it to others, or ask another researcher.`,
  );

const concernColumns = sql`c.id, l.task, k.title, p.pseudonym, c.text, c.at, c.reply, r.pseudonym as "repliedBy", c.replied_at as "repliedAt",
  ${seenColumns(sql`(select a.value from answer a where a.lease = l.id and a.undone_at is null)`)}
  from concern c join lease l on l.id = c.lease join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version
  join person p on p.id = l.person left join person r on r.id = c.replied_by`;

export async function raiseConcern(
  db: Db,
  person: PersonId,
  c: { lease: LeaseId; text: string },
): Promise<Concern> {
  const id = randomUUID();
  const n = await db.run(
    sql`insert into concern (id, lease, text) select ${id}, id, ${c.text} from lease where id = ${c.lease} and person = ${person}`,
  );
  if (!n)
    throw new TillerError(
      "unknown_lease",
      `lease ${c.lease} is not yours. Flag a task that you had.`,
    );
  return db.one(sql`select ${concernColumns} where c.id = ${id}`, Concern);
}
export const concernsOf = (db: Db, person: PersonId): Promise<Concern[]> =>
  db.many(
    sql`select ${concernColumns} where l.person = ${person} order by c.at desc limit 100`,
    Concern,
  );
/** Open ones first, then the newest. */
export const allConcerns = (db: Db): Promise<Concern[]> =>
  db.many(
    sql`select ${concernColumns} order by c.replied_at is not null, c.at desc limit 200`,
    Concern,
  );
export async function answerConcern(
  db: Db,
  by: PersonId,
  c: { id: string; reply: string },
): Promise<Concern> {
  const n = await db.run(
    sql`update concern set reply = ${c.reply}, replied_by = ${by}, replied_at = now() where id = ${c.id}`,
  );
  if (!n) throw new TillerError("not_found", `there is no concern ${c.id}. Reload the list.`);
  return db.one(sql`select ${concernColumns} where c.id = ${c.id}`, Concern);
}
