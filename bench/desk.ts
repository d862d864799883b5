/**
 * The desk in a real browser: milliseconds from the key that submits to the frame that shows the next task, over a
 * slow line too. npm run bench -- desk (--tasks 60 --json)
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import bundled from "@sparticuz/chromium";

const { values: o } = parseArgs({
  options: { tasks: { type: "string", default: "60" }, json: { type: "boolean", default: false } },
});
const TASKS = Number(o.tasks);
const lines = [
  { line: "local", latency: 0, thinkMs: 150 },
  { line: "100 ms each way", latency: 200, thinkMs: 700 },
] as const;

const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-desk-"));
const server = fork(
  fileURLToPath(new URL("../tests/fixtures/desk-server.ts", import.meta.url)),
  [home, "0", "", String(TASKS + 4)],
  { stdio: "inherit" },
);
const [{ links }] = (await once(server, "message")) as [{ links: string[] }];

// in the page: from a keydown to the first frame in which another passage stands
const watch = `
  window.took = [];
  const passage = () => document.querySelector("[data-testid=passage]")?.textContent;
  addEventListener("keydown", () => {
    const start = performance.now(), before = passage();
    const look = () => requestAnimationFrame(() => {
      if (passage() && passage() !== before) window.took.push(performance.now() - start);
      else if (performance.now() - start < 10000) look();
    });
    look();
  }, { capture: true });`;
const browser = await chromium.launch({
  executablePath: await bundled.executablePath(),
  args: ["--no-sandbox", "--disable-gpu"],
});
const rows: { line: string; tasks: number; p50: number; p95: number; most: number }[] = [];
for (const [n, { line, latency, thinkMs }] of lines.entries()) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  page.setDefaultTimeout(30_000);
  await page.goto(links[n]!);
  await page.locator(".choice").first().waitFor();
  if (latency)
    await page.route("**/api/**", async (route) => {
      await new Promise((r) => setTimeout(r, latency));
      await route.continue();
    });
  await page.evaluate(watch);
  await page.waitForTimeout(1000);
  for (let i = 0; i < TASKS; i++) {
    await page.keyboard.press("1");
    // not waitForFunction: the page's policy forbids the eval it needs
    while (((await page.evaluate("window.took.length")) as number) <= i)
      await page.waitForTimeout(10);
    await page.waitForTimeout(thinkMs);
  }
  const took = ((await page.evaluate("window.took")) as number[]).toSorted((a, b) => a - b);
  const at = (q: number) =>
    Math.round(took[Math.min(took.length - 1, Math.floor(q * took.length))]!);
  rows.push({
    line,
    tasks: took.length,
    p50: at(0.5),
    p95: at(0.95),
    most: Math.round(took.at(-1)!),
  });
  await page.close();
}
await browser.close();
server.kill("SIGTERM");
await once(server, "exit");
rmSync(home, { recursive: true, force: true });
for (const r of rows)
  if (!o.json)
    console.log(
      `${r.line.padEnd(18)} submit to next visible over ${r.tasks} tasks: p50 ${r.p50} ms, p95 ${r.p95} ms, most ${r.most} ms`,
    );
if (o.json) console.log(JSON.stringify({ rows }));
