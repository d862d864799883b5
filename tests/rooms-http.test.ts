/**
 * Non-interference over HTTP: a room is put beside one with other hidden facts, and every byte that a seat gets is compared:
 * its page, its lists, its notices, its stream, the page to read, and every refusal. A planted leak is found. In process, on
 * the real database.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Log, protocols, type Rules } from "@tiller/room";
import { otherwise } from "@tiller/room/fixtures/otherwise.ts";
import { body, playthrough, QUOTABLE } from "@tiller/room/fixtures/random.ts";
import { replay } from "@tiller/room/state.ts";
import { type Me, PersonId, rng } from "@tiller/schema";
import { playAs, seatChanges } from "@tiller/sitting";
import { dueIn } from "@tiller/sitting/write.ts";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { z } from "zod";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let tokens: Map<string, string>;
beforeAll(async () => {
  site = await openServer();
  tokens = new Map();
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

/** Somebody of one's own for a seat; `staff`: a lead who sits there has the lead's pages too. */
async function sitter(seat: string, role: Me["role"]): Promise<PersonId> {
  const id = `${role}-${seat}`;
  if (!tokens.has(id)) {
    const me = await ensurePerson(site.store.db, { id, name: id, pseudonym: `alias-${id}`, role });
    tokens.set(id, await issueToken(site.store.db, me.id, "session"));
  }
  return PersonId.parse(id);
}

/** A room that stands where this log ends; `at`: when it was made, so that lists have an order of their own. */
async function stored(id: string, rules: Rules, log: Log, role: Me["role"]): Promise<void> {
  const { db } = site.store;
  const { over } = replay(rules, log);
  await db.run(
    sql`insert into room (id, name, rules, moves, due, state, ending, made_at)
        values (${id}, 'A room', ${JSON.stringify(rules)}, ${log.length}, ${JSON.stringify(dueIn(rules, log))},
          ${over ? "over" : "open"}, ${over?.by ?? null}, '2026-01-01')`,
  );
  const seats = Object.keys(rules.seats);
  for (const seat of seats) await sitter(seat, role);
  await db.run(
    sql`insert into room_seat (room, seat, n, kind, occupant, person, absence)
        select ${id}, seat, 1, 'person', json_build_object('kind', 'person', 'person', ${`${role}-`} || seat), ${`${role}-`} || seat, '{"do":"wait"}'
        from unnest(${seats}::text[]) as x(seat)`,
  );
  await db.run(
    sql`insert into room_move (room, place, id, seat, n, turn, at, act, by)
        select ${id}, place - 1, m ->> 'id', m ->> 'seat', 1, place, (m ->> 'at')::bigint, m -> 'act', 'somebody'
        from json_array_elements(${JSON.stringify(log)}::json) with ordinality as x(m, place)`,
  );
}

const Row = z.object({ do: z.string() });
/** What is in the text and was never shown; to those who know it, what is in no text. */
const quoting = (knows: boolean) => {
  const from = knows ? 9000 : QUOTABLE + 5;
  const quote = { text: "story", from, to: from + 15 };
  return { do: "speak", items: [{ content: [{ quote }] }] };
};
const credence = { do: "credence", credence: [0.5, 0.5], end: true, content: [] };
/** All that somebody can ask of a room, and every way to be refused. Nothing here writes a move. */
const asks = (knows: boolean): readonly (readonly [string, string, unknown?])[] => [
  ["GET", "/seat"],
  ["GET", "/terms"],
  ["GET", "/debriefing"],
  ["GET", "/read"],
  ["GET", ""],
  ["GET", "/file"],
  ["POST", "/moves", { id: "1", act: quoting(knows) }],
  ["POST", "/moves", { id: "2", act: { do: "speak", items: [] } }],
  ["POST", "/moves", { id: "3", act: { ...credence, credence: [0.2, 0.3, 0.5] } }],
  ["POST", "/moves", { id: "4", act: { do: "mark", marks: { "0.a.1": "?" } } }],
  ["POST", "/moves", { id: "5", act: { do: "annul", reason: "me" } }],
  ["POST", "/moves", { id: "6", act: { do: "pick", choice: { item: "9.b.1" } } }],
  ["POST", "/beat", { doing: "waiting" }],
  ["POST", "/seats/a/undo", { reason: "me" }],
  ["POST", "/extend", { minutes: 5, reason: "me" }],
];
/** The clock is the server's and no seat's; ids of rooms are what the test gave them. */
const plain = (text: string, id: string) =>
  text.replaceAll(id, "ROOM").replaceAll(/"now":\d+/g, '"now":0');

