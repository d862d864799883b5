/**
 * A home from before migration 070 opens with all that it knew, and goes on: its measuring tasks were an experiment's, what
 * delegates work was called a policy.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { exportAnswers, importAnswers } from "@tiller/data";
import { ExportRequest, LeaseId, PersonId, SchemaFile } from "@tiller/schema";
import { listExperiments } from "@tiller/lab";
import { openStore, sql, type Store } from "@tiller/store";
import { knownMigrations } from "@tiller/store/store.ts";
import { openBatches } from "./batches.ts";
import { listDelegationRules, setDelegationRuleState } from "./delegation.ts";
import { delegationAtWork } from "./live-delegation.ts";
import { goldAnswers, pickBlindDuplicate, pickGold } from "./gold.ts";
import { populationsOf, qualityData } from "./quality.ts";
import { takeLease } from "./take.ts";
import { pairType } from "./fixtures/pair.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-old-home-"));
let first: Store;
let store: Store;
const [ann, ruth] = ["ann", "ruth"].map((id) => PersonId.parse(id)) as [PersonId, PersonId];

/** A delegation rule as it was saved, and what trying it said. */
const rule = {
  title: "First",
  kind: "comparison",
  experiment: null,
  field: "choice",
  rules: [{ when: [{ signal: "answers", is: "below", value: 2 }], act: "ask" }],
  most: 2,
  scoring: "anyone",
  explore: 0.1,
};
const change = { change: 0, low: 0, high: 0 };
const agreement = { ...change, before: 1, after: 1, judged: 1, against: "known answers" };
const tried = {
  tasks: 1,
  recorded: 2,
  fired: [{ rule: "ask one more", times: 1 }],
  used: 2,
  reviews: 0,
  cost: change,
  agreement,
  sentence: "s",
};
/** As the program of then wrote them: batches of `measuring`, cancelled from the start. */
const written = `
  insert into person (id, name, pseudonym, role) values ('ann', 'A', 'ann', 'rater'), ('ruth', 'R', 'ruth', 'researcher');
  insert into experiment (id, recipe, title, seed, config) values ('e', 'r@1', 'Study', 1, '{}');
  insert into task_type (name, version, title, instructions, view) values ('comparison', '1', 't', '', '${JSON.stringify(pairType.view)}');
  insert into lane (kind) values ('comparison');
  insert into batch (id, experiment, type, wanted, done) values ('e/b', 'e', 'comparison', 20, 2);
  insert into task (id, batch, place, type, type_version, input, people, taken, lane)
    select 'e/b/' || n, 'e/b', n, 'comparison', '1', '{"passage": "p"}', 5, 1, (select id from lane) from generate_series(1, 4) n;
  insert into gold (id, type, input, expected, reason) values ('g1', 'comparison', '{}', '{"choice": "a"}', 'r'), ('g2', 'comparison', '{}', '{"choice": "b"}', 'r');
  insert into batch (id, experiment, wanted, done, cancelled_at)
    select 'measuring/' || x || '/comparison', 'measuring', 2147483647, 1, now() from unnest('{gold,twin,again}'::text[]) x;
  insert into task (id, batch, place, type, type_version, input, people, taken, gold, gold_version, twin_of, again_of) values
    ('measuring/gold/g1/1@1', 'measuring/gold/comparison', 0, 'comparison', '1', '{}', 1000000, 1, 'g1', 1, null, null),
    ('measuring/twin/e/b/1', 'measuring/twin/comparison', 0, 'comparison', '1', '{}', 1000000, 1, null, null, 'e/b/1', null),
    ('measuring/again/e/b/1', 'measuring/again/comparison', 0, 'comparison', '1', '{}', 1000000, 1, null, null, null, 'e/b/1');
  insert into lease (id, task, person, swap, state, expires_at)
    select p || ' ' || t, t, p, false, 'answered', now() from (values ('ann', 'e/b/1'), ('ann', 'e/b/2'),
      ('ann', 'measuring/gold/g1/1@1'), ('ann', 'measuring/again/e/b/1'), ('ruth', 'measuring/twin/e/b/1')) x(p, t);
  insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds)
    select id, task, id, person, '{"choice": "a"}', false, 1, 0 from lease;
  insert into policy (name, version, state, body, backtest, by) values ('split', 1, 'retired', '${JSON.stringify(rule)}', null, 'ruth'),
    ('split', 2, 'live', '${JSON.stringify({ ...rule, title: "Second" })}', '${JSON.stringify(tried)}', 'ruth');
  insert into roster (person, kind, experiment) values ('ann', 'comparison', null);
  insert into experiment (id, recipe, title, state, seed, config) values ('better-continuations-1', 'better-continuations@3', 'First', 'running', 1, '{}'),
    ('better-continuations-small-2', 'better-continuations@3', 'Ended', 'done', 2, '{}'), ('better-continuations-mine', 'better-continuations@3', 'Own', 'running', 1, '{}');
  insert into batch (id, experiment, type, wanted) select id || '/comparisons', id, 'comparison', 3 from experiment where id like 'better%';`;

