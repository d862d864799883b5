/**
 * Training one call at a time, in the manner of Tinker: `forwardBackward` adds gradients of any loss up, `optimStep` takes
 * the step, `sample` and `logprobs` read the same weights, `saveState` keeps all of it so that a run goes on to the bit.
 * A loss is a plain function of tensors. Programs are compiled once for each loss and shape.
 */
import { z } from "zod";
import {
  addLora,
  type BlockOptions,
  classLogits,
  declare,
  hiddenStates,
  initParams,
  logits,
  logprobs,
  type LoraOptions,
  mergedWeight,
  type ModelShape,
  type ParamSpec,
  Sampler,
  saveCheckpoint,
  scores,
} from "@tiller/lm";
import { fromState, largest, type Rng, rng, TillerError } from "@tiller/schema";
import {
  add,
  applyGradients,
  averageWeights,
  clipBy,
  type DType,
  firstNotFinite,
  fusedAdamW,
  globalNorm,
  grad,
  Graph,
  groupOf,
  mul,
  notFinite,
  Optimiser,
  optimiserInputs,
  type OptimiserOptions,
  Program,
  sizeOf,
  type Tensor,
} from "@tiller/tensor";
import { Recent } from "./recent.ts";
import { loadModel, Logprober, type Model } from "./model.ts";
import { loadSnapshot, saveSnapshot } from "./snapshot.ts";

/** An array with its shape; the first axis is rows of the batch. */
export interface Field {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  /** default: float32 */
  readonly dtype?: Extract<DType, "float32" | "int64">;
}
export type Batch = Readonly<Record<string, Field>>;

/** What a loss is written with. */
export interface Forward {
  readonly g: Graph;
  readonly shape: ModelShape;
  readonly params: ReadonlyMap<string, Tensor>;
  /** the fields of the batch, by name */
  readonly batch: Readonly<Record<string, Tensor>>;
  /** ids (B, T) -> (B T, d); `watch` is shown the stream and the attention of each block */
  readonly hidden: (ids: Tensor, o?: Pick<BlockOptions, "watch">) => Tensor;
  /** hidden rows (N, d) -> (N, V) */
  readonly logits: (hidden: Tensor) => Tensor;
  /** hidden rows (N, d), labels (N) -> (N): `tokenLogprobs` of the logits in less memory, where nothing else reads them */
  readonly logprobs: (hidden: Tensor, labels: Tensor) => Tensor;
  /** hidden rows (N, d) -> (N), by the scalar head */
  readonly scores: (hidden: Tensor) => Tensor;
  /** hidden rows (N, d) -> (N, classes), by the classifier's head */
  readonly classes: (hidden: Tensor) => Tensor;
}
/** A scalar loss, and anything else worth seeing: scalars are averaged over micro-batches, rows are joined. */
export interface Loss {
  (f: Forward): {
    readonly loss: Tensor;
    readonly seen?: Readonly<Record<string, Tensor>>;
  };
  /** over how many things the loss of such a batch is a mean, so that its parts add up to the whole; default: its rows */
  readonly weigh?: (batch: Batch) => number;
}

export interface TrainerOptions {
  readonly optimiser?: OptimiserOptions;
  readonly seed?: number;
  /** train adapters beside a frozen base */
  readonly lora?: LoraOptions;
  /** parameters beside the model's own, freshly drawn: a head */
  readonly heads?: readonly ParamSpec[];
  /** keep an average of the weights that fades by this much a step */
  readonly ema?: number;
  /** part of the values dropped while gradients are taken; masks come from the trainer's generator */
  readonly dropout?: number;
  /** recompute each block on the way back: less memory, a third more work */
  readonly recompute?: boolean;
}
const Cursor = z.strictObject({
  step: z.int(),
  rng: z.array(z.number()),
  pending: z.array(z.string()).describe("parameters whose gradients wait for a step"),
  loop: z.unknown(),
});

/** ids padded on the right to `length` -> field (rows, length). */
export const tokens = (rows: readonly (readonly number[])[], length: number): Field => {
  const long = rows.find((r) => r.length > length);
  if (long)
    throw new TillerError(
      "too_long",
      `a row of ${long.length} tokens does not fit into ${length}. Give a larger length, or cut it.`,
    );
  const data = new Int32Array(rows.length * length);
  rows.forEach((r, b) => data.set(r, b * length));
  return { shape: [rows.length, length], data, dtype: "int64" };
};
/** Lengths come in steps, so that few programs serve all batches: multiples of 16, above 128 of 64. */
export const bucket = (length: number, positions = Infinity): number => {
  const unit = length > 128 ? 64 : 16;
  return Math.min(positions, Math.max(unit, Math.ceil(length / unit) * unit));
};

