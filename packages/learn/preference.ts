/**
 * Learning a policy straight from preferences: what DPO and its relatives have in common. Each of them is a file with its
 * formula in sight (dpo.ts, ipo.ts, robust-dpo.ts, orpo.ts, simpo.ts); here are the pairs as a batch, the log-probs the
 * formulas are made of, and the loop. The reference's log-probs are taken once, before the first step.
 */
import { z } from "zod";
import { paramSpecs } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  type JobContext,
  metric,
  type NewCheckpoint,
  PreferenceRow,
  rng,
  TillerError,
} from "@tiller/schema";
import { div, type Graph, mul, neg, reshape, sum, type Tensor } from "@tiller/tensor";
import { type Batch, bucket, byField } from "./batch.ts";
import { inEpochs } from "./epochs.ts";
import { train } from "./job.ts";
import { nextTokens } from "./losses.ts";
import { checkPositions, loadModel } from "./model.ts";
import { asPair, encodePairs, Long, said } from "./pairs.ts";
import { rateAt } from "./schedules.ts";
import type { Forward, Loss } from "./step.ts";
import { Trainer } from "./trainer.ts";

/** The settings that every method here has beside its own. */
export const pairTraining = {
  epochs: z.int().positive().default(1).describe("passes over the pairs"),
  batch: z.int().positive().default(32).describe("pairs a step"),
  micro: z.int().positive().optional().describe("pairs at a time, for less memory"),
  lr: z.number().positive().default(1e-4).describe("peak learning rate"),
  warmup: z.number().min(0).max(1).default(0.1).describe("part of the steps of a linear rise"),
  schedule: z
    .enum(["linear", "cosine", "constant"])
    .default("linear")
    .describe("of the learning rate after the rise"),
  weightDecay: z.number().nonnegative().default(0).describe("of matrices, AdamW's"),
  clip: z.number().positive().nullable().default(1).describe("largest gradient norm; null: none"),
  undecided: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe("pairs whose label is this near to 1/2 name no side and are left out"),
  endOfText: z
    .boolean()
    .default(true)
    .describe("the end-of-text token is learned after each response"),
  validation: z.number().min(0).max(0.5).default(0.08).describe("fraction of pairs held out"),
  long: Long,
  evalEvery: z.int().positive().default(50).describe("steps"),
  saveEvery: z.int().positive().default(50).describe("steps"),
};
type PairTraining = z.infer<z.ZodObject<typeof pairTraining>>;
export const pairInput = <C extends z.ZodType>(config: C) =>
  z.strictObject({
    config,
    base: CheckpointRef,
    pairs: DatasetRef.describe("labelled pairs, or rows of prompt, chosen and rejected"),
    maxTokens: z.int().min(2).describe("of a prompt and its response together"),
    seed: z.int(),
  });
export const pairMetrics = {
  loss: metric("training", "Loss", { unit: "nats a pair", better: "down" }),
  validationLoss: metric("held out", "Loss", { unit: "nats a pair", better: "down" }),
  accuracy: metric("training", "Chosen above rejected", { unit: "of pairs", better: "up" }),
  validationAccuracy: metric("held out", "Chosen above rejected", {
    unit: "of pairs",
    better: "up",
  }),
  chosenReward: metric("chosen", "Implicit reward"),
  rejectedReward: metric("rejected", "Implicit reward"),
  margin: metric("chosen less rejected", "Implicit reward", { better: "up" }),
  chosenLogprob: metric("chosen", "Log-prob", { unit: "nats a token" }),
  rejectedLogprob: metric("rejected", "Log-prob", { unit: "nats a token" }),
  gradNorm: metric("norm", "Gradient norm"),
  lr: metric("rate", "Learning rate"),
  shortened: metric("prompt cut at its beginning", "Pairs that had to change", { unit: "pairs" }),
  leftOut: metric("too long", "Pairs that had to change", { unit: "pairs" }),
  same: metric("the same text twice", "Pairs that had to change", { unit: "pairs" }),
  empty: metric("an empty side", "Pairs that had to change", { unit: "pairs" }),
};

/** What a formula is written with; a row a pair, chosen before rejected. */
export interface PairTerms {
  readonly g: Graph;
  /** (B, 2) log-probs of the responses, summed over their tokens */
  readonly logps: Tensor;
  /** (B, 2) the same by the reference; 0 for a method without one */
  readonly reference: Tensor;
  /** (B, 2) tokens of the responses */
  readonly lengths: Tensor;
  /** (B) probability that the chosen one is the better one */
  readonly q: Tensor;
}
/** each (B): the loss of each pair; rewards (B, 2): the implicit rewards of its responses. */
export type PairFormula = (x: PairTerms) => { readonly each: Tensor; readonly rewards: Tensor };

