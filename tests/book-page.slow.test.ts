/**
 * The page of a book in a real browser, wide and on a phone: down from a sentence to the book and back up, live while it grows, an edit
 * that says what it would do. axe is clean; TILLER_SHOTS=FOLDER keeps pictures. Run: TILLER_TESTS=slow npx vitest run FILE
 */
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { ensurePerson, issueToken } from "@tiller/store";
import { createClient, type TillerClient } from "@tiller/client";
import { type NewJudgment, writeJudgments } from "@tiller/trees/judgments.ts";
import { checkBook, checkNode } from "../recipes/check-book.ts";
import { summariseBook } from "../recipes/summarise-book.ts";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const shots = process.env["TILLER_SHOTS"];
let site: TestServer;
let browser: Browser;
let tiller: TillerClient;
beforeAll(async () => {
  site = await openServer({ workflows: [summariseBook, checkBook, checkNode], pages: true });
  browser = await launchBrowser();
  const { db } = site.store;
  const lead = await ensurePerson(db, { id: "lead", name: "L", pseudonym: "lee", role: "lead" });
  const token = await issueToken(db, lead.id, "session");
  tiller = createClient({ baseURL: site.address, token });
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

async function at(url: string, width: number): Promise<Page> {
  const token = await issueToken(site.store.db, (await tiller.me()).id, "link");
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 844 : 800 },
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  await page.goto(`${site.address}/sign-in?token=${token}`);
  await page.getByRole("link", { name: "Tiller", exact: true }).waitFor();
  await page.goto(`${site.address}${url}`);
  return page;
}
async function looked(page: Page, name: string): Promise<void> {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`) });
  expect(await faults(page)).toEqual([]);
}

let key: string;
const agents = { "*": { kind: "simulated", skill: 0.9 } } as const;
const body = { name: "The key", text: aStory(5, 3), window: 256, agents };
test("from the book's summary down to its words and back, an edit with its price, on a phone as well", async () => {
  const { tree: id } = await tiller.startTree({ body });
  key = id;
  const page = await at(`/books/${id}`, 1280);
  await page.getByText("whole", { exact: true }).waitFor(); // it was looked at while it grew
  await looked(page, "book-1280");

  await page
    .getByRole("button", { name: /^open \d+ passages$/ })
    .first()
    .click();
  const passage = page.locator("article.h0", { has: page.locator(".sentence") }).first();
  const node = (await passage.locator("h2").innerText()).replace("Passage ", "");
  await passage.locator(".sentence").first().click();
  const mark = page.locator(".book-text mark.lit");
  await mark.waitFor();
  await expect.poll(() => mark.evaluate((m) => m.getBoundingClientRect().top)).toBeLessThan(800);
  await looked(page, "book-down-1280");
  await page.getByRole("button", { name: `summary ${node}`, exact: true }).click();
  await page.locator("article.lit", { hasText: `Passage ${node}` }).waitFor();

  await passage.getByRole("button", { name: "edit" }).click();
  await page.getByText("The book's words", { exact: true }).click();
  await page.getByLabel("The book's words").last().fill("Anna gave the key to Tom.\n\n");
  await page.getByRole("button", { name: "What would it do?" }).click();
  await page
    .getByText(/written anew at most; \d+ by people/)
    .first()
    .waitFor();
  await looked(page, "book-edit-1280");
  await page.getByRole("button", { name: "Only what is made from it" }).click();
  await page.getByText(/version 2/).waitFor();
  await page.getByText("whole", { exact: true }).waitFor();
  await page.context().close();

  const phone = await at(`/books/${id}`, 390);
  await phone.getByText("The book", { exact: true }).first().waitFor();
  await looked(phone, "book-390");
  await phone
    .getByRole("button", { name: /^open \d+ passages$/ })
    .first()
    .click();
  await phone.getByRole("button", { name: "in the book" }).first().click();
  await phone.locator(".book-text mark.lit").waitFor();
  await looked(phone, "book-text-390");
  await phone.goto(`${site.address}/books`);
  await phone.getByRole("link", { name: "The key" }).waitFor();
  await looked(phone, "books-390");
}, 180_000);

test("what was said of a node, its versions, a judgment from the page, an edit taken back, and trees beside each other", async () => {
  const other = await tiller.startTree({ body: { ...body, seed: 2 } }); // read at the end
  const { nodes } = await tiller.treeNodes({ id: key });
  const node = nodes.find((n) => n.versions > 1 && n.starts !== null) ?? nodes[0]!;
  const now = node.text!;
  const { saw } = await tiller.treeTask({ id: key, node: node.node, kind: "feedback" });
  const said = (kind: NewJudgment["kind"], value: NewJudgment["value"], more: object = {}) => ({
    asked: `${kind} of the test`,
    kind,
    node: node.node,
    key: "0",
    saw,
    texts: [now],
    value,
    author: { kind: "person", name: "p-bob" } as const,
    answer: null,
    ...more,
  });
  const ratings = Object.fromEntries(
    ["first", "second", "third"].flatMap((p) =>
      ["Overall", "Coverage", "Accuracy", "Coherence"].map((c, i) => [`${p}${c}`, i + 2]),
    ),
  );
  await writeJudgments(site.store.db, key, [
    said(
      "compare",
      { firstSecond: "a", secondThird: "tie", firstThird: "a", ...ratings },
      { texts: [now, "Tom has a boat.", "A key is lost."], saw: "f".repeat(32) },
    ),
    said("check", {
      accuracy: 6,
      overall: 5,
      bookAccuracy: 3,
      bookOverall: 4,
      found: "It was Anna.",
    }),
    said("feedback", {
      marks: [{ start: 0, end: 4, label: "inaccurate" }],
      overall: 4,
      feedback: "Who is it?",
    }),
    said("reply", { summary: `${now} It was Anna.`, took: "changed", reply: "You are right." }),
  ]);
  const page = await at(
    `/books/${key}?node=${encodeURIComponent(JSON.stringify(node.node))}`,
    1280,
  );
  const panel = page.getByRole("complementary");
  await panel.getByText("The answer to a reader").waitFor();
  expect(await panel.locator("h3").allInnerTexts()).toEqual([
    "The answer to a reader",
    "A reader's word",
    "Checked down to the book",
    "Three summaries compared",
  ]);
  expect(await panel.locator("mark").innerText()).toBe(now.slice(0, 4));
  await panel.getByText("read something else than stands now").waitFor();
  await page.getByText("4 judgments").waitFor();
  await looked(page, "book-judgments-1280");
  await panel.getByText("first over second").scrollIntoViewIfNeeded();
  await looked(page, "book-compared-1280");

  await panel.getByRole("tab", { name: "Versions" }).click();
  await panel.getByText("stands now").first().waitFor();
  await looked(page, "book-versions-1280");
  await panel.getByRole("button", { name: "Take the edit back" }).first().click();
  await page.getByRole("button", { name: "What would it do?" }).click();
  await page.getByRole("button", { name: "Only what is made from it" }).click();
  await page
    .getByText(/version 3/)
    .first()
    .waitFor();
  expect((await tiller.treeText({ id: key })).text).toBe(body.text);

  await page.getByRole("button", { name: "Compare" }).click();
  await page
    .getByRole("link", { name: `itself before the edit of ${node.node}` })
    .nth(1)
    .click();
  await page.getByText(/\d+ the same/).waitFor();
  await looked(page, "book-before-1280");
  await expect.poll(async () => (await tiller.getTree({ id: other.tree })).state).toBe("whole");
  const compared = await tiller.compareTrees({ id: key, with: other.tree });
  expect(compared.aligned).toBe("places");
  await page.goto(`${site.address}/books/${key}/beside/${other.tree}`);
  await page.getByText("aligned by the book's characters").waitFor();
  await looked(page, "book-seeds-1280");
  await page.setViewportSize({ width: 390, height: 844 });
  await looked(page, "book-seeds-390");
  await page.getByRole("link", { name: "4 judgments" }).click();
  await page.getByText("The answer to a reader").waitFor();
  await looked(page, "book-judgments-390");
  await page.context().close();

  const phone = await at(`/books/${key}`, 390);
  await phone.getByRole("button", { name: "details" }).first().click();
  await phone.getByText("Nobody has judged it so far").waitFor();
  await looked(phone, "book-unjudged-390");
  await phone.getByRole("button", { name: "Judge it" }).click();
  await phone.getByRole("radio", { name: /^5/ }).first().click();
  await phone.getByRole("textbox", { name: "To whoever wrote it" }).fill("Good, but whose key?");
  await looked(phone, "book-judge-390");
  await phone.getByRole("button", { name: "Submit" }).click();
  await phone.getByText("Good, but whose key?").waitFor();
  await phone.getByText("read what stands now").waitFor();
  const [kept] = (await tiller.treeNode({ id: key, node: nodes.at(-1)!.node })).judgments;
  expect(kept).toMatchObject({
    kind: "feedback",
    author: { kind: "person", name: "lee" },
    value: { overall: 5, feedback: "Good, but whose key?" },
    read: "current",
  });
  await looked(phone, "book-judged-390");
  await phone.context().close();
}, 180_000);

test("a summary is checked, the words that show a claim lead into the book, and the book is asked", async () => {
  const agents = { "*": { kind: "simulated", skill: 0.9 } } as const;
  const body = { name: "The boat", text: aStory(6, 3), window: 256, agents };
  const { tree: id } = await tiller.startTree({ body });
  await expect
    .poll(async () => (await tiller.getTree({ id })).state, { timeout: 60_000 })
    .toBe("whole");
  const page = await at(`/books/${id}`, 1280);
  await page.getByText("Nobody has checked whether these summaries are so.").waitFor();
  await page.getByRole("button", { name: "have people check 30" }).click();
  await page.getByRole("link", { name: "the check's run" }).waitFor();
  await page.getByText(/Claims that are so, by people/).waitFor();
  await page.getByText(/Sentences that can be followed, by people/).waitFor();
  await page.locator(".verdict-mark").first().waitFor();
  const { claims, judged } = await tiller.getTreeScore({ id });
  expect(judged).toBeGreaterThan(5);
  expect(claims.find((c) => c.height === null)!.so.low).not.toBeNull();
  const verdicts = await tiller.treeVerdicts({ id });
  const leaf = Object.keys(verdicts).find((n) => n.startsWith("0."))!;
  await page.goto(`${site.address}/books/${id}?node=%22${leaf}%22&tab=faith`);
  await page.locator(".verdict-chip").first().waitFor();
  await looked(page, "book-faith-1280");
  await page.locator(".faith button.link").first().click();
  await page.locator(".book-text mark.lit").waitFor();

  await page.getByRole("button", { name: "Ask the book" }).click();
  await page.getByLabel("Your question").fill("Who found the key?");
  await page.getByRole("button", { name: "What would it take?" }).click();
  await page.getByText(/short answers at most; \d+ by people/).waitFor();
  await page.getByRole("button", { name: "Ask it" }).click();
  await page.locator(".book-questions").getByText("whole", { exact: true }).waitFor();
  await page.locator(".book-questions button.sentence").first().click();
  await page.locator(".book-way li").first().waitFor();
  await looked(page, "book-ask-1280");
  const quote = page.locator(".book-way button.link").first();
  await quote.click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.locator(".book-text mark.lit").waitFor();
  expect((await tiller.listTrees()).map((t) => t.about)).not.toContain(id);
  await page.context().close();

  const phone = await at(`/books/${id}`, 390);
  await phone.locator(".verdict-mark").first().waitFor();
  await looked(phone, "book-score-390");
  await phone.getByRole("button", { name: "Ask the book" }).click();
  await phone.locator(".book-questions button.sentence").first().waitFor();
  await looked(phone, "book-ask-390");
  await phone.context().close();
}, 180_000);
