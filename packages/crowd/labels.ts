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
  /** the classes, sorted by name, numbers by value */
  readonly labels: readonly string[];
  /** answers of task i lie at start[i] up to start[i + 1] */
  readonly start: Int32Array;
  readonly worker: Int32Array;
  readonly label: Int32Array;
}

/** Packs answers. `labels` names all classes where some may lack answers; an answer outside them is an error. */
export function labelTable(
  answers: Iterable<Label>,
  o: { labels?: readonly string[] | undefined } = {},
): LabelTable {
  const tasks = new Map<string, number>();
  const workers = new Map<string, number>();
  const classes = new Map<string, number>();
  const intern = (names: Map<string, number>, name: string): number => {
    const known = names.get(name);
    if (known !== undefined) return known;
    names.set(name, names.size);
    return names.size - 1;
  };
  const rows: number[] = []; // task, worker, class; task, worker, class; ...
  for (const { task, worker, label } of answers)
    rows.push(intern(tasks, task), intern(workers, worker), intern(classes, label));
  const labels = o.labels ?? [...classes.keys()].toSorted(byName);
  const place = new Map(labels.map((name, k) => [name, k]));
  const outside = [...classes.keys()].filter((name) => !place.has(name));
  if (outside.length)
    throw new TillerError(
      "unknown_label",
      `answers carry ${outside.slice(0, 5).join(", ")}, but the labels are ${labels.join(", ")}. Correct the answers or name every label.`,
    );

  const count = rows.length / 3;
  const start = new Int32Array(tasks.size + 1);
  for (let r = 0; r < count; r++) start[rows[3 * r] + 1]++;
  for (let i = 0; i < tasks.size; i++) start[i + 1] += start[i];
  const next = start.slice();
  const [worker, label] = [new Int32Array(count), new Int32Array(count)];
  const placeOf = Int32Array.from([...classes.keys()], (name) => place.get(name)!);
  for (let r = 0; r < count; r++) {
    const at = next[rows[3 * r]]++;
    worker[at] = rows[3 * r + 1];
    label[at] = placeOf[rows[3 * r + 2]];
  }
  return { tasks: [...tasks.keys()], workers: [...workers.keys()], labels, start, worker, label };
}
const byName = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true });

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
