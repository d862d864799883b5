/** Raters held out: nobody's vote on both sides of a fold, every vote tested at most once, and a person's own taste does not help. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { comparisonFolds } from "./comparison-folds.ts";
import type { RatedPair, Vote } from "./comparisons.ts";
import { heldOutRaters } from "./held-out-raters.ts";

const random = rng(1, "held-out raters");
const pairs = Array.from({ length: 60 }, (_, i): RatedPair => {
  const vote = (rater: string | undefined, source: Vote["source"] = "person"): Vote => ({
    choice: random.choose(["a", "b", "tie"] as const),
    weight: 1,
    source,
    rater,
  });
  const people = random.shuffle(Array.from({ length: 12 }, (_, r) => `r${r}`)).slice(0, 3);
  return {
    prompt: `p${i % 20}`,
    a: `a${i}`,
    b: `b${i}`,
    votes: [...people.map((r) => vote(r)), vote(undefined), vote("judge", "model")],
  };
});

test("a rater is learned from or tested in a fold, never both; prompts as well; nothing is tested twice", () => {
  const folds = comparisonFolds(pairs, { folds: 4, seed: 3 });
  const { raters, train, held } = heldOutRaters(pairs, folds, { seed: 3 })!;
  expect(raters).toBe(12);
  const seen = new Map<string, number>();
  for (let f = 0; f < 4; f++) {
    const learned = train(f);
    const names = new Set(learned.pairs.flatMap((p) => p.votes.map((v) => v.rater)));
    const prompts = new Set(learned.pairs.map((p) => p.prompt));
    for (const i of folds.test(f)) {
      expect(prompts).not.toContain(pairs[i]!.prompt);
      for (const v of held[i]!.votes) {
        expect(names).not.toContain(v.rater);
        expect(v.source).toBe("person");
        expect(v.rater).toBeDefined();
        expect([f, undefined]).toContain(seen.get(v.rater!));
        seen.set(v.rater!, f);
      }
    }
    // what nobody named and what a model said is learned from; the rows are those of the pairs
    expect(names).toContain(undefined);
    expect(names).toContain("judge");
    learned.rows.forEach((i, k) => expect(learned.pairs[k]!.a).toBe(pairs[i]!.a));
  }
  expect(seen.size).toBe(12); // each is tested in one fold
});

test("of two raters each fold tests one; without names, or of one, there is nothing to hold out", () => {
  const folds = comparisonFolds(pairs, { folds: 4, seed: 3 });
  const by = (raters: readonly (string | undefined)[]) =>
    pairs.map((p) => ({
      ...p,
      votes: raters.map((rater, i) => ({ ...p.votes[i]!, rater })),
    }));
  const two = heldOutRaters(by(["ann", "bob"]), folds, { seed: 1 })!;
  for (let f = 0; f < 4; f++) {
    const learned = new Set(two.train(f).pairs.flatMap((p) => p.votes.map((v) => v.rater)));
    const tested = new Set(folds.test(f).flatMap((i) => two.held[i]!.votes.map((v) => v.rater)));
    expect([learned.size, tested.size]).toEqual([1, 1]);
    expect(new Set([...learned, ...tested])).toEqual(new Set(["ann", "bob"]));
  }
  for (const none of [
    [undefined, undefined],
    ["ann", "ann"],
  ])
    expect(heldOutRaters(by(none), folds, { seed: 1 })).toBeUndefined();
});
