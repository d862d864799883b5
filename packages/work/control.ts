/**
 * What the control room reads and changes. Nothing here scans tasks or answers: queues are the batches' counters, days
 * are rollups, a pace is the difference of two samples of a counter.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  ControlPerson,
  ControlQueue,
  ExperimentId,
  type Move,
  MoveRecord,
  type PersonId,
  projectStates,
  type QueueChange,
  RecentAnswer,
  RosterRow,
  TillerError,
  type Who,
  type WorkerChange,
} from "@tiller/schema";
import { type Db, recordAct, sql } from "@tiller/store";
import { changeProject } from "./project-settings.ts";
import {
  addRule,
  endRule,
  listRules,
  moveWork,
  setLanguages,
  setPaused,
  setPriority,
  setQualification,
} from "./rules.ts";
import { seenColumns } from "./seen.ts";

const today = sql`(now() at time zone 'utc')::date`;

const PersonRow = ControlPerson.omit({ quality: true });
/** Everyone who may be given work, and what they do now. */
export const peopleNow = (db: Db): Promise<z.infer<typeof PersonRow>[]> =>
  db.many(
    sql`select p.id as person, p.pseudonym, p.simulated, coalesce(w.stage, 'active') as stage, w.paused_at as "pausedAt", w.paused_why as "pausedWhy",
          coalesce(w.languages, '{}') as languages,
          array(select m.grp from work_group_member m where m.person = p.id order by 1) as groups,
          coalesce((select jsonb_object_agg(q.name, q.level) from qualification q where q.person = p.id), '{}') as qualifications,
          case when h.since is not null then jsonb_build_object('kind', h.kind, 'title', h.title, 'experiment', h.experiment, 'since', h.since) end as doing,
          coalesce(d.answered, 0) as "answersToday", coalesce(d.seconds, 0) as "activeSeconds", coalesce(i.seconds, 0) as "idleSeconds",
          coalesce(x.n, 0) as "expiredLeases",
          (select max(t.seen_at) from token t where t.person = p.id and t.revoked_at is null and t.kind = 'session') as "seenAt"
        from person p left join worker w on w.person = p.id
          left join day_count d on d.person = p.id and d.kind = '' and d.day = ${today}
          left join idle_day i on i.person = p.id and i.day = ${today}
          left join (select person, count(*)::int as n from lease where state = 'expired' and left_at is null and created_at > now() - interval '1 day' group by person) x on x.person = p.id
          left join lateral (
            select t.type as kind, k.title, coalesce(b.experiment, b.project) as experiment, to_char(l.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as since
            from lease l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version join batch b on b.id = t.batch
            where l.person = p.id and l.state = 'live' and l.expires_at > now() order by l.created_at limit 1) h on true
        where (p.role = 'rater' or w.person is not null) and p.disabled_at is null order by p.pseudonym`,
    PersonRow,
  );

/** What asks people now: experiments under way, and projects that are open or paused. */
const openOwners = sql`(select id, title, false as project, false as held from experiment where state in ('running', 'held')
  union all select id, title, true, state = 'paused' from project where state in ('open', 'paused'))`;
const QueueRow = ControlQueue.omit({
  perHour: true,
  completion: true,
  may: true,
  now: true,
  paused: true,
}).extend({ held: z.boolean().describe("its project is paused") });
/** Open queues: a kind of work in an experiment or a project. A project that is paused, not closed, is still one. */
export const queuesNow = (db: Db): Promise<z.infer<typeof QueueRow>[]> =>
  db.many(
    sql`select b.type as kind, coalesce((select k.title from task_type k where k.name = b.type order by length(k.version) desc, k.version desc limit 1), b.type) as title,
          o.id as experiment, o.title as "experimentTitle", o.project, o.held, count(*)::int as batches,
          (sum(b.done) + coalesce(sum(t.n), 0))::int as done, sum(b.wanted)::int as wanted, max(b.priority) as priority, min(b.deadline) as deadline
        from batch b join ${openOwners} o on o.id = coalesce(b.experiment, b.project)
          left join (select batch, sum(n) as n from batch_tick group by batch) t on t.batch = b.id
        where b.consumed_at is null and (b.cancelled_at is null or o.project) and b.type is not null
        group by b.type, o.id, o.title, o.project, o.held having sum(b.wanted) > sum(b.done) + coalesce(sum(t.n), 0)
        order by max(b.priority) desc, min(b.deadline) nulls last, b.type, o.id`,
    QueueRow,
  );

