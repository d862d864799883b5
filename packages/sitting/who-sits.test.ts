/** Who may sit in a room, on a real Postgres: what people saw in other rooms and tasks, and what the room does with it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Act, drawOpening, parseRules, type Rules } from "@tiller/room";
import { type Absence, type Occupant, PersonId, TillerError } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { addRate, payOf } from "@tiller/work";
import { actInRoom } from "./attend.ts";
import {
  answerTerms,
  beatAs,
  debriefed,
  debriefingOf,
  lobby,
  openRoom,
  ownRooms,
  playAs,
  poke,
  reseat,
  roomAsPage,
  roomDetail,
  seatPage,
  seatTerms,
  seenInRooms,
} from "./index.ts";
import { readRoom } from "./rows.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-who-sits-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
});
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

const debater = { role: "debater", knows: ["text"] };
const rules = (minutes?: number): Rules =>
  parseRules(
    {
      name: "short",
      source: "a test",
      seats: { a: debater, b: debater, judge: { role: "judge" } },
      rounds: [
        { do: "speak", label: "openings", seats: ["a", "b"], together: true, characters: 200 },
        { do: "credence", label: "verdict", seats: ["judge"], characters: 200, may: "end" },
      ].map((r) => (minutes === undefined ? r : { ...r, minutes })),
      scoring: { rule: "log" },
    },
    "a test",
  );
const lamp = { id: "story", title: "The lamp", body: "Anna had oil on her sleeve. ".repeat(20) };
const who = "Who had the lamp?";

async function person(id: string, role: "rater" | "lead" = "rater"): Promise<PersonId> {
  await ensurePerson(store.db, { id, name: id, pseudonym: `alias-${id}`, role });
  return PersonId.parse(id);
}
const sits = (id: string): Occupant => ({ kind: "person", person: PersonId.parse(id) });

interface Opened {
  readonly a: string;
  readonly b: string;
  readonly judge: string;
  readonly question?: string;
  readonly text?: typeof lamp;
  readonly exposed?: "refuse" | "allow";
  readonly absent?: Absence;
  readonly minutes?: number;
}
let n = 0;
/** A room of these three; a argues for the right answer. */
async function opened(o: Opened): Promise<string> {
  const { a, b, judge, question = who, text = lamp, exposed = "refuse", absent } = o;
  for (const id of [a, b, judge]) await person(id);
  const id = `room-${++n}`;
  const drawn = drawOpening(
    rules(),
    { question, answers: ["Anna", "Tom"], texts: [text] },
    { list: 1, sides: 1, first: 1 },
  );
  await openRoom(store.db, {
    id,
    name: "The lamp",
    experiment: null,
    exposed,
    names: "hidden",
    pay: {},
    practice: false,
    requires: [],
    rules: rules(o.minutes),
    open: { ...drawn, sides: { a: drawn.truth, b: 1 - drawn.truth } },
    seats: {
      a: { who: sits(a), ...(absent ? { absent } : {}) },
      b: { who: sits(b) },
      judge: { who: sits(judge) },
    },
  });
  return id;
}
const speech = (text: string): Act => ({ do: "speak", items: [{ content: [{ text }] }] });
const verdict = (p: number): Act => ({
  do: "credence",
  credence: [p, 1 - p],
  end: true,
  content: [],
});
/** Through to the verdict. */
async function played(room: string, o: Pick<Opened, "a" | "b" | "judge">): Promise<void> {
  for (const id of [o.a, o.b])
    await answerTerms(store.db, room, PersonId.parse(id), { agree: true, version: 1 });
  for (const [id, act] of [
    [o.a, speech("She.")],
    [o.b, speech("He.")],
    [o.judge, verdict(0.7)],
  ] as const)
    await playAs(store.db, room, PersonId.parse(id), { id: "1", act });
}
const refused = (of: Promise<unknown>): Promise<string> =>
  of.then(
    () => "nothing was refused",
    (e: unknown) => (e instanceof TillerError ? e.message : String(e)),
  );

