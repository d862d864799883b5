/**
 * The weights of a Hugging Face folder: one model.safetensors, or shards with an index beside them; and the
 * names other libraries give the same tensors, brought to one. What the folder holds is compared with what config.json
 * asks for by the headers alone; only then has any tensor memory.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { layoutOf, type ModelShape } from "./architectures.ts";
import { bytesOf, type Content, hashing } from "./files.ts";
import { damaged, jsonOf, readPart } from "./parts.ts";
import {
  type Dtype,
  type Entry,
  SafetensorsFile,
  safetensorsPieces,
  type TensorData,
  type TensorMap,
  widthOf,
} from "./safetensors.ts";
import { paramSpecs } from "./transformer.ts";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const Index = z.looseObject({ weight_map: z.record(z.string(), z.string()) });
export const sha256 = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");

export interface Weights {
  /** the file or index, for messages */
  readonly file: string;
  /** sha256 of the one file, or of the shards' hashes in order of name */
  readonly id: string;
  /** by our names */
  readonly tensors: Map<string, TensorData>;
  /** names of tensors that are in the files and in no sum: buffers, heads of other libraries */
  readonly unused: readonly string[];
}
export interface ReadWeights {
  /** memory for a tensor by our name; default: its own */
  readonly place?: (name: string, shape: readonly number[]) => Float32Array;
  /** bytes in one read */
  readonly chunk?: number;
}

/** The files with the weights, in order of name, and which tensors each is asked for (all: no index). */
async function shardsOf(
  dir: string,
): Promise<{ file: string; shards: string[]; places: ReadonlyMap<string, string> | undefined }> {
  const single = path.join(dir, SINGLE);
  const index = path.join(dir, INDEX);
  if (existsSync(single) || !existsSync(index))
    return { file: single, shards: [single], places: undefined };
  const found = Index.safeParse(jsonOf(index, await readPart(index)));
  if (!found.success) throw damaged(index, "it has no weight_map", found.error);
  const places = new Map(Object.entries(found.data.weight_map));
  const names = [...new Set(places.values())].sort();
  const outside = names.find((n) => path.basename(n) !== n || /[\\/]|^\.*$/.test(n));
  if (outside !== undefined) throw damaged(index, `it points outside the folder (${outside})`);
  return { file: index, shards: names.map((n) => path.join(dir, n)), places };
}

/** Reads the folder's tensors that a model of this shape has into float32, with a scalar head or a classifier's. */
export async function readWeights(
  dir: string,
  c: ModelShape,
  o: ReadWeights = {},
): Promise<Weights> {
  const { file, shards, places } = await shardsOf(dir);
  await using stack = new AsyncDisposableStack();
  const opened: SafetensorsFile[] = [];
  for (const shard of shards) opened.push(stack.use(await SafetensorsFile.open(shard)));
  const found = new Set(opened.flatMap((f) => f.header.entries.map((e) => e.name)));
  for (const [name, shard] of places ?? [])
    if (!found.has(name)) throw damaged(file, `tensor ${name} is not in ${shard}`);
  const asked = (f: SafetensorsFile, { name }: Entry) =>
    !places || places.get(name) === path.basename(f.file);

  const plan = planned(
    c,
    file,
    opened.flatMap((f) => f.header.entries.filter((e) => asked(f, e))),
  );
  const tensors = new Map<string, TensorData>();
  const hashes: string[] = [];
  for (const f of opened) {
    const hash = createHash("sha256");
    await f.read(
      (entry) => {
        const name = asked(f, entry) ? plan.wanted.get(entry.name) : undefined;
        if (name === undefined) return undefined;
        // a scalar head is (1, d) in transformers' files, (d, 1) in our old ones
        const shape = name === "score.weight" ? [1, c.width] : entry.shape;
        const own = () => new Float32Array(shape.reduce((a, b) => a * b, 1));
        const data = name === plan.copy ? own() : (o.place?.(name, shape) ?? own());
        tensors.set(name, { shape, data });
        return data;
      },
      { hash, ...(o.chunk && { chunk: o.chunk }) },
    );
    hashes.push(hash.digest("hex"));
  }
  if (plan.copy) checkCopy(c, file, tensors, plan.copy);
  const id = places ? sha256(hashes.join("")) : hashes[0]!;
  return { file, id, tensors: inOrder(c, tensors), unused: plan.unused };
}

/** A tied head's copy in the file must be the embedding; another matrix there is another model. */
function checkCopy(
  c: ModelShape,
  file: string,
  tensors: Map<string, TensorData>,
  head: string,
): void {
  const [a, b] = [head, layoutOf(c).embed].map((name) => tensors.get(name)!);
  tensors.delete(head);
  if (Buffer.compare(bytesOf(a!.data), bytesOf(b!.data)) === 0) return;
  throw new TillerError(
    "bad_config",
    `${file}: ${head} differs from ${layoutOf(c).embed}, but config.json ties them. Set "tie_word_embeddings": false to use both.`,
  );
}

