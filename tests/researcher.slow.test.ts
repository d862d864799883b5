/**
 * A researcher, in a real browser and with the real command: the first experiment is run again with one setting changed and
 * texts of one's own, the two are compared, the new version is promoted by hand and rolled back.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWeb } from "@tiller/web/build.ts";
import { faults } from "./browser/axe.ts";
import { clientOf, type Started, startTiller, stopTiller } from "./browser/first-hour.ts";
import { launchBrowser } from "./browser/launch.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-researcher-"));
let browser: Browser;
let tiller: Started | undefined;
beforeAll(async () => {
  await buildWeb();
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  if (tiller) await stopTiller(tiller);
  rmSync(home, { recursive: true, force: true });
}, 60_000);

const first = "better-continuations-small-1";
const ownTexts = Array.from(
  { length: 60 },
  (_, i) => `{"text": "The ship number ${i} came to the harbour, and the captain went on deck."}`,
).join("\n");

test("cloned, changed, compared, promoted, rolled back", async () => {
  tiller = await startTiller(home, "--small");
  const api = clientOf(tiller);
  const stateOf = async (id: string) => (await api.getExperiment({ id })).state;
  const patience = { timeout: 600_000, interval: 1000 }; // idle, each takes under a minute
  await expect.poll(() => stateOf(first), patience).toBe("done");

  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale: "en-GB" });
  page.setDefaultTimeout(45_000);
  await page.goto(tiller.links.researcher);
  await page.goto(`${tiller.address}/studio/experiments/${first}`);
  // curves tell the value under the pointer
  const chart = page.getByRole("img", { name: "Reward by step" }).last();
  await chart.hover();
  await page
    .getByText(/^step \d$/)
    .first()
    .waitFor();
  await page.getByLabel("Smoothing").fill("0.5");
  // as a picture that a browser opens
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: /SVG/ }).first().click();
  const picture = await browser.newPage();
  const svg = await readFile(await (await download).path(), "utf8");
  await picture.goto(`data:image/svg+xml,${encodeURIComponent(svg)}`);
  expect(await picture.locator("svg polyline").count()).toBeGreaterThan(0);
  await picture.close();
  // what the policy wrote: the base's text beside the last step's, the tokens of the worst with what training made of them
  const samples = page.locator(".card", {
    has: page.getByRole("heading", { name: "Samples over time" }),
  });
  await samples.getByText("the base", { exact: true }).first().waitFor();
  await samples.getByRole("img", { name: /^score from/ }).waitFor();
  await samples.getByRole("button", { name: "Tokens" }).last().click();
  for (const name of ["value", "advantage", "reward"])
    await samples.getByRole("button", { name, exact: true }).click();

  // again with its settings: what differs from the defaults is marked, one more is changed
  await page.getByRole("link", { name: "Run again" }).click();
  const pairs = page.locator('[data-path="pairs"]');
  await pairs.getByText("changed").waitFor();
  expect(await pairs.getByLabel("pairs").inputValue()).toBe("40");
  await page.getByLabel("prompts: a file").setInputFiles({
    name: "own.jsonl",
    mimeType: "application/jsonl",
    buffer: Buffer.from(ownTexts),
  });
  await page.getByRole("button", { name: "Save it as a dataset and use it" }).click();
  await page
    .locator('[data-path="prompts"]')
    .getByText(/60 rows of prompt@1/)
    .first()
    .waitFor({
      state: "attached",
    });
  await page.locator("summary", { hasText: "ppo" }).click();
  const beta = page.getByLabel("beta", { exact: true });
  await beta.fill("many");
  await page.getByLabel("clip", { exact: true }).focus();
  await page.locator('[data-path="ppo.beta"]').getByRole("alert").waitFor();
  await beta.fill("0.3");
  await page.getByLabel("Who answers everything").selectOption("simulated");
  await page.getByLabel("Name", { exact: true }).fill("Own texts");
  await page.getByLabel(/^Tags/).fill("own, kl");
  await page.getByText("The nearest that ended").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("button", { name: /^Start / }).click();
  await page.getByRole("heading", { name: "Own texts" }).waitFor();
  const second = page.url().split("/").at(-1)!;
  await expect.poll(() => stateOf(second), patience).toBe("done");
  expect(await api.getExperiment({ id: second })).toMatchObject({ tags: ["own", "kl"] });

  await page.goto(`${tiller.address}/studio/experiments`);
  await page.getByLabel(/^Compare Better/).check();
  await page.getByLabel(/^Compare Own texts/).check();
  await page.getByRole("link", { name: "Compare them" }).click();
  await page.getByRole("cell", { name: "ppo.beta" }).waitFor();
  await page.getByRole("cell", { name: "0.3", exact: true }).waitFor();
  await page.getByRole("cell", { name: "Wins against the base" }).waitFor();
  await page.getByRole("img", { name: /over the square root of the KL/ }).waitFor();
  await page.locator(".chart canvas").first().waitFor();
  expect(await faults(page)).toEqual([]);

  // whichever the rule serves, the other is served by hand, and the first again
  const served = async () => (await api.listServed()).find((m) => m.name === "policy")!;
  const before = await served();
  expect(before.versions.length).toBeGreaterThan(1);
  const now = before.versions.find((v) => v.checkpoint.id === before.served)!;
  const other = before.versions.find((v) => v !== now)!;
  await page.goto(`${tiller.address}/studio/checkpoints`);
  for (const { version, checkpoint } of [other, now]) {
    await page.getByRole("button", { name: `Serve policy@${version}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Serve it" }).click();
    await expect.poll(async () => (await served()).served).toBe(checkpoint.id);
  }

  // the version that is not served writes beside the others, after any passage
  await page.goto(`${tiller.address}/playground`);
  const unserved = `policy@${other.version}`;
  await page.getByLabel(unserved).check();
  await page.getByLabel("Passage").fill("The harbour was still.");
  const said = page.locator("section.card p.read");
  await page.getByRole("button", { name: "Continue it" }).click();
  await expect
    .poll(async () => {
      const texts = await said.allInnerTexts();
      return texts.filter((t) => !/nothing written/i.test(t)).length;
    }, patience)
    .toBe(3);
  await page.close();
}, 1_300_000);
