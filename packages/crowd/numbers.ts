/**
 * The truth behind several people's numbers: mean, median, or a mean in which each person counts by how near they
 * usually come. `weighted` is the normal model  x = truth + bias[person] + noise,  noise ~ N(0, spread[person]^2),
 * truth ~ N(m, s^2), fitted by EM with weak priors on biases and spreads (the numeric sibling of Dawid and Skene; Raykar
 * et al. 2010, section 4). It gives each truth a standard deviation. What an ordinary spread is, which the priors rest on, is
 * the middle one of the people's own, each by the median of absolute deviations: one person in another unit is one person,
 * and makes nobody else look noisy. A person has one answer a task, the last given.
 */
import { rng, TillerError } from "@tiller/schema";
import { median, quantile } from "./statistics.ts";
import { noTruth } from "./score.ts";

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
  /** nothing moved any more; false: it was cut off at its limit of steps */
  readonly converged: boolean;
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
/** Of a normal distribution: its standard deviation over its median absolute deviation from the middle. */
const MAD = 1.4826;
const spreadAround = (xs: readonly number[], middle: number): number =>
  MAD * median(xs.map((x) => Math.abs(x - middle)));

/** Each person's usual distance from `truth`, to which side and how far about it; both by medians. */
function people(answers: readonly NumberAnswer[], truth: (task: string) => number | undefined) {
  const out = new Map<string, { bias: number; spread: number; n: number }>();
  for (const [worker, rows] of Map.groupBy(answers, (a) => a.worker)) {
    const off = rows.flatMap((r) => {
      const at = truth(r.task);
      return at === undefined ? [] : [r.value - at];
    });
    const bias = off.length ? median(off) : 0;
    out.set(worker, { bias, spread: off.length ? spreadAround(off, bias) : 0, n: off.length });
  }
  return out;
}
/**
 * An ordinary person's variance: the middle one of the people's, each answer being held against the median of the others'
 * on its task, and made smaller by what that median itself is off.
 */
function ordinaryVariance(answers: readonly NumberAnswer[]): number {
  const byTask = Map.groupBy(answers, (a) => a.task);
  const off = [...byTask.values()].flatMap((rows) =>
    rows.flatMap((r, i) => {
      const others = rows.toSpliced(i, 1).map((x) => x.value);
      if (!others.length) return [];
      const wide = others.length > 2 ? MEDIAN : 1;
      const gap = (r.value - median(others)) / Math.sqrt(1 + wide / others.length);
      return [{ worker: r.worker, gap }];
    }),
  );
  if (!off.length) return 0;
  const spreads = [...Map.groupBy(off, (x) => x.worker).values()].map((rows) => {
    const gaps = rows.map((x) => x.gap);
    return spreadAround(gaps, median(gaps));
  });
  // where most answers are the very same, the middle deviation is 0 and says nothing of the others
  return median(spreads) ** 2 || pooledVariance(byTask);
}
/** The least variance that is told from 0, by the size of the numbers: any unit will do. */
const least = (answers: readonly NumberAnswer[]): number => {
  let most = 0;
  for (const { value } of answers) most = Math.max(most, Math.abs(value));
  return (1e-9 * most) ** 2 || Number.MIN_VALUE;
};
/** One answer a person a task, the last; tasks and people in the order of their names, so that rows may come in any. */
export function onceEach(answers: readonly NumberAnswer[]): NumberAnswer[] {
  const last = new Map<string, NumberAnswer>();
  for (const a of answers) {
    if (!Number.isFinite(a.value))
      throw new TillerError(
        "not_a_number",
        `${a.worker} says ${a.value} to ${a.task}: numbers must be finite. Correct or remove that row.`,
      );
    last.set(`${a.task}\n${a.worker}`, a);
  }
  return [...last].toSorted(([x], [y]) => (x < y ? -1 : Number(x > y))).map(([, a]) => a);
}

function simple(all: readonly NumberAnswer[], how: "mean" | "median"): NumberResult {
  const answers = onceEach(all);
  const byTask = Map.groupBy(answers, (a) => a.task);
  const variance = how === "mean" ? pooledVariance(byTask) : ordinaryVariance(answers);
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
  return { tasks, workers: new Map(), converged: true };
}

/** Pseudo-answers of ordinary spread that everyone starts with, and how strongly biases are drawn to zero. */
const PRIOR = { answers: 3, bias: 0.5 };

