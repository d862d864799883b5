/** Samples continuations of passages from a checkpoint: full softmax, fixed length, cut at a sentence end. */
import { z } from "zod";
import { decodeAfter, encodePrompt, Sampler } from "@tiller/lm";
import { defineJob, type JobContext, rng } from "@tiller/schema";
import { Continuation, cut, loadModel, sentenceEnds } from "./model.ts";

const Input = z.strictObject({
  checkpoint: z.string().describe("checkpoint folder"),
  prompts: z.array(z.string()).min(1),
  each: z.int().positive().describe("continuations a prompt"),
  continuation: Continuation,
  seed: z.int(),
  batch: z.int().positive().default(64),
});
const Output = z.strictObject({
  checkpoint: z.string(),
  texts: z.array(z.array(z.string())).describe("by prompt, then continuation"),
});
export const sampleJob = defineJob({
  kind: "sample",
  module: import.meta.url,
  entry: "sample",
  input: Input,
  output: Output,
  folders: { reads: ["checkpoint"], writes: [] },
});

export async function sample(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<z.infer<typeof Output>> {
  const model = await loadModel(input.checkpoint);
  const { tokenizer } = model;
  const ends = sentenceEnds(tokenizer);
  const { maxTokens, minTokens, temperature } = input.continuation;
  const jobs = input.prompts.flatMap((text, i) =>
    Array.from({ length: input.each }, (_, k) => ({
      i,
      k,
      ids: encodePrompt(tokenizer, text).ids,
    })),
  );
  const texts: string[][] = input.prompts.map(() => []);
  using sampler = new Sampler(model.shape, model.state, Math.min(input.batch, jobs.length), {
    frozen: true,
  });
  for (let at = 0; at < jobs.length; at += sampler.batch) {
    if (job.signal.aborted) throw new Error("stopped");
    const part = jobs.slice(at, at + sampler.batch);
    const { tokens } = sampler.sample(
      part.map((p) => p.ids),
      { maxTokens, temperature, rngs: part.map((p) => rng(input.seed, "sample", p.i, p.k)) },
    );
    part.forEach((p, b) => {
      const { length } = cut(tokens[b], ends, tokenizer.eos, minTokens);
      const said = tokens[b].slice(0, length).filter((t) => t !== tokenizer.eos);
      texts[p.i][p.k] = decodeAfter(tokenizer, p.ids, said);
    });
    job.progress(at + part.length, jobs.length);
    job.fault("sample.batch");
    await new Promise((r) => setImmediate(r));
  }
  return { checkpoint: model.id, texts };
}
