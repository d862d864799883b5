/**
 * The desk in a real browser: milliseconds from the key that submits to the frame that shows the next task, over a
 * slow line too. npm run bench -- desk (--tasks 60 --json)
 */
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { serve } from "@hono/node-server";
import { comparison } from "@tiller/crowd";
import { launchFlow } from "@tiller/flow";
import { createApp } from "@tiller/server/app.ts";
import { serverModels } from "@tiller/server/engine.ts";
import { SamplerPool } from "@tiller/server/sampler.ts";
import { createExperiment, ensurePerson, issueToken, openStore, postBatch } from "@tiller/store";
import { ExperimentId } from "@tiller/schema";
import { buildWeb } from "@tiller/web/build.ts";
import { launchBrowser } from "../tests/browser/launch.ts";

const { values: o } = parseArgs({
  options: { tasks: { type: "string", default: "60" }, json: { type: "boolean", default: false } },
});
const TASKS = Number(o.tasks);
const lines = [
  { line: "local", latency: 0, thinkMs: 150 },
  { line: "100 ms each way", latency: 200, thinkMs: 700 },
] as const;

const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-desk-"));
const store = await openStore({ home });
const flow = await launchFlow({ store, workflows: [], codeRevision: "bench" });
using sampler = new SamplerPool();
const models = serverModels({ store, sampler });
const app = createApp({ store, flow, sampler, models, pending: new Set(), web: await buildWeb() });
const server = serve({ fetch: app.fetch, port: 0 });
const address = `http://localhost:${(server.address() as AddressInfo).port}`;
const experiment = ExperimentId.parse("bench");
const run = { recipe: "bench@1", title: "Bench", seed: 1, config: {}, stages: [] };
await createExperiment(store.db, { id: experiment, ...run });
const sea = "The sea was calm that morning, and the men sang as they worked. ".repeat(6);
await postBatch(store.db, {
  id: "bench/pairs",
  experiment,
  type: comparison,
  people: lines.length + 1,
  inputs: Array.from({ length: TASKS + 4 }, (_, i) => ({
    id: `${i}`,
    input: {
      passage: `${i}. ${sea}`,
      a: { text: ` ${sea}`, sample: `${i}a` },
      b: { text: ` ${sea}`, sample: `${i}b` },
    },
  })),
});

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
const browser = await launchBrowser();
const rows: { line: string; tasks: number; p50: number; p95: number; most: number }[] = [];
for (const { line, latency, thinkMs } of lines) {
  const id = `bench-${latency}`;
  const person = { id, name: id, pseudonym: id, role: "rater" } as const;
  const token = await issueToken(store.db, (await ensurePerson(store.db, person)).id, "link");
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  page.setDefaultTimeout(30_000);
  await page.goto(`${address}/sign-in?token=${token}`);
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
    await page.waitForFunction(`window.took.length > ${i}`);
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
server.close();
await flow.close();
await store.close();
rmSync(home, { recursive: true, force: true });
for (const r of rows)
  if (!o.json)
    console.log(
      `${r.line.padEnd(18)} submit to next visible over ${r.tasks} tasks: p50 ${r.p50} ms, p95 ${r.p95} ms, most ${r.most} ms`,
    );
if (o.json) console.log(JSON.stringify({ rows }));
process.exit(0);
