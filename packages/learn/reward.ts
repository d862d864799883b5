/**
 * A reward model from compared continuations (Ziegler et al. 2019; Stiennon et al. 2020).
 * Loss: -[p log s(r_b - r_a) + (1 - p) log s(r_a - r_b)], p the aggregated probability that b is better.
 * Differences from the papers: pairs and not best-of-4; soft labels from the raters' posterior, so doubtful pairs
 * pull less, and pairs without a decided side are left out (Ouyang et al. 2022 drop ties too); two epochs; AdamW, the
 * embedding faster than the rest (what words mean is what so small a base lacks: 0.72 to 0.76 on held-out pairs). The
 * scalar head is averaged over the continuation's tokens and not read at the last one: with a few million parameters
 * and 1,600 pairs the last token learns nothing (validation accuracy 0.48, against 0.7 and more). Scores of the base's samples are brought to
 * mean 0, variance 1 after training only; doing so before it, as Ziegler et al. do, starts this model from noise.
 */
import { z } from "zod";
import { headSpecs, paramSpecs } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  LabelledPair,
  metric,
  NewCheckpoint,
  rng,
  TillerError,
} from "@tiller/schema";
import type { Batch } from "./batch.ts";
import { train } from "./job.ts";
import { comparisonLoss } from "./losses.ts";
import { loadModel, type Model } from "./model.ts";
import { type Compared, encodePairs, Long, said } from "./pairs.ts";
import { type Continued, rewardInputs, Scorer } from "./score.ts";
import { Trainer } from "./trainer.ts";

export const RewardConfig = z.strictObject({
  epochs: z.int().positive().default(2).describe("passes over the pairs"),
  batch: z.int().positive().default(8).describe("pairs a step"),
  lr: z
    .number()
    .positive()
    .default(7e-4)
    .describe("peak learning rate, linear to 0 after a short warm-up"),
  weightDecay: z.number().nonnegative().default(0.01),
  embeddingRate: z
    .number()
    .positive()
    .default(4)
    .describe("the token embedding learns this much faster than the rest"),
  undecided: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe("pairs whose label is this near to 1/2 are left out of training: they name no side"),
  validation: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.08)
    .describe("fraction of pairs held out of training"),
  long: Long,
  evalEvery: z.int().positive().default(75),
  saveEvery: z.int().positive().default(100),
});
const Input = z.strictObject({
  config: RewardConfig,
  base: CheckpointRef,
  pairs: DatasetRef.describe("labelled pairs; a pair's weight is what it counts in the loss"),
  maxTokens: z.int().min(2).describe("of a passage and its continuation together"),
  seed: z.int(),
});
export const rewardJob = defineJob({
  kind: "reward",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: trainReward,
  metrics: {
    loss: metric("training", "Loss", { unit: "nats a pair", better: "down" }),
    validationLoss: metric("held out", "Loss", { unit: "nats a pair", better: "down" }),
    accuracy: metric("training", "Accuracy on the raters' labels", { better: "up" }),
    validationAccuracy: metric("held out", "Accuracy on the raters' labels", { better: "up" }),
    gradNorm: metric("norm", "Gradient norm"),
    lr: metric("rate", "Learning rate"),
    shortened: metric("passage cut at its beginning", "Pairs that had to change", {
      unit: "pairs",
    }),
    leftOut: metric("too long", "Pairs that had to change", { unit: "pairs" }),
    same: metric("the same text twice", "Pairs that had to change", { unit: "pairs" }),
    empty: metric("an empty side", "Pairs that had to change", { unit: "pairs" }),
  },
});

