-- Kinds of work made in the browser: what each was made from.
alter table task_type add column base text; -- name@version of the ready-made kind; null: of none, or made by code
update task_type k set base = p.base from project p where p.base is not null and (k.name, k.version) = (p.type, p.type_version);
alter table project drop column base;

-- What a project asks of its raters, how many answers its items get, and what it pays.
alter table project add column requires jsonb; -- [{qualification, level}]
alter table project add column rule jsonb;     -- a delegation rule without its kind and experiment; null: as many as `people`
alter table pay_rate add column project text references project; -- null: of every project and experiment

-- What a piece of work is worth, in parts: the newest rate of its project alone, else the rates of its kind and of all kinds.
drop function pay_parts(text, timestamptz, bigint, int);
create function pay_parts(work_kind text, of_project text, at_time timestamptz, ms bigint, n int) returns bigint language sql stable as $$
  select coalesce(
    (select case per when 'hour' then amount * ms else amount * 3600000 * n end from pay_rate
       where project = of_project and valid_from <= at_time order by valid_from desc, seq desc limit 1),
    (select sum(case r.per when 'hour' then r.amount * ms else r.amount * 3600000 * n end)
       from (select distinct on (per) per, amount from pay_rate
             where project is null and (kind is null or kind = work_kind) and valid_from <= at_time
             order by per, (kind is not null) desc, valid_from desc, seq desc) r),
    0)::bigint
$$;
create or replace function answer_paid() returns trigger language plpgsql as $$
begin
  insert into ledger_entry (person, kind, answer, task_type, milliseconds, pieces, parts)
    select a.person, 'work', a.id, t.type, x.ms, 1, pay_parts(t.type, b.project, a.at, x.ms, 1)
    from fresh a join person p on p.id = a.person and p.paid join task t on t.id = a.task join batch b on b.id = t.batch join lease l on l.id = a.lease
      cross join lateral (select paid_ms(a.active_seconds, l.created_at, a.at) as ms) x
    where a.undone_at is null;
  insert into idle_day as d (person, day, seconds)
    select person, (at at time zone 'utc')::date, sum(idle_seconds) from fresh where idle_seconds > 0 group by 1, 2 order by 1, 2
  on conflict (person, day) do update set seconds = d.seconds + excluded.seconds;
  return null;
end $$;
create or replace function skip_paid() returns trigger language plpgsql as $$
begin
  insert into ledger_entry (person, kind, skip, task_type, milliseconds, parts)
    select l.person, 'skipped', new.lease, t.type, x.ms, pay_parts(t.type, b.project, new.at, x.ms, 0)
    from lease l join person p on p.id = l.person and p.paid join task t on t.id = l.task join batch b on b.id = t.batch
      cross join lateral (select paid_ms(new.active_seconds, l.created_at, new.at) as ms) x
    where l.id = new.lease and x.ms > 0
  on conflict (skip) where kind = 'skipped' do nothing;
  return null;
end $$;
