/** Jobs name what they read by id, and what they make is registered with where it came from. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import {
  CheckpointRef,
  DatasetRef,
  ExperimentId,
  RunId,
  TillerError,
  withArtefacts,
} from "@tiller/schema";
import { getRun, type Identify, lineage, listCheckpoints } from "@tiller/lab";
import { openStore, sql, type Store } from "@tiller/store";
import { addJob } from "./fixtures/jobs.ts";
import { type FlowServer, launchFlow, workflow } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-jobs-"));
const base = path.join(home, "inputs", "base");
const identify: Identify = async (folder) => {
  const read = (name: string) => readFileSync(path.join(folder, name), "utf8");
  const id = `weights-${read("weights")}`;
  return { id, role: "lm", parent: folder === base ? null : read("parent"), metrics: { read: 1 } };
};
let store: Store;
let flow: FlowServer;

const adding = workflow(
  "adding@1",
  z.object({ add: z.record(z.string(), z.unknown()), publish: z.string().optional() }),
  async (f, { add, publish }) => {
    const first = await f.save("first", [{ n: 1 }, { n: 2 }]);
    const odd = await f.save("odd", [{ n: 1 }, { n: "two" }]);
    const names: Record<string, string> = { FIRST: first, ODD: odd };
    const sets = (add["sets"] as string[]).map((s) => names[s] ?? s);
    const { run, output } = await f.job("sum", addJob, { ...add, sets } as never);
    if (publish) await f.publish(publish === "it" ? output.checkpoint : publish, { name: "best" });
    return { run, checkpoint: output.checkpoint, first };
  },
);

beforeAll(async () => {
  mkdirSync(base, { recursive: true });
  writeFileSync(path.join(base, "weights"), "10");
  store = await openStore({ home });
  flow = await launchFlow({ store, workflows: [adding], codeRevision: "test", identify });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

const Made = z.object({ run: RunId, checkpoint: z.string(), first: z.string() });
let runs = 0;
async function go(add: object, publish?: string) {
  const id = `run-${++runs}`;
  await flow.start(adding, { add: { ...add }, ...(publish && { publish }) }, { id });
  return Made.parse(await flow.wait(id));
}

test("a folder is registered, inputs are recorded by id, what is made has its run and parent", async () => {
  const made = await go({ base, sets: ["FIRST"] }, "it");
  expect(made.checkpoint).toBe("weights-16");
  const run = await getRun(store.db, made.run);
  expect(run.inputs).toEqual([
    { kind: "checkpoint", id: "weights-10" },
    { kind: "dataset", id: made.first },
  ]);
  expect(run).toMatchObject({ parent: "weights-10", dataset: made.first, output: "weights-16" });
  expect(run.config).toMatchObject({ base: "weights-10", sets: [made.first], times: 2 }); // defaults too
  expect(run.metrics["total"]).toEqual({
    label: "all",
    unit: "things",
    group: "Total",
    better: "up",
  });
  const rows = await listCheckpoints(store.db);
  expect(rows.map((c) => [c.id, c.name, c.run, c.parent])).toEqual([
    ["weights-16", "best", made.run, "weights-10"],
    ["weights-10", "base", null, null],
  ]);
  const { results } = await flow.record("run-1", { jobs: true });
  expect(JSON.stringify(results)).not.toContain(home);

  // the next one goes on from it, by its id, and is judged by a set that says so
  const next = await go({ base: made.checkpoint, sets: ["FIRST"], heldOut: made.first, times: 1 });
  expect(
    await store.db.value(sql`select role from dataset where id = ${made.first}`, z.string()),
  ).toBe("evaluation");
  const back = await lineage(store.db, home, next.checkpoint);
  expect(back.parents.map((c) => c.id)).toEqual(["weights-16", "weights-10"]);
  expect(back.datasets.map((d) => d.id)).toEqual([made.first]);
}, 60_000);

test.each([
  [{ base, sets: ["FIRST"], times: 0 }, /flow.job "sum": input.times is 0/],
  [{ base, sets: ["FIRST"], tmes: 1 }, /flow.job "sum" has no option tmes/],
  [{ base: "elsewhere", sets: [] }, /there is no folder "elsewhere" below/],
  [{ base: "a".repeat(64), sets: [] }, /there is no checkpoint a{64}/],
  [{ base, sets: ["no-such"] }, /there is no dataset "no-such"/],
  [{ base, sets: ["ODD"] }, /row 1 of the dataset \w+ is not what the add job reads: n: /],
  [
    { base, sets: [], mischief: "other checkpoint" },
    /reads the checkpoint nobody-named-this, which its input does not name/,
  ],
  [{ base, sets: [], mischief: "odd output" }, /checkpoint/],
] as const)(
  "%o is refused",
  async (add, why) => {
    await expect(go(add)).rejects.toThrow(why);
  },
  60_000,
);

test("publishing what is not registered is an error", async () => {
  await expect(go({ base, sets: [] }, "weights-99")).rejects.toThrow(
    /no checkpoint weights-99 to publish as best/,
  );
}, 60_000);

test("references are found in objects, lists, optional fields and defaults, and nowhere else", async () => {
  const S = z.strictObject({
    one: CheckpointRef.describe("described"),
    many: z.array(z.strictObject({ at: DatasetRef })).optional(),
    maybe: DatasetRef.nullable().default(null),
    text: z.string(),
  });
  const seen = await withArtefacts(
    S,
    { one: "a", many: [{ at: "b" }, { at: "b" }], maybe: "c", text: "d" },
    async (a) => a.id.toUpperCase(),
  );
  expect(seen.value).toEqual({ one: "A", many: [{ at: "B" }, { at: "B" }], maybe: "C", text: "d" });
  expect(seen.artefacts.map((a) => `${a.kind} ${a.id}`)).toEqual([
    "checkpoint A",
    "dataset B",
    "dataset C",
  ]);
  await expect(
    withArtefacts(S, { one: "a" }, async () => {
      throw new TillerError("not_found", "no");
    }),
  ).rejects.toThrow("no");
});

test("runs of before have their dataset and parent as inputs", async () => {
  await store.db.run(
    sql`insert into run (id, experiment, kind, config, code_revision, dataset, parent) values ('old', ${ExperimentId.parse("run-1")}, 'ppo', '{}', 'x', 'd', 'c')`,
  );
  const file = path.join(import.meta.dirname, "../store/migrations/060-job-inputs.sql");
  const fills = readFileSync(file, "utf8")
    .split(";")
    .filter((s) => s.includes("insert into"));
  expect(fills).toHaveLength(2);
  for (const text of fills) await store.db.run({ text: `${text} and id = 'old'`, values: [] });
  expect((await getRun(store.db, "old")).inputs).toEqual([
    { kind: "checkpoint", id: "c" },
    { kind: "dataset", id: "d" },
  ]);
});
