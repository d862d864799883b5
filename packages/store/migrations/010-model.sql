-- What models were used for, a row a day.
create table model_use (
  model text not null,
  day date not null default (now() at time zone 'utc')::date,
  calls int not null,
  hits int not null,
  failed int not null,
  attempts int not null,
  repairs int not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cost double precision not null,
  saved double precision not null,
  seconds double precision not null,
  primary key (model, day)
);
create index on model_call (model, created_at);
