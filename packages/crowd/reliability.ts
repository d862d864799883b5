/**
 * How reliable each person is by any method's posterior, with an interval; and what that makes their answers weigh.
 * Nothing is deleted: a careless person's answer stays, and weighs little.
 */
import { betaInterval, type Estimate } from "./statistics.ts";
import { type Label, labelTable, type LabelTable } from "./labels.ts";
import { type MethodName, methods } from "./truth.ts";

/** Jeffreys' prior on being right. */
const PRIOR = 0.5;

/** Of a person's answers: how many, how many name the true class in all likelihood, and the variance of that. */
export interface Evidence {
  readonly n: number;
  readonly right: number;
  readonly doubt: number;
}
export function estimateOf({ n, right, doubt }: Evidence): Estimate {
  const all = n + 2 * PRIOR;
  const at = (right + PRIOR) / all;
  const variance = (at * (1 - at)) / (all + 1) + doubt / all ** 2;
  const size = Math.max(1e-3, (at * (1 - at)) / variance - 1);
  return { at, ...betaInterval(at * size, (1 - at) * size), n };
}

/**
 * Fraction of a person's answers that name the true class, the truth being known only as `posterior`. The interval is that
 * of a Beta matched to two sources of doubt: few answers, and truths that are themselves unsure. By fractions of votes
 * (majority, Wawa) the posterior is no probability of truth, and the figure is agreement with the votes, own included.
 */
export function reliabilities(t: LabelTable, posterior: Float64Array): Map<string, Estimate> {
  const K = t.labels.length;
  const [n, right, doubt] = [0, 0, 0].map(() => new Float64Array(t.workers.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let i = 0; i < t.tasks.length; i++)
    for (let r = t.start[i]; r < t.start[i + 1]; r++) {
      const p = posterior[i * K + t.label[r]];
      n[t.worker[r]]++;
      right[t.worker[r]] += p;
      doubt[t.worker[r]] += p * (1 - p);
    }
  return new Map(
    t.workers.map((name, w): [string, Estimate] => [
      name,
      estimateOf({ n: n[w], right: right[w], doubt: doubt[w] }),
    ]),
  );
}

/** Answers of the worst still weigh a twentieth of the best's. */
const LEAST = 0.05;
/**
 * What an answer of a person this reliable weighs, between 0.05 and 1: its log-odds against guessing among `classes`,
 * which is its vote under the one-coin model, relative to somebody right 19 times of 20.
 */
export function weightOf(reliability: number, classes = 2): number {
  const odds = (p: number) => Math.log((p / (1 - p)) * Math.max(1, classes - 1));
  const p = Math.min(0.999, Math.max(0.001, reliability));
  return Math.min(1, Math.max(LEAST, odds(p) / odds(0.95)));
}

/** The weight of every answer, in the order given; none is left out. Reliabilities by `method`, shrunk for the new. */
export function weightsOf(
  answers: readonly Label[],
  o: { method?: MethodName } = {},
): { weights: number[]; reliability: Map<string, Estimate> } {
  if (!answers.length) return { weights: [], reliability: new Map() };
  const t = labelTable(answers);
  const reliability = reliabilities(t, methods[o.method ?? "one-coin"].infer(t).posterior);
  const K = t.labels.length;
  const weight = new Map(
    [...reliability].map(([worker, { at, n }]) => {
      const shrunk = (at * n + MIDDLE.right) / (n + MIDDLE.right + MIDDLE.wrong);
      return [worker, weightOf(shrunk, K)];
    }),
  );
  return { weights: answers.map((a) => weight.get(a.worker)!), reliability };
}
/** Taken to have been seen of everyone beforehand: a person's first answers neither count in full nor for nothing. */
const MIDDLE = { right: 4, wrong: 2 };
