/**
 * How long a live change takes to show in the studio's trace: the built page in Chromium, its requests answered out of
 * the database without a server between, so that what is measured is the page's own work.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Route } from "playwright-core";
import { getTracedExperiment, tracePage } from "@tiller/flow";
import { sql, type Store } from "@tiller/store";
import { makeTree, storeTree } from "@tiller/flow/fixtures/tree.ts";
import { ExperimentId } from "@tiller/schema";

const dist = fileURLToPath(new URL("../apps/web/dist", import.meta.url));
const origin = "http://tiller.test";
const experiment = ExperimentId.parse("live");
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
};

/**
 * In the page: from a reply of the trace that brings a change, parsed, until the frame with it is painted. The change
 * names itself in the text of a row that shows.
 */
const clock = `{
  const json = Response.prototype.json;
  window.updates = [];
  let since;
  Response.prototype.json = async function () {
    const value = await json.call(this);
    if (this.url.includes("/trace?after=") && value.nodes.some((n) => n.brief.startsWith("change ")))
      since ??= performance.now();
    return value;
  };
  let shown = "";
  new MutationObserver(() => {
    const [now] = document.querySelector('[role="tree"]')?.textContent.match(/change \\d+ /) ?? [];
    if (!now || now === shown || since === undefined) return;
    shown = now;
    const began = since;
    since = undefined;
    const painted = new MessageChannel();
    painted.port1.onmessage = () => window.updates.push(performance.now() - began);
    requestAnimationFrame(() => painted.port2.postMessage(0));
  }).observe(document, { subtree: true, childList: true, characterData: true });
}`;

export async function liveUpdates(
  store: Store,
  browser: Browser,
  o: { nodes: number; changed: number; times: number },
): Promise<number[]> {
  const tree = makeTree({ experiment, nodes: o.nodes, seed: 2 });
  await storeTree(store, tree);
  await store.db.run(
    sql`update experiment set state = 'running', ended_at = null where id = ${experiment}`,
  );
  // the root, whose row shows, and the newest others
  const others = tree.nodes.filter((n) => n.parent !== null).slice(1 - o.changed);
  const ids = [tree.nodes.find((n) => n.parent === null)!, ...others].map((n) => n.id);
  const me = {
    id: "bench",
    name: "Bench",
    pseudonym: "bench",
    role: "researcher",
  };
  const api = async (url: URL): Promise<unknown> => {
    if (url.pathname === "/api/me") return me;
    if (url.pathname.endsWith("/trace/experiment"))
      return getTracedExperiment(store.db, experiment);
    if (url.pathname.endsWith("/trace"))
      return tracePage(store.db, experiment, Number(url.searchParams.get("after")));
    return {};
  };
  const answer = async (route: Route) => {
    const url = new URL(route.request().url());
    if (url.pathname.startsWith("/api/")) return route.fulfill({ json: await api(url) });
    const file = path.extname(url.pathname) ? url.pathname : "/index.html";
    const contentType = types[path.extname(file)] ?? "application/octet-stream";
    return route.fulfill({ body: readFileSync(path.join(dist, file)), contentType });
  };
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(60_000);
  await page.addInitScript(clock);
  await page.route(`${origin}/**`, answer);
  await page.goto(`${origin}/studio/experiments/${experiment}/trace`);
  await page.getByRole("treeitem").nth(1).waitFor();
  const shown = async () => ((await page.evaluate("window.updates")) as number[]).length;
  for (let i = 0; i < o.times; i++) {
    const before = await shown();
    await store.db.run(
      sql`update node set brief = ${`change ${i} came in`}, seq = nextval('node_seq') where id = any(${ids})`,
    );
    await page.waitForFunction(`window.updates.length > ${before}`);
  }
  const updates = (await page.evaluate("window.updates")) as number[];
  await page.close();
  return updates;
}
