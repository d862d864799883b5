/** Texts as people count them: characters, words, and marks that cut neither. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { View } from "@tiller/schema";
import { characterAround, measure, problemsOf, wordsIn } from "./index.ts";

const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";
test.each([
  ["", 0],
  ["abc", 3],
  ["\u{1f600}", 1],
  [`${family}!`, 2],
  ["\u{1f1e9}\u{1f1ea}", 1],
  ["e\u0301e\u0301", 2],
  ["\u5317\u4eac", 2],
  ["a\r\nb", 3],
])("%j has %d characters", (text, n) => expect(measure.characters(text)).toBe(n));

test.each([
  ["", 0],
  ["  two  words ", 2],
  ["don't stop, well-known 3.14", 4],
  ["\u5317\u4eac\u4e0a\u6d77", 2], // Beijing, Shanghai
  ["\u6211\u4eec\u53bb\u5317\u4eac\u3002", 3], // we, go, Beijing
  ["\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", 3], // hello, people of, the world
  ["see \u5317\u4eac now", 3],
])("%j has %d words", (text, n) => {
  expect(measure.words(text)).toBe(n);
  for (const [start, end] of wordsIn(text)) expect(text.slice(start, end).trim()).not.toBe("");
});
test("signs that are words count as tokens one by one", () => {
  expect(measure.tokens("\u5317\u4eac\u4e0a\u6d77\u5317\u4eac\u4e0a\u6d77\u5317\u4eac")).toBe(10);
  expect(measure.tokens("Hello world, it's 2024!")).toBe(8);
});

describe("marks", () => {
  const view: View = {
    show: [],
    ask: [
      {
        kind: "spans",
        name: "m",
        label: "Marks",
        from: "t",
        labels: [
          { value: "city", label: "City" },
          { value: "org", label: "Org" },
        ],
      },
    ],
  };
  const wrong = (text: string, start: number, end: number) =>
    problemsOf(view, { t: text }, { m: [{ start, end, label: "city" }] });
  test.each([
    ["\u{1f600} in K\u00f6ln", 0, 2],
    ["\u{1f600} in K\u00f6ln", 6, 10],
    ["\u5317\u4eac\u4e0a\u6d77", 2, 4],
    ["a\r\nb", 0, 2],
    [family, 0, family.length],
  ])("%j from %d to %d is right", (text, start, end) =>
    expect(wrong(text, start, end)).toEqual([]),
  );
  test.each([
    ["\u{1f600} in K\u00f6ln", 1, 2, /cuts "\u{1f600}" in two, which stands from 0 to 2/u],
    ["\u{1f600} in K\u00f6ln", 0, 1, /cuts/],
    ["\u{1f600} in K\u00f6ln", 6, 11, /no text from 6 to 11; it has 10/],
    ["e\u0301", 0, 1, /cuts/],
    [family, 0, 2, /from 0 to 8/],
    [family, 3, 8, /cuts/],
  ])("%j from %d to %d is refused", (text, start, end, message) =>
    expect(wrong(text, start, end)[0]).toMatch(message),
  );
  test("far from the beginning of a text it is the same", () => {
    const place = fc.integer({ min: 0, max: 400 });
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "\u{1f600}", "e\u0301", " "), { maxLength: 200 }),
        place,
        (xs, at) => {
          const text = xs.join("");
          const starts = new Set<number>([0, text.length]);
          let n = 0;
          for (const x of xs) starts.add((n += x.length));
          return (characterAround(text, at) === undefined) === (starts.has(at) || at > text.length);
        },
      ),
    );
  });
});
