/** What every training job does once: go on from its state, step, check, log, save, stop; and what proves later that its steps are these. */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { writeFileSafely } from "@tiller/lm";
import { type JobContext, TillerError, VerifiedSteps } from "@tiller/schema";
import type { Trainer } from "./trainer.ts";

/** Steps that are taken again to verify a run. */
const VERIFIED = 10;
/** sha256 of all that learns, in order. */
function digestOf(trainer: Trainer): string {
  const hash = createHash("sha256");
  for (const { name } of trainer.learned) {
    const { buffer, byteOffset, byteLength } = trainer.model.state.get(name).data;
    hash.update(name).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}

export interface Stepped<L> {
  readonly metrics: Record<string, number>;
  /** one line for people */
  readonly note: string;
  /** what the next step begins from, beside the trainer's state */
  readonly loop: L;
  /** why the run ends here, before its last step */
  readonly stop?: string;
}

/** Ends a job that only takes recorded steps again. */
export class Verified extends Error {
  readonly sha256: string;
  constructor(sha256: string) {
    super("the recorded steps are taken");
    this.sha256 = sha256;
  }
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
  mkdirSync(job.dir, { recursive: true });
  const Saved = z.strictObject({ n: z.int(), loop: o.Loop, stopped: z.boolean() });
  const saved = await trainer.loadState(file, Saved);
  let { n, loop, stopped } = saved ?? { n: 0, loop: o.start, stopped: false };
  // the first steps, and those after a state in the middle: each with the digest of the weights that they led to
  const kept = path.join(job.dir, VerifiedSteps.state);
  const record = path.join(job.dir, VerifiedSteps.file);
  const spans: z.infer<typeof VerifiedSteps.Record> = existsSync(record)
    ? VerifiedSteps.Record.parse(JSON.parse(readFileSync(record, "utf8")))
    : [{ from: 0, to: Math.min(VERIFIED, o.steps) }];
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
    if (stopped || n % o.saveEvery === 0) {
      await trainer.saveState(file, { n, loop, stopped });
      if (spans.length === 1 && n >= o.steps / 2 && n + VERIFIED <= o.steps && !stopped) {
        copyFileSync(file, kept);
        spans.push({ from: n, to: n + VERIFIED });
        await writeFileSafely(record, JSON.stringify(spans));
      }
    }
    if (job.verifies?.to === n) throw new Verified(digestOf(trainer));
    for (const span of spans)
      if (span.to === n || (stopped && span.from < n && n < span.to)) {
        Object.assign(span, { to: n, sha256: digestOf(trainer) });
        await writeFileSafely(record, JSON.stringify(spans));
      }
    job.fault(`${o.name}.${o.step}`);
    await new Promise((r) => setImmediate(r)); // messages and signals get a turn
  }
  return loop;
}
