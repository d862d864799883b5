/**
 * Random interleavings (200, or TILLER_TEST_BURSTS of them): two servers on one database, moves sent twice, by both and again later,
 * moves at the deadline and after it, undo, replaced people, facilitators, and connections that are cut in the middle. After all of it:
 * no move is lost, none is there twice, none is late, nobody was told that a move is in which is not, and the database refused nothing
 * that the lock should have kept from it. The same must find each of three bugs that are planted on the servers' way to the database:
 * no lock, the deadline by the caller's clock, no look whether a move is there. Run: TILLER_TESTS=slow npx vitest run FILE
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Act, drawOpening, legal, parseRules } from "@tiller/room";
import { randomAct } from "@tiller/room/fixtures/random.ts";
import { replay } from "@tiller/room/state.ts";
import { type PersonId, type Rng, rng, type SeatSpec, TillerError } from "@tiller/schema";
import { Db, ensurePerson, openStore, type Sql, sql, type Store } from "@tiller/store";
import { actInRoom } from "./attend.ts";
import { answerTerms, facilitate, openRoom, playAs, reseat, undoAs } from "./index.ts";
import { readRoom } from "./rows.ts";
import { dueIn } from "./write.ts";

const BURSTS = Number(process.env["TILLER_TEST_BURSTS"] ?? 200);
const home = mkdtempSync(path.join(tmpdir(), "tiller-race-"));
type Server = Pick<Store, "db">;
let stores: Store[] = [];
let lead: PersonId;
beforeAll(async () => {
  stores = [await openStore({ home })];
  stores.push(await openStore({ home, guest: true }));
  // a witness of when each move was written, by the database itself
  for (const text of [
    "create table witness (room text, place int, at float8, tx bigint)",
    `create function witnessed() returns trigger language plpgsql as $$ begin
       insert into witness values (new.room, new.place, extract(epoch from clock_timestamp()) * 1000, txid_current()); return null; end $$`,
    "create trigger witnessed after insert on room_move for each row execute function witnessed()",
  ])
    await stores[0]!.db.run({ text, values: [] });
  const role = "lead";
  ({ id: lead } = await ensurePerson(stores[0]!.db, {
    id: "lead",
    name: "L",
    pseudonym: "l",
    role,
  }));
}, 60_000);
afterAll(async () => {
  for (const s of stores.toReversed()) await s.close();
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
  /** what was sent so far, to be sent again */
  readonly words: (() => Promise<void>)[];
  readonly problems: string[];
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
    openRoom(stores[0]!.db, {
      id,
      name: id,
      experiment: null,
      exposed: "refuse",
      names: "hidden",
      pay: {},
      practice: false,
      requires: [],
      rules,
      open,
      seats,
    }),
  );
  for (const seat of ["a", "b"]) await agreed(id, people.get(seat)![0]!);
  return { id, people, told: new Map(), words: [], problems: [] };
}
const agreed = (id: string, person: PersonId) =>
  steady(() => answerTerms(stores[0]!.db, id, person, { agree: true, version: 1 }));
const someone = async (id: string) =>
  (await steady(() => ensurePerson(stores[0]!.db, { id, name: id, pseudonym: id, role: "rater" })))
    .id;

/** Sent until the server says yes or no: a connection that was cut says neither, and the sender sends it again. */
async function sent(
  servers: readonly Server[],
  room: Raced,
  id: string,
  send: (db: Db) => Promise<unknown>,
): Promise<void> {
  for (let k = 0; ; k++) {
    const wasIn = room.told.get(id) === "in";
    try {
      await send(servers[k % 2]!.db);
      room.told.set(id, "in");
      return;
    } catch (e) {
      if (!(e instanceof TillerError)) {
        noted(room, e);
        if (k > 20) throw e;
        continue;
      }
      if (e.code === "left_seat") return; // says nothing of the move: its yes may have been cut off
      if (wasIn)
        room.problems.push(`${id} is in, and was refused when it came again: ${e.message}`);
      // refused, unless an earlier attempt of the same id came in
      if (room.told.get(id) !== "in") room.told.set(id, "refused");
      return;
    }
  }
}
/** What the database refuses is a mistake of ours that went past the lock; a cut connection is none. */
function noted(room: Raced, e: unknown): void {
  const { code, message } = e as Error & { code?: string };
  if (code?.startsWith("23")) room.problems.push(`the database refused: ${message}`);
}