test("whoever saw the text, the question or the other side elsewhere is refused, with who else there is", async () => {
  const first = { a: "ann", b: "bob", judge: "jo" };
  const room = await opened(first);
  const other = { question: "Where was it?" };
  await person("new");
  expect(await refused(opened({ a: "cy", b: "di", judge: "ann", ...other }))).toMatch(
    /alias-ann read the text in The lamp \(room-1\).*Seat somebody else in judge, for example .*alias-new/,
  );
  expect(await refused(opened({ a: "cy", b: "di", judge: "jo" }))).toContain("the same question");
  expect(await refused(opened({ a: "jo", b: "di", judge: "eve", ...other }))).toContain(
    "judges in The lamp (room-1), which goes on",
  );
  // the same side again, but not the other
  expect(await refused(opened({ a: "bob", b: "di", judge: "eve" }))).toContain("the other side");
  await opened({ a: "ann", b: "di", judge: "eve" });
  // another text under the same words is another question
  await opened({ a: "bob", b: "jo", judge: "ann", text: { ...lamp, body: `${lamp.body}!` } });
  // once the room is over, its judge may read the text for another question
  await played(room, first);
  await opened({ a: "jo", b: "cy", judge: "new", ...other });
});

test("a lead seats nobody who saw too much, and a room may allow it, marked", async () => {
  const lead = await person("lead", "lead");
  const text = { ...lamp, body: "The boat came on Fridays. ".repeat(10) };
  await opened({ a: "ann", b: "bob", judge: "jo", text });
  const room = await opened({ a: "cy", b: "di", judge: "eve", text });
  const seat = { seat: "judge", by: lead, reason: "eve is ill" };
  expect(await refused(reseat(store.db, room, { ...seat, who: sits("ann") }))).toContain(
    "read the text",
  );
  expect((await readRoom(store.db, room)).seats.find((s) => s.seat === "judge")?.person).toBe(
    "eve",
  );
  const open = await opened({ a: "cy", b: "di", judge: "ann", text, exposed: "allow" });
  const { rooms } = await lobby(store.db, lead, { state: "open", limit: 100 });
  const marks = rooms.find((r) => r.room === open)!.seats.map((s) => s.exposed);
  expect(marks).toEqual([null, null, expect.stringContaining("read the text")]);
});

test("a task that showed the text whole, and a room that was read, count as well", async () => {
  const text = { ...lamp, body: "A can of oil, and the stairs. ".repeat(10) };
  const room = await opened({ a: "ann", b: "bob", judge: "jo", text });
  await person("tim");
  const lead = await person("lea", "lead");
  const { db } = store;
  await db.run(
    sql`insert into experiment (id, recipe, title, seed, config) values ('shown', 'shown', 'shown', 1, '{}')`,
  );
  await db.run(
    sql`insert into task_type (name, version, title, instructions) values ('reads', '1', 'Read it', '')`,
  );
  await db.run(sql`insert into batch (id, experiment, wanted) values ('shown', 'shown', 1)`);
  await db.run(
    sql`insert into task (id, batch, place, type, type_version, input, people) values ('shown/1', 'shown', 1, 'reads', '1', ${JSON.stringify({ passages: [{ body: text.body }] })}, 1)`,
  );
  await db.run(
    sql`insert into lease (id, task, person, swap, expires_at) values ('l', 'shown/1', 'tim', false, now() + interval '1 h')`,
  );
  const next = { a: "cy", b: "di", question: "How many cans?", text };
  expect(await refused(opened({ ...next, judge: "tim" }))).toContain(
    "read the text in a task (Read it)",
  );
  await played(room, { a: "ann", b: "bob", judge: "jo" });
  await roomAsPage(db, room, { person: lead, staff: true });
  expect(await refused(opened({ ...next, judge: "lea" }))).toContain("alias-lea read the text");
  const ledger = await seenInRooms(db, { room });
  expect(ledger.map((e) => `${e.who} ${e.as} ${e.saw}`)).toEqual([
    "alias-ann debater text",
    "alias-bob debater text",
    "alias-jo judge quotes",
    "alias-lea other text",
  ]);
  expect((await seenInRooms(db, { person: lead })).map((e) => e.question)).toEqual([who]);
});

