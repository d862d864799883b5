/**
 * The pictures of the documentation: the first hour's walk, and the main pages at three widths, into docs/screens. Each
 * is a PNG of few colours, since pages have few.
 * Run: npm run screens (five minutes; a new home of its own under the system's folder for temporary files)
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import UPNG from "upng-js";
import type { Page } from "playwright-core";
import { clientOf, ownTextJudged, startTiller, stopTiller } from "./browser/first-hour.ts";
import { launchBrowser } from "./browser/launch.ts";

const COLOURS = 96;
const widths = [390, 1024, 1440] as const;
const folder = path.join(import.meta.dirname, "../docs/screens");
let bytes = 0;

async function shot(page: Page, name: string): Promise<void> {
  while (await page.locator("[aria-busy=true]").count()) await sleep(100);
  await page.evaluate("document.fonts.ready");
  const whole = UPNG.decode(
    new Uint8Array(await page.screenshot({ animations: "disabled" })).buffer,
  );
  const few = UPNG.encode(UPNG.toRGBA8(whole), whole.width, whole.height, COLOURS);
  bytes += few.byteLength;
  writeFileSync(path.join(folder, `${name}.png`), new Uint8Array(few));
}

mkdirSync(folder, { recursive: true });
const home = mkdtempSync(path.join(tmpdir(), "tiller-screens-"));
const tiller = await startTiller(home, "--small");
const browser = await launchBrowser();
try {
  await ownTextJudged(browser, tiller, (page, name) => shot(page, `first-hour-${name}`));
  const client = clientOf(tiller);
  const ended = async () => (await client.listExperiments()).every((e) => e.state !== "running");
  while (!(await ended())) await sleep(1000);

  const [experiment] = await client.listExperiments();
  const [project] = await client.listProjects();
  const [model] = (await client.listServed()).filter((m) => m.served);
  const pages = {
    experiments: "/studio/experiments",
    experiment: `/studio/experiments/${experiment!.id}`,
    trace: `/studio/experiments/${experiment!.id}/trace`,
    models: "/studio/checkpoints",
    model: `/studio/checkpoints/${model!.served}`,
    playground: "/playground",
    triggers: "/studio/triggers/new",
    projects: "/projects",
    project: `/projects/${project!.id}`,
    "new-project": "/projects/new",
    control: "/control",
    people: "/people",
    quality: "/quality",
    desk: "/desk",
    "my-work": "/desk/me",
  };
  const context = await browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  await page.goto(tiller.links.researcher);
  for (const [name, at] of Object.entries(pages))
    for (const width of widths) {
      await page.setViewportSize({ width, height: width === 390 ? 780 : 860 });
      await page.goto(tiller.address + at);
      await page.locator("main h1").first().waitFor();
      await sleep(400); // curves are drawn a frame later
      await shot(page, `${name}-${width}`);
    }
  console.log(`${folder}: ${(bytes / 2 ** 20).toFixed(2)} MB`);
} finally {
  await browser.close();
  await stopTiller(tiller);
  rmSync(home, { recursive: true, force: true });
}
