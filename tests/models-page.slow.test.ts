/** A researcher in a real browser: a worse version waits, is promoted by hand and rolled back; a demonstration says that it is one. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "@tiller/flow";
import { findServed, publishCheckpoint, saveCheckpointRow } from "@tiller/lab";
import { CheckpointId } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";
import { openServer, type TestServer } from "./fixtures/server.ts";

const asked = workflow(
  "asked@1",
  z.strictObject({}),
  async (f) => {
    const { a, b } = comparison.samples[0]!;
    await f.ask(comparison, { passage: "The sea was calm.", a, b }, { name: "pair", people: 2 });
    await f.report({
      summary: [{ name: "wins", label: "Wins", value: 0.5, unit: "fraction", help: "How often." }],
      blocks: [{ kind: "prose", title: "What was learned", text: "That it cannot be told." }],
    });
    return "asked";
  },
  { title: "Asked", about: "**Two** answers to one question." },
);
let site: TestServer;
let browser: Browser;
beforeAll(async () => {
  site = await openServer({ workflows: [asked], pages: true });
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});
const open = async (id: "ruth" | "lena", role: "researcher" | "lead", width = 1280) => {
  const me = await ensurePerson(site.store.db, { id, name: id, pseudonym: id, role });
  const page = await browser.newPage({ viewport: { width, height: 900 }, locale: "en-GB" });
  page.setDefaultTimeout(45_000);
  const token = await issueToken(site.store.db, me.id, "link");
  await page.goto(`${site.address}/sign-in?token=${token}`);
  return page;
};
const served = async () => (await findServed(site.store.db, "policy"))?.id[0];

test("a worse version is listed with its figures, promoted by hand, and rolled back", async () => {
  const { db, home } = site.store;
  for (const [digit, winRate] of [
    ["a", 0.91],
    ["b", 0.48],
  ] as const) {
    const id = CheckpointId.parse(digit.repeat(64));
    const row = { name: "policy", role: "policy", path: home, run: null, parent: null };
    await saveCheckpointRow(db, { ...row, id, metrics: {} });
    const compare = { metric: "winRate", better: "up" } as const;
    await publishCheckpoint(db, id, { name: "policy", metrics: { winRate }, compare });
  }
  const page = await open("ruth", "researcher");
  await page.goto(`${site.address}/studio/checkpoints`);
  await page.getByRole("cell", { name: "0.48" }).waitFor();
  await page.getByText("Who decided").click();
  await page.getByText("published, not served, by a rule: policy@1 stays").waitFor();
  expect(await faults(page)).toEqual([]);

  await page.getByRole("button", { name: "Serve policy@2" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Why").fill("reads better");
  expect(await faults(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Serve it" }).click();
  await page.getByText("policy@2 served, by ruth: reads better").waitFor();
  expect(await served()).toBe("b");

  // the checkpoint's own page does the same
  await page.getByRole("link", { name: "policy@1" }).click();
  await page.getByRole("button", { name: "Serve policy@1" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Serve it" }).click();
  await page.getByText("served as policy").waitFor();
  expect(await served()).toBe("a");
  await page.close();

  const lead = await open("lena", "lead", 390);
  await lead.goto(`${site.address}/studio/checkpoints`);
  await lead.getByText("served as policy").waitFor();
  expect(await lead.getByRole("button", { name: "Serve policy@2" }).count()).toBe(0);
  expect(await lead.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await lead.close();
}, 60_000);

test("an experiment says that its answers are simulated, what it asked and what was learned", async () => {
  const agents = { "*": { kind: "simulated", skill: 1 } } as const;
  await site.flow.wait(await site.flow.start(asked, {}, { id: "demo", agents }));
  const page = await open("ruth", "researcher", 390);
  await page.getByText("simulated raters").waitFor(); // in the list
  await page.goto(`${site.address}/studio/experiments/demo`);
  await page.getByRole("note").getByText("Programs answer here in people’s place").waitFor();
  await page.getByRole("heading", { name: "What was learned" }).waitFor();
  await page.getByText("That it cannot be told.").waitFor();
  await page.getByText("What was asked, who judged").click();
  await page.getByText("answers to one question").waitFor();
  await page.getByRole("button", { name: "Wins" }).click();
  await page.getByText("How often.").waitFor();
  // it declares no stages, and no rater of the home was needed
  await page.getByRole("heading", { name: "Progress" }).waitFor();
  await page.getByRole("link", { name: "pair" }).waitFor();
  await page.getByRole("heading", { name: "2 answers" }).waitFor();
  expect(await faults(page)).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await page.close();
}, 60_000);