test("of those who stand in, whoever saw too much is passed over; where nobody is left, a lead reads why", async () => {
  const text = { ...lamp, body: "Tom swore that he had not seen it. ".repeat(10) };
  await opened({ a: "ann", b: "bob", judge: "jo", text });
  await person("fay");
  const late = async (judge: string, by: Occupant[]) => {
    const room = await opened({
      a: "cy",
      b: "di",
      judge,
      text,
      minutes: 0.0001,
      absent: { do: "instead", by },
    });
    await expect
      .poll(
        async () => {
          await actInRoom(store.db, room, 1);
          const a = (await readRoom(store.db, room)).seats.find((s) => s.seat === "a")!;
          return a.n > 1 || a.failure !== null;
        },
        { timeout: 10_000 },
      )
      .toBe(true);
    return (await readRoom(store.db, room)).seats.find((s) => s.seat === "a")!;
  };
  expect(await late("eve", [sits("jo"), sits("fay")])).toMatchObject({ person: "fay", n: 2 });
  const stays = await late("gus", [sits("jo")]);
  expect(stays).toMatchObject({ person: "cy", n: 1, absence: { do: "wait" } });
  expect(stays.failure).toContain("nobody of the list may sit here: alias-jo judged");
});

const agree = (room: string, who_: PersonId) =>
  answerTerms(store.db, room, who_, { agree: true, version: 1 });

test("nobody argues without having agreed; declining gives the seat back, and shows nothing", async () => {
  const text = { ...lamp, body: "The men sang as they worked. ".repeat(10) };
  const { db } = store;
  const [lead, ida] = [await person("lead", "lead"), await person("ida")];
  const room = await opened({ a: "ida", b: "hal", judge: "kit", text });
  const move = () => playAs(db, room, ida, { id: "1", act: speech("She.") });
  for (const act of [() => seatPage(db, room, ida), move])
    expect(await refused(act())).toContain("you have not said yet whether you agree");
  expect((await ownRooms(db, ida))[0]).toMatchObject({ room, asks: true });
  await seatPage(db, room, PersonId.parse("kit")); // a judge argues for nothing
  const terms = await seatTerms(db, room, ida);
  expect(terms).toMatchObject({ seat: "a", agreed: false, version: 1 });
  expect(JSON.stringify(terms)).not.toMatch(/men sang|Anna|lamp/);
  expect(await refused(answerTerms(db, room, ida, { agree: true, version: 0 }))).toContain(
    "Reload the page and read it again",
  );

  await answerTerms(db, room, ida, { agree: false, version: 1 });
  expect(await refused(seatPage(db, room, ida))).toContain("do not sit in this room any more");
  const seat = (await lobby(db, lead, { state: "open", limit: 1 })).rooms[0]!.seats[0]!;
  expect(seat).toMatchObject({ seat: "a", kind: "nobody", declined: 1, failure: null });
  // she was shown nothing: she may judge another question about this text
  await opened({ a: "hal", b: "lou", judge: "ida", text, question: "What was sung?" });

  await person("max");
  await reseat(db, room, { seat: "a", who: sits("max"), by: lead, reason: "ida declined" });
  await agree(room, PersonId.parse("max"));
  await playAs(db, room, PersonId.parse("max"), { id: "1", act: speech("She.") });
  const { history } = await roomDetail(db, room, lead);
  expect(history.map((h) => [h.who, h.agreedAt !== null, h.declinedAt !== null])).toContainEqual([
    "alias-max",
    true,
    false,
  ]);
  const kept = await db.value(
    sql`select agreed from room_seat where room = ${room} and person = 'max'`,
    z.object({ version: z.int(), points: z.array(z.string()) }),
  );
  expect(kept.points).toEqual([...terms.points]);

  // a list that stands in is used when somebody declines, too
  const next = await opened({
    a: "max",
    b: "lou",
    judge: "eve",
    absent: { do: "instead", by: [sits("ida")] },
    text: { ...text, body: `${text.body}!` },
  });
  await answerTerms(db, next, PersonId.parse("max"), { agree: false, version: 1 });
  const now = (await readRoom(db, next)).seats.find((s) => s.seat === "a");
  expect(now).toMatchObject({ person: "ida", n: 2, asks: true, agreed: false });
});

