/** Survival of answers, extracts within their share by every way, and readers who judge what they read. */
import { rng } from "@tiller/schema";
import { expect, test } from "vitest";
import { judgments, learnedPolicy, readings } from "./learned.ts";
import { atOnce, byTree, lead, levelsOf, oracle, randomPolicy, take } from "./select.ts";
import { holdersOf, storyOf, survivors } from "./stories.ts";

const explicit = (question: string, answer1: string) => ({
  question,
  answer1,
  "ex-or-im1": "explicit",
});
const row = {
  story: "Two",
  sections: ["A fox sat. He saw a\ncrow! It had cheese.", "The crow sang. The cheese fell."],
  questions: [
    explicit("What did he see?", "a crow."),
    explicit("What fell?", "The cheese"),
    explicit("Who ran?", "the hare"),
    { question: "Why?", answer1: "a fox", "ex-or-im1": "implicit" },
  ],
};
const words = { matching: "words", splitter: "stops" } as const;

test("an answer is found by its words in order; as characters, a line's end or a full stop hides it", () => {
  const story = storyOf(row, words);
  expect(story.sentences.map((s) => s.text)).toEqual([
    "A fox sat.",
    "He saw a\ncrow!",
    "It had cheese.",
    "The crow sang.",
    "The cheese fell.",
  ]);
  expect(story.words).toBe(16);
  expect(story.sentences.map((s) => story.text.slice(s.from).startsWith(s.text))).not.toContain(
    false,
  );
  expect(story.asked.map((a) => a.answer)).toEqual([" a crow ", " the cheese "]);
  expect(holdersOf(story, "words")).toEqual([[1], [4]]);
  expect(survivors(story, [1], "words")).toEqual([true, false]);
  const strict = storyOf(row, { matching: "strict", splitter: "stops" });
  expect(strict.asked.map((a) => a.answer)).toEqual(["the cheese"]);
  expect(storyOf(row, { ...words, splitter: "unicode" }).sentences).toHaveLength(5);
});

test("sentences are taken by their scores; one that does not fit is passed over, or ends it", () => {
  const story = storyOf(row, words);
  const all = [0, 1, 2, 3, 4]; // 3, 4, 3, 3 and 3 words
  expect(take(story, all, [2, 5, 4, 1, 3], 7)).toEqual([1, 2]);
  expect(take(story, all, [4, 5, 1, 2, 3], 6)).toEqual([1]);
  expect(take(story, all, [5, 4, 3, 2, 1], 6)).toEqual([0, 2]);
  expect(take(story, all, [5, 4, 3, 2, 1], 6, "stop")).toEqual([0]);
  expect(atOnce(story, lead, 0.5)).toEqual([0, 1]);
  expect(oracle(story, [[1], [4]], 0.25)).toEqual([4]); // more answers a word
});

const long = storyOf(
  {
    story: "Long",
    sections: Array.from({ length: 30 }, (_, i) =>
      Array.from({ length: 6 }, (_, k) => `Number ${i} said word ${k} of fact${i}x${k} here.`).join(
        " ",
      ),
    ),
    questions: Array.from({ length: 30 }, (_, i) => explicit(`What of ${i}?`, `fact${i}x2 here`)),
  },
  words,
);

test.each([256, 512, 2048])(
  "a tree of window %i keeps the share, in order, each sentence once",
  (window) => {
    const levels = levelsOf(long, window);
    expect(levels.leaves.flat()).toEqual(long.sentences.map((_, i) => i));
    const kept = byTree(long, levels, randomPolicy(rng(1, "test")), 0.15);
    expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
    const size = kept.reduce((n, i) => n + long.sentences[i]!.words, 0);
    expect(size).toBeLessThanOrEqual(0.15 * long.words);
    expect(size).toBeGreaterThan(0.1 * long.words);
  },
);

test("a section's judgment takes the fewest minutes, and judgments are had until none fits", () => {
  const known = { story: long, levels: levelsOf(long, 512), holders: holdersOf(long, "words") };
  const of = (reading: (typeof readings)[number]) =>
    judgments([known], { reading, minutes: 60, part: 0.15 }, rng(1, reading));
  const [section, passage, whole] = readings.map(of);
  expect(section!.length).toBeGreaterThan(passage!.length);
  expect(passage!.length).toBeGreaterThan(whole!.length);
  for (const judged of [section!, passage!, whole!]) {
    const spent = judged.reduce((m, j) => m + j.minutes, 0);
    expect(spent).toBeLessThanOrEqual(60);
    expect(spent).toBeGreaterThan(60 - 2 * Math.max(...judged.map((j) => j.minutes)));
  }
  const words = (j: { minutes: number }) => Math.round(180 * j.minutes);
  expect(words(whole![0]!)).toBeGreaterThan(long.words);
  const policy = learnedPolicy(section!);
  expect(policy(long, [3, 4, 5])).toHaveLength(3);
});
