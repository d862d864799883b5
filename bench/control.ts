/**
 * The control room's pages over a million tasks: requests one after the other over HTTP, the shared snapshot's second
 * waited out each time, so that every one is computed. Run: npm run bench -- control [--tasks 1000000] [--json]
 */
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { serve } from "@hono/node-server";
import { comparison } from "@tiller/crowd";
import { launchFlow } from "@tiller/flow";
import { ExperimentId } from "@tiller/schema";
import { createApp } from "@tiller/server/app.ts";
import { serverModels } from "@tiller/server/engine.ts";
import { SamplerPool } from "@tiller/server/sampler.ts";
import {
  createExperiment,
  ensurePerson,
  issueToken,
  openStore,
  postBatch,
  sql,
} from "@tiller/store";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    tasks: { type: "string", default: "1000000" },
    json: { type: "boolean", default: false },
  },
});
const tasks = Number(values.tasks);
const PEOPLE = 1000;
const BATCHES = 30;
const ROUNDS = 12;

const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-control-"));
const store = await openStore({ home });
const flow = await launchFlow({ store, workflows: [], codeRevision: "bench" });
const sampler = new SamplerPool();
const { db } = store;
for (let e = 0; e < 3; e++) {
  const experiment = ExperimentId.parse(`bench-${e}`);
  await createExperiment(db, {
    id: experiment,
    recipe: "bench@1",
    title: `Bench ${e}`,
    seed: 1,
    config: {},
    stages: [],
  });
  for (let b = 0; b < BATCHES / 3; b++)
    await postBatch(db, { id: `b${e}-${b}`, experiment, type: comparison, people: 3, inputs: [] });
}
const batch = sql`'b' || (n % 3) || '-' || (n / 3 % ${BATCHES / 3}::int)`;
await db.run(
  sql`insert into task (id, batch, place, type, type_version, input, people, lane)
      select 't' || n, ${batch}, n, ${comparison.name}, ${comparison.version}, '{"passage": "p", "a": {"text": "a", "sample": "a"}, "b": {"text": "b", "sample": "b"}}', 3, (select id from lane where kind = ${comparison.name} limit 1)
      from generate_series(0, ${tasks}::int - 1) n`,
);
await db.run(sql`update batch set wanted = ${Math.floor((3 * tasks) / BATCHES)}`);
await db.run(
  sql`insert into person (id, name, pseudonym, role, paid) select 'p' || n, 'P', 'rater-' || n, 'rater', true from generate_series(1, ${PEOPLE}::int) n`,
);
const answers = Math.floor(tasks / 5);
await db.run(
  sql`insert into lease (id, task, person, swap, state, expires_at, created_at)
      select 'l' || n, 't' || (n / 2), 'p' || (1 + (n * 7) % ${PEOPLE}::int), false, 'answered', now(), now() - interval '1 hour' from generate_series(0, ${answers}::int - 1) n`,
);
await db.run(
  sql`insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds)
      select 'a' || n, 't' || (n / 2), 'l' || n, 'p' || (1 + (n * 7) % ${PEOPLE}::int), '{"choice": "a"}', false, 30, 1 from generate_series(0, ${answers}::int - 1) n`,
);
await db.run(
  sql`insert into day_count (person, kind, day, taken, answered, seconds)
      select person, k.kind, (now() at time zone 'utc')::date, count(*), count(*), sum(active_seconds) from answer cross join (values (''), (${comparison.name})) k(kind) group by 1, 2`,
);
await db.run(sql`vacuum analyze`);

const server = serve({
  fetch: createApp({
    store,
    flow,
    sampler,
    models: serverModels({ store, sampler }),
    pending: new Set(),
    web: home,
  }).fetch,
  port: 0,
});
const admin = await ensurePerson(db, { id: "admin", name: "A", pseudonym: "admin", role: "admin" });
const authorization = `Bearer ${await issueToken(db, admin.id, "session")}`;
const rows = [];
for (const page of [
  "/api/control",
  "/api/people",
  "/api/pay?from=2020-01-01&to=2040-01-01",
  "/api/people/audit",
  "/api/control/answers/p1",
]) {
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    if (page === "/api/control") await new Promise((r) => setTimeout(r, 1100));
    const start = performance.now();
    const reply = await fetch(`http://localhost:${(server.address() as AddressInfo).port}${page}`, {
      headers: { authorization },
    });
    await reply.text();
    if (!reply.ok) throw new Error(`${page}: ${reply.status}`);
    times.push(performance.now() - start);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const row = { page, first: times[0]!, p50: sorted[ROUNDS / 2]!, max: sorted.at(-1)! };
  rows.push(row);
  console.error(
    `${page.padEnd(42)} first ${row.first.toFixed(0)} ms, median ${row.p50.toFixed(0)} ms, longest ${row.max.toFixed(0)} ms`,
  );
}
if (values.json) console.log(JSON.stringify({ tasks, people: PEOPLE, answers, rows }));
sampler[Symbol.dispose]();
server.close();
await flow.close();
await store.close();
rmSync(home, { recursive: true, force: true });
process.exit(0);
