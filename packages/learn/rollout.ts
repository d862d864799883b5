/**
 * Rollouts, one way for every job: full softmax, fixed length, cut by the end rule. Every token keeps the log-prob it was
 * drawn with, and the batch says from which checkpoint, after how many updates, and at which temperature.
 */
import { z } from "zod";
import { Sampler, type Tokenizer } from "@tiller/lm";
import type { Rng } from "@tiller/schema";
import type { Model } from "./model.ts";
import type { Continued } from "./score.ts";

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

/** One sampled continuation, cut by the end rule. */
export interface Episode extends Continued {
  /** false: neither a sentence end nor end-of-text came */
  readonly ended: boolean;
  /** of each token of the response, under the softmax at the temperature it was drawn with */
  readonly logprobs: readonly number[];
  /** of each token, where the model carries a scalar head and the rollout was asked for it: the value before the token ... */
  readonly values: readonly number[];
  /** ... and the entropy in nats of the softmax it was drawn from */
  readonly entropies: readonly number[];
}
export interface Rollout {
  readonly checkpoint: string;
  /** gradient steps taken since that checkpoint */
  readonly updates: number;
  readonly temperature: number;
  readonly episodes: readonly Episode[];
}

/** Draws rollouts of up to `batch` rows from a model. */
export class Actor implements Disposable {
  readonly #model: Model;
  readonly #sampler: Sampler;
  readonly #rule: Continuation;
  readonly #ends: ReadonlySet<number>;
  readonly batch: number;
  /** `frozen`: the weights stay as they are. `critic`: values and entropies too, by the model's scalar head. `bits: 8`: the weights as they are at the first draw, rounded. */
  constructor(
    model: Model,
    batch: number,
    rule: Continuation,
    o: { readonly frozen?: boolean; readonly critic?: boolean; readonly bits?: 8 } = {},
  ) {
    this.#model = model;
    this.batch = batch;
    this.#rule = rule;
    this.#ends = sentenceEnds(model.tokenizer);
    this.#sampler = new Sampler(model.shape, model.state, batch, {
      ...(o.frozen && { frozen: true }),
      ...(o.bits && { bits: o.bits }),
      ...(o.critic && { critic: true, specs: model.specs }),
    });
  }
  /** One continuation a query, each by its own generator: a row does not depend on its neighbours. */
  draw(
    queries: readonly (readonly number[])[],
    rngs: readonly Rng[],
    o: { readonly updates?: number } = {},
  ): Rollout {
    const { maxTokens, minTokens, temperature } = this.#rule;
    const drawn = this.#sampler.sample(queries, { maxTokens, temperature, rngs });
    const episodes = queries.map((query, b) => {
      const { length, ended } = cut(
        drawn.tokens[b]!,
        this.#ends,
        this.#model.tokenizer.eos,
        minTokens,
      );
      const first = (of: readonly number[][] | undefined) => of?.[b]!.slice(0, length) ?? [];
      return {
        query,
        response: first(drawn.tokens),
        ended,
        logprobs: first(drawn.logprobs),
        values: first(drawn.values),
        entropies: first(drawn.entropies),
      };
    });
    return { checkpoint: this.#model.id, updates: o.updates ?? 0, temperature, episodes };
  }
  [Symbol.dispose](): void {
    this.#sampler[Symbol.dispose]();
  }
}
