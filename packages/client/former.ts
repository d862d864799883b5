/** Methods under the names that they had before 27 November 2026; each is the method of today's name. */
import type { OperationName } from "@tiller/schema";

export const formerMethods = {
  /** @deprecated an execution of a workflow is an experiment: `startExperiment` */
  startRun: "startExperiment",
  /** @deprecated `forkExperiment` */
  forkRun: "forkExperiment",
  /** @deprecated `rewindExperiment` */
  rewindRun: "rewindExperiment",
  /** @deprecated `reaskExperiment` */
  reaskRun: "reaskExperiment",
  /** @deprecated `cancelExperiment` */
  cancelRun: "cancelExperiment",
  /** @deprecated `migrateExperiment` */
  migrateRun: "migrateExperiment",
  /** @deprecated `recordExperiment` */
  recordRun: "recordExperiment",
  /** @deprecated `tracedExperiment` */
  tracedRun: "tracedExperiment",
  /** @deprecated what delegates work is a rule: `listDelegationRules` */
  listPolicies: "listDelegationRules",
  /** @deprecated `saveDelegationRule` */
  savePolicy: "saveDelegationRule",
  /** @deprecated `backtestDelegationRule` */
  backtestPolicy: "backtestDelegationRule",
  /** @deprecated `setDelegationRuleState` */
  setPolicyState: "setDelegationRuleState",
  /** @deprecated `listQualificationTypes` */
  listProgrammes: "listQualificationTypes",
  /** @deprecated `saveQualificationType` */
  saveProgramme: "saveQualificationType",
  /** @deprecated `endQualificationType` */
  endProgramme: "endQualificationType",
} as const satisfies Record<string, OperationName>;
