/**
 * What a lead and a researcher see of rewards: what more labels of a project would buy, where they are ordered, and how good a
 * reward model is beside what is cheap, both worked out beside the server. Pages at two widths; TILLER_SCREENSHOTS=FOLDER keeps
 * what they looked like.
 */
import path from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createClient, type TillerClient } from "@tiller/client";
import { endRun, getCheckpoint, saveCheckpointRow, saveDataset, startRun } from "@tiller/lab";
import { loadModel, rewardJob } from "@tiller/learn";
import { context, runJob } from "@tiller/learn/fixtures/context.ts";
import { saveSmallModel, smallConfig } from "@tiller/learn/fixtures/small-model.ts";
import { CheckpointId, DatasetId, preferenceRows, rng, RunId } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let browser: Browser;
let lead: TillerClient;
const ITEMS = 64;
beforeAll(async () => {
  site = await openServer({ pages: true, chance: () => 0.999 });
  browser = await launchBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});
type Role = "lead" | "rater" | "researcher";
const personOf = (name: string, role: Role) =>
  ensurePerson(site.store.db, { id: name, name, pseudonym: name, role });
async function pageOf(name: string, role: Role): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(60_000);
  const me = await personOf(name, role);
  const token = await issueToken(site.store.db, me.id, "link");
  await page.goto(`${site.address}/sign-in?token=${token}`);
  return page;
}
const cardOf = (page: Page, title: string): Locator =>
  page.locator("section", { has: page.getByRole("heading", { name: title }) });
/** At both widths: nothing that axe finds, nothing wider than the page. */
async function looked(page: Page, shown: Readonly<Record<string, Locator>>): Promise<void> {
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await faults(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    const shots = process.env["TILLER_SCREENSHOTS"];
    for (const [name, card] of Object.entries(shown))
      if (shots) await card.screenshot({ path: path.join(shots, `${name}-${width}.png`) });
  }
}
const clientOf = async (name: string, role: Role) => {
  const me = await personOf(name, role);
  return createClient({
    baseURL: "http://tiller",
    token: await issueToken(site.store.db, me.id, "session"),
    fetch: async (to, init) => site.app.request(to instanceof Request ? to : to.toString(), init),
  });
};
/** The longer answer is the better in three of four. */
async function project(items: number): Promise<string> {
  const random = rng(1, "label forecast");
  const rows = Array.from({ length: items }, (_, i) => {
    const long = `Boil ${i + 1} cups of water and leave the rice in it for a quarter of an hour.`;
    const [a, b] = random.next() < 0.5 ? [long, "Boil it."] : ["Boil it.", long];
    return `How do I cook rice ${i}?,${a},${b}`;
  });
  const { file } = await lead.uploadItems({
    name: "pairs.csv",
    body: `prompt,a,b\n${rows.join("\n")}\n`,
  });
  const asked = { title: "Cooking", kind: "forced-comparison@1", file, people: 1 };
  return (await lead.createProject({ body: asked })).project;
}
const Text = z.object({ text: z.string() });
const Compared = z.object({ a: Text, b: Text });
async function answerAll(): Promise<void> {
  const ann = await clientOf("ann", "rater");
  const random = rng(2, "label forecast");
  for (;;) {
    const next = await ann.nextTask({ body: { holding: [] } });
    if (next.kind !== "task") return;
    const { lease, input } = next.lease;
    const { a, b } = Compared.parse(input);
    const longer = a.text.length > b.text.length ? "a" : "b";
    const choice = random.next() < 0.75 ? longer : longer === "a" ? "b" : "a";
    await ann.submitAnswer({
      body: { lease, value: { choice }, activeSeconds: 0, idleSeconds: 0 },
    });
  }
}

test("a forecast where further items are added: none with few answers, then words, a curve and intervals", async () => {
  lead = await clientOf("lead", "lead");
  const id = await project(ITEMS);
  expect(await lead.labelForecast({ id })).toEqual({
    state: "none",
    why: "There are 0 answers; a forecast needs 60 or more.",
  });
  await answerAll();
  expect(await lead.labelForecast({ id })).toEqual({ state: "working" });
  const page = await pageOf("lead", "lead");
  await page.goto(`${site.address}/projects/${id}`);
  const card = cardOf(page, "What more labels would buy");
  await card.getByText("in nine of ten cases").first().waitFor();
  const made = await lead.labelForecast({ id });
  if (made.state !== "made") throw new Error(`the forecast is ${made.state}`);
  const { accuracy, pairs } = made.forecast;
  expect([made.answers, pairs, accuracy.more.map((m) => m.pairs)]).toEqual([
    ITEMS,
    ITEMS,
    [2 * ITEMS, 4 * ITEMS],
  ]);
  expect(accuracy.now.at).toBeGreaterThan(0.6); // three of four say the longer one
  const said = await card.innerText();
  expect(said).toContain(`from the ${ITEMS} pairs that are decided`);
  const two = (x: number) => x.toFixed(2).replace(/^0/, "");
  for (const m of accuracy.more)
    expect(said).toContain(
      `${m.pairs}: ${two(m.at)}, and in nine of ten cases from ${two(m.low)} to ${two(m.high)}`,
    );
  await looked(page, { labels: card });
  // looked at again it is the same, and nothing is worked out anew
  expect(await lead.labelForecast({ id })).toEqual(made);
}, 120_000);