/** Writes down how far each queue is, once a minute however often it is called; forgets what is older than eight days. */
export async function sampleQueues(db: Db): Promise<void> {
  const fresh = await db.run(
    sql`insert into queue_sample (kind, experiment, minute, done)
        select b.type, o.id, date_trunc('minute', now()), sum(b.done) + coalesce(sum(t.n), 0)
        from batch b join ${openOwners} o on o.id = coalesce(b.experiment, b.project) left join (select batch, sum(n) as n from batch_tick group by batch) t on t.batch = b.id
        where b.type is not null and not exists (select 1 from queue_sample where minute = date_trunc('minute', now()))
        group by 1, 2 on conflict do nothing`,
  );
  if (fresh) await db.run(sql`delete from queue_sample where minute < now() - interval '8 days'`);
}

const Sample = z.object({
  kind: z.string(),
  experiment: ExperimentId,
  at: z.iso.datetime(),
  done: z.number(),
});
/** Two hours by the minute, and three days by the hour, oldest first. */
export const queueSamples = (db: Db): Promise<z.infer<typeof Sample>[]> =>
  db.many(
    sql`select kind, experiment, minute as at, done from queue_sample
        where minute > now() - interval '2 hours' or (minute > now() - interval '3 days' and extract(minute from minute) = 0) order by minute`,
    Sample,
  );

/** Answers of a person to look at: the quickest twelve of the last hundred. */
export const quickestAnswers = (db: Db, person: string): Promise<RecentAnswer[]> =>
  db.many(
    sql`select a.id as answer, a.task, k.title, a.at, a.active_seconds as "activeSeconds", ${seenColumns(sql`a.value`)}
        from (select * from answer where person = ${person} and undone_at is null order by at desc limit 100) a
          join lease l on l.id = a.lease join task t on t.id = a.task join task_type k on k.name = t.type and k.version = t.type_version
        order by a.active_seconds, a.at limit 12`,
    RecentAnswer,
  );

const whoseRows = (who: readonly Who[]) =>
  sql`(person = any(${who.flatMap((w) => ("person" in w ? [w.person] : []))}) or grp = any(${who.flatMap((w) => ("group" in w ? [w.group] : []))}))`;
const rosterOf = (db: Db, who: readonly Who[]) =>
  db.many(
    sql`select person, grp as "group", kind, experiment, place from roster where ${whoseRows(who)} order by person, grp, kind, experiment`,
    RosterRow,
  );
const movedBy = (move: Move): Who[] =>
  "queue" in move ? [move.to, ...(move.from ? [move.from] : [])] : [move.who];

/** Moves, and keeps what it takes to undo it. Returns the record's id. */
export const moveOnRecord = (db: Db, by: PersonId, move: Move): Promise<string> =>
  db.transaction(async (tx) => {
    const id = randomUUID();
    await tx.run(sql`lock table roster in share row exclusive mode`);
    const before = await rosterOf(tx, movedBy(move));
    await moveWork(tx, by, move);
    const after = await rosterOf(tx, movedBy(move));
    await tx.run(
      sql`insert into move_record (id, by, move, before, after) values (${id}, ${by}, ${JSON.stringify(move)}, ${JSON.stringify(before)}, ${JSON.stringify(after)})`,
    );
    await recordAct(tx, {
      actor: by,
      action: "roster.move",
      target: nameOfMove(move),
      before,
      after,
    });
    return id;
  });
const nameOfMove = (move: Move): string => {
  const who = (w: Who) => ("person" in w ? w.person : `group ${w.group}`);
  if ("queue" in move) return `${move.queue.kind} to ${who(move.to)}`;
  return `${who(move.who)} to ${move.to === "everything" ? "everything" : move.to.kind}`;
};

/** Puts the roster back as it was before the move, unless somebody changed the same lines since. */
export const undoMove = (db: Db, by: PersonId, id: string): Promise<void> =>
  db.transaction(async (tx) => {
    const record = await tx.maybe(
      sql`select move, before, after from move_record where id = ${id} and undone_at is null for update`,
      z.object({
        move: MoveRecord.shape.move,
        before: z.array(RosterRow),
        after: z.array(RosterRow),
      }),
    );
    if (!record)
      throw new TillerError("not_found", `there is no move ${id} to undo. Reload the page.`);
    await tx.run(sql`lock table roster in share row exclusive mode`);
    const who = movedBy(record.move);
    if (JSON.stringify(await rosterOf(tx, who)) !== JSON.stringify(record.after))
      throw new TillerError(
        "too_late",
        "the roster was changed again after this move. Undo the later move first, or move them back.",
      );
    await tx.run(sql`delete from roster where ${whoseRows(who)}`);
    await tx.run(
      sql`insert into roster (person, grp, kind, experiment, place)
          select person, "group", kind, experiment, place from jsonb_to_recordset(${JSON.stringify(record.before)}::jsonb)
            as r(person text, "group" text, kind text, experiment text, place int)`,
    );
    await tx.run(sql`update move_record set undone_at = now(), undone_by = ${by} where id = ${id}`);
    await recordAct(tx, {
      actor: by,
      action: "roster.undo",
      target: nameOfMove(record.move),
      before: record.after,
      after: record.before,
    });
  });

