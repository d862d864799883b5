/** How each rater does: reliability and the verdict on it, agreement, side bias, speed; of any kinds of work at once. */
import {
  type FieldAnswer,
  type Judgment,
  largest,
  raterBounds,
  type RaterRow,
  smallest,
} from "@tiller/schema";
import { exactFraction, median } from "./statistics.ts";
import { judge, namesSide, signsInWords, tooFastToRead, verdictWith } from "./verdict.ts";

/** Fewer shared answers, or choices of a side, than this say nothing of agreement or of the side. */
const FEW = raterBounds.named;

/** One row a person, the busiest first. */
export function raterRows(given: readonly FieldAnswer[]): RaterRow[] {
  const rows = [...new Map(given.map((r) => [`${r.task}\n${r.field}\n${r.person}`, r])).values()];
  const found = judge(rows);
  const byQuestion = Map.groupBy(rows, (r) => `${r.task}\n${r.field}`);
  return [...Map.groupBy(rows, (r) => r.person)]
    .map(([rater, mine]): RaterRow => {
      const answers = [...new Map(mine.map((r) => [r.task, r])).values()];
      const sided = mine.filter((r) => r.sides && namesSide(r.label));
      const left = sided.filter((r) => (r.label === "a") !== r.swap).length;
      const shared = mine.flatMap((r) => {
        if (r.label === null) return [];
        const others = byQuestion.get(`${r.task}\n${r.field}`)!.filter((o) => o.person !== rater);
        const top = majorityOf(others.flatMap((o) => o.label ?? []));
        return top === undefined ? [] : [top === r.label ? 1 : 0];
      });
      const times = answers.map((r) => Date.parse(r.at));
      const hours = (largest(times) - smallest(times)) / 3_600_000;
      const { reliability, verdict } = found.get(rater) ?? {};
      const signs = {
        left: sided.length ? exactFraction(left, sided.length) : null,
        fast: exactFraction(answers.filter(tooFastToRead).length, answers.length),
      };
      return {
        rater,
        pseudonym: mine[0]!.by,
        simulated: mine[0]!.simulated,
        answers: answers.length,
        perHour: hours > 0 ? answers.length / hours : null,
        medianSeconds: median(answers.map((r) => r.activeSeconds)),
        agreement:
          shared.length >= FEW ? shared.reduce((a: number, b) => a + b, 0) / shared.length : null,
        reliability: reliability?.at ?? null,
        reliabilityLow: reliability?.low ?? null,
        reliabilityHigh: reliability?.high ?? null,
        sideBias: sided.length >= FEW ? left / sided.length : null,
        fast: signs.fast.at,
        flag: verdictWith(verdict ?? "new", signs, answers.length),
        concerns: signsInWords(signs),
      };
    })
    .toSorted((a, b) => b.answers - a.answers);
}

/** The same of comparisons alone, as recipes have them. */
export const flagRaters = (given: readonly Judgment[]): RaterRow[] =>
  raterRows(
    given.map(({ choice, ...j }) => ({
      ...j,
      type: "comparison",
      field: "choice",
      sides: true,
      classes: 2,
      label: choice,
      simulated: false,
      characters: 0, // they say nothing of what there was to read
    })),
  );

/** The label that more others gave than any other; undefined when they split or are fewer than two. */
function majorityOf(labels: readonly string[]): string | undefined {
  if (labels.length < 2) return undefined;
  const counts = [...Map.groupBy(labels, (l) => l)]
    .map(([l, xs]) => [l, xs.length] as const)
    .toSorted((a, b) => b[1] - a[1]);
  return counts.length > 1 && counts[0]![1] === counts[1]![1] ? undefined : counts[0]![0];
}
