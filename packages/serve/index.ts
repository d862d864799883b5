/** Serving: one process a checkpoint, batches of requests that join and leave, and the models a server offers. */
export * from "./engine.ts";
export { SamplerPool } from "./sampler.ts";
export * from "./sampler-messages.ts";
export * from "./completions.ts";
