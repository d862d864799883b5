/** From judgments to models: formulas, and one flat file an algorithm. */
export { estimate, EstimateOptions, measureSteps } from "./estimate.ts";
export { evaluateJob } from "./evaluate.ts";
export * from "./formulas.ts";
export { loadModel, type Model } from "./model.ts";
export { Continuation } from "./rollout.ts";
export { PpoConfig, ppoJob } from "./ppo.ts";
export { PretrainConfig, pretrainJob } from "./pretrain.ts";
export { RewardConfig, rewardJob } from "./reward.ts";
export { sampleJob } from "./sample.ts";
export {
  comparisonLoss,
  nextTokenLoss,
  nextTokens,
  type Row,
  rowsAt,
  rowsIn,
  weightOf,
} from "./losses.ts";
export { rateAt, Schedule } from "./schedules.ts";
export { type Batch, bucket, type Field, tokens } from "./batch.ts";
export { type Forward, type Loss, type StepOptions } from "./step.ts";
export { Trainer } from "./trainer.ts";
