/** What whoever sits in a seat may do: look, move, take back, keep a draft, be here. All that comes back is made from the seat's view. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { Act, refusal, score, view } from "@tiller/room";
import { deadlineOf, replay } from "@tiller/room/state.ts";
import {
  own,
  OwnRoom,
  type PersonId,
  type RoomBeat,
  type SeatPage,
  TillerError,
} from "@tiller/schema";
import { type Db, sql, type Store } from "@tiller/store";
import { debriefingIn } from "./consent.ts";
import { watchRoom } from "./hub.ts";
import { practiceRecord } from "./practice.ts";
import { type Room, type Sitting, sitIn } from "./rows.ts";
import { writeMove } from "./write.ts";

const DRAFT_CHARACTERS = 200_000;
/** Time goes into the pay ledger in pieces of this size, and what is left when the seat or the room ends. */
const BOOK_SECONDS = 600;
/** Longer without a word than this, nobody knows what was done. */
const BEAT_SECONDS = 30;

/** One's own last move, where it can be taken back: in time, and before anybody heard it. */
function takenBack(room: Room, seat: string): Act | undefined {
  const { rules, log, now } = room;
  const s = replay(rules, log);
  const visit = s.visits.at(-1);
  if (!visit || s.over) return undefined;
  const until = deadlineOf(visit, seat);
  if (until !== undefined && now > until) return undefined;
  const at = Math.max(now, log.at(-1)!.at);
  const act = { do: "undo", of: seat, reason: "taken back" } as const;
  if (refusal(rules, log, { id: "undo", seat, at, act }) !== undefined) return undefined;
  return visit.played.find((p) => p.seat === seat)?.act;
}

/** What of a page changes by moves: the draft and the clock are not in it. */
const seen = (room: Room, seat: string) => ({
  view: view(room.rules, room.log, seat),
  undo: takenBack(room, seat) !== undefined,
});

async function pageOf(db: Db, room: Room, mine: Sitting): Promise<SeatPage> {
  const { rules, log, id, name, now } = room;
  const { view: v, undo } = seen(room, mine.seat);
  const round = replay(rules, log).visits.length;
  const draft = await db.maybe(
    sql`select body from room_draft where room = ${id} and seat = ${mine.seat} and n = ${mine.n} and round = ${round}`,
    z.object({ body: z.unknown() }),
  );
  return {
    room: id,
    name,
    view: v,
    scoring: rules.scoring,
    undo,
    draft: v.turns.length > 0 ? (draft?.body ?? null) : null,
    practice: room.practice && v.over ? await practiceRecord(db, mine.person!) : null,
    debriefing: await debriefingIn(db, room, {
      person: mine.person!,
      seat: mine.seat,
      seen: mine.debriefed,
    }),
    earned: v.over ? (own(score(rules, log)?.seats, mine.seat) ?? null) : null,
    now,
  };
}

export async function seatPage(db: Db, id: string, person: PersonId): Promise<SeatPage> {
  const { room, mine } = await sitIn(db, id, person);
  return pageOf(db, room, mine);
}

export function playAs(
  db: Db,
  id: string,
  person: PersonId,
  m: { readonly id: string; readonly act: unknown },
): Promise<SeatPage> {
  const act = Act.parse(m.act);
  return db.transaction(async (tx) => {
    const { room, mine } = await sitIn(tx, id, person, { lock: true });
    const { seat, n } = mine;
    // an id is known by the seat that made it: no other learns whether it is there
    const after = await writeMove(tx, room, {
      id: `${seat}/${n}/${m.id}`,
      seat,
      n,
      act,
      by: person,
    });
    if (after !== room)
      await tx.run(sql`delete from room_draft where room = ${id} and seat = ${seat} and n = ${n}`);
    return pageOf(tx, after, mine);
  });
}

/** What was said becomes the draft again. */
export function undoAs(
  db: Db,
  id: string,
  person: PersonId,
  o: { readonly id: string },
): Promise<SeatPage> {
  return db.transaction(async (tx) => {
    const { room, mine } = await sitIn(tx, id, person, { lock: true });
    const { seat, n } = mine;
    const move = `${seat}/${n}/${o.id}`;
    if (room.log.some((m) => m.id === move)) return pageOf(tx, room, mine);
    const back = takenBack(room, seat);
    if (!back)
      throw new TillerError(
        "refused_move",
        "there is nothing of yours here that can be taken back: others have it, or its time is over.",
      );
    const act = { do: "undo", of: seat, reason: "taken back" } as const;
    const after = await writeMove(tx, room, { id: move, seat, n, act, by: person });
    await keepDraft(tx, after, mine, { act: back });
    return pageOf(tx, after, mine);
  });
}

