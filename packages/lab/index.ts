/** The lab's tables: experiments, runs, metrics, samples, datasets, checkpoints, reports; artefacts by id. */
export * from "./artefacts.ts";
export * from "./cards.ts";
export { getCheckpoint, listCheckpoints, saveCheckpointRow } from "./checkpoints.ts";
export { curvesOf, metricsCsv } from "./curves.ts";
export * from "./lab.ts";
export * from "./samples.ts";
export * from "./served.ts";
