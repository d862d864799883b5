/** The lab's tables: experiments, runs, metrics, samples, datasets, checkpoints, reports; artefacts by id. */
export * from "./artefacts.ts";
export * from "./lab.ts";
