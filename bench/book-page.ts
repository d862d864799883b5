/**
 * The page of a book of about 2,000 nodes and a megabyte, the built page in Chromium with its requests answered here: how long until it can
 * be read, the time between two frames while each column is scrolled through, and how far what is read moves when a live update makes
 * everything above it longer. Run: npm run build:web && node bench/book-page.ts
 */
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import bundled from "@sparticuz/chromium";
import { chromium, type Route } from "playwright-core";
import { planOf } from "@tiller/book";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { sentencesOf } from "@tiller/book/support.ts";
import type { TreeDetail, TreeNode, TreeScore } from "@tiller/schema";
import { measure } from "@tiller/task";

const dist = fileURLToPath(new URL("../apps/web/dist", import.meta.url));
const origin = "http://tiller.test";
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
};
const at = "2026-11-28T08:00:00.000Z";

const text = aStory(7, 1100);
const plan = planOf(text, { window: 700, seed: 1, count: measure.tokens });
const said = new Map<string, string>();
const nodes: TreeNode[] = plan.levels.flat().map((n, i) => {
  const from = n.span
    ? text.slice(n.span.from, n.span.to)
    : n.children.map((c) => said.get(c)!.split(". ").slice(0, 2).join(". ")).join(" ");
  const some = sentencesOf(from).slice(0, n.span ? 2 : 6);
  said.set(n.id, some.map((s) => from.slice(s.from, s.to)).join(" "));
  return {
    node: n.id,
    parent: n.parent ?? null,
    starts: n.span?.from ?? null,
    ends: n.span?.to ?? null,
    cap: n.cap,
    people: i % 3 === 0,
    standing: i % 50 === 0 ? "drifted" : "current",
    trouble: null,
    text: said.get(n.id)!,
    author: i % 3 === 0 ? { kind: "person", name: "p-ann" } : { kind: "policy", name: "small" },
    at,
    versions: 1,
    seq: i + 1,
  };
});
const detail: TreeDetail = {
  tree: "t",
  name: "A megabyte",
  state: "whole",
  why: "",
  version: 1,
  experiment: "",
  nodes: nodes.length,
  written: nodes.length,
  madeAt: at,
  about: null,
  settings: {
    window: 700,
    seed: 1,
    context: "strict",
    instructions: "",
    temperature: 0,
    price: { prompt: 0, completion: 0 },
    people: { share: 0.3, heights: [], nodes: [] },
    parallel: 16,
    budgets: [],
  },
  caps: plan.levels.map((l) => l[0]!.cap),
  used: { tokens: 0, money: 0, answers: 0 },
  left: {
    nodes: 0,
    people: { nodes: 0, minutes: 0 },
    policy: { nodes: 0, tokens: 0, money: 0 },
  },
  lacks: [],
  best: [plan.root.id],
};
/** A live update: every node says more than it did, and is newer. */
let longer = false;
const grown = () =>
  nodes.map((n) => ({
    ...n,
    text: `${n.text} It was told again. ${n.text}`,
    seq: n.seq + nodes.length,
  }));
const me = { id: "bench", name: "Bench", pseudonym: "bench", role: "lead" };
const unchecked: TreeScore = { claims: [], coherence: [], agreement: null, judged: 0, older: 0 };
const api = (url: URL): unknown => {
  if (url.pathname === "/api/me") return me;
  if (url.pathname.endsWith("/text")) return { text };
  if (url.pathname.endsWith("/score")) return unchecked;
  if (url.pathname.endsWith("/nodes")) {
    const after = Number(url.searchParams.get("after") ?? 0);
    const now = longer ? grown() : nodes;
    return { nodes: now.filter((n) => n.seq > after), seq: now.at(-1)!.seq };
  }
  return url.pathname === "/api/trees/t" ? detail : {};
};
const answer = (route: Route) => {
  const url = new URL(route.request().url());
  if (url.pathname.startsWith("/api/")) return route.fulfill({ json: api(url) });
  const file = path.extname(url.pathname) ? url.pathname : "/index.html";
  const body = readFileSync(path.join(dist, file));
  return route.fulfill({ body, contentType: types[path.extname(file)] ?? "font/woff2" });
};
/** In the page: a column scrolled to its end in 240 frames; milliseconds between frames. */
const scrolled = (column: string) => `new Promise((done) => {
  const e = document.querySelector(${JSON.stringify(column)});
  const steps = 240, times = [];
  let last, i = 0;
  const frame = (now) => {
    if (last !== undefined) times.push(now - last);
    last = now;
    e.scrollTop = (e.scrollHeight * ++i) / steps;
    if (i < steps) requestAnimationFrame(frame);
    else done(times.sort((a, b) => a - b));
  };
  requestAnimationFrame(frame);
})`;

const browser = await chromium.launch({
  executablePath: await bundled.executablePath(),
  args: ["--no-sandbox", "--disable-gpu"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
await page.route(`${origin}/**`, answer);
const began = performance.now();
await page.goto(`${origin}/books/t`);
await page.locator("article.book-node").first().waitFor();
await page.locator(".book-passage").first().waitFor();
const read = performance.now() - began;
// everything open, so that the tree's column is as long as it can be
for (let more = true; more;) {
  const button = page.getByRole("button", { name: "open all" });
  more = (await button.count()) > 0;
  if (more) await button.click();
}
const lines: string[] = [];
for (const column of [".book-tree > section", ".book-text"]) {
  const times = (await page.evaluate(scrolled(column))) as number[];
  const share = (q: number) => times[Math.min(times.length - 1, Math.floor(q * times.length))]!;
  lines.push(
    `| ${column} | ${share(0.5).toFixed(0)} | ${share(0.95).toFixed(0)} | ${times.at(-1)!.toFixed(0)} |`,
  );
}
/** In the page: the summary at the upper edge of what is seen, and where it begins. */
const seen = (name?: string) => `(() => {
  const list = document.querySelector(".book-tree > section"), top = list.getBoundingClientRect().top;
  const rows = [...list.querySelectorAll("article.book-node")].map((e) => ({
    name: e.querySelector("h2").textContent, top: e.getBoundingClientRect().top - top, end: e.getBoundingClientRect().bottom - top }));
  return rows.find((r) => ${name === undefined ? "r.end > 0" : `r.name === ${JSON.stringify(name)}`});
})()`;
type Seen = { name: string; top: number };
await page.evaluate(
  `(() => { const e = document.querySelector(".book-tree > section"); e.scrollTop = e.scrollHeight / 2; })()`,
);
await page.waitForTimeout(1000);
const before = (await page.evaluate(seen())) as Seen;
longer = true;
await page.getByText("It was told again.").first().waitFor();
await page.waitForTimeout(500);
const after = (await page.evaluate(seen(before.name))) as Seen | undefined;
const moved =
  after === undefined ? "out of sight" : `by ${Math.abs(after.top - before.top).toFixed(0)} pixels`;
const elements = (await page.evaluate(`document.querySelectorAll("*").length`)) as number;
console.log(`${os.cpus()[0]!.model}, ${os.cpus().length} cores, load ${os.loadavg()[0]!.toFixed(1)}
${nodes.length} nodes, ${(text.length / 1e6).toFixed(2)} million characters; ${read.toFixed(0)} ms until both columns can be read; ${elements} elements

| column scrolled through | ms a frame, median | 95 % | longest |
|---|---|---|---|
${lines.join("\n")}

A live update that makes every summary longer moves the one at the upper edge ${moved}.`);
await browser.close();
