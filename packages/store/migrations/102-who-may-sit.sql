-- Who saw which text: rooms are found by the text that they show, so that a seating reads no other room's log.
create table room_text (
  room text not null references room,
  hash text not null, -- sha-256 of a text's characters; of a room without one, of "question:" and its question
  primary key (room, hash)
);
create index room_text_hash on room_text (hash);
insert into room_text (room, hash)
select distinct m.room, encode(sha256(convert_to(t.shown, 'UTF8')), 'hex')
from room_move m, lateral (
  select x ->> 'body' as shown from json_array_elements(m.act -> 'texts') x
  union all
  select 'question:' || (m.act ->> 'question') where json_array_length(m.act -> 'texts') = 0) t
where m.place = 0 and position('\u0000' in m.act::text) = 0;

-- Who read a room once it was over, and sat nowhere in it.
create table room_reader (
  room text not null references room,
  person text not null references person,
  at timestamptz not null default now(),
  primary key (room, person)
);
create index room_reader_person on room_reader (person);

alter table room add column exposed text not null default 'refuse' check (exposed in ('refuse', 'allow'));
alter table room_seat add column exposed text; -- why they would have been refused, where the room allows it
