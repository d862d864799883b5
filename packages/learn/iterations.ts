/** What surrounds the iterations of a policy-gradient method that keeps no state of its own: grpo.ts, rloo.ts, reinforce-plus-plus.ts, expert-iteration.ts. */
import { z } from "zod";
import { type JobContext, type NewCheckpoint, type Rng, rng } from "@tiller/schema";
import type { Collected } from "./collect.ts";
import { train } from "./job.ts";
import type { Opened, PolicyInput } from "./policy-gradient.ts";
import type { TokenArrays } from "./show.ts";

/** Each of some prompts k times, side by side. */
export const groupsOf = (
  random: Rng,
  prompts: Opened["prompts"],
  c: { readonly batch: number; readonly group: number },
): (readonly number[])[] =>
  Array.from({ length: c.batch / c.group }, () => random.choose(prompts)).flatMap((q) =>
    Array.from({ length: c.group }, () => q),
  );

/** What one iteration of a method did. */
export interface Iterated {
  readonly made: Collected;
  /** beside those of the collection */
  readonly metrics: Record<string, number>;
  /** by token, to be looked at */
  readonly arrays?: TokenArrays;
}
/**
 * Iterations of a method without state of its own: `step` asks, learns and says what came of it; around it texts are shown,
 * time is taken, the run is recorded, and ended past `stopKl`. Saves the policy.
 */
export async function iterate(
  name: string,
  input: PolicyInput,
  job: JobContext,
  run: Opened,
  step: (o: {
    readonly random: Rng;
    /** responses to the queries, with their scores */
    readonly collect: (queries: readonly (readonly number[])[]) => Collected;
    /** of learning rates that go by iterations: part of the run that is left */
    readonly left: number;
  }) => Iterated,
): Promise<NewCheckpoint> {
  const { config: c, seed } = input;
  const last = await train(job, run.trainer, {
    name,
    step: "iteration",
    steps: c.iterations,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop: z.record(z.string(), z.number()).describe("metrics of the last iteration"),
    start: {},
    run: (iteration) => {
      run.show(iteration);
      const started = performance.now();
      let collected = started;
      const { made, metrics, arrays } = step({
        random: rng(seed, name, iteration),
        left: 1 - (iteration - 1) / c.iterations,
        collect: (queries) => {
          const rngs = queries.map((_, b) => rng(seed, name, iteration, b));
          const drawn = run.collector.collect(iteration, queries, rngs);
          collected = performance.now();
          return drawn;
        },
      });
      const ended = performance.now();
      run.show(iteration, made, arrays);
      const all: Record<string, number> = {
        ...made.metrics,
        ...metrics,
        shortened: run.shortened,
        update: (ended - collected) / 1000,
        episodesPerSecond: c.batch / ((ended - started) / 1000),
      };
      const [score, kl] = [all["score"]!, all["kl"]!];
      return {
        metrics: all,
        note: `reward ${score.toFixed(2)}, KL ${kl.toFixed(1)} nats`,
        loop: all,
        ...(kl > c.stopKl && { stop: `KL ${kl.toFixed(1)} nats` }),
      };
    },
  });
  const metrics = { score: last["score"]!, kl: last["kl"]! };
  return run.trainer.saveModel(job.out, { role: "policy", metrics, config: { ...c, seed } });
}
