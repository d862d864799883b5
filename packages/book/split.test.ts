import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { aStory, countWords } from "./fixtures/echo.ts";
import { splitText } from "./split.ts";

const parts = (text: string, most: number, seed = 1, count = countWords) =>
  splitText(text, { most, count, seed }).map((s) => text.slice(s.from, s.to));

test("any text: the parts join to it, none is above its bound, the same seed gives the same", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "word",
      "a",
      "twenty-one",
      "…",
      "CHAPTER II.",
      "漢字かな",
      "😀😀",
      "\t",
      "  ",
      "\n",
      "\n\n",
      "\r\n\r\n",
    ),
    fc.string({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { minLength: 1, maxLength: 120 }),
      fc.integer({ min: 4, max: 40 }),
      fc.integer(),
      fc.boolean(),
      (pieces, most, seed, bytes) => {
        const text = pieces.join(pieces.length % 2 ? " " : "");
        if (text.trim() === "") return;
        const count = bytes ? (t: string) => Math.ceil(Buffer.byteLength(t) / 3) : countWords;
        const made = parts(text, most, seed, count);
        expect(made.join("")).toBe(text);
        for (const part of made) {
          expect(part).not.toBe("");
          expect(count(part.trim())).toBeLessThanOrEqual(most);
          expect(part.isWellFormed() || !text.isWellFormed()).toBe(true);
        }
        expect(parts(text, most, seed, count)).toEqual(made);
      },
    ),
    { numRuns: 150, seed: 23 },
  );
});

test("chapters before paragraphs before words; similar lengths; another seed, other parts", () => {
  const text = aStory(1, 12);
  const made = parts(text, 150);
  const lengths = made.map(countWords);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(150);
  const middle = lengths.toSorted((a, b) => a - b)[lengths.length >> 1]!;
  expect(lengths.slice(0, -1).every((n) => n > 0.35 * middle && n < 1.8 * middle)).toBe(true);
  const after = made.slice(0, -1);
  const share = (end: RegExp) => after.filter((p) => end.test(p)).length / after.length;
  expect(share(/\n\n$/)).toBeGreaterThan(0.8);
  const chapters = made.filter((p) => p.startsWith("CHAPTER")).length;
  expect(chapters).toBeGreaterThan(4);
  expect(parts(text, 150, 2)).not.toEqual(made);
});

test("nothing to divide is refused, one part is one part", () => {
  expect(() => parts(" \n ", 10)).toThrow(/the text is empty/);
  expect(parts("one two", 10)).toEqual(["one two"]);
});

const novel = new URL(
  "../../../shared/data/books/84_frankenstein_or_the_modern_prometheus.txt",
  import.meta.url,
);
test.skipIf(!existsSync(novel))("a novel: its letters and chapters are ends", () => {
  const text = readFileSync(novel, "utf8");
  const made = parts(text, 600);
  expect(made.join("")).toBe(text);
  const lengths = made.map(countWords);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(600);
  expect(Math.min(...lengths)).toBeGreaterThan(200);
  const headed = made.filter((p) => /^(?:Letter|Chapter) \d/.test(p)).length;
  expect(headed).toBeGreaterThan(10);
});
