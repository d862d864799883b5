/** Who gets what work, agreement, aggregation, quality: pure functions over rows. */
export { chooseMethod } from "./choose.ts";
export { labelTable } from "./labels.ts";
export * from "./pairs.ts";
export { flagRaters } from "./quality.ts";
export { weightsOf } from "./reliability.ts";
export { overview, type QualityData, raterReport, study } from "./report.ts";
export * from "./simulate.ts";
export * from "./tasks/aggregate.ts";
export * from "./tasks/index.ts";
export { previewOf } from "./tasks/preview.ts";
export { scoreAgainst } from "./score.ts";
export { hiddenTaste } from "./taste.ts";
export { type MethodName, methods } from "./truth.ts";
