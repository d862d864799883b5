/**
 * A rater's first day in a real browser: joins by an invitation, answers by keys on a laptop and by touch on a phone, marks
 * words with a finger, reads feedback before the next task, looks at the own answers; what was not begun goes to others.
 * TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { forcedComparison, highlight } from "@tiller/crowd";
import { AnswerId, PersonId } from "@tiller/schema";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { postTasks } from "./fixtures/desk-kinds.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const poll = { timeout: 20_000 };
let site: TestServer;
let browser: Browser;
beforeAll(async () => {
  site = await openServer({ pages: true, chance: () => 0.999 });
  browser = await launchBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});
const shots = process.env["TILLER_SCREENSHOTS"];
/** Nothing serious for axe, nothing wider than the window; and a picture where they are kept. */
const look = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: path.join(shots, `rater-${name}.png`), fullPage: true });
  expect(await faults(page), name).toEqual([]);
  const wide = await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  expect(wide, name).toBe(0);
};
const signInLink = async (id: PersonId) =>
  `${site.address}/sign-in?token=${await issueToken(site.store.db, id, "link")}`;
const desktop = async (link?: string) => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  page.setDefaultTimeout(45_000);
  if (link) await page.goto(link);
  return page;
};
const staff = async (id: string, role: "lead" | "rater") =>
  (await ensurePerson(site.store.db, { id, name: id, pseudonym: id, role })).id;
const Answered = z.object({ id: AnswerId, type: z.string(), value: z.unknown() });
const answersOf = (person: PersonId) =>
  site.store.db.many(
    sql`select a.id, t.type, a.value from answer a join task t on t.id = a.task where a.person = ${person} and a.undone_at is null order by a.at`,
    Answered,
  );
const held = (person: PersonId) =>
  site.store.db.value(
    sql`select count(*)::int from lease where person = ${person} and state = 'live'`,
    z.number(),
  );

