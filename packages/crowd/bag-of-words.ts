/**
 * What words alone say about which of two texts is better: a logistic regression on the differences of their counts, fitted
 * on some pairs and asked about others. The cheap rival of every reward model, given its best chance: the penalty is chosen on
 * the two folds after the tested one.
 */
import type { ComparedTexts, Side } from "./comparisons.ts";
import type { Folds } from "./comparison-folds.ts";
import { chooseRidge, type Examples, logisticWeights } from "./logistic.ts";

/** In units of one pair's log-likelihood. */
const RIDGES = [1, 3, 10, 30, 100];

const wordsOf = (text: string): string[] =>
  text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}]+)*|[^\s\p{L}\p{N}]/gu) ?? [];

/** Words and signs of punctuation by number, and for each pair how many more of each b has. */
function wordDifferences(pairs: readonly Pick<ComparedTexts, "a" | "b">[]) {
  const numbers = new Map<string, number>();
  const rows = pairs.map(({ a, b }) => {
    const more = new Map<number, number>();
    for (const [text, by] of [
      [a, -1],
      [b, 1],
    ] as const)
      for (const word of wordsOf(text)) {
        const at = numbers.get(word) ?? (numbers.set(word, numbers.size), numbers.size - 1);
        more.set(at, (more.get(at) ?? 0) + by);
      }
    const kept = [...more].filter(([, by]) => by !== 0);
    return {
      index: Int32Array.from(kept, ([at]) => at),
      value: Float64Array.from(kept, ([, by]) => by),
    };
  });
  return { rows, dims: numbers.size };
}
type Differences = ReturnType<typeof wordDifferences>;

function examples(
  { rows, dims }: Differences,
  of: readonly number[],
  p: readonly number[],
): Examples {
  return {
    n: of.length,
    dims,
    dot(i, w) {
      const { index, value } = rows[of[i]!]!;
      let sum = 0;
      for (let k = 0; k < index.length; k++) sum += value[k] * w[index[k]];
      return sum;
    },
    add(i, by, out) {
      const { index, value } = rows[of[i]!]!;
      for (let k = 0; k < index.length; k++) out[index[k]] += by * value[k];
    },
    p: (i) => p[of[i]!]!,
  };
}

/** Margins of b over a of every pair that a fold tests, learned on the fold's others; NaN where none tests it. */
export function bagOfWords(
  pairs: readonly Pick<ComparedTexts, "a" | "b">[],
  sides: readonly (Side | undefined)[],
  folds: Folds,
): Float64Array {
  const found = wordDifferences(pairs);
  const margins = new Float64Array(pairs.length).fill(Number.NaN);
  const p = sides.map((s) => (s === "b" ? 1 : s === "a" ? 0 : 0.5));
  const decided = (of: readonly number[]) => of.filter((i) => p[i] !== 0.5);
  for (let f = 0; f < folds.count; f++) {
    const train = decided(folds.train(f));
    const within = new Set(train);
    const parts = [1, 2].map((next) => {
      const g = (f + next) % folds.count;
      const inner = folds.train(g).filter((i) => within.has(i));
      const asked = folds.test(g).filter((i) => within.has(i));
      return { train: examples(found, inner, p), test: examples(found, asked, p) };
    });
    const { ridge } = chooseRidge(parts, RIDGES);
    const w = logisticWeights(examples(found, train, p), { ridge });
    const test = folds.test(f);
    const e = examples(found, test, p);
    test.forEach((i, k) => (margins[i] = e.dot(k, w)));
  }
  return margins;
}
