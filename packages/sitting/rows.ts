/** A room as the database keeps it, read whole: a log of some dozens of moves is folded where it is needed. */
import { z } from "zod";
import { Move, parseRules, type Rules } from "@tiller/room";
import { Absence, Occupant, PersonId, Requirement, TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

const Seat = z.object({
  seat: z.string(),
  n: z.int(),
  occupant: Occupant,
  person: PersonId.nullable(),
  absence: Absence,
  pokes: z.int(),
  failure: z.string().nullable(),
  asks: z.boolean(),
  agreed: z.boolean(),
  debriefed: z.boolean(),
});
/** Who sits in a seat now; `n`: of those who ever did. */
export type Sitting = z.infer<typeof Seat>;

export interface Room {
  readonly id: string;
  readonly name: string;
  readonly rules: Rules;
  /** whether somebody who saw too much elsewhere may sit here */
  readonly exposed: "refuse" | "allow";
  /** what those who sat in it learn of each other once it is over */
  readonly names: "hidden" | "pseudonyms";
  readonly practice: boolean;
  /** of people who judge */
  readonly requires: readonly Requirement[];
  readonly log: readonly Move[];
  readonly seats: readonly Sitting[];
  /** the database's clock, read after the lock, in milliseconds */
  readonly now: number;
}
const Row = z.object({
  name: z.string(),
  rules: z.unknown(),
  exposed: z.enum(["refuse", "allow"]),
  names: z.enum(["hidden", "pseudonyms"]),
  practice: z.boolean(),
  requires: z.array(Requirement),
});

const noRoom = (id: string) =>
  new TillerError(
    "not_found",
    `there is no room ${id} in which you sit. Look at the list of your rooms.`,
  );

const clock = (db: Db): Promise<number> =>
  db.value(sql`select floor(extract(epoch from clock_timestamp()) * 1000)::float8`, z.number());

/** `lock`: nobody else writes into it until the transaction ends. */
export async function readRoom(db: Db, id: string, o: { lock?: boolean } = {}): Promise<Room> {
  const row = await db.maybe(
    sql`select name, rules, exposed, names, practice, requires from room where id = ${id} ${o.lock ? sql`for update` : sql``}`,
    Row,
  );
  if (!row) throw noRoom(id);
  const now = await clock(db); // after the lock: whoever waited for it is not early
  const log = await db.many(
    sql`select id, seat, at, act from room_move where room = ${id} order by place`,
    Move,
  );
  const seats = await db.many(
    sql`select seat, n, occupant, person, absence, pokes, failure, asks, agreed_at is not null as agreed, debriefed_at is not null as debriefed from room_seat
        where room = ${id} and until is null order by seat`,
    Seat,
  );
  const rules = parseRules(row.rules, `room ${id}`);
  const { name, rules: _, ...set } = row;
  return { id, name, rules, ...set, log, seats, now };
}

/** The room that a person sits in, and the seat; somebody who sat there is told so. `unasked`: also before they have agreed to sit there. */
export async function sitIn(
  db: Db,
  id: string,
  person: PersonId,
  o: { lock?: boolean; unasked?: boolean } = {},
): Promise<{ room: Room; mine: Sitting }> {
  const sat = await db.maybe(
    sql`select until is null as sits, coalesce((select h.reason from room_seat h
          where h.room = s.room and h.seat = s.seat and h.n = s.n + 1), '') as reason
        from room_seat s where s.room = ${id} and s.person = ${person} order by s.until desc nulls first limit 1`,
    z.object({ sits: z.boolean(), reason: z.string() }),
  );
  if (!sat) throw noRoom(id);
  if (!sat.sits) throw leftSeat(sat.reason);
  const room = await readRoom(db, id, o);
  const mine = room.seats.find((s) => s.person === person);
  if (!mine) throw leftSeat(""); // between the two questions
  if (mine.asks && !mine.agreed && !o.unasked)
    throw new TillerError(
      "consent_first",
      "you have not said yet whether you agree to how this room works. Open its page: it says what you may have to do, and asks.",
    );
  return { room, mine };
}
const leftSeat = (reason: string) =>
  new TillerError(
    "left_seat",
    `you do not sit in this room any more${reason ? ` (${reason})` : ""}. What you said stays; there is nothing more for you to do here.`,
  );
