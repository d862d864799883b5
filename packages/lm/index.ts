/** Tokenizers, the transformer, checkpoints, sampling with a KV cache. */
export {
  gpt2Config,
  ModelConfig,
  type ModelShape,
  type ParamSpec,
  shapeOf,
} from "./architectures.ts";
export { type TokenizerJson, trainBpe } from "./bpe.ts";
export {
  type ChatMessage,
  type ChatTemplate,
  chatTemplate,
  endTokens,
  loadChatTemplate,
  plainChat,
  plainChatStop,
} from "./chat-template.ts";
export * from "./checkpoint.ts";
export * from "./draw.ts";
export { Grammar, type GrammarState, TokenBytes, TokenGrammar } from "./grammar.ts";
export { jsonGrammar } from "./json-schema.ts";
export { askedBits } from "./eight-bits.ts";
export { ggufContent, writeGguf } from "./gguf-model.ts";
export { pullModel } from "./hub.ts";
export { decodeAfter, encodeAfter, encodePrompt, type Prompt } from "./prompt.ts";
export { importModel } from "./import.ts";
export { addLora, type LoraOptions, loraSpecs, mergedWeight } from "./lora.ts";
export { writeFileSafely } from "./files.ts";
export { type NewAdapter, saveAdapter } from "./peft.ts";
export * from "./safetensors.ts";
export * from "./sampler.ts";
export * from "./text.ts";
export { loadTokenizer, type Tokenizer, loadTokenizerJson } from "./tokenizer.ts";
export * from "./transformer.ts";
export { perplexity, type Perplexity } from "./perplexity.ts";
