/**
 * Other ways on from a node of an experiment, over HTTP with people at work: fork with a changed input, rewind, ask again,
 * cancel a part. Exact: which questions are put to people, which answers stand, what comes out.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FlowServer, opsOf, workflow } from "@tiller/flow";
import { answerTask } from "@tiller/flow/fixtures/tasks.ts";
import { PersonId } from "@tiller/schema";
import type { createApp } from "@tiller/server/app.ts";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { getExperiment } from "@tiller/lab";
import { setQualification, submitAnswer, takeLease } from "@tiller/work";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let flow: FlowServer;
let app: ReturnType<typeof createApp>;
let session: string;

const reads = (side: string) => [{ qualification: `reads ${side}`, level: 1 }];
const Part = z.strictObject({ about: z.string(), side: z.string().optional() });
const part = workflow("part@1", Part, async (f, { about, side }) => {
  const loud = await f.step("loud", () => about.toUpperCase());
  const requires = side ? reads(side) : [];
  const { value } = await f.ask(answerTask, { question: `${loud}?` }, { requires });
  return `${loud} ${value.answer}`;
});
/** Two questions beside each other, each for its own people, then one that depends on both, then a part of its own. */
const study = workflow("study@1", z.strictObject({ book: z.string() }), async (f, { book }) => {
  const passage = await f.step("sample", ({ rng }) => `${book} ${rng.int(1000)}`);
  const [left, right] = await Promise.all([
    f.ask(
      answerTask,
      { question: `${book} left?` },
      { people: 2, name: "left", requires: reads("left") },
    ),
    f.ask(answerTask, { question: `${book} right?` }, { name: "right", requires: reads("right") }),
  ]);
  const both = [...left.values, right.value].map((v) => v.answer);
  const last = await f.ask(answerTask, { question: `${both.join()}?` }, { name: "last" });
  return { passage, both, last: last.value.answer, part: await f.child(part, { about: book }) };
});
/** Two parts beside each other, each for its own people; the result is what came of each. */
const alike = workflow("alike@1", z.strictObject({}), async (f) => {
  const each = await Promise.allSettled([
    f.child(part, { about: "one", side: "left" }, { name: "one" }),
    f.child(part, { about: "two", side: "right" }, { name: "two" }),
  ]);
  return each.map((e) => (e.status === "fulfilled" ? e.value : "ended"));
});

