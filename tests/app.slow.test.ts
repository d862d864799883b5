/**
 * The real server in this process on the real database: a person compares pairs in a real browser and the answers
 * reach the dataset with task version, rater and seconds; the unmodified OpenAI client talks to a served model.
 */
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { type FlowServer, workflow } from "@tiller/flow";
import { loadCheckpoint } from "@tiller/lm";
import { CheckpointId, ExperimentId, metric } from "@tiller/schema";
import { addMetrics, saveCheckpointRow, startRun } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { judgmentsOf } from "@tiller/work";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const base = fileURLToPath(new URL("../models/base", import.meta.url));
let site: TestServer;
let store: Store;
let flow: FlowServer;
let browser: Browser;
let address: string;

const pairs = Array.from({ length: 5 }, (_, i) => ({
  id: `${i}`,
  input: {
    passage: `The ship lay still, for the ${i}th day.`,
    a: { text: ` A ${i}: hope and joy.`, sample: `${i}a` },
    b: { text: ` B ${i}: gloom and death.`, sample: `${i}b` },
  },
}));
const study = workflow(
  "desk-test@1",
  z.strictObject({}),
  async (f) => {
    const answers = await f.stage("people", () =>
      f.askAll("pairs", comparison, pairs, { people: 1, stage: "people" }),
    );
    const rows = answers.map((x) => ({
      task: x.task,
      passage: x.input.passage,
      a: x.input.a.text,
      b: x.input.b.text,
      pB: x.answers[0]!.value.choice === "b" ? 1 : 0,
      judgments: x.answers.map((a) => a.answer!),
    }));
    await f.dataset("pairs", rows);
    return { judgments: rows.flatMap((r) => r.judgments).length };
  },
  { title: "Desk test", stages: [{ name: "people", title: "People" }] },
);

beforeAll(async () => {
  site = await openServer({ workflows: [study], pages: true });
  ({ store, flow, address } = site);
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

const link = async (id: string, role: "rater" | "researcher") => {
  const me = await ensurePerson(store.db, { id, name: id, pseudonym: id, role });
  return `${address}/sign-in?token=${await issueToken(store.db, me.id, "link")}`;
};
test("a person's comparisons through the browser reach the dataset", async () => {
  const id = ExperimentId.parse("desk-test");
  await flow.start(study, {}, { id, seed: 1 });
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, locale: "en-GB" });
  await page.goto(await link("mary", "rater"));
  await page.getByTestId("passage").waitFor();
  expect(page.url()).toBe(`${address}/desk`);
  expect(await faults(page)).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);

  const shown = () => page.getByTestId("passage").textContent();
  const first = await shown();
  await page.keyboard.press("1");
  await expect.poll(shown).not.toBe(first);
  await page.keyboard.press("u"); // the answer comes back
  await expect.poll(shown).toBe(first);

  await page.keyboard.press("s"); // skipped with a reason: it goes to somebody else
  await page.getByRole("dialog").getByText("I cannot decide").click();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("button", { name: "Skip the task" }).click();
  await expect.poll(shown).not.toBe(first);

  // every other pair: the side that says hope, wherever it stands
  for (let i = 1; i < pairs.length; i++) {
    const before = await shown();
    const left = await page.locator(".choice").first().textContent();
    await page.keyboard.press(left!.includes("hope") ? "1" : "2");
    if (i < pairs.length - 1) await expect.poll(shown).not.toBe(before);
  }
  await page.getByText("All caught up").waitFor();
  await page.close();

  const john = await browser.newPage({ locale: "en-GB" });
  await john.goto(await link("john", "rater"));
  await expect.poll(() => john.getByTestId("passage").textContent()).toBe(first);
  await john.getByRole("button", { name: "No difference" }).click();
  expect(await flow.wait(id)).toEqual({ judgments: 5 });
  await john.close();

  const judgments = await judgmentsOf(store.db, { experiment: id });
  expect(judgments.map((j) => [j.person, j.choice, j.typeVersion])).toEqual([
    ["john", "tie", comparison.version],
    ...Array.from({ length: 4 }, () => ["mary", "a", comparison.version]),
  ]);
  expect(Math.min(...judgments.map((j) => j.activeSeconds))).toBeGreaterThan(0);
  expect(await store.db.value(sql`select judgments from dataset`, z.number())).toBe(5);
}, 60_000);

