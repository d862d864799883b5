/** Programs that read texts: the reward of a continuation, the log-probs of its tokens. */
import { declare, hiddenStates, logprobs, type ModelShape, scores } from "@tiller/lm";
import { TillerError } from "@tiller/schema";
import { gather, Graph, mul, Program, reshape, sum, type Tensor } from "@tiller/tensor";
import { type Model, pad } from "./model.ts";

/** Summed scores are of this many tokens, so that a text of some length is worth about as much as by the mean. */
export const SUMMED = 64;

/** A passage with one continuation. */
export interface Continued {
  readonly query: readonly number[];
  readonly response: readonly number[];
}

/**
 * Reward inputs of B rows: ids (B, T), and weights (B, T): those of the response's tokens average over them, or add them up,
 * so that a longer text can be worth more for its length alone, or the last token counts alone, which for transformers is
 * the last that is not its padding.
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
    if (o.pooling !== "last") {
      const each = 1 / (o.pooling === "sum" ? SUMMED : to - from);
      return Array.from({ length: T }, (_, t) => (t >= from && t < to ? each : 0));
    }
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

/** Rewards of passages with continuations, in batches of B; one that is not finite is refused. */
export class Scorer implements Disposable {
  readonly #program: Program;
  readonly #B: number;
  readonly #T: number;
  readonly #of: Pick<Model, "id" | "pooling" | "pad">;
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
    const odd = out.findIndex((s) => !Number.isFinite(s));
    if (odd >= 0)
      throw new TillerError(
        "not_finite",
        `the reward model ${this.#of.id} gives ${out[odd]} to row ${odd} of ${rows.length}, a continuation of ${rows[odd]!.response.length} tokens. Train it again with a lower rate, or choose another.`,
      );
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

/** Log-probs of response tokens: up to B rows of (T) ids -> as many rows of R. */
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
    const labels = g.input("labels", [B * R], "int64");
    g.output("logprobs", logprobs(m.shape, p, scaled(hidden, temperature), labels));
    this.#program = new Program(g, m.state);
    this.#dims = dims;
  }
  logprobs(
    queries: readonly (readonly number[])[],
    responses: readonly (readonly number[])[],
  ): Float32Array {
    const { B, R, T } = this.#dims;
    const n = queries.length;
    const at = Array.from({ length: B }, (_, b) => Math.min(b, n - 1)); // the last fills the batch up
    const [q, r] = [at.map((b) => queries[b]!), at.map((b) => responses[b]!)];
    const ids = pad(
      q.map((query, b) => [...query, ...r[b]!]),
      T,
    );
    const lengths = q.map((query) => query.length);
    this.#program.run({ ids, ...responseRows(lengths, r, R, T) });
    return this.#program.float("logprobs").slice(0, n * R);
  }
  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
  }
}

/** Logits, or the hidden rows they are linear in, over the temperature; the same (T + 1e-7) as the sampler. */
export const scaled = (x: Tensor, temperature: number): Tensor =>
  temperature === 1 ? x : mul(x, 1 / (temperature + 1e-7));
