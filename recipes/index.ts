/** All ready-made workflows, as a server registers them. */
import type { WorkflowDef } from "@tiller/flow";
import { roomWorkflow } from "@tiller/sitting";
import type { TaskDef } from "@tiller/task";
import { amplify } from "./amplify.ts";
import { comparison } from "./better-continuations/comparison.ts";
import { betterContinuations } from "./better-continuations/experiment.ts";
import { bookLoop, bookRound } from "./book-loop.ts";
import { nodeCompared } from "./book-loop/asked.ts";
import { checkBook, checkNode } from "./check-book.ts";
import { comparedOversight } from "./compare-oversight.ts";
import { factoredEvaluation, factoredTree } from "./factored-evaluation.ts";
import { feedbackRound, iteratedFeedback } from "./iterated-feedback.ts";
import { judgeAgain, roomJudged } from "./judge-again.ts";
import { roomVerdict } from "./oversight/room-verdict.ts";
import { judgeBook, judgeNode } from "./judge-book.ts";
import { judgedRoom } from "./oversight/seated.ts";
import { plantedFlaw, plantedFlaws } from "./planted-flaws.ts";
import { processLabels } from "./process-labels.ts";
import { readingStudy, readQuestion } from "./reading-study.ts";
import { reviewDisagreements, reviewSplit } from "./review-disagreements.ts";
import { sandwiched, sandwiching } from "./sandwiching.ts";
import { readNode, secondReader } from "./second-reader.ts";
import { summariseBook } from "./summarise-book.ts";
import { treeDatasets } from "./tree-datasets.ts";

export const recipes: readonly WorkflowDef<any, any>[] = [
  betterContinuations,
  readingStudy,
  readQuestion,
  iteratedFeedback,
  feedbackRound,
  amplify,
  reviewDisagreements,
  reviewSplit,
  factoredEvaluation,
  factoredTree,
  processLabels,
  plantedFlaws,
  plantedFlaw,
  sandwiching,
  sandwiched,
  judgeAgain,
  roomJudged,
  comparedOversight,
  judgedRoom,
  roomWorkflow,
  summariseBook,
  judgeBook,
  secondReader,
  readNode,
  judgeNode,
  treeDatasets,
  bookLoop,
  bookRound,
  nodeCompared,
  checkBook,
  checkNode,
];

/** The kinds of work of their own that they ask people for. */
export const recipeTasks: readonly TaskDef[] = [comparison, roomVerdict];
