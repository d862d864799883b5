/** How far an experiment is, on a real Postgres: items of a map that have not begun, and who is waited for and what helps. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExperimentId, PersonId } from "@tiller/schema";
import { pairType } from "@tiller/work/fixtures/pair.ts";
import { createExperiment, endExperiment, getExperiment } from "@tiller/lab";
import { ensurePerson, openStore, type Store } from "@tiller/store";
import { forecastExperiment } from "./forecast.ts";
import { listProgress } from "./progress.ts";
import { type NodeWrite, writeNodes } from "./nodes.ts";
import { postBatch, setQualification, takeLease } from "@tiller/work";

const home = mkdtempSync(path.join(tmpdir(), "tiller-progress-"));
const experiment = ExperimentId.parse("study");
let store: Store;
let started: number;
beforeAll(async () => {
  store = await openStore({ home });
  const about = { id: experiment, recipe: "r@1", title: "t", seed: 1, config: {}, stages: [] };
  await createExperiment(store.db, about);
  started = Date.parse((await getExperiment(store.db, experiment)).startedAt);
}, 60_000);
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

const node = (
  id: string,
  kind: NodeWrite["kind"],
  state: NodeWrite["state"],
  more: Partial<NodeWrite> = {},
): NodeWrite => ({
  id: `study${id}`,
  experiment,
  parent: id ? `study${id.slice(0, id.lastIndexOf("/"))}` : null,
  kind,
  name: id.split("/").at(-1)!,
  place: 0,
  state,
  startedAt: new Date(started).toISOString(),
  endedAt: state === "running" || state === "waiting" ? null : new Date(started).toISOString(),
  replayed: false,
  ...more,
});
const progress = async (seconds: number) =>
  (await listProgress(store.db, { now: new Date(started + 1000 * seconds) }))[0]!;

test("items of a map that have not begun count as much as those that ended; what failed does not come any more", async () => {
  await writeNodes(store.db, [
    node("", "workflow", "running"),
    node("/books", "map", "running", { wanted: 10 }),
  ]);
  expect(await progress(100)).toMatchObject({ total: 10, done: 0 }); // nobody knows more of them yet
  const item = (n: number) => [
    node(`/books/${n}`, "workflow", "done"),
    node(`/books/${n}/sample`, "step", "done"),
    node(`/books/${n}/answer`, "ask", "done", { wanted: 3, answers: 3 }),
  ];
  await writeNodes(store.db, [
    ...item(0),
    ...item(1),
    node("/books/2", "workflow", "running"),
    node("/books/2/sample", "step", "done"),
  ]);
  // 4 parts in each of 2, 1 in the third, and 4 in each of the 7 to come
  const end = new Date(started + 1000 * (100 + 350)).toISOString();
  expect(await progress(100)).toMatchObject({
    total: 37,
    done: 9,
    end, // 21 answers at 6 in 100 s; the 7 steps at 3 in 100 s are there before
    basis: "for the 28 known parts that are left, at the pace of its time so far",
  });
  await writeNodes(store.db, [node("/note", "step", "failed")]);
  expect(await progress(100)).toMatchObject({ total: 38, done: 9, failed: 1, end });
  await writeNodes(store.db, [node("/books", "map", "done", { wanted: 10 })]);
  expect(await progress(100)).toMatchObject({ total: 10, done: 9 });
}, 60_000);

test("a place says who is at it and for how long, or what nobody has that it requires", async () => {
  const { db } = store;
  const requires = [{ qualification: "physics", level: 2 }];
  const input = { passage: "p", a: { text: "x", sample: "1" }, b: { text: "y", sample: "2" } };
  await writeNodes(db, [node("/judge", "ask", "waiting", { wanted: 2 })]);
  const inputs = [{ id: "1", input }];
  const asked = { id: "study/judge", experiment, type: pairType, node: "study/judge" };
  await postBatch(db, { ...asked, people: 2, inputs, requires });
  const says = async (seconds: number) => (await progress(seconds)).waits[0];
  expect(await says(60)).toMatchObject({
    what: "2 of 2 answers by people (comparison)",
    since: new Date(started).toISOString(),
    remedy:
      "Nobody has the qualification physics that it requires: give it to somebody in the control room.",
  });
  const ann = PersonId.parse("ann");
  await ensurePerson(db, { id: ann, name: "Ann", pseudonym: "rater-1", role: "rater" });
  const grant = { person: ann, name: "physics", why: "her degree" };
  await setQualification(db, null, { ...grant, level: 1 });
  expect((await says(60))?.remedy).toMatch(/^Nobody has/); // too low a level
  await setQualification(db, null, { ...grant, level: 2 });
  expect((await says(60))?.remedy).toMatch(/^Nobody works on it. 2 answers are free to take/);
  await takeLease(db, ann, { swap: false });
  expect((await says(30 * 60))?.remedy).toMatch(
    /^At work on it: rater-1 for (29|30) min. 1 more may be taken.$/,
  );
}, 60_000);

test("what an experiment would cost: answers at today's rates, and the nearest one that ended", async () => {
  const { db } = store;
  for (const [id, config] of [
    ["near", { lr: 2, pairs: 5 }],
    ["far", { lr: 3, pairs: 9 }],
  ] as const) {
    await createExperiment(db, { id, recipe: "cost@1", title: id, seed: 1, config, stages: [] });
    await endExperiment(db, id, { state: "done" });
  }
  const input = {
    type: "object",
    properties: { lr: { default: 2, type: "number" }, pairs: { type: "number" } },
  };
  const flow = {
    asks: async () => ({ comparison: 30 }),
    workflows: () => [{ name: "cost@1", title: "Cost", about: "", labelling: false, input }],
  };
  const { asks, nearest } = await forecastExperiment(db, flow, {
    workflow: "cost@1",
    input: { pairs: 6 },
  });
  expect(asks).toEqual([
    { kind: "comparison", answers: 30, seconds: null, measured: 0, pay: null },
  ]);
  expect(nearest).toMatchObject({ id: "near", differs: [{ path: "pairs", there: 5, here: 6 }] });
});
