/** What the first experiment says it learned goes by the interval, and says who judged. */
import { expect, test } from "vitest";
import { learned, type Outcome } from "./report.ts";

const outcome: Outcome = {
  seconds: 60,
  rewardAccuracy: 0.7,
  winRate: 0.9,
  kl: 8,
  distinct2Ratio: 0.95,
  judgments: 2400,
  carelessFound: ["rater-11", "rater-12"],
};

test.each([
  [0.9, { low: 0.86, high: 0.93 }, /writes more positively .* in 90 % .* leaves out 50 %/],
  [0.55, { low: 0.45, high: 0.64 }, /Whether training helped cannot be told/],
  [0.2, { low: 0.15, high: 0.26 }, /Training made it worse/],
  [0.5, null, /cannot be told/],
])("a win rate of %f within %o", (winRate, interval, said) => {
  const text = learned({ ...outcome, winRate }, interval);
  expect(text).toMatch(said);
  expect(text).toContain("Found careless: rater-11, rater-12");
  expect(text).toContain("Judged by simulated raters and a list of words");
  expect(text).not.toContain("collapsed");
});

test("a collapse of its language is said beside the gain", () => {
  const text = learned({ ...outcome, distinct2Ratio: 0.3 }, { low: 0.86, high: 0.93 });
  expect(text).toContain("collapsed to 30 % of the base's variety");
});
