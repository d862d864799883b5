/**
 * How good a reward model is, for its page: the pairs that its training kept back, beside the longer text, a bag of words that
 * learned from the same pairs, and one person against the others; its calibration; and what more labels would buy.
 */
import {
  comparisonFolds,
  type Folds,
  type RatedPair,
  ratedPairs,
  rewardTable,
  type Vote,
} from "@tiller/crowd";
import { comparisonOf } from "@tiller/data";
import {
  asPair,
  encodePairs,
  gradedRewardJob,
  keptBack,
  type Model,
  rewardJob,
} from "@tiller/learn";
import { GradedPair, PreferenceRow, type RewardReport, rng, TillerError } from "@tiller/schema";
import { z } from "zod";
import { labelForecast } from "./label-forecast.ts";
import { marginsOf } from "./rewards.ts";

/** What somebody said of a row's two texts, by the id of the answer. */
export type Said = ReadonlyMap<string, { readonly by: string; readonly choice: Vote["choice"] }>;
type Row = Readonly<Record<string, unknown>>;
const Judged = z.looseObject({ judgments: z.array(z.string()) });
/** Folds of the words' own: one is what was kept back, by the others a penalty is chosen. */
const FOLDS = 5;
/** Enough pairs that a quarter of them has a curve of its own. */
const CHECKED = 240;

/** A row's texts with each person's own vote where its answers are known, else as the row says. */
function ratedRow(row: Row, line: number, said: Said): RatedPair {
  const pair = comparisonOf(row, line);
  const votes = (Judged.safeParse(row).data?.judgments ?? []).flatMap((id): Vote[] => {
    const found = said.get(id);
    return found ? [{ choice: found.choice, weight: 1, source: "person", rater: found.by }] : [];
  });
  return votes.length ? { ...pair, votes } : pair;
}

/** Which rows training left out, kept back and learned from, by their numbers: what the run's job did with the same input. */
function partsOf(rows: readonly Row[], tokenizer: Model["tokenizer"], run: LearnedBy) {
  const graded = run.kind === gradedRewardJob.kind;
  const given = (graded ? gradedRewardJob : rewardJob).input.parse(run.config);
  const pairs = graded
    ? rows.map((r) => ({ ...GradedPair.parse(r), pB: 1 }))
    : rows.map((r) => asPair(PreferenceRow.parse(r)));
  const { config, maxTokens, seed } = given;
  const encoded = encodePairs(tokenizer, pairs, { maxTokens, long: config.long });
  const counting = encoded.kept.filter((_, i) => !graded || encoded.rows[i]!.weight > 0);
  return { ...keptBack(counting, { seed, validation: config.validation }), seed };
}
/** A run's kind and its job's input. */
export interface LearnedBy {
  readonly kind: string;
  readonly config: unknown;
}
export const reportedKinds: readonly string[] = [rewardJob.kind, gradedRewardJob.kind];

export async function rewardReport(
  models: { readonly reward: Model; readonly base: Model },
  rows: readonly Row[],
  o: { readonly run: LearnedBy; readonly said: Said; readonly scale: number | undefined },
): Promise<RewardReport> {
  const { validation, training, seed } = partsOf(rows, models.reward.tokenizer, o.run);
  const pairs = rows.map((row, i) => ratedRow(row, i + 1, o.said));
  const held = validation.map((i) => pairs[i]!);
  const margins = new Array<number>(pairs.length).fill(Number.NaN);
  (await marginsOf([models.reward], held)).forEach((m, k) => (margins[validation[k]!] = m));
  const forecast = await forecastOf(pairs, models.base, seed);
  if (!held.length || pairs.length < 2 * FOLDS)
    return { pairs: training.length, table: null, forecast };
  const t = rewardTable(pairs, margins, {
    seed,
    scale: o.scale,
    folds: foldsOf(pairs, validation, training, seed),
  });
  if (!t.n) return { pairs: training.length, table: null, forecast };
  const part = <P extends { n: number; accuracy: number; low: number; high: number }>(p: P) => ({
    n: p.n,
    accuracy: p.accuracy,
    low: p.low,
    high: p.high,
  });
  const ahead = ({ at, low, high }: { at: number; low: number; high: number }) => ({
    at,
    low,
    high,
  });
  return {
    pairs: training.length,
    table: {
      ...part(t),
      ties: t.ties.n,
      baselines: t.baselines,
      ahead: {
        longer: ahead(t.ahead.longer),
        bagOfWords: t.ahead.bagOfWords && ahead(t.ahead.bagOfWords),
      },
      matched: t.matched && { ...part(t.matched), longer: t.matched.longer },
      calibration: {
        ece: t.calibration.ece,
        scale: t.calibration.scale,
        best: t.calibration.best,
        bins: t.calibration.bins.map((b) => ({
          ...part(b),
          from: b.from,
          to: b.to,
          confidence: b.confidence,
        })),
      },
    },
    forecast,
  };
}

/** One fold is what was kept back; the others are parts of what was learned from, for the words' penalty. */
function foldsOf(
  pairs: readonly RatedPair[],
  validation: readonly number[],
  training: readonly number[],
  seed: number,
): Folds {
  const dealt = rng(seed, "reward report").shuffle(training);
  const parts = [
    validation,
    ...Array.from({ length: FOLDS - 1 }, (_, f) => dealt.filter((_, k) => k % (FOLDS - 1) === f)),
  ];
  const { by, units } = comparisonFolds(pairs, { folds: FOLDS, seed });
  return {
    by,
    count: FOLDS,
    units,
    test: (f) => [...parts[f]!],
    train: (f) => parts.flatMap((p, g) => (g === f ? [] : p)),
  };
}

/** Null where there are too few pairs for one. */
async function forecastOf(pairs: readonly RatedPair[], base: Model, seed: number) {
  const { pairs: together } = ratedPairs(pairs);
  try {
    return await labelForecast(together, base, { seed, check: together.length >= CHECKED });
  } catch (e) {
    if (e instanceof TillerError) return null;
    throw e;
  }
}
