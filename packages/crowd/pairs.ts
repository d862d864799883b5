/**
 * From several people's comparisons to one label a pair, by how reliable each person is: the one-coin model of
 * Dawid and Skene 1979 (Zheng et al. 2017 call its relatives ZC) fitted by EM. Differences: a tie says nothing about
 * which side is better and leaves both likely; sides are symmetric, so the prior of "b is better" is 1/2; each
 * person's reliability has a Beta(4, 2) prior, which keeps a person with few answers near the middle.
 */

import type { Fit } from "./em.ts";

export interface PairJudgment {
  readonly task: string;
  readonly rater: string;
  readonly choice: "a" | "b" | "tie";
}
export interface Reliability {
  /** probability of the right side, given that the person chose one */
  readonly reliability: number;
  /** 95 % interval */
  readonly low: number;
  readonly high: number;
  readonly answers: number;
}
export interface PairLabels {
  /** how the fit ended; the objective is the log-likelihood plus the prior's logarithm */
  readonly fit: Fit;
  readonly pairs: ReadonlyMap<string, { pB: number; judgments: number }>;
  readonly raters: ReadonlyMap<string, Reliability>;
}

/** One judgment a person a pair, the last given: who is asked again speaks once, and does not agree with herself. */
export function lastOfEach<J extends PairJudgment>(judgments: readonly J[]): J[] {
  const last = new Map(judgments.map((j) => [`${j.task}\n${j.rater}`, j]));
  return last.size === judgments.length ? [...judgments] : [...last.values()];
}

const PRIOR = { right: 4, wrong: 2 };

export function aggregatePairs(
  given: readonly PairJudgment[],
  o: { iterations?: number } = {},
): PairLabels {
  const judgments = lastOfEach(given);
  const byTask = Map.groupBy(judgments, (j) => j.task);
  const byRater = Map.groupBy(judgments, (j) => j.rater);
  const reliability = new Map(
    [...byRater.keys()].map((r) => [r, PRIOR.right / (PRIOR.right + PRIOR.wrong)]),
  );
  const pB = new Map<string, number>();
  const right = new Map<string, number>();
  const objective: number[] = [];
  let converged = false;
  while (!converged && objective.length < (o.iterations ?? 1000)) {
    let value = 0;
    for (const [task, js] of byTask) {
      const logOdds = js.reduce(
        (sum, j) =>
          j.choice === "tie"
            ? sum
            : sum +
              (j.choice === "b" ? 1 : -1) *
                Math.log(reliability.get(j.rater)! / (1 - reliability.get(j.rater)!)),
        0,
      );
      pB.set(task, 1 / (1 + Math.exp(-logOdds)));
      // log(exp(forB) + exp(forA)), where both sum to what everyone's being right and wrong says
      const both = js.reduce((sum, j) => {
        const p = reliability.get(j.rater)!;
        return j.choice === "tie" ? sum : sum + Math.log(p * (1 - p));
      }, 0);
      value += both / 2 + Math.abs(logOdds) / 2 + Math.log1p(Math.exp(-Math.abs(logOdds)));
    }
    for (const p of reliability.values())
      value += (PRIOR.right - 1) * Math.log(p) + (PRIOR.wrong - 1) * Math.log(1 - p);
    objective.push(value);
    let change = 0;
    for (const [rater, js] of byRater) {
      const sided = js.filter((j) => j.choice !== "tie");
      const agreed = sided.reduce(
        (n, j) => n + (j.choice === "b" ? pB.get(j.task)! : 1 - pB.get(j.task)!),
        0,
      );
      const found = (agreed + PRIOR.right - 1) / (sided.length + PRIOR.right + PRIOR.wrong - 2);
      const next = Math.min(0.99, Math.max(0.01, found));
      change = Math.max(change, Math.abs(next - reliability.get(rater)!));
      reliability.set(rater, next);
      right.set(rater, agreed);
    }
    converged = change < 1e-6;
  }
  const raters = new Map(
    [...byRater].map(([rater, js]) => {
      const n = js.filter((j) => j.choice !== "tie").length + PRIOR.right + PRIOR.wrong;
      const p = (right.get(rater)! + PRIOR.right) / n;
      const half = 1.96 * Math.sqrt((p * (1 - p)) / (n + 1)); // of the Beta posterior, by its variance
      return [
        rater,
        {
          reliability: reliability.get(rater)!,
          low: Math.max(0, p - half),
          high: Math.min(1, p + half),
          answers: js.length,
        },
      ] as const;
    }),
  );
  return {
    fit: { converged, steps: objective.length, objective },
    pairs: new Map(
      [...byTask].map(([task, js]) => [task, { pB: pB.get(task)!, judgments: js.length }]),
    ),
    raters,
  };
}
