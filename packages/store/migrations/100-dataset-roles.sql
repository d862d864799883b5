-- What a dataset version is for is its own, not read from what a run's kind is called. Versions that evaluations read so far are evaluation sets.
alter table dataset add column role text not null default 'data' check (role in ('data', 'evaluation'));
update dataset d set role = 'evaluation'
where exists (select from run_input i join run r on r.id = i.run where i.kind = 'dataset' and i.id = d.id and r.kind like '%evaluat%');
