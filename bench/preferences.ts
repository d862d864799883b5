/**
 * A public set of people's comparisons (rewards/sets.ts) as what linear rewards learn from: texts by number, judgments between
 * them, and which pairs must be held out together. A set whose files are absent is left out and named.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import process from "node:process";
import { comparisonFolds, type Judged, ratedPairs, sharesOf } from "@tiller/crowd";
import { comparisonOf } from "@tiller/data";
import type { PromptedText } from "@tiller/learn";
import { textsOf } from "../recipes/rewards.ts";
import { rowsOf, scoresOf, setNames as all } from "./rewards/sets.ts";

export interface PreferenceSet {
  readonly name: string;
  readonly texts: readonly PromptedText[];
  /** one judgment of one person each, or of as many as its weight says */
  readonly judged: readonly Judged[];
  /** judgments of the same two texts as one: the part of them that chose b, and how many they are */
  readonly pairs: readonly Judged[];
  /** of each pair: the topics, prompts or texts that it is held out with */
  readonly units: readonly (readonly [number, number])[];
  /** people's score of each text, where the file has one */
  readonly gold?: Float64Array;
  /** of the texts and judgments: what is kept of a set is kept under it */
  readonly digest: string;
}
/** TILLER_DATA: where they lie, if not beside the repository. */
const data = process.env["TILLER_DATA"] ?? path.resolve(import.meta.dirname, "../../shared/data");
/** A hundred judgments by named writers are too few for a learning curve. */
export const setNames = all.filter((name) => name !== "writers-continuations");

/** A set, or nothing and a line that says so where its files are absent. */
export function preferenceSet(name: string): PreferenceSet | undefined {
  const rows = rowsOf(data, name);
  if (!rows) {
    console.error(`${name}: its files are absent (${data})`);
    return undefined;
  }
  const { pairs } = ratedPairs(rows.map((row, i) => comparisonOf(row, i + 1)));
  const { texts, sides } = textsOf(pairs);
  const score = { a: 0, tie: 0.5, b: 1 };
  const judged = pairs.flatMap((p, i) =>
    p.votes.map((v) => ({ ...sides[i]!, pB: score[v.choice], weight: v.weight })),
  );
  const together = pairs.map((p, i) => {
    const { a, tie, b } = sharesOf(p.votes);
    const weight = a + tie + b;
    return { ...sides[i]!, pB: (b + tie / 2) / weight, weight };
  });
  const scores = scoresOf(data, name);
  return {
    name,
    texts,
    judged,
    pairs: together,
    units: comparisonFolds(pairs).units,
    ...(scores && { gold: Float64Array.from(texts, (t) => scores.get(t.text)!) }),
    digest: createHash("sha256")
      .update(JSON.stringify([texts, judged]))
      .digest("hex")
      .slice(0, 12),
  };
}
