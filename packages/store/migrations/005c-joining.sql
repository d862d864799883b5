-- Joining: programmes as data, and everybody's way through one.
create table programme (
  name text not null,
  version int not null,
  active boolean not null default false,
  body jsonb not null,
  by text references person,
  at timestamptz not null default now(),
  primary key (name, version)
);
create unique index programme_active on programme (active) where active; -- newcomers go through one
create table joining (
  person text primary key references person,
  programme text not null,
  version int not null,
  step text not null default 'consent' check (step in ('consent', 'training', 'screening', 'probation', 'done', 'failed', 'left')),
  attempt int not null default 1,
  at timestamptz not null default now(),
  foreign key (programme, version) references programme
);
create table joining_answer (
  person text not null references joining (person),
  step text not null,
  attempt int not null,
  item int not null,
  value jsonb not null,
  was_right boolean not null,
  at timestamptz not null default now(),
  primary key (person, step, attempt, item)
);
