/**
 * npm run bench -- trace [--nodes 10000] [--megabytes 100] [--json]: the trace of one large experiment. Measures the first
 * page of nodes out of the database, a search, the exported file's size and time, and in Chromium from the disk with
 * the network off: the time until the tree shows, frames while it is scrolled, opening a node, the renderer's memory.
 * Then in the studio's own page over an experiment as large that goes on: from the reply with 100 changed nodes until they are
 * painted.
 * The text of the outputs is Moby-Dick's, shuffled by sentences. Needs the built pages: npm run build:web.
 */
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import bundled from "@sparticuz/chromium";
import { chromium } from "playwright-core";
import { corpus } from "../recipes/corpus.ts";
import type { Rng } from "@tiller/schema";
import { exportTrace, getNode, importTrace, searchTrace, tracePage } from "@tiller/flow";
import { openStore } from "@tiller/store";
import { makeTree, storeTree } from "@tiller/flow/fixtures/tree.ts";
import { liveUpdates } from "./trace-live.ts";

const { values: flags } = parseArgs({
  options: {
    nodes: { type: "string", default: "10000" },
    megabytes: { type: "string", default: "100" },
    json: { type: "boolean", default: false },
  },
});
const nodes = Number(flags.nodes);
const dist = fileURLToPath(new URL("../apps/web/dist/viewer", import.meta.url));
if (!existsSync(path.join(dist, "viewer.js"))) {
  console.error("The viewer is not built. Run npm run build:web.");
  process.exit(2);
}

const sentences = corpus()
  .moby.replaceAll(/\s+/g, " ")
  .split(/(?<=[.!?]) /)
  .filter((s) => s.length > 30);
const text = (r: Rng, length: number): string => {
  let out = "";
  while (out.length < length) out += `${r.choose(sentences)} `;
  return out.trimEnd();
};

const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-trace-"));
const store = await openStore({ home });
const result: Record<string, number> = { nodes, cpus: cpus().length };
const timed = async <T>(name: string, body: () => Promise<T>): Promise<T> => {
  const began = performance.now();
  const value = await body();
  result[name] = Math.round(performance.now() - began);
  return value;
};
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[xs.length >> 1]!;
try {
  // models' outputs are the long part: their length is set so that all values together reach the size
  const probe = makeTree({ experiment: "probe", nodes, seed: 1, length: 1000, ended: true });
  const bytes = (t: typeof probe) =>
    t.nodes.reduce((n, x) => n + JSON.stringify([x.input, x.output, x.prompt]).length, 0);
  const at1000 = bytes(probe);
  const at2000 = bytes(makeTree({ ...probe.options, length: 2000 }));
  const length = Math.max(
    200,
    1000 + (1000 * (Number(flags.megabytes) * 1e6 - at1000)) / (at2000 - at1000),
  );
  const tree = makeTree({ experiment: "bench", nodes, seed: 1, length, text, ended: true });
  result["valueBytes"] = bytes(tree);
  await storeTree(store, tree);

  const pages: number[] = [];
  for (let i = 0; i < 5; i++) {
    const began = performance.now();
    JSON.stringify(await tracePage(store.db, "bench", 0));
    pages.push(performance.now() - began);
  }
  result["firstPageMs"] = Math.round(median(pages));
  const ids = tree.nodes.filter((n) => n.kind === "model").map((n) => n.id);
  await timed("nodeMs", () => getNode(store.db, home, { experiment: "bench", node: ids[7]! }));
  const found = await timed("searchMs", () =>
    searchTrace(store.db, home, { experiment: "bench", text: "the white whale" }),
  );
  result["searchHits"] = found.nodes.length;

  const file = path.join(home, "bench.trace.html");
  const viewer = {
    script: readFileSync(path.join(dist, "viewer.js"), "utf8"),
    style: readFileSync(path.join(dist, "viewer.css"), "utf8"),
  };
  await timed("exportMs", () =>
    pipeline(Readable.from(exportTrace(store, "bench", viewer)), createWriteStream(file)),
  );
  result["fileBytes"] = statSync(file).size;
  await timed("importMs", () => importTrace(store, createReadStream(file), { by: "bench" }));

  const system = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = system.find((p) => existsSync(p)) ?? (await bundled.executablePath());
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"],
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await context.setOffline(true);
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    await timed("openMs", async () => {
      await page.goto(pathToFileURL(file).href, { waitUntil: "commit" });
      await page.getByRole("treeitem").nth(5).waitFor();
    });
    await page.waitForLoadState("load");
    // the blocks are text of the document: they count in the process, not in the heap
    const cdp = await browser.newBrowserCDPSession();
    const memory = async (name: string) => {
      const heap = (await page.evaluate("performance.memory.usedJSHeapSize / 1e6")) as number;
      result[`heap${name}MB`] = Math.round(heap);
      const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
      const resident = processInfo
        .filter((p) => p.type === "renderer")
        .map((p) =>
          Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${p.id}/status`, "utf8"))?.[1]),
        );
      result[`renderer${name}MB`] = Math.round(Math.max(...resident) / 1e3);
    };
    await memory("Open");
    // everything open: the whole tree as rows
    await page.getByRole("tree").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await timed("expandLevelMs", async () => {
      await page.keyboard.press("*");
      await page.getByRole("treeitem").filter({ hasText: "critic" }).first().waitFor();
    });
    const frames = (await page.evaluate(`new Promise((done) => {
      const scroller = document.querySelector(".trace-scroll");
      const times = [];
      let last = performance.now();
      let n = 0;
      const step = (now) => {
        times.push(now - last);
        last = now;
        scroller.scrollTop += 400;
        if (++n < 200) requestAnimationFrame(step);
        else done(times.slice(1));
      };
      requestAnimationFrame(step);
    })`)) as number[];
    const sorted = frames.toSorted((a, b) => a - b);
    result["frameP50Ms"] = Math.round(10 * sorted[sorted.length >> 1]!) / 10;
    result["frameP95Ms"] = Math.round(10 * sorted[Math.floor(sorted.length * 0.95)]!) / 10;
    result["rowsInPage"] = await page.getByRole("treeitem").count();
    await timed("openNodeMs", async () => {
      await page.getByRole("treeitem").filter({ hasText: "critic" }).first().click();
      await page.locator("mark").first().waitFor();
    });
    const typed = performance.now();
    await page.getByRole("searchbox").fill("the white whale");
    await page.getByText(/ of [\d,]+ steps/).waitFor();
    await page.getByRole("status").filter({ hasText: "looking" }).waitFor({ state: "hidden" });
    result["fileSearchMs"] = Math.round(performance.now() - typed);
    await memory("Searched");
    await context.close();
    const updates = await liveUpdates(store, browser, { nodes, changed: 100, times: 15 });
    result["updateP50Ms"] = Math.round(10 * median(updates)) / 10;
    result["updateMaxMs"] = Math.round(10 * Math.max(...updates)) / 10;
  } finally {
    await browser.close();
  }
  if (flags.json) console.log(JSON.stringify(result));
  else
    for (const [name, value] of Object.entries(result))
      console.log(`${name.padEnd(16)} ${value.toLocaleString("en")}`);
} finally {
  await store.close();
  rmSync(home, { recursive: true, force: true });
}
