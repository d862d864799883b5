/** Episodes as arrays (B R), and as the batches that losses of responses read. */
import { type Batch, type Field, sumOf, tokens } from "./batch.ts";
import type { Episode } from "./rollout.ts";

/** Rows of at most R numbers -> (B R), filled up with 0. */
export function rectangle(rows: readonly ArrayLike<number>[], R: number): Float32Array {
  const out = new Float32Array(rows.length * R);
  rows.forEach((row, b) => out.set(row, b * R));
  return out;
}
/** Sums of the rows of (B R) -> B numbers. */
export const rowSums = (x: Float32Array, R: number): number[] =>
  Array.from({ length: x.length / R }, (_, b) => sumOf(x.subarray(b * R, b * R + R)));

/**
 * The rows `pick` of a rollout batch: ids (B, T); at, labels (B, R), `at` the place whose token predicts each response
 * token; and each of `arrays` (all B R) as a field (B, R).
 */
export function responseBatch(
  pick: readonly number[],
  episodes: readonly Episode[],
  arrays: Readonly<Record<string, Float32Array>>,
  { R, T }: { readonly R: number; readonly T: number },
): Batch {
  const of = pick.map((b) => episodes[b]!);
  const shape = [pick.length, R];
  const take = (x: Float32Array): Field => {
    const data = new Float32Array(pick.length * R);
    pick.forEach((b, i) => data.set(x.subarray(b * R, b * R + R), i * R));
    return { shape, data };
  };
  const at = of.flatMap((e) =>
    Array.from({ length: R }, (_, t) => Math.min(T - 1, e.query.length - 1 + t)),
  );
  return {
    ids: tokens(
      of.map((e) => [...e.query, ...e.response]),
      T,
    ),
    at: { shape, data: Int32Array.from(at), dtype: "int64" },
    labels: tokens(
      of.map((e) => e.response),
      R,
    ),
    ...Object.fromEntries(Object.entries(arrays).map(([name, x]) => [name, take(x)])),
  };
}
