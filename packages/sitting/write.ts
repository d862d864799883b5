/**
 * The one place that writes moves. All writers take the room's lock, so that the log which is asked is the log that is written
 * to: no turn is taken twice and no move comes after its deadline, whichever server or process it comes from.
 */
import { refusal, type Act, type Rules, type Log } from "@tiller/room";
import { deadlineOf, replay, toMove } from "@tiller/room/state.ts";
import { TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { readRoom, type Room } from "./rows.ts";

interface Due {
  readonly seat: string;
  readonly since: number;
  readonly until: number | null;
}
/** Who is waited for. */
export function dueIn(rules: Rules, log: Log): Due[] {
  const s = replay(rules, log);
  const visit = s.visits.at(-1);
  if (!visit || s.over) return [];
  const { round, opened, played } = visit;
  const together = round.do !== "examine" && round.together;
  const since = together ? opened : (played.at(-1)?.at ?? opened);
  return toMove(visit).map(({ seat }) => ({ seat, since, until: deadlineOf(visit, seat) ?? null }));
}

interface NewMove {
  readonly id: string;
  readonly seat: string;
  readonly act: Act;
  /** a person, a model, a record, or the room */
  readonly by: string;
  /** which of those who sat there */
  readonly n?: number;
}
const turnless = new Set<Act["do"]>(["open", "undo", "extend", "annul"]);
/** What makes one turn of a seat one: how many turns it took before. A lapse takes the turn of whom it is of. */
function turnOf(log: Log, seat: string, act: Act): string | null {
  if (turnless.has(act.do)) return null;
  const of = (s: string, a: Act) => (a.do === "lapse" ? a.of : s);
  const whose = of(seat, act);
  const n = log.filter((m) => !turnless.has(m.act.do) && of(m.seat, m.act) === whose).length;
  return `${whose} ${n}`;
}

/** Whoever sits there and is away hears that the room waits for them, at most once in half an hour. */
export const tellAway = (
  tx: Db,
  room: string,
  seat: string,
  why: "turn" | "reminded" | "seated",
): Promise<number> => tx.run(sql`select room_tell(${room}, ${seat}, ${why})`);

/** In the transaction that holds the room's lock. What is there already is written once; returns the room as it is then. */
export async function writeMove(tx: Db, room: Room, m: NewMove): Promise<Room> {
  const { log, rules, now } = room;
  if (log.some((x) => x.id === m.id)) return room;
  const at = Math.max(now, log.at(-1)?.at ?? 0);
  const move = { id: m.id, seat: m.seat, at, act: m.act };
  const why = refusal(rules, log, move);
  if (why !== undefined) throw new TillerError("refused_move", why);
  const after = { ...room, log: [...log, move] };
  const { over } = replay(rules, after.log);
  await tx.run(
    sql`insert into room_move (room, place, id, seat, n, turn, at, act, by)
        values (${room.id}, ${log.length}, ${m.id}, ${m.seat}, ${m.n ?? null}, ${turnOf(log, m.seat, m.act)}, ${at}, ${JSON.stringify(m.act)}, ${m.by})`,
  );
  await tx.run(
    sql`update room set moves = ${log.length + 1}, due = ${JSON.stringify(dueIn(rules, after.log))},
          state = ${over ? "over" : "open"}, ending = ${over?.by ?? null},
          ended_at = case when ${over !== undefined} then coalesce(ended_at, clock_timestamp()) end, changed_at = clock_timestamp()
        where id = ${room.id}`,
  );
  const waited = dueIn(rules, log);
  for (const { seat } of dueIn(rules, after.log))
    if (!waited.some((d) => d.seat === seat)) await tellAway(tx, room.id, seat, "turn");
  return after;
}

/** Does something in the room that nobody else writes into meanwhile. */
export const inRoom = <T>(
  db: Db,
  id: string,
  act: (tx: Db, room: Room) => Promise<T>,
): Promise<T> => db.transaction(async (tx) => act(tx, await readRoom(tx, id, { lock: true })));