/** A base and a reward model as a workflow leaves them: a run over a dataset, and the checkpoint that it made. */
async function trained(): Promise<{ base: string; reward: string }> {
  const { db, home } = site.store;
  const dir = path.join(home, "small");
  await saveSmallModel(dir, smallConfig({ layers: 1, positions: 32 }));
  const { id } = await loadModel(dir);
  const base = CheckpointId.parse(id);
  const about = { run: null, parent: null, metrics: {} };
  await saveCheckpointRow(db, { ...about, id: base, name: "small", role: "lm", path: dir });
  const random = rng(3, "reward pages");
  const rows = Array.from({ length: 320 }, (_, i) => {
    const sea = ` The ${random.choose(["whale", "ship", "harpoon"])} of day ${i} at sea.`;
    const bank = ` The ${random.choose(["tariff", "bank", "treasury"])} of day ${i}.`;
    const [chosen, rejected] = random.next() < 0.8 ? [sea, bank] : [bank, sea];
    return { prompt: `Day ${i}:`, chosen, rejected };
  });
  const schema = preferenceRows.name;
  const pairs = DatasetId.parse(
    await saveDataset(db, home, { name: "days", experiment: null, rows, schema }),
  );
  const config = { epochs: 3, batch: 16, lr: 3e-3, validation: 0.4 };
  const input = { config, base, pairs, maxTokens: 32, seed: 7 };
  const { job } = context(path.join(home, "reward"), { [pairs]: rows });
  const made = await runJob(rewardJob, input, { ...job, checkpoint: () => dir });
  const run = RunId.parse("days.reward");
  await startRun(db, {
    id: run,
    experiment: null,
    kind: rewardJob.kind,
    config: input,
    codeRevision: "test",
    inputs: [{ kind: "dataset", id: pairs }],
    metrics: {},
  });
  const row = { name: "days", role: "reward", path: job.out, run, parent: base };
  await saveCheckpointRow(db, { ...row, id: made.checkpoint, metrics: made.metrics });
  await endRun(db, run, { state: "done", output: made.checkpoint });
  return { base, reward: made.checkpoint };
}

test("a reward model's page: its table of the very pairs that training kept back, its calibration, the forecast", async () => {
  const { base, reward } = await trained();
  const ruth = await clientOf("ruth", "researcher");
  expect(await ruth.rewardReport({ id: base })).toEqual({
    state: "none",
    why: "It is no reward model: it is a lm.",
  });
  const page = await pageOf("ruth", "researcher");
  await page.goto(`${site.address}/studio/checkpoints/${reward}`);
  const card = cardOf(page, "How good it is");
  await card.getByRole("cell", { name: "A bag of words" }).waitFor();
  const made = await ruth.rewardReport({ id: reward });
  if (made.state !== "made") throw new Error(`the report is ${made.state}`);
  const { table, pairs, forecast } = made.report;
  const { metrics } = await getCheckpoint(site.store.db, reward);
  // the same pairs as training held out: what it measured on them itself, it says again
  expect(table).toMatchObject({ n: 128, ties: 0 });
  expect(table!.accuracy).toBeCloseTo(metrics["validationAccuracy"]!, 10);
  expect(table!.accuracy).toBeGreaterThan(0.65);
  expect(table!.baselines.bagOfWords).toBeGreaterThan(0.65);
  expect(table!.calibration.scale).toBe(metrics["scale"]);
  expect(pairs).toBe(metrics["pairs"]);
  expect(forecast).toMatchObject({ pairs: 320, accuracy: { check: { from: 80 } } });
  const two = (x: number) => x.toFixed(2).replace(/^0/, "");
  expect(await card.innerText()).toContain(`it names the better text in ${two(table!.accuracy)}`);
  await looked(page, {
    reward: card,
    calibration: cardOf(page, "Is it as sure as it is right?"),
    forecast: cardOf(page, "What more labels would buy"),
  });
}, 120_000);
