/**
 * What more labels will buy, from the comparisons that there are: the learning curve of a linear reward on a base's hidden
 * states, and where it goes. `tiller reward forecast` and the studio are made of this; packages/crowd/label-forecast.ts is how.
 */
import {
  accuracy,
  byPeople,
  comparisonFolds,
  rewardFeatures,
  type ForecastOptions,
  forecastLabels,
  type JudgedPairs,
  learningCurves,
  type RatedPair,
  sharesOf,
  trainingLabels,
  type Worth,
} from "@tiller/crowd";
import { bestOfN, type Model, textFeatures } from "@tiller/learn";
import { type LabelCurve, type LabelForecast, rng, TillerError } from "@tiller/schema";
import { textsOf } from "./rewards.ts";

/** How many times the pairs of today. */
const TIMES = [2, 4];
/** A forecast made from this part of the pairs is compared with what all of them show. */
const PART = 1 / 4;

/** A person's score of a text, or another truth about it. */
export interface ScoredText {
  readonly prompt?: string | undefined;
  readonly text: string;
  readonly score: number;
}

export async function labelForecast(
  pairs: readonly RatedPair[],
  base: Model,
  o: {
    readonly seed?: number;
    readonly splits?: number;
    readonly check?: boolean;
    readonly gold?: readonly ScoredText[] | undefined;
    readonly bestOf?: number;
    readonly progress?: (done: number, total: number, note: string) => void;
  } = {},
): Promise<LabelForecast> {
  const { seed = 1, bestOf = 16 } = o;
  const { texts, sides } = textsOf(pairs);
  const { means } = await textFeatures(base, texts, {
    progress: (done, total) => o.progress?.(done, total, "texts read"),
  });
  const { labels } = trainingLabels(pairs);
  const folds = comparisonFolds(pairs, { seed });
  const data: JudgedPairs = {
    features: rewardFeatures(means, base.shape.width, texts),
    judged: labels.map(({ pB, weight }, i) => ({ ...sides[i]!, pB, weight })),
    units: folds.units,
  };
  const worths = [accuracy, ...(o.gold ? [goldOf(texts, o.gold, bestOf)] : [])];
  const curvesOf = (of: JudgedPairs, note: string) =>
    learningCurves(of, worths, {
      seed,
      ...(o.splits !== undefined && { splits: o.splits }),
      progress: (done, total) => o.progress?.(done, total, note),
    });
  const curves = curvesOf(data, "splits");
  const quarters = o.check ? curvesOf(partOf(data, seed), "splits of a quarter") : undefined;
  // no n texts are worth more than the largest of n normal numbers can be expected to be
  const ranges: ForecastOptions[] = [{}, { floor: 0, ceiling: Math.sqrt(2 * Math.log(bestOf)) }];
  const bought = curves.map((curve, w): LabelCurve => {
    const range = { ...ranges[w], seed };
    const more = forecastLabels(
      curve,
      TIMES.map((times) => times * pairs.length),
      range,
    );
    const measured = curve.points.at(-1)!.value;
    const half = 1.645 * Math.sqrt(curve.covariance.at(-1)!.at(-1)!);
    const [forecast] = quarters ? forecastLabels(quarters[w]!, [pairs.length], range) : [];
    return {
      now: { pairs: pairs.length, at: measured, low: measured - half, high: measured + half },
      more: more.map((point, i) => ({ ...point, times: TIMES[i]! })),
      // as if a reward had learned from all pairs' usual part
      curve: curve.points.map((p) => ({
        pairs: Math.round((p.pairs * pairs.length) / curve.points.at(-1)!.pairs),
        value: p.value,
      })),
      ...(forecast && {
        check: {
          from: quarters![w]!.all,
          forecast,
          within: measured >= forecast.low && measured <= forecast.high,
        },
      }),
    };
  });
  return {
    pairs: pairs.length,
    judgments: pairs.reduce((n, p) => {
      const { a, tie, b } = sharesOf(byPeople(p));
      return n + a + tie + b;
    }, 0),
    heldOutBy: folds.by,
    accuracy: bought[0]!,
    gold: bought[1] ? { ...bought[1], n: bestOf } : null,
  };
}

/** A quarter of the pairs, by chance. */
function partOf(data: JudgedPairs, seed: number): JudgedPairs {
  const some = rng(seed, "label forecast", "quarter")
    .shuffle(data.judged.map((_, i) => i))
    .slice(0, Math.floor(PART * data.judged.length));
  return {
    features: data.features,
    judged: some.map((i) => data.judged[i]!),
    units: some.map((i) => data.units[i]!),
  };
}

/** The gold of the best of n held-out texts of a prompt by the reward, over that prompt's mean, in the spread of all. */
function goldOf(
  texts: readonly { readonly prompt: string; readonly text: string }[],
  scored: readonly ScoredText[],
  n: number,
): Worth {
  const key = (prompt: string | undefined, text: string) => JSON.stringify([prompt ?? "", text]);
  const known = new Map(scored.map((s) => [key(s.prompt, s.text), s.score]));
  const gold = texts.map((t) => known.get(key(t.prompt, t.text)) ?? known.get(key("", t.text)));
  const have = gold.filter((g) => g !== undefined);
  if (have.length < 2 * n)
    throw new TillerError(
      "no_gold",
      `${have.length} of ${texts.length} compared texts have a score; the best of ${n} needs ${2 * n} or more. Give scores of these texts, or a smaller n.`,
    );
  const mean = have.reduce((a, b) => a + b, 0) / have.length;
  const spread = Math.sqrt(have.reduce((v, x) => v + (x - mean) ** 2, 0) / have.length) || 1;
  return (rewards, tested) => {
    const held = new Set(tested.flatMap((r) => [r.a, r.b]).filter((i) => gold[i] !== undefined));
    const worth = [...Map.groupBy(held, (i) => texts[i]!.prompt).values()].flatMap((of) => {
      if (of.length < n) return [];
      const golds = of.map((i) => gold[i]!);
      const usual = golds.reduce((a, b) => a + b, 0) / golds.length;
      return [
        (bestOfN(
          of.map((i) => rewards[i]!),
          golds,
          n,
        ) -
          usual) /
          spread,
      ];
    });
    return worth.length ? worth.reduce((a, b) => a + b, 0) / worth.length : undefined;
  };
}
