/** Judgments by height against figures worked out by hand. */
import { expect, test } from "vitest";
import { HeightJudgment, heightDrift } from "./heights.ts";

const row = (
  book: string,
  height: number,
  pair: string,
  by: string,
  second: boolean,
  more: { likert?: number; margin?: number } = {},
): HeightJudgment => HeightJudgment.parse({ book, height, pair, by, second, ...more });

test("agreement over pairs of people, ratings, and what the reward says too, by height", () => {
  const rows = [
    // leaves: three people, two pairs of them differ from the third
    row("a", 0, "1", "ann", true, { likert: 5, margin: 2 }),
    row("a", 0, "1", "ben", true, { likert: 7, margin: 2 }),
    row("a", 0, "1", "cat", false, { likert: 3, margin: 2 }),
    row("b", 0, "1", "ann", false, { margin: 0 }),
    row("b", 0, "1", "ben", false, { margin: -1 }),
    // above: one pair of people, and one judgment alone
    row("a", 1, "1", "ann", true, { likert: 2, margin: -1 }),
    row("a", 1, "1", "ben", false, { likert: 4, margin: -1 }),
    row("b", 1, "2", "ann", true, { margin: 3 }),
  ];
  const [leaves, above] = heightDrift(rows);
  expect(leaves!.agreement).toMatchObject({ mean: 2 / 4, n: 4, books: 2 });
  expect(leaves!.likert).toMatchObject({ mean: 5, n: 3, books: 1 });
  expect(leaves!.reward!.mean).toBeCloseTo((2 + 0.5 + 1) / 5, 12);
  expect(leaves!.agreement!.change).toMatchObject({ at: 0, low: 0, high: 0 });
  expect(above!.agreement).toMatchObject({ mean: 0, n: 1 });
  expect(above!.likert!.change.at).toBe(3 - 5);
  expect(above!.reward!.mean).toBeCloseTo(2 / 3, 12);
  expect(above!.reward!.change.at).toBeCloseTo(2 / 3 - 0.7, 12);
});

test("the same person twice is no agreement, and the same name of a pair in another book is another pair", () => {
  const [only] = heightDrift([
    row("a", 2, "1", "ann", true),
    row("a", 2, "1", "ann", true),
    row("b", 2, "1", "ben", true),
  ]);
  expect(only).toEqual({ height: 2, agreement: undefined, likert: undefined, reward: undefined });
});

test("a fall that all books show has an interval below nothing; of one book there is none", () => {
  const many = Array.from({ length: 30 }, (_, i) => [
    row(`${i}`, 0, "1", "ann", true, { margin: 1 }),
    row(`${i}`, 1, "1", "ann", true, { margin: i % 3 === 0 ? 1 : -1 }),
  ]).flat();
  const [, above] = heightDrift(many);
  expect(above!.reward!.change.at).toBeCloseTo(-2 / 3, 12);
  expect(above!.reward!.change.high).toBeLessThan(-0.4);
  expect(above!.reward!.change.low).toBeGreaterThan(-0.9);
  expect(heightDrift(many.slice(0, 2))[1]!.reward!.change.low).toBeNaN();
});
