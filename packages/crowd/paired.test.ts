/** Two arms on the same questions: published values, enumeration, and errors counted on simulated questions. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import {
  anytimePaired,
  comparePaired,
  mcnemar,
  pairedPower,
  questionsNeeded,
  questionsNeededUnpaired,
} from "./paired.ts";
import { normalCdf, normalQuantile } from "./statistics.ts";

test("the normal distribution, by scipy.stats.norm", () => {
  expect(normalCdf(1.96)).toBeCloseTo(0.9750021048517795, 13);
  expect(normalCdf(-3)).toBeCloseTo(0.0013498980316300933, 14);
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 11);
});

test("questions needed: 5 points at 25 % discordant take about 780, 10 points about 190", () => {
  expect(questionsNeeded({ difference: 0.05, discordant: 0.25 })).toBe(783);
  expect(questionsNeeded({ difference: 0.1, discordant: 0.25 })).toBe(194);
  expect(questionsNeededUnpaired({ a: 0.8, b: 0.85 })).toBe(906); // Fleiss: some 900 an arm
});

test("the exact test, by scipy.stats.binomtest", () => {
  expect(mcnemar(5, 15)).toBeCloseTo(0.04138946533203125, 12);
  expect(mcnemar(0, 5)).toBeCloseTo(0.0625, 12);
  expect([mcnemar(4, 4), mcnemar(0, 0)]).toEqual([1, 1]);
});

test("its power, by enumeration of every outcome of twelve questions", () => {
  const [difference, discordant, n] = [0.3, 0.5, 12];
  const [pa, pb] = [(discordant + difference) / 2, (discordant - difference) / 2];
  const factorial = (k: number): number => (k < 2 ? 1 : k * factorial(k - 1));
  let power = 0;
  for (let a = 0; a <= n; a++)
    for (let b = 0; a + b <= n; b++) {
      const ways = factorial(n) / (factorial(a) * factorial(b) * factorial(n - a - b));
      if (mcnemar(a, b) <= 0.05)
        power += ways * pa ** a * pb ** b * (1 - discordant) ** (n - a - b);
    }
  expect(pairedPower({ difference, discordant, questions: n })).toBeCloseTo(power, 9);
  // the formula's number of questions has about the power it was asked for
  expect(pairedPower({ difference: 0.1, discordant: 0.25, questions: 194 })).toBeCloseTo(0.8, 1);
});

test("after: difference, discordant questions and their interval", () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({
    a: Number(i < 80),
    b: Number(i >= 10 && i < 75),
  }));
  const found = comparePaired(rows);
  expect(found).toMatchObject({ n: 100, a: 0.8, b: 0.65, onlyA: 15, onlyB: 0 });
  expect(found.difference.at).toBeCloseTo(0.15, 12);
  expect(found.p).toBeCloseTo(2 ** -14, 12);
  // the normal interval of a mean of 15 ones in 100
  expect(found.difference.low).toBeCloseTo(0.08, 1.5);
  expect(found.difference.high).toBeCloseTo(0.22, 1.5);
  // ten copies of each question in one unit say no more than one does
  const copies = rows.flatMap((r, i) => Array.from({ length: 10 }, () => ({ ...r, unit: `${i}` })));
  const together = comparePaired(copies).difference;
  expect(together.high - together.low).toBeCloseTo(
    found.difference.high - found.difference.low,
    1.5,
  );
});

const questions = (seed: number, n: number, difference: number, discordant: number) => {
  const random = rng(seed, "sequence");
  return Array.from({ length: n }, () => {
    const u = random.next();
    return u < (discordant + difference) / 2 ? 1 : u < discordant ? -1 : 0;
  });
};
test("looking after every question errs in at most one of twenty, and finds a true difference", () => {
  const shown = (difference: number, runs: number) =>
    Array.from({ length: runs }, (_, s) => questions(s, 500, difference, 0.25)).filter(
      (d) => anytimePaired(d, { cells: 2 }).shownAfter !== null,
    ).length / runs;
  expect(shown(0, 300)).toBeLessThanOrEqual(0.05);
  expect(shown(0.15, 60)).toBeGreaterThan(0.8);
});
test("the interval that holds all along holds the difference, and narrows", () => {
  let inside = 0;
  for (let seed = 0; seed < 25; seed++) {
    const { difference } = anytimePaired(questions(seed, 300, 0.1, 0.3), { cells: 100 });
    inside += Number(difference.low <= 0.1 && 0.1 <= difference.high);
    expect(difference.high - difference.low).toBeLessThan(0.5);
  }
  expect(inside).toBeGreaterThanOrEqual(24);
  expect(anytimePaired([])).toMatchObject({ capital: 1, shownAfter: null });
});
