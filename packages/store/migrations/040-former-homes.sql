-- Where the home was before it was restored somewhere else: records of runs name inputs by digests that its path is part of.
create table former_home (
  path text primary key,
  at timestamptz not null default now()
);
