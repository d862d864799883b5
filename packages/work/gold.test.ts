/** Hidden gold and blind duplicates on the real database: who gets which, what counts as right, and that changes are events. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { GOLD_FRACTION, measuringDue, RETEST_DAYS, RETEST_PART } from "@tiller/crowd";
import { ExperimentId, LeaseId, type PersonId } from "@tiller/schema";
import { createExperiment, listExperiments } from "@tiller/lab";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import {
  getGold,
  goldAnswers,
  goldEvents,
  meetsGold,
  pickGold,
  pickBlindDuplicate,
  saveGold,
  setGoldActive,
} from "./gold.ts";
import { takeLease } from "./take.ts";
import { postBatch, submitAnswer } from "./work.ts";
import { qualityData, raterAnswersSince } from "./quality.ts";
import { pairType } from "./fixtures/pair.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-gold-"));
let store: Store;
const person = async (id: string, role: "rater" | "researcher" = "rater") =>
  (await ensurePerson(store.db, { id, name: id, pseudonym: id, role })).id;
const input = (passage: string) => ({
  passage,
  a: { text: "x", sample: "1" },
  b: { text: "y", sample: "2" },
});
beforeAll(async () => {
  store = await openStore({ home });
  const experiment = ExperimentId.parse("e1");
  await createExperiment(store.db, {
    id: experiment,
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  await postBatch(store.db, {
    id: "e1/b",
    experiment,
    type: pairType,
    people: 3,
    inputs: Array.from({ length: 60 }, (_, i) => ({ id: `${i}`, input: input(`p${i}`) })),
  });
});
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

/** Leases a task that only measures as the desk does, and answers it. */
async function answer(who: PersonId, task: string, choice: "a" | "b" | "tie") {
  const lease = `${task} ${who}`;
  await store.db.run(
    sql`insert into lease (id, task, person, swap, expires_at) values (${lease}, ${task}, ${who}, false, now() + interval '1 hour')`,
  );
  return submitAnswer(store.db, who, {
    lease: LeaseId.parse(lease),
    value: { choice },
    activeSeconds: 3,
    idleSeconds: 0,
  });
}

test("an item reaches a person once, is scored, and a change of it changes the score and leaves an event", async () => {
  const [lead, rater] = [await person("lead", "researcher"), await person("r1")];
  const gold = await saveGold(store.db, lead, {
    type: "comparison",
    input: input("known"),
    expected: { choice: "b" },
    tolerance: 0,
    reason: "b is kinder",
  });
  const ask = (drawn: number) =>
    pickGold(store.db, rater, { due: measuringDue("active", drawn), types: ["comparison"] });
  expect(await ask(0.5)).toBeUndefined(); // not this time
  expect(await pickGold(store.db, rater, { due: ["gold"] })).toBeUndefined(); // no such work so far
  const task = (await ask(0))!;
  expect(task).toBe(await ask(0)); // the same until it is taken
  await answer(rater, task, "a");
  expect(await ask(0)).toBeUndefined(); // had it
  const [scored] = await goldAnswers(store.db, { person: rater });
  expect(scored).toMatchObject({ gold: gold.id, right: false, expected: { choice: "b" } });

  await saveGold(store.db, lead, {
    id: gold.id,
    type: "comparison",
    input: gold.input,
    expected: { choice: "a" },
    tolerance: 0,
    reason: "a, after a dispute",
    thread: "t1",
  });
  expect((await goldAnswers(store.db, { person: rater }))[0]!.right).toBe(true);
  await setGoldActive(store.db, lead, { id: gold.id, active: false, reason: "used up" });
  expect((await getGold(store.db, gold.id)).active).toBe(false);
  expect(
    await pickGold(store.db, await person("r2"), { due: ["gold"], types: ["comparison"] }),
  ).toBeUndefined();
  expect(
    (await goldEvents(store.db, gold.id)).map((e) => [
      e.action,
      e.version,
      e.expected["choice"],
      e.thread,
    ]),
  ).toEqual([
    ["added", 1, "b", null],
    ["changed", 2, "a", "t1"],
    ["retired", 3, "a", null],
  ]);
});

test("gold names keys that answers have", async () => {
  const lead = await person("lead", "researcher");
  await expect(
    saveGold(store.db, lead, {
      type: "comparison",
      input: {},
      expected: { chioce: "a" },
      tolerance: 0,
      reason: "r",
    }),
  ).rejects.toThrow(/answers of comparison have no chioce; they have choice/);
});

