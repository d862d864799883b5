/**
 * The quality API on the real database, worked out in its real thread: what was put in comes out, with intervals; raters
 * are kept out; a decision makes gold; a rater disputes it.
 */
import type { Hono } from "hono";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  DeskFeedback,
  Disagreement,
  ExperimentId,
  Gold,
  LeaseId,
  LiveQuality,
  Measured,
  Populations,
  QualityReport,
  RaterReport,
  rng,
  type Role,
  Thread,
} from "@tiller/schema";
import type { Env } from "@tiller/server/context.ts";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { pickBlindDuplicate, postBatch, submitAnswer } from "@tiller/work";
import { z } from "zod";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let app: Hono<Env>;
const TASKS = 150;
/** r0 to r3 are good, r4 guesses, r5 always takes the left. */
const raters = ["r0", "r1", "r2", "r3", "r4", "r5"];

const person = (id: string, role: Role = "rater") =>
  ensurePerson(store.db, { id, name: `Name ${id}`, pseudonym: `alias-${id}`, role });
async function give(who: string, task: string, choice: string, swap: boolean) {
  const lease = LeaseId.parse(`${task} ${who}`);
  await store.db.run(
    sql`insert into lease (id, task, person, swap, expires_at) values (${lease}, ${task}, ${who}, ${swap}, now() + interval '1 hour')`,
  );
  const { id } = await person(who);
  return submitAnswer(store.db, id, {
    lease,
    value: { choice },
    activeSeconds: 0.001,
    idleSeconds: 0,
  });
}
const call = async <T>(
  role: Role,
  id: string,
  method: string,
  url: string,
  schema: z.ZodType<T>,
  body?: unknown,
) => {
  const token = await issueToken(store.db, (await person(id, role)).id, "session");
  const reply = await app.request(url, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json: unknown = await reply.json();
  if (!reply.ok) throw new Error(JSON.stringify(json));
  return schema.parse(json);
};
const which = "type=comparison&field=choice";

beforeAll(async () => {
  site = await openServer();
  ({ store, app } = site);
  const experiment = ExperimentId.parse("e");
  await createExperiment(store.db, {
    id: "e",
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  await postBatch(store.db, {
    id: "e/b",
    experiment,
    type: comparison,
    people: 6,
    inputs: Array.from({ length: TASKS }, (_, i) => ({
      id: `${i}`,
      input: {
        passage: "p",
        a: { text: "short", sample: "1" },
        b: { text: "rather longer", sample: "2" },
      },
    })),
  });
  const random = rng(1, "quality api");
  for (const id of [...raters, "s"]) await person(id, id === "s" ? "researcher" : "rater");
  const truth = Array.from({ length: TASKS }, () => random.choose(["a", "b"]));
  for (const [i, right] of truth.entries())
    await Promise.all(
      raters.map((r) => {
        const swap = random.next() < 0.5;
        const good = random.next() < 0.9 ? right : right === "a" ? "b" : "a";
        const said =
          r === "r5" ? (swap ? "b" : "a") : r === "r4" ? random.choose(["a", "b"]) : good;
        return give(r, `e/b/${i}`, said, swap);
      }),
    );
  const researcher = (await person("s", "researcher")).id;
  for (
    let task = await pickBlindDuplicate(store.db, researcher);
    task;
    task = await pickBlindDuplicate(store.db, researcher)
  )
    await give("s", task, truth[Number(task.split("/").at(-1))]!, false);
}, 240_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

test("the report finds who is good, who guesses and who takes the left, with intervals", async () => {
  const fields = await call("researcher", "s", "GET", "/api/quality/fields", z.array(Measured));
  expect(fields.find((f) => f.type === "comparison")).toMatchObject({
    field: "choice",
    scale: "nominal",
  });
  const report = await call("lead", "l", "GET", `/api/quality/report?${which}`, QualityReport);
  expect(report.raters.tasks).toBe(TASKS);
  const of = (id: string) => report.people.find((p) => p.person === id)!;
  expect(of("r0").pseudonym).toBe("alias-r0");
  for (const r of ["r0", "r1", "r2", "r3"]) expect(of(r).reliability.low).toBeGreaterThan(0.75);
  expect(of("r4").reliability.high).toBeLessThan(0.75);
  expect(of("r4").weight).toBeLessThan(of("r0").weight);
  expect(of("r5").left!.low).toBeGreaterThan(0.95);
  expect(of("r0").left!.low).toBeLessThan(0.5);
  // the researcher's blind copies count as their originals
  expect(report.researchers.tasks).toBeGreaterThan(5);
  expect(of("r0").researchers.n).toBe(report.researchers.tasks);
  expect(of("r0").researchers.at!).toBeGreaterThan(0.7);
  expect(report.matrix.find((p) => p.first === "r0" && p.second === "r1")!.n).toBe(TASKS);
  expect(report.byVersion.map((v) => v.name)).toEqual(["1"]);
  expect(report.overTime.length).toBeGreaterThan(3);
  const rater = await call("lead", "l", "GET", `/api/quality/raters/r4?${which}`, RaterReport);
  expect(rater.summary.person).toBe("r4");
  expect(rater.calibration.threshold.kind).toBe("not enough data");
});

test("reliabilities and posteriors move with each answer, and back when it is taken back", async () => {
  const look = () => call("lead", "l", "GET", `/api/quality/live?${which}`, LiveQuality);
  const before = await look();
  expect(before.answers).toBe(TASKS * raters.length);
  const of = (l: LiveQuality, id: string) => l.people.find((p) => p.person === id)?.reliability;
  expect(of(before, "r0")!.low).toBeGreaterThan(0.75);
  expect(of(before, "r4")!.high).toBeLessThan(0.75);
  expect(before.people.some((p) => p.person === "s")).toBe(false);
  // near the report's, which is worked out from scratch by the method that fits best
  const report = await call("lead", "l", "GET", `/api/quality/report?${which}`, QualityReport);
  for (const p of report.people.filter((x) => x.role === "rater"))
    expect(Math.abs(of(before, p.person)!.at! - p.reliability.at!)).toBeLessThan(0.1);
  // somebody new contradicts the others on one task
  const { posterior } = before.latest[0]!;
  const best = posterior.reduce((x, y) => (y.p > x.p ? y : x)).label;
  const task = before.latest[0]!.task;
  await store.db.run(
    sql`update task set people = people + 1, taken = taken + 1 where id = ${task}`,
  );
  await person("r9");
  const given = await give("r9", task, best === "a" ? "b" : "a", false);
  const after = await look();
  expect(after.answers).toBe(before.answers + 1);
  expect(after.latest[0]).toMatchObject({ task, answers: raters.length + 1 });
  // six who are known outweigh one who is not: the task stands, and the newcomer is doubted, within a wide interval
  expect(after.latest[0]!.posterior.find((x) => x.label === best)!.p).toBeGreaterThan(0.5);
  expect(of(after, "r9")).toMatchObject({ n: 1 });
  expect(of(after, "r9")!.at!).toBeLessThan(0.5);
  expect(of(after, "r9")!.high! - of(after, "r9")!.low!).toBeGreaterThan(0.5);
  await store.db.run(sql`update answer set undone_at = now() where id = ${given.answer}`);
  const back = await look();
  expect(back.answers).toBe(before.answers);
  expect(of(back, "r9")).toBeUndefined();
  await expect(
    call("lead", "l", "GET", "/api/quality/live?type=comparison&field=nothing", LiveQuality),
  ).rejects.toThrow("no closed question");
});

test("disagreements are one call away: of two people, and the queue; a decision leaves the queue and becomes gold", async () => {
  const list = z.array(Disagreement);
  const two = await call(
    "lead",
    "l",
    "GET",
    `/api/quality/disagreements?${which}&first=r0&second=r5`,
    list,
  );
  expect(two.length).toBe(20);
  for (const d of two) {
    const of = (p: string) => d.said.find((x) => x.person === p)!.value as { choice: string };
    expect(of("r0").choice).not.toBe(of("r5").choice);
  }
  const [first] = await call("researcher", "s", "GET", `/api/quality/disagreements?${which}`, list);
  const choice =
    (first!.said.find((x) => x.person === "r0")!.value as { choice: string }).choice === "a"
      ? "b"
      : "a";
  const body = { task: first!.task, value: { choice }, reason: "the last sentence", gold: true };
  const settled = await call(
    "researcher",
    "s",
    "POST",
    "/api/quality/decisions",
    Disagreement,
    body,
  );
  expect(settled.decision).toMatchObject({ value: { choice }, by: "alias-s" });
  const left = await call("researcher", "s", "GET", `/api/quality/disagreements?${which}`, list);
  expect(left.map((d) => d.task)).not.toContain(first!.task);
  const gold = await call("lead", "l", "GET", "/api/quality/gold", z.array(Gold));
  expect(gold).toMatchObject([{ sourceTask: first!.task, expected: { choice }, active: true }]);

  // the rater sees it, and disputes
  const seen = await call("rater", "r0", "GET", "/api/desk/feedback", DeskFeedback);
  expect(seen.settled).toMatchObject([{ decided: { choice }, reason: "the last sentence" }]);
  const dispute = { answer: seen.settled[0]!.answer, title: "I see it otherwise", text: "why" };
  const opened = await call("rater", "r0", "POST", "/api/desk/feedback", Thread, dispute);
  const listed = await call(
    "lead",
    "l",
    "GET",
    "/api/quality/threads?states=open",
    z.array(Thread),
  );
  expect(listed.map((t) => t.id)).toContain(opened.id);
  const act = { action: "decline", text: "the last sentence says it" };
  expect(
    (await call("lead", "l", "POST", `/api/quality/threads/${opened.id}`, Thread, act)).state,
  ).toBe("declined");
  await expect(
    call("rater", "r1", "POST", `/api/desk/feedback/${opened.id}`, Thread, { action: "reopen" }),
  ).rejects.toThrow(/no thread/);
});

test("weights are stored with the answers, and no answer goes", async () => {
  const count = () =>
    store.db.value(sql`select count(*)::int from answer where undone_at is null`, z.number());
  const before = await count();
  const body = { type: "comparison", field: "choice" };
  const { changed } = await call(
    "lead",
    "l",
    "POST",
    "/api/quality/weights",
    z.object({ changed: z.number() }),
    body,
  );
  expect(changed).toBeGreaterThan(TASKS);
  expect(await count()).toBe(before);
  const of = (who: string) =>
    store.db.value(sql`select min(weight) from answer where person = ${who}`, z.number());
  expect(await of("r4")).toBeLessThan(await of("r0"));
  expect(await of("r4")).toBeGreaterThan(0);
});

test("an unknown field is an error with a remedy; raters get nothing of it", async () => {
  await expect(
    call("lead", "l", "GET", "/api/quality/report?type=comparison&field=colour", QualityReport),
  ).rejects.toThrow(/no field colour that can be compared. See GET/);
  await expect(
    call("rater", "r0", "GET", `/api/quality/report?${which}`, QualityReport),
  ).rejects.toThrow(/not_allowed/);
});

test("an import changes no figure of one's own people; every report names its population, and others can be chosen", async () => {
  const get = (more: string) =>
    call("lead", "l", "GET", `/api/quality/report?${which}&fresh=1${more}`, QualityReport);
  const own = await get("");
  expect(own.population).toMatchObject({ source: "people", answers: own.answers, elsewhere: 0 });
  // 40 answers of one imported person each, most of them left out of order, with a typo for a class; and a simulated rater's
  await store.db.run(
    sql`insert into experiment (id, recipe, title, state, seed, config) values ('set', 'import@1', 'a public set', 'done', 0, '{}')`,
  );
  await store.db.run(
    sql`insert into batch (id, experiment, wanted) values ('set/b', 'set', 0), ('e/sim', 'e', 0)`,
  );
  await store.db.run(
    sql`insert into person (id, name, pseudonym, role, imported, simulated) values ('imported:x', 'x', 'x', 'rater', true, false), ('robot', 'robot', 'robot', 'rater', false, true)`,
  );
  const { version } = comparison;
  const add = async (batch: string, person: string, i: number, choice: string, at: string) => {
    const [task, input] = [
      `${batch}/${i}`,
      JSON.stringify({ passage: "p", a: { text: "s" }, b: { text: "l" } }),
    ];
    await store.db.run(
      sql`insert into task (id, batch, place, type, type_version, input, people) values (${task}, ${batch}, ${i}, 'comparison', ${version}, ${input}::jsonb, 1)`,
    );
    await store.db.run(
      sql`insert into lease (id, task, person, swap, state, expires_at) values (${task}, ${task}, ${person}, false, 'answered', now())`,
    );
    await store.db
      .run(sql`insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds, at)
      values (${task}, ${task}, ${task}, ${person}, ${JSON.stringify({ choice })}::jsonb, false, 1, 0, ${at}::timestamptz)`);
  };
  for (let i = 0; i < 40; i++)
    await add("set/b", "imported:x", i, i === 7 ? "left" : "a", "2020-01-01T00:00:00Z");
  for (let i = 0; i < 5; i++) await add("e/sim", "robot", i, "b", "2021-01-01T00:00:00Z");

  const after = await get("");
  const still = (r: QualityReport) => ({ ...r, computedAt: 0, seconds: 0, population: 0 });
  expect(still(after)).toEqual(still(own));
  expect(after.population).toMatchObject({ source: "people", elsewhere: 45 });

  const populations = await call(
    "lead",
    "l",
    "GET",
    `/api/quality/populations?${which}`,
    Populations,
  );
  expect(populations.sources.map((s) => [s.id, s.answers])).toEqual([
    ["people", own.answers],
    ["import:set", 40],
    ["simulated", 5],
  ]);
  expect(populations.experiments.find((e) => e.id === "set")!.title).toBe("a public set");
  const imported = await get("&source=import:set");
  expect(imported).toMatchObject({
    answers: 40,
    population: { source: "import:set", title: "import a public set", elsewhere: own.answers + 5 },
  });
  expect(imported.people.map((p) => p.pseudonym)).toEqual(["x"]);
  expect(await get("&source=simulated")).toMatchObject({ answers: 5 });
  expect(await get("&source=all")).toMatchObject({
    answers: own.answers + 45,
    population: { elsewhere: 0 },
  });
  expect(await get("&source=all&experiment=e&until=2021-06-01T00:00:00Z")).toMatchObject({
    answers: 5,
  });
  expect(await get("&since=2022-01-01T00:00:00Z")).toMatchObject({ answers: own.answers });
  expect(await get("&version=none")).toMatchObject({
    answers: 0,
    population: { elsewhere: own.answers + 45 },
  });
  await expect(get("&source=import:other")).rejects.toThrow(
    "no import other has answers to choice of comparison",
  );
  await expect(get("&source=everybody")).rejects.toThrow("source is");
  const live = await call("lead", "l", "GET", `/api/quality/live?${which}`, LiveQuality);
  expect(live.people.map((p) => p.person)).not.toContain("robot");
  expect(live.population.source).toBe("people");
  const simulated = await call(
    "lead",
    "l",
    "GET",
    `/api/quality/live?${which}&source=simulated`,
    LiveQuality,
  );
  expect(simulated).toMatchObject({ answers: 5 });
}, 60_000);
