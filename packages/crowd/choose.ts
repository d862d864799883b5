/** Which way of aggregating to use: the one that predicts answers best which it has not seen. */
import { rng } from "@tiller/schema";
import { type LabelTable, without } from "./labels.ts";
import { type MethodName, methods } from "./truth.ts";

export interface HeldOut {
  /** mean of -log p(answer), nats */
  readonly loss: number;
  /** 95 % interval by the spread between tasks */
  readonly low: number;
  readonly high: number;
}

/**
 * Log-loss of answers held out, each once in `folds` folds: p(said) = sum over truths of posterior x emission.
 * Accuracy against the majority cannot choose between methods; this can, and it needs no gold.
 */
export function heldOutLoss(
  t: LabelTable,
  name: MethodName,
  o: { folds?: number; seed?: number } = {},
): HeldOut {
  const { folds = 5, seed = 1 } = o;
  const K = t.labels.length;
  const random = rng(seed, "folds");
  const fold = Int32Array.from(t.worker, () => Math.floor(random.next() * folds));
  const [sums, counts] = [new Float64Array(t.tasks.length), new Float64Array(t.tasks.length)];
  for (let f = 0; f < folds; f++) {
    const { posterior, emission } = methods[name].infer(
      without(
        t,
        Uint8Array.from(fold, (x) => (x === f ? 1 : 0)),
      ),
    );
    for (let i = 0; i < t.tasks.length; i++)
      for (let r = t.start[i]; r < t.start[i + 1]; r++) {
        if (fold[r] !== f) continue;
        let p = 0;
        for (let k = 0; k < K; k++)
          p += posterior[i * K + k] * emission(t.worker[r], i, k, t.label[r]);
        sums[i] -= Math.log(Math.max(p, 1e-6));
        counts[i]++;
      }
  }
  // a ratio estimate: tasks are the units, since the answers of one task hang together
  const n = t.worker.length;
  const loss = sums.reduce((a, b) => a + b, 0) / n;
  let spread = 0;
  for (let i = 0; i < t.tasks.length; i++) spread += (sums[i] - loss * counts[i]) ** 2;
  const half = (1.96 * Math.sqrt(spread)) / n;
  return { loss, low: loss - half, high: loss + half };
}

/** The method of least held-out loss. */
export function chooseMethod(
  t: LabelTable,
  names: readonly MethodName[] = Object.keys(methods) as MethodName[],
): {
  best: MethodName;
  losses: Map<MethodName, HeldOut>;
} {
  const losses = new Map(names.map((name) => [name, heldOutLoss(t, name)]));
  const [best] = [...losses].reduce((a, b) => (b[1].loss < a[1].loss ? b : a));
  return { best, losses };
}
