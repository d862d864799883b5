/**
 * The trace viewer in a real browser over an experiment of 3,000 steps: it opens, filters, is walked by keys, shows details,
 * takes comments; the exported file opens from disk with the network off and comes back.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensurePerson, issueToken, type Store } from "@tiller/store";
import { makeTree, storeTree } from "@tiller/flow/fixtures/tree.ts";
import { launchBrowser } from "./browser/launch.ts";
import { chooseTheme } from "./browser/theme.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const tree = makeTree({ experiment: "study-1", nodes: 3000, seed: 3 });
const other = makeTree({ experiment: "study-2", nodes: 300, seed: 4, ended: true });
let site: TestServer;
let store: Store;
let browser: Browser;
let signedIn: BrowserContext;
let address: string;
/** where pictures go, to be looked at: TILLER_SCREENSHOTS=folder */
const shots = process.env["TILLER_SCREENSHOTS"];
const shot = async (page: Page, name: string) =>
  shots ? void (await page.screenshot({ path: path.join(shots, `${name}.png`) })) : undefined;

beforeAll(async () => {
  site = await openServer({ pages: true });
  ({ store, address } = site);
  await storeTree(store, tree);
  await storeTree(store, other);
  browser = await launchBrowser();
  const ruth = await ensurePerson(store.db, {
    id: "ruth",
    name: "Ruth",
    pseudonym: "researcher-1",
    role: "researcher",
  });
  signedIn = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 800 } });
  const page = await signedIn.newPage();
  await page.goto(`${address}/sign-in?token=${await issueToken(store.db, ruth.id, "link")}`);
  await page.close();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

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
const opened = async (search = "", context = signedIn) => {
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  await page.goto(`${address}/studio/experiments/study-1/trace${search}`);
  await page.getByRole("tree").waitFor();
  return page;
};
const totals = (page: Page) => page.getByLabel("Totals of what is shown").textContent();
const activeName = (page: Page) =>
  page.locator('[role="treeitem"][aria-selected="true"] b').first().textContent();

test("opens folded to what matters, with the totals of all", async () => {
  const page = await opened();
  await expect.poll(() => totals(page)).toContain("3,000 steps");
  expect(await page.locator('[role="treeitem"]').count()).toBeLessThan(80); // virtualised
  const failed = page.locator('[role="treeitem"]', { hasText: "answered 503" }).first();
  expect(await failed.count()).toBe(1);
  await shot(page, "open");
  expect(await seriousFaults(page)).toEqual([]);
  await chooseTheme(page, "dark");
  expect(await seriousFaults(page)).toEqual([]);
  await shot(page, "dark");
  await chooseTheme(page, "light");
  await page.close();
}, 120_000);

test("is walked by keys alone; the address keeps the place", async () => {
  const page = await opened();
  await page.getByRole("tree").focus();
  await expect.poll(() => activeName(page)).toBe("study");
  await page.keyboard.press("ArrowDown");
  await expect.poll(() => activeName(page)).toBe("passage 1");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => activeName(page)).toBe("sample");
  await page.keyboard.type("cr");
  await expect.poll(() => activeName(page)).toBe("critic");
  await expect.poll(() => page.url()).toContain("node=study-1%2Fpassage+1%2Fcritic");
  await page.getByRole("heading", { name: "critic" }).waitFor();
  await page.locator("mark").first().waitFor(); // the prompt's filled parts
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => activeName(page)).toBe("passage 1");
  await page.keyboard.press("End");
  await expect.poll(() => activeName(page)).not.toBe("passage 1");
  const last = await activeName(page);
  await page.keyboard.press("Home");
  await expect.poll(() => activeName(page)).toBe("study");
  await page.keyboard.press("End");
  await expect.poll(() => activeName(page)).toBe(last);
  // the same address shows the same node again
  await page.goto(`${address}/studio/experiments/study-1/trace?node=study-1%2Fpassage+9%2Fcritic`);
  await expect.poll(() => activeName(page)).toBe("critic");
  await page.getByRole("heading", { name: "critic" }).waitFor();
  await page.locator("mark").first().waitFor();
  await shot(page, "detail");
  expect(await seriousFaults(page)).toEqual([]);
  await page.close();
}, 120_000);

test("filters by kind, state, agent and text, and adds up what is left", async () => {
  const page = await opened();
  await page.getByLabel("State").selectOption("failed");
  const failed = tree.nodes.filter((n) => n.state === "failed").length;
  await expect.poll(() => totals(page)).toContain(`${failed} of 3,000 steps`);
  await page.getByLabel("State").selectOption("");
  await page.getByLabel("Kind").selectOption("ask");
  const asks = tree.nodes.filter((n) => n.kind === "ask");
  const answers = asks.reduce((s, n) => s + n.answers, 0);
  await expect.poll(() => totals(page)).toContain(`answers ${answers.toLocaleString("en")}`);
  await page.getByLabel("Kind").selectOption("");
  // a text that only stands deep in one output
  const model = tree.nodes.find((n) => n.name === "critic" && String(n.output).length > 300)!;
  const deep = String(model.output).replaceAll("\n", " ").slice(150, 210);
  await page.getByRole("searchbox").fill(deep);
  await expect.poll(() => totals(page)).toMatch(/^[1-9] of 3,000 steps/);
  await shot(page, "filter");
  await page.getByRole("searchbox").fill("no such text anywhere");
  await page.getByText("No step matches").waitFor();
  await page.getByRole("button", { name: "Show all steps" }).click();
  await expect.poll(() => totals(page)).toContain("3,000 steps");
  await page.close();
}, 120_000);