async function everything(
  app: TestServer["app"],
  id: string,
  { person, knows }: { person: string; knows: boolean },
): Promise<string[]> {
  const ask = async (method: string, url: string, sent?: unknown) => {
    const reply = await app.request(url, {
      method,
      headers: {
        authorization: `Bearer ${tokens.get(person)}`,
        ...(sent === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    });
    return `${method} ${url} ${reply.status} ${await reply.text()}`;
  };
  const heard: string[] = [];
  for (const [method, at, sent] of asks(knows))
    heard.push(plain(await ask(method, `/api/rooms/${id}${at}`, sent), id));
  for (const list of ["/api/rooms/mine", "/api/rooms?state=all"]) {
    const reply = await ask("GET", list);
    const all = /(\[.*\])/s.exec(reply)?.[1];
    const rows = all ? (JSON.parse(all) as { room: string }[]) : [];
    heard.push(plain(JSON.stringify(rows.filter((r) => r.room === id)) + (all ? "" : reply), id));
  }
  return heard;
}

let n = 0;
/** Everybody in these rooms still has to say whether they agree. */
let unasked = false;
/** What a seat hears of two rooms that are the same to it. */
async function compare(
  rules: Rules,
  log: Log,
  o: { seat: string; role: Me["role"]; seed: number; app?: TestServer["app"] },
): Promise<[string[], string[]]> {
  const { seat, role, seed } = o;
  const person = await sitter(seat, role);
  const knows = rules.seats[seat]!.knows.includes("text");
  const other = otherwise(rules, log, seat, rng(seed, "otherwise", log.length, seat));
  const heard: string[][] = [];
  for (const l of [log, other]) {
    const id = `room-${String(n++).padStart(6, "0")}`;
    await stored(id, rules, l, role);
    if (unasked) await site.store.db.run(sql`update room_seat set asks = true where room = ${id}`);
    heard.push(await everything(o.app ?? site.app, id, { person, knows }));
    await site.store.db.run(sql`update room_seat set until = now() where room = ${id}`); // lists stay short
  }
  return heard as [string[], string[]];
}
/** A state in the middle, with as much hidden as there is. */
function middle(rules: Rules, seed: number): Log {
  const states = [...playthrough(rules, rng(seed, rules.name))].filter(
    (l) => !replay(rules, l).over,
  );
  const hiding = states.filter((l) => {
    const visit = replay(rules, l).visits.at(-1)!;
    return visit.played.length > 0 && visit.closed === undefined;
  });
  return (hiding.length > 0 ? hiding : states).at(-1)!;
}

test.each(["barnes-christiano", "khan-static", "jury"])(
  "%s: nobody hears over HTTP what is hidden",
  async (name) => {
    const rules = protocols.get(name)!;
    const log = middle(rules, 24);
    for (const seat of Object.keys(rules.seats)) {
      const role = seat.startsWith("judge") ? "lead" : "rater";
      const [a, b] = await compare(rules, log, { seat, role, seed: 24 });
      expect(a).toEqual(b);
    }
  },
);

test("before they have agreed, nobody is shown anything of the room", async () => {
  const rules = protocols.get("nyu-debate")!;
  const log = middle(rules, 24);
  unasked = true;
  try {
    const [a, b] = await compare(rules, log, { seat: "a", role: "rater", seed: 24 });
    expect(a).toEqual(b);
    const { open } = replay(rules, log);
    const heard = a.join("\n");
    for (const hidden of [...open!.answers, open!.question, open!.texts[0]!.body.slice(0, 40)])
      expect(heard).not.toContain(JSON.stringify(hidden).slice(1, -1));
    expect(a.filter((reply) => reply.includes("consent_first")).length).toBeGreaterThan(7);
    expect(heard).toContain("One side in this room has to argue for a wrong answer");
  } finally {
    unasked = false;
  }
});

test("a planted leak is found", async () => {
  const rules = protocols.get("nyu-debate")!;
  const log = middle(rules, 24);
  const leaky = {
    request: async (url: string, init: RequestInit) => {
      const reply = await site.app.request(url, init);
      const id = /room-\d+/.exec(url)?.[0] ?? "";
      const moves = await site.store.db.many(
        sql`select act ->> 'do' as do from room_move where room = ${id}`,
        Row,
      );
      // "2 of 2 are in", as a page would like to say it
      return new Response(`${await reply.text()} ${moves.length}`, { status: reply.status });
    },
  } as unknown as TestServer["app"];
  const differs = async (seed: number) => {
    const o = { seat: "judge", role: "rater", seed, app: leaky } as const;
    const [a, b] = await compare(rules, log, o);
    return JSON.stringify(a) !== JSON.stringify(b);
  };
  // a hidden move is left out of the other room half of the time
  expect((await differs(1)) || (await differs(2)) || (await differs(3))).toBe(true);
});

test("the stream says nothing of a hidden move, and a word at the reveal", async () => {
  const rules = protocols.get("nyu-debate")!;
  const [open] = playthrough(rules, rng(3, "stream"));
  await stored("room-stream", rules, open!, "rater");
  const [a, b, judge] = await Promise.all(["a", "b", "judge"].map((s) => sitter(s, "rater")));
  const { db } = site.store;
  const speech = (text: string) => ({ do: "speak", items: [{ content: [{ text }] }] });
  await playAs(db, "room-stream", judge!, { id: "prior", act: { ...credence, end: false } });
  const over = new AbortController();
  const words = seatChanges(site.store, "room-stream", judge!, over.signal);
  expect((await words.next()).value).toBe("changed"); // what it is now
  let heard = 0;
  const next = words.next().then(() => heard++);
  await playAs(db, "room-stream", a!, { id: "1", act: speech(body) });
  // b's own stream is told by the same word of the database: once b has seen it, so has the judge's
  const others = seatChanges(site.store, "room-stream", a!, over.signal);
  await others.next();
  expect(heard).toBe(0);
  await playAs(db, "room-stream", b!, { id: "1", act: speech("No.") });
  await next;
  expect(heard).toBe(1);
  over.abort();
});

test("a model that is not there is refused at the start and when a lead seats it, with the names there are", async () => {
  await sitter("outside", "lead");
  const rules = protocols.get("khan-static")!;
  const ask = async (url: string, sent: unknown) => {
    const reply = await site.app.request(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${tokens.get("lead-outside")}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(sent),
    });
    return `${reply.status} ${await reply.text()}`;
  };
  const gtp = { kind: "model", model: "gtp" };
  const nobody = { who: { kind: "nobody" } };
  const seats = Object.fromEntries(Object.keys(rules.seats).map((s) => [s, nobody]));
  const absent = { do: "instead", by: [gtp] };
  const question = { question: "Who?", answers: ["Anna", "Tom"] };
  const missing = /^4\d\d .*there is no model gtp\. There are: /;
  for (const a of [{ who: gtp }, { ...nobody, absent }])
    expect(
      await ask("/api/rooms", { rules: "khan-static", question, seats: { ...seats, a } }),
    ).toMatch(missing);
  const [open] = playthrough(rules, rng(5, "models"));
  await stored("room-models", rules, open!, "rater");
  expect(await ask("/api/rooms/room-models/seats/a", { who: gtp, reason: "a test" })).toMatch(
    missing,
  );
});
