/**
 * The truth behind several people's labels. One entry of `methods` a method; each takes packed answers and returns
 * a posterior over the classes of every task, how reliable each worker is, and how likely a worker's answer is given
 * the truth, by which methods are compared on answers held out (`heldOutLoss`).
 *
 *   majority      shares of the votes
 *   wawa          votes weighted by each worker's agreement with the majority (Appen; crowd-kit has the same)
 *   one-coin      one probability of being right a worker, classes equally likely (Demartini et al. 2012, ZenCrowd)
 *   dawid-skene   a confusion matrix a worker (Dawid and Skene 1979), by EM; cells are smoothed
 *   glad          worker ability times task easiness (Whitehill et al. 2009), by EM, Newton steps inside
 *   mace          a worker answers truly or by habit (Hovy et al. 2013), variational, best of several starts
 */
import { rng } from "@tiller/schema";
import type { LabelTable } from "./labels.ts";

export interface Inferred {
  /** (tasks, K): probability of each class */
  readonly posterior: Float64Array;
  /** (workers): probability that an answer is right, on average over the classes */
  readonly reliability: Float64Array;
  /** probability that `worker` says `said` on `task` when `truth` is true */
  readonly emission: (worker: number, task: number, truth: number, said: number) => number;
}
export interface Method {
  readonly title: string;
  readonly infer: (t: LabelTable) => Inferred;
}

export const methods = {
  majority: { title: "Majority", infer: majority },
  wawa: { title: "Wawa", infer: wawa },
  "one-coin": { title: "One-coin Dawid-Skene", infer: oneCoin },
  "dawid-skene": { title: "Dawid-Skene", infer: dawidSkene },
  glad: { title: "GLAD", infer: glad },
  mace: { title: "MACE", infer: mace },
} as const satisfies Record<string, Method>;
export type MethodName = keyof typeof methods;

const ITERATIONS = 100;
const ENOUGH = 1e-6; // largest change of a posterior at which EM stops
/** Beta prior on being right; keeps a worker with few answers near the middle. */
const PRIOR = { right: 4, wrong: 2 };

