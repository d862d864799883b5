/**
 * Sampling with a key-value cache that stays in place: one program reads the prompts, one writes a token a
 * step, both on the weights that training updates. Prompts of different lengths sit left-aligned; a new
 * token's keys overwrite the padding, and each row attends to its own length only.
 */
import { type Rng, TillerError } from "@tiller/schema";
import { gather, Graph, Program, reshape, type State } from "@tiller/tensor";
import { blocks, declare, embed, logits, type ModelShape, paramSpecs } from "./transformer.ts";

export interface SampleOptions {
  readonly maxTokens: number;
  readonly temperature: number;
  /** nucleus; 1 = full softmax, as reinforcement learning needs */
  readonly topP?: number;
  /** one generator a row, so that a row does not depend on its neighbours */
  readonly rngs: readonly Rng[];
  /** called after each step; return false to stop early */
  readonly onStep?: (tokens: readonly number[][], logprobs: readonly number[][]) => boolean | void;
}
export interface Sampled {
  readonly tokens: number[][];
  /** of each token, under the softmax at the given temperature, before any nucleus cut */
  readonly logprobs: number[][];
}

/** A sampler for up to `batch` rows of the model in `state`. */
export class Sampler implements Disposable {
  readonly #shape: ModelShape;
  readonly #state: State;
  readonly batch: number;
  readonly #programs = new Map<number, Program>();

  constructor(shape: ModelShape, state: State, batch: number) {
    this.#shape = shape;
    this.#state = state;
    this.batch = batch;
  }

  #program(S: number): Program {
    const old = this.#programs.get(S);
    if (old) return old;
    const { n_head: H, n_embd: d, n_positions: max } = this.#shape;
    const [B, D] = [this.batch, d / H];
    const g = new Graph();
    const p = declare(g, paramSpecs(this.#shape));
    const ids = g.input("ids", [B, S], "int64");
    const positions = g.input("positions", [B, S], "int64");
    const lengths = g.input("lengths", [B], "int32"); // tokens in the cache after this call, less one
    const total = g.input("total", [], "int32");
    const last = g.input("last", [B], "int64"); // row of each sequence's last token among B S
    const hidden = blocks(this.#shape, p, embed(this.#shape, p, ids, positions), (qkv, l) => {
      const cache = (kind: string) => g.stateful(`cache.${B}.${kind}.${l}`, [B, H, max, D]);
      const [out, k, v] = g.op(
        "GroupQueryAttention",
        [reshape(qkv, [B, S, 3 * d]), null, null, cache("k"), cache("v"), lengths, total],
        [
          [B, S, d],
          [B, H, max, D],
          [B, H, max, D],
        ],
        { num_heads: H, kv_num_heads: H },
        { domain: "com.microsoft" },
      );
      g.update(`cache.${B}.k.${l}`, k);
      g.update(`cache.${B}.v.${l}`, v);
      return reshape(out, [B * S, d]);
    });
    g.output("logits", logits(p, S === 1 ? hidden : gather(hidden, last))); // (B, V)
    const made = new Program(g, this.#state);
    this.#programs.set(S, made);
    return made;
  }

  sample(prompts: readonly (readonly number[])[], o: SampleOptions): Sampled {
    const { vocab_size: V, n_positions: max } = this.#shape;
    const B = this.batch;
    const n = prompts.length;
    if (n > B || n === 0)
      throw new TillerError("bad_batch", `${n} prompts for a sampler of ${B} rows. Split them.`);
    const longest = Math.max(...prompts.map((p) => p.length));
    if (prompts.some((p) => p.length === 0))
      throw new TillerError(
        "empty_prompt",
        "a prompt has no tokens. Give it at least one character.",
      );
    if (longest + o.maxTokens > max)
      throw new TillerError(
        "too_long",
        `a prompt of ${longest} tokens and ${o.maxTokens} new ones exceed the model's ${max} positions. Shorten the prompt or ask for fewer tokens.`,
      );

    const S = Math.min(max, Math.max(8, Math.ceil(longest / 8) * 8)); // bucketed
    const row = (b: number) => prompts[Math.min(b, n - 1)];
    const prefill = this.#program(S);
    prefill.run({
      ids: Array.from({ length: B * S }, (_, i) => row(Math.floor(i / S))[i % S] ?? 0),
      positions: Array.from({ length: B * S }, (_, i) => i % S),
      lengths: new Array(B).fill(S - 1),
      total: S,
      last: Array.from({ length: B }, (_, b) => b * S + row(b).length - 1),
    });
    let current = prefill.float("logits");
    const step = this.#program(1);
    const tokens: number[][] = prompts.map(() => []);
    const logprobs: number[][] = prompts.map(() => []);
    const scratch = new Float64Array(V);
    for (let t = 0; t < o.maxTokens; t++) {
      for (let b = 0; b < n; b++) {
        const [token, logprob] = choose(
          current.subarray(b * V, (b + 1) * V),
          scratch,
          o.temperature,
          o.topP ?? 1,
          o.rngs[b],
        );
        tokens[b].push(token);
        logprobs[b].push(logprob);
      }
      if (o.onStep?.(tokens, logprobs) === false || t + 1 === o.maxTokens) break;
      const at = Array.from({ length: B }, (_, b) => row(b).length + t);
      step.run({
        ids: at.map((_, b) => tokens[Math.min(b, n - 1)][t]),
        positions: at,
        lengths: at,
        total: Math.max(...at) + 1,
        last: new Array(B).fill(0),
      });
      current = step.float("logits");
    }
    return { tokens, logprobs };
  }

  [Symbol.dispose](): void {
    for (const program of this.#programs.values()) program[Symbol.dispose]();
    this.#programs.clear();
  }
}

/** One draw from softmax(logits / T), restricted to the nucleus; T = 0 takes the largest. */
function choose(
  logits: Float32Array,
  p: Float64Array,
  temperature: number,
  topP: number,
  rng: Rng,
): [number, number] {
  const scale = temperature > 0 ? 1 / (temperature + 1e-7) : 1;
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  let z = 0;
  for (let i = 0; i < logits.length; i++) z += p[i] = Math.exp((logits[i] - logits[best]) * scale);
  const logprob = (i: number) => (logits[i] - logits[best]) * scale - Math.log(z);
  if (temperature <= 0) return [best, logprob(best)];
  let mass = z;
  if (topP < 1) {
    const order = Array.from(p.keys()).sort((i, j) => p[j] - p[i]);
    let kept = 0;
    mass = 0;
    while (kept < order.length && mass < topP * z) mass += p[order[kept++]];
    for (const i of order.slice(kept)) p[i] = 0;
  }
  let u = rng.next() * mass;
  for (let i = 0; i < p.length; i++) {
    u -= p[i];
    if (u < 0 && p[i] > 0) return [i, logprob(i)];
  }
  return [best, logprob(best)];
}
