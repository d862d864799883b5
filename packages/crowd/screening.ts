/** Whether a screening test tells who will be right: its correlation with accuracy in the work, and what a bar would do. */
import { TillerError } from "@tiller/schema";
import { bootstrap, bootstrapMean, type Estimate } from "./statistics.ts";
import type { Label } from "./labels.ts";
import { noTruth } from "./score.ts";

/** Pearson's correlation of pairs, bootstrapped over them. */
export function correlation(pairs: readonly (readonly [number, number])[], seed = 1): Estimate {
  const [r] = bootstrap(
    {
      cells: 6,
      start: Int32Array.from({ length: pairs.length + 1 }, (_, i) => 6 * i),
      cell: Int32Array.from({ length: 6 * pairs.length }, (_, i) => i % 6),
      amount: Float64Array.from(pairs.flatMap(([x, y]) => [1, x, y, x * x, y * y, x * y])),
    },
    [
      ([n, x, y, xx, yy, xy]) => {
        const [vx, vy] = [n! * xx! - x! ** 2, n! * yy! - y! ** 2];
        // where all are the same there is none; what rounding leaves of 0 is no variance
        if (vx <= 1e-12 * n! * xx! || vy <= 1e-12 * n! * yy!) return Number.NaN;
        return (n! * xy! - x! * y!) / Math.sqrt(vx * vy);
      },
    ],
    { seed },
  );
  return r;
}

export interface Screening {
  /** people with both */
  readonly people: number;
  readonly correlation: Estimate;
  /** accuracy in the work of those at or above the bar, and of those under it; people are the units */
  readonly passed: Estimate;
  readonly failed: Estimate;
}
export function screening(
  test: { answers: readonly Label[]; truth: ReadonlyMap<string, string> },
  work: { answers: readonly Label[]; truth: ReadonlyMap<string, string> },
  bar = 0.8,
): Screening {
  const fractions = (of: typeof test) => {
    const out = new Map<string, { right: number; n: number }>();
    const last = new Map(of.answers.map((a) => [`${a.task}\n${a.worker}`, a])); // one answer a person a task
    for (const a of last.values()) {
      const truth = of.truth.get(a.task);
      if (truth === undefined) continue;
      const s = out.get(a.worker) ?? { right: 0, n: 0 };
      out.set(a.worker, { right: s.right + (a.label === truth ? 1 : 0), n: s.n + 1 });
    }
    return out;
  };
  const [before, after] = [fractions(test), fractions(work)];
  for (const [of, found] of [
    [test, before],
    [work, after],
  ] as const)
    if (!found.size) throw noTruth(new Set(of.answers.map((a) => a.task)), of.truth.keys());
  const both = [...after]
    .toSorted(([p], [q]) => (p < q ? -1 : 1))
    .flatMap(([worker, s]) => {
      const b = before.get(worker);
      return b ? [{ test: b.right / b.n, sum: s.right, n: s.n }] : [];
    });
  if (both.length < 3)
    throw new TillerError(
      "too_few",
      `${both.length} people have answers to both the test and the work. Check that the files name the same workers.`,
    );
  return {
    people: both.length,
    correlation: correlation(both.map((p) => [p.test, p.sum / p.n])),
    passed: bootstrapMean(both.filter((p) => p.test >= bar)),
    failed: bootstrapMean(both.filter((p) => p.test < bar)),
  };
}
