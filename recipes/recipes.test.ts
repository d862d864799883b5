/** Every recipe, run again from what people, models and jobs answered once, comes out the same to the last digit. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FlowServer, launchFlow, Recording } from "@tiller/flow";
import { openStore, type Store } from "@tiller/store";
import { recipes } from "./index.ts";
import { recordedRuns } from "./recorded/runs.ts";

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

test.each(recordedRuns)(
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

test("every recipe is replayed, and each is short", () => {
  const replayed = recordedRuns.map((r) => r.workflow);
  const roots = ["reading-study@1", "iterated-feedback@1", "amplify@1", "review-disagreements@1"];
  expect(replayed.toSorted()).toEqual(roots.toSorted());
  for (const { id } of recordedRuns)
    expect(
      readFileSync(path.join(import.meta.dirname, `${id}.ts`), "utf8").split("\n").length,
    ).toBeLessThan(101);
});
