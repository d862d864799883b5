/** One limit for all processes: two clients on one database ask an endpoint no faster than one may; and the studio sees both. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { prompt } from "@tiller/schema";
import { openStore, sql, type Store } from "@tiller/store";
import { ModelsConfig } from "./config.ts";
import { says, scripted } from "./fixtures/endpoint.ts";
import { busyModels, openModelClient } from "./index.ts";
import { sharedRate } from "./shared-rate.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-rate-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
}, 120_000);
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});
const never = new AbortController().signal;

test("two clients together send no more than the limit lets one", async () => {
  await using at = await scripted(says("yes"));
  const config = ModelsConfig.parse({
    critic: {
      kind: "openai",
      baseURL: at.baseURL,
      model: "m",
      requestsPerMinute: 600,
      concurrency: 64,
    },
  });
  const clients = [0, 1].map(() => openModelClient({ config, db: store.db }));
  const began = Date.now();
  const calls = clients.flatMap((client, c) =>
    Array.from({ length: 60 }, (_, n) =>
      client.call("critic", prompt`${c} ${n}`, { cache: false }),
    ),
  );
  await Promise.all(calls);
  const times = at.asked.map((x) => x.at).toSorted((x, y) => x - y);
  expect(times.length).toBe(120);
  // a burst of ten seconds' worth, then ten a second; one that left in time may arrive late, never early
  const tooEarly = times.filter((t, n) => n + 1 > 100 + (10 * (t - began)) / 1000 + 2);
  expect(tooEarly).toEqual([]);
}, 60_000);

test("tokens are settled by what was really used, and a pause holds for all", async () => {
  const one = () => sharedRate(store.db, "tokens", { tokensPerMinute: 6000 })!;
  const [a, b] = [one(), one()]; // 100 a second, 1000 at once
  const left = () =>
    store.db.value(sql`select tokens from model_rate where model = 'tokens'`, z.number());
  await a.take(900, never);
  expect(await left()).toBe(100);
  await a.settle(-500); // it used 400
  expect(await left()).toBe(600);
  await b.take(600, never);
  expect(await left()).toBeLessThan(400);
  const began = performance.now();
  await a.pause(600);
  await b.take(1, never);
  expect(performance.now() - began).toBeGreaterThan(550);
  await b.settle(3000); // far more than was thought: a debt
  const abort = AbortSignal.timeout(100);
  await expect(a.take(1, abort)).rejects.toThrow(/timeout|aborted/i);
  const alone = sharedRate(store.db, "clock", { requestsPerMinute: 60 })!;
  await alone.take(1, never);
  await store.db.run(sql`update model_rate set at = at + interval '1 day' where model = 'clock'`); // a clock that was set back
  await alone.take(1, never);
});

test("the studio sees calls that another process has under way", async () => {
  let answer = () => {};
  const waiting = new Promise<void>((resolve) => (answer = resolve));
  await using at = await scripted(async (r, asked) => {
    await waiting;
    await says("yes")(r, asked);
  });
  const config = ModelsConfig.parse({
    slow: { kind: "openai", baseURL: at.baseURL, model: "m", concurrency: 2 },
  });
  const client = openModelClient({ config, db: store.db });
  const calls = [1, 2, 3].map((n) => client.call("slow", prompt`${n}`, { cache: false }));
  await expect
    .poll(async () => (await busyModels(store.db)).get("slow"), { timeout: 20_000 })
    .toEqual({ running: 2, waiting: 1, places: 2, pausedMs: 0 });
  answer();
  await Promise.all(calls);
  await expect
    .poll(async () => (await busyModels(store.db)).get("slow"), { timeout: 20_000 })
    .toBeUndefined();
}, 60_000);