/** (B, 2) -> (B): chosen less rejected, or one of the two. */
export const chosenLessRejected = (x: Tensor): Tensor =>
  sum(mul(x, x.graph.constant([1, -1], [1, 2])), [1]);
export const chosen = (x: Tensor): Tensor => sum(mul(x, x.graph.constant([1, 0], [1, 2])), [1]);

/** Summed log-probs (B, 2) of the responses, in one forward pass over all 2 B rows. */
export function pairLogprobs({ batch, hidden, logprobs }: Forward): Tensor {
  const { ids, labels, weights } = batch as Record<"ids" | "labels" | "weights", Tensor>;
  const [B, , T] = ids.shape as [number, number, number];
  const each = logprobs(hidden(reshape(ids, [2 * B, T])), reshape(labels, [2 * B * T]));
  return sum(mul(reshape(each, [B, 2, T]), weights), [2]);
}
/** A formula as a loss: the mean over pairs by their weights. Batch: ids, labels, weights (B, 2, T), reference, lengths (B, 2), q, weight (B). */
export const pairLoss = (formula: PairFormula): Loss =>
  Object.assign(
    (f: Forward) => {
      const { reference, lengths, q, weight } = f.batch as Record<string, Tensor>;
      const logps = pairLogprobs(f);
      const made = formula({
        g: f.g,
        logps,
        reference: reference!,
        lengths: lengths!,
        q: q!,
      });
      const loss = div(sum(mul(made.each, weight!)), sum(weight!));
      return { loss, metrics: { rewards: made.rewards, logps } };
    },
    { normaliser: byField("weight") },
  );
/** The reference's log-probs, read by `forward`. */
const reading: Loss = (f) => {
  const logps = pairLogprobs(f);
  return { loss: neg(sum(logps)), metrics: { logps } };
};

export interface Preferred {
  readonly query: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** probability that `chosen` is the better one */
  readonly q: number;
  readonly weight: number;
  /** the reference's summed log-probs of both */
  reference?: readonly [number, number];
}

/** Pairs as the loss reads them, padded to one length. */
export function preferredBatch(rows: readonly Preferred[], positions = Infinity): Batch {
  const B = rows.length;
  const flat = nextTokens(
    rows.flatMap(({ query, ...r }) =>
      [r.chosen, r.rejected].map((x) => ({ tokens: [...query, ...x], from: query.length })),
    ),
    {
      length: bucket(
        rows.reduce(
          (n, r) => Math.max(n, r.query.length + Math.max(r.chosen.length, r.rejected.length) - 1),
          1,
        ),
        positions,
      ),
    },
  );
  const T = flat["ids"]!.shape[1]!;
  return {
    ...Object.fromEntries(
      Object.entries(flat).map(([name, field]) => [name, { ...field, shape: [B, 2, T] }]),
    ),
    reference: { shape: [B, 2], data: rows.flatMap((r) => r.reference ?? [0, 0]) },
    lengths: {
      shape: [B, 2],
      data: rows.flatMap((r) => [r.chosen.length, r.rejected.length]),
    },
    q: { shape: [B], data: rows.map((r) => r.q) },
    weight: { shape: [B], data: rows.map((r) => r.weight) },
  };
}

/** Rows of a dataset as tokens; both kinds of rows, the likelier side as chosen. */
export function encodePreferences(
  tokenizer: Parameters<typeof encodePairs>[0],
  rows: readonly PreferenceRow[],
  o: { readonly maxTokens: number; readonly long: Long; readonly endOfText: boolean },
): { rows: Preferred[]; counts: ReturnType<typeof encodePairs>["counts"] } {
  const pairs = rows.map(asPair);
  const end = o.endOfText ? [tokenizer.eos] : [];
  const made = encodePairs(tokenizer, pairs, { ...o, end: end.length });
  return {
    counts: made.counts,
    rows: made.rows.map(({ a, b, pB, weight }) => {
      const [better, worse] = pB >= 0.5 ? [b, a] : [a, b];
      return {
        query: a.query,
        chosen: [...better.response, ...end],
        rejected: [...worse.response, ...end],
        q: Math.max(pB, 1 - pB),
        weight,
      };
    }),
  };
}