/** Moves of the last day, newest first. */
export const recentMoves = (db: Db): Promise<MoveRecord[]> =>
  db.many(
    sql`select m.id, p.pseudonym as by, m.at, m.move, m.undone_at as "undoneAt" from move_record m join person p on p.id = m.by
        where m.at > now() - interval '1 day' order by m.at desc limit 10`,
    MoveRecord,
  );

export async function addToGroup(
  db: Db,
  by: PersonId,
  o: { group: string; person: PersonId },
): Promise<void> {
  await db.run(sql`insert into work_group (id) values (${o.group}) on conflict do nothing`);
  await db.run(
    sql`insert into work_group_member (grp, person) values (${o.group}, ${o.person}) on conflict do nothing`,
  );
  await recordAct(db, { actor: by, action: "group.add", target: o.group, after: o.person });
}

/** Pause, languages, groups, a qualification: what a lead changes about a person's work. */
export const changeWorker = (
  db: Db,
  by: PersonId,
  person: PersonId,
  c: WorkerChange,
): Promise<void> =>
  db.transaction(async (tx) => {
    const look = async () => {
      const found = (await peopleNow(tx)).find((p) => p.person === person);
      if (!found)
        throw new TillerError(
          "not_found",
          `${person} is nobody who gets work. Look in the roster.`,
        );
      const { pausedWhy, languages, groups, qualifications } = found;
      return {
        pseudonym: found.pseudonym,
        facts: { paused: found.pausedAt !== null, pausedWhy, languages, groups, qualifications },
      };
    };
    const before = await look();
    if (c.paused !== undefined)
      await setPaused(tx, by, { person, paused: c.paused, why: c.why || "by hand" });
    if (c.languages) await setLanguages(tx, by, { person, languages: c.languages });
    if (c.qualification)
      await setQualification(tx, by, { person, ...c.qualification, why: c.why || "by hand" });
    if (c.groups) {
      await tx.run(
        sql`delete from work_group_member where person = ${person} and grp <> all(${c.groups})`,
      );
      for (const group of c.groups.filter((g) => !before.facts.groups.includes(g)))
        await addToGroup(tx, by, { group, person });
    }
    const after = await look();
    await recordAct(tx, {
      actor: by,
      action: "worker.change",
      target: before.pseudonym,
      before: before.facts,
      after: after.facts,
    });
  });

/** Priority, deadline and pause of a queue: of all its open batches. */
export const changeQueue = (db: Db, by: PersonId, c: QueueChange): Promise<void> =>
  db.transaction(async (tx) => {
    const batches = await tx.many(
      sql`select id as batch, priority, deadline from batch
          where type = ${c.kind} and coalesce(experiment, project) = ${c.experiment} and consumed_at is null and (cancelled_at is null or project is not null) order by id for update`,
      z.object({ batch: z.string(), priority: z.number(), deadline: z.string().nullable() }),
    );
    if (!batches.length)
      throw new TillerError(
        "not_found",
        `${c.kind} of ${c.experiment} has no open work. Reload the page.`,
      );
    if (c.priority !== undefined || c.deadline !== undefined)
      for (const b of batches)
        await setPriority(tx, by, {
          batch: b.batch,
          priority: c.priority ?? b.priority,
          ...(c.deadline === undefined
            ? {}
            : { deadline: c.deadline ? new Date(c.deadline) : null }),
        });
    const project = await tx.maybe(
      sql`select id, state from project where id = ${c.experiment}`,
      z.object({ id: z.string(), state: z.enum(projectStates) }),
    );
    if (project) {
      // of a project these are its own settings
      const { deadline, paused } = c;
      const is = project.state === "paused";
      await changeProject(tx, by, project.id, {
        ...(deadline === undefined ? {} : { deadline }),
        ...(paused === undefined || paused === is ? {} : { state: paused ? "paused" : "open" }),
      });
    }
    const pauses = (await listRules(tx)).filter(
      (r) => r.body.rule === "paused" && r.kind === c.kind && r.experiment === c.experiment,
    );
    if (c.paused === true && !project && !pauses.length)
      await addRule(tx, by, {
        kind: c.kind,
        experiment: c.experiment,
        body: { rule: "paused", why: c.why || "by hand" },
      });
    if (c.paused === false) for (const rule of pauses) await endRule(tx, by, rule.id);
    await recordAct(tx, {
      actor: by,
      action: "queue.change",
      target: `${c.kind} of ${c.experiment}`,
      before: {
        priority: batches[0]!.priority,
        deadline: batches[0]!.deadline,
        paused: pauses.length > 0,
      },
      after: c,
    });
  });
