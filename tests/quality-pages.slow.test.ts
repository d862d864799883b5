/**
 * The quality pages in a real browser: agreement with its matrix, a person, disagreements and their settling, gold,
 * disputes. axe finds nothing; a phone needs no sideways scroll; light and dark.
 * TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { gradedComparison } from "@tiller/crowd";
import { ExperimentId, LeaseId, OpenThread, type PersonId, rng, type Role } from "@tiller/schema";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, sql, type Store } from "@tiller/store";
import { openThread, pickBlindDuplicate, postBatch, saveGold, submitAnswer } from "@tiller/work";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let browser: Browser;
let address: string;
const TASKS = 60;
const raters = ["rater-k3tz", "rater-8m1q", "rater-0f7c", "rater-x2aa", "rater-c0in"];

const person = (id: string, role: Role = "rater") =>
  ensurePerson(store.db, { id, name: `Name of ${id}`, pseudonym: id, role });
async function give(who: PersonId, task: string, degree: number, swap: boolean) {
  const lease = LeaseId.parse(`${task} ${who}`);
  await store.db.run(
    sql`insert into lease (id, task, person, swap, expires_at, created_at) values (${lease}, ${task}, ${who}, ${swap}, now() + interval '1 hour', now() - interval '1 hour')`,
  );
  const choice = degree < 5 ? "a" : "b";
  return submitAnswer(store.db, who, {
    lease,
    value: { choice, confidence: degree },
    activeSeconds: 20 + degree,
    idleSeconds: 0,
  });
}

/** Four good raters and one who guesses; a researcher's blind answers; a gold item, feedback, a dispute. */
async function furnish() {
  const random = rng(3, "quality pages");
  const experiment = ExperimentId.parse("reading");
  const row = { recipe: "r@1", title: "Reading", seed: 1, config: {}, stages: [] };
  await createExperiment(store.db, { id: experiment, ...row });
  const input = gradedComparison.samples[0]!;
  await postBatch(store.db, {
    id: "reading/pairs",
    experiment,
    type: gradedComparison,
    people: raters.length,
    inputs: Array.from({ length: TASKS }, (_, i) => ({ id: `${i}`, input })),
  });
  const people = await Promise.all(raters.map((id) => person(id)));
  const staff = await person("researcher-9z8y", "researcher");
  await person("lead-1a2b", "lead");
  const truth = Array.from({ length: TASKS }, () => random.next() < 0.5);
  const graded = (b: boolean) => (b ? 6 + random.int(4) : 1 + random.int(4));
  for (const [i, b] of truth.entries())
    await Promise.all(
      people.map(({ id, pseudonym }) => {
        const right = random.next() < (pseudonym === "rater-c0in" ? 0.5 : 0.88);
        return give(id, `reading/pairs/${i}`, graded(right === b), random.next() < 0.5);
      }),
    );
  let duplicate = await pickBlindDuplicate(store.db, staff.id);
  for (; duplicate; duplicate = await pickBlindDuplicate(store.db, staff.id))
    await give(staff.id, duplicate, graded(truth[Number(duplicate.split("/").at(-1))]!), false);
  await saveGold(store.db, staff.id, {
    type: gradedComparison.name,
    input,
    expected: { choice: "a" },
    tolerance: 0,
    reason: "The second leaves out why she went.",
  });
  const { id: me } = people[0]!;
  const opened = (o: object) => OpenThread.parse(o);
  await openThread(
    store.db,
    staff,
    opened({ kind: "feedback", about: me, title: "Long texts", text: "Read to the end, please." }),
  );
  const answer = await store.db.one(
    sql`select id from answer where person = ${me} order by at limit 1`,
    z.object({ id: z.string() }),
  );
  await openThread(
    store.db,
    people[0]!,
    opened({
      kind: "dispute",
      answer: answer.id,
      title: "I stand by it",
      text: "The first says why she went, in its last line.",
    }),
  );
}

