/**
 * A reward model from more than two texts at once. `best`: which of k is the best (Ziegler et al. 2019, eq. 1). `ranking`:
 * the best of all, then of those left, and so on (Plackett 1975). `pairs`: all pairs of a row, over their number, so that
 * a row counts once and its pairs stay in one batch (Ouyang et al. 2022, eq. 1).
 * Differences from the papers: texts in one place of an order are ties, which never count against one another.
 * Run: npm run tiller -- train ranking-reward RANKED.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { encodeAfter, encodePrompt } from "@tiller/lm";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  NewCheckpoint,
  RankedTexts,
  TillerError,
} from "@tiller/schema";
import { add, div, logSumExp, mul, reshape, sub, sum, type Tensor } from "@tiller/tensor";
import { type Batch, byField } from "./batch.ts";
import { pooledRewards } from "./losses.ts";
import { checkPositions, loadModel } from "./model.ts";
import { keptBack, learnReward, pooledTexts, rewardMetrics, rewardTraining } from "./reward-run.ts";
import type { Continued } from "./score.ts";
import type { Forward, Loss } from "./step.ts";

export const RankingRewardConfig = z.strictObject({
  ...rewardTraining,
  use: z
    .enum(["best", "ranking", "pairs"])
    .default("ranking")
    .describe("what of an order is learned: its first place, all of it, or its pairs"),
});
const Input = z.strictObject({
  config: RankingRewardConfig,
  base: CheckpointRef,
  rankings: DatasetRef.describe("texts after a passage with their places"),
  maxTokens: z.int().min(2).describe("of a passage and its continuation together"),
  seed: z.int(),
});
export const rankingRewardJob = defineJob({
  kind: "ranking-reward",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: rankingReward,
  metrics: rewardMetrics("nats a choice"),
});

interface Ranked {
  readonly texts: readonly Continued[];
  readonly places: readonly number[];
  readonly weight: number;
}
/** One choice of a row: a text, those that it was chosen among (itself too), and what the choice counts. */
interface Choice {
  readonly winner: number;
  readonly among: readonly number[];
  readonly weight: number;
}
/** What an order says, as choices. Texts in one place are never among what another of them was chosen from. */
export function choicesOf(
  places: readonly number[],
  use: z.infer<typeof RankingRewardConfig>["use"],
): Choice[] {
  const below = (i: number) => places.flatMap((p, j) => (p > places[i]! ? [j] : []));
  const first = Math.min(...places);
  const all = places.flatMap((p, i): Choice[] => {
    const worse = below(i);
    if (!worse.length || (use === "best" && p !== first)) return [];
    if (use === "pairs") return worse.map((j) => ({ winner: i, among: [i, j], weight: 1 }));
    const beside = places.filter((q) => q === p).length;
    return [{ winner: i, among: [i, ...worse], weight: 1 / beside }];
  });
  return use === "pairs" ? all.map((c) => ({ ...c, weight: 1 / all.length })) : all;
}

/** Choices as fields: winner, among (B, S, K) of 0 and 1, choice (B, S) what each counts. */
export function choiceFields(
  rows: readonly Pick<Ranked, "places" | "weight">[],
  K: number,
  use: z.infer<typeof RankingRewardConfig>["use"],
): Batch {
  const of = rows.map((r) => choicesOf(r.places, use));
  const S = of.reduce((n, c) => Math.max(n, c.length), 1);
  const [B, size] = [rows.length, rows.length * S * K];
  const [winner, among, choice] = [
    new Float32Array(size),
    new Float32Array(size),
    new Float32Array(B * S),
  ];
  of.forEach((choices, b) => {
    for (let s = 0; s < S; s++) {
      const at = (b * S + s) * K;
      const c = choices[s];
      if (!c) {
        [winner[at], among[at]] = [1, 1]; // one among itself: a loss of 0, and it counts nothing
        continue;
      }
      winner[at + c.winner] = 1;
      for (const i of c.among) among[at + i] = 1;
      choice[b * S + s] = c.weight * rows[b]!.weight;
    }
  });
  return {
    winner: { shape: [B, S, K], data: winner },
    among: { shape: [B, S, K], data: among },
    choice: { shape: [B, S], data: choice },
  };
}

