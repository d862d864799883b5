/** What every stage shares: loading a checkpoint, packing rows, scoring and log-probs as compiled programs. */
import { z } from "zod";
import {
  classifierSpecs,
  declare,
  encodePrompt,
  headSpecs,
  hiddenStates,
  loadCheckpoint,
  loadTokenizerJson,
  logits,
  type ModelConfig,
  type ModelShape,
  type ParamSpec,
  paramSpecs,
  type Prompt,
  scores,
  type Tokenizer,
} from "@tiller/lm";
import { TillerError } from "@tiller/schema";
import {
  gather,
  Graph,
  mul,
  Program,
  reshape,
  State,
  sum,
  type Tensor,
  tokenLogprobs,
} from "@tiller/tensor";

export interface Model {
  readonly id: string;
  readonly shape: ModelShape;
  /** config.json as it was loaded; written back with what is learned */
  readonly config: ModelConfig;
  readonly specs: readonly ParamSpec[];
  readonly state: State;
  readonly tokenizer: Tokenizer;
  readonly tokenizerJson: unknown;
  /** of a reward model: over which of the continuation's tokens scores are averaged */
  readonly pooling: "mean" | "last";
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

export const weightsOf = (m: Pick<Model, "specs" | "state">) =>
  new Map(m.specs.map((s) => [s.name, { shape: s.shape, data: m.state.get(s.name).data }]));

/** How continuations are sampled and cut; the same rule for people, reward model and policy. */
export const Continuation = z
  .strictObject({
    maxTokens: z.int().positive().default(28).describe("tokens sampled, always all of them"),
    minTokens: z
      .int()
      .nonnegative()
      .default(12)
      .describe("a sentence end before this many tokens does not cut"),
    temperature: z
      .number()
      .positive()
      .default(0.7)
      .describe("divides the logits when sampling and in every log-prob"),
  })
  .check(({ value: { minTokens, maxTokens }, issues }) => {
    if (minTokens > maxTokens)
      issues.push({
        code: "custom",
        input: minTokens,
        path: ["minTokens"],
        message: `a continuation of maxTokens ${maxTokens} never ends at minTokens ${minTokens} or later: every sample would be called unended. Set minTokens to ${maxTokens} at most`,
      });
  });
export type Continuation = z.infer<typeof Continuation>;

/** Token ids whose text ends a sentence. */
export const sentenceEnds = (t: Tokenizer): ReadonlySet<number> =>
  new Set(
    Array.from({ length: t.vocabSize }, (_, id) => id).filter((id) =>
      /[.!?]["')\]]*\s*$/.test(t.decode([id])),
    ),
  );

/**
 * Where a continuation ends: after the first sentence end at `minTokens` or later, or at the first end-of-text.
 * `ended` is false when neither came; such samples get the fixed penalty (Ziegler et al. 2019).
 */
export function cut(
  tokens: readonly number[],
  ends: ReadonlySet<number>,
  eos: number,
  minTokens: number,
): { length: number; ended: boolean } {
  for (let i = 0; i < tokens.length; i++)
    if (tokens[i] === eos || (i + 1 >= minTokens && ends.has(tokens[i])))
      return { length: i + 1, ended: true };
  return { length: tokens.length, ended: false };
}

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

/** A passage with one continuation. */
export interface Continued {
  readonly query: readonly number[];
  readonly response: readonly number[];
}

/**
 * Reward inputs of B rows: ids (B, T), and weights (B, T): those of the response's tokens average over them, or the last
 * token counts alone, which for transformers is the last that is not its padding.
 */
export function rewardInputs(
  rows: readonly Continued[],
  T: number,
  o: Partial<Pick<Model, "pooling" | "pad">> = {},
): { ids: number[]; weights: number[] } {
  const empty = rows.findIndex((r) => !r.response.length);
  if (empty >= 0)
    throw new TillerError(
      "empty_response",
      `row ${empty} has no response after its ${rows[empty]!.query.length} tokens of prompt: there is nothing to score. Leave it out.`,
    );
  const weights = rows.flatMap(({ query, response }) => {
    const [from, to] = [query.length, query.length + response.length];
    if (o.pooling !== "last")
      return Array.from({ length: T }, (_, t) => (t >= from && t < to ? 1 / (to - from) : 0));
    const last = Math.max(
      0,
      [...query, ...response].findLastIndex((id) => id !== o.pad),
    );
    return Array.from({ length: T }, (_, t) => (t === last ? 1 : 0));
  });
  return {
    ids: pad(
      rows.map((r) => [...r.query, ...r.response]),
      T,
    ),
    weights,
  };
}

/** The reward of each row: the scalar head averaged over the response's tokens -> (B). */
export function rewardOf(
  shape: ModelShape,
  p: ReadonlyMap<string, Tensor>,
  g: Graph,
  B: number,
  T: number,
): Tensor {
  const perToken = reshape(scores(p, hiddenStates(shape, p, g.input("ids", [B, T], "int64"))), [
    B,
    T,
  ]);
  return sum(mul(perToken, g.input("weights", [B, T])), [1]);
}

/** Rewards of passages with continuations, in batches of B. */
export class Scorer implements Disposable {
  readonly #program: Program;
  readonly #B: number;
  readonly #T: number;
  readonly #of: Pick<Model, "pooling" | "pad">;
  constructor(m: Model, B: number, T: number) {
    const g = new Graph();
    g.output("scores", rewardOf(m.shape, declare(g, m.specs), g, B, T));
    this.#program = new Program(g, m.state);
    [this.#B, this.#T, this.#of] = [B, T, m];
  }
  score(rows: readonly Continued[]): number[] {
    const out: number[] = [];
    for (let i = 0; i < rows.length; i += this.#B) {
      const part = rows.slice(i, i + this.#B);
      this.#program.run(
        rewardInputs(
          Array.from({ length: this.#B }, (_, b) => part[Math.min(b, part.length - 1)]),
          this.#T,
          this.#of,
        ),
      );
      for (const score of this.#program.float("scores").subarray(0, part.length)) out.push(score);
    }
    return out;
  }
  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
  }
}

/** Positions of the responses inside (B, T): the row that predicts response token t is query + t - 1. */
export function responseRows(
  queries: readonly number[],
  responses: readonly (readonly number[])[],
  R: number,
  T: number,
) {
  const rows: number[] = [];
  const labels: number[] = [];
  const empty = queries.findIndex((n) => n < 1);
  if (empty >= 0)
    throw new TillerError(
      "empty_prompt",
      `query ${empty} is empty: the first token of a response is read off the token before it. Begin with the end-of-text token.`,
    );
  for (let b = 0; b < queries.length; b++)
    for (let t = 0; t < R; t++) {
      rows.push(b * T + Math.min(T - 1, queries[b] - 1 + t));
      labels.push(responses[b][t] ?? 0);
    }
  return { rows, labels };
}

/** Log-probs of response tokens: (B, T) ids -> B rows of R. */
export class Logprober implements Disposable {
  readonly #program: Program;
  readonly #dims: { B: number; T: number; R: number };
  constructor(m: Model, dims: { B: number; T: number; R: number }, temperature: number) {
    const { B, T, R } = dims;
    const g = new Graph();
    const p = declare(g, m.specs);
    const hidden = gather(
      hiddenStates(m.shape, p, g.input("ids", [B, T], "int64")),
      g.input("rows", [B * R], "int64"),
    );
    g.output(
      "logprobs",
      tokenLogprobs(
        scaled(logits(m.shape, p, hidden), temperature),
        g.input("labels", [B * R], "int64"),
      ),
    );
    this.#program = new Program(g, m.state);
    this.#dims = dims;
  }
  logprobs(
    queries: readonly (readonly number[])[],
    responses: readonly (readonly number[])[],
  ): Float32Array {
    const { R, T } = this.#dims;
    this.#program.run({
      ids: pad(
        queries.map((q, b) => [...q, ...responses[b]]),
        T,
      ),
      ...responseRows(
        queries.map((q) => q.length),
        responses,
        R,
        T,
      ),
    });
    return this.#program.float("logprobs").slice();
  }
  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
  }
}

/** Logits over the temperature; the same (T + 1e-7) as the sampler. */
export const scaled = (x: Tensor, temperature: number): Tensor =>
  temperature === 1 ? x : mul(x, 1 / (temperature + 1e-7));
