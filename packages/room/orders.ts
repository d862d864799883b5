/**
 * What is drawn before a room opens: how the answers are listed, who argues for which, whom a judge sees first. Each has a
 * seed of its own, none is made from another (ConstitutionalDebate and llm_debate mixed them and lost half of an experiment).
 */
import { rng, TillerError } from "@tiller/schema";
import type { Open } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { picksSide, seatsOf } from "./state.ts";

export interface Question {
  readonly question: string;
  /** the right one first */
  readonly answers: readonly string[];
  readonly texts: Open["texts"];
}
export interface Seeds {
  readonly list: number;
  readonly sides: number;
  readonly first: number;
}

/** The opening move's act: two debaters get the right answer and a wrong one, a single one gets either. */
export function drawOpening(rules: Rules, question: Question, seeds: Seeds): Open {
  if (question.answers.length < 2)
    throw new TillerError("bad_question", "a question needs the right answer and a wrong one.");
  const listed = rng(seeds.list, "list of answers").shuffle(question.answers.map((_, i) => i));
  const debaters = seatsOf(rules, "debater");
  const drawn = rng(seeds.sides, "who argues for what");
  const order = drawn.shuffle([0, 1 + drawn.int(question.answers.length - 1)]);
  const assigned = debaters.filter((s) => !picksSide(rules, s));
  return {
    do: "open",
    question: question.question,
    answers: listed.map((i) => question.answers[i]!),
    truth: listed.indexOf(0),
    texts: [...question.texts],
    sides: Object.fromEntries(assigned.map((s, i) => [s, listed.indexOf(order[i % 2]!)])),
    first: rng(seeds.first, "whom a judge sees first").shuffle(debaters),
  };
}
