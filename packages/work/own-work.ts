/** A person's own figures, as the desk shows them: today, by day, by kind of work, and how often others said the same. */
import { z } from "zod";
import type { DeskProgress, OwnWork, PersonId } from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";
import { closedQuestions } from "./closed.ts";
import { languagesOf, lanesOf, mayHave, today } from "./eligible.ts";

/** Available tasks are counted up to here. */
const COUNTED = 500;

/**
 * SQL: `mine`, a person's answers, and `shared`: by kind of work, how many closed questions two others answered of one mind,
 * and on how many of them the person said the same. One agreement wherever one's own is shown.
 */
const agreementOf = async (db: Db, person: PersonId): Promise<Sql> =>
  // the person's own answers first: the planner else begins with all tasks there are
  sql`mine as materialized (
          select a.id, a.task, t.type, t.type_version, a.active_seconds, a.value
          from answer a join task t on t.id = a.task where a.person = ${person} and a.undone_at is null),
        votes as (
          select m.id, m.type, q.field, m.value #>> q.path as said, o.value #>> q.path as theirs, count(*) as n, sum(count(*)) over w as others,
            rank() over (w order by count(*) desc) as place, count(*) over (partition by m.id, q.field, count(*)) as level
          from mine m join ${await closedQuestions(db)} on q.type = m.type and q.version = m.type_version
          join answer o on o.task = m.task and o.person <> ${person} and o.undone_at is null and o.value #>> q.path is not null
          where m.value #>> q.path is not null group by m.id, m.type, q.field, said, theirs window w as (partition by m.id, q.field)),
        shared as (
          select type, count(*)::int as shared, count(*) filter (where said = theirs)::int as agreed
          from votes where place = 1 and level = 1 and others >= 2 group by type)`;

/** The person's own numbers. Agreement is with the majority of the others on closed questions that two others answered. */
export async function deskProgress(db: Db, person: PersonId): Promise<DeskProgress> {
  const Row = z.object({
    answered: z.number(),
    answeredToday: z.number(),
    skipped: z.number(),
    activeSeconds: z.number(),
    available: z.number(),
  });
  const me = sql`${person}::text`;
  const row = await db.one(
    sql`select coalesce(sum(answered), 0)::int as answered, coalesce(sum(answered) filter (where day = ${today}), 0)::int as "answeredToday", coalesce(sum(seconds), 0)::float8 as "activeSeconds",
          (select count(*)::int from skip join lease on lease.id = skip.lease where lease.person = ${person}) as skipped,
          (select least(${COUNTED}, count(*))::int from ${lanesOf(me)} lanes cross join ${languagesOf(me)} as my(language) cross join lateral (
            select 1 from task t where t.lane = lanes.lane and t.language = my.language and t.taken < t.people and ${mayHave(me)} limit ${COUNTED}) x) as available
        from day_count where person = ${person} and kind = ''`,
    Row,
  );
  const shared = await db.one(
    sql`with ${await agreementOf(db, person)}
        select coalesce(sum(shared), 0)::int as n, coalesce(sum(agreed)::float8 / nullif(sum(shared), 0), 0) as fraction from shared`,
    z.object({ n: z.number(), fraction: z.number() }),
  );
  return { ...row, agreement: shared.n >= 10 ? shared.fraction : null };
}

/** Days in the person's own time zone, and kinds of work. Agreement is with the majority of at least two others. */
export async function ownWork(
  db: Db,
  person: PersonId,
  zone: string,
): Promise<{ days: OwnWork["days"]; kinds: Omit<OwnWork["kinds"][number], "low" | "high">[] }> {
  const days = await db.many(
    sql`select to_char(at at time zone ${zone}, 'YYYY-MM-DD') as day, sum(answers)::int as answers, sum(skipped)::int as skipped,
          sum(active)::float8 as "activeSeconds", sum(idle)::float8 as "idleSeconds", sum(lapsed)::float8 as "lapsedSeconds"
        from (
          select at, 1 as answers, 0 as skipped, active_seconds as active, idle_seconds as idle, 0 as lapsed from answer where person = ${person} and undone_at is null
          union all select s.at, 0, 1, s.active_seconds, s.idle_seconds, 0 from skip s join lease l on l.id = s.lease where l.person = ${person}
          union all select d.saved_at, 0, 0, 0, 0, least(d.active_seconds, extract(epoch from d.saved_at - l.created_at))
            from draft d join lease l on l.id = d.lease where l.person = ${person} and l.state = 'expired') x
        where at > now() - interval '60 days' group by 1 order by 1 desc`,
    z.strictObject({
      day: z.iso.date(),
      answers: z.number(),
      skipped: z.number(),
      activeSeconds: z.number(),
      idleSeconds: z.number(),
      lapsedSeconds: z.number(),
    }),
  );
  const kinds = await db.many(
    sql`with ${await agreementOf(db, person)}
        select m.type, (select title from task_type where name = m.type and version = max(m.type_version)) as title, count(*)::int as answers,
          sum(m.active_seconds)::float8 as "activeSeconds", percentile_cont(0.5) within group (order by m.active_seconds)::float8 as "medianSeconds",
          coalesce(max(s.shared), 0) as shared, coalesce(max(s.agreed), 0) as agreed
        from mine m left join shared s on s.type = m.type group by m.type order by 3 desc`,
    z.strictObject({
      type: z.string(),
      title: z.string(),
      answers: z.number(),
      activeSeconds: z.number(),
      medianSeconds: z.number(),
      shared: z.number(),
      agreed: z.number(),
    }),
  );
  return { days, kinds };
}
