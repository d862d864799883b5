/** What a job's input names: a dataset that something is held to is known by its field, whatever the job is called. */
import { expect, test } from "vitest";
import { z } from "zod";
import { type Artefact, DatasetRef, EvaluationRef, withArtefacts } from "./job.ts";

const [one, two] = ["1", "2"].map((digit) => digit.repeat(64)) as [string, string];
const Input = z.strictObject({
  pairs: DatasetRef,
  held: z.strictObject({ prompts: EvaluationRef.optional() }),
  further: z.array(EvaluationRef).default([]),
});
const named = async (input: z.input<typeof Input>): Promise<Artefact[]> =>
  (await withArtefacts(Input, input, async (a) => a.id)).artefacts;

test("a field of what something is held to says so, in objects, lists and where it is also learned from", async () => {
  expect(await named({ pairs: one, held: {} } as never)).toEqual([{ kind: "dataset", id: one }]);
  expect(await named({ pairs: one, held: { prompts: two } } as never)).toEqual([
    { kind: "dataset", id: one },
    { kind: "dataset", id: two, role: "evaluation" },
  ]);
  for (const both of [
    { pairs: one, held: { prompts: one } },
    { pairs: one, held: {}, further: [one] },
  ])
    expect(await named(both as never)).toEqual([{ kind: "dataset", id: one, role: "evaluation" }]);
});
