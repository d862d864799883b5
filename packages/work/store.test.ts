/** The real embedded Postgres: exact overlap under concurrency, undo, idempotent answers, a second server refused. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExperimentId, LeaseId, PersonId } from "@tiller/schema";
import { takeLease } from "./take.ts";
import {
  consumeBatch,
  expireLeases,
  judgmentsOf,
  postBatch,
  skipTask,
  submitAnswer,
  undoAnswer,
} from "./work.ts";
import { deskProgress } from "./own-work.ts";
import { createExperiment, saveDataset } from "@tiller/lab";
import { ensurePerson, issueToken, openStore, personOfToken, sql, type Store } from "@tiller/store";
import { pairType } from "./fixtures/pair.ts";
import { checkVersion } from "@tiller/store/store.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-store-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
});
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

const experiment = ExperimentId.parse("e1");
const person = (n: number) =>
  ensurePerson(store.db, { id: `p${n}`, name: `P ${n}`, pseudonym: `rater-${n}`, role: "rater" });
const input = { passage: "p", a: { text: "x", sample: "1" }, b: { text: "y", sample: "2" } };
const batch = async (id: string, n: number) => {
  await createExperiment(store.db, {
    id: experiment,
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  await postBatch(store.db, {
    id,
    experiment,
    type: pairType,
    people: 3,
    inputs: Array.from({ length: n }, (_, i) => ({ id: `${i}`, input })),
  });
};
const value = { choice: "a" } as const;

test("forty clients at once give every task exactly three judgments, by three people", async () => {
  await batch("exact", 30);
  await batch("exact", 30); // again: nothing
  const people = await Promise.all(Array.from({ length: 40 }, (_, i) => person(i)));
  await Promise.all(
    people.map(async (p) => {
      for (;;) {
        const lease = await takeLease(store.db, p.id, { swap: false });
        if (!lease) return;
        const s = { lease: lease.lease, value, activeSeconds: 1, idleSeconds: 0 };
        const [one, two] = await Promise.all([
          submitAnswer(store.db, p.id, s),
          submitAnswer(store.db, p.id, s),
        ]);
        expect(one.answer).toBe(two.answer); // a retry is the same answer
      }
    }),
  );
  const judgments = await judgmentsOf(store.db, { batch: "exact" });
  expect(judgments).toHaveLength(90);
  const by = Map.groupBy(judgments, (j) => j.task);
  expect(by.size).toBe(30);
  for (const js of by.values()) expect(new Set(js.map((j) => j.person)).size).toBe(3);
  expect(await consumeBatch(store.db, "exact")).toBe(true);
});

test("undo brings the lease back; after use it is refused; skipped tasks go to others", async () => {
  await batch("undo", 1);
  const p = await person(1);
  const lease = (await takeLease(store.db, p.id, { swap: true }))!;
  expect((await takeLease(store.db, p.id, { swap: false }))!.lease).toBe(lease.lease); // follows the person
  const done = await submitAnswer(store.db, p.id, {
    lease: lease.lease,
    value,
    activeSeconds: 2,
    idleSeconds: 0,
  });
  expect((await undoAnswer(store.db, p.id, done.answer)).lease).toBe(lease.lease);
  expect(await consumeBatch(store.db, "undo")).toBe(false);
  await skipTask(store.db, p.id, { lease: lease.lease, reason: "other", comment: "blurred" });
  expect(await takeLease(store.db, p.id, { swap: false })).toBeUndefined();
  for (const n of [2, 3, 4]) {
    const q = await person(n);
    const l = (await takeLease(store.db, q.id, { swap: false }))!;
    const a = await submitAnswer(store.db, q.id, {
      lease: l.lease,
      value: { choice: "tie" },
      activeSeconds: 1,
      idleSeconds: 0,
    });
    if (n === 4) {
      expect(a).toMatchObject({ done: 3, wanted: 3 });
      expect(await consumeBatch(store.db, "undo")).toBe(true);
      await expect(undoAnswer(store.db, q.id, a.answer)).rejects.toThrow("can no longer be undone");
    }
  }
  expect((await deskProgress(store.db, p.id)).skipped).toBe(1);
});

test("an expired lease goes to another; a late answer counts only while there is room", async () => {
  await batch("late", 1);
  const [p, ...others] = await Promise.all([11, 12, 13, 14].map(person));
  const lease = (await takeLease(store.db, p.id, { swap: false }))!;
  await store.db.run(
    sql`update lease set expires_at = now() - interval '1 second' where id = ${lease.lease}`,
  );
  expect(await expireLeases(store.db)).toBe(1);
  const late = { lease: lease.lease, value, activeSeconds: 1, idleSeconds: 0 };
  for (const q of others.slice(0, 2))
    await submitAnswer(store.db, q.id, {
      ...late,
      lease: (await takeLease(store.db, q.id, { swap: false }))!.lease,
    });
  expect((await submitAnswer(store.db, p.id, late)).done).toBe(3);
  expect(await takeLease(store.db, others[2].id, { swap: false })).toBeUndefined();
  await expect(
    submitAnswer(store.db, p.id, { ...late, lease: LeaseId.parse("nonsense") }),
  ).rejects.toThrow("not yours");
});

test("tokens name their person, and only as the kind they are", async () => {
  const p = await person(1);
  const token = await issueToken(store.db, PersonId.parse(p.id), "link");
  expect((await personOfToken(store.db, token, ["link"]))?.id).toBe(p.id);
  expect(await personOfToken(store.db, token, ["session"])).toBeUndefined();
});

test("a second server on the same home is refused with the remedy", async () => {
  await expect(openStore({ home })).rejects.toThrow(
    /another Tiller server already runs on .* \(process \d+ on .+\)\. Stop .*--home/,
  );
});

test("DATABASE_URL: another database of the same server is a store of its own", async () => {
  await store.db.run(sql`create database elsewhere`);
  const url = `postgres://tiller@localhost/elsewhere?host=${encodeURIComponent(String(store.config.host))}`;
  await using other = await openStore({ home: `${home}/elsewhere`, databaseUrl: url });
  expect(await other.db.value(sql`select count(*)::int from task`, z.number())).toBe(0);
});

test("a database older than 15 is refused", () => {
  expect(() => checkVersion(140_011)).toThrow(
    /PostgreSQL 14; Tiller needs 15 or newer. Upgrade it/,
  );
  expect(() => checkVersion(150_000)).not.toThrow();
});

test("an unreachable database says so", async () => {
  await expect(
    openStore({ home, databaseUrl: "postgres://nobody@127.0.0.1:1/none" }),
  ).rejects.toThrow("cannot reach the database at 127.0.0.1:1");
});

test("a dataset's id says what it holds: the order of keys, which Postgres changes, does not count", async () => {
  const { db } = store;
  const save = (rows: readonly unknown[]) =>
    saveDataset(db, home, { name: "rows", experiment: null, rows });
  const rows = [
    { question: "who?", a: { zeta: 1, b: [true, null, { y: 1, x: 2 }] }, none: undefined },
    { n: 1.5e-7, text: "Ω\u0000" },
  ];
  const id = await save(rows);
  const back = await db.value(sql`select ${JSON.stringify(rows[0])}::jsonb`, z.unknown());
  expect(Object.keys(back as object)).toEqual(["a", "question"]); // another order than it was
  expect(await save([back, rows[1]])).toBe(id);
  expect(await save([rows[1], rows[0]])).not.toBe(id);
  expect(await save([{ ...rows[0], none: null }, rows[1]])).not.toBe(id);

  const pair = { task: "t", passage: "p", a: "x", b: "y", pB: 0.5, judgments: [] } as never;
  const swapped = Object.fromEntries(Object.entries(pair).toReversed()) as never;
  const name = { name: "pairs", experiment: null };
  expect(await saveDataset(db, home, { ...name, rows: [swapped] })).toBe(
    await saveDataset(db, home, { ...name, rows: [pair] }),
  );
});
