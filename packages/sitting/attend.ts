/**
 * What the room does by itself: draws, records that are played again, deadlines that passed. It waits for people and says when
 * a model or a search has the turn. All of it is done again after a crash, and nothing twice: what was done stands in the log.
 */
import { Act, legal, type Log, refusal, type Turn, view } from "@tiller/room";
import { replay, type State } from "@tiller/room/state.ts";
import { type Absence, Bug, type Occupant, own, rng, TillerError } from "@tiller/schema";
import { type Db, sql, type Store } from "@tiller/store";
import { failSeat, pokeRow, seatAnew, seatingIn, sittingIn, timeAnew } from "./facilitate.ts";
import { watchRoom } from "./hub.ts";
import { mayNotSit } from "./open.ts";
import type { Room, Sitting } from "./rows.ts";
import { heardMore } from "./sequester.ts";
import { inRoom, writeMove } from "./write.ts";

/** A turn that the workflow has to see to. */
export interface ToAsk {
  readonly seat: string;
  readonly n: number;
  /** moves in the log when it was asked: an answer to an older question is thrown away */
  readonly moves: number;
  readonly by: "model" | "search";
}
type Attended = { readonly over: true } | { readonly ask: readonly ToAsk[] };

/** Waits until the room is over or a model or a search has a turn. */
export function attend(
  store: Pick<Store, "db" | "holder">,
  id: string,
  o: { seed: number; signal: AbortSignal },
): Promise<Attended> {
  return watchRoom(store, id, o.signal, async () => {
    const now = await actInRoom(store.db, id, o.seed);
    return "withinMs" in now ? now : { found: now };
  });
}

/** Everything that is due at this moment. */
export const actInRoom = (
  db: Db,
  id: string,
  seed: number,
): Promise<Attended | { withinMs: number }> =>
  inRoom(db, id, async (tx, first) => {
    let room = first;
    for (;;) {
      const done = await actOnce(tx, room, seed);
      if (!("id" in done)) return done;
      room = done;
    }
  });

/** One act of the room, as the room after it; else what it waits for. */
async function actOnce(
  tx: Db,
  room: Room,
  seed: number,
): Promise<Room | Attended | { withinMs: number }> {
  const { rules, log, now } = room;
  const s = replay(rules, log);
  if (s.over) return { over: true };
  const ask: ToAsk[] = [];
  let until = Infinity;
  for (const turn of legal(rules, log).filter((t) => t.do !== "lapse")) {
    const sits = sittingIn(room, turn.seat);
    const late = turn.until !== undefined && now > turn.until;
    const { kind } = sits.occupant;
    if (turn.do === "reply" && kind === "person" && heardMore(room, sits)) {
      const list = sits.absence.do === "instead" ? sits.absence.by : [];
      const reason = `${turn.seat} answered questions about an earlier text, which its author never saw`;
      return nextOf(tx, room, { sits, by: [...list, { kind: "nobody" }], reason });
    }
    if (late && (kind === "chance" || kind === "replay")) {
      // it is never late by itself: the server was away
      const why = { seat: turn.seat, id: `away/${turn.seat}/${log.length}`, by: "room" };
      return timeAnew(tx, room, { ...why, reason: "the server was away" });
    }
    if (!late && sits.failure === null) {
      if (kind === "chance")
        return writeMove(tx, room, asMove(sits, log, drawn(seed, turn, s), "room"));
      if (kind === "replay") {
        const next = await played(tx, room, sits);
        if (next) return next;
        continue;
      }
      if (kind === "model" || kind === "search") {
        ask.push({ seat: turn.seat, n: sits.n, moves: log.length, by: kind });
        continue;
      }
    }
    const after = await absent(tx, room, { sits, turn, late });
    if (after) return after;
    if (!late && turn.until !== undefined) until = Math.min(until, turn.until + 1 - now);
  }
  return ask.length > 0 ? { ask } : { withinMs: until };
}

export const asMove = (sits: Sitting, log: Log, act: Act, by: string) => ({
  id: `${sits.seat}/${sits.n}/at ${log.length}`,
  seat: sits.seat,
  n: sits.n,
  act,
  by,
});

