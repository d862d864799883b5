-- The file that a workflow of one's own was last loaded from: who starts without it is told which it is.
create table workflow_source (
  name text primary key,
  file text not null,
  at timestamptz not null default now()
);
