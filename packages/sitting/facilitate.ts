/** What a lead does in a room: seat somebody else, remind, take back, give time, annul. Each act stands in the record with its reason. */
import type { Act } from "@tiller/room";
import { deadlineOf, replay, toMove } from "@tiller/room/state.ts";
import { type Absence, Bug, type Occupant, own, type PersonId, TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import type { Seating } from "./eligible.ts";
import { seatRow } from "./open.ts";
import { readRoom, type Room, type Sitting, sitIn } from "./rows.ts";
import { dueIn, inRoom, tellAway, writeMove } from "./write.ts";

const WORDS_A_MINUTE = 220;

/** A lead who sits in the room, or sat there, has no other eyes and hands in it. */
export async function requireOutside(db: Db, room: string, person: PersonId): Promise<void> {
  const sat = await db.run(
    sql`select 1 from room_seat where room = ${room} and person = ${person} limit 1`,
  );
  if (sat > 0)
    throw new TillerError(
      "sits_there",
      "you sit in this room, or did: you see it from your seat alone. Ask another lead.",
    );
}

/** What deciding who may sit there needs. */
export function seatingIn({ id, rules, log, exposed, requires }: Room): Seating {
  const { open } = replay(rules, log);
  if (!open) throw new Bug(`room ${id} has no opening`);
  return { id, rules, open, exposed, requires };
}
const over = (room: Room) => replay(room.rules, room.log).over;
export function sittingIn(room: Room, seat: string): Sitting {
  const found = room.seats.find((s) => s.seat === seat);
  if (found) return found;
  throw new TillerError(
    "not_found",
    `room ${room.id} has no seat ${seat}; its seats are ${room.seats.map((s) => s.seat).join(", ")}.`,
  );
}

/** What a newcomer has to read first, in minutes. */
function readingMinutes({ rules, log }: Room, seat: string): number {
  const { open } = replay(rules, log);
  const texts = own(rules.seats, seat)?.knows.includes("text") ? (open?.texts ?? []) : [];
  const words = texts.reduce((sum, t) => sum + t.body.split(/\s+/).length, 0);
  return Math.ceil(words / WORDS_A_MINUTE);
}

/** The whole time of the round from now on, and `more` minutes, for a seat that is waited for, and for no other. */
export async function timeAnew(
  tx: Db,
  room: Room,
  o: { seat: string; id: string; by: string; reason: string; more?: number },
): Promise<Room> {
  const visit = replay(room.rules, room.log).visits.at(-1);
  const until = visit && deadlineOf(visit, o.seat);
  if (!visit || until === undefined || !toMove(visit).some((e) => e.seat === o.seat)) return room;
  const wanted = room.now + (visit.round.minutes! + (o.more ?? 0)) * 60_000;
  if (wanted <= until) return room;
  const minutes = (wanted - until) / 60_000;
  const seat = o.by === "room" ? "room" : "facilitator";
  const act = { do: "extend", minutes, of: o.seat, reason: o.reason } as const;
  return writeMove(tx, room, { id: o.id, seat, act, by: o.by });
}

/** In the transaction that holds the room's lock. The newcomer gets the round's whole time, and time to read. */
export async function seatAnew(
  tx: Db,
  room: Room,
  s: {
    seat: string;
    who: Occupant;
    absence?: Absence;
    by: PersonId | "room";
    reason: string;
  },
): Promise<Room> {
  const old = sittingIn(room, s.seat);
  const n = old.n + 1;
  await tx.run(
    sql`update room_seat set until = clock_timestamp() where room = ${room.id} and seat = ${s.seat} and n = ${old.n}`,
  );
  const by = s.by === "room" ? null : s.by;
  const absence = s.absence ?? old.absence;
  await seatRow(tx, seatingIn(room), {
    seat: s.seat,
    n,
    who: s.who,
    absence,
    by,
    reason: s.reason,
  });
  if (dueIn(room.rules, room.log).some((d) => d.seat === s.seat))
    await tellAway(tx, room.id, s.seat, "seated");
  if (s.who.kind === "nobody") return { ...room, seats: (await readRoom(tx, room.id)).seats };
  const reason = `${s.seat} has somebody new: ${s.reason}`;
  const at = { seat: s.seat, id: `seat/${s.seat}/${n}`, by: s.by, reason };
  const after = await timeAnew(tx, room, { ...at, more: readingMinutes(room, s.seat) });
  return { ...after, seats: (await readRoom(tx, room.id)).seats };
}

export const reseat = (
  db: Db,
  id: string,
  s: { seat: string; who: Occupant; by: PersonId; reason: string },
): Promise<void> =>
  inRoom(db, id, async (tx, room) => {
    if (over(room))
      throw new TillerError("refused_move", `room ${id} is over. Nobody sits down any more.`);
    const old = sittingIn(room, s.seat);
    if (old.occupant.kind === "chance" || ["chance", "search", "replay"].includes(s.who.kind))
      throw new TillerError("bad_seats", "a person or a model may be seated, or nobody for now.");
    await seatAnew(tx, room, s);
  });

/** The seat is empty then, until its policy or a lead puts somebody there. */
export const leaveSeat = (db: Db, id: string, person: PersonId, reason: string): Promise<void> =>
  db.transaction(async (tx) => {
    const { room, mine } = await sitIn(tx, id, person, { lock: true, unasked: true });
    if (over(room)) return;
    if (room.practice) {
      const act = { do: "annul", reason } as const; // nobody else is waited for
      await writeMove(tx, room, { id: "given up", seat: "facilitator", act, by: person });
      return;
    }
    const who = { kind: "nobody" } as const;
    await seatAnew(tx, room, { seat: mine.seat, who, by: person, reason });
  });

/** A person is told again; a model or a record that failed is tried again. */
export const poke = (db: Db, id: string, seat: string): Promise<void> =>
  inRoom(db, id, async (tx, room) => {
    const { n } = sittingIn(room, seat);
    await pokeRow(tx, id, { seat, n });
  });
export async function pokeRow(tx: Db, id: string, s: { seat: string; n: number }): Promise<void> {
  await tx.run(
    sql`update room_seat set pokes = pokes + 1, poked_at = clock_timestamp(), failure = null
        where room = ${id} and seat = ${s.seat} and n = ${s.n}`,
  );
  await tellAway(tx, id, s.seat, "reminded");
}

/** A facilitator's move: undo, extend, annul. */
export const facilitate = (
  db: Db,
  id: string,
  f: { by: PersonId; act: Extract<Act, { do: "undo" | "extend" | "annul" }> },
): Promise<void> =>
  inRoom(db, id, async (tx, room) => {
    const { by, act } = f;
    await writeMove(tx, room, {
      id: `facilitator/${room.log.length}`,
      seat: "facilitator",
      act,
      by,
    });
  });

/** Of a model or a record that cannot go on: a state of the seat. */
export const failSeat = (tx: Db, id: string, s: Sitting, why: string): Promise<number> =>
  tx.run(
    sql`update room_seat set failure = ${why.slice(0, 2000)} where room = ${id} and seat = ${s.seat} and n = ${s.n} and until is null`,
  );
