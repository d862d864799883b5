/** The desk's tables on the real Postgres: drafts, the fate of skipped tasks, bounded time, concerns, own figures. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { afterAll, beforeAll, expect, test } from "vitest";
import { raterRows } from "@tiller/crowd";
import { ExperimentId, type PersonId, type SkipFate } from "@tiller/schema";
import { defineTask } from "@tiller/task";
import {
  allConcerns,
  answerConcern,
  beat,
  besideLease,
  concernsOf,
  draftFromUndone,
  draftOf,
  leaveTasks,
  openReferrals,
  raiseConcern,
  readInstructions,
  saveDraft,
  settleDropped,
  settleReferral,
  skipTo,
} from "./desk.ts";
import { lastAnswers, ratedAnswers } from "./closed.ts";
import { deskProgress, ownWork } from "./own-work.ts";
import { peopleNow } from "./control.ts";
import { peekTask, takeLease } from "./take.ts";
import {
  answersOf,
  expireLeases,
  judgmentsOf,
  postBatch,
  submitAnswer,
  undoAnswer,
} from "./work.ts";
import { boundTime } from "./claim.ts";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { pairType } from "./fixtures/pair.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-desk-store-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
});
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

const experiment = ExperimentId.parse("e1");
const person = async (id: string): Promise<PersonId> =>
  (await ensurePerson(store.db, { id, name: id, pseudonym: `rater-${id}`, role: "rater" })).id;
const simulated = async (): Promise<PersonId> =>
  (
    await ensurePerson(store.db, {
      id: "robot",
      name: "Robot",
      pseudonym: "robot",
      role: "rater",
      simulated: true,
    })
  ).id;
const input = { passage: "p", a: { text: "x", sample: "1" }, b: { text: "y", sample: "2" } };
/** A batch of `n` tasks and nothing else open. */
const batch = async (
  id: string,
  n: number,
  o: { people?: number; version?: string; simulated?: boolean } = {},
) => {
  const row = { id: experiment, recipe: "r@1", title: "t", seed: 1, config: {}, stages: [] };
  await createExperiment(store.db, row);
  await store.db.run(sql`update lease set expires_at = now() - interval '1 s'`);
  await expireLeases(store.db);
  await store.db.run(sql`update batch set consumed_at = now()`);
  await postBatch(store.db, {
    id,
    experiment,
    type: { ...pairType, version: o.version ?? "1", instructions: `Rules ${o.version ?? "1"}` },
    people: o.people ?? 1,
    simulated: o.simulated ?? false,
    inputs: Array.from({ length: n }, (_, i) => ({ id: `${i}`, input })),
  });
};
const take = async (p: PersonId) => (await takeLease(store.db, p, { swap: false }))!;
const answer = async (p: PersonId, choice = "a", activeSeconds = 1) =>
  submitAnswer(store.db, p, {
    lease: (await take(p)).lease,
    value: { choice },
    activeSeconds,
    idleSeconds: 0,
  });
const ago = (lease: string, seconds: number) =>
  store.db.run(
    sql`update lease set created_at = now() - make_interval(secs => ${seconds}) where id = ${lease}`,
  );
const batchRow = (id: string) =>
  store.db.one(
    sql`select done, wanted, (select sum(taken)::int from task where batch = ${id}) as taken from batch where id = ${id}`,
    z.object({ done: z.number(), wanted: z.number(), taken: z.number() }),
  );

