/** The architectures of GGUF files that are read and written, and what is said of the others. */
import { TillerError } from "@tiller/schema";

/** GGUF's `general.architecture` -> config.json's model_type. Mistral is written as llama. */
export const architectures = {
  llama: "llama",
  qwen2: "qwen2",
  qwen3: "qwen3",
  gpt2: "gpt2",
  gptneox: "gpt_neox",
} as const;
export type Architecture = keyof typeof architectures;

export const unsupported = (what: string) =>
  new TillerError(
    "unsupported_model",
    `${what}; GGUF files of ${Object.keys(architectures).join(", ")} can be read and written. Choose another model or format.`,
  );

export const uncomputed = (file: string, name: string, value: unknown) =>
  new TillerError(
    "unsupported_model",
    `${file} has ${name} ${JSON.stringify(value).slice(0, 200)}, which is not computed here. Choose another model or format.`,
  );
