/**
 * Failures that a workflow leaves behind: a failed call that it never awaits fails it at its end, the same after a
 * replay; one that is caught late does not; and a workflow that is ended from outside leaves nothing on the desks.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { PersonId, TillerError } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { getExperiment } from "@tiller/lab";
import { submitAnswer, takeLease } from "@tiller/work";
import { doer } from "./fence.ts";
import { answerTask } from "./fixtures/tasks.ts";
import { type Flow, type FlowServer, launchFlow, workflow } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-left-"));
let store: Store;
let flow: FlowServer;
const burns = () => Promise.reject(new Error("it burnt"));
const question = { question: "one?" };
const failing = workflow("failing@1", z.object({}), burns);
/** Every call of the flow, as it fails. */
const calls: Record<string, (f: Flow) => Promise<unknown>> = {
  step: (f) => f.step("burns", burns),
  child: (f) => f.child(failing, {}),
  map: (f) => f.map("items", [1], () => f.step("burns", burns)),
  sleep: (f) => f.sleep("ill", NaN),
  ask: (f) => f.ask(answerTask, question, { people: 0 }),
  askAll: (f) => f.askAll("all", answerTask, [{ id: "", input: question }]),
  model: (f) => f.model("nobody", { messages: [] }),
  save: (f) => f.save("rows", new Map()),
  stage: (f) => f.stage("nowhere", burns),
};
const Left = z.object({
  call: z.string(),
  how: z.enum(["forgotten", "late", "race", "asked"]),
});
/** Those that are recorded have a node by then; the others are refused before they begin. */
async function failed(experiment: string, call: string): Promise<void> {
  const nodes = sql`select count(*)::int from node where experiment = ${experiment} and state = 'failed'`;
  if (["step", "child", "map", "model"].includes(call))
    await expect.poll(() => store.db.value(nodes, z.number()), { timeout: 20_000 }).not.toBe(0);
}
let executions = 0;
const leaving = workflow("leaving@1", Left, async (f, { call, how }) => {
  executions++;
  const left = calls[call]!(f);
  // until it has failed: what is under way at the end is cancelled
  await f.step("beside", () => (how === "forgotten" ? failed(f.experiment, call) : undefined));
  if (how === "late") return left.catch((e: Error) => `caught: ${e.message}`);
  if (how === "race") return Promise.race([Promise.resolve("other"), left]);
  if (how === "asked") await f.ask(answerTask, question);
  return "returned";
});
const ended = workflow("ended@1", z.object({}), async (f) => {
  void f.ask(answerTask, question);
  const item = f.map("items", [1], () => f.step("long", () => new Promise(() => {})));
  await f.step("beside", () => new Promise((r) => setTimeout(r, 100)));
  doer()!.fail(new TillerError("left_behind", "something was left behind."));
  return item;
});
const at = (id: string) => getExperiment(store.db, id);

beforeAll(async () => {
  store = await openStore({ home });
  flow = await launchFlow({ store, workflows: [leaving, failing, ended], codeRevision: "test" });
  await ensurePerson(store.db, { id: "ann", name: "A", pseudonym: "ann", role: "rater" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

test.each(Object.keys(calls))(
  "a failed %s that nobody awaits fails the experiment",
  async (call) => {
    const id = await flow.start(leaving, { call, how: "forgotten" });
    await expect(flow.wait(id)).rejects.toMatchObject({
      code: "left_behind",
      message: expect.stringMatching(
        new RegExp(
          `^flow\\.${call} ".*" failed, and the workflow ended without.*catch what may fail`,
        ),
      ),
    });
    const late = await flow.start(leaving, { call, how: "late" });
    expect(await flow.wait(late)).toMatch(/^caught: /);
    const race = await flow.start(leaving, { call, how: "race" });
    expect(await flow.wait(race)).toBe("other");
  },
);

test("it is the same after a replay", async () => {
  executions = 0;
  const id = await flow.start(leaving, { call: "step", how: "asked" }, { id: "replayed" });
  const asked = sql`select count(*)::int from batch where experiment = ${id}`;
  await expect.poll(() => store.db.value(asked, z.number())).toBe(1);
  await flow.hold({ experiment: id, by: "ruth" });
  await flow.release({ experiment: id });
  await expect.poll(() => executions, { timeout: 20_000 }).toBe(2);
  const ann = PersonId.parse("ann");
  const lease = await takeLease(store.db, ann, { swap: false });
  const said = { value: { answer: "yes" }, activeSeconds: 1, idleSeconds: 0 };
  await submitAnswer(store.db, ann, { lease: lease!.lease, ...said });
  await expect.poll(async () => (await at(id)).state, { timeout: 20_000 }).toBe("failed");
  expect((await at(id)).error).toMatch(/^flow\.step "burns" failed.*it burnt/);
}, 60_000);

test("a workflow that is ended from outside takes back what it asked, and its trace says so", async () => {
  const id = await flow.start(ended, {}, { id: "ended" });
  await expect(flow.wait(id)).rejects.toMatchObject({ code: "left_behind" });
  const open = sql`select count(*)::int from batch where experiment = ${id} and cancelled_at is null`;
  expect(await store.db.value(open, z.number())).toBe(0);
  const nodes = sql`select name, state from node where experiment = ${id} order by name`;
  await expect
    .poll(() => store.db.many(nodes, z.object({ name: z.string(), state: z.string() })))
    .toEqual([
      { name: "answer", state: "cancelled" },
      { name: "beside", state: "done" },
      { name: "ended@1", state: "failed" },
      { name: "items", state: "cancelled" },
      { name: "long", state: "cancelled" },
    ]);
});
