/**
 * Sampling with a key-value cache that stays in place: one program reads the prompts, one writes a token a
 * step, both on the weights that training updates. Prompts of different lengths sit left-aligned; a new
 * token's keys overwrite the padding, and each row attends to its own length only.
 */
import { largest, type Rng, TillerError } from "@tiller/schema";
import {
  concat,
  gather,
  Graph,
  mul,
  Program,
  reshape,
  rotary,
  rotaryTables,
  slice,
  split,
  softmax,
  type State,
  type Tensor,
} from "@tiller/tensor";
import { attentionScale, layoutOf, type ModelShape } from "./architectures.ts";
import { declareEightBits, eightBitNames, matricesOf, quantise } from "./eight-bits.ts";
import {
  blocks,
  declare,
  embed,
  headNorm,
  logits,
  parameterCount,
  type ParamSpec,
  paramSpecs,
} from "./transformer.ts";

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

let samplers = 0;
/** A sampler for up to `batch` rows of the model in `state`. */
export class Sampler implements Disposable {
  readonly #shape: ModelShape;
  readonly #specs: readonly ParamSpec[];
  readonly #state: State;
  readonly batch: number;
  /** tokens the cache holds, prompt included */
  readonly context: number;
  readonly #programs = new Map<number, Program>();
  /** its own keys and values: samplers of one state may take turns */
  readonly #cache = `cache.${++samplers}.`;
  readonly #frozen: ReadonlySet<string>;
  readonly #matrices: ReturnType<typeof matricesOf>;

