/** What credences are worth, by hand and by closed forms. */
import { expect, test } from "vitest";
import { bestScale, judgesReport, rescale, type Verdict } from "./credences.ts";

const verdict = (question: number, judge: string, p: number): Verdict => ({
  question: `${question}`,
  transcript: "t",
  judge,
  credence: [p, 1 - p],
  truth: 0,
});

test("a scale by its closed form", () => {
  // .8 seven times of ten right: .8^k / (.8^k + .2^k) = .7
  const rows = Array.from({ length: 10 }, (_, i) => verdict(i, "j", i < 7 ? 0.8 : 0.2));
  const k = Math.log(7 / 3) / Math.log(4);
  expect(bestScale(rows)).toBeCloseTo(k, 9);
  expect(rescale([0.8, 0.2], k)[0]).toBeCloseTo(0.7, 12);
  // worse than a coin: nothing is left of it
  expect(bestScale(rows.map((r) => ({ ...r, truth: 1 })))).toBe(0);
  // the prior draws it: with a narrow one nothing else counts
  expect(bestScale(rows, { at: 2, sd: 1e-4 })).toBeCloseTo(2, 3);
});

test("scores by hand, each rescaled by the other questions", () => {
  const rows = Array.from({ length: 10 }, (_, i) => verdict(i, "j", i < 7 ? 0.8 : 0.2));
  const { all, folds, judges, pooled } = judgesReport(rows);
  expect(folds).toBe(10); // every question is one
  expect(all.score).toBeCloseTo(0.7 * Math.log2(0.8) + 0.3 * Math.log2(0.2), 12);
  expect(all.coin).toBe(-1);
  expect([all.accuracy.at, all.ties, all.tiesHalf]).toEqual([0.7, 0, 0.7]);
  expect(all.ece).toBeCloseTo(0.1, 12);
  expect(all.brier).toBeCloseTo(0.7 * 0.08 + 0.3 * 1.28, 12);
  // without one of the right ones 6 of 9 are right, without a wrong one 7 of 9
  expect(all.rescaled).toBeCloseTo(0.7 * Math.log2(6 / 9) + 0.3 * Math.log2(2 / 9), 6);
  expect(judges.map((j) => [j.judge, j.n])).toEqual([["j", 10]]);
  expect(pooled).toBeNull();
});

test("judges of one transcript are pooled by their mean log-odds", () => {
  const rows = [verdict(1, "a", 0.8), verdict(1, "b", 0.5), verdict(2, "a", 0.4)];
  const { pooled, all, judges } = judgesReport(rows);
  expect(pooled).toMatchObject({ n: 1, judgesEach: 2 });
  expect(pooled!.score).toBeCloseTo(Math.log2(2 / 3), 12);
  expect([all.ties, all.accuracy.at]).toEqual([1, 1 / 3]);
  expect(all.tiesHalf).toBeCloseTo(0.5, 12);
  expect(judges.map((j) => j.judge)).toEqual(["a", "b"]);
  expect(() => judgesReport([...rows, { ...verdict(1, "c", 0.5), truth: 1 }])).toThrow(/one truth/);
});

test("judges who are too sure are shrunk to their questions' worth, and the order of rows is nothing", () => {
  const rows = Array.from({ length: 60 }, (_, i) =>
    verdict(i >> 1, i % 2 ? "calm" : "sure", i % 2 ? (i % 5 ? 0.6 : 0.4) : i % 3 ? 0.99 : 0.01),
  );
  const report = judgesReport(rows);
  const sure = report.judges.find((j) => j.judge === "sure")!;
  expect(sure.score).toBeLessThan(sure.coin);
  expect(sure.rescaledByJudge).toBeGreaterThan(sure.score);
  expect(sure.scale).toBeLessThan(0.3);
  const { all } = judgesReport(rows.toReversed());
  expect(all.rescaled).toBeCloseTo(report.all.rescaled, 9);
});
