/**
 * Who may have which task, as pieces of SQL: every statement that hands out, counts or forecasts work is made of these,
 * so that no two of them differ about a rule.
 */
import { type Sql, sql } from "@tiller/store";

export const today = sql`(now() at time zone 'utc')::date`;

/** Rows (lane, kind, place) of the lanes that `person` may take from now. One row a lane. */
export const lanesOf = (person: Sql): Sql => sql`(
  select la.id as lane, la.kind, coalesce(m.place, 0) as place
  from lane la
  left join lateral (
    select min(r.place) as place, bool_or(r.experiment is not distinct from la.experiment) as named from roster r
    where r.kind = la.kind and (r.experiment is null or r.experiment = la.experiment) and ${isTheirs(sql`r`, person)}
  ) m on true
  where (m.place is not null or not exists (select 1 from roster r where ${isTheirs(sql`r`, person)}))
    and not exists (select 1 from worker w where w.person = ${person} and (w.paused_at is not null or w.stage in ('joining', 'left')))
    and not exists (
      select 1 from work_rule u
      where u.ended_at is null and (u.kind is null or u.kind = la.kind) and (u.experiment is null or u.experiment = la.experiment)
        and case u.body->>'rule'
          when 'paused' then true
          when 'reserved' then m.place is null or (u.experiment is not null and not m.named)
          when 'requires' then not exists (select 1 from qualification q where q.person = ${person} and q.name = u.body->>'qualification' and q.level >= (u.body->>'level')::float8)
          when 'quota' then ${quotaHolds(person)}
            and (u.body->>'perDay')::numeric <= coalesce((select d.taken from day_count d where d.person = ${person} and d.kind = coalesce(u.kind, '') and d.day = ${today}), 0)
        end))`;

const isTheirs = (row: Sql, person: Sql) =>
  sql`(${row}.person = ${person} or ${row}.grp in (select g.grp from work_group_member g where g.person = ${person}))`;
/** A quota's `who` covers the person. */
const quotaHolds = (person: Sql) =>
  sql`(u.body->'who' is null or u.body->'who'->>'person' = ${person} or u.body->'who'->>'group' in (select g.grp from work_group_member g where g.person = ${person}))`;

/** The least quota of the person for a kind ('' is all kinds together); null when there is none. */
export const quotaOf = (person: Sql, kind: Sql): Sql => sql`(
  select least(min((u.body->>'perDay')::numeric), 2147483647)::int from work_rule u
  where u.ended_at is null and u.body->>'rule' = 'quota' and coalesce(u.kind, '') = ${kind} and ${quotaHolds(person)})`;

/** Languages of tasks that the person may get: any ('') and their own. */
export const languagesOf = (person: Sql): Sql =>
  sql`unnest('{""}'::text[] || coalesce((select w.languages from worker w where w.person = ${person}), '{}'))`;

/** Batch `b` is for real people, unless it says that simulated ones may answer. */
const admits = (person: Sql): Sql =>
  sql`(b.simulated or not exists (select 1 from person p where p.id = ${person} and p.simulated))`;

/** Task `t` is not barred to the person for its own sake. Its lane and language are the caller's business. */
export const mayHave = (
  person: Sql,
): Sql => sql`(t.dropped_at is null and ${person} <> all(t.excluded)
  and exists (select 1 from batch b where b.id = t.batch and b.consumed_at is null and b.cancelled_at is null and ${admits(person)})
  and not exists (select 1 from lease l where l.task = t.id and l.person = ${person} and l.state in ('live', 'answered', 'skipped'))
  and (not t.derived or not exists (select 1 from task_upstream u join lease l on l.task = u.upstream and l.person = ${person} where u.task = t.id))
  and (t.requires is null or not exists (
    select 1 from jsonb_to_recordset(t.requires) as r(qualification text, level float8)
    where not exists (select 1 from qualification q where q.person = ${person} and q.name = r.qualification and q.level >= r.level))))`;