test("the studio shows the experiment and who judged", async () => {
  const page = await browser.newPage({ locale: "en-GB" });
  page.setDefaultTimeout(45_000);
  await page.goto(await link("ruth", "researcher"));
  await page.getByRole("link", { name: "Desk test", exact: true }).click();
  await page.getByRole("heading", { name: "Progress" }).waitFor();
  await page.getByRole("cell", { name: "mary" }).waitFor();
  expect(await faults(page)).toEqual([]);
  await page.close();
}, 30_000);

test("curves are drawn where the browser's language is no language tag, and the page stands without them", async () => {
  await startRun(store.db, {
    id: "desk-test/reward",
    experiment: ExperimentId.parse("desk-test"),
    kind: "reward",
    config: {},
    inputs: [],
    metrics: { loss: metric("training", "Loss"), accuracy: metric("training", "Accuracy") },
    codeRevision: "test",
  });
  const points = [1, 2, 3].map((step) => ({ step, values: { loss: 1 / step, accuracy: 0.5 } }));
  await addMetrics(store.db, "desk-test/reward", points);
  const context = await browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  const thrown: string[] = [];
  page.on("pageerror", (e) => thrown.push(e.message));
  await page.addInitScript(
    `Object.defineProperty(Navigator.prototype, "language", { get: () => "en-US@posix", configurable: true });`,
  );
  await page.goto(await link("ruth", "researcher"));
  await page.goto(`${address}/studio/experiments/desk-test`);
  const chart = page.getByRole("img", { name: "Loss by step" });
  await chart.locator("canvas").waitFor();
  expect(await page.evaluate("navigator.language")).toBe("en-US@posix");
  // the chart's code does not arrive
  const other = await context.newPage();
  await other.route(/uPlot.*\.js/i, (r) => r.abort());
  await other.goto(`${address}/studio/experiments/desk-test`);
  await other.getByText("The curve cannot be drawn here").first().waitFor();
  await other.getByText("training 0.3333").waitFor();
  expect(await faults(other)).toEqual([]);
  expect(thrown).toEqual([]);
  await context.close();
}, 60_000);

test("a rater may not look into the studio; nonsense is refused with a reason", async () => {
  const session = await issueToken(
    store.db,
    (await ensurePerson(store.db, { id: "mary", name: "", pseudonym: "", role: "rater" })).id,
    "session",
  );
  const headers = { authorization: `Bearer ${session}` };
  expect((await fetch(`${address}/api/studio/experiments`, { headers })).status).toBe(403);
  expect((await fetch(`${address}/api/studio/experiments`)).status).toBe(401);
  const foreign = { cookie: `tiller_session=${session}`, origin: "null" };
  const crossed = await fetch(`${address}/api/desk/next`, { method: "POST", headers: foreign });
  expect(crossed.status).toBe(403);
  const bad = await fetch(`${address}/api/desk/answers`, { method: "POST", headers, body: "{}" });
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({ code: "bad_request" });
}, 60_000);

test("the unmodified openai client lists, completes and streams", async () => {
  const { meta } = await loadCheckpoint(base);
  const row = {
    name: "base",
    role: "lm",
    path: base,
    run: null,
    parent: null,
    metrics: {},
  } as const;
  await saveCheckpointRow(store.db, { ...row, id: CheckpointId.parse(meta.id) });
  const person = await ensurePerson(store.db, {
    id: "api",
    name: "api",
    pseudonym: "api",
    role: "researcher",
  });
  const client = new OpenAI({
    apiKey: await issueToken(store.db, person.id, "key"),
    baseURL: `${address}/v1`,
  });
  expect((await client.models.list()).data.map((m) => m.id)).toEqual(["base"]);
  const ask = { model: "base", prompt: "The whale", max_tokens: 12, seed: 7 };
  const whole = await client.completions.create(ask);
  expect(whole.system_fingerprint).toBe(meta.id);
  expect(whole.choices[0]!.text.length).toBeGreaterThan(5);
  let streamed = "";
  for await (const chunk of await client.completions.create({ ...ask, stream: true }))
    streamed += chunk.choices[0]!.text;
  expect(streamed).toBe(whole.choices[0]!.text); // the same seed, the same text
  await expect(client.completions.create({ ...ask, model: "nobody" })).rejects.toThrow(
    "The model nobody does not exist. There are: base.",
  );
  const messages = [{ role: "user" as const, content: "Where is the whale?" }];
  const talk = await client.chat.completions.create({ model: "base", messages, max_tokens: 8 });
  expect(talk.choices[0]!.message.content!.length).toBeGreaterThan(3);
  const wrong = new OpenAI({ apiKey: "sk-wrong", baseURL: `${address}/v1`, maxRetries: 0 });
  await expect(wrong.models.list()).rejects.toThrow("unknown API key");
}, 60_000);
