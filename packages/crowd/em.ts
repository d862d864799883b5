/**
 * What the methods of truth.ts share: votes, how often people agree with posteriors, and EM with its objective, which
 * must not fall: the log-likelihood of the answers plus the logarithm of the priors.
 */
import type { LabelTable } from "./labels.ts";

/** How a fit ended. */
export interface Fit {
  /** nothing moved any more; false: it was cut off at its limit of steps, and longer would change the result */
  readonly converged: boolean;
  readonly steps: number;
  /** after each step: log-likelihood plus log-prior, or a bound of it (MACE) */
  readonly objective: readonly number[];
}
/** Votes are counted and nothing is fitted. */
export const counted: Fit = { converged: true, steps: 0, objective: [] };

export interface Inferred {
  /** (tasks, K): probability of each class */
  readonly posterior: Float64Array;
  /** (workers): probability that an answer is right, on average over the classes */
  readonly reliability: Float64Array;
  readonly fit: Fit;
  /** probability that `worker` says `said` on `task` when `truth` is true */
  readonly emission: (worker: number, task: number, truth: number, said: number) => number;
}
export const ITERATIONS = 1000;
export const ENOUGH = 1e-6; // largest change of a posterior at which EM stops

/** Fractions of votes, each weighted by `weight(worker)`; a task without votes is uniform. */
export function votes(t: LabelTable, weight: (worker: number) => number): Float64Array {
  const K = t.labels.length;
  const out = new Float64Array(t.tasks.length * K);
  for (let i = 0; i < t.tasks.length; i++) {
    let total = 0;
    for (let r = t.start[i]; r < t.start[i + 1]; r++) {
      const w = weight(t.worker[r]);
      out[i * K + t.label[r]] += w;
      total += w;
    }
    for (let k = 0; k < K; k++) out[i * K + k] = total > 0 ? out[i * K + k] / total : 1 / K;
  }
  return out;
}

/** How often each worker agrees with `posterior`, with `right` and `wrong` answers assumed beforehand. */
export function agreement(t: LabelTable, posterior: Float64Array, right: number, wrong: number) {
  const K = t.labels.length;
  const agreed = new Float64Array(t.workers.length).fill(right);
  const answers = new Float64Array(t.workers.length).fill(right + wrong);
  for (let i = 0; i < t.tasks.length; i++)
    for (let r = t.start[i]; r < t.start[i + 1]; r++) {
      agreed[t.worker[r]] += posterior[i * K + t.label[r]];
      answers[t.worker[r]]++;
    }
  return agreed.map((a, w) => (answers[w] > 0 ? a / answers[w] : 0.5));
}

/**
 * EM's other half: class priors from the last posteriors, then each task's posterior from
 * `logOf(worker, task, truth, said)`. Overwrites `posterior`; returns the largest change and the log-likelihood.
 */
export function expect(
  t: LabelTable,
  posterior: Float64Array,
  prior: Float64Array,
  logOf: (worker: number, task: number, truth: number, said: number) => number,
): { change: number; likelihood: number } {
  const K = t.labels.length;
  const log = new Float64Array(K);
  let [change, likelihood] = [0, 0];
  for (let i = 0; i < t.tasks.length; i++) {
    let top = -Infinity;
    for (let k = 0; k < K; k++) {
      let sum = Math.log(prior[k] + 1e-12);
      for (let r = t.start[i]; r < t.start[i + 1]; r++) sum += logOf(t.worker[r], i, k, t.label[r]);
      log[k] = sum;
      if (sum > top) top = sum;
    }
    let z = 0;
    for (let k = 0; k < K; k++) z += log[k] = Math.exp(log[k] - top);
    likelihood += top + Math.log(z);
    for (let k = 0; k < K; k++) {
      change = Math.max(change, Math.abs(log[k] / z - posterior[i * K + k]));
      posterior[i * K + k] = log[k] / z;
    }
  }
  return { change, likelihood };
}

/** Mean posterior of each class. */
export function fractions(posterior: Float64Array, K: number): Float64Array {
  const out = new Float64Array(K);
  for (let i = 0; i < posterior.length; i++) out[i % K] += posterior[i];
  return out.map((x) => x / Math.max(1, posterior.length / K));
}
export const uniform = (K: number) => new Float64Array(K).fill(1 / K);

/** The class of highest posterior of task i; the first of equals. */
export function argmax(posterior: Float64Array, i: number, K: number): number {
  let top = 0;
  for (let k = 1; k < K; k++) if (posterior[i * K + k] > posterior[i * K + top]) top = k;
  return top;
}
