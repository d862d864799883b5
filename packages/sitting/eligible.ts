/**
 * Who may sit: what somebody saw in other rooms and tasks is folded (packages/room/exposure.ts) for each text of this room. Rooms are
 * found by the text's hash and tasks by its characters, among those of this person alone.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import {
  type Exposure,
  exposing,
  exposures,
  ineligible,
  Move,
  type Open,
  parseRules,
} from "@tiller/room";
import { own, PersonId, type Requirement, type SeenInRoom, TillerError } from "@tiller/schema";
import type { Rules } from "@tiller/room";
import { type Db, sql } from "@tiller/store";

/** As many rooms about one text as are read of one person, the newest first. */
const MOST_ROOMS = 200;

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const hashesOf = (open: Open): string[] =>
  open.texts.length > 0
    ? [...new Set(open.texts.map((t) => hashOf(t.body)))]
    : [hashOf(`question:${open.question}`)];

/** So that this room is found when somebody is to sit in another one. */
export const keepTexts = (tx: Db, room: string, open: Open): Promise<number> =>
  tx.run(sql`insert into room_text (room, hash) select ${room}, unnest(${hashesOf(open)}::text[])`);

/** Whoever read it knows the text. */
export const keepReader = (db: Db, room: string, person: PersonId): Promise<number> =>
  db.run(
    sql`insert into room_reader (room, person) values (${room}, ${person}) on conflict do nothing`,
  );

const Sat = z.object({
  room: z.string(),
  name: z.string(),
  rules: z.unknown(),
  who: z.string(),
  seats: z.array(z.string()),
  log: z.array(Move),
});
/** What people saw in these rooms, by pseudonym: whoever sat in several seats of one saw each. */
const satIn = (db: Db, those: ReturnType<typeof sql>): Promise<Exposure[]> =>
  db
    .many(
      sql`with seen as (${those})
          select r.id as room, r.name, r.rules, p.pseudonym as who, seen.seats,
            (select json_agg(json_build_object('id', m.id, 'seat', m.seat, 'at', m.at, 'act', m.act) order by m.place) from room_move m where m.room = r.id) as log
          from seen join room r on r.id = seen.room join person p on p.id = seen.person
          order by r.made_at desc, r.id, p.pseudonym limit ${MOST_ROOMS}`,
      Sat,
    )
    .then((rooms) =>
      rooms.flatMap(({ room, name, rules, who, seats, log }) =>
        exposures([
          {
            name: `${name} (${room})`,
            rules: parseRules(rules, `room ${room}`),
            log,
            occupants: Object.fromEntries(seats.map((s) => [s, who])),
            readers: seats.length === 0 ? [who] : [],
          },
        ]),
      ),
    );
/** Seats of rooms by who sits or sat there; a room that was only read has none. */
const seen = (where: ReturnType<typeof sql>) =>
  sql`select x.room, x.person, coalesce(array_agg(distinct x.seat) filter (where x.seat is not null), '{}') as seats
      from (select room, person, seat from room_seat
              where person is not null and (not asks or agreed_at is not null or until is null) -- who left unasked was shown nothing
            union all select room, person, null from room_reader) x where ${where} group by x.room, x.person`;

/** Who was shown something in a room about the same text, this one too. */
export const whoSaw = (db: Db, room: string): Promise<PersonId[]> =>
  db
    .many(
      sql`select distinct s.person from (${seen(
        sql`exists (select 1 from room_text t join room_text mine on mine.hash = t.hash and mine.room = ${room} where t.room = x.room)`,
      )}) s order by 1`,
      z.object({ person: PersonId }),
    )
    .then((rows) => rows.map((r) => r.person));

/** Tasks of the desk that showed one of these texts, whole, to this person. */
const inTasks = (db: Db, o: { open: Open; person: string; who: string }): Promise<Exposure[]> =>
  db
    .many(
      sql`select distinct on (x.body) x.body as text, k.title
          from unnest(${o.open.texts.map((t) => t.body)}::text[]) as x(body)
            join lease l on l.person = ${o.person} join task t on t.id = l.task
            join task_type k on k.name = t.type and k.version = t.type_version
          where x.body <> '' and length(t.input::text) >= length(x.body)
            and jsonb_path_exists(t.input, '$.** ? (@ == $body)', jsonb_build_object('body', x.body))`,
      z.object({ text: z.string(), title: z.string() }),
    )
    .then((rows) =>
      rows.map(({ text, title }) => ({
        who: o.who,
        room: `a task (${title})`,
        text,
        question: "",
        as: "other",
        saw: "text",
        open: false,
      })),
    );