/** What the seat's policy says of a deadline that passed, or of a model that failed; undefined: it is waited for. */
async function absent(
  tx: Db,
  room: Room,
  o: { sits: Sitting; turn: Turn; late: boolean },
): Promise<Room | undefined> {
  const { sits, turn, late } = o;
  const { seat, absence, pokes, failure, n } = sits;
  const id = `${absence.do}/${seat}/${n}/${room.log.length}`;
  switch (absence.do) {
    case "wait":
      return undefined;
    case "forfeit":
    case "annul": {
      if (!late) return undefined;
      const act = { do: "lapse", of: seat } as const;
      return writeMove(tx, room, { id, seat: "room", act, by: "room" });
    }
    case "poke": {
      if (!late || pokes >= absence.times) return undefined;
      await pokeRow(tx, room.id, sits);
      const reason = `${seat} was reminded`;
      const after = await timeAnew(tx, room, { seat, id, by: "room", reason });
      return { ...after, seats: after.seats.map((s) => (s === sits ? poked(s) : s)) };
    }
    case "instead": {
      if (!late && failure === null) return undefined;
      const reason = failure ?? `nothing came until ${new Date(turn.until!).toISOString()}`;
      return nextOf(tx, room, { sits, by: absence.by, reason });
    }
    default: {
      const never: never = absence;
      throw new Bug(`unknown absence ${JSON.stringify(never)}`);
    }
  }
}
/** The first of a list who may sit there; where nobody may, a lead decides and reads why. */
export async function nextOf(
  tx: Db,
  room: Room,
  o: { sits: Sitting; by: readonly Occupant[]; reason: string },
): Promise<Room> {
  const { sits, reason } = o;
  const refused: string[] = [];
  for (const [i, who] of o.by.entries()) {
    const why = await mayNotSit(tx, seatingIn(room), { seat: sits.seat, who });
    if (why === undefined) {
      const by = o.by.slice(i + 1);
      const absence: Absence = by.length > 0 ? { do: "instead", by } : { do: "wait" };
      return seatAnew(tx, room, { seat: sits.seat, who, absence, by: "room", reason });
    }
    refused.push(why);
  }
  const left = { ...sits, absence: { do: "wait" } as const };
  await tx.run(
    sql`update room_seat set absence = '{"do":"wait"}' where room = ${room.id} and seat = ${sits.seat} and n = ${sits.n}`,
  );
  const failure = [reason, "nobody of the list may sit here", ...refused].join(": ");
  await failSeat(tx, room.id, sits, failure);
  return { ...room, seats: room.seats.map((s) => (s === sits ? { ...left, failure } : s)) };
}
const poked = (s: Sitting): Sitting => ({ ...s, pokes: s.pokes + 1, failure: null });

/** A lot: by the room's seed and the round. */
function drawn(seed: number, turn: Turn, s: State): Act {
  const lot = rng(seed, "lot", s.visits.length);
  switch (turn.do) {
    case "pick":
      return { do: "pick", choice: lot.choose(turn.choices) };
    case "mark":
      return {
        do: "mark",
        marks: Object.fromEntries(turn.items.map((i) => [i, lot.choose(turn.labels)])),
      };
    case "vote":
      return { do: "vote", end: lot.next() < 0.5 };
    default:
      throw new TillerError(
        "bad_rules",
        `a lot cannot ${turn.do} (${turn.label}). Give that round to another seat.`,
      );
  }
}

/** The next act of a record; where it ends, or has no turn here, the seat has failed. */
async function played(tx: Db, room: Room, sits: Sitting): Promise<Room | undefined> {
  if (sits.occupant.kind !== "replay") throw new Bug(`${sits.seat} is no record`);
  const before = replay(room.rules, room.log)
    .visits.flatMap((v) => v.played)
    .filter((p) => p.seat === sits.seat && p.act.do !== "lapse").length;
  const act = Act.safeParse(sits.occupant.acts[before]);
  const at = Math.max(room.now, room.log.at(-1)!.at);
  const why = act.success
    ? refusal(room.rules, room.log, { id: "?", seat: sits.seat, at, act: act.data })
    : `its record ends after ${sits.occupant.acts.length} moves`;
  if (why === undefined && act.success)
    return writeMove(tx, room, asMove(sits, room.log, act.data, "record"));
  await failSeat(tx, room.id, sits, `move ${before + 1}: ${why}`);
  return { ...room, seats: room.seats.map((s) => (s === sits ? { ...s, failure: why! } : s)) };
}

/** What a seat sees and may do now, for who plays it; undefined: the question is an old one. */
export function asked(room: Room, to: ToAsk) {
  const sits = own(Object.fromEntries(room.seats.map((s) => [s.seat, s])), to.seat);
  if (!sits || sits.n !== to.n) return undefined;
  const seen = view(room.rules, room.log, to.seat);
  const turn = seen.turns[0];
  if (!turn || (turn.until !== undefined && room.now > turn.until)) return undefined;
  return { sits, seen, turn };
}
