/**
 * What people see of a policy while it learns: texts of the same few prompts at every so many iterations, the base's first;
 * the best and the worst of a batch with what training made of each token; how scores were spread.
 */
import { type JobContext, type JobSample, rng } from "@tiller/schema";
import { sumOf } from "./batch.ts";
import type { Collected, Collector, Looked } from "./collect.ts";

import type { Model } from "./model.ts";

/** Prompts that are the same every time. */
const FIXED = 4;
/** (B R) beside the log-probs, as a method has them. */
export interface TokenArrays {
  readonly values?: Float32Array;
  readonly advantages?: Float32Array;
  readonly rewards?: Float32Array;
}

/** Shows iteration `iteration`; `before`: nothing has been learned yet, and the texts are the base's. */
export function show(
  job: JobContext,
  o: {
    readonly iteration: number;
    readonly before?: boolean;
    readonly every: number;
    readonly last: number;
    readonly seed: number;
    readonly batch: number;
    readonly prompts: readonly (readonly number[])[];
    readonly collector: Pick<Collector, "look">;
    readonly tokenizer: Model["tokenizer"];
    readonly R: number;
    readonly made?: Pick<Collected, keyof Looked>;
    readonly arrays?: TokenArrays;
  },
): void {
  const { iteration, before, tokenizer, R } = o;
  if (before ? iteration !== 1 : iteration % o.every && iteration !== o.last) return;
  const say = (
    of: Looked,
    b: number,
    step: number,
    pick: JobSample["pick"],
    arrays: TokenArrays,
  ) => {
    const e = of.episodes[b]!;
    const at = (x: Float32Array | undefined, t: number) => x?.[b * R + t];
    const kl = e.response.map((_, t) => of.old[b * R + t]! - of.reference[b * R + t]!);
    job.sample({
      step,
      pick,
      prompt: tokenizer.decode(e.query),
      text: tokenizer.decode(e.response),
      scores: { reward: of.score[b]!, kl: sumOf(kl) },
      tokens: e.response.map((id, t) => ({
        text: tokenizer.decode([id]),
        logprob: of.old[b * R + t]!,
        refLogprob: of.reference[b * R + t]!,
        ...given("value", at(arrays.values, t)),
        ...given("advantage", at(arrays.advantages, t)),
        ...given("reward", at(arrays.rewards, t)),
      })),
    });
  };
  // the same prompts with the same random numbers: what differs is what was learned
  const fixed = [...new Map(o.prompts.map((p) => [p.join(), p])).values()].slice(
    0,
    Math.min(FIXED, o.batch),
  );
  const looked = o.collector.look(
    fixed,
    fixed.map((_, b) => rng(o.seed, "fixed", b)),
  );
  fixed.forEach((_, b) => say(looked, b, before ? 0 : iteration, "fixed", {}));
  if (before || !o.made) return;
  const { score } = o.made;
  const order = score.map((_, b) => b).sort((a, b) => score[b]! - score[a]!);
  for (const b of order.slice(0, 2)) say(o.made, b, iteration, "best", o.arrays ?? {});
  for (const b of order.slice(-2)) say(o.made, b, iteration, "worst", o.arrays ?? {});
  job.distribution({ step: iteration, name: "score", values: [...score] });
}
const given = <K extends string>(name: K, x: number | undefined) =>
  x === undefined ? {} : { [name]: x };
