/** Servers and a clock that is set, or a machine that slept: who is dead. Takes the twenty seconds of patience with Postgres. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { lockExecutor, pulseExecutor, registerExecutor } from "./executors.ts";
import { openStore, sql, type Store } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-clock-"));
let store: Store;
let other: pg.Client;
beforeAll(async () => {
  store = await openStore({ home });
  other = new pg.Client(store.config);
  await other.connect();
  for (const id of ["me", "living", "gone"]) await registerExecutor(store.db, id);
  await lockExecutor(other, "living");
}, 60_000);
afterAll(async () => {
  await other?.end();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});
const seen = (id: string, by: string) =>
  store.db.run(sql`update executor set seen_at = now() + ${by}::interval where id = ${id}`);
const pulse = async () => (await pulseExecutor(store.db, "me", { alone: false })).dead;

test("a clock that is set forward, or a machine that slept, makes no living server dead", async () => {
  // Postgres itself must look older than the patience with it
  await expect
    .poll(
      () =>
        store.db.value(
          sql`select pg_postmaster_start_time() < now() - interval '21 seconds'`,
          z.boolean(),
        ),
      { timeout: 30_000, interval: 500 },
    )
    .toBe(true);
  for (const id of ["me", "living"]) await seen(id, "-1 day");
  await seen("gone", "0 seconds");
  expect(await pulse()).toEqual([]); // it was silent itself
  await seen("living", "0 seconds"); // which speaks as well
  expect(await pulse()).toEqual([]);
  await seen("living", "-30 seconds"); // silent among others that speak
  expect(await pulse()).toEqual(["living"]);
}, 60_000);

test("one that died before the clock was set back is found", async () => {
  await seen("gone", "1 hour");
  expect(await pulse()).toEqual(["gone"]);
});
