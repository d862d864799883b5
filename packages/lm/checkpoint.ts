/**
 * A checkpoint folder in Hugging Face's layout, model.safetensors + config.json + tokenizer.json, and our
 * tiller.json beside them: what it is, where it comes from, and its id, the sha256 of the weights file.
 * The folder is written beside its place and renamed, so there is never half a checkpoint.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { ModelConfig, type ModelShape, shapeOf } from "./architectures.ts";
import { readChatFiles } from "./chat-template.ts";
import { completed, tokenizerConfig } from "./transformers-files.ts";
import { type Content, diskError, flushFolder, writeFlushed } from "./files.ts";
import type { Dtype, TensorData, TensorMap } from "./safetensors.ts";
import { CONFIG_LIMIT, damaged, jsonOf, readPart } from "./parts.ts";
import { type ReadWeights, readWeights, weightFiles } from "./weights.ts";

const CheckpointFields = z.looseObject({
  id: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("sha256 of model.safetensors, or of the hashes of its shards in order"),
  role: z
    .string()
    .min(1)
    .describe("what it is for: lm, policy, reward; another where a job says so"),
  parent: z.string().nullable().describe("id of the checkpoint it started from"),
  metrics: z.record(z.string(), z.number()),
  config: z.record(z.string(), z.unknown()).describe("what made it"),
  reward: z
    .strictObject({
      pooling: z
        .enum(["mean", "sum", "last"])
        .describe(
          "the score of a text: of its continuation's tokens on average, or added up, or of the last",
        ),
      bias: z.number().describe("added to every score; transformers' heads have none"),
    })
    .optional(),
});
/** tiller.json; older ones call the role a kind. */
export const CheckpointMeta = z.preprocess((v) => {
  if (typeof v !== "object" || v === null || "role" in v || !("kind" in v)) return v;
  const { kind: role, ...rest } = v;
  return { ...rest, role };
}, CheckpointFields);
export type CheckpointMeta = z.infer<typeof CheckpointFields>;

export interface NewCheckpointParts {
  /** config.json, as `gpt2Config` or a loaded checkpoint has it */
  readonly config: ModelConfig;
  readonly tensors: TensorMap;
  /** the parsed tokenizer.json */
  readonly tokenizer: unknown;
  /** the files that say how to chat with it, by name */
  readonly chatFiles?: Readonly<Record<string, string>> | undefined;
  readonly meta: {
    readonly role: string;
    readonly parent?: string | null;
    readonly metrics?: Readonly<Record<string, number>>;
    readonly config?: Readonly<Record<string, unknown>>;
    /** of a reward model; default: mean */
    readonly pooling?: "mean" | "sum" | "last";
  };
}

export interface LoadedCheckpoint {
  readonly config: ModelConfig;
  /** what config.json says, architecture by architecture brought to one form */
  readonly shape: ModelShape;
  readonly tensors: Map<string, TensorData>;
  readonly tokenizer: unknown;
  readonly chatFiles: Readonly<Record<string, string>>;
  readonly meta: CheckpointMeta;
  /** names of tensors in the folder that are in no sum: buffers, other libraries' heads */
  readonly unused: readonly string[];
}

/** Writes one file and flushes it; a test passes another to play a full disk. */
type Write = (file: string, content: Content) => Promise<void>;

export async function saveCheckpoint(
  dir: string,
  parts: NewCheckpointParts,
  options: {
    readonly dtype?: Dtype;
    /** weights above this many bytes are written as shards with an index */
    readonly shardBytes?: number;
    /** bytes in one write */
    readonly chunk?: number;
    readonly write?: Write;
  } = {},
): Promise<CheckpointMeta> {
  const write = options.write ?? writeFlushed;
  const target = path.resolve(dir);
  const own = randomUUID().slice(0, 8); // two may save under one name at once
  const beside = `${target}.${own}.tmp`;
  const { dtype = "F32", shardBytes = 5e9, chunk } = options;
  const tensors = new Map(parts.tensors);
  const bias = tensors.get("score.bias")?.data[0];
  tensors.delete("score.bias"); // stands in tiller.json: transformers' heads have none
  const weights = weightFiles(tensors, { dtype, shardBytes, ...(chunk && { chunk }) });
  const { role, parent = null, metrics = {}, config = {}, pooling = "mean" } = parts.meta;
  const reward = tensors.has("score.weight") ? { reward: { pooling, bias: bias ?? 0 } } : {};
  const written = completed(ModelConfig.parse(parts.config), parts.tokenizer, {
    reward: tensors.has("score.weight"),
  });
  try {
    await recover(target);
    await removeLeft(target);
    await mkdir(beside, { recursive: true });
    for (const { name, content } of weights.files) await write(path.join(beside, name), content);
    const meta = CheckpointMeta.parse({
      id: weights.id(),
      role,
      parent,
      metrics,
      config,
      ...reward,
    });
    await write(path.join(beside, "config.json"), pretty(written));
    await write(path.join(beside, "tokenizer.json"), `${JSON.stringify(parts.tokenizer)}\n`);
    const chatFiles = { ...tokenizerConfig(written, parts.tokenizer), ...parts.chatFiles };
    for (const [name, text] of Object.entries(chatFiles))
      await write(path.join(beside, name), text);
    await write(path.join(beside, "tiller.json"), pretty(meta));
    await flushFolder(beside);
    const replaced = await replace(target, beside, own);
    await flushFolder(path.dirname(target));
    for (const old of replaced) await rm(old, { recursive: true, force: true });
    return meta;
  } catch (cause) {
    await rm(beside, { recursive: true, force: true });
    throw diskError(target, cause);
  }
}

