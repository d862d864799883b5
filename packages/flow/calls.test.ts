/** What a workflow may do, in one process on a real Postgres: calls, who answers, budgets, forks, the trace. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type ModelClient, ModelsConfig, openModelClient } from "@tiller/model";
import { says, scripted, silent } from "@tiller/model/fixtures/endpoint.ts";
import { PersonId, prompt, TillerError } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { getExperiment } from "@tiller/lab";
import { opsOf } from "./nodes.ts";
import { spentBelow } from "./spend.ts";
import { submitAnswer, takeLease } from "@tiller/work";
import { answerTask } from "./fixtures/tasks.ts";
import { type FlowServer, launchFlow, workflow, type WorkflowDef } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-calls-"));
let store: Store;
let flow: FlowServer;
let modelClient: ModelClient;
const endpoint = await scripted(says('{"answer": "yes"}'));
const deaf = await scripted(silent);
const ran = new Map<string, number>();
const count = (name: string) => ran.set(name, (ran.get(name) ?? 0) + 1).get(name)!;

/** question -> who answered and what */
const ask = workflow(
  "ask@1",
  z.object({ people: z.number().default(2) }),
  async (f, { people }) => {
    const first = await f.ask(answerTask, { question: "first?" }, { people });
    const second = await f.ask(
      answerTask,
      { question: "second?" },
      { people: 1, not: first.people },
    );
    return { first: first.values, by: first.people, later: second.people };
  },
);
const leaf = workflow("leaf@1", z.object({ n: z.number() }), async (f, { n }) => {
  return f.step("double", () => 2 * n);
});
const parallel = workflow("parallel@1", z.object({}), async (f) => {
  const [a, b] = await Promise.all([f.child(leaf, { n: 1 }), f.child(leaf, { n: 2 })]);
  const squares = await f.map("squares", [1, 2, 3, 4], (x) => f.step("square", () => x * x), {
    concurrency: 2,
  });
  const leaves = await f.map("leaves", [5, 6], (n) => f.child(leaf, { n }));
  const at = await f.now();
  await f.sleep("a moment", 0.01);
  const id = await f.save("rows", [{ a }, { b }]);
  return {
    a,
    b,
    squares,
    leaves,
    waited: (await f.now()) - at >= 10,
    saved: id.length,
    drawn: [f.rng.int(1e6), await f.step("drawn", () => f.rng.int(1e6)), f.rng.int(1e6)],
  };
});
const wrong: Record<string, WorkflowDef<z.ZodObject, unknown>> = {
  concurrent: workflow("concurrent@1", z.object({}), async (f) => {
    const slow = f.step("slow", () => new Promise((r) => setTimeout(r, 500)));
    await new Promise((r) => setTimeout(r, 50)); // no call of the flow: a replay cannot repeat when it ends
    await f.step("beside", () => 1).catch(() => "caught");
    return slow;
  }),
  nested: workflow("nested@1", z.object({}), (f) =>
    f.step("outer", () => f.step("inner", () => 1)),
  ),
  second: workflow("second@1", z.object({}), (f) =>
    f.map("items", [1, 2], async (n) => {
      await f.step("a", () => n);
      return f.step("b", () => n);
    }),
  ),
  throws: workflow("throws@1", z.object({}), (f) =>
    f.step(
      "burn",
      () => {
        count("burn");
        throw new TillerError("burnt", "it burnt 3 times. Use less heat.");
      },
      { attempts: 3, waitSeconds: 0.01 },
    ),
  ),
};
const asking = workflow("asking@1", z.object({}), async (f) => {
  const one = await f.ask(answerTask, { question: "one?" });
  const reply = await f.model("oracle", prompt`Is ${one.value.answer} right?`);
  const parsed = await f.model("oracle", prompt`As JSON: ${reply}`, {
    name: "parsed",
    output: z.object({ answer: z.string() }),
  });
  const two = await f.ask(
    answerTask,
    { question: `two after ${parsed.answer}?` },
    { name: "two", people: 2 },
  );
  return {
    one: one.value.answer,
    reply,
    parsed: parsed.answer,
    two: two.values.map((v) => v.answer),
    by: two.answers.map((a) => a.by),
  };
});
const costly = workflow("costly@1", z.object({ budget: z.looseObject({}) }), (f, { budget }) =>
  f.child(asking, {}, { budget }),
);
const listening = workflow("listening@1", z.object({}), (f) =>
  f.model("deaf", prompt`Anybody?`, { attempts: 3 }),
);
const newer = workflow(
  "asking@2",
  z.object({ extra: z.string() }),
  async (f, { extra }) => {
    const one = await f.ask(answerTask, { question: "one?" });
    const more = await f.ask(answerTask, { question: `${extra}?` }, { name: "more" });
    return { one: one.value.answer, more: more.value.answer, person: one.people };
  },
  { migrate: { "asking@1": ({ carried }) => ({ input: { extra: "new" }, carried }) } },
);

