/**
 * A job: a long computation in a child process of its own. `flow` spawns it, `learn` defines it.
 * A job module exports `run(input, context)`; it keeps its state under `context.dir` and, started
 * again with the same input and dir, goes on from there. It must be safe to run twice to the end.
 */
import type { z } from "zod";
import type { CheckpointId } from "./ids.ts";

export interface JobContext {
  /** A folder of the job's own that survives a crash. */
  readonly dir: string;
  /** Blobs and checkpoints live below this folder. */
  readonly home: string;
  progress(done: number, total: number, note?: string): void;
  metric(step: number, values: Record<string, number>): void;
  sample(sample: {
    step: number;
    prompt: string;
    text: string;
    scores: Record<string, number>;
  }): void;
  /** Named fault point for crash tests: exits with SIGKILL when TILLER_FAULT names it. */
  fault(name: string): void;
  readonly signal: AbortSignal;
}

export interface JobDef<I, O> {
  readonly kind: string;
  /** file URL of the module that exports `run` (or `entry`) */
  readonly module: string;
  readonly entry: string;
  readonly input: z.ZodType<I>;
  readonly output: z.ZodType<O>;
  /** fields of its input that name folders: they must lie where the server may read, and below its home to be written */
  readonly folders?: {
    readonly reads: readonly (keyof I)[];
    readonly writes: readonly (keyof I)[];
  };
}

/** Declares a job; `run` must be exported from `module` under the name `entry`. */
export const defineJob = <I, O>(def: JobDef<I, O>): JobDef<I, O> => def;

/** What a job that makes a checkpoint returns about it. */
export interface NewCheckpoint {
  readonly id: CheckpointId;
  readonly path: string;
  readonly metrics: Record<string, number>;
}