test("at the end everybody is told what was true, also who was replaced; once, and to read again", async () => {
  const text = { ...lamp, body: "In the end it was found upstairs. ".repeat(10) };
  const { db } = store;
  const lead = await person("lead", "lead");
  const first = { a: "ned", b: "oz", judge: "pia", text };
  const room = await opened(first);
  const [ned, pia] = [PersonId.parse("ned"), PersonId.parse("pia")];
  await agree(room, ned);
  expect(await refused(debriefingOf(db, room, ned))).toContain("is not over");
  await person("quin");
  await reseat(db, room, { seat: "a", who: sits("quin"), by: lead, reason: "a no-show" });
  await played(room, { ...first, a: "quin" });
  const page = await seatPage(db, room, pia);
  const right = page.view.truth!;
  expect(page.debriefing).toMatchObject({ truth: right, seen: false });
  expect(page.debriefing!.seats).toEqual([
    {
      seat: "a",
      role: "debater",
      who: "a person, then a person",
      answer: right,
      earned: expect.any(Number),
    },
    { seat: "b", role: "debater", who: "a person", answer: 1 - right, earned: expect.any(Number) },
    { seat: "judge", role: "judge", who: "you", answer: null, earned: page.earned },
  ]);
  await debriefed(db, room, pia);
  expect((await seatPage(db, room, pia)).debriefing!.seen).toBe(true);
  expect(await debriefingOf(db, room, ned)).toMatchObject({ truth: right, seen: false });
  await db.run(sql`update room set names = 'pseudonyms' where id = ${room}`);
  expect((await debriefingOf(db, room, ned)).seats.map((s) => s.who)).toEqual([
    "you, then alias-quin",
    "alias-oz",
    "alias-pia",
  ]);
});

test("whoever is away hears that a room waits, at most once in half an hour; whoever is there does not", async () => {
  const { db } = store;
  await db.run(
    sql`insert into webhook (id, url, events, secret, created_by) values ('wh', 'https://example.org', '{room.waiting}', 's', 'lead')`,
  );
  const told = () =>
    db.value(
      sql`select coalesce(json_agg(data ->> 'rater' || ' ' || (data ->> 'why') order by at, id), '[]') from webhook_event where type = 'room.waiting'`,
      z.array(z.string()),
    );
  const text = { ...lamp, body: "The storm had passed by then. ".repeat(10) };
  const all = { a: "ros", b: "sid", judge: "tea", text };
  const room = await opened(all);
  expect((await told()).toSorted()).toEqual(["alias-ros turn", "alias-sid turn"]);
  await poke(db, room, "a"); // a minute later, as it were
  expect(await told()).toHaveLength(2);
  await db.run(
    sql`update room_seat set told_at = now() - interval '31 min' where room = ${room} and seat = 'a'`,
  );
  await poke(db, room, "a");
  expect((await told()).filter((t) => t === "alias-ros reminded")).toHaveLength(1);
  const ros = PersonId.parse("ros");
  expect((await ownRooms(db, ros))[0]!.remindedAt).not.toBeNull();
  // the judge has the page open when the turn comes
  await beatAs(db, room, PersonId.parse("tea"), { doing: "waiting" });
  for (const id of ["ros", "sid"]) {
    await agree(room, PersonId.parse(id));
    await playAs(db, room, PersonId.parse(id), { id: "1", act: speech("So.") });
  }
  expect(await told()).toHaveLength(3);
});

