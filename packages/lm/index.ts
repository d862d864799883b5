/** Tokenizers, the transformer, checkpoints, sampling with a KV cache. */
export * from "./sampler.ts";
export * from "./transformer.ts";
