/**
 * What every policy-gradient method does before it learns: continuations of prompts by the policy (or an older one, or one
 * in 8 bits), the reference's log-probs of them, their scores. One batch of B episodes with R places each.
 */
import { z } from "zod";
import { copyParams, paramSpecs } from "@tiller/lm";
import { type Rng, TillerError } from "@tiller/schema";
import { gather, neg, reshape, State, sum, type Tensor } from "@tiller/tensor";
import { sumOf } from "./batch.ts";
import { rectangle, responseBatch, rowSums } from "./episodes.ts";
import { ensembleScore, k3, maskedMean } from "./formulas.ts";
import { rowsIn } from "./losses.ts";
import { checkSameTokens, type Model } from "./model.ts";
import { effectiveSamples, importanceWeights, type OffPolicy } from "./off-policy.ts";
import { Actor, type Continuation, type Episode } from "./rollout.ts";
import { Logprober, Scorer } from "./score.ts";
import type { Forward, Loss } from "./step.ts";
import type { Trainer } from "./trainer.ts";

/** How several reward models make one score; part of the config of every method that has one. */
export const ensemble = {
  combine: z
    .enum(["mean", "worst", "uncertainty"])
    .default("mean")
    .describe(
      "of several reward models: their mean, the least (worst-case optimisation), or the mean less uncertaintyWeight times their variance (Coste et al. 2023)",
    ),
  uncertaintyWeight: z
    .number()
    .nonnegative()
    .default(0.5)
    .describe("what their variance counts against them"),
  missingEosPenalty: z
    .number()
    .default(1)
    .describe("minus this replaces the score of a continuation that never ends a sentence"),
};
export type Ensemble = z.infer<z.ZodObject<typeof ensemble>>;

/** Episodes with what they are shown by. */
export interface Looked {
  readonly episodes: readonly Episode[];
  readonly old: Float32Array;
  readonly reference: Float32Array;
  readonly score: readonly number[];
}
/** B episodes as arrays of B R numbers, and a score each. */
export interface Collected extends Looked {
  /** 1 where a token of the response stands */
  readonly mask: Float32Array;
  /** log-probs that the tokens were drawn with */
  readonly drawn: Float32Array;
  /** log-probs that ratios are over: those drawn with, or with recompute the learner's own at this moment */
  readonly old: Float32Array;
  readonly reference: Float32Array;
  /** what each token counts beside its advantage */
  readonly importance: Float32Array;
  /** k1 of each token: log old - log reference */
  readonly kl: Float32Array;
  readonly values: Float32Array;
  readonly entropies: Float32Array;
  /** (B) the reward models' score, or what stands for it where the continuation never ended */
  readonly score: number[];
  readonly metrics: Record<string, number>;
}

interface Readers {
  readonly actor: Actor;
  readonly referee: Logprober;
  readonly judges: readonly Scorer[];
}

export class Collector implements Disposable {
  readonly #o: ConstructorParameters<typeof Collector>[0];
  readonly #all: { readonly referee: Logprober; readonly judges: readonly Scorer[] };
  #few: Readers | undefined;
  #actor: Actor | undefined;
  #drawnWith = 0; // gradient steps behind the sampler's weights
  readonly #behind: { readonly model: Model } | undefined;
  readonly #readout: Loss;

