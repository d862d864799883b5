/** What a lead sees: rooms by state, who is waited for since when, who sat where. Of a room in which one sits oneself, nothing but that. */
import { z } from "zod";
import { type Log, type Rules, SeatTime, reader, score, view } from "@tiller/room";
import { replay } from "@tiller/room/state.ts";
import {
  Lobby,
  type LobbyQuery,
  LobbyRoom,
  own,
  type PersonId,
  RoomDetail,
  TillerError,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { askedIn } from "./asked.ts";
import { keepReader } from "./eligible.ts";
import { requireOutside } from "./facilitate.ts";
import { readRoom, sitIn } from "./rows.ts";

const HERE_SECONDS = 60;
const nowMs = sql`floor(extract(epoch from clock_timestamp()) * 1000)::float8`;
const whoSits = sql`coalesce(p.pseudonym, s.occupant ->> 'model', s.kind)`;

const roomColumns = (
  person: PersonId,
) => sql`r.id as room, r.name, r.rules ->> 'name' as rules, r.experiment, r.state, r.ending,
  case when m.mine then 0 else r.moves end as moves, r.made_at as "madeAt",
  case when m.mine then r.made_at else r.changed_at end as "changedAt", r.practice, m.mine,
  exists (select 1 from practice_room o where o.room = r.id and o.withdrawn_at is null) as offered,
  case when m.mine then '[]'::jsonb else r.due end as due,
  case when m.mine then '[]'::jsonb else (
    select coalesce(jsonb_agg(jsonb_build_object('seat', s.seat, 'role', r.rules -> 'seats' -> s.seat ->> 'role', 'kind', s.kind,
      'who', ${whoSits}, 'here', coalesce(s.seen_at > now() - make_interval(secs => ${HERE_SECONDS}), false),
      'failure', s.failure, 'pokes', s.pokes, 'absence', s.absence ->> 'do', 'exposed', s.exposed,
      'consent', case when not s.asks then null when s.agreed_at is null then 'asked' else 'given' end,
      'declined', (select count(*)::int from room_seat d where d.room = s.room and d.seat = s.seat and d.declined_at is not null)) order by s.seat), '[]'::jsonb)
    from room_seat s left join person p on p.id = s.person where s.room = r.id and s.until is null) end as seats
  from room r, lateral (select exists (select 1 from room_seat s where s.room = r.id and s.person = ${person}) as mine) m`;

/** Newest first, so that the order tells nothing of who moved; a page after the room `after`. */
export async function lobby(
  db: Db,
  person: PersonId,
  q: z.infer<typeof LobbyQuery>,
): Promise<z.infer<typeof Lobby>> {
  const state =
    q.state === "all"
      ? sql`true`
      : q.state === "practice"
        ? sql`r.practice`
        : sql`r.state = ${q.state} and not r.practice`;
  const after =
    q.after === undefined
      ? sql`true`
      : sql`(r.made_at, r.id) < (select a.made_at, a.id from room a where a.id = ${q.after})`;
  const rooms = await db.many(
    sql`select ${roomColumns(person)} where ${state} and ${after} order by r.made_at desc, r.id desc limit ${q.limit}`,
    LobbyRoom,
  );
  const counts = await db.one(
    sql`select (count(*) filter (where r.state = 'open' and not r.practice))::int as open, (count(*) filter (where r.state = 'over' and not r.practice))::int as over,
          (count(*) filter (where r.practice))::int as practice,
          (count(*) filter (where not m.mine and exists (select 1 from jsonb_array_elements(r.due) d where (d ->> 'until')::float8 < ${nowMs})))::int as late,
          (count(*) filter (where not m.mine and r.state = 'open' and exists (select 1 from room_seat s where s.room = r.id and s.until is null and s.failure is not null)))::int as failed,
          ${nowMs} as now
        from room r, lateral (select exists (select 1 from room_seat s where s.room = r.id and s.person = ${person}) as mine) m`,
    Lobby.shape.counts.extend({ now: z.number() }),
  );
  const { now, ...figures } = counts;
  return { rooms, counts: figures, now };
}

export async function roomDetail(db: Db, id: string, person: PersonId): Promise<RoomDetail> {
  await requireOutside(db, id, person);
  const row = await db.maybe(sql`select ${roomColumns(person)} where r.id = ${id}`, LobbyRoom);
  if (!row) throw unknown(id);
  const history = await db.many(
    sql`select s.seat, s.kind, ${whoSits} as who, b.pseudonym as by, s.reason, s.since, s.until, s.agreed_at as "agreedAt", s.declined_at as "declinedAt",
          coalesce(t.reading, 0) as reading, coalesce(t.writing, 0) as writing, coalesce(t.waiting, 0) as waiting,
          coalesce((select (sum(e.parts) / 3600000.0)::float8 from ledger_entry e where e.room = s.room and e.seat = s.seat and e.n = s.n), 0) as paid
        from room_seat s left join person p on p.id = s.person left join person b on b.id = s.by
          left join room_time t on t.room = s.room and t.seat = s.seat and t.n = s.n
        where s.room = ${id} order by s.seat, s.n`,
    RoomDetail.shape.history.element,
  );
  const acts = await db.many(
    sql`select m.at, coalesce(p.pseudonym, m.by) as by, m.act ->> 'do' || coalesce(' ' || (m.act ->> 'of'), '') as did,
          coalesce(m.act ->> 'reason', '') as reason
        from room_move m left join person p on p.id = m.by
        where m.room = ${id} and m.seat in ('facilitator', 'room') and m.act ->> 'do' <> 'open' order by m.place`,
    RoomDetail.shape.acts.element,
  );
  const { log } = await readRoom(db, id);
  const open = log[0]?.act;
  const rate = await db.maybe(
    sql`select currency from pay_rate limit 1`,
    z.object({ currency: z.string() }),
  );
  const currency = rate?.currency ?? null;
  return { ...row, question: open?.do === "open" ? open.question : "", history, currency, acts };
}
const unknown = (id: string) =>
  new TillerError("not_found", `there is no room ${id}. Look at the list of rooms.`);

/** A seat that knows the text, for those who read a room that is over. */
const knowing = (rules: Rules): string => {
  const seats = Object.keys(rules.seats);
  return seats.find((s) => own(rules.seats, s)?.knows.includes("text")) ?? seats[0]!;
};
const notOver = (id: string) =>
  new TillerError(
    "not_over",
    `room ${id} is not over, and what may be seen depends on the seat. Wait for its end.`,
  );
const isOver = (rules: Rules, log: Log) => replay(rules, log).over !== undefined;

/** A room as one page: from one's seat, else (of a room that is over, and for staff) as a seat that knows the text. */
export async function roomAsPage(
  db: Db,
  id: string,
  o: { person: PersonId; staff: boolean },
): Promise<string> {
  const sits = await db.run(
    sql`select 1 from room_seat where room = ${id} and person = ${o.person} limit 1`,
  );
  if (sits > 0 || !o.staff) {
    const { room, mine } = await sitIn(db, id, o.person);
    return reader(room.name, view(room.rules, room.log, mine.seat), score(room.rules, room.log));
  }
  const { name, rules, log } = await readRoom(db, id);
  if (!isOver(rules, log)) throw notOver(id);
  await keepReader(db, id, o.person);
  return reader(
    name,
    view(rules, log, knowing(rules)),
    score(rules, log),
    await besideMoves(db, id),
  );
}

/** Who sits where (people by pseudonym), and what models were asked and said: for leads outside the room alone. */
async function besideMoves(db: Db, id: string) {
  const sat = await db.many(
    sql`select s.seat, ${whoSits} as who from room_seat s left join person p on p.id = s.person
        where s.room = ${id} and s.until is null and s.kind <> 'nobody' order by s.seat`,
    z.object({ seat: z.string(), who: z.string() }),
  );
  const occupants = Object.fromEntries(sat.map((s) => [s.seat, s.who]));
  return { occupants, asked: await askedIn(db, id) };
}

/** A room that is over as `tiller room show` reads it: rules, moves, who sat where, prompts and replies. */
export async function roomFile(db: Db, id: string, person: PersonId) {
  await requireOutside(db, id, person);
  const { name, rules, log, practice } = await readRoom(db, id);
  if (!isOver(rules, log)) throw notOver(id);
  await keepReader(db, id, person);
  const beside = await besideMoves(db, id);
  const time = await db.many(
    sql`select s.seat, s.n, s.kind, t.reading, t.writing, t.waiting,
          coalesce((select (sum(e.parts) / 3600000.0)::float8 from ledger_entry e where e.room = s.room and e.seat = s.seat and e.n = s.n), 0) as paid
        from room_seat s join room_time t on t.room = s.room and t.seat = s.seat and t.n = s.n
        where s.room = ${id} order by s.seat, s.n`,
    SeatTime,
  );
  return {
    kind: "tiller-room",
    version: 1,
    name,
    rules,
    log: [...log],
    time,
    ...(practice ? { practice } : {}),
    ...beside,
  } as const;
}