/** Shares of votes, each weighted by `weight(worker)`; a task without votes is uniform. */
function votes(t: LabelTable, weight: (worker: number) => number): Float64Array {
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
function agreement(t: LabelTable, posterior: Float64Array, right: number, wrong: number) {
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

/** Right with the worker's probability, else any other class alike. */
const coin = (reliability: Float64Array, K: number): Inferred["emission"] =>
  function emission(w, _task, truth, said) {
    return said === truth ? reliability[w] : (1 - reliability[w]) / Math.max(1, K - 1);
  };

export function majority(t: LabelTable): Inferred {
  const posterior = votes(t, () => 1);
  const all = agreement(t, posterior, 0, 0);
  let [right, n] = [PRIOR.right, PRIOR.right + PRIOR.wrong];
  for (let r = 0; r < t.worker.length; r++) [right, n] = [right + all[t.worker[r]], n + 1];
  // a vote count knows no people: one reliability for everyone
  const pooled = new Float64Array(t.workers.length).fill(right / n);
  return { posterior, reliability: all, emission: coin(pooled, t.labels.length) };
}

function wawa(t: LabelTable): Inferred {
  const K = t.labels.length;
  const first = votes(t, () => 1);
  const skill = new Float64Array(t.workers.length);
  const answers = new Float64Array(t.workers.length);
  for (let i = 0; i < t.tasks.length; i++) {
    // classes that share the top each count in part, so that no class is preferred for its name
    const most = first[i * K + argmax(first, i, K)] - 1e-9;
    let tops = 0;
    for (let k = 0; k < K; k++) if (first[i * K + k] >= most) tops++;
    for (let r = t.start[i]; r < t.start[i + 1]; r++) {
      answers[t.worker[r]]++;
      if (first[i * K + t.label[r]] >= most) skill[t.worker[r]] += 1 / tops;
    }
  }
  const reliability = skill.map((s, w) => s / Math.max(1, answers[w]));
  const posterior = votes(t, (w) => reliability[w]);
  return {
    posterior,
    reliability,
    emission: coin(agreement(t, posterior, PRIOR.right, PRIOR.wrong), K),
  };
}

/**
 * EM's other half: class priors from the last posteriors, then each task's posterior from
 * `logOf(worker, task, truth, said)`. Overwrites `posterior`; returns the largest change.
 */
function expect(
  t: LabelTable,
  posterior: Float64Array,
  prior: Float64Array,
  logOf: (worker: number, task: number, truth: number, said: number) => number,
): number {
  const K = t.labels.length;
  const log = new Float64Array(K);
  let change = 0;
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
    for (let k = 0; k < K; k++) {
      change = Math.max(change, Math.abs(log[k] / z - posterior[i * K + k]));
      posterior[i * K + k] = log[k] / z;
    }
  }
  return change;
}

/** Mean posterior of each class. */
function shares(posterior: Float64Array, K: number): Float64Array {
  const out = new Float64Array(K);
  for (let i = 0; i < posterior.length; i++) out[i % K] += posterior[i];
  return out.map((x) => x / Math.max(1, posterior.length / K));
}
const uniform = (K: number) => new Float64Array(K).fill(1 / K);

function oneCoin(t: LabelTable): Inferred {
  const K = t.labels.length;
  const posterior = votes(t, () => 1);
  let reliability = new Float64Array(t.workers.length);
  for (let i = 0; i < ITERATIONS; i++) {
    reliability = agreement(t, posterior, PRIOR.right - 1, PRIOR.wrong - 1);
    const [right, wrong] = [
      reliability.map((p) => Math.log(p + 1e-12)),
      reliability.map((p) => Math.log((1 - p) / Math.max(1, K - 1) + 1e-12)),
    ];
    const log = (w: number, _: number, k: number, said: number) =>
      said === k ? right[w] : wrong[w];
    if (expect(t, posterior, uniform(K), log) < ENOUGH) break;
  }
  return { posterior, reliability, emission: coin(reliability, K) };
}

/** `smoothing` is added to every cell of a confusion matrix; `gold` names the class of tasks whose truth is known. */
export function dawidSkene(
  t: LabelTable,
  o: { smoothing?: number; gold?: ReadonlyMap<string, string> | undefined } = {},
): Inferred {
  const { smoothing = 0.01, gold } = o;
  const K = t.labels.length;
  const W = t.workers.length;
  const posterior = votes(t, () => 1);
  const fixed = new Uint8Array(t.tasks.length);
  t.tasks.forEach((task, i) => {
    const k = t.labels.indexOf(gold?.get(task) ?? "");
    if (k < 0) return;
    posterior.fill(0, i * K, i * K + K).set([1], i * K + k);
    fixed[i] = 1;
  });
  const confusion = new Float64Array(W * K * K); // (W, truth, said)
  const logs = new Float64Array(W * K * K); // (W, said, truth): the inner loop runs over truths
  // where each answer's column of a confusion matrix begins, and its row of `logs`
  const column = Int32Array.from(t.worker, (w, r) => w * K * K + t.label[r]);
  const row = Int32Array.from(t.worker, (w, r) => (w * K + t.label[r]) * K);
  const sum = new Float64Array(K);
  const prior = new Float64Array(K);
  for (let i = 0; i < ITERATIONS; i++) {
    confusion.fill(smoothing);
    prior.fill(0);
    for (let task = 0; task < t.tasks.length; task++) {
      const end = t.start[task + 1];
      for (let k = 0; k < K; k++) {
        const p = posterior[task * K + k];
        prior[k] += p;
        for (let r = t.start[task]; r < end; r++) confusion[column[r] + k * K] += p;
      }
    }
    for (let w = 0; w < W; w++)
      for (let k = 0; k < K; k++) {
        const from = (w * K + k) * K;
        let n = 0;
        for (let said = 0; said < K; said++) n += confusion[from + said];
        for (let said = 0; said < K; said++)
          logs[(w * K + said) * K + k] = Math.log((confusion[from + said] /= n));
      }
    for (let k = 0; k < K; k++) prior[k] = Math.log(prior[k] / t.tasks.length + 1e-12);
    let change = 0;
    for (let task = 0; task < t.tasks.length; task++) {
      if (fixed[task]) continue;
      const end = t.start[task + 1];
      let top = -Infinity;
      for (let k = 0; k < K; k++) {
        let log = prior[k];
        for (let r = t.start[task]; r < end; r++) log += logs[row[r] + k];
        sum[k] = log;
        if (log > top) top = log;
      }
      let z = 0;
      for (let k = 0; k < K; k++) z += sum[k] = Math.exp(sum[k] - top);
      for (let k = 0; k < K; k++) {
        const p = sum[k] / z;
        const moved = Math.abs(p - posterior[task * K + k]);
        if (moved > change) change = moved;
        posterior[task * K + k] = p;
      }
    }
    if (change < ENOUGH) break;
  }
  const share = shares(posterior, K);
  const reliability = Float64Array.from({ length: W }, (_, w) =>
    share.reduce((sum, p, k) => sum + p * confusion[(w * K + k) * K + k], 0),
  );
  return { posterior, reliability, emission: (w, _, k, said) => confusion[(w * K + k) * K + said] };
}

/** P(right) = sigmoid(ability x easiness); priors N(1, 1) on the ability and on the logarithm of easiness. */
function glad(t: LabelTable): Inferred {
  const K = t.labels.length;
  const ability = new Float64Array(t.workers.length).fill(1);
  const logEase = new Float64Array(t.tasks.length).fill(1);
  const posterior = votes(t, () => 1);
  const p = (w: number, i: number) => 1 / (1 + Math.exp(-ability[w] * Math.exp(logEase[i])));
  const logOf = (w: number, i: number, k: number, said: number) => {
    const right = p(w, i);
    return Math.log(said === k ? right + 1e-12 : (1 - right) / Math.max(1, K - 1) + 1e-12);
  };
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    for (let sweep = 0; sweep < 3; sweep++) {
      // one Newton step on every ability, then one on every task's ease; each is concave given the other
      const [slope, bend] = [ability.map((a) => 1 - a), new Float64Array(ability.length).fill(1)];
      for (let i = 0; i < t.tasks.length; i++) {
        const ease = Math.exp(logEase[i]);
        for (let r = t.start[i]; r < t.start[i + 1]; r++) {
          const [w, s] = [t.worker[r], p(t.worker[r], i)];
          slope[w] += (posterior[i * K + t.label[r]] - s) * ease;
          bend[w] += s * (1 - s) * ease * ease;
        }
      }
      for (let w = 0; w < ability.length; w++) ability[w] += clip(slope[w] / bend[w]);
      for (let i = 0; i < t.tasks.length; i++) {
        const ease = Math.exp(logEase[i]);
        let [d, dd] = [1 - logEase[i], 1];
        for (let r = t.start[i]; r < t.start[i + 1]; r++) {
          const [z, s] = [ability[t.worker[r]] * ease, p(t.worker[r], i)];
          d += (posterior[i * K + t.label[r]] - s) * z;
          dd += s * (1 - s) * z * z;
        }
        logEase[i] = Math.min(4, Math.max(-4, logEase[i] + clip(d / dd)));
      }
    }
    if (expect(t, posterior, uniform(K), logOf) < 1e-4) break;
  }
  return {
    posterior,
    reliability: agreement(t, posterior, 0, 0),
    emission: (w, i, k, said) => Math.exp(logOf(w, i, k, said)),
  };
}
const clip = (step: number) => Math.min(1, Math.max(-1, step));

