/** Every shape that crosses a boundary. Knows nothing else. */
export * from "./answer.ts";
export * from "./assign.ts";
export * from "./desk.ts";
export * from "./errors.ts";
export * from "./ids.ts";
export * from "./job.ts";
export * from "./lab.ts";
export * from "./people.ts";
export * from "./prompt.ts";
export * from "./quality.ts";
export * from "./rng.ts";
export * from "./simulate-view.ts";
export * from "./statistics.ts";
export * from "./task.ts";
export * from "./trace.ts";
export * from "./trace-view.ts";
export * from "./work.ts";
