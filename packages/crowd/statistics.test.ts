/** Intervals against published values and against their own definition. */
import { expect, test } from "vitest";
import { largest, rng, smallest, wilson } from "@tiller/schema";
import {
  betaQuantile,
  bootstrapMean,
  clopperPearson,
  incompleteBeta,
  median,
  quantile,
} from "./statistics.ts";

test("Wilson and Clopper-Pearson: the worked examples of Newcombe 1998, table I", () => {
  // 81 of 263; 15 of 148; 0 of 20; 1 of 29
  const four = (x: { low: number; high: number }) => [x.low.toFixed(4), x.high.toFixed(4)];
  expect(four(wilson(81, 263))).toEqual(["0.2553", "0.3662"]);
  expect(four(clopperPearson(81, 263))).toEqual(["0.2527", "0.3676"]);
  expect(four(wilson(15, 148))).toEqual(["0.0624", "0.1605"]);
  expect(four(clopperPearson(15, 148))).toEqual(["0.0578", "0.1617"]);
  expect(four(wilson(0, 20))).toEqual(["0.0000", "0.1611"]);
  expect(four(clopperPearson(0, 20))).toEqual(["0.0000", "0.1684"]);
  expect(four(wilson(1, 29))).toEqual(["0.0061", "0.1718"]);
  expect(four(clopperPearson(1, 29))).toEqual(["0.0009", "0.1776"]);
  expect(clopperPearson(7, 7).low).toBeCloseTo(0.025 ** (1 / 7), 12); // closed form
});

test("the incomplete beta function: closed forms, and its quantile turns it round", () => {
  expect(incompleteBeta(0.3, 1, 1)).toBeCloseTo(0.3, 12);
  expect(incompleteBeta(0.3, 3, 1)).toBeCloseTo(0.027, 12);
  expect(incompleteBeta(0.5, 2, 3)).toBeCloseTo(11 / 16, 12);
  for (const [a, b] of [
    [4, 2],
    [0.5, 0.5],
    [300, 7],
    [2000, 3000],
  ] as const)
    for (const p of [0.025, 0.5, 0.975])
      expect(incompleteBeta(betaQuantile(p, a, b), a, b)).toBeCloseTo(p, 9);
});

test("quantiles lie between neighbours", () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([])).toBeNaN();
});

test("the bootstrap of a mean is as wide as theory says, and the same every time", () => {
  const random = rng(7, "bootstrap test");
  const units = Array.from({ length: 900 }, () => ({ sum: random.normal(), n: 1 }));
  const one = bootstrapMean(units);
  expect(bootstrapMean(units)).toEqual(one);
  expect((one.high - one.low) / ((2 * 1.96) / 30)).toBeGreaterThan(0.85);
  expect((one.high - one.low) / ((2 * 1.96) / 30)).toBeLessThan(1.15);
  expect(bootstrapMean([{ sum: 1, n: 1 }]).low).toBeNaN(); // one unit knows nothing of its spread
});

test("extremes of more values than a call can take", () => {
  const many = Float64Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 300_007);
  expect([largest(many), smallest(many)]).toEqual([300_006, 0]);
  expect([largest([]), smallest([]), largest([1, Number.NaN, 2])]).toEqual([
    -Infinity,
    Infinity,
    Number.NaN,
  ]);
});
