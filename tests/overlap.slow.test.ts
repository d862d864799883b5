/**
 * Two hundred clients on two server processes over one Postgres, and kill -9 of one server in the middle: every task
 * gets exactly its three judgments, by three people, no confirmed answer is lost, and every counter is right.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { comparison } from "../recipes/better-continuations/comparison.ts";
import { ExperimentId, NextReply, rng, SubmitReply } from "@tiller/schema";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, issueToken, openStore, sql, type Store } from "@tiller/store";
import { expireLeases, postBatch } from "@tiller/work";

const CLIENTS = 200;
const TASKS = 100;
const PEOPLE = 3;
const seed = Number(process.env["TILLER_TEST_SEED"] ?? 1);
const home = mkdtempSync(path.join(tmpdir(), "tiller-overlap-"));
const running = new Set<ChildProcess>();
let store: Store;

beforeAll(async () => {
  store = await openStore({ home, guest: true });
}, 120_000);
afterAll(async () => {
  for (const child of running) child.kill("SIGKILL");
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

async function startServer(port = 0): Promise<{ child: ChildProcess; address: string }> {
  const url = `postgres://${store.config.user}@localhost/${store.config.database}?host=${encodeURIComponent(String(store.config.host))}`;
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL("../apps/server/serve.ts", import.meta.url)),
      "--home",
      `${home}/server`,
      "--guest",
      "--port",
      String(port),
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, DATABASE_URL: url } },
  );
  running.add(child);
  child.once("exit", () => running.delete(child));
  for await (const line of createInterface({ input: child.stdout }))
    return { child, address: z.object({ address: z.string() }).parse(JSON.parse(line)).address };
  throw new Error("the server ended before it listened");
}

test(`200 clients, two servers, one killed, seed ${seed}`, async () => {
  const { db } = store;
  const experiment = ExperimentId.parse("overlap");
  await createExperiment(db, {
    id: experiment,
    recipe: "r@1",
    title: "t",
    seed: 1,
    config: {},
    stages: [],
  });
  const post = (id: string, tasks: number) =>
    postBatch(db, {
      id,
      experiment,
      type: comparison,
      people: PEOPLE,
      simulated: true,
      inputs: Array.from({ length: tasks }, (_, i) => ({
        id: `${i}`,
        input: {
          passage: `${id} ${i}`,
          a: { text: "x", sample: "1" },
          b: { text: "y", sample: "2" },
        },
      })),
    });
  await post("overlap/large", TASKS); // counts by ticks, then one by one
  await post("overlap/small", 10);
  const sessions: string[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const p = await ensurePerson(db, {
      id: `c${i}`,
      name: `C ${i}`,
      pseudonym: `c-${i}`,
      role: "rater",
      simulated: true,
    });
    sessions.push(await issueToken(db, p.id, "session"));
  }
  let a = await startServer();
  const b = await startServer();
  const confirmed = new Set<string>();
  const wanted = (TASKS + 10) * PEOPLE;
  const addresses = () => [a.address, b.address] as const;

  /** Tries until a server answers; a lost connection is tried again at the other. */
  const send = async (i: number, what: string, body: unknown): Promise<unknown> => {
    for (let attempt = 0; ; attempt++)
      try {
        const reply = await fetch(`${addresses()[(i + attempt) % 2]}/api/desk/${what}`, {
          method: "POST",
          headers: { authorization: `Bearer ${sessions[i]}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        });
        if (reply.status === 200) return await reply.json();
        if (reply.status < 500) throw new Error(`${what}: ${reply.status} ${await reply.text()}`);
      } catch (e) {
        if (!(e instanceof TypeError) || attempt > 200) throw e; // fetch failed: the server is gone
        await sleep(50);
      }
  };
  const client = async (i: number) => {
    const random = rng(seed, "client", i);
    for (let idle = 0; idle < 3;) {
      const next = NextReply.parse(await send(i, "next", {}));
      if (next.kind === "empty") {
        idle++;
        await sleep(20 + random.int(50));
        continue;
      }
      idle = 0;
      await sleep(random.int(40));
      const answer = {
        lease: next.lease.lease,
        value: { choice: random.choose(["a", "b", "tie"] as const) },
        activeSeconds: 1,
        idleSeconds: 0,
      };
      const replies = await Promise.all(
        random.next() < 0.1
          ? [send(i, "answers", answer), send(i, "answers", answer)] // an impatient double click
          : [send(i, "answers", answer)],
      );
      for (const r of replies) confirmed.add(SubmitReply.parse(r).answer);
    }
  };
  const kill = async () => {
    while (confirmed.size < wanted / 4) await sleep(20);
    a.child.kill("SIGKILL");
    await once(a.child, "exit");
    const again = await startServer();
    a = again;
  };
  await Promise.all([kill(), ...sessions.map((_, i) => client(i))]);
  // whoever was cut off between the reply and the next step holds a lease still: it comes back to them
  await expireLeases(db);
  await Promise.all(sessions.map((_, i) => client(i)));

  const Row = z.object({
    task: z.string(),
    taken: z.number(),
    answers: z.number(),
    people: z.number(),
    leases: z.number(),
  });
  const rows = await db.many(
    sql`select t.id as task, t.taken, count(a.id)::int as answers, count(distinct a.person)::int as people,
          (select count(*)::int from lease l where l.task = t.id and l.state in ('live', 'answered')) as leases
        from task t left join answer a on a.task = t.id and a.undone_at is null where t.batch like 'overlap/%' group by t.id`,
    Row,
  );
  expect(rows).toHaveLength(TASKS + 10);
  for (const r of rows)
    expect(r).toEqual({
      task: r.task,
      taken: PEOPLE,
      answers: PEOPLE,
      people: PEOPLE,
      leases: PEOPLE,
    });
  const stored = await db.many(
    sql`select id from answer where undone_at is null`,
    z.object({ id: z.string() }),
  );
  const ids = new Set(stored.map((s) => s.id));
  expect([...confirmed].filter((id) => !ids.has(id))).toEqual([]);
  const counts = await db.many(
    sql`select done, wanted from batch where id like 'overlap/%' order by id`,
    z.object({ done: z.number(), wanted: z.number() }),
  );
  expect(counts).toEqual([
    { done: TASKS * PEOPLE, wanted: TASKS * PEOPLE },
    { done: 10 * PEOPLE, wanted: 10 * PEOPLE },
  ]);
  const days = await db.value(
    sql`select sum(answered)::int from day_count where kind = ''`,
    z.number(),
  );
  expect(days).toBe(wanted);
  for (const { child } of [a, b]) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}, 400_000);
