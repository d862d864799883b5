/** Who gets what: each rule in the statement that takes a lease, the roster, moves and their preview, the counters. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { DelegationRule, ExperimentId, type PersonId, type Queue } from "@tiller/schema";
import {
  addRule,
  endRule,
  listRoster,
  listWorkers,
  moveWork,
  setGroup,
  setLanguages,
  setPaused,
  setPriority,
  setQualification,
  setRoster,
  workEvents,
} from "./rules.ts";
import { createExperiment } from "@tiller/lab";
import { takeLease } from "./take.ts";
import { expireLeases, postBatch, skipTask, submitAnswer, undoAnswer } from "./work.ts";
import { deskProgress } from "./own-work.ts";
import { ensurePerson, issueToken, openStore, sql, type Store } from "@tiller/store";
import {
  keepBacktest,
  saveDelegationRule,
  saveSkills,
  setDelegationRuleState,
} from "./delegation.ts";
import { forecastQueues, previewMove } from "./forecast.ts";
import { saveGold } from "./gold.ts";
import { pairType } from "./fixtures/pair.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-rules-"));
let store: Store;
let lead: PersonId;
beforeAll(async () => {
  store = await openStore({ home });
  lead = (await ensurePerson(store.db, { id: "lead", name: "L", pseudonym: "lead", role: "lead" }))
    .id;
  for (const id of ["e1", "e2"])
    await createExperiment(store.db, {
      id,
      recipe: "r@1",
      title: "t",
      seed: 1,
      config: {},
      stages: [],
    });
});
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(async () => {
  await store.db.run({
    text: "update batch set cancelled_at = now() where cancelled_at is null; delete from work_rule; delete from roster",
    values: [],
  });
});

let n = 0;
const person = async (name = `p${++n}`) => {
  const { id } = await ensurePerson(store.db, { id: name, name, pseudonym: name, role: "rater" });
  await issueToken(store.db, id, "session"); // they are here
  return id;
};
const [e1, e2] = [ExperimentId.parse("e1"), ExperimentId.parse("e2")];
const essay = { ...pairType, name: "essay" };
type Post = Parameters<typeof postBatch>[1];
let batches = 0;
const post = async (o: Partial<Post> & { tasks?: number } = {}) => {
  const id = `b${++batches}`;
  const inputs = Array.from({ length: o.tasks ?? 1 }, (_, i) => ({ id: `${i}`, input: {} }));
  await postBatch(store.db, { id, experiment: e1, type: pairType, people: 1, inputs, ...o });
  return id;
};
const take = (p: PersonId) => takeLease(store.db, p, { swap: false });
const value = { choice: "a" } as const;
const answer = async (p: PersonId) => {
  const l = (await take(p))!;
  const s = { lease: l.lease, value, activeSeconds: 30, idleSeconds: 0 };
  return { ...(await submitAnswer(store.db, p, s)), task: l.task };
};
const queue = (kind: string, experiment: ExperimentId | null = null): Queue => ({
  kind,
  experiment,
});

test("nobody gets what was made from something they saw, at any distance", async () => {
  const [mary, john, ann] = [await person(), await person(), await person()];
  await post();
  const first = await answer(mary);
  await post({ inputs: [{ id: "x", input: {}, upstream: [first.answer] }] });
  expect(await take(mary)).toBeUndefined();
  const second = await answer(john);
  await post({ inputs: [{ id: "x", input: {}, upstream: [second.answer] }] });
  expect(await take(mary)).toBeUndefined(); // two steps up
  expect(await take(john)).toBeUndefined();
  expect(await take(ann)).toBeDefined();
});

test("excluded people, languages and levels of a task", async () => {
  const [mary, john] = [await person(), await person()];
  await post({ inputs: [{ id: "x", input: {}, excluded: [mary] }] });
  expect(await take(mary)).toBeUndefined();
  expect(await take(john)).toBeDefined();

  await post({ inputs: [{ id: "x", input: {}, language: "de" }] });
  expect(await take(mary)).toBeUndefined();
  await setLanguages(store.db, lead, { person: mary, languages: ["en", "de"] });
  expect(await take(mary)).toBeDefined();

  const ann = await person();
  await post({ requires: [{ qualification: "physics", level: 2 }] });
  expect(await take(ann)).toBeUndefined();
  const grant = { person: ann, name: "physics", why: "exam" };
  await setQualification(store.db, lead, { ...grant, level: 1 });
  expect(await take(ann)).toBeUndefined();
  await setQualification(store.db, lead, { ...grant, level: 2 });
  expect(await take(ann)).toBeDefined();
});

test("priority goes before deadline, deadline before age; both can change", async () => {
  const mary = await person();
  const old = await post();
  const soon = await post({ deadline: new Date(Date.now() + 3_600_000) });
  const urgent = await post({ priority: 5 });
  await setPriority(store.db, lead, { batch: old, priority: 9 });
  const order = [];
  for (let i = 0; i < 3; i++) order.push((await answer(mary)).batch);
  expect(order).toEqual([old, urgent, soon]);
});

test("a quota holds in two tabs at once, frees itself on a skip, and counts a kind or all work", async () => {
  const mary = await person();
  await post({ tasks: 20, people: 2 });
  await post({ tasks: 20, people: 2, type: essay });
  const rule = await addRule(store.db, lead, {
    kind: pairType.name,
    body: { rule: "quota", perDay: 3 },
  });
  await setRoster(store.db, lead, { who: { person: mary }, queues: [queue(pairType.name)] });
  const many = await Promise.all(
    Array.from({ length: 12 }, () =>
      takeLease(store.db, mary, { swap: false }).catch(() => undefined),
    ),
  );
  const got = new Set(many.flatMap((l) => (l ? [l.lease] : [])));
  expect(got.size).toBeLessThanOrEqual(3);
  for (let i = got.size; i < 3; i++) await answer(mary);
  while (await take(mary)) await answer(mary);
  expect((await deskProgress(store.db, mary)).answeredToday).toBe(3);
  expect((await deskProgress(store.db, mary)).available).toBe(0);
  await endRule(store.db, lead, rule);
  const next = (await take(mary))!;
  await addRule(store.db, lead, {
    kind: null,
    body: { rule: "quota", perDay: 4, who: { person: mary } },
  });
  expect((await take(mary))!.lease).toBe(next.lease); // in hand: hers
  await skipTask(store.db, mary, { lease: next.lease, reason: "other" });
  await answer(mary); // the fourth
  expect(await take(mary)).toBeUndefined();
  expect(await take(await person())).toBeDefined();
});

test("a quota beyond all numbers of the database is none, and locks no desk", async () => {
  const mary = await person();
  await post({ tasks: 2 });
  const huge = [3e9, Number.MAX_SAFE_INTEGER].map((perDay) =>
    addRule(store.db, lead, { kind: null, body: { rule: "quota", perDay, who: { person: mary } } }),
  );
  const rules = await Promise.all(huge);
  const lease = await take(mary);
  expect(lease).toBeDefined();
  await skipTask(store.db, mary, { lease: lease!.lease, reason: "other" });
  expect((await deskProgress(store.db, mary)).available).toBeGreaterThan(0);
  for (const rule of rules) await endRule(store.db, lead, rule);
});

test("someone on the roster works their queues in order; a reserved queue is for those it names", async () => {
  const [mary, john] = [await person(), await person()];
  await post({ tasks: 2, people: 2 });
  await post({ tasks: 2, people: 2, type: essay });
  await setRoster(store.db, lead, {
    who: { person: mary },
    queues: [queue("essay"), queue(pairType.name)],
  });
  const kinds = [];
  for (let i = 0; i < 4; i++) kinds.push((await take(mary))!.type, await answer(mary));
  expect(kinds.filter((k) => typeof k === "string")).toEqual([
    "essay",
    "essay",
    "comparison",
    "comparison",
  ]);

  await addRule(store.db, lead, { kind: "essay", body: { rule: "reserved" } });
  await setPriority(store.db, lead, { batch: await post({ tasks: 1, type: essay }), priority: 3 });
  expect((await take(john))!.type).toBe("comparison");
});

test("one experiment's queue by itself: paused, reserved, and back", async () => {
  const [mary, john] = [await person(), await person()];
  await post({ tasks: 3, people: 3 });
  await post({ tasks: 3, people: 3, experiment: e2 });
  const paused = await addRule(store.db, lead, {
    kind: pairType.name,
    experiment: e1,
    body: { rule: "paused", why: "unclear" },
  });
  expect((await answer(mary)).experiment).toBe("e2");
  await endRule(store.db, lead, paused);
  await setRoster(store.db, lead, { who: { person: mary }, queues: [queue(pairType.name, e2)] });
  await addRule(store.db, lead, {
    kind: pairType.name,
    experiment: e2,
    body: { rule: "reserved" },
  });
  for (let i = 0; i < 2; i++) expect((await answer(mary)).experiment).toBe("e2");
  expect(await take(mary)).toBeUndefined();
  for (let i = 0; i < 3; i++) expect((await answer(john)).experiment).toBe("e1");
  expect(await take(john)).toBeUndefined();
});

test("a paused person keeps what is in hand and gets nothing new; every act is an event", async () => {
  const mary = await person();
  await post({ tasks: 5 });
  const held = (await take(mary))!;
  await setPaused(store.db, lead, { person: mary, paused: true, why: "asked for a break" });
  expect((await take(mary))!.lease).toBe(held.lease);
  await answer(mary);
  expect(await take(mary)).toBeUndefined();
  expect((await listWorkers(store.db, { person: mary }))[0]).toMatchObject({
    pausedWhy: "asked for a break",
  });
  await setPaused(store.db, null, { person: mary, paused: false, why: "back" });
  expect(await take(mary)).toBeDefined();
  expect((await workEvents(store.db, { person: mary })).map((e) => [e.action, e.by])).toEqual([
    ["resumed", null],
    ["paused", lead],
  ]);
});

test("a move changes what its preview said, and the preview itself changes nothing", async () => {
  const [mary, john, ann] = [await person(), await person(), await person()];
  await setGroup(store.db, lead, { group: "night", people: [mary, john] });
  await post({ tasks: 10 });
  await post({ tasks: 4, type: essay });
  await setRoster(store.db, lead, { who: { group: "night" }, queues: [queue(pairType.name)] });
  const move = { who: { group: "night" }, from: queue(pairType.name), to: queue("essay") };
  const before = await listRoster(store.db);
  const preview = await previewMove(store.db, move);
  expect(await listRoster(store.db)).toEqual(before);
  expect(preview.people).toEqual(
    [mary, john].map((p) => ({ person: p, pseudonym: p, availableBefore: 10, availableAfter: 4 })),
  );
  const change = (kind: string) => preview.queues.find((q) => q.kind === kind)!;
  const all = (await listWorkers(store.db)).length;
  expect([change("comparison").before.people, change("comparison").after.people]).toEqual([
    all,
    all - 2,
  ]);
  expect(change("essay").after.perDay).toBeGreaterThan(change("essay").before.perDay);
  expect(change("essay").after.days!).toBeLessThan(change("essay").before.days!);

  await moveWork(store.db, lead, move);
  expect((await take(mary))!.type).toBe("essay");
  const after = await forecastQueues(store.db);
  expect(after.find((q) => q.kind === "essay")).toMatchObject({ open: 4, people: all });
  // who was not seen for a week is no workforce, and may still come back and take it
  await store.db.run(
    sql`update token set seen_at = now() - interval '8 days' where person = ${john}`,
  );
  const without = (await forecastQueues(store.db)).find((q) => q.kind === "essay");
  expect(without).toMatchObject({ open: 4, people: all - 1 });
  expect((await take(john))!.type).toBe("essay");

  // a queue goes from the group to one person
  await moveWork(store.db, lead, {
    queue: queue("essay"),
    from: { group: "night" },
    to: { person: ann },
  });
  expect(await listRoster(store.db)).toEqual([
    { person: ann, group: null, kind: "essay", experiment: null, place: 0 },
  ]);
  await moveWork(store.db, lead, { who: { person: ann }, to: "everything" });
  expect(await listRoster(store.db)).toEqual([]);
  await expect(
    moveWork(store.db, lead, { who: { person: ann }, from: queue("essay"), to: "everything" }),
  ).rejects.toThrow(/not on the roster of essay/);
});

test("a large batch counts by ticks: right after every call, also after undo and a crash between", async () => {
  const people = await Promise.all(Array.from({ length: 8 }, () => person()));
  const id = await post({ tasks: 100, people: 4 });
  const done = () => store.db.value(sql`select done from batch where id = ${id}`, z.number());
  const made = await Promise.all(people.flatMap((p) => [answer(p)]));
  expect(await done()).toBe(8);
  await undoAnswer(store.db, people[0]!, made[0]!.answer);
  expect(await done()).toBe(7);
  await store.db.run(sql`insert into batch_tick (batch, n) values (${id}, 5)`); // what a crash left
  await expireLeases(store.db);
  expect(await done()).toBe(12);
});

test("who is best at a topic gets it first, but for the fraction of asks that the live rule leaves to anyone", async () => {
  const { db } = store;
  const topical = { ...pairType, name: "topical" };
  const inputs = ["law", "art"].map((topic) => ({ id: topic, input: {}, topic }));
  await post({ type: topical, people: 20, inputs });
  const ask = async (drawn: number) => {
    const p = await person();
    const skills = [{ person: p, topic: "art", advantage: 0.2 }];
    await saveSkills(db, { kind: "topical", skills });
    return (await takeLease(db, p, { swap: false, chance: () => drawn }))!.task.split("/")[1];
  };
  // without a rule one ask in ten goes by age
  expect([await ask(0.0999), await ask(0.1)]).toEqual(["law", "art"]);
  const body = DelegationRule.parse({
    title: "t",
    kind: "topical",
    rules: [{ when: [], act: "ask" }],
    scoring: "suited",
    explore: 0.4,
  });
  const { version } = await saveDelegationRule(db, lead, { name: "topical", body });
  const rule = { name: "topical", version };
  const change = { change: 0, low: 0, high: 0 };
  const agreement = {
    ...change,
    before: 1,
    after: 1,
    judged: 1,
    against: "known answers" as const,
  };
  const backtest = { tasks: 1, recorded: 1, fired: [], used: 1, reviews: 0, cost: change };
  await keepBacktest(db, { ...rule, backtest: { ...backtest, agreement, sentence: "s" } });
  expect(await ask(0.3)).toBe("art"); // a draft decides nothing
  await setDelegationRuleState(db, lead, { ...rule, state: "live" });
  expect([await ask(0.3), await ask(0.4)]).toEqual(["law", "art"]);
  await setDelegationRuleState(db, lead, { ...rule, state: "retired" });
  expect(await ask(0.3)).toBe("art");
});

test("an ended batch gives out nothing, also where a lease comes back later", async () => {
  const [mary, john] = [await person(), await person()];
  const id = await post({ tasks: 2 });
  const held = (await take(mary))!;
  await store.db.run(sql`update batch set cancelled_at = now() where id = ${id}`);
  expect(await take(john)).toBeUndefined();
  await skipTask(store.db, mary, { lease: held.lease, reason: "other" });
  expect(await take(john)).toBeUndefined();
});

test("hidden gold comes among other work, never alone; a researcher gets blind copies first", async () => {
  const [mary, ruth] = [await person(), await person()];
  const odd = { ...pairType, name: "odd" };
  const gold = { type: "odd", tolerance: 0, reason: "because", expected: { choice: "a" } };
  await post({ type: odd, tasks: 3, people: 5 });
  await saveGold(store.db, lead, { ...gold, input: { passage: "known" } });
  const now = (p: PersonId, drawn: number) =>
    takeLease(store.db, p, { swap: false, role: "rater", chance: () => drawn });
  const first = (await now(mary, 0.9))!;
  expect(first.task).not.toMatch(/^measuring/);
  await answer(mary);
  const hidden = (await now(mary, 0.01))!;
  expect(hidden.task).toMatch(/^measuring\/gold/);
  await answer(mary);
  expect((await now(mary, 0.01))!.task).not.toMatch(/^measuring/); // each item once
  const looks = (l: Record<string, unknown>) => Object.keys(l).toSorted();
  expect(looks(hidden)).toEqual(looks(first));
  await store.db.run(sql`update batch set cancelled_at = now() where cancelled_at is null`);
  expect(await now(ruth, 0.01)).toBeUndefined(); // no other work: no gold either
  const staff = await ensurePerson(store.db, {
    id: "staff",
    name: "S",
    pseudonym: "s",
    role: "researcher",
  });
  const pool = await store.db.many(
    sql`select t.id from task t where md5(t.id) < '2666' and exists (select 1 from answer a where a.task = t.id) and gold is null`,
    z.object({ id: z.string() }),
  );
  const blind = await takeLease(store.db, staff.id, { swap: false, role: "researcher" });
  expect(blind?.task.startsWith("measuring/twin/") ?? false).toBe(pool.length > 0);
});
