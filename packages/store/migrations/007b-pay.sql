-- What working time and pieces are worth, from when on. `kind` null: every kind without a rate of its own. Amounts are
-- whole minor units (cents). A mistake is put right by a further row: of two with the same date the later one counts.
create table pay_rate (
  seq bigint generated always as identity primary key,
  kind text,
  per text not null check (per in ('hour', 'piece')),
  amount bigint not null check (amount >= 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  valid_from timestamptz not null,
  by text not null references person,
  at timestamptz not null default now()
);
create trigger pay_rate_kept before update or delete on pay_rate for each row execute function append_only();
create trigger pay_rate_whole before truncate on pay_rate for each statement execute function append_only();

-- The ledger. `parts`: 3,600,000 are one minor unit; as an hour has as many milliseconds, time times an hourly rate is
-- a whole number and nothing is rounded before the payslip. `day` is the day of booking (UTC): days that are over stay
-- as they were. work, undone, skipped: once an answer or skip; rate: a rate that was set for the past; correction: by hand.
create table ledger_entry (
  seq bigint generated always as identity primary key,
  at timestamptz not null default now(),
  day date not null default (now() at time zone 'utc')::date,
  person text not null references person,
  kind text not null check (kind in ('work', 'undone', 'skipped', 'rate', 'correction')),
  answer text references answer,
  skip text references skip,
  task_type text,
  milliseconds bigint not null default 0,
  pieces int not null default 0,
  parts bigint not null,
  reason text not null default '',
  by text references person
);
create unique index ledger_once on ledger_entry (answer, kind, (case when kind in ('work', 'undone') then 0 else seq end));
create unique index ledger_skip on ledger_entry (skip) where kind = 'skipped';
create index ledger_skipped on ledger_entry (skip) where skip is not null;
create index on ledger_entry (person, day);
create trigger ledger_kept before update or delete on ledger_entry for each row execute function append_only();
create trigger ledger_whole before truncate on ledger_entry for each statement execute function append_only();

-- The ledger added up, for the pages: derived, never a source.
create table pay_day (
  person text not null references person,
  day date not null,
  milliseconds bigint not null default 0,
  pieces int not null default 0,
  parts bigint not null default 0,
  corrections bigint not null default 0, -- of the parts, those by hand
  primary key (person, day)
);
create function ledger_added() returns trigger language plpgsql as $$
begin
  insert into pay_day as d (person, day, milliseconds, pieces, parts, corrections)
    select person, day, sum(milliseconds), sum(pieces), sum(parts), coalesce(sum(parts) filter (where kind = 'correction'), 0)
    from fresh group by person, day order by person, day
  on conflict (person, day) do update set milliseconds = d.milliseconds + excluded.milliseconds, pieces = d.pieces + excluded.pieces,
    parts = d.parts + excluded.parts, corrections = d.corrections + excluded.corrections;
  return null;
end $$;
create trigger ledger_added after insert on ledger_entry referencing new table as fresh
  for each statement execute function ledger_added();

-- What a piece of work of this kind at this time is worth, in parts.
create function pay_parts(work_kind text, at_time timestamptz, ms bigint, n int) returns bigint language sql stable as $$
  select coalesce(sum(case r.per when 'hour' then r.amount * ms else r.amount * 3600000 * n end), 0)::bigint
  from (select distinct on (per) per, amount from pay_rate
        where (kind is null or kind = work_kind) and valid_from <= at_time
        order by per, (kind is not null) desc, valid_from desc, seq desc) r
$$;
-- Paid time is never more than what passed since the task was taken, whatever a browser says.
create function paid_ms(active double precision, taken timestamptz, given timestamptz) returns bigint language sql immutable as $$
  select greatest(0, round(1000 * least(active, extract(epoch from given - taken)::float8)))::bigint
$$;

-- Idle seconds a day (UTC), for the control room; answers without any leave no row.
create table idle_day (
  person text not null references person,
  day date not null,
  seconds double precision not null default 0,
  primary key (person, day)
);

-- Every answer of a paid person gets its entry in the transaction that stores it, and its counter-entry in the one that
-- takes it back: no path in the code can forget either.
create function answer_paid() returns trigger language plpgsql as $$
begin
  insert into ledger_entry (person, kind, answer, task_type, milliseconds, pieces, parts)
    select a.person, 'work', a.id, t.type, x.ms, 1, pay_parts(t.type, a.at, x.ms, 1)
    from fresh a join person p on p.id = a.person and p.paid join task t on t.id = a.task join lease l on l.id = a.lease
      cross join lateral (select paid_ms(a.active_seconds, l.created_at, a.at) as ms) x
    where a.undone_at is null;
  insert into idle_day as d (person, day, seconds)
    select person, (at at time zone 'utc')::date, sum(idle_seconds) from fresh where idle_seconds > 0 group by 1, 2 order by 1, 2
  on conflict (person, day) do update set seconds = d.seconds + excluded.seconds;
  return null;
end $$;
create trigger answer_paid after insert on answer referencing new table as fresh
  for each statement execute function answer_paid();

create function answer_unpaid() returns trigger language plpgsql as $$
begin
  insert into ledger_entry (person, kind, answer, task_type, milliseconds, pieces, parts)
    select e.person, 'undone', e.answer, min(e.task_type), -sum(e.milliseconds), -sum(e.pieces), -sum(e.parts)
    from was join fresh on fresh.id = was.id and was.undone_at is null and fresh.undone_at is not null
      join ledger_entry e on e.answer = was.id and e.kind in ('work', 'rate')
    group by e.person, e.answer;
  return null;
end $$;
create trigger answer_unpaid after update on answer referencing old table as was new table as fresh
  for each statement execute function answer_unpaid();

-- The time of a task that was skipped is working time; it is no piece. The time may come after the skip itself.
create function skip_paid() returns trigger language plpgsql as $$
begin
  insert into ledger_entry (person, kind, skip, task_type, milliseconds, parts)
    select l.person, 'skipped', new.lease, t.type, x.ms, pay_parts(t.type, new.at, x.ms, 0)
    from lease l join person p on p.id = l.person and p.paid join task t on t.id = l.task
      cross join lateral (select paid_ms(new.active_seconds, l.created_at, new.at) as ms) x
    where l.id = new.lease and x.ms > 0
  on conflict (skip) where kind = 'skipped' do nothing;
  return null;
end $$;
create trigger skip_paid after insert or update of active_seconds on skip
  for each row when (new.active_seconds > 0) execute function skip_paid();

-- The control room.
create index lease_expired on lease (created_at) where state = 'expired';
create table queue_sample ( -- answers so far, a minute: what a queue's pace is read from
  kind text not null,
  experiment text not null references experiment,
  minute timestamptz not null,
  done bigint not null,
  primary key (kind, experiment, minute)
);
create index on queue_sample (minute);
create table move_record ( -- one action on the roster, with what it takes to undo it
  id text primary key,
  by text not null references person,
  at timestamptz not null default now(),
  move jsonb not null,
  before jsonb not null,
  after jsonb not null,
  undone_at timestamptz,
  undone_by text references person
);
create index on move_record (at);
