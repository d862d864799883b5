/** How long one may read without moving before it counts as idle. */
import { expect, test } from "vitest";
import { pauseFor } from "./active-time.ts";

test("half a minute for a short text, minutes for a long one, five at most", () => {
  expect(pauseFor(0)).toBe(30);
  expect(pauseFor(360)).toBe(30);
  expect(pauseFor(1440)).toBe(120); // 240 words at 120 a minute
  expect(pauseFor(1_000_000)).toBe(300);
});
