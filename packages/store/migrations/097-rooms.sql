-- Rooms that people and models sit in. A room is its rules and its moves; who sits where has a history with reasons.
create table room (
  id text primary key,
  name text not null,
  experiment text references experiment,
  rules json not null, -- json and not jsonb: the order of seats is kept
  state text not null default 'open' check (state in ('open', 'over')),
  ending text, -- judge, agreement, rounds, annulled
  moves int not null default 0,
  -- who is waited for since when and until when: [{seat, since, until}], written with every move, so that lists fold nothing
  due jsonb not null default '[]',
  made_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  ended_at timestamptz
);
create index room_by_state on room (state, changed_at desc);

create table room_seat (
  room text not null references room,
  seat text not null,
  n int not null, -- of those who sat here, from 1
  kind text not null,
  occupant json not null,
  person text references person,
  absence jsonb not null, -- what is done when a deadline passes
  by text references person, -- who seated them; null: the room's rules
  reason text not null default '',
  since timestamptz not null default now(),
  until timestamptz,
  pokes int not null default 0,
  poked_at timestamptz,
  failure text, -- of a model or a replay: why it has no move; a state of the seat and never a speech
  seen_at timestamptz,
  primary key (room, seat, n)
);
create unique index room_seat_one on room_seat (room, seat) where until is null;
create unique index room_seat_once on room_seat (room, person) where until is null;
create index room_seat_person on room_seat (person, room) where person is not null;

create table room_move (
  room text not null references room,
  place int not null,
  id text not null, -- made by who sends it: the same again is the same move
  seat text not null,
  n int, -- which of those who sat there; null: the room or a facilitator
  turn text, -- what makes one turn of a seat one; null: takes no turn
  at bigint not null, -- the server's clock, in milliseconds
  act json not null,
  by text not null, -- a person, a model, a record, or the room
  primary key (room, place),
  unique (room, id),
  unique (room, turn)
);
create function room_move_stays() returns trigger language plpgsql as $$
begin
  raise exception 'moves of a room are only added';
end $$;
create trigger room_move_stays before update or delete on room_move
  for each row execute function room_move_stays();

-- What somebody writes and has not said, and the time that it took, apart from reading and waiting.
create table room_draft (
  room text not null references room,
  seat text not null,
  n int not null,
  round int not null, -- a draft is of one round: it is not shown in the next
  body json not null,
  at timestamptz not null default now(),
  primary key (room, seat, n)
);
create table room_time (
  room text not null references room,
  seat text not null,
  n int not null,
  reading float8 not null default 0, -- seconds
  writing float8 not null default 0,
  waiting float8 not null default 0,
  at timestamptz not null default now(),
  primary key (room, seat, n)
);

-- The word that a room changed goes out with the transaction that changed it, to every server.
create function room_word() returns trigger language plpgsql as $$
begin
  perform pg_notify('tiller_room', coalesce(to_jsonb(new) ->> 'room', to_jsonb(new) ->> 'id'));
  return null;
end $$;
create trigger room_moved after insert or update on room for each row execute function room_word();
create trigger room_seated after insert or update of until, pokes, failure on room_seat
  for each row execute function room_word();