/**
 * Reads and checks a checkpoint: files, JSON, tensors' bounds, shapes against config.json, the hash. A folder of
 * Hugging Face's without our tiller.json is read as well; its id is then the hash of what is there.
 */
export async function loadCheckpoint(dir: string, o: ReadWeights = {}): Promise<LoadedCheckpoint> {
  await recover(path.resolve(dir));
  if (existsSync(path.join(dir, "adapter_config.json")))
    throw new TillerError(
      "adapter",
      `${dir} is an adapter of PEFT: parts to be added to a base model. Merge it: tiller model import ${dir} --base BASE --out DIR.`,
    );
  const at = (name: string) => path.join(dir, name);
  const config = await readConfig(at("config.json"));
  const shape = shapeOf(config);
  const tokenizer = parsed(
    z.looseObject({ model: z.unknown() }),
    at("tokenizer.json"),
    await readPart(at("tokenizer.json")),
  );
  const own = existsSync(at("tiller.json"))
    ? parsed(CheckpointMeta, at("tiller.json"), await readPart(at("tiller.json"), CONFIG_LIMIT))
    : undefined;
  const chatFiles = await readChatFiles(dir);
  const { id, file, tensors, unused } = await readWeights(dir, shape, o);
  if (own && own.id !== id)
    throw damaged(file, `its hash is ${id.slice(0, 12)}, tiller.json says ${own.id.slice(0, 12)}`);
  const scored = tensors.has("score.weight");
  const role = scored ? "reward" : "lm";
  const meta = own ?? {
    id,
    role,
    parent: null,
    metrics: {},
    config: {},
    ...(scored && { reward: { pooling: "last" as const, bias: 0 } }), // what transformers computes
  };
  if (scored && !tensors.has("score.bias")) {
    const data = o.place?.("score.bias", [1]) ?? new Float32Array(1);
    data[0] = meta.reward?.bias ?? 0;
    tensors.set("score.bias", { shape: [1], data });
  }
  return { config, shape, tensors, tokenizer, chatFiles, meta, unused };
}

/** What a checkpoint's folder says of itself; without our tiller.json all of it is read, for the hash. */
export async function checkpointMeta(dir: string): Promise<CheckpointMeta> {
  await recover(path.resolve(dir));
  const file = path.join(dir, "tiller.json");
  if (existsSync(file)) return parsed(CheckpointMeta, file, await readPart(file));
  return (await loadCheckpoint(dir)).meta;
}

/** A config.json on its own. */
export const readConfig = async (file: string): Promise<ModelConfig> =>
  parsed(ModelConfig, file, await readPart(file, CONFIG_LIMIT));

const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** JSON of a checkpoint's file by its schema. */
export function parsed<T>(schema: z.ZodType<T>, file: string, bytes: Buffer): T {
  const result = schema.safeParse(jsonOf(file, bytes));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw damaged(
    file,
    `${issue?.path.join(".") || "its content"}: ${issue?.message ?? "unexpected"}`,
    result.error,
  );
}

const codeOf = (e: unknown) => (e as NodeJS.ErrnoException).code;
/** Puts `beside` in the place of `target`; another save of the name, or a reader that recovers it, may be as quick. */
async function replace(target: string, beside: string, own: string): Promise<string[]> {
  const replaced: string[] = [];
  for (;;) {
    const old = `${target}.${own}-${replaced.length}.old`;
    if (await moved(target, old)) replaced.push(old);
    try {
      await rename(beside, target);
      return replaced;
    } catch (cause) {
      if (codeOf(cause) === "ENOTEMPTY" || codeOf(cause) === "EEXIST") continue;
      const last = replaced.at(-1);
      if (last) await rename(last, target).catch(() => {}); // a reader may have put it back
      throw cause;
    }
  }
}
/** False when there is nothing to move. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return false;
    throw cause;
  }
}

const BESIDE = /^\.([0-9a-f]{8}(-\d+)?\.)?(old|tmp)$/;
/** Folders beside a checkpoint that saves of it made, by how their names end. */
async function besides(target: string): Promise<{ old: string[]; tmp: string[] }> {
  const [folder, base] = [path.dirname(target), path.basename(target)];
  const names = (await readdir(folder).catch(() => [])).filter(
    (n) => n.startsWith(base) && BESIDE.test(n.slice(base.length)),
  );
  const ending = (end: string) =>
    names.filter((n) => n.endsWith(end)).map((n) => path.join(folder, n));
  return { old: ending(".old"), tmp: ending(".tmp") };
}
const changedAt = async (folder: string) =>
  (await stat(folder).catch(() => undefined))?.mtimeMs ?? 0;
/** Killed between the two renames of a save: the old folder, the last one there was, goes back to its place. */
async function recover(target: string): Promise<void> {
  if (existsSync(target)) return;
  const { old } = await besides(target);
  const times = await Promise.all(old.map(changedAt));
  const last = old[times.indexOf(Math.max(...times))];
  if (last !== undefined)
    await rename(last, target).catch((e: unknown) => {
      if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(String(codeOf(e)))) throw e; // a save put a newer one there
    });
}
const LEFT_MS = 86_400_000;
/** What killed saves left: half a checkpoint of a day ago or more, and what was replaced. */
async function removeLeft(target: string): Promise<void> {
  const { old, tmp } = await besides(target);
  for (const left of tmp)
    if (Date.now() - (await changedAt(left)) > LEFT_MS)
      await rm(left, { recursive: true, force: true });
  if (existsSync(target)) for (const left of old) await rm(left, { recursive: true, force: true });
}
