/**
 * The weights of a Hugging Face folder: one model.safetensors, or shards with an index beside them; and the
 * names other libraries give the same tensors, brought to one.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { layoutOf, type ModelShape } from "./architectures.ts";
import {
  decodeSafetensors,
  type Dtype,
  encodeSafetensors,
  type TensorData,
  type TensorMap,
} from "./safetensors.ts";
import { paramSpecs } from "./transformer.ts";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const Index = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");
export const damaged = (file: string, what: string, cause?: unknown): TillerError =>
  new TillerError(
    "damaged_checkpoint",
    `${file} is damaged: ${what}. Restore the folder from a copy or make the checkpoint again.`,
    { cause },
  );
/** The bytes of a file of a checkpoint; one that cannot be read is damage. */
export async function readPart(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw damaged(file, `it cannot be read (${code ?? message})`, cause);
  }
}

export interface Weights {
  /** the file or index, for messages */
  readonly file: string;
  /** sha256 of the one file, or of the shards' hashes in order of name */
  readonly id: string;
  readonly tensors: Map<string, TensorData>;
}

/** Reads every tensor of the folder into float32. */
export async function readWeights(dir: string): Promise<Weights> {
  const single = path.join(dir, SINGLE);
  const index = path.join(dir, INDEX);
  if (existsSync(single) || !existsSync(index)) {
    const bytes = await readPart(single);
    return { file: single, id: sha256(bytes), tensors: decodeSafetensors(bytes, single).tensors };
  }
  const found = Index.safeParse(jsonOf(index, await readPart(index)));
  if (!found.success) throw damaged(index, "it has no weight_map", found.error);
  const places = found.data.weight_map;
  const shards = [...new Set(Object.values(places))].sort();
  const tensors = new Map<string, TensorData>();
  const hashes: string[] = [];
  for (const shard of shards) {
    if (path.basename(shard) !== shard)
      throw damaged(index, `it points outside the folder (${shard})`);
    const file = path.join(dir, shard);
    const bytes = await readPart(file);
    hashes.push(sha256(bytes));
    for (const [name, tensor] of decodeSafetensors(bytes, file).tensors)
      if (places[name] === shard) tensors.set(name, tensor);
  }
  const lost = Object.keys(places).find((name) => !tensors.has(name));
  if (lost) throw damaged(index, `tensor ${lost} is not in ${places[lost]}`);
  return { file: index, id: sha256(hashes.join("")), tensors };
}

/** The files of these weights: one, or shards of at most `shardBytes` and their index; with the id that `readWeights` gives them. */
export function encodeWeights(
  tensors: TensorMap,
  dtype: Dtype,
  shardBytes: number,
): { id: string; files: Map<string, Uint8Array | string> } {
  const bytesOf = ({ data }: TensorData) => data.length * (dtype === "F32" ? 4 : 2);
  const parts: Map<string, TensorData>[] = [];
  let size = Infinity;
  for (const [name, t] of tensors) {
    if (size + bytesOf(t) > shardBytes) {
      parts.push(new Map());
      size = 0;
    }
    parts.at(-1)!.set(name, t);
    size += bytesOf(t);
  }
  const encode = (part: TensorMap) =>
    encodeSafetensors(part, { dtype, metadata: { format: "pt" } });
  if (parts.length <= 1) {
    const bytes = encode(tensors);
    return { id: sha256(bytes), files: new Map([[SINGLE, bytes]]) };
  }
  const number = (i: number) => String(i).padStart(5, "0");
  const nameOf = (i: number) => `model-${number(i + 1)}-of-${number(parts.length)}.safetensors`;
  const encoded = parts.map(encode);
  const index = {
    metadata: { total_size: [...tensors.values()].reduce((n, t) => n + bytesOf(t), 0) },
    weight_map: Object.fromEntries(
      parts.flatMap((part, i) => [...part.keys()].map((name) => [name, nameOf(i)])),
    ),
  };
  return {
    id: sha256(encoded.map(sha256).join("")),
    files: new Map<string, Uint8Array | string>([
      ...encoded.map((bytes, i) => [nameOf(i), bytes] as const),
      [INDEX, `${JSON.stringify(index, null, 2)}\n`],
    ]),
  };
}

export function jsonOf(file: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw damaged(file, "it is no JSON", cause);
  }
}

/**
 * The tensors under our names, each checked against the shape config.json asks for. A prefix that some
 * libraries add is taken off, buffers of old files and the copy of a tied head are left out; tensors the
 * language model does not know (a reward head) stay.
 */
export function namedWeights(c: ModelShape, { file, tensors }: Weights): Map<string, TensorData> {
  const names = layoutOf(c);
  const prefix = names.optionalPrefix;
  const out = new Map<string, TensorData>();
  for (const [name, tensor] of tensors) {
    const plain = prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (names.ignore.test(plain) || (c.tied && plain === names.head)) continue;
    out.set(plain, tensor);
  }
  const fault = mismatch(c, out);
  if (fault) throw damaged(file, fault);
  return out;
}

function mismatch(c: ModelShape, tensors: TensorMap): string | undefined {
  for (const { name, shape } of paramSpecs(c)) {
    const found = tensors.get(name)?.shape;
    if (!found) return `it has no tensor ${name}, which config.json asks for`;
    if (found.join() !== shape.join())
      return `${name} has shape (${found}), config.json says (${shape})`;
  }
  return undefined;
}
