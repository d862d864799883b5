/** What policy-gradient methods are made of, against numbers worked out by hand; and what a config may not say. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { bestOfGroups } from "./imitate.ts";
import {
  ensembleScore,
  gapRecovered,
  groupAdvantages,
  leaveOneOut,
  rewardsToGo,
} from "./formulas.ts";
import { GrpoConfig } from "./grpo.ts";
import { effectiveSamples, importanceWeights } from "./off-policy.ts";
import { PpoConfig } from "./ppo.ts";
import { ppoAs } from "./ppo-as.ts";
import { confidentTargets } from "./weak-to-strong.ts";

const near = (got: ArrayLike<number>, want: readonly number[], digits = 5) => {
  expect(got.length).toBe(want.length);
  want.forEach((w, i) => expect(got[i], `at ${i}`).toBeCloseTo(w, digits));
};

test("leave-one-out: each against the mean of the others; they sum to 0", () => {
  near(leaveOneOut([1, 2, 6, 0, 0, 3], 3), [-3, -1.5, 4.5, -1.5, -1.5, 3]);
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 4, maxLength: 4 }),
      (r) => {
        expect(leaveOneOut(r, 4).reduce((a, b) => a + b, 0)).toBeCloseTo(0, 6);
        // k / (k - 1) times the distance from the mean
        const mean = r.reduce((a, b) => a + b, 0) / 4;
        near(
          leaveOneOut(r, 4),
          r.map((x) => ((x - mean) * 4) / 3),
        );
      },
    ),
  );
  expect(() => leaveOneOut([1], 1)).toThrow(/a group of 1/);
});

test("group advantages: over the spread, or not; a group of one score teaches nothing", () => {
  const one = 1 / (Math.sqrt(5 / 3) + 1e-4); // std of 0..3 by k - 1
  near(groupAdvantages([0, 1, 2, 3], 4, { scale: true }), [
    -1.5 * one,
    -0.5 * one,
    0.5 * one,
    1.5 * one,
  ]);
  near(groupAdvantages([0, 1, 2, 3], 4, { scale: false }), [-1.5, -0.5, 0.5, 1.5]);
  near(groupAdvantages([2, 2, 5, 5], 2, { scale: true }), [0, 0, 0, 0]);
});

test("rewards to go, discounted", () => {
  near(rewardsToGo([1, 0, 2], 1), [3, 2, 2]);
  near(rewardsToGo([1, 0, 2], 0.5), [1.5, 1, 2]);
});

test("importance weights: truncated, masked, of whole responses", () => {
  const of = (importance: "none" | "truncated" | "masked", o = {}) =>
    importanceWeights([0, Math.log(3), -Math.log(4), 9], [0, 0, 0, 0], [1, 1, 1, 0], {
      importance,
      importanceCap: 2,
      ...o,
    });
  near(of("none"), [1, 1, 1, 0]);
  near(of("truncated"), [1, 2, 0.25, 0]);
  near(of("masked"), [1, 0, 0, 0]);
  near(of("truncated", { sequences: 2 }), [2, 2, 0.25, 0]);
});

test("effective samples: all for equal weights, 1 / n where one counts alone", () => {
  expect(effectiveSamples([1, 1, 1], [0, 0, 0], [1, 1, 1])).toBeCloseTo(1, 9);
  expect(effectiveSamples([50, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1])).toBeCloseTo(0.25, 9);
  expect(effectiveSamples([Math.log(3), 0], [0, 0], [1, 1])).toBeCloseTo(16 / 20, 9);
  expect(effectiveSamples([], [], [])).toBe(1);
});

test("several reward models: mean, worst case, less their variance (Coste et al. 2023)", () => {
  const of = (combine: "mean" | "worst" | "uncertainty") =>
    ensembleScore([1, 2, 6], { combine, uncertaintyWeight: 0.5 });
  expect(of("mean")).toBe(3);
  expect(of("worst")).toBe(1);
  expect(of("uncertainty")).toBeCloseTo(3 - 0.5 * (14 / 3), 9);
});

test("the best of each group, in order", () => {
  const kept = bestOfGroups(["a", "b", "c", "d"], [1, 5, -3, -2], { group: 2, keep: 1 });
  expect(kept).toEqual([
    { item: "b", score: 5 },
    { item: "d", score: -2 },
  ]);
});

test("weak to strong: as many own labels are positive as the weak ones call; alpha mixes", () => {
  near(confidentTargets([0.9, 0.8, 0.1, 0.2], [-1, 2, 0.5, -3], 0), [0.9, 0.8, 0.1, 0.2]);
  near(confidentTargets([0.9, 0.8, 0.1, 0.2], [-1, 2, 0.5, -3], 1), [0, 1, 1, 0]);
  near(confidentTargets([0.9, 0.8, 0.1, 0.2], [-1, 2, 0.5, -3], 0.5), [0.45, 0.9, 0.55, 0.1]);
  expect(gapRecovered({ weak: 0.6, student: 0.7, ceiling: 0.8 })).toBeCloseTo(0.5, 9);
});

test("the settings of four papers are settings of PPO", () => {
  for (const [paper, settings] of Object.entries(ppoAs))
    expect(PpoConfig.parse(settings), paper).toMatchObject(settings);
});

test("what does not fit together is said at the top, with the numbers", () => {
  const said = (parsed: { error?: { issues: { message: string }[] } | undefined }) =>
    parsed.error?.issues.map((i) => i.message).join("; ");
  expect(said(GrpoConfig.safeParse({ batch: 64, group: 5 }))).toMatch(
    "group 5 does not divide batch 64: the last prompt would have 4 responses",
  );
  expect(said(PpoConfig.safeParse({ batch: 64, minibatch: 48 }))).toMatch(/16 episodes a pass/);
  expect(said(PpoConfig.safeParse({ refreshEvery: 3, saveEvery: 4, recompute: true }))).toMatch(
    "saveEvery 4 is no multiple of refreshEvery 3",
  );
  expect(said(PpoConfig.safeParse({ importance: "truncated" }))).toMatch(/want recompute/);
  expect(
    said(PpoConfig.safeParse({ refreshEvery: 10, saveEvery: 10, epochs: 4, minibatch: 16 })),
  ).toMatch("up to 159 steps old, more than maxStaleness, 64");
});