test("looking takes nothing; what nobody began goes back when its page is left, and did not run out", async () => {
  await batch("looks", 2);
  const [lena, otto] = [await person("lena"), await person("otto")];
  expect(await peekTask(store.db, lena)).toMatchObject({
    held: 0,
    task: { type: pairType.name, input },
  });
  expect(await batchRow("looks")).toMatchObject({ taken: 0 });
  const [one, two] = [
    await take(lena),
    (await takeLease(store.db, lena, { holding: [], swap: true }))!,
  ];
  expect(two.lease).toBe(one.lease); // held already
  const ahead = (await takeLease(store.db, lena, { holding: [one.lease], swap: false }))!;
  expect((await peekTask(store.db, lena)).held).toBe(2);
  expect(await takeLease(store.db, otto, { swap: false })).toBeUndefined();
  const time = { activeSeconds: 1, idleSeconds: 0 };
  await saveDraft(store.db, lena, { lease: one.lease, value: {}, base: 0, tab: "t", ...time });
  const leases = [one.lease, ahead.lease];
  // a reload: it comes back in time, and stays for as long as any
  expect(await leaveTasks(store.db, lena, { leases, soon: true })).toBe(1);
  expect((await takeLease(store.db, lena, { holding: [one.lease], swap: false }))!.lease).toBe(
    ahead.lease,
  );
  const left = () =>
    store.db.value(
      sql`select extract(epoch from expires_at - now())::float8 from lease where id = ${ahead.lease}`,
      z.number(),
    );
  expect(await left()).toBeGreaterThan(600);
  expect(await leaveTasks(store.db, lena, { leases, soon: false })).toBe(1);
  await expireLeases(store.db);
  expect((await take(otto)).task).toBe(ahead.task);
  expect(await batchRow("looks")).toMatchObject({ taken: 2 });
  const row = (await peopleNow(store.db)).find((p) => p.person === lena)!;
  expect(row.expiredLeases).toBe(0);
});

test("one kind of work goes on until it is done, unless another is more urgent", async () => {
  await batch("kinds", 0);
  const post = (id: string, name: string, o: { n: number; priority?: number }) =>
    postBatch(store.db, {
      id,
      experiment,
      type: { ...pairType, name },
      people: 1,
      priority: o.priority,
      inputs: Array.from({ length: o.n }, (_, i) => ({ id: `${i}`, input })),
    });
  await post("kinds-a", "kind-a", { n: 1 });
  await post("kinds-b", "kind-b", { n: 3 });
  await post("kinds-c", "kind-a", { n: 2 }); // older ones of the other kind lie before these
  const p = await person("kim");
  const next = async () => {
    const lease = await take(p);
    const claim = { value: { choice: "a" }, activeSeconds: 1, idleSeconds: 0 };
    await submitAnswer(store.db, p, { lease: lease.lease, ...claim });
    return lease.type;
  };
  expect([await next(), await next()]).toEqual(["kind-a", "kind-a"]);
  await post("kinds-d", "kind-b", { n: 1, priority: 1 });
  expect(await next()).toBe("kind-b");
  // it is the kind in hand now
  expect([await next(), await next(), await next(), await next()]).toEqual([
    "kind-b",
    "kind-b",
    "kind-b",
    "kind-a",
  ]);
});

test("drafts: the last writer stands, and is told what it stood over", async () => {
  await batch("drafts", 1);
  const p = await person("anna");
  const lease = await take(p);
  const save = (tab: string, value: unknown, base: number) =>
    saveDraft(store.db, p, {
      lease: lease.lease,
      value,
      base,
      tab,
      activeSeconds: 5,
      idleSeconds: 1,
    });
  expect(await save("one", { text: "a" }, 0)).toMatchObject({ revision: 1, replaced: null });
  expect(await save("one", { text: "ab" }, 1)).toMatchObject({ revision: 2, replaced: null });
  // the reply to a save was lost: the same page again is no conflict
  expect(await save("one", { text: "ab" }, 1)).toMatchObject({ revision: 3, replaced: null });
  expect(await save("two", { text: "other" }, 1)).toMatchObject({
    revision: 4,
    replaced: { value: { text: "ab" }, revision: 3, tab: "one" },
  });
  expect((await besideLease(store.db, p, lease)).draft).toMatchObject({
    value: { text: "other" },
    activeSeconds: 5,
  });
  expect((await beat(store.db, p, { leases: [lease.lease], active: true })).leases).toEqual([
    { lease: lease.lease, state: "live", revision: 4, tab: "two" },
  ]);
  const stranger = await person("eve");
  expect(await draftOf(store.db, stranger, lease.lease)).toBeUndefined();
  const given = {
    lease: lease.lease,
    value: { choice: "b" },
    activeSeconds: 1,
    idleSeconds: 0,
  };
  const { answer: id } = await submitAnswer(store.db, p, given);
  await expect(save("one", {}, 4)).rejects.toThrow("is answered");
  await undoAnswer(store.db, p, id);
  await draftFromUndone(store.db, id);
  expect((await draftOf(store.db, p, lease.lease))?.value).toEqual({ choice: "b" });
});

