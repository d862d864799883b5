import fc from "fast-check";
import { expect, test } from "vitest";
import { clampCredence, earned } from "./credence.ts";
import { align, lengthOf, newIn, readQuotes, within } from "./quotes.ts";

const story = {
  id: "s",
  body: "“Don't go,” said Anna; the key—her key—was Tom's.\n\nHe left. It rained for days… and nobody came.",
};
const found = (claimed: string) => {
  const a = align([story], claimed);
  return a && [a.kind, ...a.spans.map((s) => story.body.slice(s.from, s.to))];
};

test.each([
  ["said Anna; the key", ["exact", "said Anna; the key"]],
  ['"Dont go", said anna', ["normalised", "Don't go,” said Anna"]],
  ["HER KEY was toms", ["normalised", "her key—was Tom's"]],
  ["toms he left", ["normalised", "Tom's.\n\nHe left"]],
  ["Don't go ... He left", ["ellipsis", "Don't go", "He left"]],
  ["said anna [...] NOBODY came", ["ellipsis", "said Anna", "nobody came"]],
  ["rained for days… and nobody", ["exact", "rained for days… and nobody"]],
  ["He left ... Don't go", undefined], // not in this order
  ["ran for days", undefined],
  ["ey was", undefined], // not whole words
  ["...", undefined],
  ["", undefined],
])("%s", (claimed, expected) => {
  expect(found(claimed)).toEqual(expected);
});

test("a model's quotes become spans; what is in no text is said", () => {
  const { parts, missing } = readQuotes(
    [story],
    "See <quote>he LEFT</quote>, <quote>Anna wept</quote> and <quote>Don't go … it rained</quote>.",
  );
  expect(missing).toEqual(["Anna wept"]);
  const span = (text: string) => {
    const from = story.body.indexOf(text);
    return { text: "s", from, to: from + text.length };
  };
  expect(parts).toEqual([
    { text: "See " },
    { quote: span("He left"), claimed: "he LEFT", match: "normalised" },
    { text: ", " },
    { unverified: "Anna wept" },
    { text: " and " },
    { quote: span("Don't go"), claimed: "Don't go … it rained", match: "ellipsis" },
    { text: " … " },
    { quote: span("It rained"), match: "ellipsis" },
    { text: "." },
  ]);
});

const spans = fc.array(
  fc
    .tuple(fc.nat(30), fc.integer({ min: 1, max: 9 }))
    .map(([from, n]) => ({ text: "s", from, to: from + n })),
  { maxLength: 8 },
);
test("a budget counts characters, each once", () => {
  fc.assert(
    fc.property(spans, spans, (mine, before) => {
      const letters = (xs: typeof mine) =>
        new Set(xs.flatMap((s) => Array.from({ length: s.to - s.from }, (_, i) => s.from + i)));
      const [m, b] = [letters(mine), letters(before)];
      expect(lengthOf(mine)).toBe(m.size);
      expect(newIn(mine, before)).toBe(m.difference(b).size);
      for (const s of mine) expect(within(s, before)).toBe(letters([s]).isSubsetOf(b));
    }),
    { seed: 24 },
  );
});

test("credences stay between .01 and .99 and add up to one", () => {
  expect(clampCredence([0, 1])).toEqual([0.01, 0.99]);
  expect(clampCredence([0.010000000000000007, 0.99])).toEqual([0.010000000000000007, 0.99]);
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 2, maxLength: 6 }), (weights) => {
      const sum = weights.reduce((a, b) => a + b, 0);
      if (sum === 0) return;
      const p = clampCredence(weights.map((w) => w / sum));
      expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      for (const x of p) expect(x).toBeGreaterThanOrEqual(0.01 - 1e-12);
      expect(clampCredence(p)).toEqual(p);
    }),
    { seed: 24 },
  );
});

test("scores are proper: telling what one believes earns most", () => {
  for (const rule of ["log", "brier", "spherical"] as const) {
    const scoring = { rule, base: 2, turnCost: 0 };
    const expected = (belief: number, said: number) =>
      belief * earned(scoring, [said, 1 - said], 0) +
      (1 - belief) * earned(scoring, [said, 1 - said], 1);
    const steps = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
    for (const belief of [0.2, 0.5, 0.77]) {
      const best = steps.reduce((a, b) => (expected(belief, b) > expected(belief, a) ? b : a));
      expect(best).toBeCloseTo(belief, 9);
    }
  }
  expect(earned({ rule: "log", base: 2, turnCost: 0 }, [0.25, 0.75], 0)).toBe(-2);
  expect(earned({ rule: "brier", base: 2, turnCost: 0 }, [0.25, 0.75], 0)).toBe(
    0.5 - 0.0625 - 0.5625,
  );
  expect(earned({ rule: "spherical", base: 2, turnCost: 0 }, [0.6, 0.8], 1)).toBeCloseTo(0.8, 12);
});
