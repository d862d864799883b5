/** How near inferred classes come to known ones. */
import { TillerError } from "@tiller/schema";
import type { LabelTable } from "./labels.ts";
import { argmax } from "./em.ts";

export interface Score {
  /** tasks whose truth is known and that have an answer */
  readonly n: number;
  readonly accuracy: number;
  /** of the second class, where there are two */
  readonly f1: number | null;
}

/**
 * Posterior (tasks, K) against `truth` (task -> class). Tasks without answers do not count. Where several classes
 * share the top, each counts in part: the expected score of choosing among them at random.
 */
export function scoreAgainst(
  t: LabelTable,
  posterior: Float64Array,
  truth: ReadonlyMap<string, string>,
): Score {
  const answered = t.tasks.filter((task, i) => truth.has(task) && t.start[i + 1]! > t.start[i]!);
  if (!answered.length) throw noTruth(t.tasks, truth.keys());
  const K = t.labels.length;
  const place = new Map(t.labels.map((l, k) => [l, k]));
  let [n, right, found, positive, both] = [0, 0, 0, 0, 0];
  const classes = new Set(answered.map((task) => truth.get(task)!));
  if (!classes.values().some((c) => place.has(c)))
    throw new TillerError(
      "unknown_label",
      `the truth says ${some(classes)}, the answers ${some(t.labels)}: not one class is both. Spell them alike.`,
    );
  t.tasks.forEach((task, i) => {
    const known = truth.get(task);
    if (known === undefined || t.start[i] === t.start[i + 1]) return;
    const is = place.get(known) ?? -1;
    const top = posterior[i * K + argmax(posterior, i, K)] - 1e-9;
    const says = Array.from({ length: K }, (_, k) => (posterior[i * K + k] >= top ? 1 : 0));
    const ways = says.reduce<number>((a, b) => a + b, 0);
    n++;
    right += (says[is] ?? 0) / ways;
    found += (says[1] ?? 0) / ways;
    if (is === 1) positive++;
    if (is === 1) both += says[1]! / ways;
  });
  return {
    n,
    accuracy: right / n,
    f1: K === 2 ? (2 * both) / Math.max(1, found + positive) : null,
  };
}

const some = (names: Iterable<string>): string => {
  const all = [...names];
  return (
    all
      .slice(0, 3)
      .map((x) => JSON.stringify(x))
      .join(", ") + (all.length > 3 ? ", ..." : "")
  );
};
/** A truth that is of other tasks scores nothing: that is not an accuracy of 0. */
export function noTruth(tasks: Iterable<string>, truths: Iterable<string>): TillerError {
  const known = [...truths];
  return new TillerError(
    "no_truth",
    known.length
      ? `none of the ${known.length} tasks whose truth is known has an answer: the truth is of ${some(known)}, the answers of ${some(tasks)}. Check the task ids.`
      : "the truth names no task. Check that file.",
  );
}
