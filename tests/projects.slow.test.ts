/**
 * A lead's first project in a real browser: 50 comparisons in a CSV, columns as guessed and corrected, the question changed
 * beside its preview, started; two raters join by invitation and answer some at the desk; the lead reads the labels, opens an item as it was seen,
 * and exports. TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { faults } from "./browser/axe.ts";
import { invitation, joined } from "./browser/joining.ts";
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
const shot = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
};
const leadsPage = async () => {
  const own = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  own.setDefaultTimeout(45_000);
  const page = await own.newPage();
  const id = "lead";
  const me = await ensurePerson(site.store.db, { id, name: id, pseudonym: id, role: "lead" });
  await page.goto(
    `${site.address}/sign-in?token=${await issueToken(site.store.db, me.id, "link")}`,
  );
  return page;
};
/** Nothing serious for axe, and nothing wider than the window. */
const sound = async (page: Page) => {
  expect(await faults(page)).toEqual([]);
  expect(
    await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    ),
  ).toBe(0);
};
const answers = (name: string) =>
  site.store.db.value(
    sql`select count(*)::int from answer a join person p on p.id = a.person where p.name = ${name}`,
    z.number(),
  );
const rows = Array.from(
  { length: 50 },
  (_, i) =>
    `item-${i},"What should I cook on evening ${i + 1}, with eggs and rice?","Fry the rice, add ${i + 2} eggs.","Rice is eaten in many countries, ${i} of them.",${i < 4 ? "a" : ""}`,
);
const file = (text: string) => ({
  name: "supper.csv",
  mimeType: "text/csv",
  buffer: Buffer.from(text),
});
const csv = `id,prompt,left,right,pick\n${rows.join("\n")}\n`;

test("from a CSV to exported labels", async () => {
  const lead = await leadsPage();
  await lead.getByRole("link", { name: "Projects", exact: true }).click();
  await shot(lead, "projects-empty");
  await lead.getByRole("link", { name: "New project" }).click();
  await lead.getByLabel(/a row an item/).setInputFiles(file(csv));
  await lead.getByText("50 rows, 50 fit").waitFor();
  await lead.getByLabel("Known answer: Better answer").selectOption("pick");
  await lead.getByText("50 rows, 50 fit, 4 of them have an answer").waitFor();
  await lead.getByLabel("Question to the raters").fill("Which supper would you cook?");
  await lead.getByTestId("preview").getByText("Which supper would you cook?").waitFor();
  await lead.getByTestId("preview").getByText("What should I cook on evening 1,").waitFor();
  await lead.getByLabel("Name of the project").fill("Suppers");
  await lead.getByLabel("People an item").fill("2");
  await lead.getByLabel("Rows as hidden gold").fill("2");
  await lead.getByText("96 answers wanted").waitFor();
  await sound(lead);
  await shot(lead, "project-new-1280");
  await lead.setViewportSize({ width: 390, height: 844 });
  await sound(lead);
  await shot(lead, "project-new-390");
  await lead.setViewportSize({ width: 1280, height: 900 });
  await lead.getByRole("button", { name: "Start" }).click();
  await lead.getByRole("heading", { name: "Suppers" }).waitFor();
  await lead.getByText("0 of 96").waitFor();

  // the lead invites two raters, who join on a laptop and on a phone
  const people = await lead.context().newPage();
  for (const [name, n, width] of [
    ["ann", 5, 1280],
    ["ben", 4, 390],
  ] as const) {
    await people.goto(`${site.address}/people`);
    const link = await invitation(people);
    const rater = await joined(browser, { name, width, link });
    for (let i = 1; i <= n; i++) {
      await rater.getByRole("heading", { name: "Which supper would you cook?" }).first().waitFor();
      // ben takes the other one once
      const wanted = name === "ben" && i === 2 ? /Rice is eaten/ : /Fry the rice/;
      await rater.getByRole("button", { name: wanted }).click();
      await expect.poll(() => answers(name)).toBe(i);
    }
    if (name === "ben") await shot(rater, "project-desk");
    await rater.context().close();
  }
  await lead.getByText("9 of 96").waitFor();
  await lead.getByLabel("Items", { exact: true }).selectOption("answered");
  await lead.getByText("5 items").waitFor();
  await lead.getByRole("button", { name: "Disagreement" }).click();
  await lead.getByLabel("Label", { exact: true }).selectOption({ label: "Better answer: a" });
  await lead.getByLabel("Label", { exact: true }).selectOption({ label: "Every label" });
  const first = lead.getByRole("region", { name: "Results" }).getByRole("row").nth(1);
  await expect.poll(() => first.innerText()).toContain("100 %");
  await sound(lead);
  await shot(lead, "project-results-1280");
  await lead.setViewportSize({ width: 390, height: 844 });
  await sound(lead);
  await shot(lead, "project-results-390");
  await first.getByRole("link").click();
  await lead.getByText("As seen and answered by").waitFor();
  await lead.getByText("Its row in the file").waitFor();
  await sound(lead);
  await shot(lead, "project-item-390");
  await lead.setViewportSize({ width: 1280, height: 900 });
  await shot(lead, "project-item-1280");
  await lead.goBack();
  await lead.getByRole("button", { name: "Export" }).click();
  await lead.getByText("50 rows.").waitFor();
  await sound(lead);
  await shot(lead, "project-export");
  const download = lead.waitForEvent("download");
  await lead.getByRole("link", { name: "Download" }).click();
  const text = await readFile(await (await download).path(), "utf8");
  const lines = text.trim().split("\n");
  expect(lines).toHaveLength(51);
  expect(lines[0]).toMatch(/^id,prompt,left,right,pick,item,choice,choice_text,choice_confidence,/);
  expect(lines.filter((l) => /,a,"?Fry the rice/.test(l)).length).toBeGreaterThan(2);
  await lead.getByRole("button", { name: "Close" }).last().click();
  await lead.getByRole("button", { name: "Pause" }).click();
  await lead.getByText("paused", { exact: true }).waitFor();
  await lead.getByRole("link", { name: "Projects" }).first().click();
  await lead.getByRole("link", { name: "Suppers" }).waitFor();
  await sound(lead);
  await shot(lead, "projects-1280");
  await lead.close();
}, 180_000);

test("rows that do not fit are named, and nothing starts until they are left out", async () => {
  const lead = await leadsPage();
  await lead.goto(`${site.address}/projects/new`);
  const holed = csv
    .replace('"Fry the rice, add 4 eggs."', "")
    .replace('"Fry the rice, add 9 eggs."', "");
  await lead.getByLabel(/a row an item/).setInputFiles(file(holed));
  await lead.getByText("50 rows, 48 fit").waitFor();
  await lead.getByText("Row 4, left:").waitFor();
  const start = lead.getByRole("button", { name: "Start" });
  expect(await start.isDisabled()).toBe(true);
  await sound(lead);
  await shot(lead, "project-bad-rows");
  await lead.getByLabel("Leave out the 2 rows that do not fit").check();
  await lead.getByRole("button", { name: "Keep it paused" }).click();
  await lead.getByText("0 of 144").waitFor();
  await lead.close();
}, 60_000);
