/**
 * A lead without code, in a real browser: a kind put together from fields beside its preview, started, changed, read as a
 * TypeScript file; results judged, sent back and taken back; settings; gold and a rule's thresholds by forms.
 * TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensurePerson, issueToken } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

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
const signedIn = async (id: string, role: "lead" | "rater") => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(45_000);
  const me = await ensurePerson(site.store.db, { id, name: id, pseudonym: id, role });
  await page.goto(
    `${site.address}/sign-in?token=${await issueToken(site.store.db, me.id, "link")}`,
  );
  return page;
};
/** Nothing serious for axe, nothing wider than the window, at both widths; a picture of each. */
const sound = async (page: Page, name: string) => {
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await faults(page), `${name} at ${width}`).toEqual([]);
    const over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await page.evaluate(over), `${name} at ${width}`).toBe(0);
    if (shots)
      await page.screenshot({ path: path.join(shots, `${name}-${width}.png`), fullPage: true });
  }
};
const csv = `email,reply,tone\n${Array.from({ length: 9 }, (_, i) => `"Where is order ${i}?","It is on its way, ${i}.",polite`).join("\n")}\n`;

test("a kind of one's own from fields, changed after the start, and as a file", async () => {
  const lead = await signedIn("lead", "lead");
  await lead.goto(`${site.address}/projects/new`);
  const file = { name: "replies.csv", mimeType: "text/csv", buffer: Buffer.from(csv) };
  await lead.getByLabel(/a row an item/).setInputFiles(file);
  await lead.getByLabel("Kind of work").selectOption("own");
  await lead.getByLabel("Question to the raters").fill("Is the reply polite?");
  for (const column of ["email", "reply"])
    await lead.getByLabel("Add something to show").selectOption(`column ${column}`);
  await lead.getByLabel("Question", { exact: true }).fill("How does it sound?");
  await lead.getByLabel("Its name in the results").fill("tone");
  await lead.getByLabel("Label of yes").fill("Polite");
  await lead.getByRole("button", { name: "Add an option" }).click();
  await lead.getByLabel("Label of option_3").fill("Neither");
  await lead.getByLabel("Add a question").selectOption("text");
  await lead.getByLabel("Must be answered").last().uncheck();
  await lead.getByRole("button", { name: "Up: Text in the rater's words 2" }).click();
  await lead.getByRole("button", { name: "Down: Text in the rater's words 1" }).click();
  const preview = lead.getByTestId("preview");
  await preview.getByText("Where is order 0?").waitFor();
  await preview.getByText("Neither").waitFor();
  await lead.getByText("9 rows, 9 fit").waitFor();
  await lead.getByText("Qualification, pay, and how many answers").click();
  await lead.getByLabel("People an item").fill("1");
  await lead.getByLabel("Pay").selectOption("piece");
  await lead.getByLabel("EUR an answer").fill("0.20");
  await sound(lead, "kind-composed");
  await lead.getByRole("button", { name: "Start" }).click();
  await lead.getByText("0 of 9").waitFor();

  const rater = await signedIn("ann", "rater");
  await rater.goto(`${site.address}/desk`);
  await rater.getByText("Where is order 0?").waitFor();
  await rater.getByRole("radio", { name: /Polite/ }).click();
  await rater.getByRole("button", { name: /^Submit/ }).click();
  await rater.getByText("Where is order 1?").waitFor();

  await lead.getByRole("link", { name: "Change what is asked" }).click();
  await lead.getByText("What is shown and asked").click();
  await lead.getByLabel("Question", { exact: true }).first().fill("How does the reply sound?");
  await lead.getByTestId("preview").getByText("How does the reply sound?").waitFor();
  await lead.getByRole("button", { name: "Save as a new version" }).click();
  await lead.getByText(/[1-9] items are asked as version 2, [1-9] keep theirs/).waitFor();
  await sound(lead, "kind-changed");
  const download = lead.waitForEvent("download");
  await lead.getByRole("link", { name: "As a TypeScript file" }).click();
  const text = await readFile(await (await download).path(), "utf8");
  expect(text).toContain("export const replies");
  expect(text).toContain('version: "2"');
  expect(text).toContain("How does the reply sound?");
  await rater.close();
  await lead.close();
}, 180_000);

