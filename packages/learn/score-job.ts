/** What a reward model gives to texts after their prompts: to measure and to choose by, not to learn from. */
import { z } from "zod";
import { CheckpointRef, DatasetRef, defineJob, type JobContext, rowSchema } from "@tiller/schema";
import { loadReward } from "./model.ts";
import { rewardTexts } from "./score-texts.ts";

const Row = z.strictObject({ prompt: z.string(), texts: z.array(z.string()).min(1) });
export const scoredRows = rowSchema("texts-to-score@1", Row);
const Input = z.strictObject({
  reward: CheckpointRef,
  texts: DatasetRef.describe("rows of a prompt and texts after it, of any length"),
});
const Output = z.strictObject({
  rewards: z
    .array(z.array(z.number().nullable()))
    .describe("by row, then text; null: it has no token"),
});
export const scoreJob = defineJob({
  kind: "score",
  module: import.meta.url,
  input: Input,
  output: Output,
  run: score,
});

async function score(
  { reward, texts }: z.infer<typeof Input>,
  job: JobContext,
): Promise<z.infer<typeof Output>> {
  const rows = await job.rows(texts, Row);
  const model = await loadReward(job.checkpoint(reward));
  const flat = rows.flatMap(({ prompt, texts }) => texts.map((text) => ({ prompt, text })));
  const given = await rewardTexts(model, flat, {
    progress: (done, total) => job.progress(done, total),
  });
  let at = 0;
  const rewards = rows.map((r) =>
    r.texts.map((text) => {
      const one = given[at++]!;
      return text === "" ? null : one;
    }),
  );
  return { rewards };
}
