/**
 * A checkpoint is a folder in Hugging Face's layout: model.safetensors, config.json, tokenizer.json, and a
 * tiller.json with the id (SHA-256 of the weights file), kind, parent and metrics. Folders are written whole
 * and renamed into place.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import type { TokenizerJson } from "./bpe.ts";
import { encodeSafetensors, parseSafetensors, type TensorData, writeAtomically } from "./safetensors.ts";
import type { ModelShape } from "./transformer.ts";

const GptConfig = z.object({
  model_type: z.literal("gpt2"),
  n_layer: z.int().positive(),
  n_head: z.int().positive(),
  n_embd: z.int().positive(),
  n_positions: z.int().positive(),
  vocab_size: z.int().positive(),
});
export const CheckpointMeta = z.object({
  id: z.string(),
  kind: z.enum(["lm", "reward", "policy"]),
  parent: z.string().nullable(),
  metrics: z.record(z.string(), z.number()),
  config: z.record(z.string(), z.unknown()).optional(),
});
export type CheckpointMeta = z.infer<typeof CheckpointMeta>;

export interface CheckpointFolder {
  readonly config: ModelShape;
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly tokenizer: TokenizerJson;
  readonly meta: CheckpointMeta;
}

const sha256 = (parts: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

/** Writes a checkpoint and returns its id. Writing the same weights to the same place again changes nothing. */
export async function saveCheckpoint(
  dir: string,
  c: { config: ModelShape; tensors: ReadonlyMap<string, TensorData>; tokenizer: unknown; meta: Omit<CheckpointMeta, "id"> },
): Promise<{ id: string }> {
  const weights = encodeSafetensors(c.tensors, { format: "pt" });
  const id = sha256(weights);
  const json = (x: unknown) => [Buffer.from(`${JSON.stringify(x, null, 1)}\n`)];
  const config = {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    ...c.config,
    n_ctx: c.config.n_positions,
    activation_function: "gelu",
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
    bos_token_id: null,
    torch_dtype: "float32",
  };
  const temporary = `${dir}.${process.pid}.part`;
  await mkdir(path.dirname(dir), { recursive: true });
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary);
  try {
    await writeAtomically(path.join(temporary, "model.safetensors"), weights);
    await writeAtomically(path.join(temporary, "config.json"), json(config));
    await writeAtomically(path.join(temporary, "tokenizer.json"), [Buffer.from(JSON.stringify(c.tokenizer))]);
    await writeAtomically(path.join(temporary, "tiller.json"), json({ id, ...c.meta }));
    const old = `${dir}.${process.pid}.old`;
    await rename(dir, old).catch((e: NodeJS.ErrnoException) => {
      if (e.code !== "ENOENT") throw e;
    });
    await rename(temporary, dir);
    await rm(old, { recursive: true, force: true });
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw cause;
  }
  return { id };
}

/** Loads and checks a checkpoint folder. */
export async function loadCheckpoint(dir: string): Promise<CheckpointFolder> {
  const read = async (name: string) => {
    try {
      return await readFile(path.join(dir, name));
    } catch (cause) {
      throw new TillerError("damaged_checkpoint", `${path.join(dir, name)} cannot be read (${(cause as NodeJS.ErrnoException).code}). Give the folder of a whole checkpoint.`, { cause });
    }
  };
  const parse = async <T>(name: string, schema: z.ZodType<T>): Promise<T> => {
    const text = (await read(name)).toString("utf8");
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new TillerError("damaged_checkpoint", `${path.join(dir, name)} is damaged (${(cause as Error).message.split("\n")[0]}). Restore the folder from a copy.`, { cause });
    }
  };
  const config = await parse("config.json", GptConfig);
  const meta = await parse("tiller.json", CheckpointMeta);
  const tokenizer = await parse("tokenizer.json", z.custom<TokenizerJson>((x) => typeof x === "object" && x !== null && "model" in x));
  const file = path.join(dir, "model.safetensors");
  const bytes = await read("model.safetensors");
  const { tensors } = parseSafetensors(bytes, file);
  if (sha256([bytes]) !== meta.id) throw new TillerError("damaged_checkpoint", `${file} does not match the hash in tiller.json. Restore the folder from a copy.`);
  const { n_layer, n_head, n_embd, n_positions, vocab_size } = config;
  return { config: { n_layer, n_head, n_embd, n_positions, vocab_size }, tensors, tokenizer, meta };
}
