-- What each model with a limit may still be asked, by all processes together. A level of Infinity: no limit of that kind.
create table model_rate (
  model text primary key,
  requests double precision not null,
  tokens double precision not null,
  at timestamptz not null,
  paused_until timestamptz,
  granted text
);
-- How busy each process is with a model: said while it is, forgotten a moment later.
create table model_state (
  process text not null,
  model text not null,
  running int not null,
  waiting int not null,
  places int not null,
  paused_ms double precision not null,
  at timestamptz not null,
  primary key (process, model)
);