beforeAll(async () => {
  site = await openServer({ pages: true });
  ({ store, address } = site);
  await furnish();
  browser = await launchBrowser();
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

const shots = process.env["TILLER_SCREENSHOTS"];
async function look(page: Page, name: string) {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
  expect(await faults(page), name).toEqual([]);
  const wide = (await page.evaluate("document.documentElement.scrollWidth")) as number;
  expect(wide, name).toBeLessThanOrEqual(page.viewportSize()!.width);
}

test.each([
  { width: 1280, dark: false },
  { width: 390, dark: true },
])(
  "agreement, a person, disagreements, gold and threads: %o",
  async ({ width, dark }) => {
    const name = (page: string) =>
      `quality-${page}-${width < 500 ? "phone" : "desktop"}${dark ? "-dark" : ""}`;
    const context = await browser.newContext({
      viewport: { width, height: 860 },
      colorScheme: dark ? "dark" : "light",
      locale: "en-GB",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    const complaints: string[] = [];
    page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
    page.on("pageerror", (e) => complaints.push(e.message));
    const token = await issueToken(store.db, (await person("lead-1a2b", "lead")).id, "link");
    await page.goto(`${address}/sign-in?token=${token}`);

    await page.goto(`${address}/quality`);
    await page.getByText("With the newest answers").waitFor();
    await page.getByRole("link", { name: "rater-c0in" }).first().waitFor();
    await look(page, name("agreement"));
    // whose answers these are stands above them, and others can be chosen: nobody answered before 2001
    const whose = page.locator(".population");
    const all = (await whose.locator("summary").textContent())!;
    expect(all).toMatch(/^About people at the desk here: [\d,]+ answers$/);
    await whose.locator("summary").click();
    await page.getByLabel("Before").fill("2001-01-01");
    await page.getByText("No answers here").waitFor();
    expect(await whose.locator("summary").textContent()).toMatch(
      /^About people at the desk here: 0 answers · [\d,]+ others are not counted$/,
    );
    await look(page, name("population"));
    await page.getByRole("button", { name: "Reset" }).click();
    await page.getByRole("link", { name: "rater-c0in" }).first().waitFor();
    expect(await whose.locator("summary").textContent()).toBe(all);
    // a cell of the matrix opens what the two disagreed on
    await page.getByRole("button", { name: /^rater-k3tz and rater-c0in: \d+ % of 60/ }).click();
    await page.getByRole("dialog").locator(".disagreement").first().waitFor();
    await look(page, name("pair"));
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });

    await page.goto(`${address}/quality/raters/rater-k3tz`);
    await page.getByText("What their confidence is worth").waitFor();
    await page.getByText("Long texts").waitFor();
    await look(page, name("person"));

    await page.goto(`${address}/quality/disagreements`);
    await page.getByRole("button", { name: "Settle it" }).first().click();
    await page.getByLabel("Why, in words").waitFor();
    await look(page, name("disagreements"));

    await page.goto(`${address}/quality/gold`);
    await page.getByText("The second leaves out why she went.").first().waitFor();
    await look(page, name("gold"));

    await page.goto(`${address}/quality/threads`);
    await page.getByText("I stand by it").waitFor();
    await look(page, name("threads"));
    expect(complaints).toEqual([]);
    await context.close();
  },
  120_000,
);

test("by keys alone: what is settled leaves the list, and its reason reaches the rater", async () => {
  const context = await browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  const sign = async (id: string, role: Role) =>
    page.goto(
      `${address}/sign-in?token=${await issueToken(store.db, (await person(id, role)).id, "link")}`,
    );
  await sign("researcher-9z8y", "researcher");
  await page.goto(`${address}/quality/disagreements`);
  const open = page.getByRole("button", { name: "Settle it" });
  await open.first().focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("The right answer").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.type("The other one invents a journey.");
  await page.keyboard.press("Tab"); // gold or not
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByLabel("The right answer").waitFor({ state: "detached" });
  const decided = await store.db.one(
    sql`select task, value->>'choice' as choice from decision`,
    z.object({ task: z.string(), choice: z.string() }),
  );
  const wrong = await store.db.one(
    sql`select person from answer where task = ${decided.task} and value->>'choice' <> ${decided.choice} limit 1`,
    z.object({ person: z.string() }),
  );
  await context.clearCookies();
  await sign(wrong.person, "rater");
  await page.goto(`${address}/feedback`);
  await page.getByText("The other one invents a journey.").waitFor();
  expect(await faults(page)).toEqual([]);
  await context.close();
}, 120_000);