const part = (f: Field, from: number, to: number): Field => {
  const row = sizeOf(f.shape.slice(1));
  const [start, end] = [from * row, to * row];
  const data =
    f.data instanceof Float32Array || f.data instanceof Int32Array
      ? f.data.subarray(start, end)
      : (Array.prototype.slice.call(f.data, start, end) as number[]);
  return { ...f, shape: [to - from, ...f.shape.slice(1)], data };
};

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export class Trainer implements Disposable {
  readonly model: Model;
  readonly optimiser: Optimiser;
  /** steps taken */
  step = 0;
  readonly #lora: LoraOptions | undefined;
  readonly #ema: number | undefined;
  readonly #dropout: number;
  readonly #recompute: boolean;
  /** all parameters, and those that may learn */
  readonly #specs: readonly ParamSpec[];
  readonly #learning: readonly ParamSpec[];
  // programs, samplers and log-probers of the losses and shapes seen last: a loop over many sizes does not grow
  readonly #made = new Recent<Disposable>(24);
  readonly #lossIds = new WeakMap<Loss, number>();
  #losses = 0;
  #pending = new Set<string>();
  #rng: Rng;

  /** A trainer of a model in memory, at step 0. */
  constructor(model: Model, o: TrainerOptions = {}) {
    this.model = model;
    this.optimiser = Optimiser.parse(o.optimiser ?? { kind: "adamw" });
    this.#rng = rng(o.seed ?? 1, "trainer");
    const { state, shape, specs } = model;
    const heads = o.heads ?? [];
    if (heads.length) initParams(state, heads, rng(o.seed ?? 1, "heads"));
    const adapters = o.lora ? addLora(state, shape, o.lora, rng(o.seed ?? 1, "lora")) : [];
    this.#lora = o.lora;
    this.#ema = o.ema;
    this.#dropout = o.dropout ?? 0;
    this.#recompute = o.recompute ?? false;
    this.#specs = [...specs, ...heads, ...adapters];
    const base = o.lora ? adapters.filter((s) => s.shape.length > 0) : specs;
    this.#learning = [...base, ...heads].filter(
      (s) => groupOf(this.optimiser, s.name, s.shape.length) !== null,
    );
    if (!this.#learning.length)
      throw new TillerError(
        "nothing_learns",
        "every parameter is frozen by a group. Leave something to learn.",
      );
    for (const { name, shape: s } of this.#learning) {
      state.buffer(`g:${name}`, s, "float32");
      if (o.ema !== undefined) state.set(`ema:${name}`, s, state.get(name).data);
    }
  }
  /** the generator that is saved with the state; take it anew after `loadState` */
  get rng(): Rng {
    return this.#rng;
  }
  /** A trainer of the checkpoint in `dir`, at step 0. */
  static async open(dir: string, o: TrainerOptions = {}): Promise<Trainer> {
    return new Trainer(await loadModel(dir), o);
  }

  #build(g: Graph, loss: Loss, batch: Batch) {
    const { shape } = this.model;
    const params = declare(g, this.#specs);
    const tensors = Object.fromEntries(
      Object.entries(batch).map(([name, f]) => [
        name,
        g.input(name, f.shape, f.dtype ?? "float32"),
      ]),
    );
    const dropout = this.#dropout && { rate: this.#dropout, key: g.input("dropout", [], "int64") };
    const made = loss({
      g,
      shape,
      params,
      batch: tensors,
      hidden: (ids, watched) =>
        hiddenStates(shape, params, ids, {
          ...watched,
          ...(dropout && { dropout }),
          recompute: this.#recompute,
        }),
      logits: (hidden) => logits(shape, params, hidden),
      logprobs: (hidden, labels) => logprobs(shape, params, hidden, labels),
      scores: (hidden) => scores(params, hidden),
      classes: (hidden) => classLogits(params, hidden),
    });
    if (sizeOf(made.loss.shape) !== 1)
      throw new TillerError(
        "not_scalar",
        `the loss is (${made.loss.shape}). Sum it or take its mean.`,
      );
    return { ...made, params };
  }
  /** loss and what is seen as outputs, gradients times `scale` added to g:NAME. */
  #backward(g: Graph, loss: Loss, batch: Batch): string[] {
    const built = this.#build(g, loss, batch);
    g.output("loss", built.loss);
    for (const [name, t] of Object.entries(built.seen ?? {})) g.output(`seen ${name}`, t);
    const scaled = mul(built.loss, g.input("scale", []));
    const wanted = this.#learning.map((s) => built.params.get(s.name)!);
    const has: string[] = [];
    grad(scaled, wanted).forEach((d, i) => {
      if (!d) return;
      const { name, shape } = this.#learning[i]!;
      has.push(name);
      g.update(`g:${name}`, add(g.stateful(`g:${name}`, shape), d));
    });
    return has;
  }
  #program(key: Loss | "step", of: string, build: (g: Graph) => string[]) {
    if (key !== "step" && !this.#lossIds.has(key)) this.#lossIds.set(key, ++this.#losses);
    const id = key === "step" ? key : `loss ${this.#lossIds.get(key)}`;
    return this.#made.get(`${id} ${of}`, () => {
      const g = new Graph();
      const has = build(g);
      const program = new Program(g, this.model.state);
      return { program, has, [Symbol.dispose]: () => program[Symbol.dispose]() };
    });
  }

  /**
   * Adds the gradient of `scale` times the batch's loss to what waits for the next step. `micro`: rows at a time, for less
   * memory; the parts count by `weigh`, which says over how many things a part's loss is a mean (default: the loss's own
   * `weigh`, or else its rows), so that the split changes nothing. A loss that is not finite adds nothing and says which tensor went wrong.
   */
  forwardBackward(
    batch: Batch,
    loss: Loss,
    o: {
      readonly scale?: number;
      readonly micro?: number;
      readonly weigh?: (batch: Batch) => number;
    } = {},
  ): { readonly loss: number; readonly seen: Readonly<Record<string, Float32Array>> } {
    this.#mayChange("forwardBackward");
    const rows = Object.values(batch)[0]?.shape[0];
    const odd = Object.entries(batch).find(([, f]) => f.shape[0] !== rows);
    if (rows === undefined || odd)
      throw new TillerError(
        "shape_mismatch",
        `the fields of a batch must have the same number of rows; ${odd ? `${odd[0]} is (${odd[1].shape}), the first has ${rows}` : "there is none"}.`,
      );
    if (rows === 0)
      throw new TillerError("empty_batch", "the batch has no rows: nothing to learn from.");
    const byRows = (b: Batch) => Object.values(b)[0]!.shape[0]!;
    const { scale = 1, micro = rows, weigh = loss.weigh ?? byRows } = o;
    if (!Number.isInteger(micro) || micro < 1)
      throw new TillerError(
        "bad_micro",
        `micro is ${micro}: rows at a time must be a whole number above 0.`,
      );
    const parts: Batch[] = [];
    for (let from = 0; from < rows; from += micro)
      parts.push(
        micro >= rows
          ? batch
          : Object.fromEntries(
              Object.entries(batch).map(([k, f]) => [
                k,
                part(f, from, Math.min(rows, from + micro)),
              ]),
            ),
      );
    const weights = parts.map(weigh);
    const total = weights.reduce((a, b) => a + b, 0);
    if (!(total > 0))
      throw new TillerError(
        "empty_batch",
        `the batch weighs ${total}: nothing in it is learned from. Leave it out.`,
      );
    let mean = 0;
    const seen = new Map<string, Float32Array[]>(); // a mean of parts, or the parts to be joined
    for (const [i, one] of parts.entries()) {
      const share = weights[i]! / total;
      const shapes = JSON.stringify(Object.entries(one).map(([k, f]) => [k, f.shape, f.dtype]));
      const { program, has } = this.#program(loss, shapes, (g) => this.#backward(g, loss, one));
      const look = (valueOf: (name: string) => Float32Array) => {
        for (const [name, { shape }] of program.outputs) {
          if (!name.startsWith("seen ")) continue;
          const values = valueOf(name);
          const key = name.slice(5);
          const old = seen.get(key) ?? [];
          if (shape.length > 0) seen.set(key, [...old, values]);
          else seen.set(key, [Float32Array.of((old[0]?.[0] ?? 0) + (share && share * values[0]!))]);
        }
      };
      if (share === 0) {
        // nothing to learn from, and its mean would be 0 / 0; its rows keep their places in what is seen
        look((name) => new Float32Array(sizeOf(program.outputs.get(name)!.shape)).fill(Number.NaN));
        continue;
      }
      const inputs = {
        ...Object.fromEntries(Object.entries(one).map(([k, f]) => [k, f.data])),
        scale: scale * share,
        ...(this.#dropout && { dropout: [this.#rng.int(2 ** 31)] }),
      };
      try {
        program.run(inputs);
      } catch (e) {
        this.#clear([...this.#pending, ...has]); // of its other parts too: a batch counts whole or not at all
        throw e;
      }
      const value = program.float("loss")[0]!;
      if (!Number.isFinite(value)) {
        this.#clear([...this.#pending, ...has]);
        throw notFinite(
          `the loss of step ${this.step + 1}`,
          firstNotFinite((g) => void this.#build(g, loss, one), this.model.state, inputs),
        );
      }
      for (const name of has) this.#pending.add(name);
      mean += share * value;
      look((name) => program.float(name).slice()); // the next part writes there
      this.#last = { loss, batch: one, inputs };
    }
    return {
      loss: mean,
      seen: Object.fromEntries([...seen].map(([k, parts]) => [k, joined(parts)])),
    };
  }
  /** what added gradients last: where to look when they are not finite */
  #last:
    | { loss: Loss; batch: Batch; inputs: Record<string, ArrayLike<number> | number> }
    | undefined;
  #clear(names: Iterable<string>): void {
    for (const name of names) this.model.state.get(`g:${name}`).data.fill(0);
    this.#pending = new Set();
  }

  /**
   * Clips what has been added up to the global norm, takes the step, and starts anew. Gradients that are not finite are
   * thrown away with the name of the first bad tensor, and the weights stay.
   */
  optimStep({ lr }: { readonly lr: number }): { readonly gradNorm: number } {
    this.#mayChange("optimStep");
    const { state } = this.model;
    if (!Number.isFinite(lr) || lr < 0)
      throw new TillerError(
        "bad_rate",
        `the learning rate of step ${this.step + 1} is ${lr}: it must be a number, 0 or more. The weights are as they were.`,
      );
    const has = this.#learning.filter((s) => this.#pending.has(s.name));
    if (!has.length)
      throw new TillerError(
        "no_gradient",
        "there is no gradient to step by. Call forwardBackward first; if you did, its loss depends on no parameter that learns.",
      );
    const key = has.map((s) => s.name).join();
    const held = (g: Graph) =>
      new Map(has.map((s) => [s.name, g.stateful(`g:${s.name}`, s.shape)]));
    const norm = this.#program("step", `norm ${key}`, (g) => {
      g.output("norm", globalNorm([...held(g).values()]));
      return [];
    }).program;
    norm.run();
    const gradNorm = norm.float("norm")[0]!;
    if (!Number.isFinite(gradNorm)) {
      const where = this.#firstBadGradient(has);
      this.#clear(this.#pending);
      throw notFinite(`the gradient of step ${this.step + 1}`, where);
    }
    this.step++;
    const o = this.optimiser;
    const scale = clipBy(gradNorm, o.clip);
    if (o.kind === "adamw") {
      const names = has.map((s) => s.name);
      fusedAdamW(state, names, o, { t: this.step, lr, scale });
    } else
      this.#program("step", key, (g) => {
        const params = new Map(has.map((s) => [s.name, g.stateful(s.name, s.shape)]));
        applyGradients(params, held(g), g.input("scale", []), o);
        return [];
      }).program.run({ scale, ...optimiserInputs(o, this.step, lr) });
    const fade = this.#ema;
    if (fade !== undefined)
      this.#program("step", `ema ${key}`, (g) => {
        averageWeights(new Map(has.map((s) => [s.name, g.stateful(s.name, s.shape)])), fade);
        return [];
      }).program.run();
    this.#clear(this.#pending);
    return { gradNorm };
  }
  #firstBadGradient(has: readonly ParamSpec[]): string | undefined {
    const bad = has.find((s) => !this.model.state.get(`g:${s.name}`).data.every(Number.isFinite));
    const last = this.#last;
    if (!last) return bad && `the gradient of ${bad.name} (${bad.shape})`;
    const where = firstNotFinite(
      (g) => {
        const built = this.#build(g, last.loss, last.batch);
        const scaled = mul(built.loss, g.input("scale", []));
        grad(
          scaled,
          this.#learning.map((s) => built.params.get(s.name)!),
        );
      },
      this.model.state,
      last.inputs,
    );
    const whose = bad && `the gradient of ${bad.name} (${bad.shape}) is not`;
    return [whose, where].filter(Boolean).join("; first ");
  }

  /** Continuations of prompts, with the log-prob of each token. Draws come from the trainer's own generator. */
  sample(
    prompts: readonly (readonly number[])[],
    o: { readonly maxTokens: number; readonly temperature?: number; readonly topP?: number },
  ): { readonly tokens: number[][]; readonly logprobs: number[][] } {
    const { shape, state } = this.model;
    const longest = largest(prompts.map((p) => p.length)) + o.maxTokens;
    const context = bucket(longest, shape.positions);
    const sampler = this.#made.get(
      `sample ${prompts.length} ${context}`,
      () => new Sampler(shape, state, prompts.length, { context, specs: this.#specs }),
    );
    const seed = this.#rng.int(2 ** 31);
    return sampler.sample(prompts, {
      maxTokens: o.maxTokens,
      temperature: o.temperature ?? 1,
      topP: o.topP ?? 1,
      rngs: prompts.map((_, b) => rng(seed, "sample", b)),
    });
  }
  /** Log-probs of each token of the responses after their queries. */
  logprobs(
    rows: readonly { readonly query: readonly number[]; readonly response: readonly number[] }[],
    o: { readonly temperature?: number } = {},
  ): number[][] {
    const positions = this.model.shape.positions;
    const T = bucket(largest(rows.map((r) => r.query.length + r.response.length)), positions);
    const R = bucket(largest(rows.map((r) => r.response.length)), positions);
    const temperature = o.temperature ?? 1;
    const logprober = this.#made.get(
      `logprobs ${rows.length} ${T} ${R} ${temperature}`,
      () =>
        new Logprober({ ...this.model, specs: this.#specs }, { B: rows.length, T, R }, temperature),
    );
    const flat = logprober.logprobs(
      rows.map((r) => r.query),
      rows.map((r) => r.response),
    );
    return rows.map((r, b) => [...flat.subarray(b * R, b * R + r.response.length)]);
  }

  /** While files are written from the weights' own memory, nothing may change them. */
  #writing = 0;
  #held(): Disposable {
    this.#writing++;
    return { [Symbol.dispose]: () => void this.#writing-- };
  }
  #mayChange(what: string): void {
    if (this.#writing > 0)
      throw new TillerError(
        "still_writing",
        `${what} was called while the weights are being written. Await saveState and saveModel before going on.`,
      );
  }

  /** Weights, moments, averages, waiting gradients, the generator, the step, and `loop`, in one file written whole or not at all. */
  async saveState(file: string, loop: unknown = null): Promise<void> {
    const keep = (name: string) => !name.startsWith("g:") || this.#pending.has(name.slice(2));
    const cursor: z.infer<typeof Cursor> = {
      step: this.step,
      rng: [...this.#rng.state()],
      pending: [...this.#pending],
      loop,
    };
    using _ = this.#held();
    await saveSnapshot(file, { trainer: this.model.state }, cursor, { keep });
  }
  /** Goes on from a saved state; returns its `loop`, undefined where there is no such file. */
  async loadState<T>(file: string, Loop: z.ZodType<T>): Promise<T | undefined> {
    this.#mayChange("loadState");
    const saved = await loadSnapshot(file, { trainer: this.model.state }, Cursor);
    if (!saved) return undefined;
    this.step = saved.step;
    this.#rng = fromState(saved.rng);
    this.#pending = new Set(saved.pending);
    return Loop.parse(saved.loop);
  }

  /** Writes a checkpoint folder: the weights, or their average; adapters are merged into a copy. Returns its id. */
  async saveModel(
    dir: string,
    o: { readonly ema?: boolean; readonly metrics?: Readonly<Record<string, number>> } = {},
  ): Promise<string> {
    const { model } = this;
    if (o.ema && this.#ema === undefined)
      throw new TillerError(
        "no_average",
        "no average of the weights is kept. Open the trainer with ema: 0.999 or so.",
      );
    const learned = new Set(this.#learning.map((s) => s.name));
    const { state } = model;
    // what is written is asked for a tensor at a time, so that a sum of two stands beside the weights only that long
    const valueOf = (name: string) => {
      const from = o.ema && learned.has(name) ? `ema:${name}` : name;
      return state.has(from) ? state.get(from).data : undefined;
    };
    const written = this.#specs
      .filter((s) => !s.name.includes("lora"))
      .map(({ name, shape }) => ({
        name,
        shape,
        get data() {
          return mergedWeight(model.shape, name, valueOf);
        },
      }));
    using _ = this.#held();
    const { id } = await saveCheckpoint(dir, {
      config: model.config,
      tensors: new Map(written.map((t) => [t.name, t])),
      tokenizer: model.tokenizerJson,
      chatFiles: model.chatFiles,
      meta: {
        kind: model.state.has("score.weight") ? "reward" : "lm",
        parent: model.id,
        metrics: { step: this.step, ...o.metrics },
        config: { optimiser: this.optimiser, ...(this.#lora && { lora: this.#lora }) },
      },
    });
    return id;
  }

  [Symbol.dispose](): void {
    this.#made[Symbol.dispose]();
  }
}
