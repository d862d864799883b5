/**
 * A newcomer's way in, through the real server and a real browser: invitation, consent, training with the researchers'
 * choice and reason, the test, probation on hidden gold, levels; pausing by rule with its interval; leaving.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GOLD_FRACTION } from "@tiller/crowd";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { ExperimentId, type PersonId, QualificationType } from "@tiller/schema";
import {
  addRule,
  admit,
  invite,
  join,
  joiningOf,
  listJoining,
  listWorkers,
  postBatch,
  saveGold,
  saveQualificationType,
  whyNothing,
} from "@tiller/work";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, type Store } from "@tiller/store";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
let store: Store;
let browser: Browser;
let address: string;
let lead: PersonId;

const pair = (n: number) => ({
  passage: `The ship lay still, for the ${n}th day.`,
  a: { text: ` A ${n}: hope and joy.`, sample: `${n}a` },
  b: { text: ` B ${n}: gloom and death.`, sample: `${n}b` },
});
const type = QualificationType.parse({
  title: "Reading with care",
  kind: "comparison",
  consent: "You compare continuations of passages. **You may leave at any time.**",
  training: [
    {
      input: pair(101),
      expected: { choice: "a" },
      reason: "Hope and joy are more positive than gloom.",
    },
    {
      input: pair(102),
      expected: { choice: "b" },
      reason: "Here the researchers were in a dark mood.",
    },
  ],
  screening: [1, 2, 3].map((n) => ({ input: pair(200 + n), expected: { choice: "a" } })),
  bar: 0.66,
  probation: { gold: 3, bar: 0.6 },
  qualification: "reading",
});

beforeAll(async () => {
  // every draw says gold
  site = await openServer({ pages: true, chance: () => GOLD_FRACTION / 2 });
  ({ store, address } = site);
  browser = await launchBrowser();
  const { db } = store;
  lead = (await ensurePerson(db, { id: "lead", name: "Lead", pseudonym: "lead", role: "lead" })).id;
  const experiment = ExperimentId.parse("e");
  await createExperiment(db, {
    id: "e",
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  const inputs = Array.from({ length: 60 }, (_, i) => ({ id: `${i}`, input: pair(i) }));
  await postBatch(db, { id: "e/work", experiment, type: comparison, people: 5, inputs });
  for (let i = 0; i < 20; i++)
    await saveGold(db, lead, {
      type: "comparison",
      input: pair(300 + i),
      expected: { choice: "a" },
      tolerance: 0,
      reason: "hope",
    });
  await saveQualificationType(db, lead, { name: "reading", body: type });
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

/** Someone who used an invitation, with a session. */
async function newcomer(name: string) {
  const { token } = await invite(store.db, lead, {
    role: "rater",
    groups: [],
    languages: [],
    note: "",
    days: 7,
  });
  const me = await join(store.db, token, { name });
  return {
    id: me.id,
    session: await issueToken(store.db, me.id, "session"),
    link: await issueToken(store.db, me.id, "link"),
  };
}
const post = async (
  session: string,
  url: string,
  body: unknown,
): Promise<Record<string, unknown>> => {
  const reply = await fetch(`${address}/api/${url}`, {
    method: "POST",
    headers: { authorization: `Bearer ${session}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const got = (await reply.json()) as Record<string, unknown>;
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${JSON.stringify(got)}`);
  return got;
};
/** Through consent, training and test by HTTP. */
async function pass(session: string, right: boolean) {
  await post(session, "joining/consent", {});
  for (const item of [0, 1])
    await post(session, "joining/answers", { step: "training", item, value: { choice: "a" } });
  for (const item of [0, 1, 2])
    await post(session, "joining/answers", {
      step: "screening",
      item,
      value: { choice: right ? "a" : "b" },
    });
}
async function work(session: string, choice: string, until: () => Promise<boolean>) {
  for (let i = 0; i < 80 && !(await until()); i++) {
    const next = (await post(session, "desk/next", {})) as {
      kind: string;
      lease?: { lease: string };
    };
    if (next.kind === "empty") return;
    await post(session, "desk/answers", {
      lease: next.lease!.lease,
      value: { choice },
      activeSeconds: 1,
      idleSeconds: 0,
    });
  }
}
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

test("through the browser: consent, training that explains, the test, and the desk opens", async () => {
  const mary = await newcomer("Mary");
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, locale: "en-GB" });
  page.setDefaultTimeout(45_000);
  await page.goto(`${address}/sign-in?token=${mary.link}`);
  await page.getByText("go through the introduction").waitFor(); // the desk has nothing yet
  await page.goto(`${address}/joining`);
  await page.getByText("You may leave at any time.").waitFor();
  await page.evaluate(axe);
  const faults = (await page.evaluate("axe.run()")) as {
    violations: { id: string; impact: string }[];
  };
  expect(faults.violations.filter((v) => ["serious", "critical"].includes(v.impact))).toEqual([]);
  if (process.env["TILLER_SCREENSHOTS"])
    await page.screenshot({ path: `${process.env["TILLER_SCREENSHOTS"]}/consent.png` });
  await page.getByRole("button", { name: "I agree" }).click();

  await page.getByText("Training 1 of 2").waitFor();
  if (process.env["TILLER_SCREENSHOTS"])
    await page.screenshot({ path: `${process.env["TILLER_SCREENSHOTS"]}/training.png` });
  await page.keyboard.press("1");
  await page.getByText("As the researchers chose").waitFor();
  await page.getByText("Hope and joy are more positive").waitFor();
  await page.keyboard.press("Enter"); // the button has the focus
  await page.getByText("Training 2 of 2").waitFor();
  await page.keyboard.press("1");
  await page.getByText("The researchers chose otherwise").waitFor();
  if (process.env["TILLER_SCREENSHOTS"])
    await page.screenshot({ path: `${process.env["TILLER_SCREENSHOTS"]}/explained.png` });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await page.keyboard.press("Enter");
  for (const n of [1, 2, 3]) {
    await page.getByText(`Test ${n} of 3`).waitFor();
    await page.keyboard.press(n === 3 ? "2" : "1");
  }
  await page.getByText("You had 2 of 3 right; 2 were needed.").waitFor();
  await page.getByRole("link", { name: "To the desk" }).click();
  await page.getByText("The ship lay still").first().waitFor();
  await page.close();
  expect((await listWorkers(store.db, { person: mary.id }))[0]).toMatchObject({
    stage: "probation",
    qualifications: { reading: 1 },
  });
}, 120_000);

