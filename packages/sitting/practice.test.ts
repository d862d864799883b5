/** Practice on a real Postgres: a finished room is offered, judged again by somebody new, and counts as a qualification and as nothing else. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Act, drawOpening, parseRules, practiceOf, RoomFile } from "@tiller/room";
import { NewRoom, type Occupant, PersonId, TillerError } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { actInRoom } from "./attend.ts";
import { seatingOf } from "./drive.ts";
import {
  answerTerms,
  leaveSeat,
  lobby,
  offerPractice,
  openRoom,
  playAs,
  practiceFor,
  practiceOffered,
  practiceRecord,
  roomFile,
  roomToJudge,
  seatPage,
  seenInRooms,
} from "./index.ts";
import { passPractice } from "./practice.ts";
import { readRoom } from "./rows.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-practice-"));
let store: Store;
let lead: PersonId;
beforeAll(async () => {
  store = await openStore({ home });
  lead = await person("lead", "lead");
});
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

async function person(id: string, role: "rater" | "lead" = "rater"): Promise<PersonId> {
  await ensurePerson(store.db, { id, name: id, pseudonym: `alias-${id}`, role });
  return PersonId.parse(id);
}
const debater = { role: "debater", knows: ["text"] };
/** Both speak, the judge ends it or has them go on, three times at most. */
const rules = parseRules(
  {
    name: "short",
    source: "a test",
    seats: { a: debater, b: debater, judge: { role: "judge" } },
    rounds: [
      { do: "speak", label: "speeches", seats: ["a", "b"], together: true, characters: 200 },
      { do: "credence", label: "verdict", seats: ["judge"], characters: 200, may: "either" },
      { do: "speak", label: "last", seats: ["a", "b"], together: false, characters: 200 },
      { do: "again", label: "more", to: "speeches", most: 3 },
    ],
    scoring: { rule: "log" },
  },
  "a test",
);
const speech = (text: string): Act => ({ do: "speak", items: [{ content: [{ text }] }] });
const credence = (right: number, truth: number, end = true): Act => ({
  do: "credence",
  credence: truth === 0 ? [right, 1 - right] : [1 - right, right],
  end,
  content: [],
});
const refused = (of: Promise<unknown>): Promise<string> =>
  of.then(
    () => "nothing was refused",
    (e: unknown) => (e instanceof TillerError ? e.message : String(e)),
  );

let made = 0;
const sits = (id: string): Occupant => ({ kind: "person", person: PersonId.parse(id) });
async function open(asked: z.input<typeof NewRoom>, id = `room-${++made}`): Promise<string> {
  const o = NewRoom.parse(asked);
  const seating = seatingOf(o, id);
  const { name, names, pay, practice, seats } = o;
  await openRoom(store.db, { ...seating, name, experiment: null, names, pay, practice, seats });
  return id;
}
/** A debate about a text of its own, through to the verdict. */
async function debate(about: string, o: Partial<z.input<typeof NewRoom>> = {}): Promise<string> {
  const [a, b, judge] = await Promise.all(["ann", "ben", "jo"].map((w) => person(w + about)));
  const id = await open({
    name: about,
    rules,
    question: {
      question: `Who, of ${about}?`,
      answers: ["Anna", "Tom"],
      texts: [{ id: "t", title: about, body: `The story of ${about}. `.repeat(20) }],
    },
    seats: { a: { who: sits(a!) }, b: { who: sits(b!) }, judge: { who: sits(judge!) } },
    ...o,
  });
  for (const who of [a!, b!]) await answerTerms(store.db, id, who, { agree: true, version: 1 });
  const said = [
    [a!, speech("a 1")],
    [b!, speech("b 1")],
    [judge!, credence(0.5, 0, false)],
  ] as const;
  for (const [who, act] of said) await playAs(store.db, id, who, { id: "1", act });
  return id;
}
const ended = async (about: string, id: string): Promise<string> => {
  const [a, b, judge] = ["ann", "ben", "jo"].map((w) => PersonId.parse(w + about));
  for (const [who, n, act] of [
    [a!, "2", speech("a 2")],
    [b!, "2", speech("b 2")],
    [a!, "3", speech("a 3")],
    [b!, "3", speech("b 3")],
    [judge!, "2", credence(0.9, 0)],
  ] as const)
    await playAs(store.db, id, who, { id: n, act });
  return id;
};
/** What the run does: opens the room, plays the records, and at its end says who passed. */
async function practises(who: PersonId, right: number): Promise<string> {
  const id = `room-${++made}`;
  await open(await practiceFor(store.db, id, who), id);
  await actInRoom(store.db, id, 1);
  const { truth } = (await readRoom(store.db, id)).log[0]!.act as { truth: number };
  await playAs(store.db, id, who, { id: "1", act: credence(right, truth) });
  await passPractice(store.db, id);
  await passPractice(store.db, id); // after a crash: the same
  return id;
}
const level = (who: PersonId) =>
  store.db
    .maybe(
      sql`select level from qualification where person = ${who} and name = 'practice short'`,
      z.object({ level: z.number() }),
    )
    .then((r) => r?.level ?? 0);