/** The whole of a run: pairs, the reference's log-probs, steps, validation, the policy saved. */
export async function learnFromPairs(
  input: z.infer<ReturnType<typeof pairInput<z.ZodType<PairTraining>>>>,
  job: JobContext,
  method: { readonly name: string; readonly formula: PairFormula; readonly reference: boolean },
): Promise<NewCheckpoint> {
  const { config: c, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, input.maxTokens, "maxTokens");
  const { positions } = base.shape;
  const given = await job.rows(input.pairs, PreferenceRow);
  const { rows, counts } = encodePreferences(base.tokenizer, given, {
    ...c,
    maxTokens: input.maxTokens,
  });
  const shuffled = rng(seed, "split").shuffle(rows);
  const held = Math.floor(rows.length * c.validation);
  const decided = (r: Preferred) => r.q - 0.5 > c.undecided && r.weight > 0;
  const [validation, training] = [
    shuffled.slice(0, held).filter(decided),
    shuffled.slice(held).filter(decided),
  ];
  if (!training.length)
    throw new TillerError(
      "no_labels",
      `none of ${given.length} pairs can be learned from: ${said(counts)}, ${held} held out, and none of the ${rows.length - held} others has a weight and a label further than ${c.undecided} from 1/2. Collect more judgments.`,
    );
  const { batch: B, steps, at } = inEpochs(training, { ...c, seed });

  using trainer = new Trainer(
    { ...base, specs: paramSpecs(base.shape) },
    { seed, optimiser: { kind: "adamw", weightDecay: c.weightDecay, clip: c.clip } },
  );
  const inBatches = (of: readonly Preferred[]) =>
    Array.from({ length: Math.ceil(of.length / B) }, (_, i) => of.slice(i * B, (i + 1) * B));
  // the weights are the base's until the first step, also where the run goes on: its state is loaded after this
  if (method.reference)
    for (const part of inBatches([...training, ...validation])) {
      const { logps } = trainer.forward(preferredBatch(part, positions), reading).metrics;
      part.forEach((r, i) => (r.reference = [logps![2 * i]!, logps![2 * i + 1]!]));
      job.progress(0, steps, "log-probs of the reference");
    }
  const loss = pairLoss(method.formula);
  const right = (rewards: Float32Array, n: number) =>
    Array.from({ length: n }, (_, i) => rewards[2 * i]! > rewards[2 * i + 1]!).filter(Boolean)
      .length;
  const validate = () => {
    let [nats, wins, weight] = [0, 0, 0];
    for (const part of inBatches(validation)) {
      const out = trainer.forward(preferredBatch(part, positions), loss);
      const w = part.reduce((n, r) => n + r.weight, 0);
      nats += w * out.loss;
      weight += w;
      wins += right(out.metrics["rewards"]!, part.length);
    }
    return {
      validationLoss: nats / weight,
      validationAccuracy: wins / validation.length,
    };
  };

  await train(job, trainer, {
    name: method.name,
    step: "step",
    steps,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop: z.null(),
    start: null,
    run: (step) => {
      const rows = at(step);
      const lr =
        c.lr *
        rateAt({ shape: c.schedule, steps, warmup: Math.ceil(c.warmup * steps), end: 0 }, step);
      const batch = preferredBatch(rows, positions);
      const out = trainer.forwardBackward(batch, loss, c.micro ? { micro: c.micro } : {});
      const { gradNorm } = trainer.optimStep({ lr });
      const { rewards, logps } = out.metrics as Record<"rewards" | "logps", Float32Array>;
      const side = (of: Float32Array, s: 0 | 1, per?: (r: Preferred) => number) =>
        rows.reduce((n, r, i) => n + of[2 * i + s]! / (per?.(r) ?? 1), 0) / rows.length;
      const [up, down] = [side(rewards, 0), side(rewards, 1)];
      const last = validation.length > 0 && (step % c.evalEvery === 0 || step === steps);
      const metrics: Record<string, number> = {
        loss: out.loss,
        accuracy: right(rewards, rows.length) / rows.length,
        chosenReward: up,
        rejectedReward: down,
        margin: up - down,
        chosenLogprob: side(logps, 0, (r) => r.chosen.length),
        rejectedLogprob: side(logps, 1, (r) => r.rejected.length),
        gradNorm,
        lr,
        ...(step === 1 && counts),
        ...(last && validate()),
      };
      return { metrics, note: `loss ${out.loss.toFixed(3)}`, loop: null };
    },
  });
  const metrics = { ...(validation.length && validate()), pairs: training.length, ...counts };
  return trainer.saveModel(job.out, { role: "policy", metrics, config: { ...c, seed } });
}
