/** Text and passages: whole sentences, right lengths, nothing shared, the same for the same seed. */
import { expect, test } from "vitest";
import { trainBpe } from "./bpe.ts";
import { book } from "./fixtures/book.ts";
import { normalise, samplePassages, sentences, splitTrainHeldout } from "./text.ts";
import { loadTokenizerJson } from "./tokenizer.ts";

const moby = book();
const { train, heldout } = splitTrainHeldout(moby);
const tokenizer = loadTokenizerJson(trainBpe(moby.slice(0, 200_000), { vocabSize: 600 }));
const range = { minTokens: 24, maxTokens: 64, tokenizer };

test("normalise joins lines of a paragraph", () => {
  expect(normalise("one\r\ntwo \n\n\n  “three”\n")).toBe('one two\n\n"three"');
});

test("the held-out part is the end of the book and overlaps nothing", () => {
  expect(`${train}\n\n${heldout}`).toBe(moby);
  expect(heldout.length / moby.length).toBeCloseTo(0.1, 2);
});

test("sentences keep closing quotes and do not stop at Mr. or initials", () => {
  expect(sentences('Mr. Starbuck spoke. "All hands!" cried J. Smith. So it goes')).toEqual([
    "Mr. Starbuck spoke.",
    '"All hands!" cried J. Smith.',
  ]);
});

test("passages: whole sentences, in range, disjoint, by seed", () => {
  const passages = samplePassages(train, { n: 400, seed: 1, ...range });
  expect(new Set(passages).size).toBe(400);
  expect(samplePassages(train, { n: 400, seed: 1, ...range })).toEqual(passages);
  expect(samplePassages(train, { n: 400, seed: 2, ...range })).not.toEqual(passages);
  const spans: [number, number][] = [];
  for (const passage of passages) {
    const { length } = tokenizer.encode(passage);
    expect(length).toBeGreaterThanOrEqual(24);
    expect(length).toBeLessThanOrEqual(64);
    expect(passage).toMatch(/[.!?]["')\]]*$/);
    const at = train.indexOf(passage);
    expect(at).toBeGreaterThanOrEqual(0);
    spans.push([at, at + passage.length]);
  }
  spans.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < spans.length; i++)
    expect(spans[i][0]).toBeGreaterThanOrEqual(spans[i - 1][1]);
  for (const passage of samplePassages(heldout, { n: 60, seed: 1, ...range }))
    expect(train).not.toContain(passage);
});

test("asking for more than the text has says so", () => {
  expect(() => samplePassages("Call me Ishmael.", { n: 2, seed: 1, ...range })).toThrow(
    /0 passages of 24 to 64/,
  );
});
