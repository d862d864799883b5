/** A server whose connections are all at work still says that it lives. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, test } from "vitest";
import { BEAT_MS, openStore } from "@tiller/store";
import { launchFlow } from "./index.ts";

test("beats wait for no connection that work holds", async () => {
  const home = mkdtempSync(path.join(tmpdir(), "tiller-life-"));
  const store = await openStore({ home });
  const flow = await launchFlow({ store, workflows: [], codeRevision: "test" });
  const look = new pg.Client(store.config);
  await look.connect();
  const held = await Promise.all(
    Array.from({ length: store.pool.options.max }, () => store.pool.connect()),
  );
  try {
    const silent = async () => {
      const { rows } = await look.query<{ s: number }>(
        "select extract(epoch from now() - seen_at)::float8 as s from executor where dead_at is null",
      );
      return rows[0]!.s;
    };
    await sleep(5 * BEAT_MS);
    expect(await silent()).toBeLessThan((4 * BEAT_MS) / 1000);
  } finally {
    for (const client of held) client.release();
    await look.end();
    await flow.close();
    await store.close();
    rmSync(home, { recursive: true, force: true });
  }
}, 120_000);
