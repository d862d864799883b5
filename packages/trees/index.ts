/** Trees of summaries that people and policies write together: nodes in the database, and what they are asked. */
export { askPeople, askPolicy, drawn, treeId, write } from "./ask.ts";
export { type Because, besideOf, createBeside, writeBecause } from "./beside.ts";
export { compareTrees, treesBeside } from "./compare.ts";
export { anew, applyEdit, previewEdit, runOf, stopTree } from "./edit.ts";
export { exportTree, importTree, treeFileOf } from "./file-db.ts";
export { forecastTree } from "./forecast.ts";
export { judgment, judgmentsOf, type NewJudgment, writeJudgments } from "./judgments.ts";
export {
  chooseAsks,
  chooseNodes,
  type ChosenNode,
  JudgedNode,
  pairsOf,
  stages,
  writeAnswer,
  writeSamples,
} from "./judging.ts";
export {
  ages,
  type Compared,
  type Demonstrated,
  keepPrompt,
  labelsOf,
  treePairsOf,
  wordsOf,
} from "./labels.ts";
export { takeLate } from "./late.ts";
export { judgedOf, judgeFromPage, treeNodePage, treeTask } from "./node-page.ts";
export { listTrees, treeDetail, treeNodes } from "./pages.ts";
export { ReadNode, reviseNode, takeOver, writtenNodes } from "./reading.ts";
export { policyName } from "./plan.ts";
export { Round, type Written } from "./round.ts";
export {
  createTree,
  endTree,
  headOf,
  readTree,
  settlePolicy,
  treeAgents,
  writeMarks,
  writeTrouble,
} from "./rows.ts";
export {
  CheckedNode,
  chooseChecked,
  claimPerSentence,
  errorsBySentence,
  fromDesk,
  modelCoherence,
  modelSplits,
  modelVerdicts,
  sentencesIn,
} from "./checks.ts";
export { askTree, forecastQuestion, questionsOf } from "./questions.ts";
export { treeScore, treeVerdicts } from "./score.ts";
export { TreeFile } from "./tree-file.ts";
export { rowsOf } from "./tree-rows.ts";
export { untilChanged } from "./watch.ts";
