/**
 * MACE: a worker answers truly or by habit (Hovy et al. 2013), by variational Bayes; of several starts the one with the
 * best lower bound of the evidence.
 */
import { logGamma, rng } from "@tiller/schema";
import { agreement, type Inferred } from "./em.ts";
import type { LabelTable } from "./labels.ts";

/** Priors: Beta(1/2, 1/2) on answering truly, Dirichlet(10) on the habit; the start of the best evidence wins. */
export function mace(t: LabelTable, o: { starts?: number; iterations?: number } = {}): Inferred {
  const { starts = 10, iterations = 500 } = o;
  const [K, W] = [t.labels.length, t.workers.length];
  let best:
    | (Record<"posterior" | "honest" | "habit", Float64Array> & Pick<Inferred, "fit">)
    | undefined;
  for (let s = 0; s < starts; s++) {
    const random = rng(s, "mace");
    const honest = Float64Array.from({ length: W }, () => 0.5 + 0.5 * random.next());
    const habit = Float64Array.from({ length: W * K }, () => (0.9 + 0.2 * random.next()) / K);
    const posterior = new Float64Array(t.tasks.length * K);
    const emission = says(honest, habit, K);
    const objective: number[] = [];
    let [converged, steps] = [false, 0];
    // what the parameters cost: how far they are from their priors; random starts have no distribution
    let cost = Number.NaN;
    for (; !converged && steps < iterations; steps++) {
      const honestly = new Float64Array(W);
      const byHabit = new Float64Array(W * K);
      let likelihood = 0;
      for (let i = 0; i < t.tasks.length; i++) {
        let top = -Infinity;
        for (let k = 0; k < K; k++) {
          let log = -Math.log(K);
          for (let r = t.start[i]; r < t.start[i + 1]; r++)
            log += Math.log(emission(t.worker[r], i, k, t.label[r]));
          posterior[i * K + k] = log;
          top = Math.max(top, log);
        }
        let z = 0;
        for (let k = 0; k < K; k++)
          z += posterior[i * K + k] = Math.exp(posterior[i * K + k] - top);
        likelihood += top + Math.log(z);
        for (let k = 0; k < K; k++) posterior[i * K + k] /= z;
        for (let r = t.start[i]; r < t.start[i + 1]; r++) {
          const [w, said] = [t.worker[r], t.label[r]];
          const spam = (1 - honest[w]) * habit[w * K + said];
          const knew = (posterior[i * K + said] * honest[w]) / (honest[w] + spam || 1);
          honestly[w] += knew;
          byHabit[w * K + said] += 1 - knew;
        }
      }
      const bound = likelihood - cost;
      const rise = bound - (objective.at(-1) ?? Number.NaN);
      if (steps > 0) objective.push(bound);
      converged = rise < 1e-6 * Math.abs(bound);
      if (converged) continue;
      cost = 0;
      for (let w = 0; w < W; w++) {
        let spam = 0;
        for (let k = 0; k < K; k++) spam += byHabit[w * K + k];
        const [yes, no] = [Math.exp(digamma(honestly[w] + 0.5)), Math.exp(digamma(spam + 0.5))];
        honest[w] = yes / (yes + no);
        const total = Math.exp(digamma(spam + 10 * K));
        const counts = byHabit.subarray(w * K, w * K + K);
        for (let k = 0; k < K; k++) habit[w * K + k] = Math.exp(digamma(counts[k] + 10)) / total;
        cost += apart([honestly[w], spam], 0.5) + apart(counts, 10);
        // both weights were divided by their sum: so much for each of the worker's answers
        const answers = honestly[w] + spam;
        cost -= answers * (Math.log(yes + no) - digamma(answers + 1));
      }
    }
    const fit = { converged, steps, objective };
    if ((objective.at(-1) ?? -Infinity) > (best?.fit.objective.at(-1) ?? -Infinity) || !best)
      best = { posterior, honest, habit, fit };
  }
  const { posterior, honest, habit, fit } = best!;
  for (let w = 0; w < W; w++) {
    // the variational weights sum to less than one; as a prediction they must not
    let total = 0;
    for (let k = 0; k < K; k++) total += habit[w * K + k];
    for (let k = 0; k < K; k++) habit[w * K + k] /= total;
  }
  const emission = says(honest, habit, K);
  return { posterior, reliability: agreement(t, posterior, 0, 0), fit, emission };
}
/** Kullback-Leibler divergence of a Dirichlet that has seen `counts` from the symmetric one it began as. */
function apart(counts: ArrayLike<number>, prior: number): number {
  let [all, sum] = [0, 0];
  for (let k = 0; k < counts.length; k++) all += counts[k]!;
  const [now, first] = [all + prior * counts.length, prior * counts.length];
  for (let k = 0; k < counts.length; k++) {
    const alpha = counts[k]! + prior;
    sum += logGamma(prior) - logGamma(alpha) + counts[k]! * (digamma(alpha) - digamma(now));
  }
  return sum + logGamma(now) - logGamma(first);
}
const says = (honest: Float64Array, habit: Float64Array, K: number): Inferred["emission"] =>
  function emission(w, _task, truth, said) {
    return (said === truth ? honest[w] : 0) + (1 - honest[w]) * habit[w * K + said];
  };

/** d log Gamma(x) / dx for x > 0: recurrence up to 6, then the asymptotic series (Abramowitz and Stegun 6.3.18). */
export function digamma(x: number): number {
  let shift = 0;
  for (; x < 6; x++) shift -= 1 / x;
  const f = 1 / (x * x);
  return shift + Math.log(x) - 0.5 / x - f * (1 / 12 - f * (1 / 120 - f * (1 / 252 - f / 240)));
}
