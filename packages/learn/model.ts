/** A model in memory: a checkpoint loaded into a state, its prompts as tokens, rows filled up. */
import { z } from "zod";
import {
  classifierSpecs,
  copyParams,
  encodePrompt,
  headSpecs,
  loadCheckpoint,
  loadTokenizerJson,
  type ModelConfig,
  type ModelShape,
  type ParamSpec,
  paramSpecs,
  type Prompt,
  type Tokenizer,
} from "@tiller/lm";
import { TillerError } from "@tiller/schema";
import { State } from "@tiller/tensor";

export interface Model {
  readonly id: string;
  readonly shape: ModelShape;
  /** config.json as it was loaded; written back with what is learned */
  readonly config: ModelConfig;
  readonly specs: readonly ParamSpec[];
  readonly state: State;
  readonly tokenizer: Tokenizer;
  readonly tokenizerJson: unknown;
  /** of a reward model: how the scores of the continuation's tokens become one */
  readonly pooling: "mean" | "sum" | "last";
  /** id that fills rows up in transformers; a text's last token is the last that is not it */
  readonly pad: number | undefined;
  /** how to chat with it; kept by what is trained from it */
  readonly chatFiles: Readonly<Record<string, string>>;
}

/** Loads a checkpoint folder straight into a state's memory; reward models carry the scalar head as well. */
export async function loadModel(dir: string): Promise<Model> {
  const state = new State();
  const {
    config,
    shape: modelShape,
    tensors,
    tokenizer,
    chatFiles,
    meta,
  } = await loadCheckpoint(dir, {
    place: (name, shape) => state.buffer(name, shape, "float32").data,
  });
  // several ids may end a text (Llama 3's turns); the first is the one documents end with
  const eos = z
    .array(z.int())
    .or(z.int().transform((id) => [id]))
    .nullish()
    .parse(config["eos_token_id"])?.[0];
  const specs = [
    ...paramSpecs(modelShape),
    ...(tensors.has("score.weight") ? headSpecs(modelShape) : []),
    ...classifierSpecs(modelShape, tensors.get("classifier.weight")?.shape[0] ?? 0).filter(
      (s) => s.shape[0]! > 0,
    ),
  ];
  for (const { name } of specs) if (!tensors.has(name)) missing(dir, name);
  return {
    id: meta.id,
    shape: modelShape,
    config,
    specs,
    state,
    tokenizer: loadTokenizerJson(tokenizer, { ...(eos !== undefined && { eos }) }),
    tokenizerJson: tokenizer,
    pooling: meta.reward?.pooling ?? "mean",
    pad: typeof config["pad_token_id"] === "number" ? config["pad_token_id"] : undefined,
    chatFiles,
  };
}
function missing(dir: string, name: string): never {
  throw new Error(`${dir} has no tensor ${name}; the checkpoint does not match its config.json`);
}

/** The language model with weights of its own, to train beside this one; heads are left out. */
export function copyOf(m: Model): Model {
  const specs = paramSpecs(m.shape);
  const state = new State();
  copyParams(m.state, state, specs);
  return { ...m, specs, state };
}

/** A reward model: a checkpoint with a scalar head. */
export async function loadReward(dir: string): Promise<Model> {
  const m = await loadModel(dir);
  if (!m.specs.some((s) => s.name === "score.weight"))
    throw new TillerError(
      "no_reward_model",
      `${dir} is no reward model: it has no scalar head. Train one from comparisons: tiller train reward.`,
    );
  return m;
}

/** That rows of `tokens` fit into the model's positions; `name` is the setting that says so. */
export function checkPositions(m: Pick<Model, "shape">, tokens: number, name: string): void {
  if (tokens > m.shape.positions)
    throw new TillerError(
      "too_long",
      `${name} is ${tokens}, and the base has ${m.shape.positions} positions. Lower it, or take a base with more.`,
    );
}

export const weightsOf = (m: Pick<Model, "specs" | "state">) =>
  new Map(m.specs.map((s) => [s.name, { shape: s.shape, data: m.state.get(s.name).data }]));

/** Prompts of at least a token of text and the begin-of-text token; longer ones than `most` lose their beginning. */
export function encodePrompts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  most: number,
): Prompt[] {
  if (most <= tokenizer.start.length)
    throw new TillerError(
      "too_short",
      `maxPrompt is ${most}: the begin-of-text token alone takes ${tokenizer.start.length}. Allow more.`,
    );
  return texts.map((text) => encodePrompt(tokenizer, text, { most }));
}

/** That two models' ids name the same tokens; `what` says whose the second is. */
export function checkSameTokens(a: Model, b: Model, what: string): void {
  const n = Math.max(a.tokenizer.vocabSize, b.tokenizer.vocabSize);
  for (let id = 0; id < n; id++) {
    const [x, y] = [a.tokenizer.bytes(id), b.tokenizer.bytes(id)];
    if (x.length === y.length && x.every((byte, i) => byte === y[i])) continue;
    const spelled = [a, b].map((m) => JSON.stringify(m.tokenizer.decode([id])));
    throw new TillerError(
      "other_tokenizer",
      `token ${id} is ${spelled[0]} to the base ${a.id} and ${spelled[1]} to the ${what} ${b.id}: they cannot read each other's tokens. Train both from one base.`,
    );
  }
}

/** Rows padded on the right to T; none is cut. */
export const pad = (rows: readonly (readonly number[])[], T: number): number[] => {
  const long = rows.findIndex((r) => r.length > T);
  if (long >= 0)
    throw new TillerError(
      "too_long",
      `row ${long} has ${rows[long]!.length} tokens, there is room for ${T}. Shorten the prompt or the response.`,
    );
  return rows.flatMap((r) => Array.from({ length: T }, (_, i) => r[i] ?? 0));
};
