/** The ready-made kinds of work, and the code of a kind by its name. */
import { definedTask, keyOf, type TaskDef } from "@tiller/task";
import { claimVote } from "./claim-vote.ts";
import { compareThree } from "./compare-three.ts";
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
import {
  CLAIMS_A_TASK,
  claimLines,
  claimsOf,
  treeClaims,
  treeCoherence,
  treeVerdicts,
} from "./tree-claims.ts";
import { treeCheck, treeCompare, treeFeedback, treeReply } from "./tree-judging.ts";
import { treeAgain, treeSummary } from "./tree-summary.ts";

const all: readonly TaskDef[] = [
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
  treeSummary,
  treeAgain,
  treeCompare,
  treeFeedback,
  treeReply,
  treeCheck,
  treeClaims,
  treeVerdicts,
  treeCoherence,
];

export {
  CLAIMS_A_TASK,
  claimLines,
  claimsOf,
  claimVote,
  compareThree,
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
  treeAgain,
  treeCheck,
  treeClaims,
  treeCoherence,
  treeCompare,
  treeFeedback,
  treeReply,
  treeSummary,
  treeVerdicts,
};

/** By name@version. */
export const taskTypes: ReadonlyMap<string, TaskDef> = new Map(all.map((d) => [keyOf(d), d]));

/** The code of a kind by name@version: ready-made, or of a file that this process has loaded, as that of its workflows. */
export const taskNamed = (key: string): TaskDef | undefined =>
  taskTypes.get(key) ?? definedTask(key);
export const kindOf = (name: string, version: string): TaskDef | undefined =>
  taskNamed(keyOf({ name, version }));
