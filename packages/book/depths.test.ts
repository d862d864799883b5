/** Against numbers by hand, and SQuAD's own rules for what is the same. */
import { expect, test } from "vitest";
import { depthsOf, exactMatch, normalised, retained, scoreDepth, tokenF1 } from "./depths.ts";

test("SQuAD's normalising: case, marks, articles and spaces do not count", () => {
  expect(normalised("  The Cat's  hat, an apple!\n")).toBe("cats hat apple");
  expect(normalised("theatre a-b")).toBe("theatre ab");
  expect(exactMatch("the Silver key.", ["A silver key", "gold"])).toBe(true);
  expect(exactMatch("silver", ["A silver key"])).toBe(false);
});

test("F1 by words, each counted as often as it stands there; the best of the answers", () => {
  // said 3 words, gold 4, shared 2: precision 2/3, recall 1/2
  expect(tokenF1("red red boat", ["boat of red wood"])).toBeCloseTo(4 / 7, 12);
  expect(tokenF1("the boat", ["a ship", "boat"])).toBe(1);
  expect(tokenF1("", ["boat"])).toBe(0);
  expect(tokenF1("oar", ["boat"])).toBe(0);
});

test("an answer is retained as whole words, and not within one", () => {
  expect(retained("He sold the boathouse.", ["boat"])).toBe(false);
  expect(retained("He sold the\nBoat.", ["a boat"])).toBe(true);
  expect(retained("Anything", ["the", "a."])).toBe(false);
});

test("each depth from the root, what is not written named; figures of questions", () => {
  const node = (id: string) => {
    const [height, index] = id.split(".").map(Number) as [number, number];
    return { id, height, index };
  };
  const texts = new Map([
    ["0.0", "Anna has a key."],
    ["0.1", "Tom sold it."],
    ["0.2", ""],
    ["1.0", "Anna has a key."],
  ]);
  const depths = depthsOf(["1.0", "0.1", "0.0", "0.2", "0.3"].map(node), (id) => texts.get(id));
  expect(depths).toEqual([
    { depth: 0, height: 1, text: "Anna has a key.", nodes: 1, written: 1 },
    { depth: 1, height: 0, text: "Anna has a key.\n\nTom sold it.", nodes: 4, written: 3 },
  ]);
  const questions = [
    { question: "Who sold it?", answers: ["Tom"] },
    { question: "What has she?", answers: ["a key", "the key"] },
  ];
  const [root, leaves] = depths.map((d) => scoreDepth(d, questions, ["Tom", "a silver key"]));
  expect([root!.retained.mean, leaves!.retained.mean]).toEqual([0.5, 1]);
  expect([root!.words, root!.exact!.mean]).toEqual([4, 0.5]);
  expect(root!.f1!.mean).toBeCloseTo((1 + 2 / 3) / 2, 12);
  expect(scoreDepth(depths[0]!, questions).f1).toBeUndefined();
});
