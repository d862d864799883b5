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
  /** answers that were left out, since the same person gave a later one to the task */
  readonly repeated: number;
  /** whether the labels have an order: they are numbers, or were named in one */
  readonly ordered: boolean;
}

const number = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i;
/** The number that a label spells; undefined: it spells none. */
export const numberOf = (label: string): number | undefined =>
  number.test(label) ? Number(label) : undefined;

/**
 * Packs answers: tasks and workers by name (whole numbers by value), classes by value where all are numbers, the answers of
 * a task by worker. So the same answers make the same table, and the same posteriors to the bit, in whatever order they
 * came in. A person has one answer a task, the last given; `repeated` counts the others. `labels` names all classes in
 * order where some may lack answers; an answer outside them is an error.
 */
export function labelTable(
  answers: Iterable<Label>,
  o: { labels?: readonly string[] | undefined } = {},
): LabelTable {
  const rows = [...answers];
  const [tasks, workers] = [sorted(rows, "task"), sorted(rows, "worker")];
  const names = sorted(rows, "label");
  const numbers = names.length > 0 && names.every((name) => numberOf(name) !== undefined);
  const seen = names.toSorted(numbers ? byValue : byName);
  const labels = o.labels ?? seen;
  const numbered = (names: readonly string[]) => new Map(names.map((name, i) => [name, i]));
  const [task, worker, label] = [numbered(tasks), numbered(workers), numbered(labels)];
  const outside = seen.filter((name) => !label.has(name));
  if (outside.length)
    throw new TillerError(
      "unknown_label",
      `answers carry ${outside.slice(0, 5).join(", ")}, but the labels are ${labels.join(", ")}. Correct the answers or name every label.`,
    );

  // counted into place by task, then put in order of people and time within each
  const W = workers.length;
  const taskOf = Int32Array.from(rows, (r) => task.get(r.task)!);
  const start = new Int32Array(tasks.length + 1);
  for (const i of taskOf) start[i + 1]++;
  for (let i = 0; i < tasks.length; i++) start[i + 1] += start[i];
  const next = start.slice();
  const N = rows.length;
  if (W * N > Number.MAX_SAFE_INTEGER) throw new Bug(`${W} workers and ${N} answers do not pack`);
  const packed = new Float64Array(N); // worker and row in one number
  rows.forEach((r, n) => {
    packed[next[taskOf[n]]++] = worker.get(r.worker)! * N + n;
  });
  const [workerOf, labelOf] = [new Int32Array(N), new Int32Array(N)];
  let kept = 0;
  for (let i = 0; i < tasks.length; i++) {
    const own = packed.subarray(start[i], start[i + 1]).sort();
    start[i] = kept;
    own.forEach((x, r) => {
      const w = Math.floor(x / N);
      if (Math.floor(own[r + 1]! / N) === w) return; // a later answer of the same person
      workerOf[kept] = w;
      labelOf[kept++] = label.get(rows[x % N]!.label)!;
    });
  }
  start[tasks.length] = kept;
  return {
    tasks,
    workers,
    labels,
    start,
    worker: workerOf.slice(0, kept),
    label: labelOf.slice(0, kept),
    repeated: N - kept,
    ordered: o.labels !== undefined || numbers,
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
const byValue = (a: string, b: string) => Number(a) - Number(b) || (a < b ? -1 : Number(a > b));
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
