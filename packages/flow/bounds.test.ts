/** Deep, large, long and absurd: places and results of any size, names of any letters, options with bounds. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { CheckpointRef, defineJob, PersonId } from "@tiller/schema";
import { cancelInDatabase } from "./holds.ts";
import { declareInputs, ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { getExperiment, listExperiments } from "@tiller/lab";
import { getTracedExperiment } from "./trace.ts";
import { opsOf } from "./nodes.ts";
import { resultText } from "./trace-values.ts";
import { submitAnswer, takeLease } from "@tiller/work";
import { answerTask } from "./fixtures/tasks.ts";
import { type Flow, type FlowServer, launchFlow, workflow, type WorkflowDef } from "./index.ts";
import { segment, shortOf } from "./place.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-bounds-"));
const rita = PersonId.parse("rita");
let store: Store;
let flow: FlowServer;

const deep: WorkflowDef<any, unknown> = workflow(
  "deep@1",
  z.object({ depth: z.number() }),
  async (f, { depth }) =>
    depth > 0
      ? f.child(deep, { depth: depth - 1 }, { name: `level ${depth} of a rather long name` })
      : (await f.ask(answerTask, { question: "How deep?" })).value.answer,
);
const chain = workflow("chain@1", z.object({}), async (f) => {
  await f.step("draw", () => 1);
  return (await f.ask(answerTask, { question: "Again?" })).value;
});
const large = workflow("large@1", z.object({}), () => Promise.resolve("x".repeat(3_000_000)));
const names = ["constructor", "__proto__", "toString", "a/b", "a\0b", "\ud800", "q", "q~2", "q"];
const keys = workflow("keys@1", z.object({}), async (f) => {
  const all: string[] = [];
  for (const name of [...names, "n".repeat(999), `${"n".repeat(998)}m`])
    all.push(await f.step(name, ({ key }) => key));
  return all;
});
type Refused = [(f: Flow) => Promise<unknown>, RegExp];
const person = answerTask;
const ask = { question: "one?" };
const refused: Record<string, Refused> = {
  "sleep NaN": [(f) => f.sleep("s", NaN), /flow\.sleep "s": seconds is NaN/],
  "sleep Infinity": [(f) => f.sleep("s", Infinity), /seconds is Infinity/],
  "sleep below 0": [(f) => f.sleep("s", -5), /seconds is -5/],
  "attempts NaN": [(f) => f.step("s", () => 1, { attempts: NaN }), /attempts is NaN/],
  "attempts 0": [(f) => f.step("s", () => 1, { attempts: 0 }), /attempts is 0/],
  "waitSeconds over a day": [
    (f) => f.step("s", () => 1, { waitSeconds: 2_200_000 }),
    /waitSeconds is 2200000/,
  ],
  "people 0": [(f) => f.ask(person, ask, { people: 0 }), /flow\.ask "answer": people is 0/],
  "people 1.5": [(f) => f.ask(person, ask, { people: 1.5 }), /people is 1\.5/],
  "hours Infinity": [(f) => f.ask(person, ask, { hours: Infinity }), /hours is Infinity/],
  "hours 1e12": [(f) => f.ask(person, ask, { hours: 1e12 }), /hours is 1000000000000/],
  "two items of one id": [
    (f) =>
      f.askAll(
        "all",
        person,
        [1, 2].map(() => ({ id: "1", input: ask })),
      ),
    /the id of item\.1 is "1" \(is there twice/,
  ],
  "a long item id": [
    (f) => f.askAll("all", person, [{ id: "i".repeat(300), input: ask }]),
    /the id of item\.0 is "iii/,
  ],
  "concurrency 0": [
    (f) => f.map("m", [1], () => Promise.resolve(1), { concurrency: 0 }),
    /concurrency is 0/,
  ],
  "a budget below 0": [
    (f) => f.child(chain, {}, { budget: { money: -1 } }),
    /flow\.child "chain": budget\.money is -1/,
  ],
  "no name": [(f) => f.step("", () => 1), /its name is ""/],
  "a name of 10,000 letters": [(f) => f.step("n".repeat(10_000), () => 1), /its name is "nnn/],
  "an unknown option": [
    (f) => f.step("s", () => 1, { attempt: 3 } as object),
    /has no option attempt/,
  ],
  "a folder that no job may read": [
    (f) => f.job("j", reading, { from: "/etc" }),
    /there is no folder "\/etc" below .*TILLER_INPUTS/,
  ],
  "a Map": [(f) => f.step("s", () => ({ a: [new Map()] })), /the value at a\[0\] is a Map/],
  "NaN in a value": [(f) => f.step("s", () => ({ loss: NaN })), /the value at loss is NaN/],
  "a bigint": [(f) => f.step("s", () => 5n), /the value is a bigint/],
  "a circle": [
    (f) =>
      f.step("s", () => {
        const a: Record<string, unknown> = {};
        return (a["self"] = a);
      }),
    /the value at self is a part of itself/,
  ],
};
const counted = workflow(
  "counted@1",
  z.strictObject({}),
  (f) =>
    f.stage("people", async () => {
      const items = [1, 2].map((n) => ({ id: `${n}`, input: { question: `${n}?` } }));
      return (await f.askAll("all", answerTask, items, { stage: "people" })).length;
    }),
  { stages: [{ name: "people", title: "People" }] },
);
const reading = defineJob({
  kind: "read",
  module: import.meta.url,
  input: z.object({ from: CheckpointRef }),
  output: z.null(),
  run: async () => null,
});
const bounds = workflow("bounds@1", z.object({ what: z.string() }), (f, { what }) =>
  refused[what]![0](f),
);

beforeAll(async () => {
  store = await openStore({ home });
  declareInputs(home);
  const workflows = [deep, chain, large, keys, bounds, counted];
  flow = await launchFlow({ store, workflows, codeRevision: "test" });
  await ensurePerson(store.db, { id: "rita", name: "Rita", pseudonym: "rita", role: "rater" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});
async function soon<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((r) => setTimeout(r, 50));
  }
}
/** Until so many asks wait for people. */
async function waiting(n: number): Promise<void> {
  const asks = sql`select count(*)::int from node where kind = 'ask' and state = 'waiting'`;
  await soon(async () => ((await store.db.value(asks, z.number())) === n ? true : undefined));
}
const answered = async () => {
  const lease = await soon(() => takeLease(store.db, rita, { swap: false }));
  const said = { value: { answer: "yes" }, activeSeconds: 1, idleSeconds: 0 };
  await submitAnswer(store.db, rita, { lease: lease.lease, ...said });
};

