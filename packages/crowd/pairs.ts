/**
 * From several people's comparisons to one label a pair: the one-coin model (one-coin.ts) on two classes. A tie says
 * nothing about which side is better: it is left out of the fit, and a pair of ties alone stays at one half.
 */
import type { Fit } from "./em.ts";
import { labelTable } from "./labels.ts";
import { oneCoin } from "./one-coin.ts";
import { reliabilities } from "./reliability.ts";
import type { Estimate } from "./statistics.ts";

export interface PairJudgment {
  readonly task: string;
  readonly person: string;
  readonly choice: "a" | "b" | "tie";
}
export interface PairLabels {
  /** how the fit ended; the objective is the log-likelihood plus the prior's logarithm */
  readonly fit: Fit;
  readonly pairs: ReadonlyMap<string, { pB: number; judgments: number }>;
  /** of those who chose a side: how often the right one; `n` are the choices */
  readonly raters: ReadonlyMap<string, Estimate>;
}

/** One judgment a person a pair, the last given: who is asked again speaks once, and does not agree with herself. */
export function lastOfEach<J extends PairJudgment>(judgments: readonly J[]): J[] {
  const last = new Map(judgments.map((j) => [`${j.task}\n${j.person}`, j]));
  return last.size === judgments.length ? [...judgments] : [...last.values()];
}

export function aggregatePairs(
  given: readonly PairJudgment[],
  o: { iterations?: number } = {},
): PairLabels {
  const judgments = lastOfEach(given);
  const t = labelTable(
    judgments
      .filter((j) => j.choice !== "tie")
      .map((j) => ({ task: j.task, worker: j.person, label: j.choice })),
    { labels: ["a", "b"] },
  );
  const { posterior, fit } = oneCoin(t, o);
  const pB = new Map(t.tasks.map((task, i) => [task, posterior[2 * i + 1]!]));
  return {
    fit,
    pairs: new Map(
      [...Map.groupBy(judgments, (j) => j.task)].map(([task, js]) => [
        task,
        { pB: pB.get(task) ?? 0.5, judgments: js.length },
      ]),
    ),
    raters: reliabilities(t, posterior),
  };
}
