/**
 * Weak-to-strong generalisation (Burns et al. 2023, eq. 1 and appendix A.4): a strong reward model learns from a weak one's
 * labels and is drawn, more and more, to what it thinks itself: (1 - alpha) H(weak) + alpha H(own, hardened). Own labels are
 * hardened at the threshold at which as many pairs of the batch are positive as the weak labels have.
 * Differences from the paper: pairs and a reward model in place of a classifier, as in its reward-modelling setting.
 * Run: npm run tiller -- train weak-to-strong PAIRS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  NewCheckpoint,
  PreferenceRow,
  TillerError,
} from "@tiller/schema";
import { comparisonLoss } from "./losses.ts";
import { checkPositions, loadModel } from "./model.ts";
import { asPair, type Compared, encodePairs, said } from "./pairs.ts";
import { keptBack, learnReward, pooledTexts, rewardMetrics, rewardTraining } from "./reward-run.ts";

export const WeakToStrongConfig = z.strictObject({
  ...rewardTraining,
  alpha: z.number().min(0).max(1).default(0.5).describe("what the own, hardened label counts"),
  warmup: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe("part of the steps until alpha is reached"),
});
const Input = z.strictObject({
  config: WeakToStrongConfig,
  base: CheckpointRef,
  pairs: DatasetRef.describe("pairs with the weak model's probabilities that b is better"),
  maxTokens: z.int().min(2).describe("of a passage and its continuation together"),
  seed: z.int(),
});
export const weakToStrongJob = defineJob({
  kind: "weak-to-strong",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: weakToStrong,
  metrics: rewardMetrics("nats a pair"),
});

/** Targets (B) of the confidence loss: (1 - alpha) weak + alpha [margin above the threshold], for margins b - a. */
export function confidentTargets(
  weak: readonly number[],
  margins: readonly number[],
  alpha: number,
): number[] {
  const positive = Math.round(weak.reduce((n, p) => n + p, 0));
  const order = margins.map((_, i) => i).sort((i, j) => margins[j]! - margins[i]!);
  const own = new Set(order.slice(0, positive)); // as many as the weak labels call positive
  return weak.map((p, i) => (1 - alpha) * p + alpha * Number(own.has(i)));
}

export async function weakToStrong(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, maxTokens, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, input.maxTokens, "maxTokens");
  const given = (await job.rows(input.pairs, PreferenceRow)).map(asPair);
  const { rows, counts } = encodePairs(base.tokenizer, given, { maxTokens, long: c.long });
  const counting = rows.filter((r) => r.weight > 0);
  const { validation, training } = keptBack(counting, { seed, validation: c.validation });
  if (!training.length)
    throw new TillerError(
      "no_labels",
      `none of ${given.length} pairs can be learned from: ${said(counts)}, ${validation.length} held out.`,
    );
  const withTargets = (of: readonly Compared[], p: readonly number[]) => ({
    ...pooledTexts(
      of.map((r) => [r.a, r.b]),
      maxTokens,
      c.pooling,
    ),
    p: { shape: [of.length], data: p },
    weight: { shape: [of.length], data: of.map((r) => r.weight) },
  });
  return learnReward<Compared>(
    base,
    { training, validation, counts },
    { config: c, seed, maxTokens },
    {
      name: "weak-to-strong",
      rows: "pairs",
      loss: comparisonLoss,
      batch: (of, now) => {
        const weak = of.map((r) => r.pB);
        if (!now) return withTargets(of, weak);
        const alpha = c.alpha * Math.min(1, now.done / Math.max(1e-9, c.warmup));
        const rewards = now.rewards(withTargets(of, weak)); // (B 2)
        const margins = of.map((_, i) => rewards[2 * i + 1]! - rewards[2 * i]!);
        return withTargets(of, confidentTargets(weak, margins, alpha));
      },
      texts: (r) => [r.a, r.b],
      right: ([a, b], { pB }) => (Math.abs(pB - 0.5) < 0.2 ? undefined : b! > a! === pB > 0.5),
    },
    job,
  );
}