test("25 workflows inside one another have bounded ids, are asked, answered and cancelled as others are", async () => {
  const [done, gone, aside] = await Promise.all(
    ["down", "gone", "aside"].map((id) => flow.start(deep, { depth: 25 }, { id })),
  );
  await waiting(3);
  const level15 = (await opsOf(store.db, gone!)).find((o) =>
    o.id.endsWith("level 15 of a rather long name"),
  );
  await flow.cancel({ node: level15!.id, by: "test" });
  await expect(flow.wait(gone!)).rejects.toMatchObject({ code: "cancelled" });
  await cancelInDatabase(store.db, level15!.id.replace("gone", "aside"), "no server ids");
  const left = sql`select count(*)::int from dbos.workflow_status where starts_with(workflow_uuid, 'aside/') and status = 'PENDING'`;
  expect(await store.db.value(left, z.number())).toBeLessThanOrEqual(11); // those around it, which hear of it
  await expect(flow.wait(aside!)).rejects.toMatchObject({ code: "cancelled" });
  await answered();
  expect(await flow.wait(done!)).toBe("yes");
  const ids = (await opsOf(store.db, done!)).map((o) => o.id);
  expect(ids.length).toBe(27);
  expect(Math.max(...ids.map((i) => Buffer.byteLength(i)))).toBeLessThan(220);
  expect(await takeLease(store.db, rita, { swap: false })).toBeUndefined();
}, 120_000);

