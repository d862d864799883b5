/** What the small recipes of oversight work out of what people said. Who is asked what, recipes.test.ts replays. */
import { expect, test } from "vitest";
import { percentileOf } from "../factored-evaluation.ts";
import { ratesOf } from "../planted-flaws.ts";
import { firstMistake } from "../process-labels.ts";
import { namedOption } from "../sandwiching.ts";

test("a step counts as the percentile of its people has it", () => {
  expect(percentileOf([90, 10, 50, 70], 50)).toBe(60);
  expect(percentileOf([90, 10, 50, 70], 0)).toBe(10);
  expect(percentileOf([90, 10, 50, 70], 25)).toBe(40);
  expect(percentileOf([30], 75)).toBe(30);
});

test("steps are labelled as far as the first that most call bad", () => {
  const said = [
    ["great", "bad"],
    ["okay", "unsure", "bad"],
    ["great", "okay", "okay", "great"],
  ];
  // of three two pass the second step; of the two who got to the third one
  expect(firstMistake(said, 4)).toEqual({ shares: [1, 2 / 3, 0.5, 1], mistake: null });
  expect(firstMistake([["bad"], ["bad"], ["great", "great"]], 2)).toEqual({
    shares: [1 / 3],
    mistake: 0,
  });
  expect(firstMistake([["great", "bad"]], 3)).toEqual({ shares: [1, 0], mistake: 1 });
});

test("whoever complains of everything finds every flaw, and flags every sound answer", () => {
  const grumbler = ratesOf([{ named: [true, true], flagged: [true, true] }]);
  expect([grumbler.recall.hits, grumbler.falseFlags.hits, grumbler.recall.of]).toEqual([2, 2, 2]);
  const mixed = ratesOf([
    { named: [true, false], flagged: [false] },
    { named: [true], flagged: [true, false] },
  ]);
  expect(mixed.recall).toMatchObject({ hits: 2, of: 3 });
  expect(mixed.falseFlags).toMatchObject({ hits: 1, of: 3 });
  expect(mixed.recall.low).toBeLessThan(2 / 3);
});

test("what names no option is no answer", () => {
  expect(namedOption(" 2, by boat", 3)).toBe(1);
  expect(namedOption("4", 3)).toBeUndefined();
  expect(namedOption("by boat", 3)).toBeUndefined();
  expect(namedOption("", 3)).toBeUndefined();
});