async function keepDraft(db: Db, room: Room, mine: Sitting, body: unknown): Promise<void> {
  const round = replay(room.rules, room.log).visits.length;
  await db.run(
    sql`insert into room_draft (room, seat, n, round, body)
        values (${room.id}, ${mine.seat}, ${mine.n}, ${round}, ${JSON.stringify(body)})
        on conflict (room, seat, n) do update set round = excluded.round, body = excluded.body, at = now()`,
  );
}

/** Kept for the round it was written in; of a round that is over, or with no turn, nothing is kept. */
export async function saveDraftAs(
  db: Db,
  id: string,
  person: PersonId,
  d: { readonly round: number; readonly body: unknown },
): Promise<void> {
  const size = JSON.stringify(d.body ?? null).length;
  if (size > DRAFT_CHARACTERS)
    throw new TillerError(
      "too_long",
      `this draft has ${size} characters, ${DRAFT_CHARACTERS} are kept. Cut it.`,
    );
  const { room, mine } = await sitIn(db, id, person);
  const v = view(room.rules, room.log, mine.seat);
  if (v.turns.length === 0 || v.rounds.at(-1)?.n !== d.round) return;
  await keepDraft(db, room, mine, d.body ?? null);
}

/** Time is counted by the server's clock, from one beat to the next. */
export async function beatAs(
  db: Db,
  id: string,
  person: PersonId,
  { doing }: z.infer<typeof RoomBeat>,
): Promise<void> {
  const { room, mine } = await sitIn(db, id, person, { unasked: true });
  if (replay(room.rules, room.log).over) return; // time in a room ends with it
  await db.run(
    sql`update room_seat set seen_at = now() where room = ${id} and seat = ${mine.seat} and n = ${mine.n}`,
  );
  const spent = sql`case when now() - t.at < make_interval(secs => ${BEAT_SECONDS}) then extract(epoch from now() - t.at) else 0 end`;
  await db.run(
    sql`insert into room_time as t (room, seat, n) values (${id}, ${mine.seat}, ${mine.n})
        on conflict (room, seat, n) do update set at = now(),
          reading = t.reading + case when ${doing} = 'reading' then ${spent} else 0 end,
          writing = t.writing + case when ${doing} = 'writing' then ${spent} else 0 end,
          waiting = t.waiting + case when ${doing} = 'waiting' then ${spent} else 0 end`,
  );
  await db.run(sql`select room_book(${id}, ${mine.seat}, ${mine.n}, ${BOOK_SECONDS})`);
}

/** In no order that tells who moved last. */
export const ownRooms = (db: Db, person: PersonId): Promise<OwnRoom[]> =>
  db.many(
    sql`with mine as (
          select r.id, s.seat, s.asks and s.agreed_at is null as asks, s.poked_at, d.due, d.due is not null as turn, r.state = 'over' as over, r.made_at
          from room_seat s join room r on r.id = s.room
            left join lateral (select x as due from jsonb_array_elements(r.due) x where x ->> 'seat' = s.seat) d on true
          where s.person = ${person} and s.until is null
          order by d.due is null, r.state = 'over', r.made_at desc, r.id limit 500)
        select r.id as room, r.name, r.rules ->> 'name' as rules, m.seat, r.rules -> 'seats' -> m.seat ->> 'role' as role,
          m.turn, (m.due ->> 'until')::float8 as until, m.over, m.asks,
          case when m.turn then m.poked_at end as "remindedAt"
        from mine m join room r on r.id = m.id order by not m.turn, m.over, m.made_at desc, r.id`,
    OwnRoom,
  );
/** How many wait for somebody. */
export const roomsWaiting = (db: Db, person: PersonId): Promise<number> =>
  db.value(
    sql`select count(*)::int from room_seat s join room r on r.id = s.room
        where s.person = ${person} and s.until is null and r.state = 'open'
          and r.due @> jsonb_build_array(jsonb_build_object('seat', s.seat))`,
    z.number(),
  );

/** A word whenever what the seat may see has changed, and at no other time; ends when somebody else sits there. */
export async function* seatChanges(
  store: Store,
  id: string,
  person: PersonId,
  signal: AbortSignal,
): AsyncGenerator<"changed" | "left"> {
  let known: string | undefined;
  const look = async (): Promise<{ found: "changed" | "left" } | { withinMs: number }> => {
    try {
      const { room, mine } = await sitIn(store.db, id, person);
      const now = createHash("sha256")
        .update(JSON.stringify(seen(room, mine.seat)))
        .digest("hex");
      if (now === known) return { withinMs: Infinity };
      known = now;
      return { found: "changed" };
    } catch (e) {
      if (e instanceof TillerError && e.code === "left_seat") return { found: "left" };
      throw e;
    }
  };
  while (!signal.aborted) {
    const word = await watchRoom(store, id, signal, look);
    yield word;
    if (word === "left") return;
  }
}
