/** Answers in and out of files; tables of text for whoever reads or writes them. */
export { csvHeader, csvLine } from "./cells.ts";
export { exportAnswers, mimes } from "./export.ts";
export { importAnswers } from "./import.ts";
export { kindOfFile, readRows } from "./read.ts";
export { BadRow } from "./row.ts";
export { checkedAddress, parseAllowed } from "./addresses.ts";
export { type Mailer, noMail, openMailer } from "./mail.ts";
export { startWebhooks } from "./webhook-sender.ts";
export {
  createWebhook,
  listDeliveries,
  listWebhooks,
  redeliver,
  setWebhookEnabled,
} from "./webhooks.ts";
export { describeRows } from "./card.ts";
export { cardOf, overlapsOf, savedRows, sharedBetween, textsOf } from "./dataset-cards.ts";
export { datasetDesk, keepCards } from "./dataset-desk.ts";
export { datasetFromFile } from "./dataset-file.ts";
export {
  addFromFile,
  createFromFile,
  describeFile,
  type ItemFile,
  previewItems,
} from "./project-file.ts";
export { questionsBetween } from "./project-table.ts";
export { resultsDesk } from "./results-desk.ts";
export { changeKind } from "./project-kind.ts";
export { comparisonOf, type Comparisons, readComparisons } from "./comparisons.ts";
export { readText } from "./text-file.ts";
