/**
 * Whether judging drifts as one goes up a tree: by height, how often two people say the same of the same two outputs, what they
 * rate, and how often a reward says what they said; and each height's difference from the leaves. Books are drawn for intervals.
 */
import { rng } from "@tiller/schema";
import { z } from "zod";
import { type Figure, figureOf } from "./annotations.ts";

/** One person's judgment of two outputs of a node, as it is stored. */
export const HeightJudgment = z.strictObject({
  book: z.string().min(1),
  height: z.int().nonnegative(),
  pair: z.string().min(1).describe("the two outputs: the same words for everybody who judged them"),
  by: z.string().min(1),
  second: z.boolean().describe("the second is better"),
  likert: z.int().min(1).max(7).optional().describe("of the one that was found better"),
  margin: z.number().optional().describe("a reward of the second less that of the first"),
});
export type HeightJudgment = z.infer<typeof HeightJudgment>;

export const heightMeasures = ["agreement", "likert", "reward"] as const;
type Measure = (typeof heightMeasures)[number];
interface HeightFigure extends Figure {
  /** less the leaves' figure, with its interval; NaN where there is none */
  readonly change: { readonly at: number; readonly low: number; readonly high: number };
}
interface Height {
  readonly height: number;
  /** share of pairs of people who say the same */
  readonly agreement: HeightFigure | undefined;
  readonly likert: HeightFigure | undefined;
  /** share of judgments that the reward says too; a margin of 0 counts half */
  readonly reward: HeightFigure | undefined;
}
interface Value {
  readonly book: string;
  readonly height: number;
  readonly value: number;
}

function valuesOf(rows: readonly HeightJudgment[]): Record<Measure, Value[]> {
  const of = (r: HeightJudgment, value: number): Value => ({
    book: r.book,
    height: r.height,
    value,
  });
  const pairs = Map.groupBy(rows, (r) => JSON.stringify([r.book, r.height, r.pair]));
  return {
    agreement: [...pairs.values()].flatMap((same) =>
      same.flatMap((a, i) =>
        same
          .slice(i + 1)
          .flatMap((b) => (a.by === b.by ? [] : [of(a, Number(a.second === b.second))])),
      ),
    ),
    likert: rows.flatMap((r) => (r.likert === undefined ? [] : [of(r, r.likert)])),
    reward: rows.flatMap((r) =>
      r.margin === undefined
        ? []
        : [of(r, r.margin === 0 ? 0.5 : Number(r.margin > 0 === r.second))],
    ),
  };
}

export function heightDrift(rows: readonly HeightJudgment[], seed = 1): Height[] {
  const values = valuesOf(rows);
  const heights = [...new Set(rows.map((r) => r.height))].sort((a, b) => a - b);
  const figure = (measure: Measure, height: number): HeightFigure | undefined => {
    const here = values[measure].filter((v) => v.height === height);
    if (here.length === 0) return undefined;
    const leaves = values[measure].filter((v) => v.height === 0);
    return { ...figureOf(here, seed), change: changeOf(here, leaves, seed) };
  };
  return heights.map((height) => ({
    height,
    agreement: figure("agreement", height),
    likert: figure("likert", height),
    reward: figure("reward", height),
  }));
}

const DRAWS = 2000;
/** The difference of two means over the same drawn books. */
function changeOf(here: readonly Value[], leaves: readonly Value[], seed: number) {
  const sums = new Map<string, [number, number, number, number]>();
  const add = (values: readonly Value[], k: 0 | 2) => {
    for (const { book, value } of values) {
      const s = sums.get(book) ?? [0, 0, 0, 0];
      s[k] += value;
      s[k + 1]!++;
      sums.set(book, s);
    }
  };
  add(here, 0);
  add(leaves, 2);
  const books = [...sums.values()];
  const difference = (drawn: readonly (readonly number[])[]) => {
    const total = (k: number) => drawn.reduce((n, s) => n + s[k]!, 0);
    return total(0) / total(1) - total(2) / total(3);
  };
  const draw = rng(seed, "heights");
  const drawn = Array.from({ length: books.length < 2 ? 0 : DRAWS }, () =>
    difference(books.map(() => draw.choose(books))),
  )
    .filter((x) => !Number.isNaN(x))
    .sort((a, b) => a - b);
  const quantile = (p: number) => drawn[Math.round(p * (drawn.length - 1))] ?? Number.NaN;
  return { at: difference(books), low: quantile(0.025), high: quantile(0.975) };
}
