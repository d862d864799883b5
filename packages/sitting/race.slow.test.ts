/**
 * Random interleavings (200, or TILLER_TEST_BURSTS of them): two servers on one database, moves sent twice and by both, moves at the deadline and after it,
 * undo, replaced people, facilitators, and connections that are cut in the middle. After all of it: no move is lost, none is
 * there twice, none is late, and nobody was told that a move is in which is not. Run: TILLER_TESTS=slow npx vitest run FILE
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Act, drawOpening, legal, parseRules } from "@tiller/room";
import { randomAct } from "@tiller/room/fixtures/random.ts";
import { replay } from "@tiller/room/state.ts";
import { type PersonId, type Rng, rng, type SeatSpec, TillerError } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { actInRoom } from "./attend.ts";
import { answerTerms, facilitate, openRoom, playAs, reseat, undoAs } from "./index.ts";
import { readRoom } from "./rows.ts";
import { dueIn } from "./write.ts";

const BURSTS = Number(process.env["TILLER_TEST_BURSTS"] ?? 200);
const home = mkdtempSync(path.join(tmpdir(), "tiller-race-"));
let servers: Store[] = [];
let lead: PersonId;
beforeAll(async () => {
  servers = [await openStore({ home })];
  servers.push(await openStore({ home, guest: true }));
  const role = "lead";
  ({ id: lead } = await ensurePerson(servers[0]!.db, {
    id: "lead",
    name: "L",
    pseudonym: "l",
    role,
  }));
}, 60_000);
afterAll(async () => {
  for (const s of servers.toReversed()) await s.close();
  rmSync(home, { recursive: true, force: true });
});

const debater = { role: "debater", knows: ["text"] };
const rulesWith = (minutes: number | undefined) =>
  parseRules(
    {
      name: "raced",
      source: "a test",
      seats: { a: debater, b: debater, judge: { role: "judge" } },
      rounds: [
        { do: "speak", label: "openings", seats: ["a", "b"], together: true, characters: 200 },
        { do: "speak", label: "speeches", seats: ["a", "b"], together: false, characters: 200 },
        { do: "credence", label: "verdict", seats: ["judge"], characters: 200, may: "either" },
        { do: "again", label: "repeat", to: "openings", most: 3 },
      ].map((r) => (minutes === undefined || r.do === "again" ? r : { ...r, minutes })),
      scoring: { rule: "log" },
    },
    "raced",
  );

interface Raced {
  readonly id: string;
  /** by seat: everybody who ever sat there, the last one sits there now */
  readonly people: Map<string, PersonId[]>;
  readonly told: Map<string, "in" | "refused">;
}
let made = 0;
async function newRoom(r: Rng): Promise<Raced> {
  const id = `race-${made++}`;
  const rules = rulesWith(r.choose([undefined, undefined, 0.0005, 0.003]));
  const question = {
    question: "?",
    answers: ["x", "y"],
    texts: [{ id: "story", title: "", body: "x".repeat(200) }],
  };
  const people = new Map<string, PersonId[]>();
  const seats: Record<string, SeatSpec> = {};
  for (const seat of ["a", "b", "judge"]) {
    const person = await someone(`${id}-${seat}-1`);
    people.set(seat, [person]);
    const absent = r.choose([{ do: "wait" }, { do: "poke", times: 3 }, { do: "forfeit" }] as const);
    seats[seat] = { who: { kind: "person", person }, absent };
  }
  const open = drawOpening(rules, question, { list: made, sides: made, first: made });
  await steady(() =>
    openRoom(servers[0]!.db, {
      id,
      name: id,
      experiment: null,
      exposed: "refuse",
      names: "hidden",
      rules,
      open,
      seats,
    }),
  );
  for (const seat of ["a", "b"]) await agreed(id, people.get(seat)![0]!);
  return { id, people, told: new Map() };
}
const agreed = (id: string, person: PersonId) =>
  steady(() => answerTerms(servers[0]!.db, id, person, { agree: true, version: 1 }));
const someone = async (id: string) =>
  (await steady(() => ensurePerson(servers[0]!.db, { id, name: id, pseudonym: id, role: "rater" })))
    .id;

/** Sent until the server says yes or no: a connection that was cut says neither, and the sender sends it again. */
async function sent(
  room: Raced,
  id: string,
  send: (store: Store) => Promise<unknown>,
): Promise<void> {
  for (let k = 0; ; k++)
    try {
      await send(servers[k % 2]!);
      expect(room.told.get(id)).not.toBe("refused");
      room.told.set(id, "in");
      return;
    } catch (e) {
      if (!(e instanceof TillerError)) {
        if (k > 20) throw e;
        continue;
      }
      if (e.code === "left_seat") return; // says nothing of the move: its yes may have been cut off
      // refused, unless an earlier attempt of the same id came in
      if (room.told.get(id) !== "in") room.told.set(id, "refused");
      return;
    }
}

