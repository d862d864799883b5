/**
 * How good a linear reward is by how many labelled pairs it learned from, on pairs whose units (topics, prompts, texts) it
 * never saw: repeated random splits of what is there, in each of them rewards from all training pairs and from disjoint
 * halves, quarters and eighths of them, all tested on the same held-out pairs. The variance of a mean over splits that share
 * their rows is Nadeau and Bengio's (2003): the variance between splits times (1 / splits + tested / trained on).
 */
import { rng, type Rng, TillerError } from "@tiller/schema";
import {
  agreeing,
  type Features,
  type Judged,
  featureReward,
  rewardsBy,
} from "./feature-reward.ts";

/** Pairs, and what each hangs together with: one unit twice, or the units of its two texts. */
export interface JudgedPairs {
  readonly features: Features;
  readonly judged: readonly Judged[];
  readonly units: readonly (readonly [number, number])[];
}
export interface CurvePoint {
  /** pairs that a reward learned from */
  readonly pairs: number;
  /** mean over splits */
  readonly value: number;
}
export interface LearningCurve {
  readonly points: readonly CurvePoint[];
  /** of the points' means, over other splits and other pairs of the same kind */
  readonly covariance: readonly (readonly number[])[];
  /** pairs that there are, in training and held out */
  readonly all: number;
}
/** What a reward is worth on held-out pairs; undefined where they say nothing. */
export type Worth = (rewards: Float64Array, tested: readonly Judged[]) => number | undefined;
export const accuracy: Worth = (rewards, tested) => {
  const { right, n } = agreeing(
    rewards,
    tested.map(({ a, b, pB }) => ({ a, b, pB })), // each pair once, however many judged it
  );
  return n ? right / n : undefined;
};

/** Of the units. */
const HELD_OUT = 0.3;
const PARTS = [8, 4, 2, 1];
/** No reward learns from fewer pairs. */
const LEAST = 12;
/** Disjoint parts of one size that are trained on, at most. */
const MOST_PARTS = 3;

export function splitUnits(
  { judged, units }: Pick<JudgedPairs, "judged" | "units">,
  random: Rng,
): { train: Judged[]; test: Judged[] } {
  const all = [...new Set(units.flat())].toSorted((a, b) => a - b);
  const held = new Set(
    random.shuffle(all).slice(0, Math.max(1, Math.round(HELD_OUT * all.length))),
  );
  const where = (ok: (a: boolean, b: boolean) => boolean) =>
    judged.filter((_, i) => ok(held.has(units[i]![0]), held.has(units[i]![1])));
  return {
    train: random.shuffle(where((a, b) => !a && !b)),
    test: where((a, b) => a && b),
  };
}

interface CurveOptions {
  readonly seed?: number;
  readonly splits?: number;
  readonly progress?: (done: number, total: number) => void;
}
/** How often the reward names the better text of held-out pairs. */
export const learningCurve = (data: JudgedPairs, o: CurveOptions = {}): LearningCurve =>
  learningCurves(data, [accuracy], o)[0]!;

/** One curve for each way to say what a reward is worth, of the same rewards. */
export function learningCurves(
  data: JudgedPairs,
  worths: readonly Worth[],
  o: CurveOptions = {},
): LearningCurve[] {
  const { seed = 1, splits = 24 } = o;
  const parts = Array.from({ length: splits }, (_, s) =>
    splitUnits(data, rng(seed, "learning curve", s)),
  ).filter(({ train, test }) => train.length >= 2 * LEAST && test.some((r) => r.pB !== 0.5));
  if (parts.length < splits / 2)
    throw new TillerError(
      "too_few",
      `${data.judged.length} pairs of ${new Set(data.units.flat()).size} topics, prompts or texts are too few for a learning curve: ${splits - parts.length} of ${splits} splits left fewer than ${2 * LEAST} pairs to learn from or none to test on. Label more first.`,
    );
  const most = Math.min(...parts.map((p) => p.train.length));
  const sizes = PARTS.map((p) => ({ p, pairs: Math.floor(most / p) })).filter(
    ({ pairs }) => pairs >= LEAST,
  );
  /** by worth, split, size */
  const values = worths.map((): number[][] => []);
  for (const [s, { train, test }] of parts.entries()) {
    const each = sizes.map(({ p, pairs }) =>
      Array.from({ length: Math.min(p, MOST_PARTS) }, (_, i) =>
        rewardsBy(
          data.features,
          featureReward(data.features, train.slice(i * pairs, (i + 1) * pairs)),
        ),
      ),
    );
    for (const [w, worth] of worths.entries()) {
      const own = each.map((rewards) => {
        const said = rewards.map((r) => worth(r, test)).filter((x) => x !== undefined);
        return said.length ? said.reduce((a, b) => a + b, 0) / said.length : undefined;
      });
      if (own.every((x) => x !== undefined)) values[w]!.push(own);
    }
    o.progress?.(s + 1, parts.length);
  }
  return values.map((of) => {
    if (of.length < 2)
      throw new TillerError(
        "too_few",
        `${of.length} of ${parts.length} held-out parts of ${data.judged.length} pairs say what a reward is worth. Label more first.`,
      );
    return curveOf(
      sizes.map((s) => s.pairs),
      of,
      data.judged.length,
    );
  });
}

/** Means over splits, and how they vary together. */
function curveOf(
  sizes: readonly number[],
  values: readonly (readonly number[])[],
  all: number,
): LearningCurve {
  const n = values.length;
  const mean = sizes.map((_, k) => values.reduce((sum, v) => sum + v[k]!, 0) / n);
  const between = 1 / n + HELD_OUT / (1 - HELD_OUT);
  return {
    points: sizes.map((pairs, k) => ({ pairs, value: mean[k]! })),
    covariance: mean.map((a, i) =>
      mean.map(
        (b, j) =>
          (between * values.reduce((sum, v) => sum + (v[i]! - a) * (v[j]! - b), 0)) / (n - 1),
      ),
    ),
    all,
  };
}
