-- Whoever may have to argue for a wrong answer is asked first. What they agreed to is kept in its own words.
alter table room add column names text not null default 'hidden' check (names in ('hidden', 'pseudonyms'));
alter table room_seat add column asks boolean not null default false; -- asked before anything of the room is shown
alter table room_seat add column agreed jsonb; -- {version, points}
alter table room_seat add column agreed_at timestamptz;
alter table room_seat add column declined_at timestamptz;
alter table room_seat add column debriefed_at timestamptz; -- when they had first read what was true

-- Somebody who is away is told that a room waits for them: at most once in half an hour.
alter table room_seat add column told_at timestamptz;
create function room_tell(of_room text, of_seat text, why text) returns void language plpgsql as $$
declare
  told record;
begin
  update room_seat s set told_at = now()
  where s.room = of_room and s.seat = of_seat and s.until is null and s.person is not null
    and coalesce(s.seen_at, '-infinity') < now() - interval '1 min' and coalesce(s.told_at, '-infinity') < now() - interval '30 min'
  returning s.person, s.seat into told;
  if found and webhook_wanted('room.waiting') then
    perform webhook_emit('room.waiting', (select jsonb_build_object('room', r.id, 'title', r.name, 'seat', told.seat, 'rater', p.pseudonym, 'why', why)
      from room r, person p where r.id = of_room and p.id = told.person));
  end if;
end $$;
