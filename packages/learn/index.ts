/** From judgments to models: formulas, and one flat file an algorithm. */
export { DpoConfig, dpoJob } from "./dpo.ts";
export { estimate, EstimateOptions, measureSteps } from "./estimate.ts";
export { evaluateJob } from "./evaluate.ts";
export * from "./formulas.ts";
export { GrpoConfig, grpoJob } from "./grpo.ts";
export { IpoConfig, ipoJob } from "./ipo.ts";
export { KtoConfig, ktoJob } from "./kto.ts";
export { loadModel, loadReward, type Model } from "./model.ts";
export { OrpoConfig, orpoJob } from "./orpo.ts";
export { Continuation } from "./rollout.ts";
export * from "./overoptimisation.ts";
export { PpoConfig, ppoJob } from "./ppo.ts";
export { ppoAs } from "./ppo-as.ts";
export { PretrainConfig, pretrainJob } from "./pretrain.ts";
export { ReinforcePlusPlusConfig, reinforcePlusPlusJob } from "./reinforce-plus-plus.ts";
export { RewardConfig, rewardJob } from "./reward.ts";
export { RlooConfig, rlooJob } from "./rloo.ts";
export { RobustDpoConfig, robustDpoJob } from "./robust-dpo.ts";
export { sampleJob } from "./sample.ts";
export { SftConfig, sftJob } from "./sft.ts";
export { scoredRows, scoreJob } from "./score-job.ts";
export { SimpoConfig, simpoJob } from "./simpo.ts";
export {
  comparisonLoss,
  nextTokenLoss,
  nextTokens,
  type Row,
  rowsAt,
  rowsIn,
  weightOf,
} from "./losses.ts";
export { BestOfNConfig, bestOfNJob } from "./best-of-n.ts";
export { BestOfNDistillationConfig, bestOfNDistillationJob } from "./best-of-n-distillation.ts";
export { ExpertIterationConfig, expertIterationJob } from "./expert-iteration.ts";
export { GradedRewardConfig, gradedRewardJob } from "./graded-reward.ts";
export { RankingRewardConfig, rankingRewardJob } from "./ranking-reward.ts";
export { asSteps } from "./marked.ts";
export { asPair, encodePairs } from "./pairs.ts";
export { keptBack } from "./reward-run.ts";
export { saveRewardHead } from "./reward-head.ts";
export { type PromptedText, rewardTexts, summedFeatures, textFeatures } from "./score-texts.ts";
export { StepRewardConfig, stepRewardJob } from "./step-reward.ts";
export { WeakToStrongConfig, weakToStrongJob } from "./weak-to-strong.ts";
export { type Method, methods, tiers } from "./methods.ts";
export { rateAt, Schedule } from "./schedules.ts";
export { type Batch, bucket, type Field, tokens } from "./batch.ts";
export { type Forward, type Loss, type StepOptions } from "./step.ts";
export { Trainer } from "./trainer.ts";
