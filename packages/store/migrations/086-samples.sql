-- What models write while they train: which prompts come again at every step, what training made of each token, and how a
-- figure was spread over the batch of a step.
alter table sample add column pick text not null default 'batch' check (pick in ('fixed', 'best', 'worst', 'batch'));
alter table sample add column tokens jsonb;
create table distribution (
  run text not null references run,
  step int not null,
  name text not null,
  "values" float8[] not null,
  primary key (run, name, step)
);
