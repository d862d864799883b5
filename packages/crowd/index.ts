/** Who gets what work, agreement, aggregation, quality: pure functions over rows. */
export { chooseMethod } from "./choose.ts";
export { labelTable } from "./labels.ts";
export * from "./pairs.ts";
export { flagRaters } from "./quality.ts";
export * from "./simulate.ts";
export { comparison } from "./tasks/comparison.ts";
export { scoreAgainst } from "./score.ts";
export { hiddenTaste } from "./taste.ts";
export { type MethodName, methods } from "./truth.ts";
