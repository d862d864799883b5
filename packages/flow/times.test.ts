/** A clock that is set, seen from the rows: times of before lie in the future, or a day ago. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentId } from "@tiller/schema";
import { openStore, sql, type Store, takeGuess } from "@tiller/store";
import { cancelNodes, writeNodes } from "./nodes.ts";
import { createExperiment, endExperiment } from "@tiller/lab";

const home = mkdtempSync(path.join(tmpdir(), "tiller-clock-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
}, 60_000);
afterAll(async () => {
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});
test("guesses at a door fill up again though the clock was set back", async () => {
  const door = [{ rate: "address", key: "k" } as const];
  while ((await takeGuess(store.db, door)) === 0);
  await store.db.run(sql`update attempt set left_over = 1`);
  await store.db.run(sql`update attempt set at = now() + interval '1 hour'`);
  expect(await takeGuess(store.db, door)).toBe(0);
});

test("nothing ends before it began", async () => {
  const experiment = ExperimentId.parse("early");
  const row = { id: experiment, recipe: "r@1", title: "t", seed: 1, config: {}, stages: [] };
  await createExperiment(store.db, row);
  await store.db.run(
    sql`update experiment set started_at = now() + interval '1 hour' where id = ${experiment}`,
  );
  const startedAt = new Date(Date.now() + 3_600_000).toISOString();
  const node = { experiment, parent: null, kind: "step", name: "s", place: 0, startedAt } as const;
  const running = { ...node, state: "running", endedAt: null, replayed: false } as const;
  await writeNodes(
    store.db,
    ["early/a", "early/b"].map((id) => ({ ...running, id })),
  );
  const endedAt = new Date().toISOString();
  await writeNodes(store.db, [{ ...running, id: "early/a", state: "done", endedAt }]);
  await cancelNodes(store.db, "early/b", "no more");
  await endExperiment(store.db, "early", { state: "cancelled", error: "no more" });
  const early = sql`select (select count(*) from node where ended_at < started_at) + (select count(*) from experiment where ended_at < started_at) as n,
    (select count(*)::int from node where ended_at is not null) as ended`;
  expect(await store.db.one(early, z.object({ n: z.coerce.number(), ended: z.number() }))).toEqual({
    n: 0,
    ended: 2,
  });
});
