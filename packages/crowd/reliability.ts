/**
 * How reliable each person is by any method's posterior, with an interval; and what that makes their answers weigh.
 * Nothing is deleted: a careless person's answer stays, and weighs little.
 */
import { betaInterval, type Estimate } from "./statistics.ts";
import { type Label, labelTable, type LabelTable } from "./labels.ts";
import { weightAfter } from "./one-coin.ts";
import { type MethodName, methods } from "./truth.ts";

/** Jeffreys' prior on being right, on either side. */
const JEFFREYS = 0.5;

/** Of a person's answers: how many, how many name the true class in all likelihood, and the variance of that. */
export interface Evidence {
  readonly n: number;
  readonly right: number;
  readonly doubt: number;
}
export function estimateOf({ n, right, doubt }: Evidence): Estimate {
  const all = n + 2 * JEFFREYS;
  const at = (right + JEFFREYS) / all;
  const variance = (at * (1 - at)) / (all + 1) + doubt / all ** 2;
  const size = Math.max(1e-3, (at * (1 - at)) / variance - 1);
  return { at, ...betaInterval(at * size, (1 - at) * size), n };
}

/**
 * Fraction of a person's answers that name the true class, the truth being known only as `posterior`. The interval is that
 * of a Beta matched to two sources of doubt: few answers, and truths that are themselves unsure. By fractions of votes
 * (majority, Wawa) the posterior is no probability of truth, and the figure is agreement with the votes, own included.
 */
export const reliabilities = (t: LabelTable, posterior: Float64Array): Map<string, Estimate> =>
  new Map([...evidences(t, posterior)].map(([worker, e]) => [worker, estimateOf(e)]));

export function evidences(t: LabelTable, posterior: Float64Array): Map<string, Evidence> {
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
    t.workers.map((name, w): [string, Evidence] => [
      name,
      { n: n[w]!, right: right[w]!, doubt: doubt[w]! },
    ]),
  );
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
  const weight = new Map([...reliability].map(([worker, e]) => [worker, weightAfter(e, K)]));
  return { weights: answers.map((a) => weight.get(a.worker)!), reliability };
}
