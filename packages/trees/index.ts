/** Trees of summaries that people and policies write together: nodes in the database, and what they are asked. */
export { askPeople, askPolicy, treeId, write } from "./ask.ts";
export { anew, applyEdit, previewEdit, runOf, stopTree } from "./edit.ts";
export { forecastTree } from "./forecast.ts";
export { judgment, judgmentsOf, writeJudgments } from "./judgments.ts";
export { chooseNodes, JudgedNode, pairsOf, stages, writeSamples } from "./judging.ts";
export { listTrees, treeDetail, treeNodes } from "./pages.ts";
export { Round, type Written } from "./round.ts";
export {
  createTree,
  endTree,
  headOf,
  readTree,
  treeAgents,
  writeMarks,
  writeTrouble,
} from "./rows.ts";
export { untilChanged } from "./watch.ts";
