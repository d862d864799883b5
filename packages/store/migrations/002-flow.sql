-- Kinds of work in full: what an answer looks like is known to every server, also to one without the code.
alter table task_type add column title text not null default '';
alter table task_type add column view jsonb;
alter table task_type add column input_schema jsonb;
alter table task_type add column output_schema jsonb;

-- What one `ask` of a workflow wants. `node` is its place in the trace.
alter table batch add column node text;
alter table batch add column deadline timestamptz;
alter table batch add column created_at timestamptz not null default now();
alter table batch add column cancelled_at timestamptz;
create index batch_open on batch (experiment) where consumed_at is null and cancelled_at is null;
alter table task add column draft jsonb; -- what a model proposes
alter table task add column excluded text[] not null default '{}'; -- people who may not get it

-- Runs of workflows.
alter table experiment add column result jsonb;
alter table experiment add column agents jsonb not null default '{}';
alter table experiment add column budget jsonb not null default '{}';
alter table experiment add column carried text; -- blob: results known from another run, by path
alter table experiment add column origin jsonb; -- what it was forked, migrated or imported from, or what triggered it
alter table experiment add column code_revision text;

-- The trace. `id` is the place in the tree; written in groups behind the recorded steps, and again by a replay.
create sequence node_seq;
create table node (
  id text primary key,
  experiment text not null references experiment,
  parent text,
  kind text not null,
  name text not null,
  place int not null,
  state text not null,
  agent text,
  cached boolean not null default false,
  started_at timestamptz not null,
  ended_at timestamptz,
  cost double precision not null default 0,
  tokens int not null default 0,
  answers int not null default 0,
  wanted int not null default 0,
  error jsonb,
  brief text not null default '',
  input jsonb,  -- {value} or {blob}
  output jsonb, -- {value} or {blob}
  prompt jsonb,
  links jsonb not null default '[]',
  attempts int not null default 1,
  seq bigint not null
);
create index on node (experiment, seq);
create table node_comment (
  id text primary key,
  node text not null,
  person text not null references person,
  text text not null,
  at timestamptz not null default now()
);
create index on node_comment (node);

-- What was used up, once a node however often it ran.
create table spend (
  node text primary key,
  experiment text not null references experiment,
  money double precision not null default 0,
  tokens int not null default 0,
  people int not null default 0
);
create index on spend (node text_pattern_ops);

-- Server processes on this database. One whose connection is gone, or that was silent too long, is dead for ever.
create table executor (
  id text primary key,
  host text not null,
  pid int not null,
  lock bigint not null generated always as identity,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  dead_at timestamptz
);

-- Model calls by content: the same request again costs nothing.
create table model_call (
  key text primary key,
  model text not null,
  request jsonb not null,
  reply jsonb not null,
  hits int not null default 0,
  created_at timestamptz not null default now()
);
