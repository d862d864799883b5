/**
 * Several servers on one database: what a dead one left is taken over wherever it died, what a paused one still does
 * counts for nothing, and a server without the code of what is parked leaves it alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { faultPoints, launchFlow } from "@tiller/flow";
import { says, type Scripted, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { PersonId } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { submitAnswer, takeLease } from "@tiller/work";
import { said, size } from "./faults/tree.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-servers-"));
const script = fileURLToPath(new URL("./faults/server.ts", import.meta.url));
let store: Store;
let databaseUrl: string;
let endpoint: Scripted;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  store = await openStore({ home });
  databaseUrl = `postgres://tiller@${encodeURIComponent(String(store.config.host))}/postgres`;
  endpoint = await scripted(says("the oracle has spoken"));
  await store.db.run(sql`create table effect (key text not null)`);
  await ensurePerson(store.db, { id: "p", name: "P", pseudonym: "rater-p", role: "rater" });
}, 60_000);
afterAll(async () => {
  for (const c of children) {
    c.kill("SIGCONT");
    c.kill("SIGKILL");
  }
  await store.close();
  await endpoint[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

function serve(args: string[] = [], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [script, home, endpoint.baseURL, ...args], {
    env: { ...process.env, DATABASE_URL: databaseUrl, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let error = "";
  child.stderr.on("data", (b: Buffer) => (error += b.toString()));
  const executor = new Promise<string>((resolve) =>
    child.stdout.once("data", (b: Buffer) => resolve(b.toString().trim())),
  );
  const ended = new Promise<{ end: number | string | null; error: string }>((resolve) =>
    child.once("close", (code, signal) => resolve({ end: signal ?? code, error })),
  );
  return { child, executor, ended };
}
/** Answers whatever there is until all these experiments have ended; what they returned. */
async function work(ids: readonly string[]): Promise<unknown[]> {
  const me = PersonId.parse("p");
  const Row = z.object({ state: z.string(), result: z.unknown() });
  for (;;) {
    const rows = await store.db.many(
      sql`select state, result from experiment where id = any(${[...ids]}) order by id`,
      Row,
    );
    if (rows.length === ids.length && rows.every((r) => r.state !== "running"))
      return rows.map((r) => r.result);
    const lease = await takeLease(store.db, me, { swap: false });
    if (!lease) {
      await new Promise((r) => setTimeout(r, 50));
      continue;
    }
    const value = { number: said(z.object({ at: z.string() }).parse(lease.input).at) };
    await submitAnswer(store.db, me, {
      lease: lease.lease,
      value,
      activeSeconds: 1,
      idleSeconds: 0,
    });
  }
}
/** A tree of this depth by hand: what people and the model say at every node. */
const expected = (depth: number, at = "r"): number =>
  said(at) +
  "the oracle has spoken".length +
  (depth ? expected(depth - 1, `${at}l`) + expected(depth - 1, `${at}r`) : 0);

test("whatever point a server dies at, another ends its experiment: every question asked once, every effect under one key", async () => {
  await serve().executor;
  const ids = faultPoints.map((_, i) => `dies-${i}`);
  const dying = faultPoints.map((point, i) => serve([ids[i]!, "1"], { TILLER_FAULT: point }).ended);
  // a server that dies before anybody has answered needs people at work first
  const results = work(ids);
  for (const [i, end] of (await Promise.all(dying)).entries())
    expect([faultPoints[i], end.end]).toEqual([faultPoints[i], "SIGKILL"]);
  expect(await results).toEqual(ids.map(() => expected(1)));
  const books = await store.db.one(
    sql`select (select count(*)::int from task) as tasks, (select count(*)::int from answer) as answers, (select count(distinct key)::int from effect) as keys`,
    z.object({ tasks: z.number(), answers: z.number(), keys: z.number() }),
  );
  const nodes = ids.length * size(1);
  expect(books).toEqual({ tasks: nodes, answers: nodes, keys: nodes });
}, 180_000);

test("a paused server's work goes to another within half a minute; awake again, it stops and has written nothing", async () => {
  const paused = serve(["paused", "1"]);
  const id = await paused.executor;
  const owners = () =>
    store.db.many(
      sql`select distinct executor_id as id from dbos.workflow_status where starts_with(workflow_uuid, 'paused') and status = 'PENDING'`,
      z.object({ id: z.string() }),
    );
  await expect.poll(async () => (await owners()).map((o) => o.id)).toContain(id);
  paused.child.kill("SIGSTOP");
  const began = Date.now();
  await expect
    .poll(
      async () =>
        (await owners()).some((o) => o.id !== id) && (await owners()).every((o) => o.id !== id),
      { timeout: 60_000 },
    )
    .toBe(true);
  console.log(`taken over after ${((Date.now() - began) / 1000).toFixed(1)} s`);
  // all that is on record of the experiment; nobody answers, so whoever took it over comes to rest as well
  const record = () =>
    store.db.value(
      sql`select jsonb_build_array(
            (select jsonb_agg(to_jsonb(n) order by id) from node n where experiment = 'paused'),
            (select jsonb_agg(to_jsonb(w) - 'updated_at' order by workflow_uuid) from dbos.workflow_status w where starts_with(workflow_uuid, 'paused')),
            (select jsonb_agg(to_jsonb(s) order by workflow_uuid, function_id) from dbos.operation_outputs s where starts_with(workflow_uuid, 'paused')),
            (select count(*) from effect where starts_with(key, 'paused')))`,
      z.array(z.unknown()),
    );
  let before = await record();
  await expect
    .poll(
      async () => {
        const earlier = before;
        before = await record();
        const rests = JSON.stringify(before) === JSON.stringify(earlier);
        return rests && JSON.stringify(before).includes('"state":"waiting"');
      },
      { interval: 2000, timeout: 30_000 },
    )
    .toBe(true);
  paused.child.kill("SIGCONT");
  expect(await paused.ended).toEqual({
    end: 1,
    error: expect.stringContaining("silent for so long") as string,
  });
  expect(await record()).toEqual(before);
  expect(await work(["paused"])).toEqual([expected(1)]);
}, 180_000);

test("a server without the code of what is parked starts, and leaves it to the one that has it", async () => {
  const parked = serve(["parked", "0"]);
  await parked.executor;
  await expect
    .poll(() =>
      store.db.value(sql`select count(*)::int from batch where experiment = 'parked'`, z.number()),
    )
    .toBe(1);
  const other = await openStore({ home, databaseUrl });
  const lines: string[] = [];
  const flow = await launchFlow({
    store: other,
    workflows: [],
    codeRevision: "test",
    onAside: (l) => lines.push(...l),
  });
  parked.child.kill("SIGKILL"); // its work may come to the one without the code, which has to pass it on
  await parked.ended;
  await serve().executor;
  expect(await work(["parked"])).toEqual([expected(0)]);
  expect(lines.filter((l) => !l.includes("goes on"))).toEqual([]);
  await flow.close();
  await other.close();
}, 120_000);
