/**
 * Experiments set aside and let go again, on a real Postgres: by a person, by the deaths they caused, for want of their code;
 * and an experiment whose workflow changed under it ends, whatever places its record takes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentId, PersonId } from "@tiller/schema";
import {
  cancelInDatabase,
  listHeld,
  releaseKnown,
  releaseExperiment,
  setAsideUnknown,
  strikeExperiment,
} from "./holds.ts";
import { createExperiment, getExperiment } from "@tiller/lab";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { submitAnswer, takeLease } from "@tiller/work";
import { pairType } from "@tiller/work/fixtures/pair.ts";
import { type FlowServer, launchFlow, workflow } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-holds-"));
let store: Store;
let flow: FlowServer;
let deploy = 0; // what a person does to the code between two starts
const ran: string[] = [];
const pair = { passage: "p", a: { text: "x", sample: "x" }, b: { text: "y", sample: "y" } };
const asking = workflow("asking@1", z.any(), async (f) => {
  const before = await f.step("before", () => ran.push(f.id) && "before");
  await f.ask(pairType, pair, { name: "better" });
  return before;
});
const leaving = workflow("leaving@1", z.any(), async (f) => {
  const later = f.step("later", () => new Promise((r) => setTimeout(r, 1200)));
  const better = f.ask(pairType, pair, { name: "better" });
  for (const left of [later, better]) left.catch(() => {}); // in a process of its own they may be left without it
  await new Promise((r) => setTimeout(r, 800));
  return "returned";
});
const Changes = z.strictObject({ how: z.enum(["remove", "shorter", "swap", "rename", "input"]) });
const changing = workflow(
  "changing@1",
  Changes.refine(({ how }) => how !== "input" || deploy === 0, "is not taken any more"),
  async (f, { how }) => {
    const names: Record<typeof how, string[]> = {
      remove: ["two"],
      shorter: [],
      swap: ["two", "one"],
      rename: ["uno", "two"],
      input: ["one", "two"],
    };
    const steps = deploy === 0 ? ["one", "two"] : names[how];
    for (const name of steps) await f.step(name, () => name);
    await f.ask(pairType, pair, { name: "better" });
    return steps;
  },
);

beforeAll(async () => {
  store = await openStore({ home });
  flow = await launchFlow({ store, workflows: [asking, changing, leaving], codeRevision: "test" });
  await ensurePerson(store.db, { id: "ann", name: "A", pseudonym: "ann", role: "rater" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

const state = async (experiment: string) => (await getExperiment(store.db, experiment)).state;
const batchesOf = (experiment: string) =>
  store.db.value(sql`select count(*)::int from batch where experiment = ${experiment}`, z.number());
async function asked(experiment: string): Promise<void> {
  await expect.poll(() => batchesOf(experiment), { timeout: 20_000 }).toBe(1);
}
async function answerAll(): Promise<void> {
  const ann = PersonId.parse("ann");
  for (let lease = await takeLease(store.db, ann, { swap: false }); lease;) {
    const value = { choice: "a" };
    await submitAnswer(store.db, ann, {
      lease: lease.lease,
      value,
      activeSeconds: 1,
      idleSeconds: 0,
    });
    lease = await takeLease(store.db, ann, { swap: false });
  }
}

test("an experiment is held, people answer meanwhile, released it goes on from its record", async () => {
  const id = await flow.start(asking, {}, { id: "held" });
  await asked(id);
  await flow.hold({ experiment: id, by: "ruth", reason: "a doubt" });
  expect(await getExperiment(store.db, id)).toMatchObject({
    state: "held",
    error: "held by ruth: a doubt",
    endedAt: null,
  });
  await answerAll();
  await new Promise((r) => setTimeout(r, 500)); // the waiting call hears of the answers, and may record nothing
  expect(await state(id)).toBe("held");
  await flow.release({ experiment: id });
  expect(await flow.wait(id)).toBe("before");
  expect(ran.filter((r) => r === id)).toEqual([id]);
  expect(await getExperiment(store.db, id)).toMatchObject({ state: "done", error: null });
  await expect(flow.hold({ experiment: id, by: "ruth" })).rejects.toThrow(/is done/);
}, 60_000);

test("held experiments are cancelled and released without their server", async () => {
  const [a, b] = ["aside-a", "aside-b"];
  for (const id of [a, b]) await flow.start(asking, {}, { id });
  for (const id of [a, b]) await asked(id);
  for (const id of [a, b]) await flow.hold({ experiment: id, by: "ruth" });
  await cancelInDatabase(store.db, a, "cancelled from the command line");
  await expect(flow.wait(a)).rejects.toThrow(/cancelled/);
  expect(await state(a)).toBe("cancelled");
  await expect(releaseExperiment(store.db, a)).rejects.toThrow(/is cancelled/);
  await releaseExperiment(store.db, b);
  await expect(releaseExperiment(store.db, b)).rejects.toThrow(/nothing to release/);
  await answerAll();
  expect(await flow.wait(b)).toBe("before");
  await expect(releaseExperiment(store.db, "none")).rejects.toThrow(/no experiment none/);
}, 60_000);

test("an experiment that ends its process twice is held; deaths of long ago do not count", async () => {
  const id = await flow.start(asking, {}, { id: "deadly" });
  await asked(id);
  expect(await strikeExperiment(store.db, id, "it was silent")).toBe(false);
  await store.db.run(
    sql`update experiment_trouble set at = now() - interval '2 hours' where experiment = ${id}`,
  );
  expect(await strikeExperiment(store.db, id, "it was silent")).toBe(false);
  expect(await state(id)).toBe("running");
  expect(await strikeExperiment(store.db, id, "it called for memory without end")).toBe(true);
  const { state: now, error } = await getExperiment(store.db, id);
  expect(now).toBe("held");
  expect(error).toMatch(
    /ended the process.* 2 times.*called for memory.*release the experiment, or cancel/,
  );
  expect(await strikeExperiment(store.db, id, "again")).toBe(false); // it is not running
  await flow.cancel({ node: id, by: "ruth" });
}, 60_000);

test("an experiment without its code is set aside and named, and goes on when the code is there", async () => {
  const id = await flow.start(asking, {}, { id: "codeless" });
  await asked(id);
  expect((await setAsideUnknown(store.db, ["changing@1"])).map((t) => t.experiment)).toEqual([id]);
  expect(await setAsideUnknown(store.db, ["changing@1"])).toEqual([]);
  expect(await listHeld(store.db)).toMatchObject([
    { experiment: id, kind: "code", names: ["asking@1"] },
  ]);
  expect((await getExperiment(store.db, id)).error).toMatch(/waits for the code of asking@1/);
  expect(await releaseKnown(store.db, ["changing@1"])).toEqual([]);
  expect(await releaseKnown(store.db, ["changing@1", "asking@1"])).toEqual([id]);
  await answerAll();
  await expect.poll(() => state(id), { timeout: 20_000 }).toBe("done");
}, 60_000);

test("what a workflow leaves under way when it returns is shown as left, and leaves the desks", async () => {
  const id = await flow.start(leaving, {}, { id: "leaving" });
  expect(await flow.wait(id)).toBe("returned");
  const left = () =>
    store.db.many(
      sql`select name, state from node where experiment = ${id} and id <> ${id} order by name`,
      z.object({ name: z.string(), state: z.string() }),
    );
  const cancelled = ["better", "later"].map((name) => ({ name, state: "cancelled" }));
  await expect.poll(left).toEqual(cancelled);
  await new Promise((r) => setTimeout(r, 500)); // the step ends, and its end counts for nothing
  expect(await left()).toEqual(cancelled);
  expect(await state(id)).toBe("done");
  const open = sql`select count(*)::int from batch where experiment = ${id} and cancelled_at is null`;
  expect(await store.db.value(open, z.number())).toBe(0);
}, 60_000);

test("an experiment that meets a changed workflow fails and says so", async () => {
  deploy = 0;
  const kinds = Changes.shape.how.options;
  for (const how of kinds) await flow.start(changing, { how }, { id: `changed-${how}` });
  for (const how of kinds) await asked(`changed-${how}`);
  for (const how of kinds) await flow.hold({ experiment: `changed-${how}`, by: "ruth" });
  deploy = 1;
  for (const how of kinds) await flow.release({ experiment: `changed-${how}` });
  for (const how of kinds) {
    const id = `changed-${how}`;
    await expect.poll(() => state(id), { timeout: 20_000 }).toBe("failed");
    const { error, endedAt } = await getExperiment(store.db, id);
    expect(endedAt).not.toBeNull();
    expect(error).toMatch(how === "input" ? /not taken any more/ : /new version beside the old/);
  }
}, 60_000);

test("an experiment that was written down and never begun is begun; one that was to replace another is not", async () => {
  const row = (id: string, origin: Record<string, unknown> | null) =>
    createExperiment(store.db, {
      id: ExperimentId.parse(id),
      recipe: "asking@1",
      title: "Asking",
      seed: 1,
      config: {},
      stages: [],
      origin,
    });
  await row("unbegun", null);
  await row("unbegun-rewind", { kind: "rewind", experiment: "x", node: "x/y", by: "ruth" });
  await store.db.run(
    sql`update experiment set started_at = now() - interval '1 minute' where id like 'unbegun%'`,
  );
  await expect.poll(() => batchesOf("unbegun"), { timeout: 30_000 }).toBe(1);
  await answerAll();
  expect(await flow.wait("unbegun")).toBe("before");
  expect(await getExperiment(store.db, "unbegun-rewind")).toMatchObject({
    state: "cancelled",
    error: expect.stringMatching(/died before it began.*Do it again/),
  });
}, 60_000);
