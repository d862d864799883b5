/**
 * Experiments that a Tiller from before the fence and before turns (decisions 23 and 24) parked: their rows, as it left them,
 * in a database of today. They go on by the rules they began with, and nothing that is on record happens again.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { PersonId } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { getExperiment } from "@tiller/lab";
import { submitAnswer, takeLease } from "@tiller/work";
import { oldLeaf, oldParked, oldRace, ran } from "./fixtures/old-experiments.ts";
import { type FlowServer, launchFlow } from "./index.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-old-"));
const ann = PersonId.parse("ann");
const workflows = [oldLeaf, oldParked, oldRace];
let store: Store;
let flow: FlowServer;
beforeAll(async () => {
  store = await openStore({ home });
  await (await launchFlow({ store, workflows: [], codeRevision: "empty" })).close(); // makes the tables of DBOS
  await load(path.join(import.meta.dirname, "fixtures/old-experiments.jsonl"));
  await ensurePerson(store.db, { id: ann, name: "Ann", pseudonym: "ann", role: "rater" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});
async function load(file: string): Promise<void> {
  const Row = z.tuple([z.string(), z.record(z.string(), z.unknown())]);
  for (const line of readFileSync(file, "utf8").trim().split("\n")) {
    const [table, row] = Row.parse(JSON.parse(line));
    const names = Object.keys(row)
      .map((c) => `"${c}"`)
      .join();
    await store.db.run({
      text: `insert into ${table} (${names}) overriding system value select ${names} from jsonb_populate_record(null::${table}, $1)`,
      values: [JSON.stringify(row)],
    });
  }
}
/** Answers the tasks there are, one after the other, until `experiment` has ended. */
async function answerUntilEnded(experiment: string): Promise<string> {
  for (;;) {
    const { state } = await getExperiment(store.db, experiment);
    if (state !== "running") return state;
    const lease = await takeLease(store.db, ann, { swap: false });
    const said = { value: { answer: "yes" }, activeSeconds: 1, idleSeconds: 0 };
    if (lease) await submitAnswer(store.db, ann, { lease: lease.lease, ...said });
    else await new Promise((r) => setTimeout(r, 50));
  }
}

test("experiments of an earlier version go on where they were parked, and end", async () => {
  flow = await launchFlow({ store, workflows, codeRevision: "test" });
  expect(await answerUntilEnded("old-parked")).toBe("done");
  expect(await answerUntilEnded("old-race")).toBe("done");
  // recorded by the old one: drawn, now and the hash of the rows
  expect(await flow.wait("old-parked")).toEqual({
    drawn: 69316,
    same: [1, 2],
    squares: [1, 4, 9],
    failed: ["TillerError", "quota", "there is none left. Wait."],
    at: 1795787232074,
    saved: "af637af536156f50696ec85df642eea728924367d6224835fb8be4b91d6bc7cd",
    leaves: [1, 2].map((n) => ({ twice: 2 * n, said: "yes" })),
    after: 3,
    third: { twice: 6, said: "yes" },
  });
  expect(await flow.wait("old-race")).toEqual({ first: "yes", after: 1 });
  expect(ran.toSorted()).toEqual(["after", "double 3", "race after"]); // nothing twice
  const asked = await store.db.many(
    sql`select id from batch where experiment in ('old-parked', 'old-race') order by id`,
    z.object({ id: z.string() }),
  );
  expect(asked).toHaveLength(4); // three were posted by the old one
  const nodes = await store.db.many(
    sql`select distinct state from node where experiment = 'old-parked' order by state`,
    z.object({ state: z.string() }),
  );
  expect(nodes.map((n) => n.state)).toEqual(["done", "failed"]);
}, 60_000);
