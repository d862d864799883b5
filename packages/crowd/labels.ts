/**
 * Answers of a closed question, packed for inference: names become numbers, answers lie task after task.
 * Every method of `truth.ts` reads this.
 */
import { Bug, TillerError } from "@tiller/schema";

export interface Label {
  readonly task: string;
  readonly worker: string;
  readonly label: string;
}

export interface LabelTable {
  readonly tasks: readonly string[];
  readonly workers: readonly string[];
  readonly labels: readonly string[];
  /** answers of task i lie at start[i] up to start[i + 1] */
  readonly start: Int32Array;
  readonly worker: Int32Array;
  readonly label: Int32Array;
}

/**
 * Packs answers: tasks, workers and classes by name (whole numbers by value), the answers of a task by worker. So the same
 * answers make the same table, and the same posteriors to the bit, in whatever order they came in.
 * `labels` names all classes where some may lack answers; an answer outside them is an error.
 */
export function labelTable(
  answers: Iterable<Label>,
  o: { labels?: readonly string[] | undefined } = {},
): LabelTable {
  const rows = [...answers];
  const [tasks, workers] = [sorted(rows, "task"), sorted(rows, "worker")];
  const seen = sorted(rows, "label").toSorted(byName);
  const labels = o.labels ?? seen;
  const numbered = (names: readonly string[]) => new Map(names.map((name, i) => [name, i]));
  const [task, worker, label] = [numbered(tasks), numbered(workers), numbered(labels)];
  const outside = seen.filter((name) => !label.has(name));
  if (outside.length)
    throw new TillerError(
      "unknown_label",
      `answers carry ${outside.slice(0, 5).join(", ")}, but the labels are ${labels.join(", ")}. Correct the answers or name every label.`,
    );

  // counted into place by task, then put in order within each
  const [W, K] = [workers.length, labels.length];
  const taskOf = Int32Array.from(rows, (r) => task.get(r.task)!);
  const start = new Int32Array(tasks.length + 1);
  for (const i of taskOf) start[i + 1]++;
  for (let i = 0; i < tasks.length; i++) start[i + 1] += start[i];
  const next = start.slice();
  const packed = new Float64Array(rows.length); // worker and label in one number
  rows.forEach((r, n) => {
    packed[next[taskOf[n]]++] = worker.get(r.worker)! * K + label.get(r.label)!;
  });
  for (let i = 0; i < tasks.length; i++) packed.subarray(start[i], start[i + 1]).sort();
  if (W * K > Number.MAX_SAFE_INTEGER) throw new Bug(`${W} workers and ${K} labels do not pack`);
  return {
    tasks,
    workers,
    labels,
    start,
    worker: Int32Array.from(packed, (x) => Math.floor(x / K)),
    label: Int32Array.from(packed, (x) => x % K),
  };
}
/** Names once each, in order: whole numbers by value, others by their characters (a collator takes seconds for many). */
function sorted(rows: readonly Label[], of: keyof Label): string[] {
  const names = [...new Set(rows.map((r) => r[of]))];
  return names.every((name) => /^\d{1,15}$/.test(name))
    ? names.toSorted((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1))
    : names.toSorted();
}
const { compare } = new Intl.Collator("en", { numeric: true });
/** "01" and "1" are equal to the collator, and different names. */
const byName = (a: string, b: string) => compare(a, b) || (a < b ? -1 : Number(a > b));

/** The table without the answers where `drop` is 1; tasks, workers and labels keep their numbers. */
export function without(t: LabelTable, drop: Uint8Array): LabelTable {
  const start = new Int32Array(t.start.length);
  const keep: number[] = [];
  for (let i = 0; i < t.tasks.length; i++) {
    for (let r = t.start[i]; r < t.start[i + 1]; r++) if (!drop[r]) keep.push(r);
    start[i + 1] = keep.length;
  }
  return {
    ...t,
    start,
    worker: Int32Array.from(keep, (r) => t.worker[r]),
    label: Int32Array.from(keep, (r) => t.label[r]),
  };
}
