/** Near-duplicates against every pair's exact similarity, and what counts as the same. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { bandsFor, jaccard, nearDuplicates, shinglesOf } from "./duplicates.ts";

const vocabulary = Array.from({ length: 3000 }, (_, i) => `w${i}`);
/** Texts of 20 to 60 words, and copies of them with up to six words put in place of others. */
function edited(texts: number, seed: number): string[] {
  const drawn = rng(seed, "duplicates");
  const made: string[] = [];
  while (made.length < texts) {
    const words = Array.from({ length: 20 + drawn.int(41) }, () => drawn.choose(vocabulary));
    made.push(words.join(" "));
    for (let copy = drawn.int(3); copy > 0; copy--) {
      const other = [...words];
      for (let edits = drawn.int(7); edits > 0; edits--)
        other[drawn.int(other.length)] = drawn.choose(vocabulary);
      made.push(other.join(" "));
    }
  }
  return drawn.shuffle(made.slice(0, texts));
}

test.each([0.5, 0.8, 0.9])(
  "nearly all pairs of a similarity of %s and more are found, and no other text",
  (threshold) => {
    const texts = edited(800, 11);
    const sets = texts.map(shinglesOf);
    const { first, passedBy } = nearDuplicates(texts, threshold);
    let [pairs, found] = [0, 0];
    const near = new Set<number>();
    for (let i = 0; i < texts.length; i++)
      for (let j = 0; j < i; j++) {
        if (jaccard(sets[i]!, sets[j]!) < threshold) continue;
        pairs++;
        near.add(i).add(j);
        if (first[i] === first[j]) found++;
      }
    expect(pairs).toBeGreaterThan(40);
    expect(found / pairs).toBeGreaterThanOrEqual(0.95);
    expect(passedBy).toBe(0);
    const grouped = texts.flatMap((_, i) =>
      first.some((f, j) => f === first[i] && j !== i) ? [i] : [],
    );
    expect(grouped.filter((i) => !near.has(i))).toEqual([]);
  },
);

test("similarity is of three-word shingles, whatever the case, the marks and the script", () => {
  const similarity = (a: string, b: string) => jaccard(shinglesOf(a), shinglesOf(b));
  expect(similarity("one two three four", "One, two: three - five!")).toBeCloseTo(1 / 3);
  expect(similarity("Ein Wort", "ein wort.")).toBe(1);
  expect(similarity("今天天气很好我们去公园", "今天天气很好我们去学校")).toBeCloseTo(7 / 11);
  expect(similarity("", "?!")).toBe(0);
});

test("the same words are one group at once; texts without a word are like none", () => {
  const { first, same } = nearDuplicates(["A cat sat here.", "?", "a cat sat HERE", "?", "b"]);
  expect([...first]).toEqual([0, 1, 0, 3, 4]);
  expect([...same]).toEqual([0, 1, 0, 3, 4]);
});

test("of many texts of one form that are not alike some pairs are passed by, and counted", () => {
  const drawn = rng(3, "forms");
  const form = Array.from({ length: 40 }, (_, i) => `form${i}`);
  const texts = Array.from({ length: 700 }, () =>
    [...form, ...Array.from({ length: 8 }, () => drawn.choose(vocabulary))].join(" "),
  );
  const { first, passedBy } = nearDuplicates(texts);
  expect(new Set(first).size).toBe(700);
  expect(passedBy).toBeGreaterThan(0);
});

test("bands are as wide as a pair at the threshold allows", () => {
  for (const threshold of [0.3, 0.5, 0.8, 0.95]) {
    const { bands, rows } = bandsFor(threshold);
    expect(1 - (1 - threshold ** rows) ** bands).toBeGreaterThanOrEqual(0.99);
  }
  expect(bandsFor(0.8)).toEqual({ bands: 20, rows: 6 });
});
