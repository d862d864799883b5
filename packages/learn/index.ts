/** From judgments to models: formulas, and one flat file an algorithm. */
export { evaluateJob } from "./evaluate.ts";
export * from "./formulas.ts";
export { Continuation, loadModel, type Model } from "./model.ts";
export { PpoConfig, ppoJob } from "./ppo.ts";
export { PretrainConfig, pretrainJob } from "./pretrain.ts";
export { RewardConfig, rewardJob } from "./reward.ts";
export { sampleJob } from "./sample.ts";