/** One thing that somebody does at this moment. */
function something(
  r: Rng,
  room: Raced,
  o: { servers: readonly Server[]; act: (seat: string) => Act; due: readonly string[]; k: number },
): Promise<unknown> {
  const { servers, act, due, k } = o;
  const seat = due.length > 0 && r.next() < 0.8 ? r.choose(due) : r.choose(["a", "b", "judge"]);
  const all = room.people.get(seat)!;
  const person = all.at(-1)!;
  const n = all.length;
  const id = `m${made}-${k}`;
  const key = `${seat}/${n}/${id}`;
  const server = r.choose(servers);
  switch (r.int(12)) {
    case 0:
      return sent(servers, room, key, (db) => undoAs(db, room.id, person, { id }));
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
    case 5:
      // a word whose answer did not come, long after
      return room.words.length > 0 ? r.choose(room.words)() : Promise.resolve();
    default: {
      // the same word by two tabs at once, on two servers
      const what = act(seat);
      const once = (db: Db) => playAs(db, room.id, person, { id, act: what });
      const word = () => sent(servers, room, key, once);
      room.words.push(word);
      return Promise.all([word(), ...(r.next() < 0.4 ? [word()] : [])]);
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
async function replaced(server: Server, room: Raced, seat: string): Promise<void> {
  const all = room.people.get(seat)!;
  const next = await someone(`${room.id}-${seat}-${made++}`);
  const who = { kind: "person", person: next } as const;
  await reseat(server.db, room.id, { seat, who, by: lead, reason: "a test" });
  if (seat !== "judge") await agreed(room.id, next);
  all.push(next);
}
/** Ends a connection of a server in whatever it is doing. */
const cut = (server: Server) =>
  server.db.run(
    sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and query ilike '%room%' and state <> 'idle'
          and application_name like 'tiller%' limit 1`,
  );

/** Everything that is wrong with a room. */
async function problemsOf({ id, told, problems }: Raced): Promise<string[]> {
  const { db } = stores[0]!;
  const found = [...problems];
  const { rules, log } = await steady(() => readRoom(db, id));
  let over = false;
  try {
    over = replay(rules, log).over !== undefined; // every move had its turn and its time
  } catch (e) {
    return [...found, (e as Error).message];
  }
  const ids = log.map((m) => m.id);
  if (new Set(ids).size < ids.length) found.push(`a move is there twice: ${ids.join(", ")}`);
  for (const [move, word] of told)
    if (ids.includes(move) !== (word === "in"))
      found.push(`${move} was said to be ${word}, and is ${ids.includes(move) ? "" : "not "}in`);
  // whoever waited for the lock is not early: no time of a move lies before the one before it was written
  const written = await steady(() =>
    db.many(
      sql`select at, tx from witness where room = ${id} order by place`,
      z.object({ at: z.number(), tx: z.number() }),
    ),
  );
  for (const [i, m] of log.entries()) {
    const before = written.slice(0, i).findLast((w) => w.tx !== written[i]!.tx);
    if (before && m.at < Math.floor(before.at))
      found.push(`${m.id} says ${m.at}, and the lock was another's until ${before.at}`);
  }
  const row = await steady(() =>
    db.one(
      sql`select moves, due, state from room where id = ${id}`,
      z.object({ moves: z.int(), due: z.unknown(), state: z.string() }),
    ),
  );
  const said = { moves: log.length, due: dueIn(rules, log), state: over ? "over" : "open" };
  if (!isDeepStrictEqual(row, said)) found.push(`the room's row says ${JSON.stringify(row)}`);
  return found;
}

/** `most` bursts of things that happen at once; `until` ends it before, asked after each with the room that it happened in. */
async function race(
  servers: readonly Server[],
  r: Rng,
  most: number,
  until: (room: Raced) => Promise<boolean> = async () => false,
): Promise<{ done: Raced[]; rooms: Raced[]; bursts: number }> {
  const rooms = await Promise.all(Array.from({ length: 8 }, () => newRoom(r)));
  const done: Raced[] = [];
  for (let burst = 0; burst < most; burst++) {
    const at = r.int(rooms.length);
    const room = rooms[at]!;
    const { rules, log } = await steady(() => readRoom(stores[0]!.db, room.id));
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
    const happened = await Promise.allSettled(
      Array.from({ length: many }, (_, k) =>
        something(r, room, { servers, act, due, k: burst * 10 + k }),
      ),
    );
    for (const h of happened) if (h.status === "rejected") noted(room, h.reason);
    if (await until(room)) return { done, rooms, bursts: burst + 1 };
  }
  return { done, rooms, bursts: most };
}

test(
  `${BURSTS} interleavings lose no move, keep none twice and none late`,
  { timeout: 300_000 },
  async () => {
    const { done, rooms } = await race(stores, rng(24, "interleavings"), BURSTS);
    const all = [...done, ...rooms];
    expect((await Promise.all(all.map(problemsOf))).flat()).toEqual([]);
    const words = all.flatMap((x) => [...x.told.values()]);
    // it was a race: many came in and many did not
    expect(words.filter((w) => w === "in").length).toBeGreaterThan(BURSTS / 5);
    expect(words.filter((w) => w === "refused").length).toBeGreaterThan(BURSTS / 5);
    expect(done.length).toBeGreaterThan(0);
  },
);

/** A way to the database on which one thing goes wrong; `anew`: for each transaction. */
class Careless extends Db {
  readonly #inner: Db;
  readonly #anew: () => (q: Sql) => Sql;
  readonly #change: (q: Sql) => Sql;
  constructor(inner: Db, anew: () => (q: Sql) => Sql) {
    super({ query: () => Promise.reject(new Error("not asked")) } as never);
    this.#inner = inner;
    this.#anew = anew;
    this.#change = anew();
  }
  override many = <T>(q: Sql, row: z.ZodType<T>) => this.#inner.many(this.#change(q), row);
  override maybe = <T>(q: Sql, row: z.ZodType<T>) => this.#inner.maybe(this.#change(q), row);
  override one = <T>(q: Sql, row: z.ZodType<T>) => this.#inner.one(this.#change(q), row);
  override value = <T>(q: Sql, value: z.ZodType<T>) => this.#inner.value(this.#change(q), value);
  override run = (q: Sql) => this.#inner.run(this.#change(q));
  override transaction = <T>(body: (db: Db) => Promise<T>): Promise<T> =>
    this.#inner.transaction((tx) => body(new Careless(tx, this.#anew)));
}
const instead = (wrong: RegExp, by: (q: Sql) => Sql) => (q: Sql) =>
  wrong.test(q.text) ? by(q) : q;
const text = (from: string, to: string) => (q: Sql) => ({ ...q, text: q.text.replace(from, to) });
const planted: Readonly<Record<string, () => (q: Sql) => Sql>> = {
  "the room's lock is left out": () =>
    instead(/from room where .*for update/s, text("for update", "")),
  "deadlines go by the caller's clock, from before it waited": () => {
    const began = Date.now();
    return instead(/^select floor\(extract\(epoch from clock_timestamp/, () => ({
      text: `select ${began}::float8`,
      values: [],
    }));
  },
  "nobody looks whether a move is there": () =>
    instead(
      /^select id, seat, at, act from room_move/,
      text("select id,", "select id || ' as it was' as id,"),
    ),
};
test.each(Object.entries(planted))("found: %s", { timeout: 120_000 }, async (what, anew) => {
  const servers = stores.map((s) => ({ db: new Careless(s.db, anew) }));
  let found: string[] = [];
  const { bursts } = await race(servers, rng(24, what), BURSTS, async (room) => {
    found = await problemsOf(room);
    return found.length > 0;
  });
  expect(found).not.toEqual([]);
  console.log(`${what}: found after ${bursts} of ${BURSTS} interleavings: ${found[0]}`);
});
