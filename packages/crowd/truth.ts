/**
 * The truth behind several people's labels. One entry of `methods` a method; each takes packed answers and returns
 * a posterior over the classes of every task, how reliable each worker is, and how likely a worker's answer is given
 * the truth, by which methods are compared on answers held out (`heldOutLoss`).
 *
 *   majority      fractions of the votes
 *   wawa          votes weighted by each worker's agreement with the majority (Appen; crowd-kit has the same)
 *   one-coin      one probability of being right a worker, classes equally likely (one-coin.ts)
 *   dawid-skene   a confusion matrix a worker (Dawid and Skene 1979), by EM; cells are smoothed
 *   glad          worker ability times task easiness (Whitehill et al. 2009), by EM, Newton steps inside
 *   mace          a worker answers truly or by habit (Hovy et al. 2013), variational, best of several starts
 */
import {
  agreement,
  argmax,
  counted,
  ENOUGH,
  type Inferred,
  ITERATIONS,
  fractions,
  votes,
} from "./em.ts";
import { glad } from "./glad.ts";
import type { LabelTable } from "./labels.ts";
import { mace } from "./mace.ts";
import { coin, oneCoin, PRIOR } from "./one-coin.ts";

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

export function majority(t: LabelTable): Inferred {
  const posterior = votes(t, () => 1);
  const all = agreement(t, posterior, 0, 0);
  let [right, n] = [PRIOR.right, PRIOR.right + PRIOR.wrong];
  for (let r = 0; r < t.worker.length; r++) [right, n] = [right + all[t.worker[r]], n + 1];
  // a vote count knows no people: one reliability for everyone
  const pooled = new Float64Array(t.workers.length).fill(right / n);
  return { posterior, reliability: all, fit: counted, emission: coin(pooled, t.labels.length) };
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
    fit: counted,
    emission: coin(agreement(t, posterior, PRIOR.right, PRIOR.wrong), K),
  };
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
  const objective: number[] = [];
  let converged = false;
  while (!converged && objective.length < ITERATIONS) {
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
    // the Dirichlet prior that the smoothing is, but for a constant
    let [change, likelihood] = [0, smoothing && smoothing * logs.reduce((a, b) => a + b, 0)];
    for (let task = 0; task < t.tasks.length; task++) {
      const end = t.start[task + 1];
      let top = -Infinity;
      for (let k = 0; k < K; k++) {
        let log = prior[k];
        for (let r = t.start[task]; r < end; r++) log += logs[row[r] + k];
        sum[k] = log;
        if (log > top) top = log;
      }
      if (fixed[task]) {
        for (let k = 0; k < K; k++) if (posterior[task * K + k]) likelihood += sum[k];
        continue;
      }
      let z = 0;
      for (let k = 0; k < K; k++) z += sum[k] = Math.exp(sum[k] - top);
      for (let k = 0; k < K; k++) {
        const p = sum[k] / z;
        const moved = Math.abs(p - posterior[task * K + k]);
        if (moved > change) change = moved;
        posterior[task * K + k] = p;
      }
      likelihood += top + Math.log(z);
    }
    objective.push(likelihood);
    converged = change < ENOUGH;
  }
  const fraction = fractions(posterior, K);
  const reliability = Float64Array.from({ length: W }, (_, w) =>
    fraction.reduce((sum, p, k) => sum + p * confusion[(w * K + k) * K + k], 0),
  );
  const fit = { converged, steps: objective.length, objective };
  return {
    posterior,
    reliability,
    fit,
    emission: (w, _, k, said) => confusion[(w * K + k) * K + said],
  };
}