/** -log of the winner's part among those it was chosen from, a mean over choices by what they count. */
export const choiceLoss: Loss = Object.assign(
  (f: Forward) => {
    const { winner, among, choice } = f.batch as Record<"winner" | "among" | "choice", Tensor>;
    const [B, S, K] = winner.shape as [number, number, number];
    const rewards = pooledRewards(f); // (B, K)
    const each = add(mul(winner, 0), reshape(rewards, [B, 1, K])); // (B, S, K)
    const logits = add(each, mul(sub(among, 1), 1e9));
    const chosen = sum(mul(each, winner), [2]); // (B, S)
    const nats = sub(reshape(logSumExp(logits), [B, S]), chosen);
    return { loss: div(sum(mul(nats, choice)), sum(choice)), metrics: { rewards } };
  },
  { normaliser: byField("choice") },
);

export async function rankingReward(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, maxTokens, seed } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, input.maxTokens, "maxTokens");
  const { tokenizer } = base;
  const counts = { shortened: 0, leftOut: 0, empty: 0 };
  const given = await job.rows(input.rankings, RankedTexts);
  const K = given.reduce((n, r) => Math.max(n, r.texts.length), 0);
  const rows = given.flatMap((r, i): Ranked[] => {
    if (r.places.length !== r.texts.length)
      throw new TillerError(
        "other_places",
        `row ${i} has ${r.texts.length} texts and ${r.places.length} places. Give each text its own.`,
      );
    const responses = r.texts.map((text) => encodeAfter(tokenizer, r.passage, text));
    const longest = responses.reduce((n, t) => Math.max(n, t.length), 0);
    const most = maxTokens - longest;
    const whole = encodePrompt(tokenizer, r.passage);
    if (responses.some((t) => !t.length)) {
      counts.empty++;
      return [];
    }
    if (whole.ids.length > most && c.long === "refuse")
      throw new TillerError(
        "too_long",
        `row ${i} has a passage of ${whole.ids.length} tokens and a text of ${longest}: more than maxTokens, ${maxTokens}. Raise it, or let long be "cut" or "leave out".`,
      );
    if (whole.ids.length > most && (c.long === "leave out" || most < tokenizer.start.length + 1)) {
      counts.leftOut++;
      return [];
    }
    const { ids: query, cut } = encodePrompt(tokenizer, r.passage, { most });
    if (cut) counts.shortened++;
    // rows of fewer texts are filled up with their first, which is in no choice twice
    const texts = Array.from({ length: K }, (_, k) => ({
      query,
      response: responses[k] ?? responses[0]!,
    }));
    return [{ texts, places: r.places, weight: r.weight ?? 1 }];
  });
  const useful = rows.filter((r) => r.weight > 0 && choicesOf(r.places, c.use).length > 0);
  const { validation, training } = keptBack(useful, { seed, validation: c.validation });
  if (!training.length)
    throw new TillerError(
      "no_labels",
      `none of ${given.length} rows can be learned from: ${counts.leftOut} too long, ${counts.empty} with an empty text, ${rows.length - useful.length} with all texts in one place or no weight, ${validation.length} held out.`,
    );
  return learnReward<Ranked>(
    base,
    { training, validation, counts },
    { config: c, seed, maxTokens },
    {
      name: "ranking-reward",
      rows: "rankings",
      loss: choiceLoss,
      batch: (of) => ({
        ...pooledTexts(
          of.map((r) => r.texts),
          maxTokens,
          c.pooling,
        ),
        ...choiceFields(of, K, c.use),
      }),
      texts: (r) => r.texts.slice(0, r.places.length),
      right: (rewards, { places }) => {
        const own = rewards.slice(0, places.length);
        const best = own.indexOf(Math.max(...own));
        return places[best] === Math.min(...places);
      },
    },
    job,
  );
}
