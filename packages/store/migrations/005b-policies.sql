-- Delegation policies: data, versioned. At most one version of a name is live.
create table policy (
  name text not null,
  version int not null,
  state text not null default 'draft' check (state in ('draft', 'live', 'retired')),
  body jsonb not null,
  backtest jsonb,
  by text references person,
  at timestamptz not null default now(),
  primary key (name, version)
);
create unique index policy_live on policy (name) where state = 'live';
-- Tasks that a policy sends to a researcher.
create table task_review (
  task text primary key references task,
  why text not null,
  at timestamptz not null default now()
);
