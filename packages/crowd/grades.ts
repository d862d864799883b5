/**
 * Votes as what a likelihood learns from: the side alone, with ties (Davidson 1970), or with how much better (proportional
 * odds). Which of them a file's votes call for is what they say: strengths where there are several, ties where there are any.
 */
import type { GradedPair, LabelledPair } from "@tiller/schema";
import type { RatedPair, TrainingLabels, Vote } from "./comparisons.ts";
import { quantile } from "./statistics.ts";

type PairLikelihood = "sides" | "davidson" | "ordinal";
/** More levels of strength than this a side are joined to thirds. */
const MOST = 3;

function likelihoodOf(pairs: readonly RatedPair[]): PairLikelihood {
  const votes = pairs.flatMap((p) => p.votes);
  const strengths = new Set(votes.flatMap((v) => v.strength ?? []));
  if (strengths.size > 1) return "ordinal";
  return votes.some((v) => v.choice === "tie") ? "davidson" : "sides";
}

/** Strengths as levels from 0: each its own where there are few, else thirds of the votes. */
function levels(votes: readonly Vote[]): { count: number; of: (strength: number) => number } {
  const said = Float64Array.from(votes.flatMap((v) => v.strength ?? [])).sort();
  const names = [...new Set(said)];
  if (names.length <= MOST) return { count: names.length, of: (s) => names.indexOf(s) };
  const cuts = [1 / 3, 2 / 3].map((q) => quantile(said, q));
  return { count: MOST, of: (s) => cuts.filter((c) => s > c).length };
}

/**
 * Shares of ordered outcomes, from "a is much better" to "b is much better", the middle one a tie where any vote is one. A vote
 * that does not say how much is spread over the levels as those are that do.
 */
function gradesOf(
  pairs: readonly RatedPair[],
  likelihood: Exclude<PairLikelihood, "sides">,
  weightOf: (v: Vote) => number = (v) => v.weight,
): number[][] {
  const votes = pairs.flatMap((p) => p.votes);
  const ties = Number(likelihood === "davidson" || votes.some((v) => v.choice === "tie"));
  const { count, of } = likelihood === "davidson" ? { count: 1, of: () => 0 } : levels(votes);
  const usual = new Float64Array(count);
  for (const v of votes) if (v.strength !== undefined) usual[of(v.strength)] += v.weight;
  const total = usual.reduce((a, b) => a + b, 0);
  return pairs.map((p) => {
    const grades = new Array<number>(2 * count + ties).fill(0);
    for (const v of p.votes) {
      const w = weightOf(v);
      const add = (level: number, by: number) => {
        const at = v.choice === "a" ? count - 1 - level : count + ties + level;
        grades[at]! += by;
      };
      if (v.choice === "tie") grades[count]! += w;
      else if (v.strength !== undefined) add(of(v.strength), w);
      else for (let k = 0; k < count; k++) add(k, total ? (w * usual[k]) / total : w / count);
    }
    return grades;
  });
}

/** Rows that a reward model trains on, by the likelihood that they call for. */
export type TrainingRows =
  | { readonly likelihood: "sides"; readonly rows: LabelledPair[] }
  | { readonly likelihood: "davidson" | "ordinal"; readonly rows: GradedPair[] };
/** What quality knows is in them: posteriors and weights by how reliable each voter is. */
export function trainingRows(
  pairs: readonly RatedPair[],
  { labels, weightOf }: TrainingLabels,
  likelihood = likelihoodOf(pairs),
): TrainingRows {
  const kept = [...pairs.keys()].filter((i) => labels[i]!.weight > 0);
  const texts = (i: number) => ({ passage: pairs[i]!.prompt, a: pairs[i]!.a, b: pairs[i]!.b });
  if (likelihood === "sides")
    return {
      likelihood,
      rows: kept.map((i) => ({
        task: `${i}`,
        ...texts(i),
        pB: labels[i]!.pB,
        weight: labels[i]!.weight,
        judgments: [],
      })),
    };
  const grades = gradesOf(pairs, likelihood, weightOf);
  return {
    likelihood,
    rows: kept.map((i) => ({ ...texts(i), grades: grades[i]!, weight: labels[i]!.weight })),
  };
}
