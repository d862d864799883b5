import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { coherence, faithfulness, figureOf, squality, SqualityStory } from "./annotations.ts";

test("a mean with books drawn: of one book no interval, of equal books none to speak of", () => {
  const value = (book: string, value: number) => ({ book, value });
  const one = figureOf([value("a", 1), value("a", 0)]);
  expect(one).toEqual({ mean: 0.5, low: Number.NaN, high: Number.NaN, n: 2, books: 1 });
  expect(figureOf([value("a", 2), value("b", 2)])).toMatchObject({ mean: 2, low: 2, high: 2 });
  const far = figureOf([value("a", 0), value("b", 0), value("c", 3), value("c", 3)]);
  expect(far).toMatchObject({ mean: 1.5, low: 0, high: 3, n: 4, books: 3 });
});

const claim = (book: string, verdict: "yes" | "partly" | "no" | "cannot say", spans = 1) => ({
  book,
  system: "tree",
  claim: "Anna has the key.",
  spans: Array.from({ length: spans }, (_, i) => ({ from: i, to: i + 1 })),
  verdict,
});
test("faithfulness: what nobody can say counts in no decision, partly is not so", () => {
  const [f] = faithfulness([
    claim("a", "yes"),
    claim("a", "yes", 0),
    claim("a", "partly"),
    claim("b", "no", 0),
    claim("b", "cannot say", 0),
  ]);
  expect([f!.so.mean, f!.so.n]).toEqual([0.5, 4]);
  expect(Object.values(f!.verdicts).map((v) => v.mean)).toEqual([0.4, 0.2, 0.2, 0.2]);
  expect([f!.shown.mean, f!.shown.n]).toEqual([2 / 3, 3]);
});

test("coherence: sentences without an error, and each type of error", () => {
  const sentence = (book: string, sentence: number, errors: ("causal" | "entity")[]) => ({
    book,
    system: "tree",
    sentence,
    errors,
  });
  const [c] = coherence([
    sentence("a", 0, []),
    sentence("a", 1, ["causal", "entity"]),
    sentence("b", 0, ["entity"]),
    sentence("b", 1, []),
  ]);
  expect(c!.free.mean).toBe(0.5);
  expect([c!.errors.causal.mean, c!.errors.entity.mean, c!.errors.omission.mean]).toEqual([
    0.25, 0.5, 0,
  ]);
});

const file = new URL(
  "../../../shared/data/preferences/squality-human-eval.jsonl.gz",
  import.meta.url,
);
test.skipIf(!existsSync(file))("SQuALITY's ratings by system", () => {
  const stories = gunzipSync(readFileSync(file))
    .toString("utf8")
    .trim()
    .split("\n")
    .map((line) => SqualityStory.parse(JSON.parse(line)));
  const means = squality(stories).map((r) => [
    r.system,
    ...[r.correctness, r.coverage, r.overall].map((f) => f.mean.toFixed(2)),
  ]);
  expect(means).toEqual([
    ["bart", "32.32", "15.53", "17.00"],
    ["bart-dpr", "49.33", "28.46", "32.31"],
    ["human", "91.74", "87.50", "89.56"],
  ]);
});
