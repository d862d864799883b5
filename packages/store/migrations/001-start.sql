-- People and what they may do. `pseudonym` is all that others see.
create table person (
  id text primary key,
  name text not null,
  pseudonym text not null unique,
  role text not null check (role in ('researcher', 'lead', 'rater')),
  simulated boolean not null default false,
  created_at timestamptz not null default now()
);

-- The lab.
create table experiment (
  id text primary key,
  recipe text not null,
  title text not null,
  state text not null default 'running',
  seed bigint not null,
  config jsonb not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  error text,
  summary jsonb
);
create table run (
  id text primary key,
  experiment text references experiment,
  kind text not null,
  state text not null default 'running',
  config jsonb not null,
  code_revision text not null,
  dataset text,
  parent text,
  output text,
  done double precision not null default 0,
  total double precision not null default 0,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  error text
);
create table stage (
  experiment text not null references experiment,
  name text not null,
  place int not null,
  title text not null,
  state text not null default 'waiting',
  done double precision not null default 0,
  total double precision not null default 0,
  note text not null default '',
  started_at timestamptz,
  ended_at timestamptz,
  run text references run,
  primary key (experiment, name)
);
create table metric (
  run text not null references run,
  step int not null,
  "values" jsonb not null,
  primary key (run, step)
);
create table sample (
  id text primary key,
  run text references run,
  checkpoint text,
  step int not null,
  prompt text not null,
  text text not null,
  scores jsonb not null
);
create index on sample (run, step);
create table dataset (
  id text primary key,
  name text not null,
  experiment text references experiment,
  rows int not null,
  judgments int not null,
  blob text not null,
  created_at timestamptz not null default now()
);
create table checkpoint (
  id text primary key,
  name text not null,
  kind text not null,
  path text not null,
  run text references run,
  parent text,
  created_at timestamptz not null default now(),
  metrics jsonb not null
);
create table report (
  experiment text primary key references experiment,
  body jsonb not null
);

-- People's work. A batch is what one `ask` of a workflow wants answered.
create table task_type (
  name text not null,
  version text not null,
  instructions text not null,
  primary key (name, version)
);
create table batch (
  id text primary key,
  experiment text not null references experiment,
  wanted int not null,
  done int not null default 0, -- live answers; moves in the transaction of each answer
  consumed_at timestamptz
);
create table task (
  id text primary key,
  batch text not null references batch,
  place int not null,
  type text not null,
  type_version text not null,
  input jsonb not null,
  people int not null,
  taken int not null default 0 check (taken <= people), -- live leases and answers; moves in the transaction of each lease
  foreign key (type, type_version) references task_type
);
create index on task (batch, place);
create index task_open on task (batch, place) where taken < people;
create table lease (
  id text primary key,
  task text not null references task,
  person text not null references person,
  swap boolean not null,
  state text not null default 'live' check (state in ('live', 'answered', 'skipped', 'expired')),
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index on lease (task) where state in ('live', 'answered');
create index on lease (person) where state = 'live';
create unique index lease_once on lease (task, person) where state in ('live', 'answered', 'skipped');
create table answer (
  id text primary key,
  task text not null references task,
  lease text not null references lease,
  person text not null references person,
  value jsonb not null,
  swap boolean not null,
  active_seconds double precision not null,
  idle_seconds double precision not null,
  at timestamptz not null default now(),
  undone_at timestamptz
);
create unique index answer_once on answer (lease) where undone_at is null;
create unique index answer_person on answer (task, person) where undone_at is null;
create index on answer (person);
create table skip (
  lease text primary key references lease,
  reason text not null,
  comment text,
  at timestamptz not null default now()
);
create table token (
  hash text primary key,
  person text not null references person,
  kind text not null check (kind in ('link', 'session', 'key')),
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
