import { expect, test } from "vitest";
import { capOf, windowOf } from "./window.ts";

test.each([
  [2048, 600, [128, 192, 384]],
  [512, 150, [32, 48, 96]],
  [256, 75, [16, 24, 48]],
  [8192, 2400, [512, 768, 1536]],
] as const)("a window of %i in Wu's proportions", (tokens, leaf, caps) => {
  const w = windowOf(tokens);
  expect([w.leaf, w.caps]).toEqual([leaf, caps]);
  expect([0, 1, 2, 5].map((h) => capOf(w, h))).toEqual([...caps, caps[2]]);
});

test.each([255, 128, 0, -1, 300.5, Number.NaN])(
  "a window of %d is refused with the reason",
  (n) => {
    expect(() => windowOf(n)).toThrow(/window of .* tokens is too small: .* Give 256 or more/);
  },
);
