/**
 * Adapters in PEFT's folders: adapter_config.json and adapter_model.safetensors. Read, they are merged into their base, in the
 * order PEFT does it: saved modules and biases take the base's place, then low-rank parts are added, then DoRA (Liu et al.
 * 2024) sets each output's length. Written, they are a trainer's adapters for PEFT to load beside the base.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { AdapterConfig, adapterScale, refuseAdapter } from "./adapter-config.ts";
import { layoutOf, type ModelConfig, type ModelShape, shapeOf } from "./architectures.ts";
import { readChatFiles } from "./chat-template.ts";
import {
  type CheckpointMeta,
  loadCheckpoint,
  type LoadedCheckpoint,
  parsed,
} from "./checkpoint.ts";
import { writeFileSafely } from "./files.ts";
import { addLowRank, linears, type LoraOptions, loraSpecs } from "./lora.ts";
import { SafetensorsFile, type TensorData, writeSafetensors } from "./safetensors.ts";
import { headSpecs, paramSpecs } from "./transformer.ts";
import { CONFIG_LIMIT, jsonOf, readPart } from "./parts.ts";

const CONFIG = "adapter_config.json";
const TENSORS = "adapter_model.safetensors";
const PREFIX = "base_model.model.";

export const isAdapter = (dir: string): boolean => existsSync(path.join(dir, CONFIG));

/** A parameter's or layer's name as the model class in transformers has it, and back. */
const theirs = (c: ModelShape, name: string): string => {
  if (name === "embed_out" || name === "embed_out.weight")
    return name.replace("embed_out", "lm_head");
  const prefix = layoutOf(c).optionalPrefix ?? "";
  return name.startsWith("lm_head") || name.startsWith("score") ? name : prefix + name;
};

interface LowRank {
  a?: TensorData;
  b?: TensorData;
  magnitude?: TensorData;
  /** a table of tokens: A is (rank, tokens), B (width, rank) */
  embedding?: boolean;
}
const parts: Readonly<Record<string, { part: "a" | "b" | "magnitude"; embedding?: true }>> = {
  "lora_A.weight": { part: "a" },
  "lora_B.weight": { part: "b" },
  lora_embedding_A: { part: "a", embedding: true },
  lora_embedding_B: { part: "b", embedding: true },
  lora_magnitude_vector: { part: "magnitude" },
};

/** The base with the adapter of `dir` in its weights; what the folder brings of tokenizer and templates outweighs the base's. */
export async function loadMerged(dir: string, base: string): Promise<LoadedCheckpoint> {
  if (isAdapter(base))
    throw new TillerError(
      "adapter",
      `${base} is an adapter itself. Merge it into its own base first, and name the merged folder as the base.`,
    );
  const at = (name: string) => path.join(dir, name);
  const config = parsed(AdapterConfig, at(CONFIG), await readPart(at(CONFIG), CONFIG_LIMIT));
  refuseAdapter(config, at(CONFIG));
  if (!existsSync(at(TENSORS)) && existsSync(at("adapter_model.bin")))
    throw new TillerError(
      "unknown_format",
      `${dir} has adapter_model.bin; safetensors are read. Load it with PEFT and save_pretrained it again.`,
    );
  const m = await loadCheckpoint(base);
  const tensors = new Map(m.tensors);
  const adapters = await readTensors(at(TENSORS), m.shape, tensors);
  for (const [name, part] of adapters)
    merge(m.shape, tensors, name, { part, config, file: at(CONFIG) });
  const tokenizer = existsSync(at("tokenizer.json"))
    ? jsonOf(at("tokenizer.json"), await readPart(at("tokenizer.json")))
    : m.tokenizer;
  const meta: CheckpointMeta = tensors.has("score.weight")
    ? { ...m.meta, role: "reward", reward: m.meta.reward ?? { pooling: "last", bias: 0 } }
    : m.meta;
  return {
    ...m,
    tensors,
    tokenizer,
    meta,
    chatFiles: { ...m.chatFiles, ...(await readChatFiles(dir)) },
  };
}