/** One thing that somebody does at this moment. */
function something(
  r: Rng,
  room: Raced,
  o: { act: (seat: string) => Act; due: readonly string[]; k: number },
): Promise<unknown> {
  const { act, due, k } = o;
  const seat = due.length > 0 && r.next() < 0.8 ? r.choose(due) : r.choose(["a", "b", "judge"]);
  const all = room.people.get(seat)!;
  const person = all.at(-1)!;
  const n = all.length;
  const id = `m${made}-${k}`;
  const key = `${seat}/${n}/${id}`;
  const server = r.choose(servers);
  switch (r.int(12)) {
    case 0:
      return sent(room, key, (s) => undoAs(s.db, room.id, person, { id }));
    case 1:
      return actInRoom(server.db, room.id, 1);
    case 2: {
      const what = { do: "undo", of: seat, reason: "a test" } as const;
      return facilitate(server.db, room.id, { by: lead, act: what });
    }
    case 3: {
      const what = { do: "extend", minutes: 0.001, reason: "a test" } as const;
      return facilitate(server.db, room.id, { by: lead, act: what });
    }
    case 4:
      if (r.next() < 0.7) return cut(server);
      return replaced(server, room, seat);
    default: {
      // the same word by two tabs at once, on two servers
      const what = act(seat);
      const once = (s: Store) => playAs(s.db, room.id, person, { id, act: what });
      return Promise.all([
        sent(room, key, once),
        ...(r.next() < 0.4 ? [sent(room, key, once)] : []),
      ]);
    }
  }
}
/** What the test itself asks: a connection that was cut is asked again. */
async function steady<T>(ask: () => Promise<T>): Promise<T> {
  for (let k = 0; ; k++)
    try {
      return await ask();
    } catch (e) {
      if (e instanceof TillerError || k > 20) throw e;
    }
}
async function replaced(server: Store, room: Raced, seat: string): Promise<void> {
  const all = room.people.get(seat)!;
  const next = await someone(`${room.id}-${seat}-${made++}`);
  const who = { kind: "person", person: next } as const;
  await reseat(server.db, room.id, { seat, who, by: lead, reason: "a test" });
  if (seat !== "judge") await agreed(room.id, next);
  all.push(next);
}
/** Ends a connection of a server in whatever it is doing. */
const cut = (server: Store) =>
  server.db.run(
    sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and query ilike '%room%' and state <> 'idle'
          and application_name like 'tiller%' limit 1`,
  );

async function mustBeSound({ id, told }: Raced): Promise<void> {
  const { db } = servers[0]!;
  const { rules, log } = await steady(() => readRoom(db, id));
  const s = replay(rules, log); // every move had its turn and its time
  const ids = log.map((m) => m.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [move, word] of told)
    expect([move, ids.includes(move)]).toEqual([move, word === "in"]);
  for (const m of ids) expect([m, told.get(m)]).not.toEqual([m, "refused"]);
  const row = await steady(() =>
    db.one(
      sql`select moves, due, state from room where id = ${id}`,
      z.object({ moves: z.int(), due: z.unknown(), state: z.string() }),
    ),
  );
  expect(row).toEqual({
    moves: log.length,
    due: dueIn(rules, log),
    state: s.over ? "over" : "open",
  });
}

test(
  `${BURSTS} interleavings lose no move, keep none twice and none late`,
  { timeout: 300_000 },
  async () => {
    const r = rng(24, "interleavings");
    const rooms = await Promise.all(Array.from({ length: 8 }, () => newRoom(r)));
    const done: Raced[] = [];
    for (let burst = 0; burst < BURSTS; burst++) {
      const at = r.int(rooms.length);
      const room = rooms[at]!;
      const { rules, log } = await steady(() => readRoom(servers[0]!.db, room.id));
      if (replay(rules, log).over || log.length > 60) {
        done.push(room);
        rooms[at] = await newRoom(r);
        continue;
      }
      const turns = legal(rules, log);
      const due = turns.flatMap((t) => (t.do === "lapse" ? [] : [t.seat]));
      const act = (seat: string): Act => {
        const turn = turns.find((t) => t.seat === seat && t.do !== "lapse");
        return turn ? randomAct(r, turn) : { do: "vote", end: true };
      };
      const many = 2 + r.int(3);
      await Promise.allSettled(
        Array.from({ length: many }, (_, k) => something(r, room, { act, due, k: burst * 10 + k })),
      );
    }
    for (const room of [...done, ...rooms]) await mustBeSound(room);
    const words = [...done, ...rooms].flatMap((x) => [...x.told.values()]);
    // it was a race: many came in and many did not
    expect(words.filter((w) => w === "in").length).toBeGreaterThan(BURSTS / 5);
    expect(words.filter((w) => w === "refused").length).toBeGreaterThan(BURSTS / 5);
    expect(done.length).toBeGreaterThan(0);
  },
);
