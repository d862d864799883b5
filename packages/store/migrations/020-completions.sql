-- Chat completions that were asked to be kept: `store: true` of OpenAI's API. What was said, and the labels of who asked.
create table stored_completion (
  id text primary key,
  person text references person (id),
  checkpoint text not null,
  at timestamptz not null default clock_timestamp(),
  labels jsonb not null,
  messages jsonb not null,
  reply jsonb not null
);
create index stored_completion_person on stored_completion (person, at, id);
