/** What is left to chance about the next task, at the very draws where it changes. */
import { expect, test } from "vitest";
import { measuringDue, poolBound, retestBefore } from "./next-task.ts";

test.each([
  ["active", 0, ["retest", "gold"]],
  ["active", 0.0124, ["retest", "gold"]],
  ["active", 0.0125, ["gold"]],
  ["active", 0.0499, ["gold"]],
  ["active", 0.05, []],
  ["probation", 0.0624, ["retest", "gold"]],
  ["probation", 0.0625, ["gold"]],
  ["probation", 0.2499, ["gold"]],
  ["probation", 0.25, []],
] as const)("%s, drawn %d: %j", (stage, drawn, due) => {
  expect(measuringDue(stage, drawn)).toEqual(due);
});

test("whoever is not due on probation is not due at all: the desk asks for the stage only below that", () => {
  for (let drawn = 0; drawn < 1; drawn += 1 / 512)
    if (!measuringDue("probation", drawn).length)
      for (const stage of ["joining", "active", "left"] as const)
        expect(measuringDue(stage, drawn)).toEqual([]);
});

test("a week to the millisecond; the pool's hashes, a fifth at most", () => {
  const at = Date.UTC(2026, 2, 8);
  expect(retestBefore(at).toISOString()).toBe("2026-03-01T00:00:00.000Z");
  expect([poolBound(), poolBound(0.01), poolBound(0), poolBound(0.5)]).toEqual([
    "2666",
    "028f",
    "0000",
    "3333",
  ]);
});
