/** The ready-made kinds of work, and the check of an answer by the code of its kind. */
import { type Draft, problemsOf, type TaskDef } from "@tiller/schema";
import { claimVote } from "./claim-vote.ts";
import { compareThree } from "./compare-three.ts";
import { comparison } from "./comparison.ts";
import { conversationRating } from "./conversation-rating.ts";
import { conversationReply } from "./conversation-reply.ts";
import { credence } from "./credence.ts";
import { critique } from "./critique.ts";
import { demonstration } from "./demonstration.ts";
import { discussion, ruling } from "./discussion.ts";
import { edit } from "./edit.ts";
import { forcedComparison } from "./forced-comparison.ts";
import { freeForm } from "./free-form.ts";
import { gradedComparison } from "./graded-comparison.ts";
import { highlight } from "./highlight.ts";
import { judgeAnswers } from "./judge-answers.ts";
import { likert } from "./likert.ts";
import { naiveImpression } from "./naive-impression.ts";
import { questionAnswer } from "./question-answer.ts";
import { ranking } from "./ranking.ts";
import { respond } from "./respond.ts";
import { stepLabels } from "./step-labels.ts";
import { linesOf, subquestions } from "./subquestions.ts";

const all: readonly TaskDef[] = [
  comparison,
  gradedComparison,
  forcedComparison,
  compareThree,
  likert,
  ranking,
  demonstration,
  edit,
  questionAnswer,
  highlight,
  critique,
  stepLabels,
  credence,
  naiveImpression,
  conversationReply,
  conversationRating,
  freeForm,
  judgeAnswers,
  subquestions,
  respond,
  claimVote,
  discussion,
  ruling,
];

export {
  claimVote,
  compareThree,
  comparison,
  conversationRating,
  conversationReply,
  credence,
  critique,
  demonstration,
  discussion,
  edit,
  forcedComparison,
  freeForm,
  gradedComparison,
  highlight,
  judgeAnswers,
  likert,
  linesOf,
  naiveImpression,
  questionAnswer,
  ranking,
  respond,
  ruling,
  stepLabels,
  subquestions,
};

export const keyOf = (d: { name: string; version: string }): string => `${d.name}@${d.version}`;
/** By name@version. */
export const taskTypes: ReadonlyMap<string, TaskDef> = new Map(all.map((d) => [keyOf(d), d]));

/** All that is wrong with an answer, in words, by its view and its own check; empty: it is right. */
export function problemsWith(def: TaskDef, input: unknown, value: unknown): string[] {
  const problems = problemsOf(def.view, input, value as Draft);
  const own = problems.length ? undefined : def.check?.(input, value);
  return own ? [own] : problems;
}
/** The same for a kind by name; empty too where this server does not have its code. */
export function checkAnswer(
  type: string,
  version: string,
  input: unknown,
  value: unknown,
): string[] {
  const def = taskTypes.get(keyOf({ name: type, version }));
  return def ? problemsWith(def, input, value) : [];
}
