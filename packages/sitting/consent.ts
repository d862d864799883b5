/**
 * Before and after a room. Whoever may have to argue for a wrong answer is asked before anything of the room is shown, and gives the
 * seat back if they do not agree; once it is over, everybody who sat in it is told the truth.
 */
import { z } from "zod";
import { debriefing, termsOf } from "@tiller/room";
import { replay } from "@tiller/room/state.ts";
import { type Debriefing, own, type PersonId, type SeatTerms, TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { nextOf } from "./attend.ts";
import { seatAnew } from "./facilitate.ts";
import { readRoom, type Room, sitIn } from "./rows.ts";

const DECLINED = "declined: a side may have to argue for a wrong answer";

const termsIn = (room: Room, seat: string) => termsOf(room.rules, seat, { names: room.names });

/** What the rules say, to whoever is to sit there; also to read again. */
export async function seatTerms(db: Db, id: string, person: PersonId): Promise<SeatTerms> {
  const { room, mine } = await sitIn(db, id, person, { unasked: true });
  const terms = termsIn(room, mine.seat);
  const role = own(room.rules.seats, mine.seat)!.role;
  return {
    room: id,
    rules: room.rules.name,
    seat: mine.seat,
    role,
    agreed: mine.agreed || !mine.asks,
    version: terms?.version ?? 0,
    points: terms?.points ?? [],
  };
}

/** Agreed: the words are kept with the seat. Declined: the seat is free again, and nothing of the room was shown. */
export const answerTerms = (
  db: Db,
  id: string,
  person: PersonId,
  answer: { readonly agree: boolean; readonly version: number },
): Promise<void> =>
  db.transaction(async (tx) => {
    const { room, mine } = await sitIn(tx, id, person, { lock: true, unasked: true });
    if (mine.agreed || !mine.asks) return;
    const { seat, n } = mine;
    const here = sql`room = ${id} and seat = ${seat} and n = ${n}`;
    if (answer.agree) {
      const terms = termsIn(room, seat);
      if (terms?.version !== answer.version)
        throw new TillerError(
          "other_terms",
          `you agreed to version ${answer.version} of what is said here, which is version ${terms?.version ?? 0} by now. Reload the page and read it again.`,
        );
      await tx.run(
        sql`update room_seat set agreed = ${JSON.stringify(terms)}, agreed_at = clock_timestamp() where ${here}`,
      );
      return;
    }
    await tx.run(sql`update room_seat set declined_at = clock_timestamp() where ${here}`);
    if (replay(room.rules, room.log).over) return;
    const by = mine.absence.do === "instead" ? mine.absence.by : [];
    const after =
      by.length > 0 ? await nextOf(tx, room, { sits: mine, by, reason: DECLINED }) : room;
    if (after.seats.some((s) => s.person === person))
      await seatAnew(tx, after, {
        seat,
        who: { kind: "nobody" },
        absence: after.seats.find((s) => s.seat === seat)!.absence,
        by: "room",
        reason: DECLINED,
      });
  });

const Sat = z.object({ seat: z.string(), kind: z.string(), who: z.string(), mine: z.boolean() });
/** Who sat there, as far as the room lets names be known: one after another, where several did. */
async function whoSat(db: Db, room: Room, person: PersonId): Promise<ReadonlyMap<string, string>> {
  const rows = await db.many(
    sql`select s.seat, s.kind, coalesce(p.pseudonym, s.occupant ->> 'model', '') as who, s.person is not distinct from ${person} as mine
        from room_seat s left join person p on p.id = s.person
        where s.room = ${room.id} and s.kind <> 'nobody' and s.declined_at is null order by s.seat, s.n`,
    Sat,
  );
  const words = ({ kind, who, mine }: z.infer<typeof Sat>) =>
    mine
      ? "you"
      : kind === "person"
        ? room.names === "pseudonyms"
          ? who
          : "a person"
        : kind === "model"
          ? `a model (${who})`
          : kind === "replay"
            ? "a recording"
            : "a program";
  const out = new Map<string, string>();
  for (const r of rows)
    out.set(r.seat, [out.get(r.seat), words(r)].filter(Boolean).join(", then "));
  return out;
}

/** Null while the room goes on. */
export async function debriefingIn(
  db: Db,
  room: Room,
  me: { readonly person: PersonId; readonly seat: string; readonly seen: boolean },
): Promise<Debriefing | null> {
  const told = debriefing(room.rules, room.log, me.seat);
  if (!told) return null;
  const { open } = replay(room.rules, room.log);
  const who = await whoSat(db, room, me.person);
  return {
    question: open!.question,
    answers: [...open!.answers],
    truth: told.truth,
    seen: me.seen,
    seats: told.seats.map((s) => ({ ...s, who: who.get(s.seat) ?? "nobody" })),
  };
}

const Mine = z.object({ seat: z.string(), seen: z.boolean() });
/** For everybody who ever sat there and was shown something, also if somebody else took the seat. */
export async function debriefingOf(db: Db, id: string, person: PersonId): Promise<Debriefing> {
  const mine = await db.maybe(
    sql`select seat, debriefed_at is not null as seen from room_seat
        where room = ${id} and person = ${person} and (not asks or agreed_at is not null) order by n desc limit 1`,
    Mine,
  );
  if (!mine)
    throw new TillerError(
      "not_found",
      `there is no room ${id} in which you sat. Look at the list of your rooms.`,
    );
  const told = await debriefingIn(db, await readRoom(db, id), { person, ...mine });
  if (told) return told;
  throw new TillerError("not_over", `room ${id} is not over. What was true is told at its end.`);
}
/** They have read it; the first time counts. */
export const debriefed = (db: Db, id: string, person: PersonId): Promise<number> =>
  db.run(
    sql`update room_seat s set debriefed_at = coalesce(s.debriefed_at, now()) from room r
        where r.id = s.room and r.state = 'over' and s.room = ${id} and s.person = ${person} and (not s.asks or s.agreed_at is not null)`,
  );
