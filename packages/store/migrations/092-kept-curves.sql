-- Curves of runs that have ended, thinned to what a chart shows: a page reads some hundred places a metric, not thousands of
-- steps of all metrics. Made when a run ends; of runs from before, when somebody first looks. The steps stay as they are.
create table curve (
  run text not null references run on delete cascade,
  metric text not null,
  each int not null, -- steps in a place
  places json not null, -- {at, steps, n, values, low, high}, a list each
  primary key (run, metric)
);
alter table run add column curve_steps int; -- that its curves were made of; null: none were made
alter table run add column curve_last int; -- the last of these
