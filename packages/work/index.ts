/** People's work: desks, claims, rules, quality, pay; who gets what and what it is worth. */
export * from "./batches.ts";
export * from "./control.ts";
export { boundTime } from "./claim.ts";
export { namedAnswers, ratedAnswers } from "./closed.ts";
export * from "./desk.ts";
export { forecastQueues, previewMove } from "./forecast.ts";
export * from "./feedback.ts";
export * from "./gold.ts";
export * from "./invitations.ts";
export * from "./joining.ts";
export { judgedPairs } from "./judged-pairs.ts";
export * from "./kinds.ts";
export * from "./ledger.ts";
export * from "./own-work.ts";
export * from "./delegation.ts";
export * from "./project-results.ts";
export * from "./project-review.ts";
export * from "./project-settings.ts";
export * from "./projects.ts";
export * from "./quality.ts";
export { openQueues } from "./queue-forecast.ts";
export {
  addRule,
  endRule,
  listGroups,
  listRoster,
  listRules,
  listWorkers,
  moveWork,
  setGroup,
  setLanguages,
  setPaused,
  setPriority,
  setQualification,
  setRoster,
  workEvents,
} from "./rules.ts";
export { ownAnswers, seenAnswer } from "./seen.ts";
export { peekTask, takeLease } from "./take.ts";
export { batchAnswers } from "./ticks.ts";
export * from "./work.ts";
