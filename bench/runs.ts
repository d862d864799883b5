/**
 * The pages about runs over 200 runs of 2,000 steps and 50 metrics: what each page asks of the server, all of it, and the time
 * until the browser has drawn its charts. npm run bench -- runs --runs 200 --steps 2000 --metrics 50 --json
 */
import { parseArgs } from "node:util";
import {
  ExperimentId,
  type MetricDefs,
  metric,
  RunId,
  type Sample,
  type SampleToken,
} from "@tiller/schema";
import { addDistributions, addSamples, createExperiment, endRun, startRun } from "@tiller/lab";
import { ensurePerson, issueToken, sql } from "@tiller/store";
import { launchBrowser } from "../tests/browser/launch.ts";
import { openServer } from "../tests/fixtures/server.ts";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    steps: { type: "string", default: "2000" },
    metrics: { type: "string", default: "50" },
    json: { type: "boolean", default: false },
  },
});
const [RUNS, STEPS, METRICS] = [flags.runs, flags.steps, flags.metrics].map(Number) as [
  number,
  number,
  number,
];
const ROUNDS = 5;
const BOUND_MS = 300;
const COMPARED = 8;

await using site = await openServer({ pages: true });
const { store, address } = site;
const { db } = store;

const defs: MetricDefs = Object.fromEntries(
  Array.from({ length: METRICS }, (_, i) => [
    i === 0 ? "kl" : i === 1 ? "score" : `metric${i}`,
    metric(`line ${i}`, `group ${Math.floor(i / 3)}`, { better: i === 1 ? "up" : null }),
  ]),
);
/** Half of the runs are in one experiment, a sweep; the others have one each. */
const half = Math.floor(RUNS / 2);
const names = ["sweep", ...Array.from({ length: RUNS - half }, (_, i) => `single-${i}`)];
const runs: RunId[] = [];
for (const id of names) {
  const about = { id, recipe: "bench@1", title: id, seed: 1, config: { lr: id }, stages: [] };
  await createExperiment(db, about);
  for (let k = 0; k < (id === "sweep" ? half : 1); k++) {
    const run = RunId.parse(`${id}.policy-${k}`);
    const of = { id: run, experiment: ExperimentId.parse(id), kind: "ppo", codeRevision: "bench" };
    await startRun(db, { ...of, config: {}, inputs: [], metrics: defs });
    await endRun(db, run, { state: "done" });
    runs.push(run);
  }
}
await db.run(sql`create temporary table shape on commit preserve rows as
  select s as step, jsonb_object_agg(name, sin(s / 50.0 + ord) + random()) as "values"
  from generate_series(1, ${STEPS}) s, unnest(${Object.keys(defs)}::text[]) with ordinality as k(name, ord) group by s`);
await db.run(
  sql`insert into metric (run, step, "values") select r, s.step, s."values" from unnest(${runs}::text[]) r, shape s`,
);
await db.run(sql`analyze metric`);
const token: SampleToken = { text: " sea", logprob: -1, refLogprob: -1.2, value: 0.1, reward: 0.2 };
for (const run of [runs[0]!, ...runs.slice(half, half + COMPARED)]) {
  const samples = Array.from({ length: STEPS / 5 }, (_, i) =>
    Array.from({ length: 4 }, (_, k): Sample => ({
      id: `${run}-${i * 5}-${k}`,
      run,
      checkpoint: null,
      step: i * 5,
      prompt: `The prompt number ${k} of those that come again at every step of it.`,
      text: " and the sea was calm as far as anybody on the deck could see, so they slept.",
      scores: { reward: 1 },
      pick: "fixed",
      tokens: Array.from({ length: 28 }, () => token),
    })),
  ).flat();
  await addSamples(db, samples);
  await addDistributions(
    db,
    run,
    Array.from({ length: STEPS / 5 }, (_, i) => ({
      step: i * 5,
      name: "score",
      values: Array.from({ length: 64 }, () => Math.random()),
    })),
  );
}

const ruth = await ensurePerson(db, {
  id: "ruth",
  name: "Ruth",
  pseudonym: "researcher-1",
  role: "researcher",
});
const session = await issueToken(db, ruth.id, "session");
const headers = { authorization: `Bearer ${session}`, "content-type": "application/json" };
interface Asked {
  readonly path: string;
  readonly body?: unknown;
}
async function ask({ path, body }: Asked): Promise<number> {
  const begun = performance.now();
  const reply = await fetch(`${address}/api/studio${path}`, {
    headers,
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  await reply.arrayBuffer();
  return performance.now() - begun;
}
const at = (id: string, ...parts: string[]): Asked[] =>
  parts.map((p) => ({ path: `/experiments/${id}${p}` }));
const curves = (of: readonly string[]): Asked => ({
  path: "/curves",
  body: { runs: of, points: 400 },
});
const beside = names.slice(1, 1 + COMPARED);
const pages: Readonly<Record<string, readonly Asked[]>> = {
  "list of experiments": [{ path: "/experiments" }, { path: "/progress" }],
  "an experiment of one run": [
    ...at("single-0", "", "/runs", "/progress", "/raters"),
    curves([runs[half]!]),
    { path: `/runs/${runs[half]!}/samples` },
    { path: `/runs/${runs[half]!}/histograms` },
  ],
  [`an experiment of ${half} runs`]: [
    ...at("sweep", "", "/runs", "/progress", "/raters"),
    ...runs.slice(half - 4, half).map((r) => curves([r])),
    { path: `/runs/${runs[0]!}/samples` },
  ],
  [`${COMPARED} experiments compared`]: [
    ...beside.flatMap((id) => at(id, "", "/runs", "/samples?limit=200")),
    curves(runs.slice(half, half + COMPARED)),
    { path: "/judged-pairs", body: { experiments: beside } },
  ],
};
const median = (xs: number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)]!;
const rows: { page: string; requests: number; ms: number; slowest: number; drawn: number }[] = [];
const browser = await launchBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
await page.goto(`${address}/sign-in?token=${await issueToken(db, ruth.id, "link")}`);
const addresses = [
  "/studio/experiments",
  "/studio/experiments/single-0",
  "/studio/experiments/sweep",
  `/studio/compare?ids=${encodeURIComponent(JSON.stringify(beside))}`,
];
for (const [i, [name, asked]] of Object.entries(pages).entries()) {
  const whole: number[] = [];
  const slowest: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    const each = await Promise.all(asked.map(ask));
    whole.push(performance.now() - begun);
    slowest.push(Math.max(...each));
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
    slowest: median(slowest),
    drawn: median(drawn),
  });
}
await browser.close();
if (flags.json) console.log(JSON.stringify({ runs: RUNS, steps: STEPS, metrics: METRICS, rows }));
else
  console.table(
    rows.map((r) => ({
      page: r.page,
      requests: r.requests,
      "all of them, ms": Math.round(r.ms),
      "the slowest, ms": Math.round(r.slowest),
      "drawn in Chromium, ms": Math.round(r.drawn),
      [`within ${BOUND_MS} ms`]: r.ms <= BOUND_MS ? "yes" : "no",
    })),
  );