  constructor(o: {
    readonly trainer: Trainer;
    /** the trained model, with a critic's head where it has one */
    readonly policy: Model;
    readonly reference: Model;
    readonly rewards: readonly Model[];
    readonly continuation: Continuation;
    readonly batch: number;
    readonly maxPrompt: number;
    readonly critic?: boolean;
    /** of what importance weights are taken */
    readonly ratio?: "token" | "sequence";
    readonly config: OffPolicy & Ensemble;
  }) {
    this.#o = o;
    const R = o.continuation.maxTokens;
    const T = o.maxPrompt + R;
    for (const m of o.rewards) checkSameTokens(o.reference, m, "reward model");
    this.#all = {
      referee: new Logprober(o.reference, { B: o.batch, T, R }, o.continuation.temperature),
      judges: o.rewards.map((m) => new Scorer(m, o.batch, T)),
    };
    const apart = o.config.refreshEvery > 1 || o.config.samplerBits === 8;
    this.#behind = apart ? { model: { ...o.policy, state: new State() } } : undefined;
    this.#readout = readout(o.continuation.temperature, o.critic ?? false);
  }

  /** The sampler; where it may fall behind, over a copy of the weights that is renewed every so many iterations. */
  #sampler(iteration: number): Actor {
    const { policy, batch, continuation, critic, config: c, trainer } = this.#o;
    const options = { ...(critic && { critic }), ...(c.samplerBits === 8 && { bits: 8 as const }) };
    const behind = this.#behind;
    if (!behind) {
      this.#drawnWith = trainer.step;
      return (this.#actor ??= new Actor(policy, batch, continuation, options));
    }
    if (!this.#actor || (iteration - 1) % c.refreshEvery === 0) {
      copyParams(policy.state, behind.model.state, policy.specs);
      this.#drawnWith = trainer.step;
      if (c.samplerBits === 8) this.#actor?.[Symbol.dispose](); // rounded weights are constants of its programs
      if (c.samplerBits === 8) this.#actor = undefined;
      this.#actor ??= new Actor(behind.model, batch, continuation, options);
    }
    return this.#actor;
  }

  /** Log-probs of the reference (n R), each reward model's scores, and the score (n). */
  #judge(
    queries: readonly (readonly number[])[],
    episodes: readonly Episode[],
    mask: Float32Array,
    by: { readonly referee: Logprober; readonly judges: readonly Scorer[] } = this.#all,
  ) {
    const { config: c } = this.#o;
    const reference = by.referee
      .logprobs(
        queries,
        episodes.map((e) => e.response),
      )
      .map((l, i) => l * mask[i]!);
    const each = by.judges.map((judge) => judge.score(episodes));
    const combined = episodes.map((_, b) =>
      ensembleScore(
        each.map((scores) => scores[b]!),
        c,
      ),
    );
    const score = combined.map((s, b) => (episodes[b]!.ended ? s : 0 - c.missingEosPenalty));
    return { reference, each, score };
  }

  /** What the policy writes to a few prompts now: to be looked at, not to learn from, by a sampler of so few rows. */
  look(queries: readonly (readonly number[])[], rngs: readonly Rng[]): Looked {
    const R = this.#o.continuation.maxTokens;
    const few = (this.#few ??= this.#readers(queries.length));
    const { episodes } = few.actor.draw(queries, rngs);
    const spread = (of: (e: Episode) => ArrayLike<number>) => rectangle(episodes.map(of), R);
    const mask = spread((e) => e.response.map(() => 1));
    const { reference, score } = this.#judge(queries, episodes, mask, few);
    return { episodes, old: spread((e) => e.logprobs), reference, score };
  }
  #readers(n: number): Readers {
    const { policy, reference, rewards, continuation, maxPrompt } = this.#o;
    const R = continuation.maxTokens;
    const T = maxPrompt + R;
    return {
      actor: new Actor({ ...policy, specs: paramSpecs(policy.shape) }, n, continuation),
      referee: new Logprober(reference, { B: n, T, R }, continuation.temperature),
      judges: rewards.map((m) => new Scorer(m, n, T)),
    };
  }

  collect(
    iteration: number,
    queries: readonly (readonly number[])[],
    rngs: readonly Rng[],
  ): Collected {
    const { continuation, batch: B, maxPrompt, config: c, trainer } = this.#o;
    const R = continuation.maxTokens;
    const started = performance.now();
    const actor = this.#sampler(iteration);
    const { episodes, updates } = actor.draw(queries, rngs, { updates: this.#drawnWith });
    const staleness = trainer.step - updates;
    if (staleness > c.maxStaleness)
      throw new TillerError(
        "too_stale",
        `the samples of iteration ${iteration} are ${staleness} gradient steps old, more than maxStaleness, ${c.maxStaleness}. Lower refreshEvery, or allow it.`,
      );
    const sampled = performance.now();

    const spread = (of: (e: Episode) => ArrayLike<number>) => rectangle(episodes.map(of), R);
    const mask = spread((e) => e.response.map(() => 1));
    const drawn = spread((e) => e.logprobs);
    let [old, values, entropies] = [drawn, spread((e) => e.values), spread((e) => e.entropies)];
    let learner = drawn;
    if (c.recompute || this.#behind) {
      const all = episodes.map((_, b) => b);
      const batch = responseBatch(all, episodes, { mask }, { R, T: maxPrompt + R });
      const read = trainer.forward(batch, this.#readout).metrics;
      learner = read["logprobs"]!.map((l, i) => l * mask[i]!);
      if (c.recompute) old = learner;
      if (read["values"]) values = read["values"].map((v, i) => v * mask[i]!);
    }
    const { reference, each, score } = this.#judge(queries, episodes, mask);
    const kl = old.map((l, i) => (l - reference[i]!) * mask[i]!);
    const mean = sumOf(score) / B;
    const disagreement = episodes.map((_, b) => spreadOf(each.map((scores) => scores[b]!)));
    return {
      episodes,
      mask,
      drawn,
      old,
      reference,
      importance: importanceWeights(old, drawn, mask, {
        ...c,
        ...(this.#o.ratio === "sequence" && { sequences: R }),
      }),
      kl,
      values,
      entropies,
      score,
      metrics: {
        score: mean,
        scoreSpread: spreadOf(score),
        ...(each.length > 1 && { disagreement: sumOf(disagreement) / B }),
        kl: sumOf(kl) / B,
        k3: sumOf(old.map((l, i) => mask[i]! * k3(l, reference[i]!))) / B,
        ...(this.#o.critic && { entropy: maskedMean(entropies, mask) }),
        surprise: -sumOf(rowSums(drawn, R)) / Math.max(1, sumOf(mask)),
        length: sumOf(mask) / B,
        ended: episodes.filter((e) => e.ended).length / B,
        staleness,
        effective: effectiveSamples(learner, drawn, mask),
        sampling: (sampled - started) / 1000,
        scoring: (performance.now() - sampled) / 1000,
      },
    };
  }
  [Symbol.dispose](): void {
    this.#actor?.[Symbol.dispose]();
    this.#few?.actor[Symbol.dispose]();
    for (const { referee, judges } of [this.#all, ...(this.#few ? [this.#few] : [])])
      for (const reader of [referee, ...judges]) reader[Symbol.dispose]();
  }
}
/** Standard deviation, divided by n. */
export const spreadOf = (xs: readonly number[]): number => {
  const mean = sumOf(xs) / xs.length;
  return Math.sqrt(sumOf(xs.map((x) => (x - mean) ** 2)) / xs.length);
};

/** Log-probs (B, R) of the response tokens by the learner as it is, and its values of them where it has a critic. */
const readout =
  (temperature: number, critic: boolean): Loss =>
  ({ batch, hidden, logprobs: of, scores }: Forward) => {
    const { at, labels } = batch as Record<"at" | "labels", Tensor>;
    const T = batch["ids"]!.shape[1]!;
    const [B, R] = at.shape as [number, number];
    const rows = gather(hidden(batch["ids"]!), rowsIn(at, T));
    const logprobs = reshape(of(rows, reshape(labels, [B * R]), temperature), [B, R]);
    const metrics: Record<string, Tensor> = { logprobs };
    if (critic) metrics["values"] = reshape(scores(rows), [B, R]);
    return { loss: neg(sum(logprobs)), metrics };
  };
