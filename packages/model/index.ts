/** One client for every language model: OpenAI-compatible endpoints and checkpoints on this machine. */
export { ModelConfig, ModelsConfig, modelsFile, readModels } from "./config.ts";
export type { TokenLogprob } from "./endpoint.ts";
export type { Engine, EnginePart, EngineRequest } from "./local.ts";
export {
  type CallOptions,
  ModelError,
  type Models,
  type ModelState,
  openModels,
  placeOf,
  type Reply,
} from "./models.ts";
export { type ModelUse, modelUse } from "./use.ts";
