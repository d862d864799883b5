/**
 * Experiments of a real workflow from the studio: started by its form, listed with what they wait for, and forked, rewound,
 * asked again and cancelled from their trace.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "@tiller/flow";
import { ExperimentProgress, type TraceNode, TracePage } from "@tiller/schema";
import { ensurePerson, issueToken, type Store } from "@tiller/store";
import { pairType } from "@tiller/work/fixtures/pair.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let browser: Browser;
let address: string;
let session: string;
let link: string;

const study = workflow(
  "small-study@1",
  z.strictObject({
    book: z.string().min(1).describe("what is read"),
    shout: z.boolean().default(false),
  }),
  async (f, { book, shout }) => {
    const passage = await f.step("sample", () => `A passage of ${book}.`);
    const loud = await f.step("loud", () => (shout ? passage.toUpperCase() : passage));
    const answers = await f.ask(
      pairType,
      { passage: loud, a: { text: "x", sample: "x" }, b: { text: "y", sample: "y" } },
      { people: 2, name: "better" },
    );
    return { loud, answers: answers.values.length };
  },
  { title: "Small study" },
);

beforeAll(async () => {
  site = await openServer({ workflows: [study], pages: true });
  ({ store, address } = site);
  browser = await launchBrowser();
  const ruth = await ensurePerson(store.db, {
    id: "ruth",
    name: "Ruth",
    pseudonym: "researcher-1",
    role: "researcher",
  });
  link = `${address}/sign-in?token=${await issueToken(store.db, ruth.id, "link")}`;
  session = await issueToken(store.db, ruth.id, "session");
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

const api = async (path: string, body?: unknown): Promise<unknown> => {
  const response = await fetch(`${address}/api/studio${path}`, {
    headers: { authorization: `Bearer ${session}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  return response.json();
};
const nodes = async (experiment: string): Promise<readonly TraceNode[]> =>
  TracePage.parse(await api(`/experiments/${experiment}/trace`)).nodes;
const progress = async (experiment: string): Promise<ExperimentProgress | undefined> =>
  z
    .array(ExperimentProgress)
    .parse(await api("/progress"))
    .find((r) => r.id === experiment);
/** The experiment's ask is on the desks. */
async function asked(experiment: string): Promise<void> {
  await expect
    .poll(async () => (await nodes(experiment)).find((n) => n.kind === "ask")?.state)
    .toBe("waiting");
}
const Made = z.object({ experiment: z.string() });
const started = async (input: object): Promise<string> =>
  Made.parse(await api("/experiments", { workflow: "small-study@1", input })).experiment;

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const seriousFaults = async (page: Page) => {
  await page.evaluate(axe);
  const found = (await page.evaluate("axe.run()")) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return found.violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes[0]!.html}`);
};
const shots = process.env["TILLER_SCREENSHOTS"];
const shot = async (page: Page, name: string) =>
  shots ? void (await page.screenshot({ path: path.join(shots, `${name}.png`) })) : undefined;

test("an experiment's row says how far it is, what it waits for and what helps", async () => {
  const experiment = await started({ book: "Moby Dick" });
  await asked(experiment);
  expect(await progress(experiment)).toMatchObject({
    recipe: "small-study@1",
    state: "running",
    total: 4,
    done: 2,
    waiting: 1,
    waits: [
      {
        node: `${experiment}/better`,
        what: "2 of 2 answers by people (comparison)",
        remedy: expect.stringContaining("Nobody works on it. 2 answers are free to take"),
      },
    ],
  });
  expect(await api("/experiments", { workflow: "small-study@1", input: {} })).toMatchObject({
    code: "bad_input",
  });
}, 60_000);

test("a fork with another output goes on from there; the old experiment stays", async () => {
  const experiment = await started({ book: "Emma" });
  await asked(experiment);
  const { experiment: fork } = Made.parse(
    await api(`/experiments/${experiment}/fork`, {
      node: `${experiment}/sample`,
      output: "Something else.",
    }),
  );
  await asked(fork);
  const ask = await api(
    `/experiments/${fork}/trace/node?id=${encodeURIComponent(`${fork}/better`)}`,
  );
  expect(ask).toMatchObject({ input: { passage: "Something else." } });
  expect((await nodes(experiment)).find((n) => n.kind === "ask")?.state).toBe("waiting");
  expect(
    await api(`/experiments/${experiment}/fork`, { node: "another/sample", output: 1 }),
  ).toMatchObject({ code: "not_found" });
}, 60_000);

test("an experiment is held and released over HTTP; what cannot be held says so", async () => {
  const experiment = await started({ book: "Holding" });
  await asked(experiment);
  expect(await api(`/experiments/${experiment}/release`, {})).toMatchObject({
    message: expect.stringContaining("nothing to release"),
  });
  expect(
    await api(`/experiments/${experiment}/hold`, { reason: "a mistake in the guide" }),
  ).toEqual({
    ok: true,
  });
  await expect.poll(async () => (await progress(experiment))?.state).toBe("held");
  expect((await progress(experiment))?.error).toMatch(/a mistake in the guide/);
  expect(await api(`/experiments/none/hold`, {})).toMatchObject({ code: "not_found" });
  expect(await api(`/experiments/${experiment}/release`, {})).toEqual({ ok: true });
  await expect.poll(async () => (await progress(experiment))?.state).toBe("running");
  await asked(experiment);
  // Prefect 7807: an experiment that is held can be cancelled, too
  expect(await api(`/experiments/${experiment}/hold`, {})).toEqual({ ok: true });
  await expect.poll(async () => (await progress(experiment))?.state).toBe("held");
  expect(await api(`/experiments/${experiment}/cancel`, { node: experiment })).toEqual({
    ok: true,
  });
  await expect.poll(async () => (await progress(experiment))?.state).toBe("cancelled");
}, 120_000);

test("an experiment is held and released on its row and on its trace, wide and narrow", async () => {
  const experiment = await started({ book: "Emma held" });
  await asked(experiment);
  for (const width of [1280, 390]) {
    const page = await browser.newPage({ locale: "en-GB", viewport: { width, height: 844 } });
    page.setDefaultTimeout(45_000);
    await page.goto(link);
    await page.goto(`${address}/studio/experiments`);
    const row = page.locator("li.experiment", { hasText: experiment });
    await row.getByRole("button", { name: "Hold" }).click();
    await row.getByRole("button", { name: "Release" }).waitFor();
    await row.getByText("So far").waitFor();
    await shot(page, `held-${width}`);
    expect(await seriousFaults(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    await page.goto(`${address}/studio/experiments/${experiment}/trace`);
    await page.getByRole("tree").waitFor();
    await page.getByRole("button", { name: "Release" }).waitFor();
    await shot(page, `held-trace-${width}`);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    await page.getByRole("button", { name: "Release" }).click();
    await page.getByRole("button", { name: "Hold" }).waitFor();
    await page.close();
  }
}, 180_000);

test("the form starts an experiment; the trace cancels it after saying what that does", async () => {
  const page = await browser.newPage({ locale: "en-GB", viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(45_000);
  await page.goto(link);
  await page.getByRole("link", { name: "Experiments", exact: true }).click();
  await page.getByText("Nobody works on it").first().waitFor();
  await shot(page, "experiments");
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole("link", { name: "Start an experiment" }).click();
  await page.getByRole("button", { name: "Start Small study" }).waitFor();
  expect(await page.getByText("It is needed.").count()).toBe(0); // before anything was touched
  await page.getByRole("button", { name: "Start Small study" }).click();
  await page.getByText("It is needed.").waitFor();
  await page.getByLabel(/^book/).fill("Persuasion");
  await page.getByLabel("answers by people").fill("10");
  await shot(page, "start");
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole("button", { name: "Start Small study" }).click();
  await page.getByRole("link", { name: "Trace" }).click();
  await page.getByRole("tree").waitFor();
  const experiment = /experiments\/([^/]+)\/trace/.exec(page.url())![1]!;
  await asked(experiment);
  expect((await progress(experiment))?.budget).toEqual({ people: 10 });
  await page.locator('[role="treeitem"]', { hasText: "better" }).first().click();
  await page.getByRole("button", { name: "Fork from here" }).click();
  await page.getByRole("dialog").getByLabel("its input").check();
  await page.getByRole("dialog").getByLabel("The input").fill("{ not json");
  await page.getByText(/This is not JSON/).waitFor();
  await shot(page, "fork");
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole("button", { name: "Leave it" }).click();
  await page.locator('[role="treeitem"]').first().click();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("dialog").getByText("The whole experiment ends.").waitFor();
  await page.getByRole("button", { name: "Cancel it" }).click();
  await page.getByText("Done.").waitFor();
  await expect.poll(async () => (await progress(experiment))?.state).toBe("cancelled");
  // an address from before
  await page.goto(`${address}/studio/runs?state=cancelled`);
  await page.waitForURL(`${address}/studio/experiments?state=cancelled`);
  await page
    .getByRole("status")
    .getByText(/^[1-9]\d* of \d+$/)
    .waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await page.close();
}, 120_000);
