/** One client for every language model: OpenAI-compatible endpoints and checkpoints on this machine. */
export { ModelsConfig, modelsFile, readModels } from "./config.ts";
export type { TokenLogprob } from "./endpoint.ts";
export type { Engine, EnginePart, EngineRequest } from "./local.ts";
export {
  type CallOptions,
  ModelError,
  type ModelClient,
  openModelClient,
  type Reply,
} from "./client.ts";
export { busyModels } from "./states.ts";
export { modelPage, modelUse } from "./use.ts";
