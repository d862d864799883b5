-- What a run read, by id: written by the layer that resolves a job's input, so that lineage cannot be forgotten.
create table run_input (
  run text not null references run on delete cascade,
  kind text not null check (kind in ('checkpoint', 'dataset')),
  id text not null,
  primary key (run, kind, id)
);
create index on run_input (id);
insert into run_input (run, kind, id) select id, 'dataset', dataset from run where dataset is not null;
insert into run_input (run, kind, id) select id, 'checkpoint', parent from run where parent is not null;
-- How the metrics that it logs read: name -> label, unit, group, better, in the order of their charts (jsonb would lose it).
-- Empty: of a run before they were declared.
alter table run add column metrics json not null default '{}';
