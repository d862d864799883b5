/** Models from elsewhere: a Hugging Face folder, GGUF, llama2.c's .bin. One reader a kind; all end as a checkpoint folder. */
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import type { ModelConfig } from "./architectures.ts";
import { type CheckpointMeta, loadCheckpoint } from "./checkpoint.ts";
import { ggufFile } from "./gguf.ts";
import { readGguf } from "./gguf-model.ts";
import { readLlama2c, readLlama2cTokenizer } from "./llama2c.ts";
import { isAdapter, loadMerged } from "./peft.ts";
import type { TensorMap } from "./safetensors.ts";
import { readPart } from "./parts.ts";

export interface ImportedModel {
  readonly config: ModelConfig;
  readonly tensors: TensorMap;
  /** the parsed tokenizer.json */
  readonly tokenizer: unknown;
  readonly chatFiles?: Readonly<Record<string, string>>;
  /** of a folder: what kind of model it is, and how a reward model's scores are read */
  readonly meta?: CheckpointMeta;
}

/** Reads the model at `source`; llama2.c keeps its tokenizer in a file of its own, PEFT's adapters are added to a base. */
export async function importModel(
  source: string,
  o: { readonly tokenizer?: string; readonly base?: string } = {},
): Promise<ImportedModel> {
  if (!existsSync(source))
    throw new TillerError("not_found", `there is no ${source}. Check the path.`);
  if (o.base !== undefined) {
    if (isAdapter(source)) return loadMerged(source, o.base);
    throw new TillerError(
      "bad_command",
      `${source} is no folder with an adapter_config.json, so --base says nothing. Leave it out.`,
    );
  }
  if (statSync(source).isDirectory()) return loadCheckpoint(source);
  if (source.endsWith(".gguf")) {
    using opened = ggufFile(source);
    return readGguf(opened, source);
  }
  if (!source.endsWith(".bin"))
    throw new TillerError(
      "unknown_format",
      `${path.basename(source)}: a folder in Hugging Face's layout, a .gguf, or a .bin of llama2.c can be imported. Convert it first.`,
    );
  if (!o.tokenizer)
    throw new TillerError(
      "no_tokenizer",
      `${path.basename(source)} holds no tokenizer. Give llama2.c's tokenizer file with --tokenizer.`,
    );
  const { config, tensors } = await readLlama2c(source);
  const vocab = Number(config["vocab_size"]);
  const tokenizer = readLlama2cTokenizer(await readPart(o.tokenizer), vocab, o.tokenizer);
  return { config, tensors, tokenizer };
}
