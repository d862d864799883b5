/**
 * A checkpoint folder in Hugging Face's layout, model.safetensors + config.json + tokenizer.json, and our
 * tiller.json beside them: what it is, where it comes from, and its id, the sha256 of the weights file.
 * The folder is written beside its place and renamed, so there is never half a checkpoint.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import {
  decodeSafetensors,
  diskError,
  type Dtype,
  encodeSafetensors,
  flushFolder,
  type TensorData,
  type TensorMap,
  writeFlushed,
} from "./safetensors.ts";

export const ModelConfig = z.looseObject({
  architectures: z.array(z.string()).default(["GPT2LMHeadModel"]),
  model_type: z.literal("gpt2").default("gpt2"),
  n_layer: z.int().positive(),
  n_head: z.int().positive(),
  n_embd: z.int().positive(),
  n_positions: z.int().positive(),
  vocab_size: z.int().positive(),
  activation_function: z.string().default("gelu"),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  tie_word_embeddings: z.literal(true).default(true),
});
export type ModelConfig = z.infer<typeof ModelConfig>;

export const CheckpointMeta = z.looseObject({
  id: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("sha256 of model.safetensors"),
  kind: z.enum(["lm", "reward", "policy"]),
  parent: z.string().nullable().describe("id of the checkpoint it started from"),
  metrics: z.record(z.string(), z.number()),
  config: z.record(z.string(), z.unknown()).describe("what made it"),
});
export type CheckpointMeta = z.infer<typeof CheckpointMeta>;

export interface NewCheckpointParts {
  /** what the transformer needs; the rest of config.json is filled in */
  readonly config: Pick<
    ModelConfig,
    "n_layer" | "n_head" | "n_embd" | "n_positions" | "vocab_size"
  >;
  readonly tensors: TensorMap;
  /** the parsed tokenizer.json */
  readonly tokenizer: unknown;
  readonly meta: {
    readonly kind: CheckpointMeta["kind"];
    readonly parent?: string | null;
    readonly metrics?: Readonly<Record<string, number>>;
    readonly config?: Readonly<Record<string, unknown>>;
  };
}

export interface LoadedCheckpoint {
  readonly config: ModelConfig;
  readonly tensors: Map<string, TensorData>;
  readonly tokenizer: unknown;
  readonly meta: CheckpointMeta;
}

/** Writes one file and flushes it; a test passes another to play a full disk. */
type Write = (file: string, bytes: Uint8Array | string) => Promise<void>;

export async function saveCheckpoint(
  dir: string,
  parts: NewCheckpointParts,
  options: { readonly dtype?: Dtype; readonly write?: Write } = {},
): Promise<CheckpointMeta> {
  const write = options.write ?? writeFlushed;
  const target = path.resolve(dir);
  const beside = `${target}.tmp`;
  const old = `${target}.old`;
  const weights = encodeSafetensors(parts.tensors, {
    dtype: options.dtype,
    metadata: { format: "pt" },
  });
  const { kind, parent = null, metrics = {}, config = {} } = parts.meta;
  const meta = CheckpointMeta.parse({ id: sha256(weights), kind, parent, metrics, config });
  try {
    await recover(target);
    await rm(beside, { recursive: true, force: true });
    await mkdir(beside, { recursive: true });
    await write(path.join(beside, "model.safetensors"), weights);
    await write(path.join(beside, "config.json"), pretty(ModelConfig.parse(parts.config)));
    await write(path.join(beside, "tokenizer.json"), `${JSON.stringify(parts.tokenizer)}\n`);
    await write(path.join(beside, "tiller.json"), pretty(meta));
    await flushFolder(beside);
    const replaced = await moved(target, old);
    try {
      await rename(beside, target);
    } catch (cause) {
      if (replaced) await rename(old, target);
      throw cause;
    }
    await flushFolder(path.dirname(target));
    await rm(old, { recursive: true, force: true });
    return meta;
  } catch (cause) {
    await rm(beside, { recursive: true, force: true });
    throw diskError(target, cause);
  }
}

/** Reads and checks a checkpoint: files, JSON, tensors' bounds, shapes against config.json, the hash. */
export async function loadCheckpoint(dir: string): Promise<LoadedCheckpoint> {
  const file = path.join(dir, "model.safetensors");
  await recover(path.resolve(dir));
  const weights = await read(file);
  const meta = parsed(
    CheckpointMeta,
    dir,
    "tiller.json",
    await read(path.join(dir, "tiller.json")),
  );
  const config = parsed(ModelConfig, dir, "config.json", await read(path.join(dir, "config.json")));
  const tokenizer = parsed(
    z.looseObject({ model: z.unknown() }),
    dir,
    "tokenizer.json",
    await read(path.join(dir, "tokenizer.json")),
  );
  const { tensors } = decodeSafetensors(weights, file);
  const id = sha256(weights);
  if (id !== meta.id)
    throw damaged(file, `its hash is ${id.slice(0, 12)}, tiller.json says ${meta.id.slice(0, 12)}`);
  const embedding = tensors.get("wte.weight")?.shape;
  if (embedding?.[0] !== config.vocab_size || embedding[1] !== config.n_embd)
    throw damaged(
      file,
      `wte.weight has shape (${embedding ?? "none"}), config.json says (${config.vocab_size},${config.n_embd})`,
    );
  return { config, tensors, tokenizer, meta };
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

const damaged = (file: string, what: string, cause?: unknown) =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is damaged: ${what}. Restore the folder from a copy or make the checkpoint again.`,
    { cause },
  );

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw damaged(
      file,
      `it cannot be read (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`,
      cause,
    );
  }
}

function parsed<T>(schema: z.ZodType<T>, dir: string, name: string, bytes: Buffer): T {
  const file = path.join(dir, name);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (cause) {
    throw damaged(file, "it is no JSON", cause);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw damaged(
    file,
    `${issue?.path.join(".") || "its content"}: ${issue?.message ?? "unexpected"}`,
    result.error,
  );
}

/** Killed between the two renames of a save: the old folder goes back to its place. */
async function recover(target: string): Promise<void> {
  if (existsSync(target) || !existsSync(`${target}.old`)) return;
  await rename(`${target}.old`, target);
}

/** False when there is nothing to move. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rm(to, { recursive: true, force: true });
    await rename(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw cause;
  }
}
