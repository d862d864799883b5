/** Rooms as durable runs on a real Postgres: models over HTTP, records, searches, lots and people, through to the verdict. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FlowServer, launchFlow, workflow } from "@tiller/flow";
import { ModelsConfig, openModelClient } from "@tiller/model";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { type Act, protocols, RoomFile, trainingMoves } from "@tiller/room";
import { body, randomAct } from "@tiller/room/fixtures/random.ts";
import {
  messageText,
  type NewRoom,
  own,
  PersonId,
  Prompt,
  rng,
  type SeatSpec,
} from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import {
  answerTerms,
  leaveSeat,
  ownRooms,
  playAs,
  reseat,
  room,
  roomAsPage,
  roomFile,
  type RoomResult,
  roomWorkflow,
  saveDraftAs,
  seatPage,
  undoAs,
} from "./index.ts";
import { readRoom } from "./rows.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-sitting-"));
let store: Store;
let flow: FlowServer;
const debater = await scripted(
  says("She says <quote>nobody had moved it</quote>."), // in no text: sent back
  says("She says <quote>NOBODY had touched it</quote> since then."),
);
const judge = await scripted(says("A it is, I think."));
const second = await scripted(says("It stood there.\nCREDENCE: A 70, B 30\nDECISION: end"));

const question = {
  question: "Who has the lamp?",
  answers: ["Anna", "Tom"],
  texts: [{ id: "story", title: "The lamp", body }],
};
const speech = (text: string): Act => ({ do: "speak", items: [{ content: [{ text }] }] });
const credence = (p: number, end = false): Act => ({
  do: "credence",
  credence: [p, 1 - p],
  end,
  content: [],
});
const person = async (id: string) => {
  const { id: made } = await ensurePerson(store.db, {
    id,
    name: id,
    pseudonym: `alias-${id}`,
    role: "rater",
  });
  return PersonId.parse(made);
};
const agree = async (room: string, ...people: readonly PersonId[]) => {
  for (const p of people) await answerTerms(store.db, room, p, { agree: true, version: 1 });
};
const sits = (id: string): SeatSpec => ({ who: { kind: "person", person: PersonId.parse(id) } });

/** Every seat but a lot plays at random, in code. */
const searching = workflow("searching@1", z.object({ rules: z.string() }), (f, { rules }) => {
  const seats = Object.entries(protocols.get(rules)!.seats).filter(([, s]) => s.role !== "chance");
  const random = rng(f.seed, rules);
  return room(
    f,
    {
      rules,
      question,
      seats: Object.fromEntries(seats.map(([seat]) => [seat, { who: { kind: "search" } }])),
    },
    Object.fromEntries(seats.map(([seat]) => [seat, (_, turn) => randomAct(random, turn)])),
  );
});

