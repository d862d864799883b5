/** Labels in K classes from several people: majority vote, and Dawid and Skene 1979 with full confusion matrices. */

export interface Answer {
  readonly task: string;
  readonly worker: string;
  /** 0 .. K-1 */
  readonly label: number;
}

/** Shares of the votes; ties stay ties. */
export function majority(answers: readonly Answer[], K: number): Map<string, number[]> {
  const out = new Map<string, number[]>();
  for (const { task, label } of answers) {
    const row = out.get(task) ?? new Array<number>(K).fill(0);
    row[label]++;
    out.set(task, row);
  }
  for (const row of out.values()) {
    const n = row.reduce((a, b) => a + b, 0);
    for (let k = 0; k < K; k++) row[k] /= n;
  }
  return out;
}

/** EM from the majority's start; `smoothing` is added to every cell of a confusion matrix. */
export function dawidSkene(
  answers: readonly Answer[],
  K: number,
  o: { iterations?: number; smoothing?: number } = {},
): { posterior: Map<string, number[]>; confusion: Map<string, number[][]> } {
  const { iterations = 100, smoothing = 0.01 } = o;
  let posterior = majority(answers, K);
  const byTask = Map.groupBy(answers, (a) => a.task);
  const confusion = new Map<string, number[][]>();
  for (let i = 0; i < iterations; i++) {
    const prior = new Array<number>(K).fill(0);
    for (const row of posterior.values()) row.forEach((p, k) => (prior[k] += p / posterior.size));
    confusion.clear();
    for (const { task, worker, label } of answers) {
      let m = confusion.get(worker);
      if (!m)
        confusion.set(
          worker,
          (m = Array.from({ length: K }, () => new Array<number>(K).fill(smoothing))),
        );
      posterior.get(task)!.forEach((p, k) => (m[k][label] += p));
    }
    for (const m of confusion.values())
      for (const row of m) {
        const n = row.reduce((a, b) => a + b, 0);
        for (let l = 0; l < K; l++) row[l] /= n;
      }
    let change = 0;
    const next = new Map<string, number[]>();
    for (const [task, given] of byTask) {
      const log = prior.map((p, k) =>
        given.reduce(
          (sum, { worker, label }) => sum + Math.log(confusion.get(worker)![k][label]),
          Math.log(p + 1e-12),
        ),
      );
      const top = Math.max(...log);
      const raw = log.map((x) => Math.exp(x - top));
      const z = raw.reduce((a, b) => a + b, 0);
      next.set(
        task,
        raw.map((x) => x / z),
      );
      change = Math.max(change, Math.abs(raw[0] / z - posterior.get(task)![0]));
    }
    posterior = next;
    if (change < 1e-6) break;
  }
  return { posterior, confusion };
}
