/**
 * Non-interference over HTTP in one state of every protocol (rooms-leak.slow.test.ts: in every kind of state, and live): a room is put beside one
 * with other hidden facts, and every byte that a seat gets is compared: its page, lists, notices, the page to read, the record of the
 * run, every refusal, the reply to a move, headers, a model's prompt. Planted leaks of eight kinds are found.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { playthrough } from "@tiller/room/fixtures/random.ts";
import { replay } from "@tiller/room/state.ts";
import { rng } from "@tiller/schema";
import { sql } from "@tiller/store";
import { z } from "zod";
import {
  type Ask,
  differing,
  roomsBeside,
  statesOf,
  timedRules,
  timedRulesOf,
} from "./fixtures/rooms.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let beside: ReturnType<typeof roomsBeside>;
beforeAll(async () => {
  site = await openServer();
  beside = roomsBeside(site);
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

test.each(timedRules.map((r) => [r.name, r] as const))(
  "%s: nobody hears over HTTP what is hidden",
  async (_, rules) => {
    const [log] = statesOf(rules);
    for (const seat of Object.keys(rules.seats)) {
      const role = rules.seats[seat]!.role === "judge" ? "lead" : "rater";
      const all = ["nyu-debate", "barnes-christiano", "jury"].includes(rules.name);
      const got = await beside.compare(rules, log!, { seat, role, seed: 24, all });
      expect(got[0].length).toBeGreaterThan(all ? 15 : 2);
      expect([seat, ...differing(got)]).toEqual([seat]);
    }
  },
);

test("before they have agreed, nobody is shown anything of the room", async () => {
  const rules = timedRulesOf("nyu-debate");
  const [log] = statesOf(rules);
  const o = { seat: "a", role: "rater", seed: 24, all: true, unasked: true } as const;
  const got = await beside.compare(rules, log!, o);
  expect(differing(got)).toEqual([]);
  const { open } = replay(rules, log!);
  const heard = got[0].join("\n");
  for (const hidden of [...open!.answers, open!.question, open!.texts[0]!.body.slice(0, 40)])
    expect(heard).not.toContain(JSON.stringify(hidden).slice(1, -1));
  expect(got[0].filter((reply) => reply.includes("consent_first")).length).toBeGreaterThan(7);
  expect(heard).toContain("One side in this room has to argue for a wrong answer");
});

/** What a page may be tempted to say, each after what it says now; of the room as the database has it. */
const Fact = z.object({ fact: z.coerce.string() });
const leaks: Readonly<Record<string, (id: string) => ReturnType<typeof sql>>> = {
  "how many are in": (id) => sql`select count(*) as fact from room_move where room = ${id}`,
  "how much was written": (id) =>
    sql`select sum(length(act::text)) as fact from room_move where room = ${id} and place > 0`,
  "in which order they came": (id) =>
    sql`select string_agg(seat, ' ' order by at, place) as fact from room_move where room = ${id}`,
  "when the last one came": (id) => sql`select max(at) as fact from room_move where room = ${id}`,
  "who is a model": (id) =>
    sql`select string_agg(kind, ' ' order by seat) as fact from room_seat where room = ${id}`,
  "whose model failed": (id) =>
    sql`select string_agg(failure, ' ') as fact from room_seat where room = ${id}`,
  "which answer is right": (id) =>
    sql`select act ->> 'truth' as fact from room_move where room = ${id} and place = 0`,
};
const leaking =
  (query: (id: string) => ReturnType<typeof sql>): Ask =>
  async (url, init) => {
    const reply = await site.app.request(url, init);
    const id = /room-\d+/.exec(url)?.[0];
    if (id === undefined || !url.endsWith("/seat")) return reply;
    const [row] = await site.store.db.many(query(id), Fact);
    return new Response(`${await reply.text()} ${row?.fact}`, { status: reply.status });
  };
/** A refusal that says whether what was quoted is there. */
const telltale: Ask = async (url, init) => {
  const reply = await site.app.request(url, init);
  const id = /room-\d+/.exec(url)?.[0];
  if (reply.status < 400 || id === undefined) return reply;
  const [row] = await site.store.db.many(
    sql`select length(act #>> '{texts,0,body}') as fact from room_move where room = ${id} and place = 0`,
    Fact,
  );
  return new Response(`${await reply.text()} of ${row?.fact}`, { status: reply.status });
};
const planted: Readonly<Record<string, Ask>> = {
  ...Object.fromEntries(Object.entries(leaks).map(([what, q]) => [what, leaking(q)])),
  "a refusal that knows the text's length": telltale,
};
test.each(Object.entries(planted))("a planted leak is found: %s", async (_, ask) => {
  const found = async (name: string, seat: string, seed: number) => {
    const rules = timedRulesOf(name);
    const o = { seat, role: "rater", seed, all: false, ask } as const;
    return differing(await beside.compare(rules, statesOf(rules)[0]!, o)).length > 0;
  };
  // a hidden move is left out of the other room half of the time; two of a jury's three are in
  const tries = [1, 2, 3, 4].flatMap((n) => [
    ["nyu-debate", "judge", n] as const,
    ["jury", "a", n] as const,
  ]);
  for (const [name, seat, seed] of tries) if (await found(name, seat, seed)) return;
  expect.fail("no room told the leak");
});

test("a model that is not there is refused at the start and when a lead seats it, with the names there are", async () => {
  await beside.sitter("outside", "lead");
  const rules = timedRulesOf("khan-static");
  const ask = async (url: string, sent: unknown) => {
    const reply = await site.app.request(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${beside.tokens.get("lead-outside")}`,
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
  await beside.stored("room-models", rules, open!, { role: "rater" });
  expect(await ask("/api/rooms/room-models/seats/a", { who: gtp, reason: "a test" })).toMatch(
    missing,
  );
});