test("results are judged, sent back and taken back; settings and gold by forms", async () => {
  const lead = await signedIn("lead", "lead");
  await lead.goto(`${site.address}/projects`);
  await lead.getByRole("link", { name: "replies" }).click();
  const results = lead.getByRole("region", { name: "Results" });
  await lead.getByLabel("Items", { exact: true }).selectOption("review");
  await lead.getByRole("button", { name: "Accept all 1 shown" }).click();
  await lead.getByText("1 item accepted.").waitFor();
  await lead.getByRole("button", { name: "Undo" }).click();
  await lead.getByText("1 item as before.").waitFor();
  await lead.getByLabel("Choose item 1", { exact: true }).check();
  await lead.getByRole("button", { name: "Send back 1 item" }).click();
  await lead.getByLabel(/To whoever answered/).fill("Read the reply once more.");
  await lead.getByRole("dialog").getByRole("button", { name: "Send back" }).click();
  await lead.getByText("1 item sent back.").waitFor();
  await lead.getByRole("button", { name: "Undo" }).click();
  await lead.getByText("1 item as before.").waitFor();
  await lead.getByLabel("Items", { exact: true }).selectOption("");
  await results.getByRole("link").first().click();
  await lead.getByRole("button", { name: "Fix" }).click();
  const form = lead.locator(".project-fix");
  await form.getByRole("radio", { name: /Neither/ }).click();
  await sound(lead, "item-fix");
  await form.getByRole("button", { name: /^Submit/ }).click();
  await lead.getByText("1 item fixed.").waitFor();
  await lead.goBack();
  await expect.poll(() => results.getByRole("row").nth(1).innerText()).toContain("fixed");
  await lead.getByRole("link", { name: "ann" }).click();
  await lead.getByRole("button", { name: "Answered by ann" }).waitFor();
  await lead.getByLabel("People an item").fill("2");
  await lead.getByRole("button", { name: "Save settings" }).click();
  await lead.getByText("Saved.").waitFor();
  await lead.getByText("1 of 18").waitFor();
  await sound(lead, "project-whole");

  await lead.goto(`${site.address}/quality/gold`);
  await lead.getByRole("button", { name: "Add an item" }).click();
  await lead.getByLabel("Kind of work").selectOption("forced-comparison");
  await lead.getByLabel("Question", { exact: true }).fill("What is two and two?");
  await lead.getByLabel("A", { exact: true }).fill("Four.");
  await lead.getByLabel("B", { exact: true }).fill("Five.");
  await lead.getByRole("button", { name: /Four\./ }).click();
  await lead.getByLabel(/Why this is right/).fill("It is so in every base above four.");
  await sound(lead, "gold-form");
  await lead.getByRole("button", { name: "Save" }).click();
  await lead.getByText("It is so in every base above four.").waitFor();

  await lead.goto(`${site.address}/people/joining`);
  await lead.getByRole("button", { name: /new/i }).first().click();
  await lead.getByRole("button", { name: "Add an item" }).first().click();
  await sound(lead, "qualification-form");
  await lead.getByRole("button", { name: "Cancel" }).click();

  await lead.goto(`${site.address}/delegation`);
  await lead.getByRole("button", { name: "Change and take" }).first().click();
  await lead.getByLabel("Threshold").first().fill("4");
  await sound(lead, "rule-form");
  await lead.getByRole("button", { name: "Save as a draft" }).click();
  await lead
    .getByText(/answers so far (is )?(below|at least) 4/)
    .first()
    .waitFor();
  await lead.close();
}, 180_000);