test("time in a room is paid apart, by the room's own amounts or the rates, also set later", async () => {
  const { db } = store;
  const text = { ...lamp, body: "She climbed the stairs every evening. ".repeat(10) };
  const all = { a: "una", b: "vic", judge: "wes", text };
  const lead = await person("lead", "lead");
  const rate = (kind: string | null, amount: number) =>
    db.run(
      sql`insert into pay_rate (kind, per, amount, currency, valid_from, by) values (${kind}, 'hour', ${amount}, 'EUR', now() - interval '1 day', 'lead')`,
    );
  await rate(null, 1200);
  await rate("room waiting", 600);
  const room = await opened(all);
  await db.run(sql`update person set paid = true where id in ('una', 'vic')`);
  await db.run(sql`update room set pay = '{"writing": 3600}' where id = ${room}`);
  const [una, vic] = [PersonId.parse("una"), PersonId.parse("vic")];
  const spent = (seat: string, n: number, minutes: readonly number[]) =>
    db.run(
      sql`insert into room_time (room, seat, n, reading, writing, waiting, at) values (${room}, ${seat}, ${n}, ${60 * minutes[0]!}, ${60 * minutes[1]!}, ${60 * minutes[2]!}, now() - interval '1 h')`,
    );
  const booked = (who_: PersonId) =>
    db.many(
      sql`select task_type as what, (milliseconds / 1000)::int as seconds, (parts / 3600000.0)::float8 as due from ledger_entry
          where person = ${who_} and room = ${room} order by seq`,
      z.object({ what: z.string(), seconds: z.number(), due: z.number() }),
    );
  await spent("a", 1, [30, 10, 20]);
  await agree(room, una);
  await beatAs(db, room, una, { doing: "reading" }); // a long time is booked at a beat
  expect(await booked(una)).toEqual([
    { what: "room reading", seconds: 1800, due: 600 },
    { what: "room writing", seconds: 600, due: 600 },
    { what: "room waiting", seconds: 1200, due: 200 },
  ]);
  // a little is booked when the seat is left, and at the room's end; and nothing twice
  await spent("b", 1, [0, 0, 3]);
  await person("xen");
  await db.run(sql`update person set paid = true where id = 'xen'`);
  await reseat(db, room, { seat: "b", who: sits("xen"), by: lead, reason: "vic left" });
  expect(await booked(vic)).toEqual([{ what: "room waiting", seconds: 180, due: 30 }]);
  await spent("b", 2, [6, 0, 0]); // who takes a seat over is paid for what they read first
  await played(room, { ...all, b: "xen" });
  expect(await booked(PersonId.parse("xen"))).toEqual([
    { what: "room reading", seconds: 360, due: 120 },
  ]);
  expect(await booked(una)).toHaveLength(3);
  await beatAs(db, room, una, { doing: "waiting" }); // the room is over
  expect(await booked(una)).toHaveLength(3);
  const { history, currency } = await roomDetail(db, room, lead);
  expect(currency).toBe("EUR");
  expect(history.map((h) => [h.who, h.paid])).toEqual([
    ["alias-una", 1400],
    ["alias-vic", 30],
    ["alias-xen", 120],
    ["alias-wes", 0],
  ]);
  // a rate that reaches back is paid for rooms, too, but not where the room says what an hour is worth
  const more = { kind: "room reading", per: "hour", amount: 1800, currency: "EUR" } as const;
  const validFrom = new Date(Date.now() - 3_600_000).toISOString();
  expect(await addRate(db, lead, { ...more, validFrom })).toEqual({ booked: 2 });
  expect(await addRate(db, lead, { ...more, kind: "room writing", validFrom })).toEqual({
    booked: 0,
  });
  const period = { from: "2000-01-01", to: "2999-01-01" };
  expect((await payOf(db, una, period)).rooms).toEqual([
    { room, name: "The lamp", reading: 1800, writing: 600, waiting: 1200, due: 1700 },
  ]);
});
