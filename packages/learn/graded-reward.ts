/**
 * A reward model whose likelihood knows ties and strength: what people say beyond "b is better" is learned from and not
 * thrown away. `davidson`: a tie is an outcome of its own, as likely as its learned width says at that margin (Davidson
 * 1970). `ordinal`: any number of ordered outcomes, from "a is much better" to "b is much better", between learned
 * thresholds that are the same for both sides (McCullagh 1980's proportional odds; Agresti 1992 for comparisons).
 * Differences from the papers: the margin is a network's; labels are shares of each outcome, as several people give them.
 * Run: npm run tiller -- train graded-reward PAIRS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import type { ParamSpec } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  GradedPair,
  type JobContext,
  NewCheckpoint,
  TillerError,
} from "@tiller/schema";
import {
  add,
  concat,
  cumsum,
  div,
  log,
  logSumExp,
  maximum,
  mul,
  neg,
  reshape,
  sigmoid,
  slice,
  softplus,
  sub,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { byField } from "./batch.ts";
import { pooledRewards } from "./losses.ts";
import { checkPositions, loadModel } from "./model.ts";
import { encodePairs, said } from "./pairs.ts";
import { keptBack, learnReward, pooledTexts, rewardMetrics, rewardTraining } from "./reward-run.ts";
import type { Continued } from "./score.ts";
import type { Forward, Loss } from "./step.ts";

export const GradedRewardConfig = z.strictObject({
  ...rewardTraining,
  likelihood: z
    .enum(["davidson", "ordinal"])
    .default("ordinal")
    .describe(
      "davidson: a, tie, b (finer grades count for their side); ordinal: as many as there are",
    ),
});
const Input = z.strictObject({
  config: GradedRewardConfig,
  base: CheckpointRef,
  pairs: DatasetRef.describe("pairs with shares of ordered outcomes"),
  maxTokens: z.int().min(2).describe("of a passage and its continuation together"),
  seed: z.int(),
});
export const gradedRewardJob = defineJob({
  kind: "graded-reward",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: gradedReward,
  metrics: rewardMetrics("nats a pair"),
});

export const TIE = "likelihood.tie"; // (1): log nu
export const GAPS = "likelihood.gaps"; // (G): thresholds are sums of softplus of these
/** What each likelihood learns beside the rewards, for K outcomes. */
export const likelihoodSpecs = (likelihood: "davidson" | "ordinal", K: number): ParamSpec[] =>
  likelihood === "davidson"
    ? [{ name: TIE, shape: [1], init: "zero" }]
    : K > 2
      ? [{ name: GAPS, shape: [Math.floor((K - 1) / 2)], init: "zero" }]
      : [];

/** Log-probs (B, 3) of a, tie, b at margins (B): nu = exp(TIE) is what a tie weighs beside the geometric mean of both sides. */
function davidson({ params }: Forward, margin: Tensor): Tensor {
  const B = margin.shape[0]!;
  const half = reshape(mul(margin, 0.5), [B, 1]);
  const tie = add(mul(half, 0), params.get(TIE)!); // (B, 1)
  const logits = concat([neg(half), tie, half], 1); // (B, 3)
  return sub(logits, reshape(logSumExp(logits), [B, 1]));
}
/** Probabilities (B, K) of ordered outcomes at margins (B): s(threshold_j - margin) at most j, thresholds the same for both sides. */
function ordinal({ params, g }: Forward, margin: Tensor, K: number): Tensor {
  const B = margin.shape[0]!;
  const gaps = params.get(GAPS);
  const up = gaps && reshape(cumsum(softplus(gaps), 0), [1, gaps.shape[0]!]); // (1, G), above 0
  const parts: Tensor[] = [];
  if (up) {
    const G = up.shape[1]!;
    for (let i = G - 1; i >= 0; i--) parts.push(neg(slice(up, 1, i, i + 1)));
  }
  if (K % 2 === 0) parts.push(g.constant([0], [1, 1])); // an even K has a threshold in the middle
  if (up) parts.push(up);
  const thresholds = concat(parts, 1); // (1, K - 1)
  const atMost = sigmoid(sub(thresholds, reshape(margin, [B, 1]))); // (B, K - 1)
  const none = mul(slice(atMost, 1, 0, 1), 0);
  return sub(concat([atMost, add(none, 1)], 1), concat([none, atMost], 1));
}

/**
 * -sum of shares times log-probs, a mean over pairs by weight. Batch: ids (B, 2, T), weights (B, 2, T) or last (B, 2),
 * grades (B, K) that sum to 1, weight (B).
 */
