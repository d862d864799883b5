/** Who gets what work, agreement, aggregation, quality: pure functions over rows. */
export { accuracyEffects } from "./accuracy-effects.ts";
export { agreementWithin } from "./agreement.ts";
export * from "./active-choice.ts";
export { alertsOf } from "./alerts.ts";
export { scoreIntervals } from "./bradley-terry-intervals.ts";
export { chooseMethod } from "./choose.ts";
export { clusteredMean, comparisonFolds, type Folds } from "./comparison-folds.ts";
export * from "./comparisons.ts";
export { comparePairModels } from "./compare-models.ts";
export * from "./feature-reward.ts";
export { availableTo, completion, forecast, pace, type Queues } from "./forecast.ts";
export * from "./label-forecast.ts";
export { trainingRows, type TrainingRows } from "./grades.ts";
export { labelTable } from "./labels.ts";
export * from "./learning-curve.ts";
export { heldOutRaters } from "./held-out-raters.ts";
export { linearReward } from "./linear-reward.ts";
export { heldOutDensity, numberMethods, onceEach, scoreNumbers } from "./numbers.ts";
export * from "./next-task.ts";
export * from "./paired.ts";
export * from "./pairs.ts";
export {
  type CredenceScore,
  isRight,
  judgesReport,
  type JudgesReport,
  type Verdict,
} from "./credences.ts";
export { learnFrom, type Learnt, readyDelegationRules, wantedAfter } from "./delegation.ts";
export { backtest } from "./delegation-backtest.ts";
export { flagRaters, raterRows } from "./quality.ts";
export { estimateOf, weightsOf } from "./reliability.ts";
export { overview, type QualityData, raterReport, study } from "./report.ts";
export * from "./simulate.ts";
export * from "./tasks/aggregate.ts";
export * from "./tasks/index.ts";
export { previewOf } from "./tasks/preview.ts";
export { raterEffects } from "./rater-effects.ts";
export { rewardTable, type RewardTable } from "./reward-table.ts";
export { screening } from "./screening.ts";
export { scoreAgainst } from "./score.ts";
export { standingOf } from "./standing.ts";
export { streaming, type Streaming } from "./streaming.ts";
export { dawidSkene, type MethodName, methods } from "./truth.ts";
