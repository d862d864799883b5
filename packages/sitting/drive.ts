/**
 * A room as one durable run: it is opened, attended until it is over, and scored. Models are called as any workflow calls them,
 * so that prompts, raw replies, costs and budgets are in the trace; people move through the server, and the run only waits.
 */
import type { z } from "zod";
import {
  drawOpening,
  protocols,
  type Rules,
  parseRules,
  refusal,
  score,
  type Score,
  type View,
  Act,
  type Open,
  type Turn,
} from "@tiller/room";
import { own, NewRoom, TillerError } from "@tiller/schema";
import { type Flow, type StepContext, workflow } from "@tiller/flow";
import type { Db } from "@tiller/store";
import { again, promptFor } from "@tiller/room/prompt.ts";
import { readReply } from "@tiller/room/reply.ts";
import { createHash } from "node:crypto";
import { asked, asMove, attend, type ToAsk } from "./attend.ts";
import { type Question, type Replied, repliesTo } from "./best.ts";
import { requireEligible, type Seating } from "./eligible.ts";
import { failSeat } from "./facilitate.ts";
import { checkSeats, openRoom, requireCurrency, timed } from "./open.ts";
import { passPractice } from "./practice.ts";
import { readRoom } from "./rows.ts";
import { inRoom, writeMove } from "./write.ts";

const ATTEMPTS = 3; // sent back at most twice

/** A seat played by code: what it sees and may do, and its move. */
export type Search = (seen: View, turn: Turn) => Act | Promise<Act>;
export interface RoomResult {
  readonly room: string;
  readonly by: string;
  /** null: no verdict */
  readonly score: Score | null;
}

/** A room's id from the place in the trace where it is opened: the same after a crash. */
export const roomId = (key: string): string =>
  `room-${createHash("sha256").update(key).digest("hex").slice(0, 12)}`;

export function rulesOf(given: string | object): Rules {
  if (typeof given !== "string") return parseRules(given, "the room");
  const known = protocols.get(given);
  if (known) return known;
  throw new TillerError(
    "no_protocol",
    `there is no protocol ${given}; the ready-made are ${[...protocols.keys()].join(", ")}.`,
  );
}

/** Where none is given, a room's own: who has to argue for the wrong answer is the same in no two rooms by custom. */
const seedOf = ({ seed }: Pick<NewRoom, "seed">, id: string): number =>
  seed ??
  Number.parseInt(createHash("sha256").update(`seed of ${id}`).digest("hex").slice(0, 8), 16);

/** As another room opened, or drawn. */
function openingOf(o: NewRoom, rules: Rules, seed: number): Open {
  if (!o.opening) return drawOpening(rules, o.question, { list: seed, sides: seed, first: seed });
  const opening = Act.safeParse(o.opening);
  if (opening.success && opening.data.do === "open") return opening.data;
  throw new TillerError(
    "bad_opening",
    "the opening is none. Take the first move of the room that this one opens like, or leave it out.",
  );
}

/** The room as it opens: the same whenever it is asked. */
export function seatingOf(o: NewRoom, id: string): Seating {
  const rules = timed(rulesOf(o.rules), o.minutes);
  const seed = seedOf(o, id);
  const { exposed, requires } = o;
  return { id, rules, open: openingOf(o, rules, seed), exposed, requires };
}

/** Refuses a room before it is started, where somebody may not sit in it. */
export const checkRoom = (db: Db, given: z.input<typeof NewRoom>, id: string): Promise<void> => {
  const o = NewRoom.parse(given);
  const room = seatingOf(o, id);
  checkSeats(room.rules, o.seats);
  return db.transaction(async (tx) => {
    await requireCurrency(tx, o.pay);
    for (const [seat, { who }] of Object.entries(o.seats))
      if (who.kind === "person") await requireEligible(tx, room, { seat, person: who.person });
  });
};

