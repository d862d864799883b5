-- Checkpoints have versions under their names, and what a name stands for is decided: by a person, or by a rule that compares.
create table checkpoint_version (
  name text not null,
  version int not null,
  checkpoint text not null references checkpoint,
  at timestamptz not null default now(),
  primary key (name, version),
  unique (name, checkpoint)
);
create table promotion (
  seq bigint generated always as identity primary key,
  name text not null,
  checkpoint text not null,
  promoted boolean not null, -- false: published, and what was served stayed
  by text references person,  -- null: a rule
  why text not null,
  at timestamptz not null default now(),
  foreign key (name, checkpoint) references checkpoint_version (name, checkpoint)
);
create index promotion_newest on promotion (name, seq desc) where promoted;

insert into checkpoint_version (name, version, checkpoint, at)
  select name, row_number() over (partition by name order by created_at, id), id, created_at from checkpoint;
-- what is served under a published name goes on being served
insert into promotion (name, checkpoint, promoted, why)
  select distinct on (c.name) c.name, c.id, true, 'served before promotions were kept' from checkpoint c
  where c.kind <> 'reward' and exists (select 1 from node n where n.name = 'publish ' || c.name and n.state = 'done')
  order by c.name, c.created_at desc;
