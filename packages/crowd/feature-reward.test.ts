/** Linear rewards against values by hand, and on people made up from a known taste. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { wantedPairs } from "./active-choice.ts";
import {
  agreeing,
  type Features,
  rewardFeatures,
  type Judged,
  featureReward,
  rewardEnsemble,
  rewardsBy,
} from "./feature-reward.ts";

/** Texts with normal features, and judgments by a taste that weighs the first two columns. */
export function madeUp(o: { texts: number; columns: number; pairs: number; seed: number }) {
  const random = rng(o.seed, "made up");
  const features: Features = {
    rows: o.texts,
    columns: o.columns,
    data: Float64Array.from({ length: o.texts * o.columns }, () => random.normal()),
  };
  const taste = Float64Array.from({ length: o.columns }, (_, k) => [1, -0.7][k] ?? 0);
  const truth = rewardsBy(features, taste);
  const judged = Array.from({ length: o.pairs }, (): Judged => {
    const [a, b] = [random.int(o.texts), random.int(o.texts)];
    return { a, b, pB: random.next() < 1 / (1 + Math.exp(truth[a]! - truth[b]!)) ? 1 : 0 };
  }).filter((r) => r.a !== r.b);
  return { features, judged, truth };
}

test("one column, one kind of pair: the weight where the slope of the posterior is 0", () => {
  const features = { rows: 2, columns: 1, data: Float64Array.of(0, 1) };
  const judged = [
    { a: 0, b: 1, pB: 1, weight: 3 },
    { a: 1, b: 0, pB: 1 },
  ];
  // d/dw of 3 log s(w) + log s(-w) - w^2 / (2 spread^2) is 3 s(-w) - s(w) - w / spread^2
  const slope = (w: number, spread: number) =>
    3 / (1 + Math.exp(w)) - 1 / (1 + Math.exp(-w)) - w / spread ** 2;
  for (const spread of [0.5, 1, 100]) {
    const [w] = featureReward(features, judged, { spread });
    expect(slope(w!, spread)).toBeCloseTo(0, 1);
  }
  expect(featureReward(features, judged, { spread: 100 })[0]).toBeCloseTo(Math.log(3), 1);
  // a label of 1/2 pulls to nothing, and says nothing of being right
  expect(featureReward(features, [{ a: 0, b: 1, pB: 0.5 }])[0]).toBeCloseTo(0, 6);
  expect(agreeing([0, 1], [...judged, { a: 0, b: 1, pB: 0.5 }])).toEqual({ right: 3, n: 4 });
  expect(agreeing([1, 1], judged)).toEqual({ right: 2, n: 4 });
  expect(() => featureReward(features, [{ a: 0, b: 2, pB: 1 }])).toThrow(
    /texts 0 and 2, and there are features of 2/,
  );
});

test("finds a taste, and speaks of texts that nobody compared", () => {
  const { features, judged, truth } = madeUp({ texts: 400, columns: 12, pairs: 1500, seed: 1 });
  const seen = judged.filter((r) => r.a < 200 && r.b < 200);
  const unseen = judged.filter((r) => r.a >= 200 && r.b >= 200);
  const best = agreeing(truth, unseen);
  const few = agreeing(rewardsBy(features, featureReward(features, seen.slice(0, 20))), unseen);
  const all = agreeing(rewardsBy(features, featureReward(features, seen)), unseen);
  expect(all.right / all.n).toBeGreaterThan(best.right / best.n - 0.04);
  expect(few.right).toBeLessThan(all.right);
});

test("columns have mean 0 and variance 1, the length's is louder; one that does not vary is 0", () => {
  const texts = ["", "ab", "abcdefgh"].map((text) => ({ text })); // 1, 3, 9: even in logarithms
  const { data, columns } = rewardFeatures([1, 5, 2, 5, 3, 5], 2, texts);
  expect(columns).toBe(3);
  const row = (x: number) => [x, 0, Math.sqrt(3) * x];
  expect([...data]).toEqual(
    [row(-1.22474), row(0), row(1.22474)].flat().map((v) => expect.closeTo(v, 4)),
  );
});

test("an ensemble differs where little was judged, and the pairs it disagrees about come first", () => {
  const { features, judged } = madeUp({ texts: 60, columns: 2, pairs: 400, seed: 2 });
  const o = { members: 4, seed: 3 };
  expect(rewardEnsemble(features, judged, o)).toEqual(rewardEnsemble(features, judged, o));
  // a third column that no judged pair varies in, and two open pairs: one differs in it, one does not
  const wider: Features = {
    rows: 62,
    columns: 2,
    data: Float64Array.from([...features.data, 5, -5, 0.1, 0.1]),
  };
  const open = [
    { a: 0, b: 0 },
    { a: 60, b: 61 },
  ];
  const wanted = wantedPairs(wider, judged, open, { by: "disagreement", most: 1, seed: 1 });
  expect(wanted).toEqual([{ a: 60, b: 61 }]);
  // by the margin the pair of one text with itself is the least sure of all
  expect(wantedPairs(wider, judged, open, { by: "margin", most: 1, seed: 1 })).toEqual([
    { a: 0, b: 0 },
  ]);
});
