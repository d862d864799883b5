/** An answer meets its schema, its view's rules and its kind's own code on the way into the real Postgres. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { edit, ranking } from "@tiller/crowd";
import { ExperimentId } from "@tiller/schema";
import { createExperiment } from "@tiller/lab";
import { ensurePerson, openStore, type Store } from "@tiller/store";
import { takeLease } from "./take.ts";
import { postBatch, submitAnswer, type TaskType } from "./work.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-answers-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ home });
});
afterAll(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

async function taken(type: TaskType, input: unknown) {
  const experiment = ExperimentId.parse(`e-${type.name}`);
  const row = { id: experiment, recipe: "r@1", title: "t", seed: 1, config: {}, stages: [] };
  await createExperiment(store.db, row);
  const inputs = [{ id: "0", input }];
  await postBatch(store.db, { id: `b-${type.name}`, experiment, type, people: 1, inputs });
  const { id } = await ensurePerson(store.db, {
    id: `p-${type.name}`,
    name: "p",
    pseudonym: `p-${type.name}`,
    role: "rater",
  });
  const { lease } = (await takeLease(store.db, id, { swap: false }))!;
  return (value: unknown) =>
    submitAnswer(store.db, id, { lease, value, activeSeconds: 1, idleSeconds: 0 });
}

test("what the view or the code is against is refused in the form's words; what is right is stored", async () => {
  const order = await taken(ranking, ranking.samples[0]);
  await expect(order({ order: [0, 1] })).rejects.toThrow(
    "the answer does not fit ranking@1: Best first: rank 2 more. Correct it",
  );
  await expect(order({ order: [0, 1, 1, 2] })).rejects.toThrow("Best first: each of 4 items once");
  await expect(order({ order: ["0"] })).rejects.toThrow("order.0: Invalid input");
  expect(await order({ order: [3, 0, 1, 2] })).toMatchObject({ done: 1 });

  const input = edit.samples[0]!;
  const correct = await taken(edit, input);
  await expect(correct({ text: input.draft, was: "fact" })).rejects.toThrow(
    "The text is unchanged",
  );
  expect(await correct({ text: input.draft, was: "nothing" })).toMatchObject({ done: 1 });
});
