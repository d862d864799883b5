import { expect, test } from "vitest";
import { simulatedPreference } from "./preference.ts";

test("the simulated preference: AFINN has good at 3, peace at 2, bad at -3", () => {
  expect(simulatedPreference("good peace")).toBeCloseTo(5 / Math.SQRT2, 10);
  expect(simulatedPreference("bad")).toBe(-3);
  expect(simulatedPreference("the whale")).toBe(0);
});
