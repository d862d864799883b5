import { expect, test } from "vitest";
import { rarity, sentencesOf, support, wordsOf } from "./support.ts";

test("sentences: over the ends of lines, not over an empty one", () => {
  const text = "CHAPTER I\n\nAnna had a\nkey. “Give it,”\r\nsaid Tom.\n\n\nHe left";
  expect(sentencesOf(text).map((s) => text.slice(s.from, s.to))).toEqual([
    "CHAPTER I",
    "Anna had a\nkey.",
    "“Give it,”\r\nsaid Tom.",
    "He left",
  ]);
});

test("a sentence is led to the passage with its rare words, or to none", () => {
  const passages = [
    "Anna saw the garden.",
    "Tom found the silver key.",
    "It rained in the garden.",
  ];
  const many = [...passages, ...Array.from({ length: 40 }, () => "The house and the garden.")];
  const [sets, rare] = [passages.map(wordsOf), rarity(many)];
  expect(support("The key of silver was Tom's.", sets, rare)).toBe(1);
  expect(support("All day it rained.", sets, rare)).toBe(2);
  expect(support("The garden and the house.", sets, rare)).toBeUndefined();
  expect(support("", sets, rare)).toBeUndefined();
});