test("a rewind of a rewind keeps a short id, and the old experiment ends only once the new is there", async () => {
  let id: string = await flow.start(chain, {}, { id: "chain-with-a-name" });
  for (let i = 0; i < 6; i++) {
    await soon(async () => (await opsOf(store.db, id)).find((o) => o.kind === "ask"));
    const next = await flow.rewind({ node: `${id}/draw`, by: "test" });
    expect((await getExperiment(store.db, id)).state).toBe("cancelled");
    id = next.experiment;
    expect(id).toMatch(/^chain-with-a-name-rewind-[0-9a-f]{6}$/);
  }
  await soon(async () => (await opsOf(store.db, id)).find((o) => o.kind === "ask"));
  await answered();
  expect(await flow.wait(id)).toEqual({ answer: "yes" });
}, 120_000);

test("while people answer, their stage shows how many of the answers are there", async () => {
  const id = await flow.start(counted, {}, { id: "counted" });
  const stage = async () => (await getExperiment(store.db, id)).stages[0]!;
  await answered();
  await soon(async () => ((await stage()).done === 1 ? true : undefined));
  expect(await stage()).toMatchObject({ state: "running", done: 1, total: 2 });
  await answered();
  expect(await flow.wait(id)).toBe(2);
  expect(await soon(async () => ((await stage()).state === "done" ? stage() : undefined))).toMatchObject({ done: 2, total: 2 }); // prettier-ignore
}, 60_000);

test("a task that cannot be shown is set aside, and the desk goes on to the next", async () => {
  for (const id of ["bad", "good"]) {
    await flow.start(chain, {}, { id });
    // one after the other: which of two experiments posts its task first is chance
    const posted = sql`select count(*)::int from task where batch = ${`${id}/answer`}`;
    await soon(async () => ((await store.db.value(posted, z.number())) === 1 ? true : undefined));
  }
  await store.db.run(
    sql`insert into task_type (name, version, title, instructions, view) select name, 'broken', title, instructions, '{"show": 5}' from task_type where name = 'answer'`,
  );
  await store.db.run(sql`update task set type_version = 'broken' where batch = 'bad/answer'`);
  const lease = await takeLease(store.db, rita, { swap: false, chance: () => 0.5 });
  expect(lease?.task).toBe("good/answer/1");
  expect(
    await store.db.value(
      sql`select body->>'task' from work_event where action = 'task_set_aside'`,
      z.string(),
    ),
  ).toBe("bad/answer/1");
  await answered();
  expect(await flow.wait("good")).toEqual({ answer: "yes" });
  await flow.cancel({ node: "bad", by: "test" });
}, 60_000);

test("lists carry no results; a large one is a blob, known by its size and read by itself", async () => {
  const id = await flow.start(large, {}, { id: "large" });
  expect(await flow.wait(id)).toHaveLength(3_000_000);
  const list = await listExperiments(store.db);
  expect(JSON.stringify(list).length).toBeLessThan(100_000);
  const shown = { result: null, resultBytes: 3_000_002 };
  expect(await getExperiment(store.db, id)).toMatchObject(shown);
  expect(await getTracedExperiment(store.db, id)).toMatchObject(shown);
  expect(await resultText(store.db, home, id)).toHaveLength(3_000_002);
  expect(list.find((e) => e.id === id)).toMatchObject(shown);
});

test("any text is a name, and no two steps share a key", async () => {
  const id = await flow.start(keys, {}, { id: "keys" });
  const all = z.array(z.string()).parse(await flow.wait(id));
  expect(new Set(all).size).toBe(names.length + 2);
  expect(all.slice(0, 9).map((k) => k.slice(5))).toEqual([
    "constructor",
    "__proto__",
    "toString",
    "a∕b",
    "a␀b",
    "\ufffd",
    "q",
    "q~2",
    "q~3",
  ]);
  expect(segment("é".repeat(200))).toMatch(/^é{30}…[0-9a-f]{12}$/);
  expect(shortOf(`one/${"two ".repeat(20)}/three`)).toMatch(/^one\/…[0-9a-f]{12}$/);
});

test.each(Object.keys(refused))("%s is refused by its name", async (what) => {
  const id = await flow.start(bounds, { what });
  await expect(flow.wait(id)).rejects.toThrow(refused[what]![1]);
});