test("from an invitation to one's own answers, on a laptop and a phone", async () => {
  const { db } = site.store;
  await postTasks(site.store, forcedComparison, {
    id: "compare",
    inputs: [0, 1, 2].map((i) => forcedComparison.samples[i % 2]!),
  });
  const lena = await staff("lena", "lead");
  const lead = await desktop(await signInLink(lena));

  // a lead looks at the desk, and takes nothing by it
  await lead.goto(`${site.address}/desk`);
  await lead.getByText("Nothing is taken until you answer tasks yourself").waitFor();
  await lead.getByRole("heading", { name: forcedComparison.title }).first().waitFor();
  expect(await held(lena)).toBe(0);
  await look(lead, "desk-preview");

  // the link begins with the address that the lead has
  await lead.goto(`${site.address}/people`);
  await lead.getByRole("button", { name: "Invite", exact: true }).click();
  await lead.getByRole("button", { name: "Make the link" }).click();
  const link = (await lead.locator("output.once").textContent())!;
  expect(link).toMatch(new RegExp(`^${site.address}/join/`));
  await lead.getByText("This address works on this machine alone").waitFor();

  const rater = await desktop(link);
  await rater.getByLabel("Your name").fill("Rita");
  await rater.getByRole("button", { name: "Join" }).click();
  await rater.getByRole("heading", { name: forcedComparison.title }).first().waitFor();
  const rita = PersonId.parse(
    await db.value(sql`select id from person where name = 'Rita'`, z.string()),
  );
  await look(rater, "desk");

  // whoever leaves without beginning leaves nothing behind
  await expect.poll(() => held(rita), poll).toBe(2);
  await rater.getByRole("link", { name: "My work" }).first().click();
  await rater.getByText("How your time is measured").waitFor();
  await expect.poll(() => held(rita), poll).toBe(0);
  await rater.getByRole("link", { name: "Desk", exact: true }).first().click();
  await rater.locator(".choice").first().waitFor();

  // by keys
  await rater.keyboard.press("1");
  await expect.poll(async () => (await answersOf(rita)).length, poll).toBe(1);
  const [first] = await answersOf(rita);

  // what the lead writes stands before the next task but one, never in the middle of this one
  const token = await issueToken(db, lena, "session");
  await site.app.request("/api/quality/threads", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      kind: "feedback",
      answer: first!.id,
      title: "Read both to the end",
      text: "The second one answers what was asked.",
    }),
  });
  await rater.locator("header .count").first().waitFor();
  expect(await rater.getByText("New feedback on your answers").count()).toBe(0);
  await rater.keyboard.press("2");
  await rater.getByText("New feedback on your answers").waitFor();
  await rater.getByText("The second one answers what was asked.").waitFor();
  await rater.getByText("The task and your answer").click();
  await rater.locator(".as-seen .choice.chosen").waitFor();
  await look(rater, "new-feedback");
  await rater.getByRole("button", { name: "I have read it: next task" }).click();
  await rater.locator("[data-task-form]:not(.as-seen *) .choice").first().waitFor();
  await expect.poll(() => rater.locator("header .count").count(), poll).toBe(0);
  await rater.keyboard.press("1");
  await rater.getByText("All caught up").waitFor();

  // the lead is told, by a number, once the rater speaks
  await rater.getByRole("link", { name: "Feedback" }).first().click();
  await rater.getByLabel("Your words").fill("The first one is shorter.");
  await rater.getByRole("button", { name: "Reply" }).click();
  await lead.locator("header .count").first().waitFor();
  await lead.goto(`${site.address}/quality/threads`);
  await lead.getByText("The first one is shorter.").waitFor();
  await rater.close();

  // on a phone: a tap on a word, its handle stretched to the next but one, a label
  await postTasks(site.store, highlight, { id: "mark", inputs: [highlight.samples[1]!] });
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    deviceScaleFactor: 2,
    locale: "en-GB",
  });
  const phone = await context.newPage();
  phone.setDefaultTimeout(45_000);
  await phone.goto(await signInLink(rita));
  const text = phone.getByTestId("summary");
  await text.waitFor();
  await phone.getByText("Tap a word, drag its handles to stretch it").waitFor();
  const middleOf = async (word: string) =>
    z.object({ x: z.number(), y: z.number() }).parse(
      await text.evaluate((box, wanted) => {
        const range = document.createRange();
        const walk = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
        for (let node = walk.nextNode(); node; node = walk.nextNode()) {
          const at = (node.textContent ?? "").indexOf(wanted);
          if (at < 0) continue;
          range.setStart(node, at);
          range.setEnd(node, at + wanted.length);
          const { left, width, top, height } = range.getBoundingClientRect();
          return { x: left + width / 2, y: top + height / 2 };
        }
        return {};
      }, word),
    );
  const summary = highlight.samples[1]!.summary; // It snowed in May and the trees died.
  const { x, y } = await middleOf("the");
  await phone.touchscreen.tap(x, y);
  await expect.poll(() => phone.locator(".picked").textContent(), poll).toBe("the");
  await look(phone, "phone-handles");
  const handle = (await phone.locator(".handle[data-handle=end]").boundingBox())!;
  const to = await middleOf("died");
  const finger = await context.newCDPSession(phone);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", at?: { x: number; y: number }) =>
    finger.send("Input.dispatchTouchEvent", { type, touchPoints: at ? [at] : [] });
  await touch("touchStart", { x: handle.x + 8, y: handle.y + handle.height });
  await touch("touchMove", { x: (handle.x + to.x) / 2, y: to.y });
  await touch("touchMove", to);
  await touch("touchEnd");
  await expect.poll(() => phone.locator(".picked").textContent(), poll).toBe("the trees died");
  // a tap that a loaded machine takes for a long press labels nothing: a person taps again
  const marked = phone.locator(".marks").getByText("“the trees died”");
  const label = phone.locator(".label-buttons").getByRole("button", { name: /Not true/ });
  const labelled = async () => {
    if (!(await marked.count()) && (await label.isEnabled())) await label.tap();
    return marked.count();
  };
  await expect.poll(labelled, { ...poll, interval: 2_000 }).toBe(1);
  await look(phone, "phone-marked");
  await phone.getByRole("button", { name: /Submit/ }).tap();
  const start = summary.indexOf("the trees died");
  await expect
    .poll(async () => (await answersOf(rita)).at(-1), poll)
    .toMatchObject({
      type: highlight.name,
      value: { marks: [{ start, end: start + "the trees died".length, label: "false" }] },
    });

  // the own answers, each as it was seen
  await phone.goto(`${site.address}/desk/me`);
  const own = phone.locator(".own-answers > li");
  await expect.poll(() => own.count(), poll).toBe(4);
  await own.first().locator("summary").tap();
  await own.first().locator(".as-seen .mark").waitFor();
  await look(phone, "phone-my-work");
  await context.close();

  // one that somebody opened and left at once is the next one's
  await postTasks(site.store, forcedComparison, {
    id: "last",
    inputs: [{ ...forcedComparison.samples[0]!, question: "Why is the sea salt?" }],
  });
  await db.run(sql`update task set people = 1 where batch = 'desk/last'`);
  await db.run(sql`update batch set consumed_at = now() where id <> 'desk/last'`);
  const [anna, olaf] = [await staff("anna", "rater"), await staff("olaf", "rater")];
  const brief = await desktop(await signInLink(anna));
  await brief.getByText("Why is the sea salt?").waitFor();
  expect(await held(anna)).toBe(1);
  await brief.goto("about:blank");
  const next = await desktop(await signInLink(olaf));
  await next.getByText("Why is the sea salt?").waitFor({ timeout: 20_000 });
  expect([await held(anna), await held(olaf)]).toEqual([0, 1]);
  await next.close();
  await lead.close();
}, 240_000);
