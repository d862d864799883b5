/** Gao et al. 2022's forms: exact where points lie on them, their peaks, and which form goes on beyond its points. */
import { expect, test } from "vitest";
import { bestOfNWeights } from "./formulas.ts";
import { distanceOfBest, errorBeyond, fitGold, goldAt, peakOf } from "./overoptimisation.ts";

const ds = [0, 0.4, 0.8, 1.2, 1.8, 2.4, 3];

test.each(["linear", "log"] as const)("points on the %s form give its alpha and beta", (form) => {
  const curve = { form, alpha: 0.9, beta: 0.3 };
  const points = ds.map((d) => ({ d, gold: goldAt(curve, d) }));
  const found = fitGold(points, form);
  expect(found.alpha).toBeCloseTo(0.9, 9);
  expect(found.beta).toBeCloseTo(0.3, 9);
  expect(points[0]!.gold).toBe(0);
  expect(errorBeyond(points, form)).toBeCloseTo(0, 9);
  expect(errorBeyond(points, form === "log" ? "linear" : "log")).toBeGreaterThan(0.02);
});

test("peaks: alpha / 2 beta and alpha^2 / 4 beta; exp(alpha / beta - 1) and beta d; none where nothing bends down", () => {
  const linear = peakOf({ form: "linear", alpha: 0.9, beta: 0.3 })!;
  expect([linear.d, linear.gold]).toEqual([0.9 / 0.6, expect.closeTo(0.81 / 1.2, 9)]);
  const log = peakOf({ form: "log", alpha: 0.9, beta: 0.3 })!;
  expect(log.d).toBeCloseTo(Math.exp(2), 9);
  expect(log.gold).toBeCloseTo(0.3 * log.d, 9);
  expect(peakOf({ form: "linear", alpha: 0.9, beta: -0.1 })).toBeUndefined();
  expect(peakOf({ form: "linear", alpha: -0.2, beta: 0.1 })).toBeUndefined();
});

test("too few points away from the base are refused; the base's own say nothing", () => {
  expect(() =>
    fitGold(
      [
        { d: 0, gold: 5 },
        { d: 1, gold: 1 },
      ],
      "linear",
    ),
  ).toThrow(/1 points away from the base/);
  expect(
    errorBeyond(
      [
        { d: 1, gold: 1 },
        { d: 2, gold: 1 },
      ],
      "linear",
    ),
  ).toBeUndefined();
});

test("distances and weights of best-of-n", () => {
  expect(distanceOfBest(1)).toBe(0);
  expect(distanceOfBest(512)).toBeCloseTo(Math.sqrt(Math.log(512) - 511 / 512), 9);
  for (const [N, n] of [
    [5, 1],
    [5, 5],
    [672, 512],
  ] as const)
    expect(bestOfNWeights(N, n).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 8);
  expect([...bestOfNWeights(4, 2)].map((w) => Math.round(6 * w))).toEqual([0, 1, 2, 3]);
});
