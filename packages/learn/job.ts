/** What every training job does once: go on from its state, step, check, log, save, stop. */
import path from "node:path";
import { z } from "zod";
import { type JobContext, TillerError } from "@tiller/schema";
import type { Trainer } from "./trainer.ts";

export interface Stepped<L> {
  readonly metrics: Record<string, number>;
  /** one line for people */
  readonly note: string;
  /** what the next step begins from, beside the trainer's state */
  readonly loop: L;
  /** why the run ends here, before its last step */
  readonly stop?: string;
}

/**
 * Takes steps 1 to `steps` of a run, each once: begins after the last saved one, saves every `saveEvery`, and gives every
 * metric to the job. A metric that is not finite ends the run by its name. Returns the loop's value after the last step.
 */
export async function train<L>(
  job: JobContext,
  trainer: Trainer,
  o: {
    readonly name: string;
    /** what a step is called, in messages and the fault point */
    readonly step: string;
    readonly steps: number;
    readonly saveEvery: number;
    readonly lr: number;
    readonly Loop: z.ZodType<L>;
    readonly start: L;
    readonly run: (n: number, loop: L) => Promise<Stepped<L>> | Stepped<L>;
  },
): Promise<L> {
  // an older Tiller's snapshot.safetensors beside it is left alone: its moments are of another step
  const file = path.join(job.dir, "state.safetensors");
  const Saved = z.strictObject({ n: z.int(), loop: o.Loop, stopped: z.boolean() });
  const saved = await trainer.loadState(file, Saved);
  let { n, loop, stopped } = saved ?? { n: 0, loop: o.start, stopped: false };
  while (n < o.steps && !stopped) {
    if (job.signal.aborted) throw new Error("stopped");
    const made = await o.run(++n, loop);
    const odd = Object.entries(made.metrics).find(([, value]) => !Number.isFinite(value));
    if (odd)
      throw new TillerError(
        "not_finite",
        `${odd[0]} became ${odd[1]} at ${o.step} ${n} of ${o.steps}. Lower lr (${o.lr}).`,
      );
    loop = made.loop;
    stopped = made.stop !== undefined;
    job.metric(n, made.metrics);
    if (stopped) job.progress(o.steps, o.steps, `stopped at ${o.step} ${n}: ${made.stop}`);
    else job.progress(n, o.steps, made.note);
    if (stopped || n % o.saveEvery === 0) await trainer.saveState(file, { n, loop, stopped });
    job.fault(`${o.name}.${o.step}`);
    await new Promise((r) => setImmediate(r)); // messages and signals get a turn
  }
  return loop;
}
