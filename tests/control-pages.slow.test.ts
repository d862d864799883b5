/**
 * The control room and the people pages in a real browser under the real content policy: a lead sees trouble, moves
 * somebody with a preview and takes it back, pauses; an invited person joins; desktop and phone, light and dark.
 * TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { ExperimentId, LeaseId, PersonId, type Role, rng } from "@tiller/schema";
import {
  addRate,
  changeQueue,
  changeWorker,
  correctPay,
  postBatch,
  startJoining,
  submitAnswer,
  takeLease,
} from "@tiller/work";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let browser: Browser;
let address: string;

const person = (role: Role, id: string) =>
  ensurePerson(store.db, { id, name: `Name of ${id}`, pseudonym: id, role });

/** Seven raters of whom one is careless and one too fast, three queues, one of them late. */
async function furnish() {
  const random = rng(7, "control pages");
  const study = ExperimentId.parse("reading-study");
  const books = ExperimentId.parse("book-summaries");
  for (const [id, title] of [
    [study, "Reading study"],
    [books, "Book summaries"],
  ] as const)
    await createExperiment(store.db, {
      id,
      recipe: "r@1",
      title,
      seed: 1,
      config: {},
      stages: [],
    });
  const post = (id: string, experiment: typeof study, title: string, n: number) =>
    postBatch(store.db, {
      id,
      experiment,
      type: { ...comparison, name: id, title },
      people: 3,
      inputs: Array.from({ length: n }, (_, i) => ({
        id: `${i}`,
        input: {
          passage: `The ship lay still, for the ${i}th day.`,
          a: { text: " The men sang with hope.", sample: `${i}a` },
          b: { text: " The men despaired.", sample: `${i}b` },
        },
      })),
    });
  await post("comparison", study, "Which continuation is better?", 110);
  const names = [
    "rater-k3tz",
    "rater-8m1q",
    "rater-0f7c",
    "rater-x2aa",
    "rater-p94d",
    "rater-7h5e",
  ];
  const raters = await Promise.all(["rater-c0in", ...names].map((id) => person("rater", id)));
  for (const me of raters)
    for (let i = 0; i < 40; i++) {
      const lease = await takeLease(store.db, me.id, { swap: random.next() < 0.5 });
      if (!lease) break;
      const right = random.next() < (me.pseudonym === "rater-c0in" ? 0.35 : 0.94);
      const typical = me.pseudonym === "rater-p94d" ? 2 : 20 + 30 * random.next();
      await store.db.run(
        sql`update lease set created_at = created_at - interval '5 minutes' where id = ${lease.lease}`,
      );
      await submitAnswer(store.db, me.id, {
        lease: LeaseId.parse(lease.lease),
        value: { choice: right ? "a" : "b" },
        activeSeconds: typical,
        idleSeconds: Math.floor(8 * random.next()),
      });
    }
  await post("critique", study, "Criticise the summary", 90);
  await post("summary", books, "Summarise the chapter", 40);
  // a pace over the last two hours
  await store.db.run(
    sql`insert into queue_sample (kind, experiment, minute, done)
        select 'comparison', ${study}, date_trunc('minute', now()) - make_interval(mins => 120 - m), m * 9 / 4 + (m % 7) / 3 from generate_series(0, 119) m`,
  );
  const admin = await person("admin", "admin-1a2b");
  await person("lead", "lead-9z8y");
  const lead = PersonId.parse("lead-9z8y");
  await changeQueue(store.db, lead, {
    kind: "comparison",
    experiment: study,
    priority: 2,
    deadline: new Date(Date.now() + 1_200_000).toISOString(),
    why: "",
  });
  for (const id of names.slice(0, 3))
    await changeWorker(store.db, lead, PersonId.parse(id), {
      groups: ["evening"],
      languages: ["en", "de"],
      why: "",
    });
  await changeWorker(store.db, lead, PersonId.parse("rater-x2aa"), {
    paused: true,
    qualification: { name: "critic", level: 2 },
    why: "holiday until Monday",
  });
  const takers = names
    .slice(0, 4)
    .map((id) => takeLease(store.db, PersonId.parse(id), { swap: false }));
  await Promise.all(takers);
  await addRate(store.db, admin.id, {
    kind: null,
    per: "hour",
    amount: 2200,
    currency: "EUR",
    validFrom: new Date(Date.now() - 86_400_000).toISOString(),
  });
  await correctPay(store.db, admin.id, "rater-8m1q", {
    amount: 450,
    reason: "the page hung for a quarter of an hour",
  });
}

