/**
 * Non-interference over HTTP at length: every kind of state that random rooms of every protocol come to, for every seat; and every
 * protocol played live twice, the second time by somebody who drafts, takes back, says more, is reminded and replaced before anybody
 * may know of it: every other seat's stream has the same words in the same order, and finds the same page at each.
 * In CI 6 states a protocol, those with most hidden, and three protocols live; all of both (2 to 33 states) with TILLER_TEST_STATES=99.
 * Run: TILLER_TESTS=slow npx vitest run tests/rooms-leak.slow.test.ts
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Log, type Rules, view } from "@tiller/room";
import { playthrough } from "@tiller/room/fixtures/random.ts";
import { replay } from "@tiller/room/state.ts";
import { PersonId, rng } from "@tiller/schema";
import { poke, reseat } from "@tiller/sitting";
import { readRoom } from "@tiller/sitting/rows.ts";
import {
  type Ask,
  differing,
  plain,
  roomsBeside,
  statesOf,
  timedRules,
  timedRulesOf,
} from "./fixtures/rooms.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const STATES = Number(process.env["TILLER_TEST_STATES"] ?? 6);
const live = timedRules.filter(
  (r) => STATES > 6 || ["nyu-debate", "khan-static", "jury"].includes(r.name),
);
let site: TestServer;
let beside: ReturnType<typeof roomsBeside>;
beforeAll(async () => {
  site = await openServer();
  beside = roomsBeside(site);
}, 60_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

test.each(timedRules.map((r) => [r.name, r] as const))(
  "%s: in every kind of state",
  { timeout: 60_000 },
  async (_, rules) => {
    const states = statesOf(rules).slice(0, STATES);
    expect(states.length).toBeGreaterThan(1);
    for (const [i, log] of states.entries())
      for (const seat of Object.keys(rules.seats)) {
        const got = await beside.compare(rules, log, { seat, role: "rater", seed: i, all: false });
        expect([seat, ...differing(got)]).toEqual([seat]);
      }
  },
);

/** The shortest of some random rooms. */
function script(rules: Rules): Log {
  const rooms = Array.from({ length: 12 }, (_, seed): Log =>
    [...playthrough(rules, rng(seed, "live"))].at(-1)!,
  );
  return rooms.toSorted((a, b) => a.length - b.length)[0]!;
}
/** Whoever moves first in a round that is hidden until all are in. */
function hiddenMover(rules: Rules, moves: Log): string | undefined {
  for (let i = 1; i < moves.length; i++) {
    const { round, entitled, played } = replay(rules, moves.slice(0, i)).visits.at(-1)!;
    if (round.do !== "examine" && round.together && entitled.length > 1 && played.length === 0)
      return moves[i]!.seat;
  }
  return undefined;
}

