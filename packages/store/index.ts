/** Postgres, blobs and what is in them. */
export { checkedAddress, parseAllowed } from "./addresses.ts";
export * from "./artefacts.ts";
export * from "./attempts.ts";
export * from "./audit.ts";
export { writeBackup } from "./backup.ts";
export * from "./batches.ts";
export * from "./completions.ts";
export * from "./blobs.ts";
export { canonical } from "./canonical.ts";
export * from "./control.ts";
export { boundTime } from "./claim.ts";
export * from "./desk.ts";
export { defaultHome } from "./embedded.ts";
export { whileFull, writeWhole } from "./files.ts";
export { forecastQueues, previewMove } from "./forecast.ts";
export * from "./feedback.ts";
export * from "./gold.ts";
export * from "./holds.ts";
export * from "./invitations.ts";
export * from "./executors.ts";
export { declareInputs, inputPath } from "./inputs.ts";
export * from "./joining.ts";
export * from "./lab.ts";
export { isLost, patient } from "./lost.ts";
export * from "./nodes.ts";
export * from "./ledger.ts";
export * from "./people.ts";
export { formerHomes, repathed } from "./moved-home.ts";
export * from "./places.ts";
export * from "./progress.ts";
export * from "./policies.ts";
export * from "./quality.ts";
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
export { restoreBackup } from "./restore.ts";
export * from "./spend.ts";
export { Db, type Sql, sql } from "./sql.ts";
export { openStore, type Store } from "./store.ts";
export * from "./trace.ts";
export * from "./trace-file.ts";
export { nodePart, resultText, runResult, type Whole } from "./trace-values.ts";
export * from "./triggers.ts";
export * from "./work.ts";
export { startWebhooks } from "./webhook-sender.ts";
export {
  createWebhook,
  listDeliveries,
  listWebhooks,
  redeliver,
  setWebhookEnabled,
} from "./webhooks.ts";
