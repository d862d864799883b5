-- Hidden gold: tasks whose answer the researchers know. The row is the newest state; every change is an event.
create table gold (
  id text primary key,
  type text not null,
  input jsonb not null,
  expected jsonb not null, -- every key of it must be in the answer; other keys of the answer are free
  tolerance double precision not null default 0, -- how far a number may be away
  reason text not null,    -- what raters are told after a dispute or in training
  active boolean not null default true,
  version int not null default 1,
  source_task text references task, -- where it came from: who answered that one does not get this one
  updated_at timestamptz not null default now()
);
create index gold_active on gold (type) where active;
create table gold_event (
  seq bigint generated always as identity primary key,
  gold text not null references gold,
  version int not null,
  action text not null check (action in ('added', 'changed', 'retired', 'restored')),
  expected jsonb not null,
  tolerance double precision not null,
  reason text not null,
  person text not null references person,
  thread text, -- the dispute that led to it
  at timestamptz not null default now()
);
create index on gold_event (gold, version);

-- Tasks that only measure. `gold`: an item with a known answer; `twin_of`: another look at a task that raters answered,
-- for a researcher who does not see what they said. Neither is in a batch that a workflow waits for.
alter table task add column gold text references gold;
alter table task add column gold_version int;
alter table task add column twin_of text references task;
create index task_gold on task (gold) where gold is not null;
create index task_twin on task (twin_of) where twin_of is not null;
-- the shared pool, a fifth of all tasks at most, in the order in which researchers go through it
create index task_pool on task ((md5(id) collate "C")) where md5(id) collate "C" < '3333' and gold is null and twin_of is null;
insert into experiment (id, recipe, title, state, seed, config, ended_at)
  values ('measuring', 'measuring@1', 'Measuring: hidden gold and researchers'' overlap', 'done', 0, '{}', now());

-- What a researcher settled about a task that people disagree on. The newest counts; none is changed.
create table decision (
  id text primary key,
  task text not null references task,
  person text not null references person,
  value jsonb not null,
  reason text not null,
  at timestamptz not null default now()
);
create index on decision (task, at);

-- Notes, feedback and disputes, tied to an answer, a task, a gold item or a person.
create table thread (
  id text primary key,
  kind text not null check (kind in ('note', 'feedback', 'dispute')),
  state text not null default 'open',
  about text references person, -- the rater it concerns
  answer text references answer,
  task text references task,
  gold text references gold,
  title text not null,
  opened_by text not null references person,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index on thread (about, updated_at);
create index on thread (state, updated_at);
create index on thread (task) where task is not null;
create table thread_message (
  seq bigint generated always as identity primary key,
  thread text not null references thread,
  person text not null references person,
  action text not null, -- reply, resolve, reopen, uphold, decline, withdraw, ...: what moved the state
  text text not null,
  at timestamptz not null default now()
);
create index on thread_message (thread, seq);
