-- Five roles. `paid`: working time goes into the pay ledger.
alter table person drop constraint person_role_check;
alter table person add constraint person_role_check check (role in ('rater', 'lead', 'researcher', 'admin', 'service'));
alter table person add column handle text unique; -- what a person signs in with, beside a password
alter table person add column password text; -- argon2id, as the library writes it
alter table person add column disabled_at timestamptz;
alter table person add column paid boolean not null default false;
update person set paid = true where role = 'rater' and not simulated;

-- Links, sessions and keys end: at a time, after a while without use, or by hand.
alter table token add column id text not null unique default gen_random_uuid()::text;
alter table token add column expires_at timestamptz; -- null: never
alter table token add column idle_seconds int; -- null: no limit
alter table token add column seen_at timestamptz not null default now();
alter table token add column agent text not null default ''; -- the browser, as it calls itself
create index token_person on token (person) where revoked_at is null;

-- An invitation is used once, by one person, before it expires.
create table invitation (
  id text primary key,
  hash text not null unique,
  role text not null check (role in ('rater', 'lead', 'researcher', 'admin', 'service')),
  groups text[] not null default '{}',
  languages text[] not null default '{}',
  note text not null default '',
  paid boolean not null default false,
  created_by text not null references person,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  used_by text references person,
  revoked_at timestamptz
);

-- Records that are only ever added to: a correction is a further row.
create function append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: add a correcting row instead', tg_table_name;
end $$;

-- Every administrative act. `actor` null: the program itself.
create table audit (
  seq bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text references person,
  action text not null,
  target text not null,
  before jsonb,
  after jsonb
);
create index on audit (at);
create index on audit (actor, seq);
create index on audit (target, seq);
create trigger audit_kept before update or delete on audit for each row execute function append_only();
create trigger audit_whole before truncate on audit for each statement execute function append_only();