let rooms = 0;
/** A room played through HTTP; what each seat's page was at each word of its stream. */
async function lived(
  rules: Rules,
  o: { fusses?: string | undefined; ask?: Ask },
): Promise<Map<string, string[]>> {
  const { ask = site.app.request } = o;
  const { db } = site.store;
  const id = `live-${rooms++}`;
  const moves = script(rules);
  await beside.stored(id, rules, moves.slice(0, 1), { role: "rater" });
  const people = new Map(Object.keys(rules.seats).map((seat) => [seat, `rater-${seat}`]));
  const headers = (seat: string) => ({
    authorization: `Bearer ${beside.tokens.get(people.get(seat)!)}`,
    "content-type": "application/json",
  });
  const post = async (seat: string, at: string, body: unknown) => {
    const reply = await ask(`/api/rooms/${id}${at}`, {
      method: "POST",
      headers: headers(seat),
      body: JSON.stringify(body),
    });
    expect([seat, at, reply.status, reply.ok ? "" : await reply.text()]).toEqual([
      seat,
      at,
      200,
      "",
    ]);
  };
  const heard = new Map<string, string[]>();
  const streams: ReadableStreamDefaultReader<Uint8Array>[] = [];
  for (const seat of people.keys()) {
    if (seat === o.fusses) continue; // is replaced
    const pages: string[] = [];
    heard.set(seat, pages);
    const events = await ask(`/api/rooms/${id}/events`, { headers: headers(seat) });
    const reader = events.body!.getReader();
    streams.push(reader);
    void (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const words = new TextDecoder().decode(value).match(/^data: .*$/gm) ?? [];
        for (const word of words) {
          const page = await ask(`/api/rooms/${id}/seat`, { headers: headers(seat) });
          pages.push(`${word} ${plain(await page.text(), id)}`);
        }
      }
    })();
  }
  const counted = new Map([...heard.keys()].map((seat) => [seat, 1]));
  const caughtUp = async () => {
    await expect
      .poll(() => [...counted].filter(([seat, n]) => heard.get(seat)!.length < n), {
        timeout: 20_000,
        interval: 3,
      })
      .toEqual([]);
  };
  await caughtUp();
  for (const [i, { seat, act }] of moves.entries()) {
    if (i === 0) continue;
    const before = await readRoom(db, id);
    const visit = replay(rules, before.log).visits.at(-1)!;
    const { round, entitled, played } = visit;
    const hidden =
      round.do !== "examine" &&
      round.together &&
      entitled.length > 1 &&
      played.length < entitled.length - 1;
    if (seat === o.fusses && hidden) {
      await post(seat, "/draft", { round: visit.n, body: "what I may say" });
      await post(seat, "/beat", { doing: "writing" });
      await poke(db, id, seat);
      await post(seat, "/moves", { id: `first-${i}`, act });
      await post(seat, "/undo", { id: `back-${i}` });
      if (people.get(seat) === `rater-${seat}`) {
        people.set(seat, await beside.sitter(`${seat}-new`, "rater"));
        const who = { kind: "person", person: PersonId.parse(people.get(seat)) } as const;
        await reseat(db, id, {
          seat,
          who,
          by: await beside.sitter("outside", "lead"),
          reason: "ill",
        });
        await post(seat, "/terms", { agree: true, version: 1 });
      }
    }
    await post(seat, "/moves", { id: `${i}`, act });
    const after = await readRoom(db, id);
    for (const other of heard.keys())
      if (
        JSON.stringify(view(rules, before.log, other)) !==
        JSON.stringify(view(rules, after.log, other))
      )
        counted.set(other, counted.get(other)! + 1);
    await caughtUp();
  }
  await expect
    .poll(() => [...heard.values()].every((p) => p.at(-1)!.includes('"over":{')), {
      timeout: 20_000,
    })
    .toBe(true);
  for (const reader of streams) await reader.cancel();
  return heard;
}

/** Once the room is over, everybody is told that somebody else took a seat. */
const untold = (page: string): string => page.replaceAll("a person, then a person", "a person");

test.each(live.map((r) => [r.name, r] as const))(
  "%s: streams tell nothing of what is hidden",
  { timeout: 60_000 },
  async (_, rules) => {
    const fusses = hiddenMover(rules, script(rules));
    if (fusses === undefined) return; // nobody moves unseen
    const quiet = await lived(rules, {});
    const fussed = await lived(rules, { fusses });
    for (const [seat, pages] of fussed) {
      expect(pages.length).toBeGreaterThan(2);
      expect([seat, pages.map(untold)]).toEqual([seat, quiet.get(seat)!.map(untold)]);
    }
  },
);

test("a planted leak is found: a word for every move", { timeout: 60_000 }, async () => {
  const rules = timedRulesOf("nyu-debate");
  const fusses = hiddenMover(rules, script(rules))!;
  const chatty: Ask = async (url, init) => {
    const reply = await site.app.request(url, init);
    const id = /live-\d+/.exec(url)?.[0];
    if (!url.endsWith("/events")) return reply;
    const word = new TextEncoder().encode("data: changed\n\n");
    const out = new TransformStream<Uint8Array, Uint8Array>();
    const writer = out.writable.getWriter();
    const end = site.store.holder.listen("tiller_room", (room) => {
      if (room === id) void writer.write(word).catch(() => {});
    });
    void (async () => {
      for await (const chunk of reply.body!) await writer.write(chunk);
    })().catch(() => end());
    return new Response(out.readable, { status: reply.status });
  };
  const [quiet, fussed] = [
    await lived(rules, { ask: chatty }),
    await lived(rules, { ask: chatty, fusses }),
  ];
  expect([...fussed].some(([seat, p]) => p.length !== quiet.get(seat)!.length)).toBe(true);
});
