/** The studio's page of triggers in a real browser: empty, made by the form, fired, failed, paused, removed. */
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import {
  type FlowServer,
  listTriggers,
  startTriggers,
  type Triggers,
  workflow,
} from "@tiller/flow";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { saveDataset } from "@tiller/lab";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { chooseTheme } from "./browser/theme.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let flow: FlowServer;
let triggers: Triggers;
let browser: Browser;
let page: Page;
let address: string;
const study = workflow(
  "small-study@1",
  z.strictObject({ book: z.string().min(1) }),
  (f, { book }) => f.step("read", () => `read ${book}`),
  { title: "Small study" },
);
/** where pictures go, to be looked at: TILLER_SCREENSHOTS=folder */
const shots = process.env["TILLER_SCREENSHOTS"];
const shot = async (name: string) =>
  shots
    ? void (await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true }))
    : undefined;

beforeAll(async () => {
  site = await openServer({ workflows: [study], pages: true });
  ({ store, flow, address } = site);
  triggers = await startTriggers({ store, flow });
  browser = await launchBrowser();
  const ruth = { id: "ruth", name: "Ruth", pseudonym: "r-1", role: "researcher" } as const;
  const token = await issueToken(store.db, (await ensurePerson(store.db, ruth)).id, "link");
  page = await browser.newPage({ locale: "en-GB", viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(45_000);
  await page.goto(`${address}/sign-in?token=${token}`);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await triggers?.close();
  await site?.[Symbol.asyncDispose]();
});

const save = (row: string) =>
  saveDataset(store.db, site.home, { name: "books", experiment: null, rows: [row] });
const card = (name: string) => page.getByRole("listitem").filter({ hasText: name }).first();

test("an empty page says how to begin; the form makes a schedule and refuses what is wrong with a reason", async () => {
  await page.getByRole("link", { name: "Experiments", exact: true }).click();
  await page.getByRole("link", { name: "Triggers" }).click();
  await page.getByText("No triggers yet").waitFor();
  expect(await faults(page)).toEqual([]);
  await shot("triggers-empty");
  await page.getByRole("link", { name: "Make one" }).click();
  await page.getByLabel(/^Name of the trigger/).fill("weekly");
  await page.getByLabel(/^Minute, hour/).fill("every monday");
  await page.getByRole("button", { name: "Make the trigger" }).click();
  await page.getByText(/"every monday" is no schedule/).waitFor();
  expect(await faults(page)).toEqual([]);
  await shot("triggers-new");
  await page.getByLabel(/^Minute, hour/).fill("0 6 * * MON");
  await page.getByLabel(/^JSON that fits/).fill('{"pages": 3}');
  await page.getByRole("button", { name: "Make the trigger" }).click();
  await page.getByText(/does not fit small-study@1/).waitFor();
  await page.getByLabel(/^JSON that fits/).fill('{"book": "Moby Dick"}');
  await page.getByLabel("answers by people").fill("10");
  await page.getByRole("button", { name: "Make the trigger" }).click();
  await page.getByText("starts small-study@1 at 0 6 * * MON").waitFor();
  const [made] = await listTriggers(store.db);
  expect(made).toMatchObject({
    name: "weekly",
    workflow: "small-study@1",
    on: { schedule: "0 6 * * MON" },
    input: { book: "Moby Dick" },
    agents: { "*": { kind: "people" } },
    budget: { people: 10 },
  });
  expect(new Date(made!.nextAt!).getUTCDay()).toBe(1);
}, 120_000);

test("a new version starts an experiment, which is linked; a failing one says why; both on a phone and in the dark", async () => {
  await page.getByRole("link", { name: "New trigger" }).click();
  await page.getByLabel(/^Name of the trigger/).fill("fresh");
  await page.getByLabel("with a new version of a dataset").check();
  await page.getByLabel("Name of the dataset").fill("books");
  await page.getByRole("button", { name: "Make the trigger" }).click();
  await card("fresh").getByText("It has not fired yet.").waitFor();
  const version = await save("one");
  const started = card("fresh").getByRole("link", { name: /^fresh-[0-9a-f]{12}$/ });
  await started.waitFor();
  const id = (await started.textContent())!;
  expect(await flow.wait(id)).toBe(`read ${version}`);
  // as if its workflow had changed since: the experiment's input is refused
  await store.db.run(sql`update trigger set input = '{}' where name = 'fresh'`);
  await save("two");
  await card("fresh")
    .getByText(/started no experiment: .*does not fit small-study@1/)
    .waitFor();
  await card("fresh").getByText("failing", { exact: true }).waitFor();
  await shot("triggers");
  expect(await faults(page)).toEqual([]);
  await chooseTheme(page, "dark");
  expect(await faults(page)).toEqual([]);
  await shot("triggers-dark");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await shot("triggers-phone");
  await page.goto(`${address}/studio/triggers/new`);
  await page.getByText("Without a trigger").waitFor();
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  expect(await faults(page)).toEqual([]);
  await shot("triggers-new-phone");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${address}/studio/triggers`);
  await card("fresh")
    .getByRole("link", { name: `version ${version.slice(0, 12)}` })
    .click();
  await page.getByRole("heading", { name: "Dataset books" }).waitFor();
  await page.locator("article").getByText("one", { exact: true }).waitFor();
  await shot("dataset-rows");
  expect(await faults(page)).toEqual([]);
  await page.goto(`${address}/studio/triggers`);
  await started.click();
  await page.getByRole("tree").waitFor();
  expect(page.url()).toContain(`/studio/experiments/${id}/trace`);
}, 120_000);

test("a paused trigger starts nothing until it is resumed; removing one asks first", async () => {
  await page.goto(`${address}/studio/triggers`);
  await page.getByRole("button", { name: "Pause weekly" }).click();
  await card("weekly").getByText("not while it is paused").waitFor();
  await page.getByRole("button", { name: "Resume weekly" }).click();
  await page.getByRole("button", { name: "Pause weekly" }).waitFor();
  await page.getByRole("button", { name: "Pause fresh" }).click();
  await page.getByRole("button", { name: "Resume fresh" }).waitFor();
  await save("three");
  await triggers.sweep();
  const firings = async () =>
    (await listTriggers(store.db)).map((t) => [t.name, t.active, t.firings.length]);
  expect(await firings()).toEqual([
    ["fresh", false, 2],
    ["weekly", true, 0],
  ]);
  await page.getByRole("button", { name: "Remove fresh" }).click();
  const dialog = page.getByRole("dialog", { name: "Remove fresh" });
  await dialog.getByText("Experiments that it started go on").waitFor();
  expect(await faults(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Leave it" }).click();
  await page.getByRole("button", { name: "Remove fresh" }).click();
  await dialog.getByRole("button", { name: "Remove it" }).click();
  await expect.poll(firings).toEqual([["weekly", true, 0]]);
  await page.getByRole("button", { name: "Remove fresh" }).waitFor({ state: "detached" });
}, 120_000);