export async function room(
  flow: Flow,
  given: z.input<typeof NewRoom>,
  searches: Readonly<Record<string, Search>> = {},
): Promise<RoomResult> {
  const o = NewRoom.parse(given);
  const rules = timed(rulesOf(o.rules), o.minutes);
  checkSeats(rules, o.seats);
  for (const [seat, { who }] of Object.entries(o.seats))
    if (who.kind === "search" && !own(searches, seat))
      throw new TillerError(
        "bad_seats",
        `${seat} is a search, and the workflow gives none for it. Pass it to room().`,
      );
  const id = await flow.step("open", async ({ key, store }) => {
    await openRoom(store.db, {
      ...seatingOf(o, roomId(key)),
      name: o.name || o.question.question.slice(0, 80),
      experiment: flow.experiment,
      names: o.names,
      pay: o.pay,
      practice: o.practice,
      seats: o.seats,
    });
    return roomId(key);
  });
  const seed = seedOf(o, id);
  for (;;) {
    const next = await flow.step(
      "turns",
      ({ store, signal }) => attend(store, id, { seed, signal }),
      { waits: true },
    );
    if ("over" in next) break;
    for (const to of next.ask)
      if (to.by === "search")
        await flow.step(`${to.seat} searches`, ({ store }) => search(store.db, id, to, searches));
    const models = next.ask.filter((to) => to.by === "model");
    if (models.length > 0) await askModels(flow, id, models);
  }
  return flow.step("result", async ({ store }) => {
    if (o.practice) await passPractice(store.db, id);
    const { rules: played, log } = await readRoom(store.db, id);
    const result = score(played, log);
    return { room: id, by: result?.by ?? "annulled", score: result ?? null };
  });
}

/** A move that the room refuses for anything but its own content has lost its turn meanwhile; the next look says what now. */
async function search(
  db: Db,
  id: string,
  to: ToAsk,
  searches: Readonly<Record<string, Search>>,
): Promise<void> {
  const before = await readRoom(db, id);
  const known = asked(before, to);
  if (!known) return;
  const act = await own(searches, to.seat)!(known.seen, known.turn);
  await inRoom(db, id, async (tx, held) => {
    if (held.log.length === before.log.length || asked(held, to))
      await writeMove(tx, held, asMove(known.sits, before.log, act, "search"));
  });
}

async function askModels(flow: Flow, id: string, turns: readonly ToAsk[]): Promise<void> {
  let open = await flow.step("questions", ({ store }) => questions(store.db, id, turns));
  for (let attempt = 1; open.length > 0; attempt++) {
    const now = open;
    const replies = await repliesTo(flow, id, now);
    open = await flow.step("moves", (c) => takeReplies(c, id, now, { replies, attempt }));
  }
}

async function questions(db: Db, id: string, turns: readonly ToAsk[]): Promise<Question[]> {
  const held = await readRoom(db, id);
  return turns.flatMap((to): Question[] => {
    const known = asked(held, to);
    if (known?.sits.occupant.kind !== "model") return [];
    const { kind: _, best, ...model } = known.sits.occupant;
    const { seat, n, moves } = to;
    const answer = known.seen.sides.find((s) => s.seat === seat)?.answer;
    const chosen = known.turn.do === "speak" && best ? { best, answer } : {};
    return [{ seat, n, moves, ...model, ...chosen, prompt: promptFor(known.seen, known.turn) }];
  });
}

/** Writes what can be read; what cannot is asked again, and the third time it is a failure of the seat. */
function takeReplies(
  { store }: StepContext,
  id: string,
  given: readonly Question[],
  o: { replies: readonly Replied[]; attempt: number },
): Promise<Question[]> {
  return inRoom(store.db, id, async (tx, first) => {
    let held = first;
    const open: Question[] = [];
    for (const [i, q] of given.entries()) {
      const reply = o.replies[i]!;
      const known = asked(held, { ...q, by: "model" });
      const id_ = `${q.seat}/${q.n}/at ${q.moves}`;
      if (!known || held.log.some((m) => m.id === id_)) continue; // it lost its turn, or was written before a crash
      const { sits, seen, turn } = known;
      if ("failure" in reply) {
        await failSeat(tx, id, sits, reply.failure);
        continue;
      }
      const { act, problem } = readReply(seen, turn, reply.text);
      const at = Math.max(held.now, held.log.at(-1)!.at);
      const why = act && refusal(held.rules, held.log, { id: id_, seat: q.seat, at, act });
      const last = o.attempt === ATTEMPTS;
      if (act && why === undefined && (problem === undefined || last))
        held = await writeMove(tx, held, { id: id_, seat: q.seat, n: q.n, act, by: q.model });
      else if (last) await failSeat(tx, id, sits, why ?? problem ?? "");
      else open.push({ ...q, prompt: again(q.prompt, reply.text, why ?? problem ?? "") });
    }
    return open;
  });
}

/** One room as an experiment of its own, and as a child of others. */
export const roomWorkflow = workflow("room@1", NewRoom, (flow, input) => room(flow, input), {
  title: "A room",
  about: "People and models sit in a room and play a protocol; docs/rooms.md says how.",
  labelling: true,
});