/** What a seating needs to know of its room. */
export interface Seating {
  readonly id: string;
  readonly rules: Rules;
  readonly open: Open;
  readonly exposed: "refuse" | "allow";
  readonly requires: readonly Requirement[];
}

/** Why a person may not sit there for what they saw elsewhere; undefined: they may. */
async function whatTheySaw(
  db: Db,
  { id, rules, open }: Seating,
  s: { seat: string; person: string; who: string },
): Promise<string | undefined> {
  const is = own(rules.seats, s.seat)!;
  const hashes = hashesOf(open);
  const rooms = await satIn(
    db,
    seen(
      sql`x.person = ${s.person} and x.room <> ${id} and exists (select 1 from room_text t where t.room = x.room and t.hash = any(${hashes}::text[]))`,
    ),
  );
  const ledger = [...rooms, ...(await inTasks(db, { open, ...s }))];
  const side = own(open.sides, s.seat);
  for (const text of exposing(open.texts)) {
    const why = ineligible(ledger, s.who, {
      text,
      question: open.question,
      as: is.role === "debater" || is.role === "judge" ? is.role : "other",
      reads: is.knows.includes("text"),
      side: side === undefined ? undefined : open.answers[side],
    });
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Some who saw nothing of it in any room and do not sit in this one. */
const others = (db: Db, { id, open }: Seating): Promise<string[]> =>
  db
    .many(
      sql`select p.pseudonym from person p
          where p.role = 'rater' and p.disabled_at is null and not p.simulated
            and not exists (select 1 from room_seat s where s.person = p.id and s.declined_at is null and (s.room = ${id}
              or exists (select 1 from room_text t where t.room = s.room and t.hash = any(${hashesOf(open)}::text[]))))
          order by p.id limit 5`,
      z.object({ pseudonym: z.string() }),
    )
    .then((rows) => rows.map((r) => r.pseudonym));

/**
 * Refuses who saw too much, with the reason and who else there is; where the room allows it, returns why they would have been refused.
 * Their row is locked until the transaction ends: two seatings of one person do not pass each other.
 */
export async function requireEligible(
  tx: Db,
  room: Seating,
  s: { seat: string; person: string },
): Promise<string | undefined> {
  const known = await tx.maybe(
    sql`select pseudonym as who from person where id = ${s.person} for no key update`,
    z.object({ who: z.string() }),
  );
  if (!known) return undefined; // who there is, is asked before
  await requireQualified(tx, room, { ...s, who: known.who });
  const why = await whatTheySaw(tx, room, { ...s, who: known.who });
  if (why === undefined || room.exposed === "allow") return why;
  const free = await others(tx, room);
  const else_ =
    free.length > 0
      ? `Seat somebody else in ${s.seat}, for example ${free.join(", ")}`
      : `Seat somebody else in ${s.seat}`;
  throw new TillerError(
    "saw_too_much",
    `${why} ${else_}; or let whoever saw the text sit in this room when you open it ("exposed": "allow"), which marks the seat.`,
  );
}

/** Of people who judge, by the qualifications that the desk knows, too. */
async function requireQualified(
  tx: Db,
  { rules, requires }: Seating,
  s: { seat: string; person: string; who: string },
): Promise<void> {
  if (own(rules.seats, s.seat)?.role !== "judge") return;
  for (const { qualification, level } of requires) {
    const has = await tx.maybe(
      sql`select level from qualification where person = ${s.person} and name = ${qualification}`,
      z.object({ level: z.number() }),
    );
    if ((has?.level ?? 0) < level)
      throw new TillerError(
        "not_qualified",
        `${s.who} has level ${has?.level ?? 0} of "${qualification}", and whoever judges here needs ${level}. Let them practise (Rooms, Practise), or seat somebody else in ${s.seat}.`,
      );
  }
}

/** The ledger of a person, or of everybody who saw a text of a room. */
export const seenInRooms = (
  db: Db,
  o: { person?: PersonId | undefined; room?: string | undefined },
): Promise<SeenInRoom[]> =>
  satIn(
    db,
    seen(
      sql`(${o.person ?? null}::text is null or x.person = ${o.person ?? null}) and (${o.room ?? null}::text is null or exists (
            select 1 from room_text t join room_text mine on mine.hash = t.hash and mine.room = ${o.room ?? null} where t.room = x.room))`,
    ),
  ).then((all) =>
    all.map(({ text, ...e }) => ({ ...e, text: text.slice(0, 80), side: e.side ?? null })),
  );