const shrunk = (p: { spread: number; n: number }, ordinary: number): number =>
  (p.n * p.spread ** 2 + PRIOR.answers * ordinary) / (p.n + PRIOR.answers);

export function weightedMean(all: readonly NumberAnswer[]): NumberResult {
  const answers = onceEach(all);
  const byTask = [...Map.groupBy(answers, (a) => a.task)];
  const byWorker = [...Map.groupBy(answers, (a) => a.worker).keys()];
  const w = new Map(byWorker.map((name, i) => [name, i]));
  const ordinary = ordinaryVariance(answers) || least(answers);
  const start = simple(answers, "median").tasks;
  const seen = people(answers, (task) => start.get(task)!.value);
  const value = byTask.map(([task]) => start.get(task)!.value);
  const variance = byTask.map(([, rows]) => ordinary / rows.length);
  const spread = byWorker.map((name) => shrunk(seen.get(name)!, ordinary)); // squared
  const bias = byWorker.map((name) => seen.get(name)!.bias);
  let converged = false;
  for (let step = 0; !converged && step < 500; step++) {
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
      // the prior of biases has a long tail: most people have little, who has much is believed to
      const usual = PRIOR.bias ** 2 * ordinary + bias[p]! ** 2;
      bias[p] = off[p]! / (n[p]! + spread[p]! / usual);
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
    converged = change < 1e-7 * Math.sqrt(ordinary);
  }
  const counts = Map.groupBy(answers, (a) => a.worker);
  return {
    converged,
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
  if (!known.length) throw noTruth(result.tasks.keys(), truth.keys());
  const gaps = known.map(([task, x]) => Math.abs(x.value - truth.get(task)!));
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
  return {
    n: known.length,
    mae: mean(gaps),
    rmse: Math.sqrt(mean(gaps.map((g) => g * g))),
    covered: mean(known.map(([, x], i) => (gaps[i]! <= 1.96 * x.sd ? 1 : 0))),
  };
}

/**
 * In which fold each answer is held out: by a hash of its task the people of a task are dealt out, so that neither the
 * order of rows nor who stands where in them matters, and a task loses few answers at a time.
 */
function foldsOf(answers: readonly NumberAnswer[], folds: number): Int32Array {
  const out = new Int32Array(answers.length);
  const byTask = Map.groupBy(answers.keys(), (i) => answers[i]!.task);
  for (const [task, rows] of byTask) {
    const random = rng(1, "number folds", task);
    const from = random.int(folds);
    random.shuffle(rows).forEach((i, k) => (out[i] = (from + k) % folds));
  }
  return out;
}
/** log density of Student's t with 3 degrees of freedom: one answer that is far off says little, whoever explains it. */
const logT3 = (gap: number, variance: number): number =>
  Math.log(2 / (Math.PI * Math.sqrt(3))) -
  Math.log(variance) / 2 -
  2 * Math.log1p(gap ** 2 / (3 * variance));

/**
 * Mean of -log density of answers held out, each once: chooses between the methods without knowing any truth. Each method
 * names truths from the answers kept; how far to which side of them each person usually is, is measured alike for all
 * methods; then the answers held out are looked for there. A truth that one person's unit has pulled away is far from
 * where everybody else's answers are, and loses.
 */
export function heldOutDensity(name: string, all: readonly NumberAnswer[], folds = 5): number {
  const answers = onceEach(all);
  const fold = foldsOf(answers, folds);
  const ordinary = ordinaryVariance(answers) || least(answers);
  let [sum, n] = [0, 0];
  for (let f = 0; f < folds; f++) {
    const kept = answers.filter((_, i) => fold[i] !== f);
    if (!kept.length || kept.length === answers.length) continue;
    const { tasks } = numberMethods[name]!.infer(kept);
    const persons = people(kept, (task) => tasks.get(task)!.value);
    const middle = median(kept.map((a) => a.value));
    const wide = spreadAround(
      kept.map((a) => a.value),
      middle,
    );
    answers.forEach((a, i) => {
      if (fold[i] !== f) return;
      const at = tasks.get(a.task);
      const p = persons.get(a.worker);
      const variance = (at ? 0 : wide ** 2) + (p ? shrunk(p, ordinary) : ordinary);
      n++;
      sum -= logT3(a.value - (at?.value ?? middle) - (p?.bias ?? 0), variance);
    });
  }
  return n ? sum / n : Number.NaN; // of one answer none can be held out
}
