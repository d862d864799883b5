/**
 * Dawid-Skene while answers come in. An answer moves the posterior of its task and the confusions of the people on it;
 * where a person's word changes by enough, the tasks they answered move too, up to a few rounds. So a batch of answers
 * costs what it touches, not the whole table. `settle` runs full sweeps, from the fractions of votes as the batch does, until
 * nothing moves by more than 1e-6: the fixed point of `dawidSkene` on the same answers, up to EM's own stopping (tested:
 * within 1e-3), whatever order they came in. From where things stand it would come to another one now and then.
 */
import type { Label } from "./labels.ts";
import type { Evidence } from "./reliability.ts";

interface Task {
  readonly worker: number[];
  readonly said: number[];
  readonly posterior: Float64Array;
}
export interface Streaming {
  /** Takes answers in; returns how many tasks' posteriors it computed. */
  add(answers: readonly Label[]): number;
  /** Probability of each label of a task; undefined: no answer yet. */
  posterior(task: string): Float64Array | undefined;
  /** Probability that this person is right, on average over the classes. */
  reliability(worker: string): number | undefined;
  /** What a person's answers say of them, as `estimateOf` takes it. */
  evidence(worker: string): Evidence | undefined;
  /** Full sweeps until still, or `most` of them; returns how many. */
  settle(most?: number): number;
}

export function streaming(
  labels: readonly string[],
  o: { smoothing?: number; rounds?: number; moved?: number } = {},
): Streaming {
  // rounds: how far a change travels; moved: a posterior's change that is worth telling the others
  const { smoothing = 0.01, rounds = 3, moved = 0.02 } = o;
  const K = labels.length;
  const place = new Map(labels.map((l, k) => [l, k]));
  const taskIds = new Map<string, number>();
  const workerIds = new Map<string, number>();
  const tasks: Task[] = [];
  const tasksOf: number[][] = []; // by worker
  const counts: Float64Array[] = []; // (truth, said) by worker, without smoothing
  const classes = new Float64Array(K); // sum of posteriors

  const chance = (w: number, truth: number, said: number) => {
    const row = counts[w]!;
    let n = smoothing * K;
    for (let s = 0; s < K; s++) n += row[truth * K + s]!;
    return (row[truth * K + said]! + smoothing) / n;
  };
  /** Adds (or takes away, by -1) what the task's posterior says about its people and classes. */
  const count = (t: Task, sign: number) => {
    for (let k = 0; k < K; k++) {
      const p = sign * t.posterior[k]!;
      classes[k] += p;
      for (let r = 0; r < t.worker.length; r++) counts[t.worker[r]!]![k * K + t.said[r]!]! += p;
    }
  };
  const votes = (t: Task) => {
    t.posterior.fill(0);
    for (const said of t.said) t.posterior[said]! += 1 / t.said.length;
  };
  const recount = () => {
    classes.fill(0);
    for (const c of counts) c.fill(0);
    for (const t of tasks) count(t, 1);
  };
  /** The task's posterior from what its people are known for; returns its largest change. */
  const infer = (t: Task): number => {
    const log = new Float64Array(K);
    let top = -Infinity;
    for (let k = 0; k < K; k++) {
      log[k] = Math.log(classes[k]! / Math.max(1e-12, tasks.length) + 1e-12);
      for (let r = 0; r < t.worker.length; r++)
        log[k] += Math.log(chance(t.worker[r]!, k, t.said[r]!));
      top = Math.max(top, log[k]);
    }
    let z = 0;
    for (let k = 0; k < K; k++) z += log[k] = Math.exp(log[k]! - top);
    let change = 0;
    for (let k = 0; k < K; k++) {
      change = Math.max(change, Math.abs(log[k]! / z - t.posterior[k]!));
      t.posterior[k] = log[k]! / z;
    }
    return change;
  };
  const update = (t: Task): number => {
    const before = t.posterior.slice();
    const change = infer(t);
    const after = t.posterior.slice();
    t.posterior.set(before);
    count(t, -1);
    t.posterior.set(after);
    count(t, 1);
    return change;
  };

  return {
    add(answers) {
      const touched = new Set<number>();
      for (const a of answers) {
        const said = place.get(a.label);
        if (said === undefined)
          throw new RangeError(`unknown label ${a.label}; the labels are ${labels.join(", ")}`);
        let i = taskIds.get(a.task);
        if (i === undefined) {
          taskIds.set(a.task, (i = tasks.length));
          tasks.push({ worker: [], said: [], posterior: new Float64Array(K) });
        } else if (!touched.has(i)) count(tasks[i]!, -1);
        let w = workerIds.get(a.worker);
        if (w === undefined) {
          workerIds.set(a.worker, (w = counts.length));
          counts.push(new Float64Array(K * K));
          tasksOf.push([]);
        }
        touched.add(i);
        const again = tasks[i]!.worker.indexOf(w);
        if (again >= 0) {
          tasks[i]!.said[again] = said; // a person has one answer a task, the last
          continue;
        }
        tasks[i]!.worker.push(w);
        tasks[i]!.said.push(said);
        tasksOf[w]!.push(i);
      }
      // as the batch starts: fractions of votes
      for (const i of touched) {
        votes(tasks[i]!);
        count(tasks[i]!, 1);
      }
      let done = 0;
      let front = touched;
      for (let round = 0; round < rounds && front.size; round++) {
        const next = new Set<number>();
        for (const i of front) {
          done++;
          if (update(tasks[i]!) <= moved || round + 1 === rounds) continue;
          for (const w of tasks[i]!.worker) for (const j of tasksOf[w]!.slice(-RECENT)) next.add(j);
        }
        front = next;
      }
      return done;
    },
    posterior: (task) => tasks[taskIds.get(task) ?? -1]?.posterior.slice(),
    reliability(worker) {
      const w = workerIds.get(worker);
      if (w === undefined) return undefined;
      const all = classes.reduce((a, b) => a + b, 0) || 1;
      return classes.reduce((sum, n, k) => sum + (n / all) * chance(w, k, k), 0);
    },
    evidence(worker) {
      const w = workerIds.get(worker);
      if (w === undefined) return undefined;
      const e = { n: 0, right: 0, doubt: 0 };
      for (const i of tasksOf[w]!) {
        const t = tasks[i]!;
        const p = t.posterior[t.said[t.worker.indexOf(w)]!]!;
        e.n++;
        e.right += p;
        e.doubt += p * (1 - p);
      }
      return e;
    },
    settle(most = SWEEPS) {
      for (const t of tasks) votes(t);
      recount();
      for (let sweep = 1; sweep <= most; sweep++) {
        // as EM does: all posteriors from the same confusions, then all confusions from the posteriors
        let change = 0;
        for (const t of tasks) change = Math.max(change, infer(t));
        recount();
        if (change < 1e-6) return sweep;
      }
      return most;
    },
  };
}
const SWEEPS = 500;
/** Of a person's tasks, those that a change is told to: their newest. */
const RECENT = 50;
