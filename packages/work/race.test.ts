/** Races of undo and late answers: every place is counted once, so that a batch can always be completed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentId } from "@tiller/schema";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { takeLease } from "./take.ts";
import { expireLeases, postBatch, submitAnswer, undoAnswer } from "./work.ts";
import { pairType } from "./fixtures/pair.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-race-"));
let store: Store;
const experiment = ExperimentId.parse("e1");
beforeAll(async () => {
  store = await openStore({ home });
  await createExperiment(store.db, {
    id: experiment,
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
const batch = (id: string, n: number) =>
  postBatch(store.db, {
    id,
    experiment,
    type: pairType,
    people: 3,
    inputs: Array.from({ length: n }, (_, i) => ({
      id: `${i}`,
      input: { passage: "p", a: { text: "x", sample: "1" }, b: { text: "y", sample: "2" } },
    })),
  });
const person = (n: number) =>
  ensurePerson(store.db, { id: `p${n}`, name: `P ${n}`, pseudonym: `rater-${n}`, role: "rater" });
/** What the counters say beside what is there. */
const books = (id: string) =>
  store.db.one(
    sql`select b.done, (select count(*)::int from answer a join task t on t.id = a.task where t.batch = b.id and a.undone_at is null) as answers,
      (select sum(taken)::int from task where batch = b.id) as taken, (select count(*)::int from lease l join task t on t.id = l.task where t.batch = b.id and l.state in ('live', 'answered')) as leases
    from batch b where b.id = ${id}`,
    z.object({ done: z.number(), answers: z.number(), taken: z.number(), leases: z.number() }),
  );
const value = { choice: "a" } as const;

test("the same undo twice at once counts once", async () => {
  await batch("undo", 20);
  const p = await person(1);
  for (let i = 0; i < 20; i++) {
    const l = (await takeLease(store.db, p.id, { swap: false }))!;
    const a = await submitAnswer(store.db, p.id, {
      lease: l.lease,
      value,
      activeSeconds: 1,
      idleSeconds: 0,
    });
    await Promise.allSettled([1, 2, 3, 4].map(() => undoAnswer(store.db, p.id, a.answer)));
    await submitAnswer(store.db, p.id, { lease: l.lease, value, activeSeconds: 1, idleSeconds: 0 });
  }
  expect(await books("undo")).toEqual({ done: 20, answers: 20, taken: 20, leases: 20 });
});

test("the same late answer twice at once takes one place", async () => {
  await batch("late", 10);
  const p = await person(2);
  await store.db.run(sql`update batch set consumed_at = now() where id = 'undo'`);
  for (let i = 0; i < 10; i++) {
    const l = (await takeLease(store.db, p.id, { swap: false }))!;
    await store.db.run(
      sql`update lease set expires_at = now() - interval '1 second' where id = ${l.lease}`,
    );
    await expireLeases(store.db);
    const s = { lease: l.lease, value, activeSeconds: 1, idleSeconds: 0 };
    const got = await Promise.allSettled([1, 2, 3].map(() => submitAnswer(store.db, p.id, s)));
    expect(got.map((g) => (g.status === "rejected" ? String(g.reason) : g.status))).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
    ]);
  }
  expect(await books("late")).toEqual({ done: 10, answers: 10, taken: 10, leases: 10 });
});

test("a late answer after the same person took the task again is one answer", async () => {
  await batch("again", 1);
  const p = await person(3);
  await store.db.run(sql`update batch set consumed_at = now() where id = 'late'`);
  const l = (await takeLease(store.db, p.id, { swap: false }))!;
  await store.db.run(
    sql`update lease set expires_at = now() - interval '1 second' where id = ${l.lease}`,
  );
  await expireLeases(store.db);
  expect(await takeLease(store.db, p.id, { swap: false })).toBeDefined();
  await expect(
    submitAnswer(store.db, p.id, { lease: l.lease, value, activeSeconds: 1, idleSeconds: 0 }),
  ).rejects.toThrow(/lease/);
  expect(await books("again")).toEqual({ done: 0, answers: 0, taken: 1, leases: 1 });
});