export async function trainReward(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, maxTokens: T, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  const pairs = await job.rows(input.pairs, LabelledPair);
  const { rows, counts } = encodePairs(base.tokenizer, pairs, { maxTokens: T, long: c.long });
  const shuffled = rng(seed, "split").shuffle(rows);
  const held = Math.floor(rows.length * c.validation);
  const validation = shuffled.slice(0, held);
  const training = shuffled
    .slice(held)
    .filter((r) => Math.abs(r.pB - 0.5) > c.undecided && r.weight > 0);
  if (training.length === 0)
    throw new TillerError(
      "no_labels",
      `none of ${pairs.length} pairs can be learned from: ${said(counts)}, ${held} held out, and none of the ${rows.length - held} others has a weight and a label further than ${c.undecided} from 1/2. Collect more judgments.`,
    );
  const B = Math.min(c.batch, training.length);
  const perEpoch = Math.ceil(training.length / B); // the last of them may be smaller
  const steps = perEpoch * c.epochs;

  using trainer = new Trainer(
    { ...base, specs: paramSpecs(base.shape), pooling: "mean" }, // a head that it had is drawn anew
    {
      seed,
      heads: headSpecs(base.shape),
      optimiser: {
        kind: "adamw",
        beta2: 0.95,
        epsilon: 1e-5,
        weightDecay: c.weightDecay,
        groups: [{ names: "wte.weight", rate: c.embeddingRate }],
      },
    },
  );
  const model = { ...trainer.model, specs: [...trainer.model.specs, ...headSpecs(base.shape)] };
  using scorer = new Scorer(model, 32, T);
  const validate = () => {
    const [a, b] = [
      scorer.score(validation.map((r) => r.a)),
      scorer.score(validation.map((r) => r.b)),
    ];
    let [nll, right, clear] = [0, 0, 0];
    validation.forEach(({ pB }, i) => {
      const m = b[i]! - a[i]!;
      nll += pB * Math.log1p(Math.exp(-m)) + (1 - pB) * Math.log1p(Math.exp(m));
      if (Math.abs(pB - 0.5) < 0.2) return; // no side clearly preferred
      clear++;
      if (m > 0 === pB > 0.5) right++;
    });
    return {
      validationLoss: nll / Math.max(1, validation.length),
      ...(clear && { validationAccuracy: right / clear }), // of none there is no fraction
    };
  };

  await train(job, trainer, {
    name: "reward",
    step: "step",
    steps,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop: z.null(),
    start: null,
    run: (step) => {
      const [epoch, k] = [Math.floor((step - 1) / perEpoch), (step - 1) % perEpoch];
      const batch = rng(seed, "epoch", epoch)
        .shuffle(training)
        .slice(k * B, k * B + B);
      // a tenth of the run up, then down to 0
      const lr = c.lr * Math.min(1, step / Math.max(1, 0.1 * steps)) * (1 - (step - 1) / steps);
      const { loss, metrics: out } = trainer.forwardBackward(compared(batch, T), comparisonLoss);
      const { gradNorm } = trainer.optimStep({ lr });
      if (step === 1 && gradNorm === 0)
        throw new TillerError(
          "nothing_learns",
          `the first ${batch.length} pairs have a gradient of 0: to this base both sides of each are the same. Look at the pairs.`,
        );
      const rewards = out["rewards"]!;
      const clear = batch.flatMap((r, i) =>
        Math.abs(r.pB - 0.5) < 0.2 ? [] : [rewards[2 * i + 1]! > rewards[2 * i]! === r.pB > 0.5],
      );
      const last = validation.length > 0 && (step % c.evalEvery === 0 || step === steps);
      const metrics: Record<string, number> = {
        loss,
        gradNorm,
        lr,
        ...(step === 1 && counts),
        ...(clear.length && { accuracy: clear.filter(Boolean).length / clear.length }),
        ...(last && validate()),
      };
      return { metrics, note: `loss ${loss.toFixed(3)}`, loop: null };
    },
  });

  const some = rng(seed, "normalise").shuffle(rows).slice(0, 128);
  normalise(
    model,
    scorer,
    some.flatMap((r) => [r.a, r.b]),
  );
  const metrics = { ...(validation.length ? validate() : {}), pairs: training.length, ...counts };
  const config = { ...c, seed };
  return trainer.saveModel(job.out, { role: "reward", metrics, config });
}

/** Pairs as the loss reads them, scores pooled over each continuation. */
function compared(rows: readonly Compared[], T: number): Batch {
  const B = rows.length;
  const { ids, weights } = rewardInputs(
    rows.flatMap((r) => [r.a, r.b]),
    T,
  );
  return {
    ids: { shape: [B, 2, T], data: Int32Array.from(ids), dtype: "int64" },
    weights: { shape: [B, 2, T], data: Float32Array.from(weights) },
    p: { shape: [B], data: rows.map((r) => r.pB) },
    weight: { shape: [B], data: rows.map((r) => r.weight) },
  };
}

/** Scales the head so that scores of `rows` have mean 0 and variance 1. */
function normalise(model: Pick<Model, "state">, scorer: Scorer, rows: readonly Continued[]): void {
  const s = scorer.score(rows);
  const m = s.reduce((a, b) => a + b, 0) / s.length;
  const std = Math.sqrt(s.reduce((a, b) => a + (b - m) ** 2, 0) / s.length);
  if (!(std > 1e-6 * Math.max(1, Math.abs(m))))
    throw new TillerError(
      "nothing_learned",
      `the reward model gives ${m.toPrecision(4)} to all of ${s.length} texts (standard deviation ${std.toPrecision(2)}): it tells nothing apart. Give it more pairs, more epochs or a higher lr.`,
    );
  const [weight, bias] = [model.state.get("score.weight").data, model.state.get("score.bias").data];
  for (let i = 0; i < weight.length; i++) weight[i] /= std;
  bias[0] = (bias[0] - m) / std;
}