  /** `frozen`: the weights stay as they are while this sampler lives; each step is then quicker, for a copy of them. `bits: 8`: as they are at its first step, rounded for the steps (prompts are read as ever). `specs`: the parameters, where there are more than the model's own (adapters). `context` bounds the cache's memory: 2 layers x batch x key-value heads x context x head size floats. */
  constructor(
    shape: ModelShape,
    state: State,
    batch: number,
    o: {
      readonly context?: number;
      readonly specs?: readonly ParamSpec[];
      readonly frozen?: boolean;
      readonly bits?: 8 | undefined;
    } = {},
  ) {
    this.#specs = o.specs ?? paramSpecs(shape);
    // a graph of more than 2 GB cannot be handed over
    const bytes = 4 * parameterCount(this.#specs);
    const frozen = o.frozen && bytes < 1.5e9 ? this.#specs.map((s) => s.name) : [];
    this.#matrices = o.bits === 8 ? matricesOf(shape, this.#specs) : [];
    this.#frozen = new Set([...frozen, ...eightBitNames(this.#matrices)]);
    this.#shape = shape;
    this.#state = state;
    this.batch = batch;
    this.context = Math.min(shape.positions, o.context ?? 2048);
  }

  #program(S: number): Program {
    const old = this.#programs.get(S);
    if (old) return old;
    const c = this.#shape;
    const { heads: H, kvHeads: G, headDim: D } = c;
    const [B, max] = [this.batch, this.context];
    const g = new Graph();
    const p = declare(g, this.#specs);
    const matrices = S === 1 ? this.#matrices : [];
    for (const [name, t] of declareEightBits(g, matrices)) p.set(name, t);
    const ids = g.input("ids", [B, S], "int64");
    const positions = g.input("positions", [B, S], "int64");
    const lengths = g.input("lengths", [B], "int32"); // tokens in the cache after this call, less one
    const total = g.input("total", [], "int32");
    const last = g.input("last", [B], "int64"); // row of each sequence's last token among B S
    const wide = 8 * Math.ceil(D / 8); // the kernel's heads are whole eights: zeros fill them up
    const filled = (x: Tensor, heads: number) => {
      if (wide === D) return x;
      const zeros = g.constant(new Float32Array(B * S * heads * (wide - D)), [
        B,
        S,
        heads,
        wide - D,
      ]);
      return reshape(concat([reshape(x, [B, S, heads, D]), zeros], 3), [B, S, heads * wide]);
    };
    const tables = c.rotary && rotaryTables(g, max, c.rotary.frequencies);
    const headOrder = layoutOf(c).qkv?.order === "head, kind";
    const parts = (x: Tensor) => {
      const apart = split(
        reshape(x, headOrder ? [B * S, H, 3, D] : [B * S, 3, H, D]),
        headOrder ? 2 : 1,
        3,
      );
      return apart.map((t) => reshape(t, [B * S, H * D])) as [Tensor, Tensor, Tensor];
    };
    // (N, heads D) normed and turned -> (B, S, heads D)
    const ready = (x: Tensor, heads: number, which: "q" | "k", l: number) => {
      const y = reshape(headNorm(c, p, reshape(x, [B * S, heads, D]), which, l), [B, S, heads * D]);
      return tables ? rotary(y, tables, { heads, positions }) : y;
    };
    const hidden = blocks(c, p, embed(c, p, ids, positions), (qkv, l) => {
      const cache = (kind: string) => g.stateful(`${this.#cache}${kind}.${l}`, [B, G, max, wide]);
      const three = qkv.length === 1 && (tables || wide !== D) ? parts(qkv[0]) : qkv;
      const inputs =
        three.length === 1
          ? [reshape(three[0], [B, S, 3 * H * D]), null, null] // the kernel takes it as it is
          : [
              filled(ready(three[0], H, "q", l), H),
              filled(ready(three[1], G, "k", l), G),
              filled(reshape(three[2], [B, S, G * D]), G),
            ];
      const [out, k, v] = g.op(
        "GroupQueryAttention",
        [...inputs, cache("k"), cache("v"), lengths, total],
        [
          [B, S, H * wide],
          [B, G, max, wide],
          [B, G, max, wide],
        ],
        {
          num_heads: H,
          kv_num_heads: G,
          scale: { float: attentionScale(c, l) },
          ...(c.window && { local_window_size: c.window }),
        },
        { domain: "com.microsoft" },
      );
      g.update(`${this.#cache}k.${l}`, k);
      g.update(`${this.#cache}v.${l}`, v);
      return wide === D
        ? reshape(out, [B * S, H * D])
        : reshape(slice(reshape(out, [B * S, H, wide]), 2, 0, D), [B * S, H * D]);
    });
    const rows = logits(c, p, S === 1 ? hidden : gather(hidden, last));
    g.output("probabilities", softmax(mul(rows, g.input("scale", [])))); // (B, V)
    // prompts are read by a program a length: a copy of the weights for each would be too much
    quantise(this.#state, matrices);
    const made = new Program(g, this.#state, S === 1 ? { frozen: this.#frozen } : {});
    for (const name of eightBitNames(matrices)) this.#state.delete(name); // the program has them as constants
    this.#programs.set(S, made);
    return made;
  }

  sample(prompts: readonly (readonly number[])[], o: SampleOptions): Sampled {
    let sampled: Sampled | undefined;
    for (sampled of this.steps(prompts, o))
      if (o.onStep?.(sampled.tokens, sampled.logprobs) === false) break;
    return sampled ?? { tokens: prompts.map(() => []), logprobs: prompts.map(() => []) };
  }

  /** The same, a token of every row at a time, so that the caller can do other things in between. */
  *steps(
    prompts: readonly (readonly number[])[],
    o: Omit<SampleOptions, "onStep">,
  ): Generator<Sampled, void> {
    const V = this.#shape.vocab;
    const [B, max] = [this.batch, this.context];
    const n = prompts.length;
    if (n > B || n === 0)
      throw new TillerError("bad_batch", `${n} prompts for a sampler of ${B} rows. Split them.`);
    const longest = largest(prompts.map((p) => p.length));
    if (prompts.some((p) => p.length === 0))
      throw new TillerError(
        "empty_prompt",
        "a prompt has no tokens. Give it at least one character.",
      );
    if (longest + o.maxTokens > max)
      throw new TillerError(
        "too_long",
        `a prompt of ${longest} tokens and ${o.maxTokens} new ones exceed the ${max} positions of this sampler (the model has ${this.#shape.positions}). Shorten the prompt or ask for fewer tokens.`,
      );

    const S = Math.min(max, Math.max(8, Math.ceil(longest / 8) * 8)); // bucketed
    const row = (b: number) => prompts[Math.min(b, n - 1)];
    const scale = o.temperature > 0 ? 1 / (o.temperature + 1e-7) : 1;
    const prefill = this.#program(S);
    prefill.run({
      ids: Array.from({ length: B * S }, (_, i) => row(Math.floor(i / S))[i % S] ?? 0),
      positions: Array.from({ length: B * S }, (_, i) => i % S),
      lengths: new Array(B).fill(S - 1),
      total: S,
      last: Array.from({ length: B }, (_, b) => b * S + row(b).length - 1),
      scale,
    });
    let current = prefill.float("probabilities");
    const step = this.#program(1);
    const zeros = new Array<number>(B).fill(0);
    const tokens: number[][] = prompts.map(() => []);
    const logprobs: number[][] = prompts.map(() => []);
    for (let t = 0; t < o.maxTokens; t++) {
      for (let b = 0; b < n; b++) {
        const [token, logprob] = choose(
          current.subarray(b * V, (b + 1) * V),
          o.temperature,
          o.topP ?? 1,
          o.rngs[b],
        );
        tokens[b].push(token);
        logprobs[b].push(logprob);
      }
      yield { tokens, logprobs };
      if (t + 1 === o.maxTokens) return;
      const at = Array.from({ length: B }, (_, b) => row(b).length + t);
      step.run({
        ids: at.map((_, b) => tokens[Math.min(b, n - 1)][t]),
        positions: at,
        lengths: at,
        total: Math.max(...at) + 1,
        last: zeros,
        scale,
      });
      current = step.float("probabilities");
    }
  }

  [Symbol.dispose](): void {
    for (const program of this.#programs.values()) program[Symbol.dispose]();
    this.#programs.clear();
    for (const name of this.#state.names())
      if (name.startsWith(this.#cache)) this.#state.delete(name);
  }
}

/** One draw from the probabilities p, restricted to the nucleus; temperature 0 takes the likeliest. */
function choose(
  p: Float32Array,
  temperature: number,
  topP: number,
  rng: Rng,
): [token: number, logprob: number] {
  if (temperature <= 0) {
    let best = 0;
    for (let i = 1; i < p.length; i++) if (p[i] > p[best]) best = i;
    return [best, Math.log(p[best])];
  }
  if (topP < 1) return nucleus(p, topP, rng);
  let u = rng.next();
  let last = 0; // what rounding leaves over goes to the last token that can be drawn
  for (let i = 0; i < p.length; i++) {
    const q = p[i];
    if (q <= 0) continue;
    last = i;
    u -= q;
    if (u < 0) break;
  }
  return [last, Math.log(p[last])];
}
/** The likeliest tokens that together reach `topP`, drawn from as they stand (Holtzman et al. 2020). */
function nucleus(p: Float32Array, topP: number, rng: Rng): [token: number, logprob: number] {
  const order = Array.from(p.keys()).sort((i, j) => p[j] - p[i]);
  let [kept, mass] = [0, 0];
  while (kept < order.length && mass < topP) mass += p[order[kept++]];
  let u = rng.next() * mass;
  const token = order.slice(0, kept).find((i) => (u -= p[i]) < 0) ?? order[0];
  return [token, Math.log(p[token])];
}