beforeAll(async () => {
  site = await openServer({ pages: true });
  ({ store, address } = site);
  await furnish();
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** What axe finds serious, and what the page itself complained about: the content policy above all. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = (await page.evaluate("axe.run()")) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return found.violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes[0]!.html}`);
}
const shots = process.env["TILLER_SCREENSHOTS"];
async function look(page: Page, name: string) {
  expect(await faults(page), name).toEqual([]);
  const wide = (await page.evaluate("document.documentElement.scrollWidth")) as number;
  expect(wide, name).toBeLessThanOrEqual(page.viewportSize()!.width);
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}
async function open(who: string, o: { width?: number; dark?: boolean } = {}) {
  const context = await browser.newContext({
    viewport: { width: o.width ?? 1280, height: 860 },
    colorScheme: o.dark ? "dark" : "light",
    locale: "en-GB",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  const complaints: string[] = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(e.message));
  const token = await issueToken(store.db, PersonId.parse(who), "link");
  await page.goto(`${address}/sign-in?token=${token}`);
  return { page, complaints, close: () => context.close() };
}

test("a lead sees trouble, moves somebody with a preview, takes it back, and pauses", async () => {
  const { page, complaints, close } = await open("lead-9z8y");
  await page.goto(`${address}/control`);
  await page.getByRole("heading", { name: "Queues" }).waitFor();
  const todo = page.locator("section", { hasText: "To do" }).first();
  await todo.getByText(/rater-c0in is careless: reliability \d+ % \(/).waitFor();
  await todo.getByText(/rater-p94d takes 2\.0 s an answer/).waitFor();
  await todo.getByText(/Add (one person|\d+ people)\./).waitFor();
  await look(page, "control-light");

  await todo.locator("li", { hasText: "rater-p94d" }).getByRole("button").click();
  await page.getByText("The quickest answers of rater-p94d").waitFor();
  await expect.poll(() => page.locator(".quick li").count()).toBe(12);
  await look(page, "control-answers");
  await page.getByRole("button", { name: "Close" }).click();

  const row = page.locator("tr", { hasText: "rater-7h5e" });
  await row.getByRole("button", { name: "Move" }).click();
  await page
    .getByLabel("Works on")
    .selectOption({ label: "Criticise the summary · Reading study" });
  await page.locator(".preview table").waitFor();
  await look(page, "control-move");
  await page.locator(".dialog").getByRole("button", { name: "Move" }).click();
  await row.getByText("only Criticise the summary").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("undone").waitFor();
  await expect.poll(() => row.getByText("only Criticise").count()).toBe(0);

  await row.getByRole("button", { name: "Pause" }).click();
  await row.getByText("paused: by hand").waitFor();
  await row.getByRole("button", { name: "Resume" }).click();
  await expect.poll(() => row.getByText("paused").count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
}, 120_000);

test("a lead gives a queue to somebody with a preview, writes a note, sets a quota and ends it", async () => {
  const { page, complaints, close } = await open("lead-9z8y");
  await page.goto(`${address}/control`);
  const queue = page.locator("tr", { hasText: "Summarise the chapter" });
  await queue.getByRole("button", { name: "Move people" }).click();
  await page.getByLabel("A queue goes to people").check();
  await page.getByRole("combobox", { name: "Goes to" }).selectOption({ label: "evening (3)" });
  await page.locator(".preview table").waitFor();
  await look(page, "control-move-queue");
  await page.locator(".dialog").getByRole("button", { name: "Move" }).click();
  await page.getByText("Summarise the chapter · Book summaries went to group evening").waitFor();
  // and from them to another person
  await queue.getByRole("button", { name: "Move people" }).click();
  await page.getByLabel("A queue goes to people").check();
  await page.getByLabel("Taken from").selectOption({ label: "evening (3)" });
  await page.getByRole("combobox", { name: "Goes to" }).selectOption({ label: "rater-7h5e" });
  await page.locator(".preview table").waitFor();
  await page.locator(".dialog").getByRole("button", { name: "Move" }).click();
  await page.getByText("went to rater-7h5e").waitFor();
  const roster = () =>
    store.db.many(
      sql`select coalesce(person, grp) as who, kind from roster`,
      z.object({ who: z.string(), kind: z.string() }),
    );
  expect(await roster()).toEqual([{ who: "rater-7h5e", kind: "summary" }]);

  await page
    .locator("tr", { hasText: "rater-8m1q" })
    .getByRole("button", { name: "Notes" })
    .click();
  await page.getByText("Nothing has been written yet.").waitFor();
  await page.getByLabel("About").fill("Hours");
  await page.getByLabel("Text").fill("Works best in the morning.");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".thread-messages").getByText("Works best in the morning.").waitFor();
  await look(page, "control-notes");
  await page.getByRole("button", { name: "Close", exact: true }).click();

  await page.goto(`${address}/people/work`);
  await page.getByRole("cell", { name: "Summarise the chapter · Book summaries" }).waitFor();
  await page.getByRole("button", { name: "Add a rule" }).click();
  await page.getByLabel("Tasks a day").fill("30");
  await page.getByLabel("Whom it holds").selectOption({ label: "group evening" });
  await look(page, "rule-form");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const rule = page.locator("li", { hasText: "30 tasks a day at most, for group evening" });
  await rule.waitFor();
  await page.getByRole("button", { name: "Add a rule" }).click();
  await page.getByLabel("What holds").selectOption("requires");
  await page
    .getByRole("combobox", { name: "For", exact: true })
    .selectOption({ label: "Criticise the summary" });
  await page.getByRole("textbox", { name: "Qualification" }).fill("critic");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("only for people with “critic”, level 1 or more").waitFor();
  await look(page, "work-light");
  await rule.getByRole("button", { name: "End the rule" }).click();
  await rule.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "End the rule" }).click();
  await page.getByText("No rules").waitFor();
  await page.locator("tr", { hasText: "rater-7h5e" }).getByRole("button", { name: "Move" }).click();
  await page.getByLabel("Works on").selectOption({ label: "Everything that is not reserved" });
  await page.locator(".dialog").getByRole("button", { name: "Move" }).click();
  await page.getByText("Nobody is set on anything").waitFor();
  expect(complaints).toEqual([]);
  await close();
}, 120_000);

test("a qualification is made, changed to a new version, and ended; a newcomer is admitted", async () => {
  const { page, complaints, close } = await open("lead-9z8y");
  await page.goto(`${address}/people/joining`);
  await page.getByRole("button", { name: "New qualification" }).click();
  await page.getByLabel("Name, lower-case").fill("reading");
  await page.getByLabel("Title").fill("Reading with care");
  await page.getByRole("button", { name: "Add an item" }).first().click();
  await look(page, "qualification-form");
  await page.getByRole("button", { name: "1. new" }).click();
  await page.getByRole("button", { name: "Save and use" }).click();
  await page.getByText("Training item 1 has no right answer yet").waitFor();
  await page.getByRole("button", { name: "Remove: Training items 1" }).click();
  await page.getByRole("button", { name: "Save and use" }).click();
  await page.locator(".badge", { hasText: "newcomers go through it" }).waitFor();
  await person("rater", "rater-new1");
  expect(await startJoining(store.db, PersonId.parse("rater-new1"))).toBe(true);
  await page.reload();
  await page.getByRole("button", { name: "New version of reading" }).click();
  await page.getByLabel("Known answers of the probation").fill("5");
  await page.getByRole("button", { name: "Save and use" }).click();
  await page.getByText("probation of 5 known answers").waitFor();
  await look(page, "joining-light");
  await page.getByRole("button", { name: "Admit" }).click();
  await page.getByLabel("Why, for the record").fill("worked here before");
  await page.locator(".dialog").getByRole("button", { name: "Admit" }).click();
  await expect.poll(() => page.getByRole("button", { name: "Admit" }).count()).toBe(0);
  await page.getByRole("button", { name: "End" }).click();
  await expect
    .poll(() => page.locator(".badge", { hasText: "newcomers go through it" }).count())
    .toBe(0);
  expect(complaints).toEqual([]);
  await close();
}, 120_000);

test("on a phone, in the dark", async () => {
  const { page, complaints, close } = await open("lead-9z8y", { width: 390, dark: true });
  await page.goto(`${address}/control`);
  await page.getByText(/rater-c0in is careless/).waitFor();
  await look(page, "control-phone-dark");
  await page.goto(`${address}/people`);
  await page.getByText("rater-k3tz").waitFor();
  await look(page, "roster-phone-dark");
  await page.goto(`${address}/people/work`);
  await page.getByRole("button", { name: "Add a rule" }).click();
  await look(page, "work-phone-dark");
  await page.goto(`${address}/people/joining`);
  await page.getByText("reading, version 2").waitFor();
  await look(page, "joining-phone-dark");
  expect(complaints).toEqual([]);
  await close();
}, 120_000);

test("people, pay and the audit log; an invitation becomes a rater at the desk", async () => {
  const { page, complaints, close } = await open("admin-1a2b", { dark: true });
  await page.goto(`${address}/control`);
  await page.getByText(/rater-c0in is careless/).waitFor();
  await look(page, "control-dark");
  await page.goto(`${address}/people/pay`);
  await page.getByText("Name of rater-8m1q").waitFor();
  await look(page, "pay-dark");
  await page.goto(`${address}/people/audit`);
  await page.getByText("pay.correction").waitFor();
  await look(page, "audit-dark");
  await page.goto(`${address}/people`);
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByLabel("Groups").fill("evening");
  await look(page, "invite-dark");
  await page.getByRole("button", { name: "Make the link" }).click();
  const link = (await page.locator(".once").textContent())!;
  await page.getByRole("button", { name: "Done" }).click();
  await look(page, "roster-dark");
  expect(complaints).toEqual([]);
  await close();

  const fresh = await browser.newContext({
    viewport: { width: 390, height: 844 },
    locale: "en-GB",
  });
  const invited = await fresh.newPage();
  await invited.goto(link);
  await invited.getByLabel("Your name").fill("Nora");
  await invited.getByLabel("Languages").fill("en");
  await invited.getByLabel("Name to sign in with").fill("nora@example.org");
  await invited.getByLabel("Password").fill("correct horse battery");
  await look(invited, "join-phone");
  await invited.getByRole("button", { name: "Join" }).click();
  await invited.waitForURL(`${address}/desk`);
  await invited.goto(`${address}/account`);
  await invited.getByText("this one").waitFor();
  await look(invited, "account-phone");
  await invited.getByRole("button", { name: "Sign out here" }).click();
  await invited.getByText("You are not signed in").waitFor();
  await look(invited, "sign-in-phone");
  await invited.getByLabel("Name or e-mail").fill("nora@example.org");
  await invited.getByLabel("Password").fill("correct horse battery");
  await invited.getByRole("button", { name: "Sign in" }).click();
  await invited.waitForURL(`${address}/desk`);
  await fresh.close();
}, 120_000);
