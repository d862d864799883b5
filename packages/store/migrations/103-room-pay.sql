-- Time in rooms is paid by what it went into. A room may set what an hour of it is worth; else the rates of "room reading",
-- "room writing" and "room waiting" count, or those of every other kind.
alter table room add column pay jsonb not null default '{}'; -- {reading, writing, waiting}: minor units an hour
alter table room_time add column reading_booked bigint not null default 0; -- milliseconds in the ledger
alter table room_time add column writing_booked bigint not null default 0;
alter table room_time add column waiting_booked bigint not null default 0;
update room_time t set reading_booked = round(1000 * t.reading), writing_booked = round(1000 * t.writing), waiting_booked = round(1000 * t.waiting)
from room_seat s where s.room = t.room and s.seat = t.seat and s.n = t.n
  and (s.until is not null or exists (select from room r where r.id = t.room and r.state = 'over')); -- nothing was promised for them

alter table ledger_entry drop constraint ledger_entry_kind_check;
alter table ledger_entry add constraint ledger_entry_kind_check check (kind in ('work', 'undone', 'skipped', 'room', 'rate', 'correction'));
-- No foreign keys to the room: a beat would wait for whoever moves in it, who waits for the beat.
alter table ledger_entry add column room text;
alter table ledger_entry add column seat text;
alter table ledger_entry add column n int;
alter table ledger_entry add column entry bigint; -- of a rate that was set for the past: the entry of a room that it changes
create index ledger_room on ledger_entry (room, seat, n) where room is not null;
create index ledger_of_entry on ledger_entry (entry) where entry is not null;

create function room_parts(of_room text, what text, at_time timestamptz, ms bigint) returns bigint language sql stable as $$
  select coalesce((select (r.pay ->> what)::bigint * ms from room r where r.id = of_room), pay_parts('room ' || what, null, at_time, ms, 0))
$$;
-- Books what a seat's time has grown by, once it is `at_least` seconds.
create function room_book(of_room text, of_seat text, of_n int, at_least float8) returns void language plpgsql as $$
declare
  t room_time;
begin
  select * into t from room_time x where x.room = of_room and x.seat = of_seat and x.n = of_n for update;
  if not found or t.reading + t.writing + t.waiting - (t.reading_booked + t.writing_booked + t.waiting_booked) / 1000.0 < at_least then return; end if;
  insert into ledger_entry (person, kind, room, seat, n, task_type, milliseconds, parts)
    select s.person, 'room', of_room, of_seat, of_n, 'room ' || k.what, k.ms, room_parts(of_room, k.what, now(), k.ms)
    from room_seat s join person p on p.id = s.person and p.paid,
      (values ('reading', round(1000 * t.reading)::bigint - t.reading_booked), ('writing', round(1000 * t.writing)::bigint - t.writing_booked),
        ('waiting', round(1000 * t.waiting)::bigint - t.waiting_booked)) as k(what, ms)
    where s.room = of_room and s.seat = of_seat and s.n = of_n and k.ms > 0;
  update room_time x set reading_booked = round(1000 * t.reading), writing_booked = round(1000 * t.writing), waiting_booked = round(1000 * t.waiting)
  where x.room = of_room and x.seat = of_seat and x.n = of_n;
end $$;
-- What is left is booked when somebody leaves a seat, and when the room ends: in one order of people, whose days are added up.
create function room_seat_booked() returns trigger language plpgsql as $$
begin
  perform room_book(new.room, new.seat, new.n, 0);
  return null;
end $$;
create trigger room_seat_booked after update of until on room_seat for each row
  when (old.until is null and new.until is not null and new.person is not null) execute function room_seat_booked();
create function room_booked() returns trigger language plpgsql as $$
declare
  s record;
begin
  for s in select seat, n from room_seat where room = new.id and until is null and person is not null order by person loop
    perform room_book(new.id, s.seat, s.n, 0);
  end loop;
  return null;
end $$;
create trigger room_booked after update of state on room for each row
  when (old.state = 'open' and new.state = 'over') execute function room_booked();
