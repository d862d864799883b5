/**
 * A newcomer, in a real browser and with the real command: first start, own file, two invited raters, labels back. A second
 * plain start begins nothing. The walk is tests/browser/first-hour.ts, which docs/first-hour.md tells with pictures.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWeb } from "@tiller/web/build.ts";
import {
  clientOf,
  ownTextJudged,
  type Started,
  startTiller,
  stopTiller,
} from "./browser/first-hour.ts";
import { launchBrowser } from "./browser/launch.ts";

delete process.env["TILLER_POSTGRES_TEMPLATE"]; // as a newcomer's machine: a database of its own

const home = mkdtempSync(path.join(tmpdir(), "tiller-first-"));
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

test("from the first start to one's own text judged by two people", async () => {
  tiller = await startTiller(home, "--small");
  const lines = await ownTextJudged(browser, tiller);
  expect(lines).toHaveLength(7);
  expect(lines[0]).toMatch(/^id,prompt,response_a,response_b,item,choice,/);
  for (const line of lines.slice(1)) expect(line).toMatch(/,a,"?Fry the rice/);
  // nobody simulated has answered it
  const [project] = await clientOf(tiller).listProjects();
  expect(project).toMatchObject({ title: "Suppers", answers: 12, wanted: 12 });
  const before = (await clientOf(tiller).listExperiments()).map((e) => e.id);
  await stopTiller(tiller);
  tiller = await startTiller(home);
  expect((await clientOf(tiller).listExperiments()).map((e) => e.id)).toEqual(before);
}, 300_000);