beforeAll(async () => {
  site = await openServer({ workflows: [study, part, alike] });
  ({ store, flow, app } = site);
  const sides = { ann: "left", bob: "left", eve: "right" };
  for (const [id, side] of Object.entries(sides)) {
    await ensurePerson(store.db, { id, name: id, pseudonym: id, role: "rater" });
    const [{ qualification: name, level }] = reads(side) as [
      { qualification: string; level: number },
    ];
    const person = PersonId.parse(id);
    await setQualification(store.db, null, { person, name, level, why: "a test" });
  }
  const ruth = { id: "ruth", name: "Ruth", pseudonym: "r-1", role: "researcher" } as const;
  session = await issueToken(store.db, (await ensurePerson(store.db, ruth)).id, "session");
}, 60_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const Made = z.object({ experiment: z.string() });
const api = async (url: string, body: unknown): Promise<unknown> => {
  const headers = { authorization: `Bearer ${session}`, "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  return (await app.request(`/api/studio/experiments${url}`, init)).json();
};
const started = async (name: string, input: object) =>
  Made.parse(await api("", { workflow: name, input, seed: 4 })).experiment;
const branched = async (how: "fork" | "rewind" | "reask", node: string, more: object = {}) =>
  Made.parse(await api(`/${node.split("/")[0]}/${how}`, { node, ...more })).experiment;

/** Takes the one task that is there for this person, which asks `question`. */
async function take(who: string, question: string): Promise<(answer: string) => Promise<void>> {
  const id = PersonId.parse(who);
  const asked = async () =>
    z
      .object({ question: z.string() })
      .safeParse((await takeLease(store.db, id, { swap: false }))?.input).data?.question;
  await expect.poll(asked, { timeout: 20_000 }).toBe(question);
  const { lease } = (await takeLease(store.db, id, { swap: false }))!; // the same one, held already
  return async (answer) => {
    const time = { activeSeconds: 2, idleSeconds: 0 };
    await submitAnswer(store.db, id, { lease, value: { answer }, ...time });
  };
}
const say = async (who: string, question: string, answer: string) =>
  (await take(who, question))(answer);
/** The work that is still on the desks: batch, and answers of those wanted. */
const open = () =>
  store.db.many(
    sql`select id, done, wanted from batch where consumed_at is null and cancelled_at is null and done < wanted order by id`,
    z.object({ id: z.string(), done: z.number(), wanted: z.number() }),
  );
/** Nodes by their path below the experiment. */
const nodes = async (experiment: string) =>
  new Map((await opsOf(store.db, experiment)).map((o) => [o.id.slice(experiment.length + 1), o]));
/** The asks of an experiment that took over what was answered, by path. */
const keptAsks = (experiment: string) =>
  store.db.many(
    sql`select substr(id, length(experiment) + 2) as path, cached from node where experiment = ${experiment} and kind = 'ask' order by 1`,
    z.object({ path: z.string(), cached: z.boolean() }),
  );

test("a fork with a changed question asks it anew, keeps what was answered beside it, and goes on from there", async () => {
  const experiment = await started("study@1", { book: "Emma" });
  await say("ann", "Emma left?", "yes");
  await say("bob", "Emma left?", "no");
  await say("eve", "Emma right?", "yes");
  await say("ann", "yes,no,yes?", "no");
  await say("bob", "EMMA?", "yes");
  const first = (await flow.wait(experiment)) as { passage: string };
  expect(first).toEqual({
    passage: expect.stringMatching(/^Emma \d+$/),
    both: ["yes", "no", "yes"],
    last: "no",
    part: "EMMA yes",
  });

  const fork = await branched("fork", `${experiment}/left`, {
    input: { question: "Who is Emma?" },
  });
  await expect.poll(open).toEqual([{ id: `${fork}/left`, done: 0, wanted: 2 }]);
  await say("ann", "Who is Emma?", "no");
  await say("bob", "Who is Emma?", "no");
  await say("bob", "no,no,yes?", "yes"); // eve's yes stands; what follows is asked anew
  await say("ann", "EMMA?", "no");
  expect(await flow.wait(fork)).toEqual({
    passage: first.passage,
    both: ["no", "no", "yes"],
    last: "yes",
    part: "EMMA no",
  });
  expect(await keptAsks(fork)).toEqual([
    { path: "last", cached: false },
    { path: "left", cached: false },
    { path: "part/answer", cached: false },
    { path: "right", cached: true },
  ]);
  expect(await getExperiment(store.db, fork)).toMatchObject({
    origin: { kind: "fork", experiment, node: `${experiment}/left`, by: "r-1" },
  });
  expect(await flow.wait(experiment)).toEqual(first); // the old experiment is as it was

  // a part with another input: everything before it stands, nobody is asked but in it
  const other = await branched("fork", `${experiment}/part`, { input: { about: "Persuasion" } });
  await say("eve", "PERSUASION?", "yes");
  expect(await flow.wait(other)).toEqual({ ...first, part: "PERSUASION yes" });
  // the whole with another input: nothing stands
  const anew = await branched("fork", experiment, { input: { book: "Ulysses" } });
  await expect.poll(open).toEqual([
    { id: `${anew}/left`, done: 0, wanted: 2 },
    { id: `${anew}/right`, done: 0, wanted: 1 },
  ]);
  expect(await api(`/${anew}/cancel`, { node: anew })).toEqual({ ok: true });
  expect(await open()).toEqual([]);
  expect(await api(`/${experiment}/fork`, { node: experiment, input: { book: 1 } })).toMatchObject({
    code: "bad_input",
  });
}, 120_000);

test("after a rewind people go on with the work they hold", async () => {
  const experiment = await started("study@1", { book: "Moby" });
  await say("ann", "Moby left?", "yes");
  await say("eve", "Moby right?", "no");
  const held = await take("bob", "Moby left?");
  const again = await branched("rewind", `${experiment}/right`);
  expect(await getExperiment(store.db, experiment)).toMatchObject({
    state: "cancelled",
    error: "taken back by r-1",
  });
  await expect.poll(open).toEqual([
    { id: `${again}/right`, done: 0, wanted: 1 },
    { id: `${experiment}/left`, done: 1, wanted: 2 },
  ]);
  await say("eve", "Moby right?", "no");
  await expect.poll(async () => (await nodes(again)).get("right")?.state).toBe("done");
  const third = await branched("rewind", `${again}/right`); // and once more
  await expect.poll(open).toEqual([
    { id: `${third}/right`, done: 0, wanted: 1 },
    { id: `${experiment}/left`, done: 1, wanted: 2 },
  ]);
  await held("no"); // taken from the first experiment, it counts in the third
  await say("eve", "Moby right?", "yes");

  await say("ann", "yes,no,yes?", "yes");
  await say("bob", "MOBY?", "yes");
  expect(await flow.wait(third)).toMatchObject({
    both: ["yes", "no", "yes"],
    last: "yes",
    part: "MOBY yes",
  });
}, 120_000);

test("a question made of an answer that is taken back leaves the desks and is asked anew", async () => {
  const experiment = await started("study@1", { book: "Ahab" });
  await say("ann", "Ahab left?", "yes");
  await say("bob", "Ahab left?", "yes");
  await say("eve", "Ahab right?", "yes");
  await expect.poll(open).toEqual([{ id: `${experiment}/last`, done: 0, wanted: 1 }]);
  const back = await branched("rewind", `${experiment}/right`);
  await expect.poll(open).toEqual([{ id: `${back}/right`, done: 0, wanted: 1 }]);
  await say("eve", "Ahab right?", "no");
  await say("eve", "yes,yes,no?", "no");
  await say("bob", "AHAB?", "no");
  expect(await flow.wait(back)).toMatchObject({ both: ["yes", "yes", "no"], part: "AHAB no" });
  expect(await open()).toEqual([]);
}, 120_000);

test("asking again posts a new batch in a new experiment; the old experiment and its answers stay", async () => {
  const experiment = await started("study@1", { book: "Iliad" });
  await say("ann", "Iliad left?", "yes");
  await say("bob", "Iliad left?", "yes");
  await say("eve", "Iliad right?", "yes");
  await say("eve", "yes,yes,yes?", "yes");
  await say("eve", "ILIAD?", "yes");
  const first = await flow.wait(experiment);
  const again = await branched("reask", `${experiment}/last`);
  await expect.poll(open).toEqual([{ id: `${again}/last`, done: 0, wanted: 1 }]);
  await say("ann", "yes,yes,yes?", "no");
  await say("bob", "ILIAD?", "no");
  expect(await flow.wait(again)).toEqual({ ...(first as object), last: "no", part: "ILIAD no" });
  expect(await flow.wait(experiment)).toEqual(first);
  const batches = await store.db.many(
    sql`select id, done from batch where id like ${"%iliad%"} or id in (${`${experiment}/last`}, ${`${again}/last`}) order by created_at`,
    z.object({ id: z.string(), done: z.number() }),
  );
  expect(batches).toEqual([
    { id: `${experiment}/last`, done: 1 },
    { id: `${again}/last`, done: 1 },
  ]);
  expect(await api(`/${experiment}/reask`, { node: `${experiment}/sample` })).toMatchObject({
    code: "no_reask",
  });
}, 120_000);

test("a cancelled part leaves the desks and the rest of the experiment goes on", async () => {
  const experiment = await started("alike@1", {});
  await expect.poll(open).toEqual([
    { id: `${experiment}/one/answer`, done: 0, wanted: 1 },
    { id: `${experiment}/two/answer`, done: 0, wanted: 1 },
  ]);
  const held = await take("ann", "ONE?");
  expect(
    await api(`/${experiment}/cancel`, { node: `${experiment}/one`, reason: "one too many" }),
  ).toEqual({
    ok: true,
  });
  expect(await open()).toEqual([{ id: `${experiment}/two/answer`, done: 0, wanted: 1 }]);
  await held("yes"); // who was at it is not sent away: it is kept and paid, and nobody uses it
  await say("eve", "TWO?", "yes");
  expect(await flow.wait(experiment)).toEqual(["ended", "TWO yes"]);
  const at = await nodes(experiment);
  expect([at.get("one")?.state, at.get("one/answer")?.state]).toEqual(["cancelled", "cancelled"]);
  await expect
    .poll(
      async () => [...(await nodes(experiment)).values()].filter((n) => n.state === "done").length,
    )
    .toBe(5); // the root; of each part its step; of the second its answer and itself
}, 120_000);
