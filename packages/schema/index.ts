/** Every shape that crosses a boundary. Knows nothing else. */
export * from "./errors.ts";
export * from "./ids.ts";
export * from "./job.ts";
export * from "./lab.ts";
export * from "./rng.ts";
export * from "./work.ts";
