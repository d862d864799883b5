/** What a model's name stands for: the first that is published, one that is no worse, one that a person promotes. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CheckpointId, PersonId } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { getCheckpoint, saveCheckpointRow } from "./checkpoints.ts";
import { findServed, listServed, promote, publishCheckpoint, servedCheckpoints } from "./served.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-served-"));
let store: Store;
const ruth = PersonId.parse("ruth");
beforeAll(async () => {
  store = await openStore({ home });
  await ensurePerson(store.db, { id: ruth, name: "Ruth", pseudonym: "r-1", role: "researcher" });
}, 60_000);
beforeEach(async () => {
  await store.db.run(sql`truncate promotion, checkpoint_version, checkpoint cascade`);
});
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

const idOf = (digit: string) => CheckpointId.parse(digit.repeat(64));
let minutes = 0;
/** As a job leaves it; each is a minute newer than the one before. */
const made = async (digit: string, name = "policy", role = "policy") => {
  const row = { name, role, path: "/", run: null, parent: null, metrics: {} };
  await saveCheckpointRow(store.db, { id: idOf(digit), ...row });
  await store.db.run(
    sql`update checkpoint set created_at = now() + make_interval(mins => ${++minutes}) where id = ${idOf(digit)}`,
  );
};
const compare = { metric: "winRate", better: "up" } as const;
const publish = async (digit: string, winRate: number, by: typeof compare | null = compare) => {
  await made(digit);
  const o = { name: "policy", metrics: { winRate }, ...(by && { compare: by }) };
  return publishCheckpoint(store.db, idOf(digit), o);
};
const servedNow = async () => (await findServed(store.db, "policy"))?.id[0];

test.each(["", "\u0000", "policy\u0000", "\ud800", "'", "%", "a".repeat(5000)])(
  "%j is the name of nothing, and no fault",
  async (asked) => expect(await findServed(store.db, asked)).toBeUndefined(),
);

test("a worse one is published and the better one stays; one that is no worse takes its place", async () => {
  expect(await publish("a", 0.91)).toMatchObject({ version: 1, promoted: true });
  expect(await publish("b", 0.48)).toEqual({
    version: 2,
    promoted: false,
    why: "policy@1 stays: winRate 0.48 against 0.91 of policy@1",
  });
  expect(await servedNow()).toBe("a");
  expect(await publish("c", 0.91)).toMatchObject({ version: 3, promoted: true });
  expect(await servedNow()).toBe("c");
  // the same again, as after a crash, decides nothing anew
  expect(await publish("c", 0.91)).toMatchObject({ version: 3, promoted: true });
  const [policy] = await listServed(store.db);
  expect(policy!.history.map((p) => [p.version, p.promoted])).toEqual([
    [3, true],
    [2, false],
    [1, true],
  ]);
});

test("without a rule, or without the figure, a later one waits for a person", async () => {
  await publish("a", 0.5);
  expect((await publish("b", 0.9, null))?.why).toMatch(/no rule compares them/);
  await made("c");
  const o = { name: "policy", metrics: { kl: 1 }, compare };
  expect((await publishCheckpoint(store.db, idOf("c"), o))?.why).toMatch(
    /this one has no winRate to compare/,
  );
  expect(await servedNow()).toBe("a");
});

test("by hand: promoted, rolled back, by name@version and by the beginning of an id; the record says who and why", async () => {
  await publish("a", 0.9);
  await publish("b", 0.4);
  await promote(store.db, { model: "policy@2", by: ruth, why: "reads better" });
  expect(await servedNow()).toBe("b");
  const back = await promote(store.db, { model: "aaaaaaaa", by: ruth, why: "" });
  expect(await servedNow()).toBe("a");
  expect(back.served).toBe(idOf("a"));
  expect(back.history.slice(0, 2)).toMatchObject([
    { version: 1, promoted: true, by: "r-1", why: "" },
    { version: 2, promoted: true, by: "r-1", why: "reads better" },
  ]);
  // another name for it
  expect(
    await promote(store.db, { model: "policy@2", name: "draft", by: ruth, why: "" }),
  ).toMatchObject({
    name: "draft",
    served: idOf("b"),
    versions: [{ version: 1, checkpoint: { id: idOf("b"), metrics: { winRate: 0.4 } } }],
  });
  await expect(promote(store.db, { model: "policy@9", by: ruth, why: "" })).rejects.toThrow(
    /no model policy@9 that writes/,
  );
});

test("every way of asking finds its checkpoint; what only scores is never served", async () => {
  await publish("a", 0.9);
  await publish("b", 0.4);
  await made("c", "reward", "reward");
  await made("d", "base", "lm");
  const found = async (asked: string) => {
    const c = await findServed(store.db, asked);
    return c && [c.id[0], c.name];
  };
  expect(await found("policy")).toEqual(["a", "policy"]);
  expect(await found("policy@2")).toEqual(["b", "policy@2"]);
  expect(await found("b".repeat(12))).toEqual(["b", "policy"]);
  expect(await found("b".repeat(64))).toEqual(["b", "policy"]);
  for (const none of ["reward", "reward@1", "c".repeat(64), "b".repeat(7), "policy@3", "policy@"])
    expect(await found(none), none).toBeUndefined();
  const names = (await servedCheckpoints(store.db)).map((c) => [c.name, c.id[0]]);
  expect(names).toEqual([
    ["base", "d"],
    ["policy", "a"],
  ]);
  const listed = await listServed(store.db);
  expect(listed.map((s) => [s.name, s.served?.[0] ?? null, s.versions.length])).toEqual([
    ["base", "d", 1],
    ["reward", null, 1],
    ["policy", "a", 2],
  ]);
});

test("a name under which nothing was promoted stands for its newest; a job that ends changes no promoted one", async () => {
  await made("a");
  await made("b");
  expect(await servedNow()).toBe("b");
  await publishCheckpoint(store.db, idOf("a"), { name: "policy", metrics: {}, compare });
  await made("c");
  expect(await servedNow()).toBe("a");
});

test("weights that are made again keep what was measured of them", async () => {
  await publish("a", 0.9);
  await made("a");
  expect((await getCheckpoint(store.db, idOf("a"))).metrics).toEqual({ winRate: 0.9 });
});

test("an old home goes on serving what it served under published names", async () => {
  await made("a");
  await made("b");
  await made("c", "samples", "lm");
  await store.db.run(sql`truncate promotion, checkpoint_version`);
  await store.db.run(
    sql`insert into experiment (id, recipe, title, seed, config) values ('e', 'r@1', 't', 1, '{}')`,
  );
  await store.db.run(
    sql`insert into node (id, experiment, parent, place, kind, name, state, started_at, seq) values ('e/publish policy', 'e', null, 0, 'save', 'publish policy', 'done', now(), 1)`,
  );
  const file = path.join(import.meta.dirname, "../store/migrations/082-promotions.sql");
  const fills = readFileSync(file, "utf8")
    .split(";")
    .filter((s) => s.includes("insert into"));
  expect(fills).toHaveLength(2);
  for (const text of fills) await store.db.run({ text, values: [] });
  await made("d");
  await made("e", "samples", "lm");
  expect((await findServed(store.db, "policy"))?.id).toBe(idOf("b"));
  expect((await findServed(store.db, "policy@1"))?.id).toBe(idOf("a"));
  expect((await findServed(store.db, "samples"))?.id).toBe(idOf("e"));
});