test("ordinary taking never hands out a task that only measures, and the list of experiments has none", async () => {
  const who = await person("r3");
  const lease = await takeLease(store.db, who, { swap: false });
  expect(lease!.task).toMatch(/^e1\/b\//);
  expect((await listExperiments(store.db)).map((e) => e.id)).toEqual(["e1"]);
});

test("a researcher gets tasks of the shared pool that raters answered, blind, and each once", async () => {
  const [rater, researcher] = [await person("r4"), await person("s1", "researcher")];
  expect(await pickBlindDuplicate(store.db, researcher, { types: ["nothing"] })).toBeUndefined();
  for (let i = 0; i < 60; i++) {
    const lease = (await takeLease(store.db, rater, { swap: false }))!;
    await submitAnswer(store.db, rater, {
      lease: lease.lease,
      value: { choice: "a" },
      activeSeconds: 1,
      idleSeconds: 0,
    });
  }
  const seen = new Set<string>();
  for (
    let task = await pickBlindDuplicate(store.db, researcher);
    task;
    task = await pickBlindDuplicate(store.db, researcher)
  ) {
    expect(seen.has(task)).toBe(false);
    seen.add(task);
    await answer(researcher, task, "b");
  }
  // 15 % of 60 by a hash: binomial, sd 2.8
  expect(seen.size).toBeGreaterThan(1);
  expect(seen.size).toBeLessThan(22);
  const duplicates = await store.db.many(
    sql`select t.twin_of as "duplicateOf", t.input = o.input as same from task t join task o on o.id = t.twin_of`,
    z.object({ duplicateOf: z.string(), same: z.boolean() }),
  );
  expect(duplicates.length).toBe(seen.size);
  expect(duplicates.every((t) => t.same)).toBe(true);
});

test.each([
  [{ choice: "a", note: "x" }, { choice: "a" }, 0, true],
  [{ choice: "b" }, { choice: "a" }, 0, false],
  [{ score: 6 }, { score: 7 }, 1, true],
  [{ score: 5 }, { score: 7 }, 1, false],
  [{ axes: { b: 1, a: 2 } }, { axes: { a: 2, b: 1 } }, 0, true],
  [{ order: ["x", "y"] }, { order: ["y", "x"] }, 0, false],
  [null, { choice: "a" }, 0, false],
])("%j meets %j within %d: %s", (value, expected, tolerance, right) => {
  expect(meetsGold(value, { expected, tolerance })).toBe(right);
});

test("a retest: what a person answered a week ago comes once more, once, and counts nowhere else", async () => {
  const rater = await person("r5");
  const first: string[] = [];
  for (let i = 0; i < 2; i++) {
    const lease = (await takeLease(store.db, rater, { swap: false }))!;
    first.push(lease.task);
    await submitAnswer(store.db, rater, {
      lease: lease.lease,
      value: { choice: "a" },
      activeSeconds: 1,
      idleSeconds: 0,
    });
  }
  const types = ["comparison"];
  const ask = (drawn = 0) =>
    pickGold(store.db, rater, { due: measuringDue("active", drawn), types });
  expect(await ask()).toBeUndefined(); // too soon
  await store.db.run(
    sql`update answer set at = at - make_interval(days => ${RETEST_DAYS}, secs => 1) where person = ${rater}`,
  );
  expect(await ask(GOLD_FRACTION * RETEST_PART)).toBeUndefined(); // that part is gold's
  expect(await pickGold(store.db, rater, { due: ["retest"], types: ["other"] })).toBeUndefined();
  // the desk hands it out as any other task
  const chance = () => 0;
  const probe = (await takeLease(store.db, rater, { swap: true, role: "rater", chance }))!;
  expect(probe.task).toBe(`measuring/again/${first[0]}`);
  await submitAnswer(store.db, rater, {
    lease: probe.lease,
    value: { choice: "b" },
    activeSeconds: 1,
    idleSeconds: 0,
  });
  const second = await ask();
  expect(second).toBe(`measuring/again/${first[1]}`);
  await answer(rater, second!, "a");
  expect(await ask()).toBeUndefined(); // each once, and no probe of a probe
  const field = { type: "comparison", field: "choice" };
  const data = await qualityData(store.db, field);
  expect(data.retests.filter((p) => p.person === rater).map((p) => p.first + p.second)).toEqual([
    "ab",
    "aa",
  ]);
  expect(data.rows.filter((r) => r.person === rater).map((r) => r.task)).toEqual(first);
  const streamed = await raterAnswersSince(store.db, { ...field, since: 0 });
  expect(streamed.filter((r) => r.worker === rater)).toHaveLength(2);
  for (const task of first)
    expect(await pickBlindDuplicate(store.db, await person("s2", "researcher"))).not.toContain(
      `again/${task}`,
    );
});
