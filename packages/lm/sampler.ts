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
  log,
  maximum,
  mul,
  neg,
  Program,
  reshape,
  rotary,
  rotaryTables,
  slice,
  split,
  softmax,
  type State,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { attentionScale, layoutOf, type ModelShape, type ParamSpec } from "./architectures.ts";
import { checkFinite, drawFrom, likeliest } from "./draw.ts";
import { declareEightBits, eightBitNames, matricesOf, quantise } from "./eight-bits.ts";
import {
  blocks,
  declare,
  embed,
  headNorm,
  logits,
  parameterCount,
  paramSpecs,
  scores,
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
/** After one run, by row: logits (B, V), and their softmax at the row's temperature. The arrays are reused by the next run. */
export interface Readings {
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
}
export interface Sampled {
  readonly tokens: number[][];
  /** of each token, under the softmax at the given temperature, before any nucleus cut */
  readonly logprobs: number[][];
  /** by a sampler with a critic: the scalar head's value before each token, and the entropy in nats of its softmax */
  readonly values?: number[][];
  readonly entropies?: number[][];
}

const PROMPT_PROGRAMS = 24; // lengths of prompts that programs are kept for
const HEAD_ROWS = 32; // positions whose logits are made at once
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
  /** reads prompts for the hidden states of all their tokens, by length */
  readonly #readers = new Map<number, Program>();
  #head: Program | undefined;
  /** its own keys and values: samplers of one state may take turns */
  readonly #cache = `cache.${++samplers}.`;
  readonly #frozen: ReadonlySet<string>;
  readonly #critic: boolean;
  readonly #matrices: ReturnType<typeof matricesOf>;

  /** `frozen`: the weights stay as they are while this sampler lives; each step is then quicker, for a copy of them. `bits: 8`: as they are at its first step, rounded for the steps (prompts are read as ever). `specs`: the parameters, where there are more than the model's own (adapters, a head). `critic`: the scalar head's values and the entropies are kept beside the log-probs. `context` bounds the cache's memory: 2 layers x batch x key-value heads x context x head size floats. */
  constructor(
    shape: ModelShape,
    state: State,
    batch: number,
    o: {
      readonly context?: number;
      readonly specs?: readonly ParamSpec[];
      readonly frozen?: boolean;
      readonly bits?: 8 | undefined;
      readonly critic?: boolean;
    } = {},
  ) {
    this.#specs = o.specs ?? paramSpecs(shape);
    // a graph of more than 2 GB cannot be handed over
    const bytes = 4 * parameterCount(this.#specs);
    const frozen = o.frozen && bytes < 1.5e9 ? this.#specs.map((s) => s.name) : [];
    this.#matrices = o.bits === 8 ? matricesOf(shape, this.#specs) : [];
    this.#frozen = new Set([...frozen, ...eightBitNames(this.#matrices)]);
    this.#critic = o.critic ?? false;
    this.#shape = shape;
    this.#state = state;
    this.batch = batch;
    // keys in the cache cannot change their frequencies when a text grows past LongRoPE's first table
    this.context = Math.min(
      shape.positions,
      o.context ?? 2048,
      shape.rotary?.long?.above ?? Infinity,
    );
  }

  #program(S: number): Program {
    return kept(this.#programs, S, () => this.#compile(S, "next"));
  }

  /** `every`: hidden states of all tokens instead of the logits after the last. */
  #compile(S: number, what: "next" | "every"): Program {
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
    const wide = cached(D);
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
    const tables =
      c.rotary && rotaryTables(g, max, c.rotary.frequencies, { amplitude: c.rotary.amplitude });
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
          ...(c.windows[l] && { local_window_size: c.windows[l] }),
        },
        { domain: "com.microsoft" },
      );
      g.update(`${this.#cache}k.${l}`, k);
      g.update(`${this.#cache}v.${l}`, v);
      return wide === D
        ? reshape(out, [B * S, H * D])
        : reshape(slice(reshape(out, [B * S, H, wide]), 2, 0, D), [B * S, H * D]);
    });
    if (what === "every") g.output("hidden", hidden);
    else {
      const ends = S === 1 ? hidden : gather(hidden, last); // (B, d)
      const rows = logits(c, p, ends);
      const chances = softmax(mul(rows, g.input("scale", [B, 1])));
      g.output("logits", rows); // (B, V)
      g.output("probabilities", chances);
      if (this.#critic) {
        g.output("values", scores(p, ends)); // (B)
        g.output("entropies", neg(sum(mul(chances, log(maximum(chances, 1e-20))), [-1])));
      }
    }
    // prompts are read by a program a length: a copy of the weights for each would be too much
    quantise(this.#state, matrices);
    const made = new Program(g, this.#state, S === 1 ? { frozen: this.#frozen } : {});
    for (const name of eightBitNames(matrices)) this.#state.delete(name); // the program has them as constants
    return made;
  }

  #promptInputs(prompts: readonly (readonly number[])[]) {
    const [B, n] = [this.batch, prompts.length];
    let longest = 0;
    for (const p of prompts) longest = Math.max(longest, p.length);
    const S = Math.min(this.context, Math.max(8, Math.ceil(longest / 8) * 8)); // bucketed
    const row = (b: number) => prompts[Math.min(b, n - 1)];
    const inputs = {
      ids: Array.from({ length: B * S }, (_, i) => row(Math.floor(i / S))[i % S] ?? 0),
      positions: Array.from({ length: B * S }, (_, i) => i % S),
      lengths: new Array<number>(B).fill(S - 1),
      total: S,
    };
    const last = Array.from({ length: B }, (_, b) => b * S + row(b).length - 1);
    return { S, inputs, last };
  }

  /** Reads prompts into the keys and values of rows 0 on, and gives what comes after each. */
  async read(
    prompts: readonly (readonly number[])[],
    temperatures: readonly number[],
  ): Promise<Readings> {
    const { S, inputs, last } = this.#promptInputs(prompts);
    const program = this.#program(S);
    await program.runAsync({ ...inputs, last, scale: scalesOf(temperatures, this.batch) });
    return readings(program);
  }

  /** One token a row, at the position that row has reached; rows without one are idle. */
  async advance(
    rows: readonly ({ token: number; at: number; temperature: number } | undefined)[],
  ): Promise<Readings> {
    const B = this.batch;
    const at = Array.from({ length: B }, (_, b) => rows[b]?.at ?? 0);
    const program = this.#program(1);
    await program.runAsync({
      ids: at.map((_, b) => rows[b]?.token ?? 0),
      positions: at,
      lengths: at,
      total: Math.max(...at) + 1,
      last: new Array<number>(B).fill(0),
      scale: scalesOf(
        at.map((_, b) => rows[b]?.temperature ?? 1),
        B,
      ),
    });
    return readings(program);
  }

  /** Takes over a row's first `length` keys and values from another sampler of the same model. */
  takeRow(row: number, from: Sampler, o: { readonly row: number; readonly length: number }): void {
    const { layers, kvHeads: G, headDim } = this.#shape;
    const D = cached(headDim);
    for (let l = 0; l < layers; l++)
      for (const kind of ["k", "v"]) {
        const theirs = from.#state.get(`${from.#cache}${kind}.${l}`).data;
        const own = this.#state.buffer(
          `${this.#cache}${kind}.${l}`,
          [this.batch, G, this.context, D],
          "float32",
        ).data;
        for (let h = 0; h < G; h++) {
          const start = (o.row * G + h) * from.context * D;
          own.set(theirs.subarray(start, start + o.length * D), (row * G + h) * this.context * D);
        }
      }
  }

  /** Logits (rows, V) after each token of one prompt, from `from` on, some rows at a time. */
  async *everyLogits(
    prompt: readonly number[],
  ): AsyncGenerator<{ from: number; rows: number; logits: Float32Array }> {
    const { width } = this.#shape;
    const { S, inputs } = this.#promptInputs([prompt]);
    const reader = kept(this.#readers, S, () => this.#compile(S, "every"));
    await reader.runAsync(inputs);
    const hidden = reader.float("hidden").slice(0, prompt.length * width);
    this.#head ??= this.#compileHead();
    for (let from = 0; from < prompt.length; from += HEAD_ROWS) {
      const rows = Math.min(HEAD_ROWS, prompt.length - from);
      const part = new Float32Array(HEAD_ROWS * width);
      part.set(hidden.subarray(from * width, (from + rows) * width));
      await this.#head.runAsync({ hidden: part });
      yield { from, rows, logits: this.#head.float("logits") };
    }
  }
  #compileHead(): Program {
    const g = new Graph();
    const p = declare(g, this.#specs);
    const hidden = g.input("hidden", [HEAD_ROWS, this.#shape.width]);
    g.output("logits", logits(this.#shape, p, hidden));
    return new Program(g, this.#state);
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

    const { S, inputs, last } = this.#promptInputs(prompts);
    const row = (b: number) => prompts[Math.min(b, n - 1)];
    const scale = scalesOf([o.temperature], B);
    const prefill = this.#program(S);
    prefill.run({ ...inputs, last, scale });
    let program = prefill;
    const step = this.#program(1);
    const zeros = new Array<number>(B).fill(0);
    const tokens: number[][] = prompts.map(() => []);
    const logprobs: number[][] = prompts.map(() => []);
    const critic = this.#critic && { values: tokens.map(none), entropies: tokens.map(none) };
    for (let t = 0; t < o.maxTokens; t++) {
      const current = program.float("probabilities");
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
      if (critic)
        for (const [name, kept] of Object.entries(critic)) {
          const read = program.float(name);
          for (let b = 0; b < n; b++) kept[b]!.push(read[b]!);
        }
      yield { tokens, logprobs, ...critic };
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
      program = step;
    }
  }

  [Symbol.dispose](): void {
    for (const program of [...this.#programs.values(), ...this.#readers.values()])
      program[Symbol.dispose]();
    this.#head?.[Symbol.dispose]();
    this.#programs.clear();
    this.#readers.clear();
    this.#head = undefined;
    for (const name of this.#state.names())
      if (name.startsWith(this.#cache)) this.#state.delete(name);
  }
}

const none = (): number[] => [];
/** The kernel's heads are whole eights: zeros fill them up. */
const cached = (headDim: number): number => 8 * Math.ceil(headDim / 8);
/** 1 / temperature of each row; the last stands for those that follow. */
const scalesOf = (temperatures: readonly number[], B: number): number[] =>
  Array.from({ length: B }, (_, b) => {
    const t = temperatures[Math.min(b, temperatures.length - 1)];
    return t > 0 ? 1 / (t + 1e-7) : 1;
  });
const readings = (program: Program): Readings => ({
  logits: program.float("logits"),
  probabilities: program.float("probabilities"),
});

/** The program of that length; those of prompts that were not read for longest make room. */
function kept(programs: Map<number, Program>, S: number, make: () => Program): Program {
  const old = programs.get(S);
  programs.delete(S); // the last used stands last
  const program = old ?? make();
  programs.set(S, program);
  const prompts = [...programs.keys()].filter((length) => length !== 1);
  if (prompts.length > PROMPT_PROGRAMS) {
    programs.get(prompts[0])![Symbol.dispose]();
    programs.delete(prompts[0]);
  }
  return program;
}

/** One draw from the probabilities p, restricted to the nucleus; temperature 0 takes the likeliest. */
function choose(
  p: Float32Array,
  temperature: number,
  topP: number,
  rng: Rng,
): [token: number, logprob: number] {
  checkFinite(p);
  const token = temperature <= 0 ? likeliest(p) : drawFrom(p, { temperature, topP }, rng);
  return [token, Math.log(p[token])];
}
