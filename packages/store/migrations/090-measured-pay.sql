-- Hidden gold and retests are paid as the project that they came from pays: they would be known by their pay, else.
create index project_item_gold on project_item (gold) where gold is not null;
create function project_of(of_task text) returns text language sql stable as $$
  select coalesce(b.project, source.project, (select i.project from project_item i where i.gold = t.gold order by i.project limit 1))
  from task t join batch b on b.id = t.batch
    left join task before on before.id = coalesce(t.twin_of, t.again_of) left join batch source on source.id = before.batch
  where t.id = of_task
$$;
create or replace function answer_paid() returns trigger language plpgsql as $$
begin
  insert into ledger_entry (person, kind, answer, task_type, milliseconds, pieces, parts)
    select a.person, 'work', a.id, t.type, x.ms, 1, pay_parts(t.type, project_of(t.id), a.at, x.ms, 1)
    from fresh a join person p on p.id = a.person and p.paid join task t on t.id = a.task join lease l on l.id = a.lease
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
    select l.person, 'skipped', new.lease, t.type, x.ms, pay_parts(t.type, project_of(t.id), new.at, x.ms, 0)
    from lease l join person p on p.id = l.person and p.paid join task t on t.id = l.task
      cross join lateral (select paid_ms(new.active_seconds, l.created_at, new.at) as ms) x
    where l.id = new.lease and x.ms > 0
  on conflict (skip) where kind = 'skipped' do nothing;
  return null;
end $$;