test("a lease that ran out comes back with the next sign of life, if the place is free", async () => {
  await batch("lapse", 1);
  const p = await person("anna");
  const q = await person("bert");
  const { lease } = await take(p);
  const lapse = async () => {
    await store.db.run(
      sql`update lease set expires_at = now() - interval '1 s' where id = ${lease}`,
    );
    expect(await expireLeases(store.db)).toBe(1);
  };
  const stateNow = async (active: boolean) =>
    (await beat(store.db, p, { leases: [lease], active })).leases[0]!.state;
  await lapse();
  expect(await stateNow(false)).toBe("expired");
  expect(await stateNow(true)).toBe("live");
  expect((await batchRow("lapse")).taken).toBe(1);
  await lapse();
  await take(q);
  expect(await stateNow(true)).toBe("expired");
  expect((await batchRow("lapse")).taken).toBe(1);
});

test("a skipped task goes where it was said to go", async () => {
  const p = await person("anna");
  const q = await person("bert");
  const researcher = await person("ruth");
  const skip = async (fate: SkipFate) =>
    skipTo(store.db, p, {
      lease: (await take(p)).lease,
      reason: "other",
      fate,
      activeSeconds: 7,
      idleSeconds: 0,
    });
  await batch("others", 1);
  await skip("others");
  expect((await take(q)).task).toBe("others/0");

  await batch("drop", 2, { people: 2 });
  await answer(q);
  const q2 = await take(q);
  expect(await skip("drop")).toMatchObject({ batch: "drop", done: 1, wanted: 3 });
  expect(await skip("drop")).toMatchObject({ batch: "drop", done: 1, wanted: 2 });
  expect(await takeLease(store.db, researcher, { swap: false })).toBeUndefined();
  // who had it open keeps it; what they leave open is wanted no more
  await store.db.run(
    sql`update lease set expires_at = now() - interval '1 s' where id = ${q2.lease}`,
  );
  await expireLeases(store.db);
  expect(await takeLease(store.db, researcher, { swap: false })).toBeUndefined();
  await settleDropped(store.db);
  expect(await batchRow("drop")).toEqual({ done: 1, wanted: 1, taken: 1 });

  await batch("researcher", 3);
  for (let i = 0; i < 3; i++) await skip("researcher");
  expect(await takeLease(store.db, q, { swap: false })).toBeUndefined();
  const [one, two, three] = await openReferrals(store.db);
  const settle = (lease: string, act: "take" | "others" | "drop", by = researcher) =>
    settleReferral(store.db, by, { lease, act, id: `taken-${lease}`, swap: true });
  await expect(settle(one!.lease, "take", p)).rejects.toThrow("you had"); // who skipped it may not take it
  await settle(one!.lease, "take");
  await expect(settle(one!.lease, "others")).rejects.toThrow("somebody else may have settled it");
  expect((await take(researcher)).lease).toBe(`taken-${one!.lease}`);
  await settle(two!.lease, "others");
  expect((await take(q)).task).toBe(two!.task);
  expect(await settle(three!.lease, "drop")).toMatchObject({ done: 0, wanted: 2 });
  expect(await openReferrals(store.db)).toEqual([]);
});

test("time: no more than passed, and no second twice", async () => {
  const p = await person("time");
  await batch("time", 4);
  const bound = async (lease: string, activeSeconds: number, idleSeconds = 0) => {
    const t = await boundTime(store.db, p, { lease, activeSeconds, idleSeconds });
    return [Math.round(t.activeSeconds), Math.round(t.idleSeconds)];
  };
  const first = await take(p);
  const next = (await takeLease(store.db, p, { holding: [first.lease], swap: false }))!;
  await ago(first.lease, 600);
  await ago(next.lease, 590); // loaded ahead
  expect(await bound(first.lease, 9000)).toEqual([600, 0]);
  expect(await bound(first.lease, 300, 9000)).toEqual([300, 300]);
  const sent = {
    lease: first.lease,
    value: { choice: "a" },
    activeSeconds: 9000,
    idleSeconds: 9000,
  };
  const { answer: cut } = await submitAnswer(store.db, p, sent, { bound: true });
  const [stored] = await answersOf(store.db, { answers: [cut] });
  expect([Math.round(stored!.activeSeconds), stored!.idleSeconds]).toEqual([600, 0]);
  await undoAnswer(store.db, p, cut);
  await submitAnswer(store.db, p, {
    lease: first.lease,
    value: { choice: "a" },
    activeSeconds: 500,
    idleSeconds: 0,
  });
  expect(await bound(next.lease, 9000)).toEqual([100, 0]);
  // taken in another tab when most of the first was done: nothing honest is cut
  await ago(next.lease, 60);
  expect(await bound(next.lease, 50)).toEqual([50, 0]);
  // a simulated rater pretends to take time
  const robot = await simulated();
  await batch("for robots", 1, { simulated: true });
  const his = await take(robot);
  const claimed = { lease: his.lease, activeSeconds: 40, idleSeconds: 0 };
  expect((await boundTime(store.db, robot, claimed)).activeSeconds).toBe(40);
});

