/**
 * The truth behind several people's numbers: mean, median, or a mean in which each person counts by how near they
 * usually come. `weighted` is the normal model  x = truth + bias[person] + noise,  noise ~ N(0, spread[person]^2),
 * truth ~ N(m, s^2), fitted by EM with weak priors on biases and spreads (the numeric sibling of Dawid and Skene; Raykar
 * et al. 2010, section 4). It gives each truth a standard deviation.
 */
import { quantile } from "@tiller/schema";

export interface NumberAnswer {
  readonly task: string;
  readonly worker: string;
  readonly value: number;
}
export interface Inferred {
  readonly value: number;
  /** standard deviation of what is known about it */
  readonly sd: number;
  readonly n: number;
}
export interface NumberResult {
  readonly tasks: ReadonlyMap<string, Inferred>;
  /** of `weighted` only: how far off, and to which side, a person usually is */
  readonly workers: ReadonlyMap<string, { bias: number; spread: number; n: number }>;
}

/** Spread of single answers about their task's mean, over all tasks; the same for everyone. */
function pooledVariance(byTask: ReadonlyMap<string, readonly NumberAnswer[]>): number {
  let [sum, freedom] = [0, 0];
  for (const rows of byTask.values()) {
    const mean = rows.reduce((a, r) => a + r.value, 0) / rows.length;
    for (const r of rows) sum += (r.value - mean) ** 2;
    freedom += rows.length - 1;
  }
  return freedom > 0 ? sum / freedom : 0;
}

/** The efficiency of a median at the normal distribution: its variance is pi / 2 of the mean's. */
const MEDIAN = Math.PI / 2;
function simple(answers: readonly NumberAnswer[], how: "mean" | "median"): NumberResult {
  const byTask = Map.groupBy(answers, (a) => a.task);
  const variance = pooledVariance(byTask);
  const tasks = new Map(
    [...byTask].map(([task, rows]): [string, Inferred] => {
      const n = rows.length;
      if (how === "mean")
        return [
          task,
          { value: rows.reduce((a, r) => a + r.value, 0) / n, sd: Math.sqrt(variance / n), n },
        ];
      const sorted = rows.map((r) => r.value).toSorted((a, b) => a - b);
      const wide = n > 2 ? MEDIAN : 1; // of one or two it is the mean
      return [task, { value: quantile(sorted, 0.5), sd: Math.sqrt((wide * variance) / n), n }];
    }),
  );
  return { tasks, workers: new Map() };
}

/** Pseudo-answers of ordinary spread that everyone starts with, and how strongly biases are drawn to zero. */
const PRIOR = { answers: 3, bias: 0.5 };

