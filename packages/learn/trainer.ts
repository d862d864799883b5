/**
 * Training one call at a time, in the manner of Tinker: `forwardBackward` adds gradients of any loss up, `optimStep` takes
 * the step (step.ts), `sample` and `logprobs` read the same weights, `saveState` keeps all of it so that a run goes on to the bit.
 */
import { z } from "zod";
import { mergedWeight, Sampler, saveCheckpoint } from "@tiller/lm";
import {
  CheckpointId,
  fromState,
  largest,
  type NewCheckpoint,
  rng,
  TillerError,
} from "@tiller/schema";
import { bucket } from "./batch.ts";
import { loadModel } from "./model.ts";
import { Logprober } from "./score.ts";
import { loadSnapshot, saveSnapshot } from "./snapshot.ts";
import { Step, type StepOptions } from "./step.ts";

const Cursor = z.strictObject({
  step: z.int(),
  rng: z.array(z.number()),
  pending: z.array(z.string()).describe("parameters whose gradients wait for a step"),
  loop: z.unknown(),
});

export class Trainer extends Step {
  /** A trainer of the checkpoint in `dir`, at step 0. */
  static async open(dir: string, o: StepOptions = {}): Promise<Trainer> {
    return new Trainer(await loadModel(dir), o);
  }
  /** Continuations of prompts, with the log-prob of each token. Draws come from the trainer's own generator. */
  sample(
    prompts: readonly (readonly number[])[],
    o: { readonly maxTokens: number; readonly temperature?: number; readonly topP?: number },
  ): { readonly tokens: number[][]; readonly logprobs: number[][] } {
    const { shape, state } = this.model;
    const longest = largest(prompts.map((p) => p.length)) + o.maxTokens;
    const context = bucket(longest, shape.positions);
    const sampler = this.made.get(
      `sample ${prompts.length} ${context}`,
      () => new Sampler(shape, state, prompts.length, { context, specs: this.specs }),
    );
    const seed = this.random.int(2 ** 31);
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
    const logprober = this.made.get(
      `logprobs ${rows.length} ${T} ${R} ${temperature}`,
      () =>
        new Logprober({ ...this.model, specs: this.specs }, { B: rows.length, T, R }, temperature),
    );
    const flat = logprober.logprobs(
      rows.map((r) => r.query),
      rows.map((r) => r.response),
    );
    return rows.map((r, b) => [...flat.subarray(b * R, b * R + r.response.length)]);
  }
  /** Weights, moments, averages, waiting gradients, the generator, the step, and `loop`, in one file written whole or not at all. */
  async saveState(file: string, loop: unknown = null): Promise<void> {
    const keep = (name: string) => !name.startsWith("g:") || this.pending.has(name.slice(2));
    const cursor: z.infer<typeof Cursor> = {
      step: this.step,
      rng: [...this.random.state()],
      pending: [...this.pending],
      loop,
    };
    using _ = this.held();
    await saveSnapshot(file, { trainer: this.model.state }, cursor, { keep });
  }
  /** Goes on from a saved state; returns its `loop`, undefined where there is no such file. */
  async loadState<T>(file: string, Loop: z.ZodType<T>): Promise<T | undefined> {
    this.mayChange("loadState");
    const saved = await loadSnapshot(file, { trainer: this.model.state }, Cursor);
    if (!saved) return undefined;
    this.step = saved.step;
    this.random = fromState(saved.rng);
    this.pending = new Set(saved.pending);
    return Loop.parse(saved.loop);
  }

  /** Writes a checkpoint folder: the weights, or their average; adapters are merged into a copy. */
  async saveModel(
    dir: string,
    o: {
      readonly ema?: boolean;
      readonly metrics?: Readonly<Record<string, number>>;
      /** default: a reward model where it has a scalar head, else a language model */
      readonly role?: string;
      /** what made it; default: the optimiser, and the adapters */
      readonly config?: Readonly<Record<string, unknown>>;
    } = {},
  ): Promise<NewCheckpoint> {
    const { model } = this;
    if (o.ema && this.ema === undefined)
      throw new TillerError(
        "no_average",
        "no average of the weights is kept. Open the trainer with ema: 0.999 or so.",
      );
    const learned = new Set(this.learning.map((s) => s.name));
    const { state } = model;
    // what is written is asked for a tensor at a time, so that a sum of two stands beside the weights only that long
    const valueOf = (name: string) => {
      const from = o.ema && learned.has(name) ? `ema:${name}` : name;
      return state.has(from) ? state.get(from).data : undefined;
    };
    const role = o.role ?? (state.has("score.weight") ? "reward" : "lm");
    // a policy's scalar head is its critic: nothing to serve
    const own = (name: string) =>
      !name.includes("lora") &&
      !name.startsWith("likelihood.") &&
      (role !== "policy" || !/^(score|critic)\./.test(name));
    const written = this.specs
      .filter((s) => own(s.name))
      .map(({ name, shape }) => ({
        name,
        shape,
        get data() {
          return mergedWeight(model.shape, name, valueOf);
        },
      }));
    using _ = this.held();
    const metrics = { step: this.step, ...o.metrics };
    const { id } = await saveCheckpoint(dir, {
      config: model.config,
      tensors: new Map(written.map((t) => [t.name, t])),
      tokenizer: model.tokenizerJson,
      chatFiles: model.chatFiles,
      meta: {
        role,
        parent: model.id || null,
        metrics,
        config: o.config ?? { optimiser: this.optimiser, ...(this.lora && { lora: this.lora }) },
        pooling: model.pooling,
      },
    });
    return { checkpoint: CheckpointId.parse(id), metrics };
  }
}