test("work asked of people never reaches simulated ones, unless its batch lets them answer", async () => {
  const robot = await simulated();
  const p = await person("someone");
  await batch("for people", 2);
  expect(await takeLease(store.db, robot, { swap: false })).toBeUndefined();
  expect(await deskProgress(store.db, robot)).toMatchObject({ available: 0 });
  expect(await deskProgress(store.db, p)).toMatchObject({ available: 2 });
  expect((await take(p)).task).toBe("for people/0");
  await batch("for anyone", 10, { people: 2, simulated: true });
  const real = { id: "more", experiment, type: pairType, people: 1, priority: 9 };
  // ahead in the same queue, and more of them than are looked at together
  const inputs = Array.from({ length: 70 }, (_, i) => ({ id: `${i}`, input }));
  await postBatch(store.db, { ...real, inputs });
  expect((await take(robot)).task).toBe("for anyone/0");
  expect((await takeLease(store.db, await person("other"), { swap: false }))?.task).toBe("more/0");
});

test("changed instructions are shown once beside the ones this person knew", async () => {
  const p = await person("reader");
  await batch("v1", 1);
  const one = await take(p);
  const known = { type: one.type, version: "1" };
  expect(await besideLease(store.db, p, one)).toMatchObject({ first: true, before: null });
  await readInstructions(store.db, p, known);
  expect(await besideLease(store.db, p, one)).toMatchObject({ first: false, before: null });
  await answer(p);
  await batch("v2", 1, { version: "2" });
  const two = await take(p);
  const before = { version: "1", instructions: "" };
  expect((await besideLease(store.db, p, two)).before?.version).toBe(before.version);
  await readInstructions(store.db, p, { type: one.type, version: "2" });
  expect((await besideLease(store.db, p, two)).before).toBeNull();
  expect((await besideLease(store.db, p, one)).before).toBeNull(); // an old batch: known too
  // a new lease of instructions that are known says the same as a look at the database
  const known2 = await besideLease(store.db, p, two);
  expect(await besideLease(store.db, p, two, { fresh: true })).toEqual(known2);
  const q = await person("newcomer");
  expect(await besideLease(store.db, q, two, { fresh: true })).toMatchObject({ first: true });
});

test("a concern waits for its answer; the rater sees both", async () => {
  const p = await person("anna");
  await batch("concern", 1);
  const { lease } = await take(p);
  const stranger = await person("eve");
  await expect(raiseConcern(store.db, stranger, { lease, text: "x" })).rejects.toThrow("not yours");
  const c = await raiseConcern(store.db, p, { lease, text: "The passage names a real person." });
  expect(await concernsOf(store.db, p)).toEqual([c]);
  expect(c).toMatchObject({ task: "concern/0", reply: null });
  const by = await person("ruth");
  await answerConcern(store.db, by, { id: c.id, reply: "Taken out." });
  expect((await concernsOf(store.db, p))[0]).toMatchObject({
    reply: "Taken out.",
    repliedBy: "rater-ruth",
  });
  expect((await allConcerns(store.db)).map((x) => x.id)).toContain(c.id);
  expect(await concernsOf(store.db, stranger)).toEqual([]);
});