/** In the order of the model's parameters, heads after them. */
function inOrder(c: ModelShape, tensors: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
  const out = new Map(paramSpecs(c).map(({ name }) => [name, tensors.get(name)!]));
  for (const [name, tensor] of tensors) out.set(name, tensor);
  return out;
}

/** Heads of ours and of transformers' classifiers; the others are of no use to a language model. */
const heads = /^(score|classifier)\.(weight|bias)$/;

/**
 * What each tensor in the files is: ours by another name (a prefix that some libraries add is taken off), a head, or of no
 * use (masks and tables of old files, whatever their type). A weight that config.json says nothing of is an error: the
 * model was made with a sum that would not be computed here.
 */
function planned(
  c: ModelShape,
  file: string,
  entries: readonly Entry[],
): { wanted: Map<string, string>; copy: string | undefined; unused: string[] } {
  const names = layoutOf(c);
  const prefix = names.optionalPrefix;
  const specs = new Map(paramSpecs(c).map((s) => [s.name, s.shape]));
  const wanted = new Map<string, string>();
  const shapes = new Map<string, readonly number[]>();
  const unused: string[] = [];
  let copy: string | undefined;
  for (const { name, shape, dtype } of entries) {
    const plain = prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const tied = c.tied && plain === names.head;
    if (names.ignore.test(plain) || !(specs.has(plain) || heads.test(plain) || tied)) {
      if (!names.ignore.test(plain) && /\.\d+\./.test(plain) && /^B?F\d/.test(dtype))
        throw new TillerError(
          "unsupported_model",
          `${file} has the weights ${name} (${shape}), which ${c.layout} with this config.json does not have. Correct config.json (layers, biases, norms), or choose another model.`,
        );
      unused.push(name);
      continue;
    }
    if (shapes.has(plain)) throw damaged(file, `it has ${plain} with and without ${prefix}`);
    if (tied) copy = plain;
    shapes.set(plain, shape);
    wanted.set(name, plain);
  }
  if (copy !== undefined && !shapes.has(names.embed)) {
    // of two names of one matrix, safetensors kept the head's
    const named = [...wanted].find(([, plain]) => plain === copy)![0];
    shapes.set(names.embed, shapes.get(copy)!);
    shapes.delete(copy);
    wanted.set(named, names.embed);
    copy = undefined;
  }
  for (const [name, shape] of specs) {
    const has = shapes.get(name);
    if (!has) throw damaged(file, `it has no tensor ${name}, which config.json asks for`);
    if (has.join() !== shape.join())
      throw damaged(file, `${name} has shape (${has}), config.json says (${shape})`);
  }
  const score = shapes.get("score.weight");
  if (score && [...score].sort((a, b) => a - b).join() !== [1, c.width].join())
    throw new TillerError(
      "unsupported_model",
      `${file}: score.weight is (${score}); a head of one score, (1,${c.width}), can be read. Choose a reward model with num_labels 1.`,
    );
  const embedding = [c.vocab, c.width].join();
  if (copy && shapes.get(copy)!.join() !== embedding)
    throw damaged(file, `${copy} has shape (${shapes.get(copy)}), config.json says (${embedding})`);
  return { wanted, copy, unused };
}

/** A file to be written, and what it hashes to once its content has been taken. */
interface NewFile {
  readonly name: string;
  readonly content: Content;
}

/**
 * The files of these weights: one, or shards of at most `shardBytes` and their index. `id` is the one that `readWeights`
 * gives them; it stands when all their content has been taken.
 */
export function weightFiles(
  tensors: TensorMap,
  o: { readonly dtype: Dtype; readonly shardBytes: number; readonly chunk?: number },
): { readonly id: () => string; readonly files: readonly NewFile[] } {
  const bytes = ({ shape }: TensorData) => shape.reduce((a, b) => a * b, 1) * widthOf[o.dtype];
  const parts: [string, TensorData][][] = [];
  let size = Infinity;
  for (const [name, t] of tensors) {
    if (size + bytes(t) > o.shardBytes) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)!.push([name, t]);
    size += bytes(t);
  }
  if (!parts.length) parts.push([]);
  const hashes = parts.map(() => createHash("sha256"));
  const content = parts.map((part, i) =>
    hashing(safetensorsPieces(new Map(part), { ...o, metadata: { format: "pt" } }), hashes[i]!),
  );
  if (parts.length === 1)
    return {
      id: () => hashes[0]!.copy().digest("hex"),
      files: [{ name: SINGLE, content: content[0]! }],
    };
  const number = (i: number) => String(i).padStart(5, "0");
  const nameOf = (i: number) => `model-${number(i + 1)}-of-${number(parts.length)}.safetensors`;
  const index = {
    metadata: { total_size: [...tensors.values()].reduce((n, t) => n + bytes(t), 0) },
    weight_map: Object.fromEntries(
      parts.flatMap((part, i) => part.map(([name]) => [name, nameOf(i)])),
    ),
  };
  return {
    id: () => sha256(hashes.map((h) => h.copy().digest("hex")).join("")),
    files: [
      ...content.map((pieces, i) => ({ name: nameOf(i), content: pieces })),
      { name: INDEX, content: `${JSON.stringify(index, null, 2)}\n` },
    ],
  };
}
