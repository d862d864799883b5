-- What a lead decides about items of a project. Rows are only added; of an item the newest that was not taken back counts.
create table review (
  id text not null,        -- the act, on as many items as it was done to
  seq bigint generated always as identity primary key,
  project text not null,
  place int not null,
  act text not null check (act in ('accept', 'fix', 'return')),
  value jsonb,             -- accept, fix: what stands, by question
  leases text[] not null default '{}', -- return: whose answers count no longer
  note text not null default '',
  person text not null references person,
  at timestamptz not null default now(),
  undone_at timestamptz,
  undone_by text references person,
  foreign key (project, place) references project_item
);
create index review_item on review (project, place, seq desc) where undone_at is null;
create index review_act on review (id);

-- An answer that was sent back stays on record and is paid; its person may have the task once more.
do $$ declare c text; begin
  select conname into strict c from pg_constraint
    where conrelid = 'lease'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%skipped%';
  execute format('alter table lease drop constraint %I', c);
end $$;
alter table lease add constraint lease_state_check check (state in ('live', 'answered', 'skipped', 'expired', 'returned'));
alter table answer add column returned_at timestamptz;
drop index answer_person;
create unique index answer_person on answer (task, person) where undone_at is null and returned_at is null;
