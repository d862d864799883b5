/**
 * How each rater does: the one reliability of a person, over all kinds of work, that every page shows. People and simulated
 * raters are judged apart: neither is the measure of the other.
 */
import { raterRows } from "@tiller/crowd";
import type { RaterRow } from "@tiller/schema";
import type { Db } from "@tiller/store";
import { lastAnswers } from "./closed.ts";

/** Answers of each person that count, the last ones. */
const LAST = 1000;

export async function everyRater(db: Db): Promise<RaterRow[]> {
  const answers = await lastAnswers(db, LAST);
  return [true, false].flatMap((simulated) =>
    raterRows(answers.filter((a) => a.simulated === simulated)),
  );
}