beforeAll(async () => {
  first = await openStore({ home });
  await first.db.run({ text: "create database before", values: [] });
  const old = new pg.Client({ ...first.config, database: "before" });
  old.on("error", () => {});
  await old.connect();
  await old.query(
    "create table migration (name text primary key, at timestamptz not null default now())",
  );
  for (const name of knownMigrations().filter((n) => n < "070")) {
    await old.query(
      readFileSync(path.join(import.meta.dirname, "../store/migrations", name), "utf8"),
    );
    await old.query("insert into migration (name) values ($1)", [name]);
  }
  await old.query(written);
  await old.end();
  store = await openStore({ home, database: "before" });
}, 60_000);
afterAll(async () => {
  await store?.close();
  await first?.close();
  rmSync(home, { recursive: true, force: true });
});

test("the experiment that was none is gone; its batches say what they are for, under their own names", async () => {
  expect((await listExperiments(store.db)).map((e) => e.id)).not.toContain("measuring");
  const rows = await store.db.many(
    sql`select id, experiment, purpose, cancelled_at is null as open from batch where id not like 'better%' order by id`,
    z.object({
      id: z.string(),
      experiment: z.string().nullable(),
      purpose: z.string(),
      open: z.boolean(),
    }),
  );
  expect(rows.map((r) => [r.id, r.experiment, r.purpose, r.open])).toEqual([
    ["e/b", "e", "work", true],
    ["measuring/again/comparison", null, "retest", true],
    ["measuring/gold/comparison", null, "gold", true],
    ["measuring/twin/comparison", null, "duplicate", true],
  ]);
  expect([...(await openBatches(store.db))]).toContain("e/b");
  await expect(
    store.db.run(sql`insert into batch (id, wanted) values ('of no experiment', 1)`),
  ).rejects.toThrow(/batch_check/);
});

test("what was measured counts as before, a blind duplicate with its original; nothing is given out twice", async () => {
  const { db } = store;
  const field = { type: "comparison", field: "choice" };
  expect(await goldAnswers(db, { person: ann })).toMatchObject([{ gold: "g1", right: true }]);
  const { rows, retests } = await qualityData(db, field);
  expect(rows.map((r) => [r.person, r.task])).toEqual([
    ["ann", "e/b/1"],
    ["ann", "e/b/2"],
    ["ruth", "e/b/1"],
  ]);
  expect(retests).toMatchObject([{ person: "ann", first: "a", second: "a" }]);
  expect((await populationsOf(db, field)).experiments).toEqual([
    { id: "e", title: "Study", answers: 3 },
  ]);
  expect(await pickGold(db, ann, { due: ["gold"], types: ["comparison"] })).toBe(
    "measuring/gold/g2/1@1",
  );
  expect(await pickBlindDuplicate(db, ruth, { fraction: 0.2 })).not.toBe("measuring/twin/e/b/1");
  const lease = await takeLease(db, ann, { swap: false, role: "rater", chance: () => 0.9 });
  expect(lease?.task).toBe("e/b/3");
});

test("files say of what only measured what they always said, and are known when they come in again", async () => {
  const exported = async (experiment?: string) => {
    const request = ExportRequest.parse(experiment ? { experiment } : {});
    const { stream, schema } = await exportAnswers(store, request);
    return { text: (await buffer(stream)).toString(), schema };
  };
  const batches = async (experiment: string) =>
    (await exported(experiment)).text
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { batch: string }).batch)
      .toSorted();
  expect(await batches("measuring")).toEqual(
    ["again", "gold", "twin"].map((x) => `measuring/${x}/comparison`),
  );
  expect(await batches("e")).toEqual(["e/b", "e/b"]);
  const { text, schema } = await exported();
  const file = path.join(home, "answers.jsonl");
  writeFileSync(file, text);
  const { types } = SchemaFile.parse(JSON.parse(schema));
  const request = { file, format: "answers", types, now: new Date(), dry: false };
  // here they are of the people who gave them; they are known by their ids
  expect(await importAnswers(store, request)).toMatchObject({ answers: 0, known: 5 });
  // another home has measuring tasks of its own
  await expect(importAnswers(first, request)).rejects.toThrow(
    /experiment measuring runs here itself/,
  );
});

test("a policy of then is a delegation rule, as it was saved, and is still at work", async () => {
  const saved = await listDelegationRules(store.db);
  expect(saved.map((r) => [r.name, r.version, r.state, r.body.title])).toEqual([
    ["split", 2, "live", "Second"],
    ["split", 1, "retired", "First"],
  ]);
  expect(saved[0]).toMatchObject({ body: { rules: rule.rules }, backtest: tried });
  const decide = await delegationAtWork(store.db)("ann e/b/1", ann);
  const people = await decide!(store.db, { lease: LeaseId.parse("x"), value: { choice: "b" } });
  expect(people).toBe(2); // one answer so far, and this one: no clause holds, so it is enough
  await setDelegationRuleState(store.db, ruth, { name: "split", version: 2, state: "retired" });
  expect(await delegationAtWork(store.db)("ann e/b/1", ann)).toBeUndefined();
});

test("a first experiment under way goes on with its simulated raters, and nothing else is theirs", async () => {
  const Row = z.object({ id: z.string(), agents: z.unknown(), simulated: z.boolean() });
  const rows = await store.db.many(
    sql`select e.id, e.agents, b.simulated from batch b join experiment e on e.id = b.experiment order by e.id`,
    Row,
  );
  const agents = { comparison: { kind: "people", simulated: true } };
  expect(rows).toEqual([
    { id: "better-continuations-1", agents, simulated: true },
    { id: "better-continuations-mine", agents: {}, simulated: false },
    { id: "better-continuations-small-2", agents: {}, simulated: false },
    { id: "e", agents: {}, simulated: false },
  ]);
});
