/**
 * Practice: somebody judges a room that is over, whose other seats say what they said then, and is told at once what was true. Whoever
 * gives what is right more than even credence has passed; how often, is a level of the qualification "practice PROTOCOL".
 */
import { z } from "zod";
import { type Log, Move, parseRules, passes, practiceOf, type Rules, score } from "@tiller/room";
import { earned } from "@tiller/room/credence.ts";
import { replay } from "@tiller/room/state.ts";
import {
  type NewRoom,
  own,
  type PersonId,
  type PracticeRecord,
  RoomPay,
  TillerError,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { setQualification } from "@tiller/work";
import { mayNotSit, requireCurrency } from "./open.ts";
import { readRoom } from "./rows.ts";

/** As many offers as are looked at for one person at a time. */
const MOST_LOOKED = 20;
/** As many of somebody's practice rooms as their record counts, the newest. */
const MOST_COUNTED = 200;

/** By a lead who sits in it nowhere. */
export async function offerPractice(
  db: Db,
  id: string,
  o: { by: PersonId; offer: boolean; pay: RoomPay },
): Promise<void> {
  const { rules, log, practice } = await readRoom(db, id);
  if (practice)
    throw new TillerError(
      "no_practice",
      `room ${id} is practice itself. Offer the room it repeats.`,
    );
  if (o.offer) {
    practiceOf(rules, log);
    await requireCurrency(db, o.pay);
  }
  await db.run(
    o.offer
      ? sql`insert into practice_room (room, pay, by) values (${id}, ${JSON.stringify(o.pay)}, ${o.by})
            on conflict (room) do update set withdrawn_at = null, pay = excluded.pay, by = excluded.by`
      : sql`update practice_room set withdrawn_at = now() where room = ${id}`,
  );
}

const Offered = z.object({ room: z.string(), pay: RoomPay });
/** Offers about texts of which this person saw nothing in a room. */
const offers = (db: Db, person: PersonId) =>
  db.many(
    sql`select p.room, p.pay from practice_room p where p.withdrawn_at is null and not exists (
          select 1 from room_text t join room_text u on u.hash = t.hash join room_seat s on s.room = u.room and s.person = ${person} where t.room = p.room)
        order by p.at, p.room limit ${MOST_LOOKED}`,
    Offered,
  );
export const practiceOffered = async (db: Db, person: PersonId): Promise<number> =>
  (await offers(db, person)).length;

/** A practice room for somebody, as it is started under this id; the next that they may judge. */
export const practiceFor = (
  db: Db,
  id: string,
  person: PersonId,
): Promise<z.input<typeof NewRoom>> =>
  db.transaction(async (tx) => {
    const open = await tx.maybe(
      sql`select r.id from room r join room_seat s on s.room = r.id and s.person = ${person} and s.until is null
          where r.practice and r.state = 'open' limit 1`,
      z.object({ id: z.string() }),
    );
    if (open)
      throw new TillerError(
        "practice_open",
        `you practise in ${open.id} already. Find it under Rooms, and end it first.`,
      );
    for (const offer of await offers(tx, person)) {
      const { rules, log, name } = await readRoom(tx, offer.room);
      const { rules: again, judge, acts } = practiceOf(rules, log);
      const opening = replay(rules, log).open!;
      const who = { kind: "person", person } as const;
      const room = { id, rules: again, open: opening, exposed: "refuse", requires: [] } as const;
      if ((await mayNotSit(tx, room, { seat: judge, who })) !== undefined) continue;
      const { question, answers, truth, texts } = opening;
      const right = answers[truth]!;
      return {
        name: `Practice: ${name}`.slice(0, 200),
        rules: again,
        question: { question, answers: [right, ...answers.filter((_, i) => i !== truth)], texts },
        opening,
        practice: true,
        pay: offer.pay,
        seats: {
          ...Object.fromEntries(
            Object.entries(acts).map(([seat, all]) => [
              seat,
              { who: { kind: "replay", acts: [...all] } },
            ]),
          ),
          [judge]: { who },
        },
      };
    }
    throw new TillerError(
      "no_practice",
      "there is no room to practise on of which you saw nothing. Ask a work lead to offer one.",
    );
  });

/** The last credence of whoever practised; undefined: no verdict. */
function judged(rules: Rules, log: Log, seat: string) {
  const result = score(rules, log);
  const credence = result && own(result.judges, seat)?.last;
  if (!result || !credence) return undefined;
  return { credence, truth: result.truth, earned: own(result.seats, seat) ?? 0 };
}

const Sat = z.object({
  room: z.string(),
  seat: z.string(),
  rules: z.unknown(),
  log: z.array(Move),
});
/** How somebody did in practice, in the last rooms; with one protocol alone where it is named. */
export async function practiceRecord(
  db: Db,
  person: PersonId,
  protocol?: string,
): Promise<PracticeRecord> {
  const rows = await db.many(
    sql`select s.room, s.seat, r.rules,
          (select json_agg(json_build_object('id', m.id, 'seat', m.seat, 'at', m.at, 'act', m.act) order by m.place) from room_move m where m.room = r.id) as log
        from room_seat s join room r on r.id = s.room
        where s.person = ${person} and s.until is null and r.practice and r.state = 'over'
          and (${protocol ?? null}::text is null or r.rules ->> 'name' = ${protocol ?? null}::text)
        order by r.ended_at desc limit ${MOST_COUNTED}`,
    Sat,
  );
  const sums = { rooms: 0, passed: 0, confidence: 0, earned: 0, even: 0 };
  for (const row of rows) {
    const rules = parseRules(row.rules, `room ${row.room}`);
    const found = judged(rules, row.log, row.seat);
    if (!found) continue;
    const { credence, truth } = found;
    sums.rooms++;
    if (passes(credence, truth)) sums.passed++;
    sums.confidence += Math.max(...credence);
    sums.earned += found.earned;
    const even = credence.map(() => 1 / credence.length);
    sums.even += earned(rules.scoring, even, truth);
  }
  const n = Math.max(1, sums.rooms);
  const { confidence, earned: all, even } = sums;
  return { ...sums, confidence: confidence / n, earned: all / n, even: even / n };
}

/** Once a practice room is over: a level more for whoever passed. Done again, it is the same. */
export async function passPractice(db: Db, id: string): Promise<void> {
  const room = await readRoom(db, id);
  if (!room.practice) return;
  for (const { seat, person } of room.seats) {
    const found = judged(room.rules, room.log, seat);
    if (person === null || !found || !passes(found.credence, found.truth)) continue;
    const { passed: level } = await practiceRecord(db, person, room.rules.name);
    const name = `practice ${room.rules.name}`;
    await setQualification(db, null, { person, name, level, why: `passed ${id}` });
  }
}