export const gradedLoss = (likelihood: "davidson" | "ordinal"): Loss =>
  Object.assign(
    (f: Forward) => {
      const { grades, weight } = f.batch as Record<"grades" | "weight", Tensor>;
      const [, K] = grades.shape as [number, number];
      const rewards = pooledRewards(f); // (B, 2)
      const margin = sum(mul(rewards, f.g.constant([-1, 1], [1, 2])), [1]); // b - a
      const logp =
        likelihood === "davidson" ? davidson(f, margin) : log(maximum(ordinal(f, margin, K), 1e-9));
      const each = neg(sum(mul(grades, logp), [1])); // (B)
      return { loss: div(sum(mul(each, weight)), sum(weight)), metrics: { rewards } };
    },
    { normaliser: byField("weight") },
  );

interface Graded {
  readonly a: Continued;
  readonly b: Continued;
  /** shares, from "a is much better" to "b is much better" */
  readonly grades: readonly number[];
  readonly weight: number;
}
/** Outcomes folded to a, tie, b; an even number of them has no tie. */
export function folded(grades: readonly number[]): [number, number, number] {
  const K = grades.length;
  const part = (from: number, to: number) => grades.slice(from, to).reduce((n, x) => n + x, 0);
  const half = Math.floor(K / 2);
  return [part(0, half), K % 2 ? grades[half]! : 0, part(K - half, K)];
}

export async function gradedReward(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, maxTokens, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, input.maxTokens, "maxTokens");
  const given = await job.rows(input.pairs, GradedPair);
  const K = given[0]?.grades.length ?? 0;
  const other = given.findIndex((r) => r.grades.length !== K);
  if (other >= 0)
    throw new TillerError(
      "other_grades",
      `pair ${other} has ${given[other]!.grades.length} outcomes, pair 0 has ${K}. Give every pair the same scale.`,
    );
  const unsaid = given.findIndex((r) => !(r.grades.reduce((n, x) => n + x, 0) > 0));
  if (unsaid >= 0)
    throw new TillerError(
      "no_grade",
      `pair ${unsaid} has the grades ${given[unsaid]!.grades.join(", ")}: nobody said anything. Leave it out.`,
    );
  const pairs = given.map((r) => ({ ...r, weight: r.weight ?? 1, pB: 1 }));
  const { rows, counts, kept } = encodePairs(base.tokenizer, pairs, { maxTokens, long: c.long });
  const graded = rows.map((r, i): Graded => {
    const { grades } = given[kept[i]!]!;
    const shares = c.likelihood === "davidson" ? folded(grades) : grades;
    const total = shares.reduce((n, x) => n + x, 0);
    return { a: r.a, b: r.b, weight: r.weight, grades: shares.map((x) => x / total) };
  });
  const counting = graded.filter((r) => r.weight > 0);
  const { validation, training } = keptBack(counting, { seed, validation: c.validation });
  if (!training.length)
    throw new TillerError(
      "no_labels",
      `none of ${given.length} pairs can be learned from: ${said(counts)}, ${validation.length} held out. Collect more judgments.`,
    );
  const heads = likelihoodSpecs(c.likelihood, c.likelihood === "davidson" ? 3 : K);
  return learnReward<Graded>(
    base,
    { training, validation, counts },
    { config: c, seed, maxTokens },
    {
      name: "graded-reward",
      rows: "pairs",
      loss: gradedLoss(c.likelihood),
      heads,
      batch: (of) => ({
        ...pooledTexts(
          of.map((r) => [r.a, r.b]),
          maxTokens,
          c.pooling,
        ),
        grades: {
          shape: [of.length, of[0]!.grades.length],
          data: of.flatMap((r) => [...r.grades]),
        },
        weight: { shape: [of.length], data: of.map((r) => r.weight) },
      }),
      texts: (r) => [r.a, r.b],
      right: ([a, b], { grades }) => {
        const [forA, , forB] = folded(grades);
        return Math.abs(forB - forA) < 0.4 ? undefined : b! > a! === forB > forA;
      },
      learned: (state): Record<string, number> =>
        c.likelihood === "davidson"
          ? { tieWeight: Math.exp(state.get(TIE).data[0]!) }
          : Object.fromEntries(
              K > 2
                ? thresholdsOf(state.get(GAPS).data).map(
                    (t, i) => [`threshold${i + 1}`, t] as const,
                  )
                : [],
            ),
    },
    job,
  );
}
/** Thresholds above 0, in units of reward: half the width of a tie first where K is odd. */
const thresholdsOf = (gaps: ArrayLike<number>): number[] => {
  let at = 0;
  return Array.from(gaps, (x) => (at += Math.log1p(Math.exp(x))));
};
