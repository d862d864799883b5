/**
 * A reward model of steps (Lightman et al. 2023): the head says after each step whether the solution is right so far.
 * Labels come from people, from completing a solution many times, or from spans of a response that somebody marked as wrong (a
 * sentence is then a step: Wu et al. 2023); steps after the last label are not learned from.
 * Differences from the paper: a scalar head read at a step's last token and not a token of the vocabulary; its logistic
 * is the probability that the step is right, and the score of a text is the head at its last token.
 * Run: npm run tiller -- train step-reward STEPS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { encodeAfter, encodePrompt } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  LabelledSteps,
  MarkedResponse,
  NewCheckpoint,
  TillerError,
} from "@tiller/schema";
import {
  add,
  div,
  gather,
  logSigmoid,
  mul,
  neg,
  reshape,
  sub,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { tokens, byField } from "./batch.ts";
import { rowsIn } from "./losses.ts";
import { asSteps } from "./marked.ts";
import { checkPositions, loadModel } from "./model.ts";
import { keptBack, learnReward, rewardMetrics, rewardTraining } from "./reward-run.ts";
import type { Forward, Loss } from "./step.ts";

const { pooling: _, ...training } = rewardTraining; // each step is read at its end
export const StepRewardConfig = z.strictObject(training);
const Input = z.strictObject({
  config: StepRewardConfig,
  base: CheckpointRef,
  solutions: DatasetRef.describe(
    "solutions in steps, each labelled; or responses with spans that somebody marked as wrong: a sentence is a step",
  ),
  maxTokens: z
    .int()
    .min(2)
    .describe("of a prompt and its steps together; longer ones are left out"),
  seed: z.int(),
});
export const stepRewardJob = defineJob({
  kind: "step-reward",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: stepReward,
  metrics: rewardMetrics("nats a step"),
});

interface Solution {
  readonly tokens: readonly number[];
  readonly query: number;
  /** place of each labelled step's last token */
  readonly ends: readonly number[];
  readonly labels: readonly number[];
  readonly weight: number;
}
/** Binary cross-entropy at the ends of steps. Batch: ids (B, T), ends, labels, counts (B, S). */
export const stepLoss: Loss = Object.assign(
  ({ batch, hidden, scores, g }: Forward) => {
    const { ids, ends, labels, counts } = batch as Record<string, Tensor>;
    const [B, T] = ids!.shape as [number, number];
    const S = ends!.shape[1]!;
    const rewards = reshape(scores(gather(hidden(ids!), rowsIn(ends!, T))), [B, S]);
    const right = mul(labels!, logSigmoid(rewards));
    const wrong = mul(sub(g.scalar(1), labels!), logSigmoid(neg(rewards)));
    const loss = neg(div(sum(mul(add(right, wrong), counts!)), sum(counts!)));
    return { loss, metrics: { rewards } };
  },
  { normaliser: byField("counts") },
);

export async function stepReward(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, maxTokens: T, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, input.maxTokens, "maxTokens");
  const { tokenizer } = base;
  const counts = { leftOut: 0 };
  const given = (await job.rows(input.solutions, z.union([LabelledSteps, MarkedResponse]))).map(
    asSteps,
  );
  const rows = given.flatMap((r, i): Solution[] => {
    if (r.labels.length > r.steps.length)
      throw new TillerError(
        "other_labels",
        `row ${i} has ${r.steps.length} steps and ${r.labels.length} labels. Give at most one a step.`,
      );
    const query = encodePrompt(tokenizer, r.prompt).ids;
    const all = [...query];
    let text = r.prompt;
    const ends = r.labels.map((_, s) => {
      all.push(...encodeAfter(tokenizer, text, r.steps[s]!));
      text += r.steps[s]!;
      return all.length - 1;
    });
    if (all.length <= T)
      return [{ tokens: all, query: query.length, ends, labels: r.labels, weight: r.weight ?? 1 }];
    if (c.long === "refuse")
      throw new TillerError(
        "too_long",
        `row ${i} has ${all.length} tokens up to its last label, more than maxTokens, ${T}. Raise it, or let long be "leave out".`,
      );
    counts.leftOut++;
    return [];
  });
  const counting = rows.filter((r) => r.weight > 0);
  const { validation, training } = keptBack(counting, { seed, validation: c.validation });
  if (!training.length)
    throw new TillerError(
      "no_labels",
      `none of ${given.length} rows can be learned from: ${counts.leftOut} are longer than maxTokens ${T}, ${validation.length} held out.`,
    );
  const S = rows.reduce((n, r) => Math.max(n, r.ends.length), 1);
  const filled = (of: readonly Solution[], value: (r: Solution, s: number) => number) =>
    of.flatMap((r) => Array.from({ length: S }, (_, s) => (s < r.ends.length ? value(r, s) : 0)));
  return learnReward<Solution>(
    base,
    { training, validation, counts },
    { config: c, seed, maxTokens: T },
    {
      name: "step-reward",
      rows: "solutions",
      loss: stepLoss,
      pooling: "last",
      batch: (of) => {
        const shape = [of.length, S];
        return {
          ids: tokens(
            of.map((r) => r.tokens),
            T,
          ),
          ends: { shape, data: Int32Array.from(filled(of, (r, s) => r.ends[s]!)), dtype: "int64" },
          labels: { shape, data: filled(of, (r, s) => r.labels[s]!) },
          counts: { shape, data: filled(of, (r) => r.weight) },
        };
      },
      texts: (r) => [{ query: r.tokens.slice(0, r.query), response: r.tokens.slice(r.query) }],
      right: (rewards, { labels }) => {
        const said = labels.map((l, s) => Math.abs(l - 0.5) < 0.2 || rewards[s]! > 0 === l > 0.5);
        return said.every(Boolean);
      },
    },
    job,
  );
}
