/** Triggers on a real Postgres: each event starts one experiment, also with two servers that sweep at once. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { CheckpointId, NewTrigger, PersonId } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { listTriggers, pendingFirings, removeTrigger } from "./trigger-rows.ts";
import { saveCheckpointRow, saveDataset } from "@tiller/lab";
import {
  type FlowServer,
  launchFlow,
  newTrigger,
  pauseTrigger,
  resumeTrigger,
  startTriggers,
  workflow,
} from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-triggers-"));
const START = Date.parse("2030-01-01T05:59:00Z");
let clock = START;
let store: Store;
let flow: FlowServer;
const by = PersonId.parse("ruth");
const look = workflow("look@1", z.strictObject({ at: z.string() }), async (f, { at }) => {
  await f.save("seen", { at }); // sets `echo` off, which must not set itself off
  return `seen ${at}`;
});
const add = (name: string, on: unknown, input: unknown = { at: "$event" }) =>
  newTrigger(
    { store, flow, by, now: new Date(clock) },
    NewTrigger.parse({ name, workflow: "look@1", input, on }),
  );
const experimentsOf = (trigger: string) =>
  store.db.many(
    sql`select id, config ->> 'at' as at, state from experiment where origin ->> 'trigger' = ${trigger} order by config ->> 'at'`,
    z.object({ id: z.string(), at: z.string(), state: z.string() }),
  );
const sweepers = () =>
  Promise.all([1, 2].map(() => startTriggers({ store, flow, now: () => new Date(clock) })));

beforeAll(async () => {
  store = await openStore({ home });
  flow = await launchFlow({ store, workflows: [look], codeRevision: "test" });
  await ensurePerson(store.db, { id: by, name: "Ruth", pseudonym: "r-1", role: "researcher" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

test("a schedule fires each of its times once, and a missed one when somebody is back", async () => {
  await add("mornings", { schedule: "0 6 * * *" });
  expect((await listTriggers(store.db))[0]).toMatchObject({ nextAt: "2030-01-01T06:00:00.000Z" });
  const two = await sweepers();
  expect(await experimentsOf("mornings")).toEqual([]);
  clock = Date.parse("2030-01-01T06:00:01Z");
  await Promise.all(two.flatMap((t) => [t.sweep(), t.sweep()]));
  await expect.poll(() => experimentsOf("mornings")).toHaveLength(1);
  clock = Date.parse("2030-01-03T12:00:00Z"); // nobody was there on the second; the third is late
  await Promise.all(two.map((t) => t.sweep()));
  await expect.poll(() => experimentsOf("mornings")).toHaveLength(2);
  const experiments = await experimentsOf("mornings");
  expect(experiments.map((r) => r.at)).toEqual([
    "2030-01-01T06:00:00.000Z",
    "2030-01-02T06:00:00.000Z",
  ]);
  expect(await flow.wait(experiments[0]!.id)).toBe("seen 2030-01-01T06:00:00.000Z");
  await flow.wait(experiments[1]!.id);
  expect((await listTriggers(store.db))[0]).toMatchObject({
    nextAt: "2030-01-04T06:00:00.000Z",
    fired: 2,
  });
  for (const t of two) await t.close();
  await removeTrigger(store.db, "mornings");
}, 60_000);

test("a new dataset version and a saved model fire by themselves, once with two servers", async () => {
  const two = await sweepers();
  await add("on-books", { dataset: "books" });
  await add("on-policy", { checkpoint: "policy" });
  const books = await saveDataset(store.db, home, {
    name: "books",
    experiment: null,
    rows: [1, 2],
  });
  await saveDataset(store.db, home, { name: "books", experiment: null, rows: [1, 2] }); // the same version
  await saveDataset(store.db, home, { name: "others", experiment: null, rows: [3] });
  const model = CheckpointId.parse("policy-1");
  const row = {
    id: model,
    name: "policy",
    role: "policy",
    path: "p",
    run: null,
    parent: null,
  } as const;
  await saveCheckpointRow(store.db, { ...row, metrics: {} });
  await saveCheckpointRow(store.db, { ...row, metrics: { loss: 1 } });
  await expect.poll(() => experimentsOf("on-books"), { timeout: 20_000 }).toHaveLength(1);
  await expect.poll(() => experimentsOf("on-policy"), { timeout: 20_000 }).toHaveLength(1);
  expect((await experimentsOf("on-books"))[0]).toMatchObject({ at: books });
  expect((await experimentsOf("on-policy"))[0]).toMatchObject({ at: model });
  for (const name of ["on-books", "on-policy"]) await flow.wait((await experimentsOf(name))[0]!.id);
  for (const t of two) await t.close();
}, 60_000);

test("a firing whose server died is taken up, under the same experiment; an experiment does not set its own trigger off", async () => {
  await add("echo", { dataset: "seen" });
  await saveDataset(store.db, home, { name: "seen", experiment: null, rows: ["first"] });
  await store.db.run(
    sql`update trigger_firing set claimed_at = now() - interval '1 hour' where state = 'pending'`,
  );
  const [one] = await sweepers();
  await expect.poll(() => experimentsOf("echo"), { timeout: 20_000 }).toHaveLength(1);
  const [experiment] = await experimentsOf("echo");
  await flow.wait(experiment!.id);
  // as if it had died after the start, before it said so
  await store.db.run(
    sql`update trigger_firing set state = 'pending', claimed_at = null where experiment = ${experiment!.id}`,
  );
  await one!.sweep();
  const open = sql`select count(*)::int from trigger_firing where state = 'pending'`;
  await expect.poll(() => store.db.value(open, z.int())).toBe(0);
  expect(await experimentsOf("echo")).toHaveLength(1);
  await one!.close();
}, 60_000);

test("a paused trigger starts nothing, nor what it missed once it is resumed; its firings are listed", async () => {
  clock = START;
  await add("pausing", { schedule: "0 6 * * *" });
  await add("pausing-books", { dataset: "paused" });
  const [one] = await sweepers();
  const shown = async (name: string) => (await listTriggers(store.db)).find((t) => t.name === name);
  for (const name of ["pausing", "pausing-books"]) await pauseTrigger(store, name);
  expect(await shown("pausing")).toMatchObject({ active: false, nextAt: null, firings: [] });
  clock = Date.parse("2030-01-01T07:00:00Z");
  const save = (row: string) =>
    saveDataset(store.db, home, { name: "paused", experiment: null, rows: [row] });
  await save("while it is paused");
  await one!.sweep();
  await resumeTrigger(store, "pausing", new Date(clock));
  await resumeTrigger(store, "pausing-books", new Date(clock));
  expect(await shown("pausing")).toMatchObject({
    active: true,
    nextAt: "2030-01-02T06:00:00.000Z",
    fired: 0,
  });
  const event = await save("after it");
  await expect.poll(() => experimentsOf("pausing-books"), { timeout: 20_000 }).toHaveLength(1);
  const [experiment] = await experimentsOf("pausing-books");
  await flow.wait(experiment!.id);
  await expect
    .poll(async () => (await shown("pausing-books"))?.firings)
    .toEqual([
      { event, at: expect.any(String), state: "started", experiment: experiment!.id, error: null },
    ]);
  await expect(pauseTrigger(store, "nobody")).rejects.toThrow(/no trigger nobody/);
  await expect(resumeTrigger(store, "nobody", new Date())).rejects.toThrow(/no trigger nobody/);
  await one!.close();
}, 60_000);

test("a clock that was years ahead keeps no schedule from its times, and no time starts two experiments", async () => {
  const before = clock;
  const one = await startTriggers({ store, flow, now: () => new Date(clock) });
  await add("hourly", { schedule: "0 * * * *" });
  const at = async (time: string) => {
    clock = Date.parse(time);
    await one.sweep();
    // the firing may be in the hands of its own look, which the database's word began
    await expect.poll(() => pendingFirings(store.db)).toBe(0);
    return (await experimentsOf("hourly")).map((r) => r.at);
  };
  const nextAt = async () =>
    (await listTriggers(store.db)).find((t) => t.name === "hourly")?.nextAt;
  const six = "2029-03-01T06:00:00.000Z";
  await at("2029-03-01T05:30:00Z"); // set back since it was added
  expect(await at(six)).toEqual([six]);
  expect(await at("2033-01-01T00:00:30Z")).toHaveLength(2); // what was missed starts one experiment
  await at("2029-03-01T05:50:00Z");
  expect(await nextAt()).toBe(six);
  expect(await at("2029-03-01T06:00:01Z")).toHaveLength(2); // it fired
  expect(await at("2029-03-01T07:00:01Z")).toHaveLength(2); // so did the one that was missed
  expect(await at("2029-03-01T08:00:01Z")).toHaveLength(3);
  await removeTrigger(store.db, "hourly");
  await one.close();
  clock = before;
}, 60_000);

test.each([
  ["* * * * * *", /schedule: "\* \* \* \* \* \*" is no schedule: it has not five fields/],
  ["0 0 0 1 1 * 2030", /has not five fields/],
  ["2030-06-01T00:00:00", /has not five fields/],
  ["@reboot", /has not five fields/],
  ["", /"" is no schedule/],
  ["constructor", /has not five fields/],
  ["NaN * * * *", /illegal characters/],
  ["*/0 * * * *", /is no schedule.*0/],
  ["-5 * * * *", /is no schedule/],
  ["60 * * * *", /60/],
  ["0 0 30 2 *", /schedule: "0 0 30 2 \*" names no time to come/],
  [`${"1,".repeat(50_000)}1 * * * *`, /has 100009 characters, and at most 200/],
])("the schedule %.40s is refused by its name", async (schedule, why) => {
  await expect(add("bad", { schedule })).rejects.toThrow(why);
});
test.each(["0 6 * * MON", " 0 6 * * MON\n", "@daily", "0 0 L * *", "0 0 29 2 *"])(
  "the schedule %j is taken",
  async (schedule) => {
    await add("good", { schedule });
    expect((await listTriggers(store.db)).find((t) => t.name === "good")?.nextAt).not.toBeNull();
    await removeTrigger(store.db, "good");
  },
);

test("what is wrong with a trigger is said when it is made", async () => {
  await expect(add("bad", { schedule: "every day" })).rejects.toThrow(/is no schedule.*Write/s);
  await expect(add("bad", { schedule: "0 6 1 1 *" }, { where: 1 })).rejects.toThrow(
    /does not fit look@1/,
  );
  await expect(add("on-books", { dataset: "books" })).rejects.toThrow(
    /there is a trigger on-books/,
  );
  await expect(removeTrigger(store.db, "nobody")).rejects.toThrow(/no trigger nobody/);
});
