/** All ready-made workflows, as a server registers them. */
import type { WorkflowDef } from "@tiller/flow";
import { amplify } from "./amplify.ts";
import { betterContinuations } from "./better-continuations.ts";
import { feedbackRound, iteratedFeedback } from "./iterated-feedback.ts";
import { readingStudy, readQuestion } from "./reading-study.ts";
import { reviewDisagreements, reviewSplit } from "./review-disagreements.ts";

export const recipes: readonly WorkflowDef<any, any>[] = [
  betterContinuations,
  readingStudy,
  readQuestion,
  iteratedFeedback,
  feedbackRound,
  amplify,
  reviewDisagreements,
  reviewSplit,
];