beforeAll(async () => {
  store = await openStore({ home });
  const oracle = {
    kind: "openai",
    baseURL: endpoint.baseURL,
    model: "m",
    price: { prompt: 1, completion: 1 },
  };
  modelClient = openModelClient({
    config: ModelsConfig.parse({ oracle, deaf: { ...oracle, baseURL: deaf.baseURL } }),
    db: store.db,
  });
  const workflows = [
    ask,
    leaf,
    parallel,
    asking,
    costly,
    listening,
    newer,
    ...Object.values(wrong),
  ];
  flow = await launchFlow({ store, workflows, modelClient, codeRevision: "test" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  await endpoint[Symbol.asyncDispose]();
  await deaf[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

/** A person who takes whatever comes and says `yes`, until told to stop. */
async function person(id: string, o: { answers: number; say?: string }): Promise<void> {
  await ensurePerson(store.db, { id, name: id, pseudonym: id, role: "rater" });
  for (let left = o.answers; left > 0;) {
    const lease = await takeLease(store.db, PersonId.parse(id), { swap: false });
    if (!lease) {
      await new Promise((r) => setTimeout(r, 30));
      continue;
    }
    const value =
      lease.type === "approval" ? { verdict: o.say ?? "approve" } : { answer: o.say ?? "yes" };
    await submitAnswer(store.db, PersonId.parse(id), {
      lease: lease.lease,
      value,
      activeSeconds: 2,
      idleSeconds: 0,
    });
    left--;
  }
}
const nodes = async (id: string) =>
  new Map((await opsOf(store.db, id)).map((o) => [o.id.slice(id.length + 1), o]));
const settled = async (id: string) => {
  // the trace follows the record within a moment
  await expect
    .poll(async () => [...(await nodes(id)).values()].filter((n) => n.state === "running").length)
    .toBe(0);
  return nodes(id);
};

test("different people, and none of those who saw it before", async () => {
  const id = await flow.start(ask, {}, { id: "people" });
  const [result] = await Promise.all([
    flow.wait(id),
    person("ann", { answers: 1 }),
    person("bob", { answers: 1 }),
    person("eve", { answers: 1 }),
  ]);
  const { by, later, first } = result as {
    by: string[];
    later: string[];
    first: { answer: string }[];
  };
  expect(first).toEqual([{ answer: "yes" }, { answer: "yes" }]);
  expect(new Set([...by, ...later]).size).toBe(3);
  const kept = await settled(id);
  expect(kept.get("answer")).toMatchObject({ kind: "ask", state: "done" });
  expect(kept.get("answer~2")).toMatchObject({ kind: "ask", state: "done" });
  expect((await spentBelow(store.db, id)).people).toBe(3);
}, 60_000);

test("children, maps, time and saved rows; the same seed gives the same numbers", async () => {
  const run = async (id: string, seed = 7) =>
    flow.wait(await flow.start(parallel, {}, { id, seed }));
  const result = await run("parallel-a");
  expect(result).toMatchObject({
    a: 2,
    b: 4,
    squares: [1, 4, 9, 16],
    leaves: [10, 12],
    waited: true,
    saved: 64,
  });
  const kept = await settled("parallel-a");
  expect([...kept.keys()].filter((k) => !k.includes("~"))).toEqual(
    expect.arrayContaining(["leaf", "squares/3", "leaves/1/double", "a moment", "rows"]),
  );
  const { drawn } = result as { drawn: number[] };
  expect(new Set(drawn).size).toBe(3);
  expect(await run("parallel-b")).toMatchObject({ drawn }); // by the place in the experiment, not by its name
  expect(await run("parallel-c", 8)).not.toMatchObject({ drawn });
}, 60_000);

test("calls that a replay could not tell apart are refused", async () => {
  const fails = async (name: string) =>
    flow.wait(await flow.start(wrong[name]!, {}, { id: `wrong-${name}` }));
  await expect(fails("nested")).rejects.toThrow(/called in the body of wrong-nested\/outer/);
  await expect(fails("concurrent")).rejects.toThrow(
    /begins while .* under way.*no call of the flow/,
  );
  await expect(fails("second")).rejects.toThrow(/second call of the flow/);
}, 60_000);

test("a step is tried again as often as it says, and its error arrives whole", async () => {
  const id = await flow.start(wrong["throws"]!, {}, { id: "burns" });
  await expect(flow.wait(id)).rejects.toMatchObject({
    code: "burnt",
    message: "it burnt 3 times. Use less heat.",
  });
  expect(ran.get("burn")).toBe(3);
  expect((await getExperiment(store.db, id)).state).toBe("failed");
  expect((await settled(id)).get("burn")).toMatchObject({ state: "failed" });
}, 60_000);

test("simulated raters and models answer the same typed question; a replay answers from the record", async () => {
  const agents = { answer: { kind: "simulated", skill: 0.5 } } as const;
  const first = await flow.wait(
    await flow.start(asking, {}, { id: "by-simulated", agents, seed: 3 }),
  );
  const model = await flow.wait(
    await flow.start(
      asking,
      {},
      { id: "by-model", agents: { "*": { kind: "model", model: "oracle" } } },
    ),
  );
  expect(model).toMatchObject({ one: "yes", two: ["yes", "yes"], by: ["oracle", "oracle"] });
  await settled("by-simulated");
  const replay = await flow.wait(
    await flow.start(
      asking,
      {},
      { id: "by-replay", agents: { "*": { kind: "replay", experiment: "by-simulated" as never } } },
    ),
  );
  expect(replay).toEqual(first);
  // people and models both from a recording: nobody is asked, nothing is called
  const before = endpoint.asked.length;
  const recording = await flow.record("by-simulated");
  const recorded = await flow.start(asking, {}, { id: "by-recording", replay: recording });
  expect(await flow.wait(recorded)).toEqual(first);
  expect(endpoint.asked.length).toBe(before);
  const { two: _, ...part } = recording.results;
  const short = await flow.start(
    asking,
    {},
    { id: "by-part", replay: { ...recording, results: part } },
  );
  await expect(flow.wait(short)).rejects.toThrow("the recording has nothing at two");
}, 60_000);

test("a person sees a model's draft; another approves what a model answered", async () => {
  const draft = await flow.start(
    ask,
    { people: 1 },
    { id: "drafted", agents: { answer: { kind: "draft", model: "oracle" } } },
  );
  await expect
    .poll(() =>
      store.db.many(
        sql`select draft from task where batch like 'drafted/%'`,
        z.object({ draft: z.unknown() }),
      ),
    )
    .toEqual([{ draft: { answer: "yes" } }]);
  await Promise.all([
    flow.wait(draft),
    person("ann", { answers: 1 }),
    person("bob", { answers: 1 }),
  ]);

  const approved = flow.start(
    ask,
    { people: 1 },
    { id: "approved", agents: { answer: { kind: "approval", model: "oracle" } } },
  );
  const [result] = await Promise.all([
    approved.then((id) => flow.wait(id)),
    person("ann", { answers: 1 }),
    person("bob", { answers: 1 }),
  ]);
  expect(result).toMatchObject({ first: [{ answer: "yes" }] });
}, 60_000);

test("a budget holds for the subtree and says what was used", async () => {
  const agents = { "*": { kind: "simulated", skill: 1 } } as const;
  const run = async (id: string, budget: Record<string, unknown>) =>
    flow.wait(await flow.start(costly, { budget }, { id, agents }));
  // a call that could go over it is not sent
  const asked = endpoint.asked.length;
  await expect(run("tokens", { tokens: 1 })).rejects.toThrow(
    /a call of oracle could use \d+ tokens of the 1 left/,
  );
  await expect(run("money", { money: 1e-9 })).rejects.toThrow(/could use \$\S+ of the \$\S+ left/);
  expect(endpoint.asked.length).toBe(asked);
  const people = flow.start(costly, { budget: { people: 2 } }, { id: "few-people" });
  const failed = people.then((id) => flow.wait(id));
  await Promise.all([
    expect(failed).rejects.toThrow(/may use 2 people's answers and has used 1/),
    person("ann", { answers: 1 }),
  ]);
}, 60_000);

test("a fork keeps what does not follow from the changed node, and asks only the rest again", async () => {
  const agents = { answer: { kind: "simulated", skill: 0.5 } } as const;
  const id = await flow.start(asking, {}, { id: "forked", agents, seed: 5 });
  const first = (await flow.wait(id)) as { one: string };
  await settled(id);
  const { experiment } = await flow.fork({ node: `${id}/oracle`, output: "certainly", by: "ruth" });
  const result = await flow.wait(experiment);
  expect(result).toMatchObject({ one: first.one, reply: "certainly" });
  const kept = await store.db.many(
    sql`select substr(id, length(experiment) + 2) as path, cached from node where experiment = ${experiment} and kind in ('ask', 'model') order by place`,
    z.object({ path: z.string(), cached: z.boolean() }),
  );
  expect(kept.filter((k) => ["answer", "oracle"].includes(k.path))).toEqual([
    { path: "answer", cached: true },
    { path: "oracle", cached: true },
  ]);
  expect((await getExperiment(store.db, experiment)).origin).toMatchObject({
    kind: "fork",
    node: `${id}/oracle`,
    by: "ruth",
  });
}, 60_000);

test("an experiment under way goes on as another version, with the answers it has and the work people hold", async () => {
  const id = await flow.start(asking, {}, { id: "old-version" });
  await expect.poll(async () => (await nodes(id)).get("answer")?.state).toBe("waiting");
  const { experiment } = await flow.migrate({ experiment: id, to: "asking@2", by: "ruth" });
  await Promise.all([
    person("ann", { answers: 1 }),
    person("bob", { answers: 1 }),
    flow.wait(experiment),
  ]);
  expect(await flow.wait(experiment)).toMatchObject({ one: "yes", more: "yes" });
  const posted = await store.db.many(
    sql`select id from batch where id like 'old-version%' order by id`,
    z.object({ id: z.string() }),
  );
  expect(posted.map((p) => p.id)).toEqual([`old-version-asking-2/more`, "old-version/answer"]); // "one?" was asked once
  expect((await getExperiment(store.db, id)).state).toBe("cancelled");
}, 60_000);

test.each([
  ["a model call of the flow", "listening@1", {}],
  ["a model that answers for people", "ask@1", { "*": { kind: "model", model: "deaf" } }],
] as const)(
  "a cancel breaks off %s, and the experiment shows as cancelled",
  async (_, name, agents) => {
    const [asked, gone] = [deaf.asked.length, deaf.gone()];
    const input = name === "ask@1" ? { people: 1 } : {};
    const id = await flow.start(name, input, { id: `broken-off-${name}`, agents });
    await expect.poll(() => deaf.asked.length).toBe(asked + 1);
    await flow.cancel({ node: id, by: "ruth" });
    await expect(flow.wait(id)).rejects.toThrow(/cancelled/);
    await expect.poll(() => deaf.gone()).toBe(gone + 1);
    await new Promise((r) => setTimeout(r, 400)); // what the broken call might still write
    expect([...(await nodes(id)).values()].map((n) => n.state)).toEqual(["cancelled", "cancelled"]);
    expect(deaf.asked.length).toBe(asked + 1); // and it is not tried again
  },
);

test("a cancelled subtree ends, its open work with it", async () => {
  const id = await flow.start(costly, { budget: {} }, { id: "cancelled" });
  await expect.poll(async () => (await nodes(id)).get("asking/answer")?.state).toBe("waiting");
  await flow.cancel({ node: id, by: "ruth", reason: "a mistake" });
  await expect(flow.wait(id)).rejects.toThrow(/cancelled/);
  expect(await getExperiment(store.db, id)).toMatchObject({
    state: "cancelled",
    error: "cancelled by ruth: a mistake",
  });
  expect((await nodes(id)).get("asking/answer")?.state).toBe("cancelled");
  const open = await store.db.value(
    sql`select count(*)::int from batch where id like 'cancelled/%' and cancelled_at is null`,
    z.number(),
  );
  expect(open).toBe(0);
}, 60_000);

test("what does not fit is refused before it starts", async () => {
  await expect(flow.start(leaf, { n: "two" } as never)).rejects.toThrow(/does not fit leaf@1/);
  await expect(flow.start("nobody@1", {})).rejects.toThrow(/There are: ask@1, leaf@1/);
  expect(() => workflow("noversion", z.object({}), async () => 1)).toThrow(/Add the version/);
  expect(flow.workflows().find((w) => w.name === "leaf@1")).toMatchObject({
    title: "Leaf",
    input: { type: "object" },
  });
});