test("own figures: hours by day, kinds, and agreement where the others were of one mind", async () => {
  const [p, q, r, s] = await Promise.all(["own", "q", "r", "s"].map(person));
  await batch("own", 3, { people: 4 });
  // task 0: the others agree; 1: they split; 2: only one other
  for (const [who, choices] of [
    [q!, ["a", "a", "b"]],
    [r!, ["a", "b"]],
    [p!, ["a", "b", "b"]],
  ] as const)
    for (const choice of choices) await answer(who, choice, 30);
  const lapsed = await saveable(s!);
  const own = await ownWork(store.db, p!, "Europe/London");
  expect(own.days).toHaveLength(1);
  expect(own.days[0]).toMatchObject({ answers: 3, skipped: 0, activeSeconds: 90 });
  expect(own.kinds).toEqual([
    {
      type: "comparison",
      title: pairType.title,
      answers: 3,
      activeSeconds: 90,
      medianSeconds: 30,
      shared: 1,
      agreed: 1,
    },
  ]);
  const theirs = await ownWork(store.db, s!, "UTC");
  expect(Math.round(theirs.days[0]!.lapsedSeconds)).toBe(lapsed);
});
test("agreement goes by the fields of the view: whatever they are called, several of them, and texts beside", async () => {
  const claim = defineTask({
    name: "claim",
    version: "1",
    title: "Is it so?",
    instructions: "",
    input: z.object({ claim: z.string() }),
    view: {
      show: [{ kind: "text", from: "claim" }],
      ask: [
        {
          kind: "choice",
          name: "verdict.said",
          label: "Verdict",
          options: ["right", "wrong", "open"].map((value) => ({ value, label: value })),
        },
        { kind: "rating", name: "sure", label: "Sure", points: 5, low: "no", high: "yes" },
        { kind: "text", name: "why", label: "Why" },
      ],
    },
    samples: [{ claim: "c" }],
  });
  const study = ExperimentId.parse("claims");
  const row = { id: study, recipe: "r@1", title: "t", seed: 1, config: {}, stages: [] };
  await createExperiment(store.db, row);
  await store.db.run(sql`update batch set consumed_at = now()`);
  const inputs = Array.from({ length: 12 }, (_, i) => ({ id: `${i}`, input: { claim: `${i}` } }));
  const posted = { id: "claims/b", experiment: study, type: claim, people: 3, inputs };
  await postBatch(store.db, posted);
  const people = await Promise.all(["cora", "dan", "fay"].map(person));
  // two are of one mind; fay says otherwise of three claims in four, and is a point surer of each
  for (const [who, me] of people.entries())
    for (let i = 0; i < 12; i++) {
      const said = who === 2 && i % 4 ? "open" : "right";
      const value = { verdict: { said }, sure: who === 2 ? 4 : 3, why: "it says so" };
      const { lease } = await take(me);
      await submitAnswer(store.db, me, { lease, value, activeSeconds: 5, idleSeconds: 0 });
    }
  const [cora, , fay] = people as [PersonId, PersonId, PersonId];
  const rows = raterRows(await ratedAnswers(store.db, study));
  const of = (p: PersonId) => rows.find((r) => r.rater === p)!;
  expect(rows.map((r) => r.answers)).toEqual([12, 12, 12]);
  // the others are of one mind on 12 verdicts and 12 ratings
  expect(of(fay).agreement).toBe(3 / 24);
  expect(of(cora).agreement).toBeNull(); // on three verdicts alone: too few
  expect(of(cora).reliability!).toBeGreaterThan(of(fay).reliability!);
  expect(of(fay)).toMatchObject({ sideBias: null, medianSeconds: 5 });
  const recent = raterRows((await lastAnswers(store.db, 1000)).filter((r) => r.type === "claim"));
  expect(recent.find((r) => r.rater === fay)).toEqual(of(fay));
  expect((await deskProgress(store.db, fay)).agreement).toBe(3 / 24);
  const own = await ownWork(store.db, fay, "UTC");
  expect(own.kinds).toMatchObject([{ type: "claim", answers: 12, shared: 24, agreed: 3 }]);
  // comparisons alone are judgments, whatever else has a field called choice
  expect(await judgmentsOf(store.db, { experiment: study })).toEqual([]);
});
/** A draft of 20 s of work whose lease ran out. */
async function saveable(p: PersonId): Promise<number> {
  const { lease } = await take(p);
  await ago(lease, 100);
  const draft = { lease, value: {}, base: 0, tab: "t", activeSeconds: 20, idleSeconds: 0 };
  await saveDraft(store.db, p, draft);
  await store.db.run(sql`update lease set expires_at = now() - interval '1 s' where id = ${lease}`);
  await expireLeases(store.db);
  return 20;
}
