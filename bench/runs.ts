/**
 * The pages about runs over 200 runs of 2,000 steps and 50 metrics: what each page asks of the server, all of it, and the time
 * until the browser has drawn its charts. npm run bench -- runs --runs 200 --steps 2000 --metrics 50 --json
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import bundled from "@sparticuz/chromium";
import { chromium } from "playwright-core";
import { z } from "zod";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    steps: { type: "string", default: "2000" },
    metrics: { type: "string", default: "50" },
    json: { type: "boolean", default: false },
  },
});
const ROUNDS = 5;
const BOUND_MS = 300;
const COMPARED = 8;

const server = fork(
  fileURLToPath(new URL("../tests/fixtures/runs-server.ts", import.meta.url)),
  [flags.runs, flags.steps, flags.metrics],
  { stdio: ["ignore", "ignore", "inherit", "ipc"] },
);
const Ready = z.object({
  address: z.string(),
  session: z.string(),
  link: z.string(),
  names: z.array(z.string()),
  runs: z.array(z.string()),
});
const [said] = (await once(server, "message")) as [unknown];
const { address, session, link, names, runs } = Ready.parse(said);
const half = runs.filter((r) => r.startsWith("sweep.")).length;
const headers = { authorization: `Bearer ${session}`, "content-type": "application/json" };
interface Asked {
  readonly path: string;
  readonly body?: unknown;
}
async function ask({ path, body }: Asked): Promise<{ path: string; ms: number }> {
  const begun = performance.now();
  const reply = await fetch(`${address}/api/studio${path}`, {
    headers,
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  await reply.arrayBuffer();
  return {
    path: path.replace(/^\/experiments\/[^/?]+/, "/experiments/ID"),
    ms: performance.now() - begun,
  };
}
const at = (id: string, ...parts: string[]): Asked[] =>
  parts.map((p) => ({ path: `/experiments/${id}${p}` }));
const metrics = ["kl", "score", ...Array.from({ length: 48 }, (_, i) => `metric${i + 2}`)];
/** Of the charts that stand open: six groups of three of a run, six metrics of several over one another. */
const curves = (run: string): Asked => ({
  path: "/curves",
  body: { runs: [run], metrics: metrics.slice(0, 18), points: 400 },
});
const overlaid = (of: readonly string[]): Asked => ({
  path: "/curves",
  body: { runs: of, metrics: metrics.slice(0, 6), points: 200 },
});
const beside = names.slice(1, 1 + COMPARED);
const pages: Readonly<Record<string, readonly Asked[]>> = {
  "list of experiments": [{ path: "/experiments" }, { path: "/progress" }],
  "an experiment of one run": [
    ...at("single-0", "", "/runs", "/progress", "/raters"),
    curves(runs[half]!),
    { path: `/runs/${runs[half]!}/samples` },
    { path: `/runs/${runs[half]!}/histograms` },
  ],
  [`an experiment of ${half} runs`]: [
    ...at("sweep", "", "/runs", "/progress", "/raters"),
    ...runs.slice(half - 4, half).map(curves),
    { path: `/runs/${runs[0]!}/samples` },
  ],
  [`${COMPARED} experiments compared`]: [
    ...beside.flatMap((id) => at(id, "", "/runs", "/samples?limit=200")),
    overlaid(runs.slice(half, half + COMPARED)),
    { path: "/judged-pairs", body: { experiments: beside } },
  ],
};
const median = (xs: number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)]!;
interface Measured {
  readonly page: string;
  readonly requests: number;
  readonly ms: number;
  /** the request that took longest, and how long */
  readonly slowest: string;
  readonly slowestMs: number;
  readonly drawn: number;
}
const rows: Measured[] = [];
const system = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((p) => existsSync(p));
const browser = await chromium.launch({
  executablePath: system ?? (await bundled.executablePath()),
  args: ["--no-sandbox", "--disable-gpu"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
await page.goto(`${address}/sign-in?token=${link}`);
const addresses = [
  "/studio/experiments",
  "/studio/experiments/single-0",
  "/studio/experiments/sweep",
  `/studio/compare?ids=${encodeURIComponent(JSON.stringify(beside))}`,
];
for (const [i, [name, asked]] of Object.entries(pages).entries()) {
  const whole: number[] = [];
  const slowest: { path: string; ms: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    const each = await Promise.all(asked.map(ask));
    whole.push(performance.now() - begun);
    slowest.push(each.reduce((a, b) => (b.ms > a.ms ? b : a)));
  }
  const drawn: number[] = [];
  for (let round = 0; round < 3; round++) {
    const begun = performance.now();
    await page.goto(address + addresses[i]!);
    await page
      .locator(i ? ".chart canvas" : "li.experiment")
      .first()
      .waitFor();
    drawn.push(performance.now() - begun);
  }
  rows.push({
    page: name,
    requests: asked.length,
    ms: median(whole),
    slowest: slowest.toSorted((a, b) => a.ms - b.ms)[Math.floor(ROUNDS / 2)]!.path,
    slowestMs: median(slowest.map((r) => r.ms)),
    drawn: median(drawn),
  });
}
await browser.close();
server.disconnect();
if (flags.json) console.log(JSON.stringify({ ...flags, rows }));
else
  console.table(
    rows.map((r) => ({
      page: r.page,
      requests: r.requests,
      "all of them, ms": Math.round(r.ms),
      "the slowest, ms": Math.round(r.slowestMs),
      "the slowest": r.slowest,
      "drawn in Chromium, ms": Math.round(r.drawn),
      [`within ${BOUND_MS} ms`]: r.ms <= BOUND_MS ? "yes" : "no",
    })),
  );
