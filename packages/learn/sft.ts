/**
 * Supervised fine-tuning: learning to write as people showed (Stiennon et al. 2020; Ouyang et al. 2022). Rows are a
 * prompt with its completion, a chat whose assistant turns count, or a text that counts whole.
 * Differences from the papers: loss over completions alone by default (Huang et al. 2024 count the query as well:
 * `loss: "whole"`); with `packing` several rows share one of `maxTokens`, each attending to its own tokens alone and at its
 * own positions, so that the loss is that of rows apart.
 * Run: npm run tiller -- train sft ROWS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { paramSpecs } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  Demonstration,
  type JobContext,
  metric,
  NewCheckpoint,
  rng,
  TillerError,
} from "@tiller/schema";
import { type Batch, bucket } from "./batch.ts";
import { chatOf, encodeDemonstrations, packed, type Shown } from "./demonstrations.ts";
import { inEpochs } from "./epochs.ts";
import { train } from "./job.ts";
import { nextTokenLoss, nextTokens, weightOf } from "./losses.ts";
import { checkPositions, loadModel } from "./model.ts";
import { rateAt } from "./schedules.ts";
import { Trainer } from "./trainer.ts";

export const SftConfig = z.strictObject({
  epochs: z.int().positive().default(1).describe("passes over the rows"),
  batch: z.int().positive().default(16).describe("rows a step; packed ones where rows are packed"),
  micro: z.int().positive().optional().describe("rows at a time, for less memory"),
  lr: z.number().positive().default(3e-4).describe("peak learning rate"),
  schedule: z
    .enum(["cosine", "linear", "constant"])
    .default("cosine")
    .describe("of the learning rate after the rise"),
  warmup: z.number().min(0).max(1).default(0.03).describe("part of the steps of a linear rise"),
  weightDecay: z.number().nonnegative().default(0).describe("of matrices, AdamW's"),
  clip: z.number().positive().nullable().default(1).describe("largest gradient norm; null: none"),
  dropout: z.number().min(0).lt(1).default(0).describe("InstructGPT's is 0.2; the rest have none"),
  loss: z
    .enum(["completion", "whole"])
    .default("completion")
    .describe("tokens that count: the completion's, or the prompt's too"),
  endOfText: z.boolean().default(true).describe("the end-of-text token is learned after a row"),
  packing: z
    .boolean()
    .default(false)
    .describe("fill rows of maxTokens with several, best fit decreasing, nothing seen across"),
  long: z
    .enum(["cut", "leave out", "refuse"])
    .default("cut")
    .describe("rows longer than maxTokens: the prompt loses its beginning, then the end goes"),
  validation: z.number().min(0).max(0.5).default(0.05).describe("fraction of rows held out"),
  evalEvery: z.int().positive().default(50).describe("steps"),
  saveEvery: z.int().positive().default(50).describe("steps"),
});
const Input = z.strictObject({
  config: SftConfig,
  base: CheckpointRef,
  demonstrations: DatasetRef.describe("rows of prompt and completion, of messages, or of text"),
  maxTokens: z.int().min(2).describe("of a row"),
  seed: z.int(),
});
export const sftJob = defineJob({
  kind: "sft",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: sft,
  metrics: {
    loss: metric("training", "Loss", { unit: "nats a token", better: "down" }),
    validationLoss: metric("held out", "Loss", { unit: "nats a token", better: "down" }),
    tokens: metric("that count", "Tokens", { unit: "a step" }),
    filled: metric("of the batch", "Places that hold a token", { better: "up" }),
    gradNorm: metric("norm", "Gradient norm"),
    lr: metric("rate", "Learning rate"),
    tokensPerSecond: metric("tokens", "Tokens a second", { better: "up" }),
    cut: metric("cut to maxTokens", "Rows that had to change", { unit: "rows" }),
    leftOut: metric("too long or empty", "Rows that had to change", { unit: "rows" }),
  },
});

export async function sft(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  const { config: c, seed, maxTokens } = input;
  const dir = job.checkpoint(input.base);
  const base = await loadModel(dir);
  checkPositions(base, input.maxTokens, "maxTokens");
  const { positions } = base.shape;
  const given = await job.rows(input.demonstrations, Demonstration);
  const chat = await chatOf(dir, given);
  const { rows, counts } = encodeDemonstrations(base.tokenizer, given, { ...c, maxTokens, chat });
  const shuffled = rng(seed, "split").shuffle(rows);
  const held = Math.floor(rows.length * c.validation);
  const [validation, training] = [shuffled.slice(0, held), shuffled.slice(held)];
  if (!training.length)
    throw new TillerError(
      "no_rows",
      `none of ${given.length} rows can be learned from: ${counts.leftOut} are empty or longer than maxTokens ${maxTokens}, ${held} held out. Raise maxTokens, or look at the rows.`,
    );
  // what a step reads: rows, or packs of them made once
  const packs = (of: readonly Shown[]) => (c.packing ? packed(of, maxTokens) : of.map((r) => [r]));
  const units = packs(training);
  const { batch: B, steps, at } = inEpochs(units, { ...c, seed });
  using trainer = new Trainer(
    { ...base, specs: paramSpecs(base.shape) },
    {
      seed,
      dropout: c.dropout,
      optimiser: { kind: "adamw", weightDecay: c.weightDecay, clip: c.clip },
    },
  );
  const batchOf = (of: readonly (readonly Shown[])[]): Batch =>
    demonstrationBatch(of, { maxTokens, positions, packing: c.packing });
  const heldPacks = packs(validation);
  const validate = () => {
    let [nats, tokens] = [0, 0];
    for (let i = 0; i < heldPacks.length; i += B) {
      const batch = batchOf(heldPacks.slice(i, i + B));
      const n = weightOf(batch);
      nats += n * trainer.forward(batch, nextTokenLoss).loss;
      tokens += n;
    }
    return { validationLoss: nats / tokens };
  };

  await train(job, trainer, {
    name: "sft",
    step: "step",
    steps,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop: z.null(),
    start: null,
    run: (step) => {
      const started = performance.now();
      const packs = at(step);
      const batch = batchOf(packs);
      const warmup = Math.ceil(c.warmup * steps);
      const lr = c.lr * rateAt({ shape: c.schedule, steps, warmup, end: 0 }, step);
      const { loss } = trainer.forwardBackward(
        batch,
        nextTokenLoss,
        c.micro ? { micro: c.micro } : {},
      );
      const { gradNorm } = trainer.optimStep({ lr });
      const places = packs.flat().reduce((n, r) => n + r.tokens.length - 1, 0);
      const last = validation.length > 0 && (step % c.evalEvery === 0 || step === steps);
      const metrics: Record<string, number> = {
        loss,
        tokens: weightOf(batch),
        filled: places / batch["ids"]!.data.length,
        gradNorm,
        lr,
        tokensPerSecond: places / ((performance.now() - started) / 1000),
        ...(step === 1 && counts),
        ...(last && validate()),
      };
      return { metrics, note: `loss ${loss.toFixed(3)}`, loop: null };
    },
  });
  const metrics = { ...(validation.length && validate()), rows: training.length, ...counts };
  return trainer.saveModel(job.out, { role: "lm", metrics, config: { ...c, seed } });
}

/** Packs of rows as the loss reads them: ids, labels, weights (B, T); packed: segments and places (B, T) as well. */
export function demonstrationBatch(
  packs: readonly (readonly Shown[])[],
  o: { readonly maxTokens: number; readonly positions: number; readonly packing: boolean },
): Batch {
  if (!o.packing) {
    const rows = packs.map(([r]) => r!);
    const longest = rows.reduce((n, r) => Math.max(n, r.tokens.length - 1), 1);
    const batch = nextTokens(rows, { length: bucket(longest, o.positions) });
    return { ...batch, weights: weighted(batch, rows) };
  }
  const [B, T] = [packs.length, o.maxTokens];
  const at = () => new Int32Array(B * T);
  const [ids, labels, segments, places] = [at(), at(), at(), at()];
  const weights = new Float32Array(B * T);
  packs.forEach((pack, b) => {
    let t = b * T;
    pack.forEach((row, s) => {
      for (let i = 0; i < row.tokens.length - 1; i++, t++) {
        ids[t] = row.tokens[i]!;
        labels[t] = row.tokens[i + 1]!;
        segments[t] = s + 1; // 0: padding
        places[t] = i;
        weights[t] = row.counts[i + 1]! * row.weight;
      }
    });
  });
  const shape = [B, T];
  const int = (data: Int32Array) => ({ shape, data, dtype: "int64" as const });
  return {
    ids: int(ids),
    labels: int(labels),
    weights: { shape, data: weights },
    segments: int(segments),
    places: int(places),
  };
}
/** The weights (B, T) of the tokens that count, by row. */
function weighted(batch: Batch, rows: readonly Shown[]) {
  const { shape } = batch["weights"]!;
  const T = shape[1]!;
  const data = new Float32Array(shape[0]! * T);
  rows.forEach((row, b) => {
    for (let i = 1; i < row.tokens.length; i++) data[b * T + i - 1] = row.counts[i]! * row.weight;
  });
  return { shape, data };
}
