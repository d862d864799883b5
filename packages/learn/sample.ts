/** Samples continuations of passages from a checkpoint: full softmax, fixed length, cut by the end rule. */
import { z } from "zod";
import { decodeAfter, encodePrompt } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  rng,
  PromptRow,
} from "@tiller/schema";
import { loadModel } from "./model.ts";
import { Actor, Continuation } from "./rollout.ts";

const Input = z.strictObject({
  checkpoint: CheckpointRef.describe("the model that writes"),
  prompts: DatasetRef.describe("rows of prompts"),
  each: z.int().positive().describe("continuations a prompt"),
  continuation: Continuation.describe("how long, how drawn, where it is cut"),
  seed: z.int().describe("of the draws"),
  batch: z.int().positive().default(64).describe("continuations at a time"),
});
const Output = z.strictObject({
  texts: z.array(z.array(z.string())).describe("by prompt, then continuation"),
});
export const sampleJob = defineJob({
  kind: "sample",
  module: import.meta.url,
  input: Input,
  output: Output,
  run: sample,
});

export async function sample(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<z.infer<typeof Output>> {
  const model = await loadModel(job.checkpoint(input.checkpoint));
  const { tokenizer } = model;
  const prompts = (await job.rows(input.prompts, PromptRow)).map((r) => r.prompt);
  const wanted = prompts.flatMap((text, i) =>
    Array.from({ length: input.each }, (_, k) => ({
      i,
      k,
      ids: encodePrompt(tokenizer, text).ids,
    })),
  );
  const texts: string[][] = prompts.map(() => []);
  const batch = Math.min(input.batch, wanted.length);
  using actor = new Actor(model, batch, input.continuation, { frozen: true });
  for (let from = 0; from < wanted.length; from += batch) {
    if (job.signal.aborted) throw new Error("stopped");
    const part = wanted.slice(from, from + batch);
    const rngs = part.map((p) => rng(input.seed, "sample", p.i, p.k));
    const { episodes } = actor.draw(
      part.map((p) => p.ids),
      rngs,
    );
    for (const [b, p] of part.entries()) {
      const said = episodes[b]!.response.filter((t) => t !== tokenizer.eos);
      texts[p.i]![p.k] = decodeAfter(tokenizer, p.ids, said);
    }
    job.progress(from + part.length, wanted.length);
    job.fault("sample.batch");
    await new Promise((r) => setImmediate(r));
  }
  return { texts };
}