test("a failed test gives no work until a lead admits; out of step is refused", async () => {
  const john = await newcomer("John");
  await expect(
    post(john.session, "joining/answers", { step: "screening", item: 0, value: {} }),
  ).rejects.toThrow(/you are at consent, item 1, not at screening/);
  await pass(john.session, false);
  expect(await joiningOf(store.db, john.id)).toMatchObject({ step: "failed", right: 0, of: 3 });
  expect(await post(john.session, "desk/next", {})).toMatchObject({ kind: "empty" });
  await admit(store.db, lead, { person: john.id, why: "talked it over" });
  expect(await post(john.session, "desk/next", {})).toMatchObject({ kind: "task" });
}, 60_000);

test("probation: known answers right lead to level 2, surely wrong ones to a pause with its numbers", async () => {
  const [good, bad] = [await newcomer("Good"), await newcomer("Bad")];
  for (const p of [good, bad]) await pass(p.session, true);
  const step = async (p: PersonId) => (await joiningOf(store.db, p)).step;
  await work(good.session, "a", async () => (await step(good.id)) === "done");
  expect((await listWorkers(store.db, { person: good.id }))[0]).toMatchObject({
    stage: "active",
    qualifications: { reading: 2 },
  });
  const paused = async () =>
    (await listWorkers(store.db, { person: bad.id }))[0]!.pausedAt !== null;
  await work(bad.session, "b", paused);
  expect(await whyNothing(store.db, bad.id)).toMatch(
    /paused: probation: 0 of \d+ known answers right \(95 % interval 0 to \d+ %\); the bar is 60 %/,
  );
  expect((await listJoining(store.db)).find((r) => r.person === bad.id)!.step).toBe("probation");
}, 120_000);

test("the rule to pause works for everyone else; who leaves gets nothing and gives back what they held", async () => {
  const { db } = store;
  const old = await ensurePerson(db, { id: "old", name: "Old", pseudonym: "old", role: "rater" });
  const session = await issueToken(db, old.id, "session");
  await addRule(db, lead, { kind: "comparison", body: { rule: "suspend", below: 0.7, least: 2 } });
  const pausedAt = async () => (await listWorkers(db, { person: old.id }))[0]!.pausedAt;
  await work(session, "b", async () => (await pausedAt()) !== null);
  expect(await pausedAt()).not.toBeNull();
  const ann = await newcomer("Ann");
  await post(ann.session, "joining/leave", { why: "no time" });
  expect(await post(ann.session, "desk/next", {})).toMatchObject({
    kind: "empty",
    message: "You have left. Talk to the work lead to come back.",
  });
}, 120_000);