beforeAll(async () => {
  store = await openStore({ home });
  const at = (e: { baseURL: string }) => ({ kind: "openai", model: "m", baseURL: e.baseURL });
  const config = ModelsConfig.parse({
    debater: at(debater),
    judge: at(judge),
    second: at(second),
  });
  flow = await launchFlow({
    store,
    workflows: [roomWorkflow, searching],
    codeRevision: "test",
    modelClient: openModelClient({ config, db: store.db }),
  });
});
afterAll(async () => {
  await flow?.close();
  await store?.close();
  for (const e of [debater, judge, second]) await e[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

const start = (o: z.input<typeof NewRoom>) => flow.start(roomWorkflow, o);
/** The room of an experiment, once it is open. */
async function roomOf(experiment: string): Promise<string> {
  const find = () =>
    store.db.maybe(
      sql`select id from room where experiment = ${experiment}`,
      z.object({ id: z.string() }),
    );
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  return (await find())!.id;
}

test("a model, a record and a model that takes over argue and judge", async () => {
  const id = await start({
    rules: "nyu-debate",
    question,
    seats: {
      a: { who: { kind: "model", model: "debater" } },
      b: { who: { kind: "replay", acts: [speech("No."), speech("Never.")] } },
      judge: {
        who: { kind: "model", model: "judge" },
        absent: { do: "instead", by: [{ kind: "model", model: "second" }] },
      },
    },
  });
  const result = (await flow.wait(id)) as RoomResult;
  expect(result.by).toBe("judge");
  const { log, seats } = await readRoom(store.db, result.room);
  expect(log.map((m) => `${m.seat} ${m.act.do}`).toSorted()).toEqual([
    "a speak",
    "b speak",
    "judge credence",
    "judge credence",
    "room open",
  ]);
  // what was in no text was sent back with that, and what was said instead became a span
  expect(debater.asked[1]!.body.messages!.at(-1)!.content).toMatch(
    /"nobody had moved it" is in no text/,
  );
  const said = log.find((m) => m.seat === "a")!.act;
  const [, quote] = said.do === "speak" ? said.items[0]!.content : [];
  expect(quote).toMatchObject({ quote: { text: "story" }, match: "normalised" });
  // a verdict that cannot be read is none: asked three times, then somebody else sits there
  expect(judge.asked).toHaveLength(3);
  expect(seats.find((s) => s.seat === "judge")).toMatchObject({
    n: 2,
    person: null,
    failure: null,
  });
  // the judge's prompt has no word of the text that was not quoted
  expect(JSON.stringify(second.asked.map((x) => x.body))).not.toContain("keeper");

  // a row to learn from has the very prompt that the model was sent and that the trace keeps
  const { rules } = await readRoom(store.db, result.room);
  const kept = await store.db.many(
    sql`select agent, prompt from node where experiment = ${id} and kind = 'model' order by started_at, id`,
    z.object({ agent: z.string(), prompt: Prompt }),
  );
  const rows = trainingMoves({ name: "lamp", rules, log });
  for (const [model, endpoint] of [
    ["debater", debater],
    ["second", second],
  ] as const) {
    const row = rows.find((r) => r.seat === (model === "debater" ? "a" : "judge"))!;
    const asked = kept.find((k) => k.agent === model)!.prompt;
    expect(row.prompt).toBe(asked.messages.map(messageText).join("\n\n"));
    const sent = endpoint.asked[0]!.body.messages!;
    expect(row.prompt).toBe(sent.map((m) => m.content).join("\n\n"));
  }
  expect(rows.map((r) => r.completion)).toContain(
    "She says <quote>nobody had touched it</quote> since then.",
  );

  // a lead's file has who sat where and every prompt with its reply, also those that were no move; so has the page to read
  const lead = await person("outside");
  const file = RoomFile.parse(await roomFile(store.db, result.room, lead));
  expect(file.occupants).toEqual({ a: "debater", b: "replay", judge: "second" });
  const { asked = [] } = file;
  expect(asked.map((x) => `${x.seat} ${x.model}`).toSorted()).toEqual([
    "a debater",
    "a debater",
    ...Array.from({ length: 3 }, () => "judge judge"),
    ...second.asked.map(() => "judge second"),
    ...(debater.asked.length > 2 ? ["a debater"] : []),
  ]);
  const first = asked.find((x) => x.model === "debater")!;
  expect(first.reply).toBe("She says <quote>nobody had moved it</quote>.");
  expect(first.messages.map((m) => m.text)).toEqual(
    debater.asked[0]!.body.messages!.map((m) => m.content),
  );
  const page = await roomAsPage(store.db, result.room, { person: lead, staff: true });
  expect(page).toContain("She says &lt;quote&gt;nobody had moved it&lt;/quote&gt;.");
});

test.each(["prover-estimator", "khan-interactive"])(
  "%s is driven to its end by searches and lots",
  async (rules) => {
    const result = (await flow.wait(await flow.start(searching, { rules }))) as RoomResult;
    const { log } = await readRoom(store.db, result.room);
    expect(log.length).toBeGreaterThan(3);
    expect(result.score).not.toBeNull();
  },
);

test("people move, take back, keep drafts, are replaced; a word twice is one", async () => {
  const [a, b, j, c] = await Promise.all(["anna", "ben", "jo", "cy"].map(person));
  const experiment = await start({
    rules: "nyu-debate",
    question,
    minutes: 60,
    seats: { a: sits("anna"), b: sits("ben"), judge: sits("jo") },
  });
  const id = await roomOf(experiment);
  await agree(id, a!, b!);
  expect((await ownRooms(store.db, j!))[0]).toMatchObject({ room: id, seat: "judge", turn: true });
  await playAs(store.db, id, j!, { id: "1", act: credence(0.5) });

  const first = await playAs(store.db, id, a!, { id: "x", act: speech("One.") });
  expect(first.undo).toBe(true);
  await playAs(store.db, id, a!, { id: "x", act: speech("One.") }); // the reply was lost, it came again
  const back = await undoAs(store.db, id, a!, { id: "u" });
  expect(back.draft).toEqual({ act: speech("One.") });
  await saveDraftAs(store.db, id, a!, { round: 1, body: "Two" });
  expect((await seatPage(store.db, id, a!)).draft).toBe("Two");
  await playAs(store.db, id, a!, { id: "y", act: speech("Two.") });
  await expect(playAs(store.db, id, a!, { id: "z", act: speech("Three.") })).rejects.toThrow(
    /not a's turn/,
  );

  // ben does not come: somebody else gets his seat, the round's time, and nothing that he wrote
  await saveDraftAs(store.db, id, b!, { round: 1, body: "private" });
  const until = (await seatPage(store.db, id, b!)).view.turns[0]!.until!;
  await reseat(store.db, id, {
    seat: "b",
    who: { kind: "person", person: c! },
    by: j!,
    reason: "no-show",
  });
  await expect(seatPage(store.db, id, b!)).rejects.toThrow(/no-show/);
  await expect(playAs(store.db, id, b!, { id: "late", act: speech("I am here!") })).rejects.toThrow(
    /do not sit in this room any more/,
  );
  await agree(id, c!);
  const page = await seatPage(store.db, id, c!);
  expect(page.draft).toBeNull();
  expect(page.view.turns[0]!.until!).toBeGreaterThan(until);
  await expect(
    reseat(store.db, id, { seat: "b", who: { kind: "person", person: a! }, by: j!, reason: "?" }),
  ).rejects.toThrow(/alias-anna sat in seat a/);

  // whoever leaves is out at once; the seat waits for somebody
  await leaveSeat(store.db, id, j!, "ill");
  await expect(seatPage(store.db, id, j!)).rejects.toThrow(/\(ill\)/);
  await reseat(store.db, id, {
    seat: "judge",
    who: { kind: "person", person: j! },
    by: j!,
    reason: "well again",
  });

  const revealed = await playAs(store.db, id, c!, { id: "1", act: speech("No.") });
  expect(revealed.view.rounds.find((r) => r.label === "openings")!.moves).toHaveLength(2);
  expect((await seatPage(store.db, id, a!)).undo).toBe(false);
  const end = await playAs(store.db, id, j!, { id: "2", act: credence(0.8, true) });
  expect(end.view.over).toMatchObject({ by: "judge" });
  expect(own(((await flow.wait(experiment)) as RoomResult).score!.seats, "judge")).toBe(end.earned);
});

test("a deadline that passes does what the seat's policy says", async () => {
  const [lead, gia] = await Promise.all(["lead", "gia", "di", "ed", "flo"].map(person));
  const debater = { role: "debater", knows: ["text"] };
  const rules = {
    name: "hurried",
    source: "a test",
    seats: { a: debater, b: debater, c: debater, judge: { role: "judge" } },
    rounds: [
      {
        do: "speak",
        label: "openings",
        seats: ["a", "b", "c"],
        together: true,
        characters: 100,
        minutes: 0.0005,
      },
      { do: "credence", label: "verdict", seats: ["judge"], characters: 100, may: "end" },
    ],
    scoring: { rule: "brier" },
  };
  const experiment = await start({
    rules,
    question,
    seats: {
      a: { ...sits("di"), absent: { do: "poke" } },
      b: {
        ...sits("ed"),
        absent: { do: "instead", by: [{ kind: "replay", acts: [speech("I stand in.")] }] },
      },
      c: { ...sits("flo"), absent: { do: "forfeit" } },
      judge: { who: { kind: "replay", acts: [credence(0.6, true)] } },
    },
  });
  const id = await roomOf(experiment);
  const log = async () => (await readRoom(store.db, id)).log;
  await agree(id, PersonId.parse("flo"));
  await expect
    .poll(async () => (await log()).map((m) => `${m.seat} ${m.act.do}`).toSorted(), {
      timeout: 10_000,
    })
    // a was reminded and got its time anew, b has somebody else who spoke, c has nothing
    .toEqual(["b speak", "room extend", "room extend", "room lapse", "room open"]);
  await expect(
    playAs(store.db, id, PersonId.parse("flo"), { id: "1", act: speech("Wait!") }),
  ).rejects.toThrow(/not c's turn/);
  await reseat(store.db, id, {
    seat: "a",
    who: { kind: "person", person: gia! },
    by: lead!,
    reason: "no-show",
  });
  await agree(id, gia!);
  const page = await playAs(store.db, id, gia!, { id: "1", act: speech("Here.") });
  expect(page.view.rounds[0]!.moves.map((m) => `${m.by} ${m.do}`).toSorted()).toEqual([
    "a speak",
    "b speak",
    "c lapse",
  ]);
  expect(await flow.wait(experiment)).toMatchObject({ by: "judge" });
});

test("a partner kept apart answers as of the snapshot, and another one about the next", async () => {
  const people = { a: "an", b: "bo", "a-then": "pa", "b-then": "pb", judge: "ju" };
  const ids = new Map<string, PersonId>();
  for (const [seat, name] of Object.entries(people)) ids.set(seat, await person(name));
  const next = await person("pc");
  const seats = Object.fromEntries(
    Object.entries(people).map(([seat, name]) => [seat, sits(name)]),
  );
  seats["b-then"] = {
    ...sits("pb"),
    absent: { do: "instead", by: [{ kind: "person", person: next }] },
  };
  const experiment = await start({ rules: "barnes-christiano", question, seats });
  const id = await roomOf(experiment);
  await agree(id, ...[...ids.values()].filter((p) => p !== ids.get("judge")));
  let n = 0;
  const says = (seat: string, act: Act) =>
    playAs(store.db, id, ids.get(seat)!, { id: `${n++}`, act });
  const items = (...all: [string, string?][]): Act => ({
    do: "speak",
    items: all.map(([text, about]) => ({ content: [{ text }], ...(about ? { about } : {}) })),
  });
  const ask = (text: string): Act => ({ do: "ask", content: [{ text }] });
  const page = async (who: PersonId) => JSON.stringify((await seatPage(store.db, id, who)).view);

  await says("a", items(["A one."], ["A two."]));
  expect(await page(ids.get("b-then")!)).not.toContain("A one."); // nothing of the room before the call
  const claims = await says("b", items(["B one."], ["B two."]));
  const about = (by: string) =>
    claims.view.rounds[0]!.moves.find((m) => m.by === by)!.items![0]!.id;
  await says("a", ask("Where was it in June?"));
  // as b was when it wrote: its own claims and the question; a's claims came at once with them
  const before = await page(ids.get("b-then")!);
  for (const said of ["B one.", "Where was it in June?"]) expect(before).toContain(said);
  expect(before).not.toContain("A one.");
  await says("b-then", { do: "reply", content: [{ text: "Upstairs." }] });
  await says("a", { do: "show", questions: [] }); // nobody else hears of it
  await says("b", { do: "show", questions: [] });
  await says("a", items(["No.", about("b")]));
  const objected = await says("b", items(["Never.", about("a")]));
  expect(JSON.stringify(objected.view)).not.toContain("Where was it in June?");
  const marks = objected.view.rounds.find((r) => r.label === "objections")!.moves;
  const item = (by: string) => marks.find((m) => m.by === by)!.items![0]!.id;
  await says("a", { do: "mark", marks: { [item("b")]: "challenge" } });
  await says("b", { do: "mark", marks: { [item("a")]: "challenge" } });
  const { log } = await readRoom(store.db, id);
  const open = log[0]!.act;
  if (open.do !== "open") throw new Error("a log opens with open");
  const dishonest = Object.keys(open.sides).find((s) => open.sides[s] !== open.truth)!;
  await says(dishonest, { do: "pick", choice: { item: item("a") } });
  await says("a", items(["A three."], ["A four."]));
  await says("b", items(["B three."], ["B four."]));
  await says("a", ask("And in July?"));

  // pb heard what b never did: pc answers about the next text, and has not heard it either
  await expect.poll(async () => (await ownRooms(store.db, next))[0]?.turn).toBe(true);
  await agree(id, next);
  const after = await page(next);
  for (const said of ["B three.", "And in July?", "A one."]) expect(after).toContain(said);
  for (const hidden of ["A three.", "Where was it in June?"]) expect(after).not.toContain(hidden);
  await expect(seatPage(store.db, id, ids.get("b-then")!)).rejects.toThrow(/about an earlier text/);
  await playAs(store.db, id, next, { id: "1", act: { do: "reply", content: [{ text: "Away." }] } });
  expect(await page(ids.get("a")!)).toContain("Away.");
});