/** Priors: Beta(1/2, 1/2) on answering truly, Dirichlet(10) on the habit; the start of the best evidence wins. */
function mace(t: LabelTable, o: { starts?: number; iterations?: number } = {}): Inferred {
  const { starts = 10, iterations = 50 } = o;
  const [K, W] = [t.labels.length, t.workers.length];
  let best: Record<"posterior" | "honest" | "habit", Float64Array> | undefined;
  let bestEvidence = -Infinity;
  for (let s = 0; s < starts; s++) {
    const random = rng(s, "mace");
    const honest = Float64Array.from({ length: W }, () => 0.5 + 0.5 * random.next());
    const habit = Float64Array.from({ length: W * K }, () => (0.9 + 0.2 * random.next()) / K);
    const posterior = new Float64Array(t.tasks.length * K);
    const emission = says(honest, habit, K);
    let evidence = -Infinity;
    for (let it = 0; it < iterations; it++) {
      const before = evidence;
      const honestly = new Float64Array(W);
      const byHabit = new Float64Array(W * K);
      evidence = 0;
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
        evidence += top + Math.log(z);
        for (let k = 0; k < K; k++) posterior[i * K + k] /= z;
        for (let r = t.start[i]; r < t.start[i + 1]; r++) {
          const [w, said] = [t.worker[r], t.label[r]];
          const spam = (1 - honest[w]) * habit[w * K + said];
          const knew = (posterior[i * K + said] * honest[w]) / (honest[w] + spam || 1);
          honestly[w] += knew;
          byHabit[w * K + said] += 1 - knew;
        }
      }
      if (evidence - before < 1e-6 * Math.abs(evidence)) break;
      for (let w = 0; w < W; w++) {
        let spam = 0;
        for (let k = 0; k < K; k++) spam += byHabit[w * K + k];
        const [yes, no] = [Math.exp(digamma(honestly[w] + 0.5)), Math.exp(digamma(spam + 0.5))];
        honest[w] = yes / (yes + no);
        const total = Math.exp(digamma(spam + 10 * K));
        for (let k = 0; k < K; k++)
          habit[w * K + k] = Math.exp(digamma(byHabit[w * K + k] + 10)) / total;
      }
    }
    if (evidence > bestEvidence) [bestEvidence, best] = [evidence, { posterior, honest, habit }];
  }
  const { posterior, honest, habit } = best!;
  for (let w = 0; w < W; w++) {
    // the variational weights sum to less than one; as a prediction they must not
    let total = 0;
    for (let k = 0; k < K; k++) total += habit[w * K + k];
    for (let k = 0; k < K; k++) habit[w * K + k] /= total;
  }
  const emission = says(honest, habit, K);
  return { posterior, reliability: agreement(t, posterior, 0, 0), emission };
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

/** The class of highest posterior of task i; the first of equals. */
export function argmax(posterior: Float64Array, i: number, K: number): number {
  let top = 0;
  for (let k = 1; k < K; k++) if (posterior[i * K + k] > posterior[i * K + top]) top = k;
  return top;
}
