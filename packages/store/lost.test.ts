/** Connections cut in the middle and a Postgres that goes away: what waits, what fails, and what is tried again. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { isLost, openStore, patient, sql, type Store } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-lost-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
}, 60_000);
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});
/** Ends every connection of the pool but the one that asks. */
const cut = () =>
  store.db.run(
    sql`select pg_terminate_backend(pid) from pg_stat_activity where query like '%cut me%' and pid <> pg_backend_pid()`,
  );
const one = z.number();

test("a statement whose connection is cut fails with an error that is known; done again it succeeds", async () => {
  let tries = 0;
  const slow = () => {
    tries++;
    return store.db.value(sql`select 1 as "cut me" from pg_sleep(${tries === 1 ? 20 : 0})`, one);
  };
  const result = patient(slow);
  await new Promise((r) => setTimeout(r, 300));
  await cut();
  expect(await result).toBe(1);
  expect(tries).toBe(2);
});

test("a connection cut between the statements of a transaction ends no process", async () => {
  const failed = store.db.transaction(async (tx) => {
    await tx.value(sql`select 1 as "cut me"`, one);
    await cut();
    await new Promise((r) => setTimeout(r, 300)); // its end arrives while nothing is asked
    await tx.value(sql`select 2`, one);
  });
  expect(isLost(await failed.catch((e: unknown) => e))).toBe(true);
  expect(await store.db.value(sql`select 3`, one)).toBe(3);
});

test("while Postgres is away, whoever wants a connection waits for it", async () => {
  const pid = readFileSync(path.join(home, "postgres/data/postmaster.pid"), "utf8").split("\n")[0];
  process.kill(Number(pid), "SIGINT");
  await expect.poll(() => store.pool.idleCount, { interval: 20 }).toBe(0);
  const all = await Promise.all([4, 5, 6].map((n) => store.db.value(sql`select ${n}::int`, one)));
  expect(all).toEqual([4, 5, 6]);
}, 60_000);

test("an error of the statement itself, or of another's connection, is not that", async () => {
  const wrong = await store.db.value(sql`select 1 / 0`, one).catch((e: unknown) => e);
  expect(isLost(wrong)).toBe(false);
  const elsewhere = await fetch("http://127.0.0.1:9").catch((e: unknown) => e);
  expect(isLost(elsewhere)).toBe(false);
  expect(isLost(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe(false);
});
