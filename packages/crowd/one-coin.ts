/**
 * One coin a person: the probability of being right, the same whatever is true, every other class alike (the one-coin model of
 * Dawid and Skene 1979; ZenCrowd, Demartini et al. 2012, called ZC in Zheng et al. 2017). Classes are equally likely, and
 * every coin has a Beta(4, 2) prior, which keeps a person with few answers near the middle. Here are its likelihood, its fit
 * by EM, a task's posterior by coins that are known, and what a coin's vote weighs.
 */
import { largest } from "@tiller/schema";
import { agreement, ENOUGH, expect, type Inferred, ITERATIONS, uniform } from "./em.ts";
import type { LabelTable } from "./labels.ts";

/** The Beta prior on being right, as answers seen beforehand. */
export const PRIOR = { right: 4, wrong: 2 };
const priorMean = PRIOR.right / (PRIOR.right + PRIOR.wrong);

/** Log-probability of the class that is true, and of each other. */
const logs = (p: number, classes: number): { right: number; wrong: number } => ({
  right: Math.log(p),
  wrong: Math.log((1 - p) / Math.max(1, classes - 1)),
});
/** A coin that somebody else found, kept from the ends, where one answer would outweigh all others. */
const within = (p: number, margin: number) => Math.min(1 - margin, Math.max(margin, p));

/** Right with the worker's probability, else any other class alike. */
export const coin = (reliability: Float64Array, classes: number): Inferred["emission"] =>
  function emission(w, _task, truth, said) {
    return said === truth ? reliability[w] : (1 - reliability[w]) / Math.max(1, classes - 1);
  };

/**
 * Fitted by EM from coins at the prior's mean (ZC starts so, too); a coin is the mode of its posterior. `iterations`: looks
 * at the tasks, the first of them with the prior's coins.
 */
export function oneCoin(t: LabelTable, o: { iterations?: number } = {}): Inferred {
  const { iterations = ITERATIONS } = o;
  const K = t.labels.length;
  const posterior = new Float64Array(t.tasks.length * K);
  let reliability = new Float64Array(t.workers.length).fill(priorMean);
  const objective: number[] = [];
  const look = (): number => {
    const of = Array.from(reliability, (p) => logs(p, K));
    const { change, likelihood } = expect(t, posterior, uniform(K), (w, _, truth, said) =>
      said === truth ? of[w]!.right : of[w]!.wrong,
    );
    // the Beta prior, but for a constant
    const prior = (p: number) =>
      (PRIOR.right - 1) * Math.log(p) + (PRIOR.wrong - 1) * Math.log(1 - p);
    objective.push(reliability.reduce((sum, p) => sum + prior(p), likelihood));
    return change;
  };
  look();
  let converged = false;
  while (!converged && objective.length < iterations) {
    reliability = agreement(t, posterior, PRIOR.right - 1, PRIOR.wrong - 1);
    converged = look() < ENOUGH;
  }
  const fit = { converged, steps: objective.length, objective };
  return { posterior, reliability, fit, emission: coin(reliability, K) };
}

/** Probability of each class from who said what, their coins being known. */
export function posteriorOf(
  said: readonly { label: number; reliability: number }[],
  classes: number,
): number[] {
  const of = said.map((s) => ({ ...s, ...logs(within(s.reliability, 0.01), classes) }));
  const sums = Array.from({ length: classes }, (_, k) =>
    of.reduce((sum, { label, right, wrong }) => sum + (label === k ? right : wrong), 0),
  );
  const top = largest(sums);
  const weights = sums.map((l) => Math.exp(l - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** Answers of the worst still weigh a twentieth of the best's. */
const LEAST = 0.05;
/**
 * What an answer of a person this reliable weighs, between 0.05 and 1: its log-odds against guessing among `classes`,
 * which is its vote under this model, relative to somebody right 19 times of 20.
 */
export function weightOf(reliability: number, classes = 2): number {
  const vote = (p: number) => {
    const { right, wrong } = logs(p, classes);
    return right - wrong;
  };
  return Math.min(1, Math.max(LEAST, vote(within(reliability, 0.001)) / vote(0.95)));
}
/** The same by answers: the coin is the mean of its posterior, so a first answer counts neither in full nor for nothing. */
export const weightAfter = (e: { at: number; n: number }, classes: number): number => {
  const right = e.n ? e.at * e.n : 0;
  return weightOf((right + PRIOR.right) / (e.n + PRIOR.right + PRIOR.wrong), classes);
};
