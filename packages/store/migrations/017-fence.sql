-- What keeps a run from going on: it ended the process that ran it, somebody held it, or the code of one of its
-- workflows is not there. Its unfinished workflows belong to the executor 'set aside', which no server is.
create table run_trouble (
  experiment text primary key references experiment on delete cascade,
  kind text not null check (kind in ('struck', 'held', 'code')), -- struck: it goes on, and its next death is counted
  deaths int not null default 0,
  why text not null,
  names text[] not null default '{}', -- code: the workflows that are missing
  at timestamptz not null default now()
);
