/** Who gets what work, agreement, aggregation, quality: pure functions over rows. */
export { type Answer, dawidSkene, majority } from "./dawid-skene.ts";
export * from "./pairs.ts";
export { flagRaters } from "./quality.ts";
export * from "./simulate.ts";
export { comparison } from "./tasks/comparison.ts";
export { hiddenTaste } from "./taste.ts";
