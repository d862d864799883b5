-- The desk: answers in the making, concerns, instructions read, what becomes of skipped tasks.

-- One draft a lease. The last writer stands; `revision` tells the others that there was one.
create table draft (
  lease text primary key references lease,
  value jsonb not null,
  revision int not null default 1,
  tab text not null, -- the page that wrote it
  active_seconds double precision not null default 0,
  idle_seconds double precision not null default 0,
  saved_at timestamptz not null default now()
);

create table concern (
  id text primary key,
  lease text not null references lease,
  text text not null,
  at timestamptz not null default now(),
  reply text,
  replied_by text references person,
  replied_at timestamptz
);
create index on concern (lease);
create index concern_open on concern (at) where replied_at is null;

-- Which instructions a person has read, and when they said so.
create table instructions_read (
  person text not null references person,
  type text not null,
  version text not null,
  at timestamptz not null default now(),
  primary key (person, type, version),
  foreign key (type, version) references task_type
);

-- A skipped task goes to others, to nobody, or to a researcher; in the last case its place stays taken until they settle it.
alter table skip add column fate text not null default 'others' check (fate in ('others', 'drop', 'researcher'));
alter table skip add column active_seconds double precision not null default 0;
alter table skip add column idle_seconds double precision not null default 0;
alter table skip add column settled_at timestamptz;
alter table skip add column settled_by text references person;
create index skip_open on skip (at) where fate = 'researcher' and settled_at is null;
alter table task add column dropped_at timestamptz; -- nobody new gets it

create index on answer (person, at);
create index on lease (person, created_at);