/** Low-rank parts by our names of their layers; whole tensors go into `into`, in the place of the base's. */
async function readTensors(
  file: string,
  c: ModelShape,
  into: Map<string, TensorData>,
): Promise<Map<string, LowRank>> {
  const specs = new Map(
    [...paramSpecs(c), ...headSpecs(c).slice(0, 1)].map((s) => [s.name, s.shape]),
  );
  const own = new Map([...specs.keys()].map((name) => [theirs(c, name), name]));
  const adapters = new Map<string, LowRank>();
  const strange = (name: string, why: string) =>
    new TillerError(
      "unsupported_model",
      `${file} has the tensor ${name}, ${why}. Is this its base model? Else merge the adapter with PEFT and import the folder.`,
    );
  await using opened = await SafetensorsFile.open(file);
  const wholes: [string, TensorData][] = [];
  await opened.read(({ name, shape }) => {
    if (!name.startsWith(PREFIX)) throw strange(name, `whose name does not begin with ${PREFIX}`);
    const plain = name.slice(PREFIX.length);
    const tensor = { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
    const ending = Object.keys(parts).find((e) => plain.endsWith(`.${e}`));
    if (ending) {
      const weight = own.get(`${plain.slice(0, -ending.length)}weight`);
      if (weight === undefined || weight === "score.weight")
        throw strange(name, "for which the base has no layer");
      if (c.tied && weight === layoutOf(c).embed)
        throw strange(name, "but the base's output weights are its token embedding");
      const layer = adapters.get(weight) ?? {};
      const { part, embedding } = parts[ending]!;
      adapters.set(weight, { ...layer, [part]: tensor, ...(embedding && { embedding }) });
      return tensor.data;
    }
    const ours = own.get(plain.replace(/\.base_layer(?=\.\w+$)/, ""));
    if (ours === undefined) throw strange(name, "which is no part of the base");
    if (specs.get(ours)!.join() !== shape.join())
      throw strange(name, `of shape (${shape}) where the base has (${specs.get(ours)})`);
    wholes.push([ours, tensor]);
    return tensor.data;
  });
  if (c.tied && wholes.some(([name]) => name === layoutOf(c).embed || name === layoutOf(c).head))
    refuseTied(file, c, wholes, into);
  for (const [name, tensor] of wholes) into.set(name, tensor);
  return adapters;
}

/** A saved embedding of a tied model that differs is one matrix more than the model has, unless both are saved alike. */
function refuseTied(
  file: string,
  c: ModelShape,
  wholes: readonly [string, TensorData][],
  base: ReadonlyMap<string, TensorData>,
): void {
  const { embed } = layoutOf(c);
  const before = base.get(embed)!.data;
  for (const [name, { data }] of wholes)
    if ((name === embed || name === layoutOf(c).head) && data.some((y, i) => y !== before[i]))
      throw new TillerError(
        "unsupported_model",
        `${file} has its own ${name}, but the base's output weights are its token embedding. Untie the base first (tie_word_embeddings false, both matrices saved).`,
      );
}

/** Adds one layer's part to its weight. */
function merge(
  c: ModelShape,
  tensors: Map<string, TensorData>,
  weight: string,
  o: { readonly part: LowRank; readonly config: AdapterConfig; readonly file: string },
): void {
  const { a, b, magnitude, embedding } = o.part;
  const layer = weight.replace(/\.weight$/, "");
  const { shape, data } = tensors.get(weight)!;
  const inOut = embedding === true || (layoutOf(c).inOut && weight !== layoutOf(c).head);
  const [from, to] = inOut ? shape : shape.toReversed();
  const wrong = (what: string) =>
    new TillerError(
      "damaged_checkpoint",
      `${o.file}: the adapter of ${layer} ${what}. Is this its base model? Else take the adapter from its source again.`,
    );
  if (!a || !b) throw wrong(`has no lora_${a ? "B" : "A"}`);
  const rank = a.shape[0]!;
  if (a.shape.join() !== [rank, from].join() || b.shape.join() !== [to, rank].join())
    throw wrong(`is (${a.shape}) and (${b.shape}), the layer has ${from} inputs and ${to} outputs`);
  if (Boolean(magnitude) !== (o.config.use_dora === true))
    throw wrong(magnitude ? "has a magnitude without use_dora" : "lacks DoRA's magnitude");
  if (embedding && magnitude) throw wrong("is DoRA's of an embedding, which is not computed here");
  const scale = adapterScale(o.config, theirs(c, layer), { rank, file: o.file });
  const out = data.slice();
  addLowRank(out, { a: a.data, b: b.data, scale, from: from!, to: to!, inOut });
  if (magnitude) setLengths(out, magnitude, { from: from!, to: to!, inOut }, wrong);
  tensors.set(weight, { shape, data: out });
}

/** Every output's row of weights gets the length that `magnitude` has for it. */
function setLengths(
  w: Float32Array,
  magnitude: TensorData,
  { from, to, inOut }: { from: number; to: number; inOut: boolean },
  wrong: (what: string) => TillerError,
): void {
  if (magnitude.data.length !== to)
    throw wrong(`has ${magnitude.data.length} magnitudes for ${to} outputs`);
  for (let o = 0; o < to; o++) {
    const at = (i: number) => (inOut ? i * to + o : o * from + i);
    let sum = 0;
    for (let i = 0; i < from; i++) sum += w[at(i)]! ** 2;
    const factor = magnitude.data[o]! / Math.sqrt(sum);
    for (let i = 0; i < from; i++) w[at(i)]! *= factor;
  }
}

export interface NewAdapter {
  readonly config: ModelConfig;
  /** as they were given to `addLora` */
  readonly lora: LoraOptions;
  /** a parameter's values by our name: the adapters', and of a reward model the head's */
  readonly valueOf: (name: string) => Float32Array;
  /** where PEFT finds the base: a folder or a name on the hub */
  readonly base: string;
  readonly reward?: boolean;
}
/** Writes what PEFT's save_pretrained would: the adapters beside nothing of the base. A reward model's head goes with them. */
export async function saveAdapter(dir: string, o: NewAdapter): Promise<void> {
  const c = shapeOf(o.config);
  const specs = loraSpecs(c, o.lora);
  const layers = [...new Set(specs.map(({ name }) => name.replace(/\.lora_[AB]\.weight$/, "")))];
  const tensors = new Map<string, TensorData>();
  for (const { name, shape } of [...specs, ...(o.reward ? headSpecs(c).slice(0, 1) : [])])
    tensors.set(PREFIX + theirs(c, name), { shape, data: o.valueOf(name) });
  const bias = o.reward ? o.valueOf("score.bias")[0] : 0;
  if (bias)
    throw new TillerError(
      "unsupported_model",
      `the head adds ${bias} to every score; transformers' heads have no bias, so an adapter cannot hold it. Save the whole model instead.`,
    );
  const config = {
    peft_type: "LORA",
    task_type: o.reward ? "SEQ_CLS" : "CAUSAL_LM",
    base_model_name_or_path: o.base,
    r: o.lora.rank,
    lora_alpha: o.lora.alpha ?? 2 * o.lora.rank,
    lora_dropout: 0,
    bias: "none",
    fan_in_fan_out: layoutOf(c).inOut,
    target_modules: targetsOf(c, layers),
    modules_to_save: o.reward ? ["score"] : null,
    init_lora_weights: true,
    inference_mode: true,
  };
  await mkdir(dir, { recursive: true });
  await writeSafetensors(path.join(dir, TENSORS), tensors, { metadata: { format: "pt" } });
  await writeFileSafely(path.join(dir, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
}

/** The last parts of the layers' names, where those are all that end so; else whole names. */
function targetsOf(c: ModelShape, layers: readonly string[]): string[] {
  const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
  const ends = new Set(layers.map(last));
  const all = linears(c).filter(({ name }) => ends.has(last(name)));
  return all.length === layers.length ? [...ends] : layers.map((name) => theirs(c, name));
}
