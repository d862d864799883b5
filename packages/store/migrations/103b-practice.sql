-- Practice rooms: known answers, feedback at once, no results. A room that is over may be offered to practise on.
alter table room add column practice boolean not null default false;
alter table room add column requires jsonb not null default '[]'; -- [{qualification, level}] of people who judge
create table practice_room (
  room text primary key references room,
  pay jsonb not null default '{}', -- of the rooms in which somebody practises on it
  by text not null references person,
  at timestamptz not null default now(),
  withdrawn_at timestamptz
);
