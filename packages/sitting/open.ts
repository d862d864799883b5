/** A room's beginning: the seats are filled, what an absence means becomes part of its rules, and the opening move is written. */
import { z } from "zod";
import { type Rules, termsOf } from "@tiller/room";
import {
  type Absence,
  own,
  type Occupant,
  type RoomPay,
  type SeatSpec,
  TillerError,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { keepTexts, requireEligible, type Seating } from "./eligible.ts";
import { dueIn, tellAway } from "./write.ts";

const At = z.object({ at: z.number() });
const Known = z.object({
  pseudonym: z.string(),
  gone: z.boolean(),
  elsewhere: z.string().nullable(),
});

interface Opening extends Seating {
  readonly name: string;
  readonly experiment: string | null;
  readonly names: "hidden" | "pseudonyms";
  readonly pay: RoomPay;
  readonly practice: boolean;
  readonly seats: Readonly<Record<string, SeatSpec>>;
}

/** Every seat has somebody, and nobody two. */
export function checkSeats(rules: Rules, seats: Readonly<Record<string, SeatSpec>>): void {
  const bad = (what: string) => new TillerError("bad_seats", what);
  const names = Object.keys(rules.seats);
  const strange = Object.keys(seats).find((s) => !names.includes(s));
  if (strange !== undefined)
    throw bad(`${rules.name} has no seat ${strange}. Its seats are ${names.join(", ")}.`);
  const people = new Set<string>();
  const judged = Object.values(rules.seats).some((s) => s.role === "judge");
  for (const [seat, { role }] of Object.entries(rules.seats)) {
    const who = own(seats, seat)?.who;
    if (role === "chance") {
      // a search: the workflow draws
      if (who && who.kind !== "chance" && who.kind !== "search")
        throw bad(`${seat} is drawn by lot. Leave it out.`);
      continue;
    }
    if (!who) throw bad(`nobody sits in ${seat}. Name a person, a model, or nobody for now.`);
    if (who.kind === "chance") throw bad(`${seat} is no chance seat. Name a person or a model.`);
    if (who.kind === "model" && who.best && (role !== "debater" || !judged))
      throw bad(
        `${seat} cannot have the best of ${who.best.of} speeches: ${judged ? "it does not argue" : `${rules.name} has no judge who could lean to one`}. Leave best out.`,
      );
    if (who.kind !== "person") continue;
    if (people.has(who.person)) throw bad(`${who.person} sits in two seats. One person has one.`);
    people.add(who.person);
  }
}

/** Rounds without a time of their own get `minutes`. */
export const timed = (rules: Rules, minutes: number | undefined): Rules =>
  minutes === undefined
    ? rules
    : { ...rules, rounds: rules.rounds.map((r) => (r.do === "again" ? r : { minutes, ...r })) };

/** Deadlines that the fold itself answers; the others are the driver's (attend.ts). */
const byRules = (given: Absence | undefined, stands: "wait" | "forfeit" | "annul") =>
  given === undefined ? stands : given.do === "forfeit" || given.do === "annul" ? given.do : "wait";

/** Once: the same id again is the same room. */
export async function openRoom(db: Db, o: Opening): Promise<void> {
  checkSeats(o.rules, o.seats);
  const seats = Object.entries(o.rules.seats).map(([seat, s]) => {
    const spec: SeatSpec = own(o.seats, seat) ?? { who: { kind: "chance" } };
    const absence = byRules(spec.absent, s.absence);
    return { seat, spec, rules: { ...s, absence } };
  });
  const rules = { ...o.rules, seats: Object.fromEntries(seats.map((s) => [s.seat, s.rules])) };
  await db.transaction(async (tx) => {
    const made = await tx.run(
      sql`insert into room (id, name, experiment, rules, exposed, names, pay, practice, requires, moves)
          values (${o.id}, ${o.name}, ${o.experiment}, ${JSON.stringify(rules)}, ${o.exposed}, ${o.names}, ${JSON.stringify(o.pay)}, ${o.practice}, ${JSON.stringify(o.requires)}, 1) on conflict do nothing`,
    );
    if (!made) return;
    await keepTexts(tx, o.id, o.open);
    // in one order, since each locks its person
    for (const { seat, spec, rules: s } of seats.toSorted((a, b) =>
      personIn(a.spec) < personIn(b.spec) ? -1 : 1,
    ))
      await seatRow(tx, o, {
        seat,
        n: 1,
        who: spec.who,
        absence: spec.absent ?? { do: s.absence },
        by: null,
        reason: "",
      });
    const at = await tx.one(
      sql`insert into room_move (room, place, id, seat, at, act, by)
          values (${o.id}, 0, 'open', 'room', floor(extract(epoch from clock_timestamp()) * 1000), ${JSON.stringify(o.open)}, 'room')
          returning at`,
      At,
    );
    const log = [{ id: "open", seat: "room", at: at.at, act: o.open }];
    for (const { seat } of dueIn(rules, log)) await tellAway(tx, o.id, seat, "turn");
    await tx.run(
      sql`update room set due = ${JSON.stringify(dueIn(rules, log))} where id = ${o.id}`,
    );
  });
}

/** Amounts of a room are in the currency of the rates. */
export async function requireCurrency(db: Db, pay: RoomPay): Promise<void> {
  if (Object.keys(pay).length === 0 || (await db.run(sql`select 1 from pay_rate limit 1`)) > 0)
    return;
  throw new TillerError(
    "no_rate",
    "no rate was set yet, so the currency of this room's pay is not known. Set a rate first.",
  );
}

const personIn = ({ who }: SeatSpec) => (who.kind === "person" ? who.person : "");

/** Somebody sits down; in the transaction that holds the room's lock. */
export async function seatRow(
  tx: Db,
  room: Seating,
  s: {
    seat: string;
    n: number;
    who: Occupant;
    absence: Absence;
    by: string | null;
    reason: string;
  },
): Promise<void> {
  const person = s.who.kind === "person" ? s.who.person : null;
  if (person !== null) await mustBeFree(tx, room.id, s.seat, person);
  const exposed =
    person === null ? undefined : await requireEligible(tx, room, { seat: s.seat, person });
  await tx.run(
    sql`insert into room_seat (room, seat, n, kind, occupant, person, absence, by, reason, exposed, asks)
        values (${room.id}, ${s.seat}, ${s.n}, ${s.who.kind}, ${JSON.stringify(s.who)}, ${person}, ${JSON.stringify(s.absence)}, ${s.by}, ${s.reason}, ${exposed ?? null}, ${person !== null && termsOf(room.rules, s.seat, { names: "hidden" }) !== undefined})`,
  );
}
/** Why somebody of a list may not sit there; undefined: they may. */
export async function mayNotSit(
  tx: Db,
  room: Seating,
  { seat, who }: { seat: string; who: Occupant },
): Promise<string | undefined> {
  if (who.kind !== "person") return undefined;
  try {
    await mustBeFree(tx, room.id, seat, who.person);
    await requireEligible(tx, room, { seat, person: who.person });
    return undefined;
  } catch (e) {
    if (e instanceof TillerError) return e.message;
    throw e;
  }
}
/** Whoever sat in another seat of the room knows what this one may not. */
async function mustBeFree(tx: Db, room: string, seat: string, person: string): Promise<void> {
  const known = await tx.maybe(
    sql`select p.pseudonym, p.disabled_at is not null as gone,
          (select s.seat from room_seat s where s.room = ${room} and s.person = p.id and s.seat <> ${seat} and (not s.asks or s.agreed_at is not null or s.until is null) limit 1) as elsewhere
        from person p where p.id = ${person}`,
    Known,
  );
  if (!known || known.gone)
    throw new TillerError(
      "no_person",
      `there is no person ${person} who can sit down. Look at the list of people.`,
    );
  if (known.elsewhere !== null)
    throw new TillerError(
      "knows_too_much",
      `${known.pseudonym} sat in seat ${known.elsewhere} of this room and knows what ${seat} may not. Seat somebody else.`,
    );
}