test("a finished room is offered, judged against what was said then, and told at once", async () => {
  const { db } = store;
  const going = await debate("lamp");
  expect(await refused(offerPractice(db, going, { by: lead, offer: true, pay: {} }))).toContain(
    "it has no verdict",
  );
  const room = await ended("lamp", going);
  const pay = { reading: 1200 };
  expect(await refused(offerPractice(db, room, { by: lead, offer: true, pay }))).toContain(
    "no rate was set",
  );
  await db.run(
    sql`insert into pay_rate (kind, per, amount, currency, valid_from, by) values (null, 'hour', 600, 'EUR', now(), 'lead')`,
  );
  await offerPractice(db, room, { by: lead, offer: true, pay });
  const kim = await person("kim");
  expect(await practiceOffered(db, kim)).toBe(1);
  for (const saw of ["annlamp", "jolamp"])
    expect(await refused(practiceFor(db, "x", PersonId.parse(saw)))).toContain(
      "no room to practise on of which you saw nothing",
    );
  // whoever read the room knows its text
  await roomFile(db, room, lead);
  expect(await refused(practiceFor(db, "x", lead))).toContain("of which you saw nothing");

  const before = await lobby(db, lead, { state: "over", limit: 9 });
  expect(before.rooms.map((r) => [r.room, r.offered])).toEqual([[room, true]]);
  const id = await practises(kim, 0.8);
  const page = await seatPage(db, id, kim);
  const said = page.view.rounds.flatMap((r) => r.moves).map((m) => JSON.stringify(m));
  expect(said.filter((m) => m.includes("a 1"))).toHaveLength(1);
  expect(page.earned).toBeCloseTo(Math.log2(0.8));
  expect(page.debriefing).toMatchObject({ truth: page.view.truth });
  expect(page.debriefing!.seats.map((s) => s.who)).toEqual(["a recording", "a recording", "you"]);
  expect(page.practice).toMatchObject({ rooms: 1, passed: 1, even: -1 });
  expect(page.practice!.confidence).toBeCloseTo(0.8);
  expect(await level(kim)).toBe(1);
  expect(await db.value(sql`select pay from room where id = ${id}`, z.unknown())).toEqual(pay);
  expect(await practiceOffered(db, kim)).toBe(0);

  // in no result, but what was seen counts
  const { rooms, counts } = await lobby(db, lead, { state: "over", limit: 9 });
  expect(rooms.map((r) => r.room)).toEqual([room]);
  expect(counts).toMatchObject({ open: 0, over: 1, practice: 1 });
  const practice = await lobby(db, lead, { state: "practice", limit: 9 });
  expect(practice.rooms.map((r) => r.room)).toEqual([id]);
  expect(RoomFile.parse(await roomFile(db, id, lead)).practice).toBe(true);
  expect(await refused(roomToJudge(db, id, "whole"))).toContain("is a practice room");
  expect(await refused(offerPractice(db, id, { by: lead, offer: true, pay: {} }))).toContain(
    "is practice itself",
  );
  expect((await seenInRooms(db, { person: kim })).map((e) => [e.as, e.saw])).toEqual([
    ["judge", "quotes"],
  ]);
  await offerPractice(db, room, { by: lead, offer: false, pay: {} });
});

test("as many passes are a level, which a room may require of whoever judges", async () => {
  const { db } = store;
  for (const about of ["boat", "well"]) {
    const room = await ended(about, await debate(about));
    await offerPractice(db, room, { by: lead, offer: true, pay: {} });
  }
  const [lou, new_] = [await person("lou"), await person("new")];
  await practises(lou, 0.7);
  const wrong = await practises(lou, 0.5);
  expect((await seatPage(db, wrong, lou)).practice).toMatchObject({ rooms: 2, passed: 1 });
  expect(await level(lou)).toBe(1);
  const judgedBy = (who: PersonId, needs: number) =>
    open({
      rules,
      question: { question: `Needs ${needs} of ${who}?`, answers: ["Yes", "No"] },
      requires: [{ qualification: "practice short", level: needs }],
      seats: { a: { who: sits(new_) }, b: { who: sits("kim") }, judge: { who: sits(who) } },
    });
  await judgedBy(lou, 1);
  expect(await refused(judgedBy(lou, 2))).toContain(
    'alias-lou has level 1 of "practice short", and whoever judges here needs 2. Let them practise',
  );
});

test("one practice is open at a time; it goes on no longer than it did, and leaving ends it", async () => {
  const { db } = store;
  const max = await person("max");
  const id = `room-${++made}`;
  await open(await practiceFor(db, id, max), id);
  await actInRoom(db, id, 1);
  expect(await refused(practiceFor(db, "x", max))).toContain(`you practise in ${id} already`);
  await playAs(db, id, max, { id: "1", act: credence(0.6, 0, false) });
  await actInRoom(db, id, 1);
  expect((await readRoom(db, id)).seats.map((s) => s.failure)).toEqual([null, null, null]);
  // the record ended in the middle of its second time around: there is no third speech after it
  expect((await seatPage(db, id, max)).view.over).toMatchObject({ by: "rounds" });

  const next = `room-${++made}`;
  await open(await practiceFor(db, next, max), next);
  await leaveSeat(db, next, max, "no time");
  expect((await seatPage(db, next, max)).view.over).toMatchObject({ by: "annulled" });
  await passPractice(db, next);
  expect(await practiceRecord(db, max)).toMatchObject({ rooms: 1 });
  const { rules: held, log } = await readRoom(db, next);
  expect(() => practiceOf(held, log)).toThrow("it has no verdict");
  const drawn = drawOpening(
    rules,
    { question: "?", answers: ["x", "y"], texts: [] },
    { list: 1, sides: 1, first: 1 },
  );
  const jury = { ...rules, seats: { ...rules.seats, other: { ...rules.seats["judge"]! } } };
  const at = { at: 1 };
  const short = [
    { id: "0", seat: "room", ...at, act: drawn },
    { id: "1", seat: "a", ...at, act: speech("1") },
    { id: "2", seat: "b", ...at, act: speech("2") },
    { id: "3", seat: "judge", ...at, act: credence(0.6, 0) },
  ];
  expect(() => practiceOf(jury, short)).toThrow("it has not one judge");
  expect(practiceOf(rules, short).rules.rounds.map((r) => r.label)).toEqual([
    "speeches",
    "verdict",
  ]);
});
