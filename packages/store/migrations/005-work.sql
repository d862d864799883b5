-- Who gets what. A lane is what is scanned for the next task: a kind of work, and beside it every queue (kind and
-- experiment) that has rules or people of its own. A task without a lane is handed out by name only, or no longer.
create table lane (
  id int generated always as identity primary key,
  kind text not null,
  experiment text references experiment,
  unique nulls not distinct (kind, experiment)
);
alter table batch add column type text;
alter table batch add column priority int not null default 0;
create index batch_queue on batch (type, experiment) where consumed_at is null and cancelled_at is null;
alter table task add column lane int references lane;
alter table task add column language text not null default ''; -- only for people who have it; '': anyone
alter table task add column topic text not null default '';
alter table task add column requires jsonb;                    -- [{qualification, level}]
alter table task add column derived boolean not null default false; -- has rows in task_upstream
alter table task add column urgency bigint not null default 0; -- lower first: priority, then deadline
alter table task add column seq bigint generated always as identity;
insert into lane (kind) select distinct type from task;
update task set lane = l.id from lane l, batch b where l.kind = task.type and b.id = task.batch and b.consumed_at is null and b.cancelled_at is null;
update batch set type = (select type from task where batch = batch.id limit 1);
create index task_next on task (lane, language, urgency, seq) where taken < people and lane is not null;
drop index task_open;

-- A batch that ended gives out nothing more.
create function batch_closed() returns trigger language plpgsql as $$
begin
  update task set lane = null where batch = new.id and taken < people and lane is not null;
  return null;
end $$;
create trigger batch_closed after update of consumed_at, cancelled_at on batch
  for each row when ((new.consumed_at is not null and old.consumed_at is null) or (new.cancelled_at is not null and old.cancelled_at is null))
  execute function batch_closed();

-- Answers of large batches are added up in groups: a row that every answer locks would let one through a disk flush.
create table batch_tick (
  batch text not null references batch,
  n int not null
);
create index on batch_tick (batch);

-- What a task was made from, at any distance: who saw one of these does not get it.
create table task_upstream (
  task text not null references task,
  upstream text not null references task,
  primary key (task, upstream)
);
create index lease_seen on lease (person, task);

-- People. Someone without a row is active.
create table worker (
  person text primary key references person,
  stage text not null default 'active' check (stage in ('joining', 'probation', 'active', 'left')),
  paused_at timestamptz,
  paused_why text,
  languages text[] not null default '{}'
);
create table qualification (
  person text not null references person,
  name text not null,
  level double precision not null,
  at timestamptz not null default now(),
  primary key (person, name)
);
create table work_group (
  id text primary key,
  created_at timestamptz not null default now()
);
create table work_group_member (
  grp text not null references work_group,
  person text not null references person,
  primary key (grp, person)
);
create index on work_group_member (person);

-- Who may work on which queue. Someone with rows works on those alone, someone without on all that is not reserved.
create table roster (
  person text references person,
  grp text references work_group,
  kind text not null,
  experiment text references experiment,
  place int not null default 0,
  check ((person is null) <> (grp is null)),
  unique nulls not distinct (person, grp, kind, experiment)
);
create index on roster (person);
create index on roster (grp);

-- Rules of queues: paused, reserved, requires, quota (schema/assign.ts). Null: every kind, every experiment.
create table work_rule (
  id text primary key,
  kind text,
  experiment text references experiment,
  body jsonb not null,
  at timestamptz not null default now(),
  ended_at timestamptz
);
create index on work_rule (at) where ended_at is null;

-- Tasks taken and answered a person, kind ('' is all of them) and day (UTC). `most` is the quota: the check holds it.
create table day_count (
  person text not null references person,
  kind text not null,
  day date not null,
  taken int not null default 0,
  most int,
  answered int not null default 0,
  seconds double precision not null default 0, -- active
  primary key (person, kind, day),
  check (taken <= most)
);
create index on day_count (day);

insert into day_count (person, kind, day, taken, answered, seconds)
  select l.person, k.kind, (l.created_at at time zone 'utc')::date, count(*), count(a.id), coalesce(sum(a.active_seconds), 0)
  from lease l join task t on t.id = l.task left join answer a on a.lease = l.id and a.undone_at is null cross join lateral (values (''), (t.type)) as k(kind)
  where l.state in ('live', 'answered') group by 1, 2, 3;

-- How well a person is expected to do on a topic, beside the others; written by a live policy.
create table skill (
  person text not null references person,
  kind text not null,
  topic text not null,
  advantage double precision not null,
  primary key (person, kind, topic)
);

create table work_event (
  seq bigint generated always as identity primary key,
  at timestamptz not null default now(),
  by text references person, -- null: a rule did it
  action text not null,
  body jsonb not null
);
create index on work_event (action, at);

-- Fewer dead entries at the head of a queue.
alter table task set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, fillfactor = 80);
alter table lease set (autovacuum_vacuum_scale_factor = 0.05);
alter table batch_tick set (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);
