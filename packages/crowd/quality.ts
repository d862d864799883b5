/** How each rater does: reliability, agreement, side bias, speed, and a flag that says who needs a talk. */
import { type Judgment, largest, type RaterRow, smallest } from "@tiller/schema";
import { aggregatePairs, lastOfEach, type PairLabels } from "./pairs.ts";

/** Fewer answers than this say nothing about a person. */
const ENOUGH = 25;
/** Careless: even the upper end of the interval is near coin-tossing. Watch: clearly under the group's middle. */
const CARELESS_BELOW = 0.62;

export function flagRaters(
  given: readonly Judgment[],
  labels: PairLabels = aggregatePairs(given),
): RaterRow[] {
  const judgments = lastOfEach(given);
  const byTask = Map.groupBy(judgments, (j) => j.task);
  const all = [...labels.raters.values()].map((r) => r.reliability).toSorted((a, b) => a - b);
  const middle = all[Math.floor(all.length / 2)] ?? 0.5;
  return [...Map.groupBy(judgments, (j) => j.rater)]
    .map(([rater, mine]): RaterRow => {
      const r = labels.raters.get(rater);
      const sided = mine.filter((j) => j.choice !== "tie");
      const left = sided.filter((j) => (j.choice === "a") !== j.swap).length;
      const shared = mine.flatMap((j) => {
        const others = byTask.get(j.task)!.filter((o) => o.rater !== rater);
        const top = majorityOf(others.map((o) => o.choice));
        return top === undefined ? [] : [top === j.choice ? 1 : 0];
      });
      const seconds = mine.map((j) => j.activeSeconds).toSorted((a, b) => a - b);
      const times = mine.map((j) => Date.parse(j.at));
      const hours = (largest(times) - smallest(times)) / 3_600_000;
      const few = mine.length < ENOUGH;
      return {
        rater,
        pseudonym: mine[0]!.pseudonym,
        simulated: false,
        answers: mine.length,
        perHour: hours > 0 ? mine.length / hours : null,
        medianSeconds: seconds[Math.floor(seconds.length / 2)] ?? null,
        agreement:
          shared.length >= 10 ? shared.reduce((a: number, b) => a + b, 0) / shared.length : null,
        reliability: r?.reliability ?? null,
        reliabilityLow: r?.low ?? null,
        reliabilityHigh: r?.high ?? null,
        sideBias: sided.length >= 10 ? left / sided.length : null,
        flag:
          few || !r
            ? "new"
            : r.high < CARELESS_BELOW
              ? "careless"
              : r.high < middle
                ? "watch"
                : "ok",
      };
    })
    .toSorted((a, b) => b.answers - a.answers);
}

/** The choice that more others made than any other; undefined when they split or are fewer than two. */
function majorityOf(choices: readonly string[]): string | undefined {
  if (choices.length < 2) return undefined;
  const counts = [...Map.groupBy(choices, (c) => c)]
    .map(([c, xs]) => [c, xs.length] as const)
    .toSorted((a, b) => b[1] - a[1]);
  return counts.length > 1 && counts[0]![1] === counts[1]![1] ? undefined : counts[0]![0];
}