export function weightedMean(answers: readonly NumberAnswer[]): NumberResult {
  const byTask = [...Map.groupBy(answers, (a) => a.task)];
  const byWorker = [...Map.groupBy(answers, (a) => a.worker).keys()];
  const w = new Map(byWorker.map((name, i) => [name, i]));
  const ordinary = pooledVariance(new Map(byTask)) || 1e-12;
  const start = simple(answers, "median").tasks;
  const value = byTask.map(([task]) => start.get(task)!.value);
  const variance = byTask.map(([, rows]) => ordinary / rows.length);
  const spread = byWorker.map(() => ordinary); // squared
  const bias = byWorker.map(() => 0);
  for (let iteration = 0; iteration < 200; iteration++) {
    // people, given the truths
    const [n, off, square] = [0, 0, 0].map(() => byWorker.map(() => 0)) as [
      number[],
      number[],
      number[],
    ];
    byTask.forEach(([, rows], i) =>
      rows.forEach((r) => {
        n[w.get(r.worker)!]!++;
        off[w.get(r.worker)!]! += r.value - value[i]!;
      }),
    );
    byWorker.forEach((_, p) => {
      bias[p] = off[p]! / (n[p]! + spread[p]! / (PRIOR.bias ** 2 * ordinary));
    });
    byTask.forEach(([, rows], i) =>
      rows.forEach((r) => {
        const p = w.get(r.worker)!;
        square[p]! += (r.value - value[i]! - bias[p]!) ** 2 + variance[i]!;
      }),
    );
    byWorker.forEach((_, p) => {
      spread[p] = (square[p]! + PRIOR.answers * ordinary) / (n[p]! + PRIOR.answers);
    });
    // truths, given the people; their own distribution shrinks those with few answers
    const m = value.reduce((a, b) => a + b, 0) / value.length;
    const s2 =
      value.reduce((a, v, i) => a + (v - m) ** 2 + variance[i]!, 0) / value.length || ordinary;
    let change = 0;
    byTask.forEach(([, rows], i) => {
      let [precision, sum] = [1 / s2, m / s2];
      for (const r of rows) {
        const p = w.get(r.worker)!;
        precision += 1 / spread[p]!;
        sum += (r.value - bias[p]!) / spread[p]!;
      }
      change = Math.max(change, Math.abs(sum / precision - value[i]!));
      value[i] = sum / precision;
      variance[i] = 1 / precision;
    });
    if (change < 1e-7 * Math.sqrt(ordinary)) break;
  }
  const counts = Map.groupBy(answers, (a) => a.worker);
  return {
    tasks: new Map(
      byTask.map(([task, rows], i) => [
        task,
        { value: value[i]!, sd: Math.sqrt(variance[i]!), n: rows.length },
      ]),
    ),
    workers: new Map(
      byWorker.map((name, p) => [
        name,
        { bias: bias[p]!, spread: Math.sqrt(spread[p]!), n: counts.get(name)!.length },
      ]),
    ),
  };
}

export const numberMethods: Readonly<
  Record<string, { title: string; infer: (answers: readonly NumberAnswer[]) => NumberResult }>
> = {
  mean: { title: "Mean", infer: (a) => simple(a, "mean") },
  median: { title: "Median", infer: (a) => simple(a, "median") },
  weighted: { title: "Mean weighted by people", infer: weightedMean },
};

/** How near the truth: mean absolute and root mean square error, and how often it lies in the 95 % interval. */
export function scoreNumbers(result: NumberResult, truth: ReadonlyMap<string, number>) {
  const known = [...result.tasks].filter(([task]) => truth.has(task));
  const gaps = known.map(([task, x]) => Math.abs(x.value - truth.get(task)!));
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / Math.max(1, xs.length);
  return {
    n: known.length,
    mae: mean(gaps),
    rmse: Math.sqrt(mean(gaps.map((g) => g * g))),
    covered: mean(known.map(([, x], i) => (gaps[i]! <= 1.96 * x.sd ? 1 : 0))),
  };
}

/**
 * Mean of -log density of answers held out, each once, under the normal with the inferred truth and its spread: chooses
 * between the three without knowing any truth.
 */
export function heldOutDensity(name: string, answers: readonly NumberAnswer[], folds = 5): number {
  let sum = 0;
  for (let f = 0; f < folds; f++) {
    const kept = answers.filter((_, i) => i % folds !== f);
    const { tasks, workers } = numberMethods[name]!.infer(kept);
    const ordinary = pooledVariance(Map.groupBy(kept, (a) => a.task)) || 1e-12;
    const all = kept.reduce((a, r) => a + r.value, 0) / Math.max(1, kept.length);
    const wide = kept.reduce((a, r) => a + (r.value - all) ** 2, 0) / Math.max(1, kept.length);
    answers.forEach((a, i) => {
      if (i % folds !== f) return;
      const at = tasks.get(a.task);
      const person = workers.get(a.worker);
      const centre = (at?.value ?? all) + (person?.bias ?? 0);
      const variance = (at ? at.sd ** 2 : wide) + (person ? person.spread ** 2 : ordinary);
      sum += 0.5 * Math.log(2 * Math.PI * variance) + (a.value - centre) ** 2 / (2 * variance);
    });
  }
  return sum / answers.length;
}
