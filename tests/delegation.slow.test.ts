/** A live delegation rule through HTTP: it raises and lowers what a task wants as answers come, and the overlap stays exact. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import {
  Backtest,
  ExperimentId,
  NextReply,
  PersonId,
  DelegationRule,
  StoredDelegationRule,
} from "@tiller/schema";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { postBatch } from "@tiller/work";

import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let app: TestServer["app"];
let address: string;
const sessions = new Map<string, string>();
beforeAll(async () => {
  site = await openServer({ pages: true });
  ({ store, app, address } = site);
  for (const [id, role] of [
    ["ruth", "researcher"],
    ...Array.from({ length: 8 }, (_, i) => [`p${i}`, "rater"]),
  ] as const) {
    const me = await ensurePerson(store.db, {
      id,
      name: id,
      pseudonym: id,
      role: role as "rater",
      simulated: true,
    });
    sessions.set(id, await issueToken(store.db, me.id, "session"));
  }
}, 60_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});
const call = async <T>(
  who: string,
  url: string,
  body: unknown,
  schema: z.ZodType<T>,
): Promise<T> => {
  const reply = await app.request(`/api/${url}`, {
    method: "POST",
    headers: { authorization: `Bearer ${sessions.get(who)}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const got: unknown = await reply.json();
  if (reply.status !== 200) throw new Error(JSON.stringify(got));
  return schema.parse(got);
};
const post = (id: string, tasks: number, people: number) =>
  postBatch(store.db, {
    id,
    experiment: ExperimentId.parse("e"),
    type: comparison,
    simulated: true,
    people,
    inputs: Array.from({ length: tasks }, (_, i) => ({
      id: `${i}`,
      input: { passage: `${i}`, a: { text: "x", sample: "1" }, b: { text: "y", sample: "2" } },
    })),
  });
const next = (who: string) => call(who, "desk/next", {}, NextReply);
const work = async (who: string, choice: (passage: string) => string) => {
  const n = await next(who);
  if (n.kind === "empty") return undefined;
  const { passage } = z.object({ passage: z.string() }).parse(n.lease.input);
  const value = { choice: choice(passage) };
  await call(
    who,
    "desk/answers",
    { lease: n.lease.lease, value, activeSeconds: 1, idleSeconds: 0 },
    z.unknown(),
  );
  return n.lease.task;
};
const state = (batch: string) =>
  store.db.many(
    sql`select t.place - 1 as place, t.people, t.taken, b.done, b.wanted from task t join batch b on b.id = t.batch where b.id = ${batch} order by place`,
    z.object({
      place: z.number(),
      people: z.number(),
      taken: z.number(),
      done: z.number(),
      wanted: z.number(),
    }),
  );

test("tried on the past, then live: sure tasks want fewer, split ones more, a researcher gets the rest", async () => {
  await createExperiment(store.db, {
    id: "e",
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  const body = DelegationRule.parse({
    title: "Two, more where they split",
    kind: "comparison",
    rules: [
      { when: [{ signal: "answers", is: "below", value: 2 }], act: "ask" },
      { when: [{ signal: "split", is: "below", value: 0.3 }], act: "stop" },
      { when: [{ signal: "answers", is: "at least", value: 4 }], act: "review" },
      { when: [], act: "ask" },
    ],
    most: 4,
  });
  const saved = await call("ruth", "work/policies", { name: "split", body }, StoredDelegationRule); // its former path
  expect(saved).toMatchObject({ version: 1, state: "draft" });
  const version = { name: "split", version: 1 };
  await expect(
    call("ruth", "work/delegation-rules/state", { ...version, state: "live" }, z.unknown()),
  ).rejects.toThrow(/not tried/);
  await expect(call("ruth", "work/delegation-rules/backtest", version, Backtest)).rejects.toThrow(
    /there are 0 answers/,
  );

  await post("e/past", 6, 3);
  for (const who of ["p0", "p1", "p2"]) while (await work(who, () => "a"));
  const tried = await call("ruth", "work/delegation-rules/backtest", version, Backtest);
  expect(tried).toMatchObject({ tasks: 6, recorded: 12 }); // one of three held out
  expect(tried.fired[0]!.times).toBe(12);
  await call("ruth", "work/delegation-rules/state", { ...version, state: "live" }, z.unknown());
  await new Promise((r) => setTimeout(r, 2100)); // servers look every two seconds

  // passage 0: all say a; passage 1: two and two
  await post("e/live", 2, 3);
  const says = (who: number) => (passage: string) => (passage === "1" && who % 2 ? "b" : "a");
  for (let who = 0; who < 8; who++) while (await work(`p${who}`, says(who)));
  expect(await state("e/live")).toEqual([
    { place: 0, people: 2, taken: 2, done: 6, wanted: 6 },
    { place: 1, people: 4, taken: 4, done: 6, wanted: 6 },
  ]);
  const asked = await next("ruth");
  expect(asked.kind === "task" && asked.lease.task).toBe("measuring/twin/e/live/1");
}, 60_000);

test("many at once under a rule: never a place too many", async () => {
  await post("e/many", 20, 3);
  await Promise.all(
    Array.from({ length: 8 }, async (_, who) => {
      while (await work(`p${who}`, (passage) => (Number(passage) % 3 && who % 2 ? "b" : "a")));
    }),
  );
  // whoever saw an empty desk too early comes once more: an answer may have asked for another since
  for (let who = 0; who < 8; who++) while (await work(`p${who}`, () => "a"));
  const rows = await store.db.many(
    sql`select t.people, t.taken, count(a.id)::int as answers, b.done, b.wanted from task t join batch b on b.id = t.batch
        left join answer a on a.task = t.id and a.undone_at is null where b.id = 'e/many' group by t.id, b.id`,
    z.object({
      people: z.number(),
      taken: z.number(),
      answers: z.number(),
      done: z.number(),
      wanted: z.number(),
    }),
  );
  for (const r of rows) {
    expect([r.taken, r.answers]).toEqual([r.people, r.people]);
    expect(r.answers).toBeGreaterThanOrEqual(2);
    expect(r.answers).toBeLessThanOrEqual(4);
  }
  const total = rows.reduce((sum, r) => sum + r.answers, 0);
  expect([rows[0]!.done, rows[0]!.wanted]).toEqual([total, total]);
}, 60_000);

test("the page shows the rules in words and what they would have done, at both widths", async () => {
  const browser = await launchBrowser();
  try {
    const link = await issueToken(store.db, PersonId.parse("ruth"), "link");
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale: "en-GB" });
    page.setDefaultTimeout(45_000);
    await page.goto(`${address}/sign-in?token=${link}`);
    await page.goto(`${address}/policies`);
    await page.getByText("Two, more where they split").waitFor();
    await page.getByText("12 times: ask one more when answers so far below 2").waitFor();
    await page.getByRole("button", { name: "Take as a draft" }).nth(1).click();
    await page.getByText("adaptive-comparison, version 1").waitFor();
    await page.getByRole("button", { name: "Try on past answers", exact: true }).click();
    await expect.poll(() => page.getByText("To a researcher").count()).toBe(2);
    const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    await page.evaluate(axe);
    const found = (await page.evaluate("axe.run()")) as {
      violations: { id: string; impact: string }[];
    };
    expect(found.violations.filter((v) => ["serious", "critical"].includes(v.impact))).toEqual([]);
    const shots = process.env["TILLER_SCREENSHOTS"];
    if (shots) await page.screenshot({ path: `${shots}/delegation.png`, fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    if (shots) await page.screenshot({ path: `${shots}/delegation-phone.png`, fullPage: true });
  } finally {
    await browser.close();
  }
}, 120_000);
