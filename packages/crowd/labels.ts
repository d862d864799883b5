/**
 * Answers of a closed question, packed for inference: names become numbers, answers lie task after task.
 * Every method of `truth.ts` reads this.
 */
import { TillerError } from "@tiller/schema";

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
 * Packs answers: tasks, workers and classes by name (numbers by value), the answers of a task by worker. So the same
 * answers make the same table, and the same posteriors to the bit, in whatever order they came in.
 * `labels` names all classes where some may lack answers; an answer outside them is an error.
 */
export function labelTable(
  answers: Iterable<Label>,
  o: { labels?: readonly string[] | undefined } = {},
): LabelTable {
  const rows = [...answers];
  const numbered = (names: readonly string[]) => new Map(names.map((name, i) => [name, i]));
  const named = (of: (row: Label) => string) => [...new Set(rows.map(of))].toSorted(byName);
  const [tasks, workers, seen] = [
    named((r) => r.task),
    named((r) => r.worker),
    named((r) => r.label),
  ];
  const labels = o.labels ?? seen;
  const [task, worker, label] = [numbered(tasks), numbered(workers), numbered(labels)];
  const outside = seen.filter((name) => !label.has(name));
  if (outside.length)
    throw new TillerError(
      "unknown_label",
      `answers carry ${outside.slice(0, 5).join(", ")}, but the labels are ${labels.join(", ")}. Correct the answers or name every label.`,
    );

  const packed = rows
    .map((r) => [task.get(r.task)!, worker.get(r.worker)!, label.get(r.label)!] as const)
    .toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  const start = new Int32Array(tasks.length + 1);
  for (const [i] of packed) start[i + 1]++;
  for (let i = 0; i < tasks.length; i++) start[i + 1] += start[i];
  return {
    tasks,
    workers,
    labels,
    start,
    worker: Int32Array.from(packed, (r) => r[1]),
    label: Int32Array.from(packed, (r) => r[2]),
  };
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
