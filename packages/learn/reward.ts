/**
 * A reward model from compared continuations (Ziegler et al. 2019; Stiennon et al. 2020).
 * Loss: -[p log s(r_b - r_a) + (1 - p) log s(r_a - r_b)], p the aggregated probability that b is better.
 * Differences from the papers: pairs and not best-of-4; soft labels from the raters' posterior, so doubtful pairs
 * pull less, and pairs without a decided side are left out (Ouyang et al. 2022 drop ties too); two epochs; AdamW, the
 * embedding faster than the rest (what words mean is what so small a base lacks: 0.72 to 0.76 on held-out pairs). The
 * scalar head is averaged over the continuation's tokens and not read at the last one: with a few million parameters
 * and 1,600 pairs the last token learns nothing (validation accuracy 0.48, against 0.7 and more). Scores of the base's samples are brought to
 * mean 0, variance 1 after training only; doing so before it, as Ziegler et al. do, starts this model from noise. With
 * `centredOn`, what has mean 0 is demonstrations (Stiennon et al. 2020; Wu et al. 2021); the variance stays that of the pairs' texts.
 * The loop is reward-run.ts; ties and strength in the likelihood are graded-reward.ts, more than two texts ranking-reward.ts.
 * Run: npm run tiller -- train reward PAIRS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { encodeAfter, encodePrompt } from "@tiller/lm";
import {
  CheckpointRef,
  type DatasetId,
  DatasetRef,
  defineJob,
  type JobContext,
  NewCheckpoint,
  PreferenceRow,
  TillerError,
} from "@tiller/schema";
import type { Batch } from "./batch.ts";
import { comparisonLoss } from "./losses.ts";
import { checkPositions, loadModel, type Model } from "./model.ts";
import { asPair, type Compared, encodePairs, said } from "./pairs.ts";
import type { Continued } from "./score.ts";
import { keptBack, learnReward, pooledTexts, rewardMetrics, rewardTraining } from "./reward-run.ts";

export const RewardConfig = z.strictObject({
  ...rewardTraining,
  undecided: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe("pairs whose label is this near to 1/2 are left out of training: they name no side"),
});
const Input = z.strictObject({
  config: RewardConfig,
  base: CheckpointRef,
  pairs: DatasetRef.describe(
    "labelled pairs, or rows of prompt, chosen and rejected; a pair's weight is what it counts in the loss",
  ),
  centredOn: DatasetRef.optional().describe(
    "demonstrations, rows of prompt and completion: their mean score is 0, in place of that of the pairs' texts",
  ),
  maxTokens: z.int().min(2).describe("of a passage and its continuation together"),
  seed: z.int(),
});
export const rewardJob = defineJob({
  kind: "reward",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: trainReward,
  metrics: rewardMetrics("nats a pair"),
});

export async function trainReward(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, maxTokens, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, input.maxTokens, "maxTokens");
  const pairs = (await job.rows(input.pairs, PreferenceRow)).map(asPair);
  const { rows, counts } = encodePairs(base.tokenizer, pairs, { maxTokens, long: c.long });
  const zeroed = input.centredOn && (await demonstrated(base, input.centredOn, input, job));
  const { validation, training: rest } = keptBack(rows, { seed, validation: c.validation });
  const held = validation.length;
  const training = rest.filter((r) => Math.abs(r.pB - 0.5) > c.undecided && r.weight > 0);
  if (training.length === 0)
    throw new TillerError(
      "no_labels",
      `none of ${pairs.length} pairs can be learned from: ${said(counts)}, ${held} held out, and none of the ${rows.length - held} others has a weight and a label further than ${c.undecided} from 1/2. Collect more judgments.`,
    );
  return learnReward<Compared>(
    base,
    { training, validation, counts, ...(zeroed && { zeroed }) },
    { config: c, seed, maxTokens },
    {
      name: "reward",
      rows: "pairs",
      loss: comparisonLoss,
      batch: (rows) => compared(rows, maxTokens, c.pooling),
      texts: (r) => [r.a, r.b],
      right: ([a, b], { pB }) => (Math.abs(pB - 0.5) < 0.2 ? undefined : b! > a! === pB > 0.5),
    },
    job,
  );
}

/** Demonstrations as texts to score: a long one's prompt loses its beginning; an empty one (nothing to tell) has no score. */
async function demonstrated(
  base: Model,
  rows: DatasetId,
  { config: c, maxTokens }: z.infer<typeof Input>,
  job: JobContext,
): Promise<Continued[]> {
  if (c.pooling === "sum")
    throw new TillerError(
      "sum_has_no_centre",
      'centredOn was given, and pooling is "sum": what is added to such scores counts once a token, so it would be a price on length. Choose pooling "mean", or leave centredOn out.',
    );
  const { tokenizer } = base;
  const given = await job.rows(rows, Shown);
  const shown = given.flatMap(({ prompt, completion }) => {
    const response = encodeAfter(tokenizer, prompt, completion);
    const most = maxTokens - response.length;
    if (response.length === 0 || most < tokenizer.start.length + 1) return [];
    return [{ query: encodePrompt(tokenizer, prompt, { most }).ids, response }];
  });
  const full = given.filter((r) => r.completion !== "").length;
  if (shown.length === 0 || shown.length < full)
    throw new TillerError(
      "no_demonstrations",
      `of ${given.length} demonstrations ${given.length - full} are empty and ${full - shown.length} longer than maxTokens, ${maxTokens}: the mean of the others would be another. Raise maxTokens, or leave them out of the dataset.`,
    );
  return shown;
}
const Shown = z.looseObject({ prompt: z.string(), completion: z.string() });

/** Pairs as the loss reads them, scores pooled over each continuation. */
function compared(rows: readonly Compared[], T: number, pooling: Model["pooling"]): Batch {
  const shape = [rows.length];
  return {
    ...pooledTexts(
      rows.map((r) => [r.a, r.b]),
      T,
      pooling,
    ),
    p: { shape, data: rows.map((r) => r.pB) },
    weight: { shape, data: rows.map((r) => r.weight) },
  };
}
