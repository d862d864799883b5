/** Standing by known answers, with Wilson's interval written out: 0 of 3 is below 0.562, 0 of 4 below 0.490. */
import { expect, test } from "vitest";
import { type Known, standingOf } from "./standing.ts";

const known = (right: number, of: number, type = "comparison"): Known[] =>
  Array.from({ length: of }, (_, i) => ({ type, right: i < right }));
const probation = { kind: "comparison", gold: 3, bar: 0.5 };
/** Wilson 1927 at z = 1.96. */
const upper = (k: number, n: number) => {
  const z = 1.959963984540054;
  return (
    (k / n + z ** 2 / 2 / n + z * Math.sqrt(((k / n) * (1 - k / n)) / n + (z / 2 / n) ** 2)) /
    (1 + z ** 2 / n)
  );
};

test("probation: too few say nothing, enough admit, surely below the bar pauses", () => {
  expect(standingOf(known(0, 2), { rules: [], probation })).toEqual({ kind: "as before" });
  expect(standingOf(known(9, 9, "essay"), { rules: [], probation })).toEqual({ kind: "as before" });
  expect(upper(0, 3)).toBeGreaterThan(0.5);
  expect(standingOf(known(0, 3), { rules: [], probation })).toEqual({
    kind: "admitted",
    why: "0 of 3 known answers right (95 % interval 0 to 56 %)",
  });
  expect(upper(0, 4)).toBeLessThan(0.5);
  expect(standingOf(known(0, 4), { rules: [], probation })).toEqual({
    kind: "paused",
    why: "probation: 0 of 4 known answers right (95 % interval 0 to 49 %); the bar is 50 %",
  });
});

test("a rule of the queues comes before probation, and holds for its own kind alone", () => {
  const rules = [{ kind: "essay", below: 0.7, least: 2 }];
  expect(standingOf(known(0, 2), { rules })).toEqual({ kind: "as before" });
  expect(standingOf(known(0, 1, "essay"), { rules })).toEqual({ kind: "as before" });
  const why = "0 of 2 known answers right (95 % interval 0 to 66 %); the bar is 70 %";
  const answers = [...known(5, 5), ...known(0, 2, "essay")];
  expect(standingOf(answers, { rules, probation })).toEqual({ kind: "paused", why });
  expect(
    standingOf(known(5, 5), { rules: [{ kind: null, below: 0.7, least: 2 }], probation }),
  ).toEqual({
    kind: "admitted",
    why: "5 of 5 known answers right (95 % interval 57 to 100 %)",
  });
});
