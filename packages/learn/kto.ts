/**
 * Kahneman-Tversky optimisation (Ethayarajh et al. 2024, eq. 8): single responses that somebody liked or not, no pairs.
 * How much better a response is than expected counts, and losses may count more than gains. What is expected, z0, is the
 * KL to the reference, estimated as in the paper by each prompt with the next row's response, and never below 0.
 * Differences from the paper: z0 is read before the step in a pass of its own, so that rows may be split at will.
 * Run: npm run tiller -- train kto THUMBS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  metric,
  NewCheckpoint,
  ThumbRow,
  TillerError,
} from "@tiller/schema";
import { div, mul, sigmoid, sub, sum, type Tensor } from "@tiller/tensor";
import { bucket, byField } from "./batch.ts";
import { inEpochs } from "./epochs.ts";
import { train } from "./job.ts";
import { checkPositions, copyOf, loadModel } from "./model.ts";
import { rateAt } from "./schedules.ts";
import { Logprober } from "./score.ts";
import type { Forward, Loss } from "./step.ts";
import {
  encodeThumbs,
  mean,
  mismatched,
  rowLogprobs,
  summedLogprobs,
  takeReferences,
  type Thumb,
  thumbBatch,
} from "./thumbs.ts";
import { Trainer } from "./trainer.ts";

export const KtoConfig = z.strictObject({
  epochs: z.int().positive().default(1).describe("passes over the rows"),
  batch: z.int().min(2).default(32).describe("rows a step"),
  micro: z.int().positive().optional().describe("rows at a time, for less memory"),
  lr: z.number().positive().default(1e-4).describe("peak learning rate, linear to 0"),
  warmup: z.number().min(0).max(1).default(0.1).describe("part of the steps of a linear rise"),
  beta: z.number().positive().default(0.1).describe("how dear it is to move from the reference"),
  desirable: z.number().positive().default(1).describe("what a liked response counts"),
  undesirable: z.number().positive().default(1).describe("what a disliked response counts"),
  endOfText: z.boolean().default(true).describe("the end-of-text token is learned as well"),
  saveEvery: z.int().positive().default(50).describe("steps"),
});
const Input = z.strictObject({
  config: KtoConfig,
  base: CheckpointRef,
  thumbs: DatasetRef.describe("rows of prompt, completion and whether it is desirable"),
  maxTokens: z.int().min(2).describe("of a prompt and its response together; longer rows are cut"),
  seed: z.int(),
});
export const ktoJob = defineJob({
  kind: "kto",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: kto,
  metrics: {
    loss: metric("training", "Loss", { better: "down" }),
    likedReward: metric("liked", "Implicit reward", { better: "up" }),
    dislikedReward: metric("disliked", "Implicit reward", { better: "down" }),
    z0: metric("expected", "KL to the reference", { unit: "nats a response" }),
    gradNorm: metric("norm", "Gradient norm"),
    lr: metric("rate", "Learning rate"),
    shortened: metric("prompt cut at its beginning", "Rows that had to change", { unit: "rows" }),
    leftOut: metric("empty or too long", "Rows that had to change", { unit: "rows" }),
  },
});

/** weight (lambda - lambda s(+-beta (r - z0))): ids, labels, weights (B, T); reference, liked, lambda, z0, weight (B). */
export const ktoLoss = (beta: number): Loss =>
  Object.assign(
    (f: Forward) => {
      const { reference, liked, lambda, z0, weight } = f.batch as Record<string, Tensor>;
      const logps = rowLogprobs(f);
      const ratios = sub(logps, reference!); // (B)
      const sign = sub(mul(liked!, 2), 1); // 1 where liked, -1 where not
      const value = sigmoid(mul(mul(sub(ratios, z0!), sign), beta));
      const each = mul(lambda!, sub(f.g.scalar(1), value));
      const loss = div(sum(mul(each, weight!)), sum(weight!));
      return { loss, metrics: { rewards: mul(ratios, beta) } };
    },
    { normaliser: byField("weight") },
  );

export async function kto(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  const { config: c, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, input.maxTokens, "maxTokens");
  const given = await job.rows(input.thumbs, ThumbRow);
  const { rows, counts } = encodeThumbs(base.tokenizer, given, { ...input, ...c });
  const B = c.batch;
  if (rows.length < B)
    throw new TillerError(
      "no_labels",
      `${rows.length} rows can be learned from (${counts.leftOut} are empty or too long), a step takes ${B}. Give more, or a smaller batch.`,
    );
  const { steps, at } = inEpochs(rows, { ...c, seed, whole: true });
  using trainer = new Trainer(copyOf(base), { seed, optimiser: { kind: "adamw", clip: 1 } });
  const length = bucket(input.maxTokens, base.shape.positions);
  const dims = { B, T: input.maxTokens, R: input.maxTokens };
  using before = new Logprober(base, dims, 1);
  using now = new Logprober(trainer.model, dims, 1);
  const read = (by: Logprober, of: readonly Thumb[]) => summedLogprobs(by, of, dims.R);
  takeReferences(before, rows, dims);
  const loss = ktoLoss(c.beta);

  await train(job, trainer, {
    name: "kto",
    step: "step",
    steps,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop: z.null(),
    start: null,
    run: (step) => {
      const of = at(step);
      const others = mismatched(of, input.maxTokens);
      const [then, after] = [read(before, others), read(now, others)];
      const z0 = Math.max(0, mean(after.map((l, i) => l - then[i]!)) ?? 0);
      const batch = thumbBatch(of, { ...c, length, z0 });
      const warmup = Math.ceil(c.warmup * steps);
      const lr = c.lr * rateAt({ shape: "linear", steps, warmup, end: 0 }, step);
      const out = trainer.forwardBackward(batch, loss, c.micro ? { micro: c.micro } : {});
      const { gradNorm } = trainer.optimStep({ lr });
      const rewards = (liked: boolean) =>
        mean(of.flatMap((r, i) => (r.liked === liked ? [out.metrics["rewards"]![i]!] : [])));
      const [up, down] = [rewards(true), rewards(false)];
      const sides = {
        ...(up !== undefined && { likedReward: up }),
        ...(down !== undefined && { dislikedReward: down }),
      };
      const metrics = { loss: out.loss, ...sides, z0, gradNorm, lr, ...(step === 1 && counts) };
      return { metrics, note: `loss ${out.loss.toFixed(3)}`, loop: null };
    },
  });
  const metrics = { rows: rows.length, ...counts };
  return trainer.saveModel(job.out, { role: "policy", metrics, config: { ...c, seed } });
}
