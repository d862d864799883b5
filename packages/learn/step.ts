/**
 * The training step, one for every job: `forwardBackward` adds the gradients of any loss up, `optimStep` clips them and
 * takes the step. A loss is a plain function of tensors. Programs are compiled once for each loss and shape.
 */
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
  type ModelShape,
  type ParamSpec,
  scores,
} from "@tiller/lm";
import { largest, type Rng, rng, TillerError } from "@tiller/schema";
import {
  add,
  applyGradients,
  averageWeights,
  clipBy,
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
import { type Batch, joined, part } from "./batch.ts";
import type { Model } from "./model.ts";
import { Recent } from "./recent.ts";
import { scaled } from "./score.ts";

/** What a loss is written with. */
export interface Forward {
  readonly g: Graph;
  readonly shape: ModelShape;
  readonly params: ReadonlyMap<string, Tensor>;
  /** the fields of the batch, by name */
  readonly batch: Readonly<Record<string, Tensor>>;
  /** ids (B, T) -> (B T, d); `watch` is shown the stream and the attention of each block, `packing`: texts that share rows */
  readonly hidden: (ids: Tensor, o?: Pick<BlockOptions, "watch" | "packing">) => Tensor;
  /** hidden rows (N, d) -> (N, V) */
  readonly logits: (hidden: Tensor) => Tensor;
  /** hidden rows (N, d), labels (N) -> (N): `tokenLogprobs` of the logits over the temperature (1), in less memory, where nothing else reads them */
  readonly logprobs: (hidden: Tensor, labels: Tensor, temperature?: number) => Tensor;
  /** hidden rows (N, d) -> (N), by the scalar head */
  readonly scores: (hidden: Tensor) => Tensor;
  /** hidden rows (N, d) -> (N, classes), by the classifier's head */
  readonly classes: (hidden: Tensor) => Tensor;
}
/** A scalar loss, and metrics beside it: scalars are averaged over micro-batches, rows are joined. */
export interface Loss {
  (f: Forward): {
    readonly loss: Tensor;
    readonly metrics?: Readonly<Record<string, Tensor>>;
  };
  /** what the loss of such a batch is divided by (its tokens, its rows), so that its parts add up to the whole; default: its rows */
  readonly normaliser?: (batch: Batch) => number;
}

export interface StepOptions {
  readonly optimiser?: OptimiserOptions;
  readonly seed?: number;
  /** train adapters beside a frozen base */
  readonly lora?: LoraOptions;
  /** parameters beside the model's own, freshly drawn: a head */
  readonly heads?: readonly ParamSpec[];
  /** keep an exponential average of the weights, with this decay a step */
  readonly ema?: number;
  /** part of the values dropped while gradients are taken; masks come from the trainer's generator */
  readonly dropout?: number;
  /** recompute each block in the backward pass: less memory, a third more work */
  readonly recompute?: boolean;
}
/** A model that learns: its parameters, their gradients and moments, and the programs that step. */
export class Step implements Disposable {
  readonly model: Model;
  readonly optimiser: Optimiser;
  /** steps taken */
  step = 0;
  protected readonly lora: LoraOptions | undefined;
  protected readonly ema: number | undefined;
  readonly #dropout: number;
  readonly #recompute: boolean;
  /** all parameters, and those that may learn */
  protected readonly specs: readonly ParamSpec[];
  protected readonly learning: readonly ParamSpec[];
  // programs, samplers and log-probers of the losses and shapes seen last: a loop over many sizes does not grow
  protected readonly made = new Recent<Disposable>(24);
  readonly #lossIds = new WeakMap<Loss, number>();
  #losses = 0;
  protected pending = new Set<string>();
  protected random: Rng;

  /** Over a model in memory, at step 0. */
  constructor(model: Model, o: StepOptions = {}) {
    this.model = model;
    this.optimiser = Optimiser.parse(o.optimiser ?? { kind: "adamw" });
    this.random = rng(o.seed ?? 1, "trainer");
    const { state, shape, specs } = model;
    const heads = o.heads ?? [];
    if (heads.length) initParams(state, heads, rng(o.seed ?? 1, "heads"));
    const adapters = o.lora ? addLora(state, shape, o.lora, rng(o.seed ?? 1, "lora")) : [];
    this.lora = o.lora;
    this.ema = o.ema;
    this.#dropout = o.dropout ?? 0;
    this.#recompute = o.recompute ?? false;
    this.specs = [...specs, ...heads, ...adapters];
    const base = o.lora ? adapters.filter((s) => s.shape.length > 0) : specs;
    this.learning = [...base, ...heads].filter(
      (s) => groupOf(this.optimiser, s.name, s.shape.length) !== null,
    );
    if (!this.learning.length)
      throw new TillerError(
        "nothing_learns",
        "every parameter is frozen by a group. Leave something to learn.",
      );
    for (const { name, shape: s } of this.learning) {
      state.buffer(`g:${name}`, s, "float32");
      if (o.ema !== undefined) state.set(`ema:${name}`, s, state.get(name).data);
    }
  }
  /** the parameters that learn */
  get learned(): readonly ParamSpec[] {
    return this.learning;
  }
  /** the generator that is saved with the state; take it anew after `loadState` */
  get rng(): Rng {
    return this.random;
  }
  #build(g: Graph, loss: Loss, batch: Batch, o = { dropout: true }) {
    const { shape } = this.model;
    const params = declare(g, this.specs);
    const tensors = Object.fromEntries(
      Object.entries(batch).map(([name, f]) => [
        name,
        g.input(name, f.shape, f.dtype ?? "float32"),
      ]),
    );
    const dropout = o.dropout &&
      this.#dropout && { rate: this.#dropout, key: g.input("dropout", [], "int64") };
    const made = loss({
      g,
      shape,
      params,
      batch: tensors,
      hidden: (ids, asked) =>
        hiddenStates(shape, params, ids, {
          ...asked,
          ...(dropout && { dropout }),
          recompute: this.#recompute,
        }),
      logits: (hidden) => logits(shape, params, hidden),
      logprobs: (hidden, labels, temperature = 1) =>
        logprobs(shape, params, scaled(hidden, temperature), labels), // logits are linear in the hidden rows
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
  /** loss and metrics as outputs, gradients times `scale` added to g:NAME. */
  #backward(g: Graph, loss: Loss, batch: Batch): string[] {
    const built = this.#build(g, loss, batch);
    outputs(g, built);
    const scaled = mul(built.loss, g.input("scale", []));
    const wanted = this.learning.map((s) => built.params.get(s.name)!);
    const has: string[] = [];
    grad(scaled, wanted).forEach((d, i) => {
      if (!d) return;
      const { name, shape } = this.learning[i]!;
      has.push(name);
      g.update(`g:${name}`, add(g.stateful(`g:${name}`, shape), d));
    });
    return has;
  }
  #program(key: Loss | "step", of: string, build: (g: Graph) => string[]) {
    if (key !== "step" && !this.#lossIds.has(key)) this.#lossIds.set(key, ++this.#losses);
    const id = key === "step" ? key : `loss ${this.#lossIds.get(key)}`;
    return this.made.get(`${id} ${of}`, () => {
      const g = new Graph();
      const has = build(g);
      const program = new Program(g, this.model.state);
      return { program, has, [Symbol.dispose]: () => program[Symbol.dispose]() };
    });
  }

  /**
   * Rows that are quickest at once: in parts of so many tokens what a block writes stays in the processor's cache, and less
   * waits for the backward pass; each part adds to all gradients, so that a large model with few tokens takes them whole.
   */
  #rowsAtOnce(batch: Batch, rows: number): number {
    const { layers, inner } = this.model.shape;
    const tokens = largest(
      Object.values(batch).map((f) => (f.dtype === "int64" ? sizeOf(f.shape) : 0)),
    );
    const learned = this.learning.reduce((n, s) => n + sizeOf(s.shape), 0);
    const parts = Math.min(tokens / PART_TOKENS, (layers * tokens * inner) / learned);
    for (let n = Math.ceil(parts); n > 1 && n < 2 * parts && n <= rows; n++)
      if (rows % n === 0) return rows / n; // all of one size: one program
    return rows;
  }
  /**
   * Adds the gradient of `scale` times the batch's loss to what waits for the next step. `micro`: rows at a time (default: all
   * at once, or what is quickest where the loss has a `normaliser`); the parts count by the loss's `normaliser` (default: their
   * rows), so that the split changes nothing. A loss that is not finite adds nothing and says which tensor went wrong.
   */
  forwardBackward(
    batch: Batch,
    loss: Loss,
    o: {
      readonly scale?: number;
      readonly micro?: number;
      readonly normaliser?: (batch: Batch) => number;
    } = {},
  ): { readonly loss: number; readonly metrics: Readonly<Record<string, Float32Array>> } {
    this.mayChange("forwardBackward");
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
    const { scale = 1, normaliser = loss.normaliser ?? byRows } = o;
    const micro = o.micro ?? (loss.normaliser ? this.#rowsAtOnce(batch, rows) : rows);
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
    const weights = parts.map(normaliser);
    const total = weights.reduce((a, b) => a + b, 0);
    if (!(total > 0))
      throw new TillerError(
        "empty_batch",
        `the batch weighs ${total}: nothing in it is learned from. Leave it out.`,
      );
    let mean = 0;
    const metrics = new Map<string, Float32Array[]>(); // a mean of parts, or the parts to be joined
    for (const [i, one] of parts.entries()) {
      const fraction = weights[i]! / total;
      const shapes = shapesOf(one);
      const { program, has } = this.#program(loss, shapes, (g) => this.#backward(g, loss, one));
      const look = (valueOf: (name: string) => Float32Array) => {
        for (const [name, { shape }] of program.outputs) {
          const key = metricOf(name);
          if (key === undefined) continue;
          const values = valueOf(name);
          const old = metrics.get(key) ?? [];
          if (shape.length > 0) metrics.set(key, [...old, values]);
          else
            metrics.set(key, [
              Float32Array.of((old[0]?.[0] ?? 0) + (fraction && fraction * values[0]!)),
            ]);
        }
      };
      if (fraction === 0) {
        // nothing to learn from, and its mean would be 0 / 0; its rows keep their places among the metrics
        look((name) => new Float32Array(sizeOf(program.outputs.get(name)!.shape)).fill(Number.NaN));
        continue;
      }
      const inputs = {
        ...Object.fromEntries(Object.entries(one).map(([k, f]) => [k, f.data])),
        scale: scale * fraction,
        ...(this.#dropout && { dropout: [this.random.int(2 ** 31)] }),
      };
      try {
        program.run(inputs);
      } catch (e) {
        this.#clear([...this.pending, ...has]); // of its other parts too: a batch counts whole or not at all
        throw e;
      }
      const value = program.float("loss")[0]!;
      if (!Number.isFinite(value)) {
        this.#clear([...this.pending, ...has]);
        throw notFinite(
          `the loss of step ${this.step + 1}`,
          firstNotFinite((g) => void this.#build(g, loss, one), this.model.state, inputs),
        );
      }
      for (const name of has) this.pending.add(name);
      mean += fraction * value;
      look((name) => program.float(name).slice()); // the next part writes there
      this.#last = { loss, batch: one, inputs };
    }
    return {
      loss: mean,
      metrics: Object.fromEntries([...metrics].map(([k, parts]) => [k, joined(parts)])),
    };
  }
  /** Loss and metrics of a batch, without gradients: dropout is off, nothing is learned. */
  forward(
    batch: Batch,
    loss: Loss,
  ): { readonly loss: number; readonly metrics: Readonly<Record<string, Float32Array>> } {
    const { program } = this.#program(loss, `forward ${shapesOf(batch)}`, (g) => {
      outputs(g, this.#build(g, loss, batch, { dropout: false }));
      return [];
    });
    program.run(Object.fromEntries(Object.entries(batch).map(([k, f]) => [k, f.data])));
    const metrics = [...program.outputs.keys()].flatMap((name) => {
      const key = metricOf(name);
      return key === undefined ? [] : [[key, program.float(name).slice()] as const];
    });
    return { loss: program.float("loss")[0]!, metrics: Object.fromEntries(metrics) };
  }
  /** what added gradients last: where to look when they are not finite */
  #last:
    | { loss: Loss; batch: Batch; inputs: Record<string, ArrayLike<number> | number> }
    | undefined;
  #clear(names: Iterable<string>): void {
    for (const name of names) this.model.state.get(`g:${name}`).data.fill(0);
    this.pending = new Set();
  }

  /**
   * Clips what has been added up to the global norm, takes the step, and starts anew. Gradients that are not finite are
   * thrown away with the name of the first bad tensor, and the weights stay.
   */
  optimStep({ lr }: { readonly lr: number }): { readonly gradNorm: number } {
    this.mayChange("optimStep");
    const { state } = this.model;
    if (!Number.isFinite(lr) || lr < 0)
      throw new TillerError(
        "bad_rate",
        `the learning rate of step ${this.step + 1} is ${lr}: it must be a number, 0 or more. The weights are as they were.`,
      );
    const has = this.learning.filter((s) => this.pending.has(s.name));
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
      this.#clear(this.pending);
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
    const decay = this.ema;
    if (decay !== undefined)
      this.#program("step", `ema ${key}`, (g) => {
        averageWeights(new Map(has.map((s) => [s.name, g.stateful(s.name, s.shape)])), decay);
        return [];
      }).program.run();
    this.#clear(this.pending);
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
          this.learning.map((s) => built.params.get(s.name)!),
        );
      },
      this.model.state,
      last.inputs,
    );
    const whose = bad && `the gradient of ${bad.name} (${bad.shape}) is not`;
    return [whose, where].filter(Boolean).join("; first ");
  }
  /** While files are written from the weights' own memory, nothing may change them. */
  #writing = 0;
  protected held(): Disposable {
    this.#writing++;
    return { [Symbol.dispose]: () => void this.#writing-- };
  }
  protected mayChange(what: string): void {
    if (this.#writing > 0)
      throw new TillerError(
        "still_writing",
        `${what} was called while the weights are being written. Await saveState and saveModel before going on.`,
      );
  }

  [Symbol.dispose](): void {
    this.made[Symbol.dispose]();
  }
}

/** Tokens of a part: measured best on two cores with 512 KB each, a tenth quicker than 4,096 at once and than 512. */
const PART_TOKENS = 1024;
const shapesOf = (batch: Batch): string =>
  JSON.stringify(Object.entries(batch).map(([k, f]) => [k, f.shape, f.dtype]));
const METRIC = "metric ";
function outputs(g: Graph, built: ReturnType<Loss>): void {
  g.output("loss", built.loss);
  for (const [name, t] of Object.entries(built.metrics ?? {})) g.output(METRIC + name, t);
}
const metricOf = (output: string): string | undefined =>
  output.startsWith(METRIC) ? output.slice(METRIC.length) : undefined;