test("shows who answered and what is waited for, takes a comment, sees a change live", async () => {
  const ask = tree.nodes.find((n) => n.kind === "ask" && n.state === "done")!;
  const page = await opened(`?node=${encodeURIComponent(ask.id)}`);
  await page.getByText("rater-1", { exact: true }).waitFor();
  await page.getByLabel("Say something about this step").fill("Two of three agree. Why?");
  await page.getByRole("button", { name: "Comment" }).click();
  await page.getByText("Two of three agree. Why?").waitFor();
  await page.getByText("researcher-1").first().waitFor();
  await shot(page, "people");
  const waiting = tree.nodes.find((n) => n.kind === "ask" && n.state === "waiting")!;
  await page.goto(
    `${address}/studio/experiments/study-1/trace?node=${encodeURIComponent(waiting.id)}`,
  );
  await page.getByText(/Waits for \d of 3 answers/).waitFor();
  await page.getByText("Nobody works on it at the moment.").waitFor();
  await store.pool.query(
    "update node set state = 'done', brief = 'came in just now', ended_at = now(), answers = 3, seq = nextval('node_seq') where id = $1",
    [waiting.id],
  );
  await page.locator('[role="treeitem"]', { hasText: "came in just now" }).waitFor();
  await page.close();
}, 120_000);

test("compares two experiments by the places of their steps", async () => {
  const page = await opened("?with=study-2&change=differs");
  await page.getByText(/with a changed output/).waitFor();
  await shot(page, "compare");
  await page.getByRole("button", { name: /with a changed output/ }).click();
  const sample = page.locator('[role="treeitem"]', { hasText: "sample" }).first();
  await sample.click();
  await page.getByText("What changed in the output").waitFor();
  await page.locator(".text-diff ins").first().waitFor();
  await shot(page, "changed");
  expect(await seriousFaults(page)).toEqual([]);
  await page.close();
}, 120_000);

test("a phone shows the tree, then the details as a page", async () => {
  const context = await browser.newContext({
    storageState: await signedIn.storageState(),
    viewport: { width: 390, height: 844 },
    locale: "en-GB",
  });
  const page = await opened("", context);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await shot(page, "phone-tree");
  expect(await seriousFaults(page)).toEqual([]);
  await page.locator('[role="treeitem"]', { hasText: "passage 2" }).first().click();
  await page.getByRole("heading", { name: "passage 2" }).waitFor();
  expect(await page.getByRole("tree").isVisible()).toBe(false);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await shot(page, "phone-detail");
  await page.getByRole("button", { name: "Back to the tree" }).click();
  await page.getByRole("tree").waitFor();
  await context.close();
}, 120_000);

test("the exported file opens from disk with the network off, and comes back into the studio", async () => {
  const remark = await signedIn.request.post(
    `${address}/api/studio/experiments/study-1/trace/comments`,
    {
      data: { node: tree.nodes[7]!.id, text: "Taken along with the file." },
      headers: { origin: address },
    },
  );
  expect(remark.ok()).toBe(true);
  const page = await opened();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export" }).click(),
  ]);
  const file = path.join(site.home, download.suggestedFilename());
  await download.saveAs(file);
  expect(file).toMatch(/study-1\.trace\.html$/);
  await page.close();

  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.setOffline(true);
  const asked: string[] = [];
  const offline = await context.newPage();
  offline.setDefaultTimeout(45_000);
  offline.on("request", (r) => asked.push(r.url()));
  const complaints: string[] = [];
  offline.on("pageerror", (e) => complaints.push(e.message));
  await offline.goto(pathToFileURL(file).href);
  await offline.getByRole("tree").waitFor();
  await expect.poll(() => totals(offline)).toContain("3,000 steps");
  const model = tree.nodes.filter((n) => n.name === "critic").at(-1)!;
  await offline.goto(`${pathToFileURL(file).href}#node=${encodeURIComponent(model.id)}`);
  await offline.reload();
  await offline.getByText(String(model.output).split("\n")[0]!.slice(0, 60)).first().waitFor();
  await offline.locator("mark").first().waitFor();
  await shot(offline, "offline");
  expect(await seriousFaults(offline)).toEqual([]);
  await offline.getByRole("searchbox").fill("Taken along with the file");
  await expect.poll(() => totals(offline)).toContain("1 of 3,000 steps");
  expect(asked.filter((u) => !u.startsWith("file:") && !u.startsWith("data:"))).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();

  const form = await signedIn.request.post(`${address}/api/studio/traces`, {
    data: readFileSync(file),
    headers: { "content-type": "application/octet-stream", origin: address },
  });
  expect(await form.json()).toEqual({ experiment: "study-1-import-1", nodes: 3000 });
  const back = await signedIn.newPage();
  await back.goto(`${address}/studio/experiments/study-1-import-1/trace`);
  await back.getByText("imported, read-only").waitFor();
  await back.close();
}, 180_000);
