/**
 * Every recipe, run again from what people, models and jobs answered once, comes out the same to the last digit; and
 * one with people, for who is asked what.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FlowServer, launchFlow, Recording } from "@tiller/flow";
import { PersonId } from "@tiller/schema";
import { ensurePerson, openStore, sql, type Store } from "@tiller/store";
import { setQualification, submitAnswer, takeLease } from "@tiller/work";
import { recipes } from "./index.ts";
import { recordedExperiments } from "./recorded/experiments.ts";

const Recorded = z.strictObject({ recording: Recording, result: z.unknown() });
const home = mkdtempSync(path.join(tmpdir(), "tiller-recipes-"));
let store: Store;
let flow: FlowServer;

beforeAll(async () => {
  store = await openStore({ home });
  flow = await launchFlow({ store, workflows: recipes, codeRevision: "test" });
}, 60_000);
afterAll(async () => {
  await flow?.close();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

test.each(recordedExperiments)(
  "$workflow by replay",
  async ({ id, workflow, input }) => {
    const file = path.join(import.meta.dirname, "recorded", `${id}.json`);
    const { recording, result } = Recorded.parse(JSON.parse(readFileSync(file, "utf8")));
    expect(recording).toMatchObject({ workflow, input });
    const { seed } = recording;
    const run = await flow.start(workflow, recording.input as never, {
      id,
      seed,
      replay: recording,
    });
    expect(await flow.wait(run)).toEqual(result);
  },
  60_000,
);

const take = (p: PersonId) => takeLease(store.db, p, { swap: false });
async function say(p: PersonId, type: string, verdict: string): Promise<void> {
  await expect.poll(async () => (await take(p))?.type, { timeout: 20_000 }).toBe(type);
  const { lease } = (await take(p))!; // the same one, held already
  const value = { verdict, reason: "because I read it" };
  await submitAnswer(store.db, p, { lease, value, activeSeconds: 2, idleSeconds: 0 });
}

test("people who split discuss it themselves, and only a researcher rules", async () => {
  const { db } = store;
  const people = ["ann", "bob", "eve", "ruth"].map((p) => PersonId.parse(p));
  for (const id of people)
    await ensurePerson(db, { id, name: id, pseudonym: `p-${id}`, role: "rater" });
  const [ann, bob, eve, ruth] = people as [PersonId, PersonId, PersonId, PersonId];
  const why = "researches";
  await setQualification(db, null, { person: ruth, name: "researcher", level: 1, why });
  const claims = [{ passage: "The post came by boat.", claim: "It was winter." }];
  const run = await flow.start("review-disagreements@1", { claims, people: 2 }, { id: "people" });
  await say(ann, "claim-vote", "right");
  await say(bob, "claim-vote", "open");
  await say(ann, "discussion", "right");
  expect([await take(eve), await take(ruth)]).toEqual([undefined, undefined]); // bob's is still open
  await say(bob, "discussion", "open");
  await say(ruth, "ruling", "open");
  expect(await flow.wait(run)).toMatchObject({ settledBy: { researcher: 1 }, right: 0 });
  expect([await take(eve), await take(ann)]).toEqual([undefined, undefined]);
}, 120_000);

test("a discussion that nobody takes part in ends in time, and the researcher rules on what was voted", async () => {
  const ids = ["uma", "vic", "rex"].map((p) => PersonId.parse(p));
  for (const id of ids)
    await ensurePerson(store.db, { id, name: id, pseudonym: `p-${id}`, role: "rater" });
  const [uma, vic, rex] = ids as [PersonId, PersonId, PersonId];
  const about = { name: "researcher", level: 1, why: "researches" };
  await setQualification(store.db, null, { person: rex, ...about });
  const claims = [{ passage: "The mill never stopped.", claim: "The mill froze." }];
  const limits = { people: 2, rounds: 3, hours: 2 / 3600 };
  const run = await flow.start("review-disagreements@1", { claims, ...limits }, { id: "late" });
  await say(uma, "claim-vote", "right");
  await say(vic, "claim-vote", "wrong");
  await say(rex, "ruling", "wrong");
  expect(await flow.wait(run)).toMatchObject({ settledBy: { researcher: 1 }, right: 0 });
  const asks = await store.db.many(
    sql`select name, state, brief from node where experiment = ${run} and kind = 'ask' order by started_at`,
    z.object({ name: z.string(), state: z.string(), brief: z.string() }),
  );
  expect(asks.map((a) => [a.name, a.state])).toEqual([
    ["votes", "done"],
    ["discussion", "failed"],
    ["ruling", "done"],
  ]); // one round alone: the others are not begun
  expect([await take(uma), await take(vic)]).toEqual([undefined, undefined]); // it left their desks
}, 120_000);

test("every recipe is replayed, and each is short", () => {
  const replayed = recordedExperiments.map((r) => r.workflow);
  const roots = [
    "reading-study@1",
    "iterated-feedback@3",
    "amplify@1",
    "review-disagreements@1",
    "factored-evaluation@1",
    "process-labels@1",
    "planted-flaws@1",
    "sandwiching@1",
  ];
  expect(replayed.toSorted()).toEqual(roots.toSorted());
  for (const { id } of recordedExperiments)
    expect(
      readFileSync(path.join(import.meta.dirname, `${id}.ts`), "utf8").split("\n").length,
    ).toBeLessThan(101);
});
