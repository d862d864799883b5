/**
 * Jobs as a workflow calls them: what the input names is resolved to ids and recorded as the run's inputs, the executor
 * runs it, progress, metrics and samples go to the store as they come, and the checkpoint that it made is registered with
 * its run and parent. A recipe cannot forget any of it.
 */
import { createHash } from "node:crypto";
import type { z } from "zod";
import {
  type Artefact,
  CheckpointId,
  type Distribution,
  type JobDef,
  type MetricPoint,
  RunId,
  type Sample,
  TillerError,
  withArtefacts,
} from "@tiller/schema";
import {
  addDistributions,
  addMetrics,
  addSamples,
  type Identify,
  resolveArtefact,
  runProgress,
  saveCheckpointRow,
} from "@tiller/lab";
import { type Store } from "@tiller/store";
import { type Executor, type JobSpec, moduleOf } from "./executor.ts";
import { checked } from "./options.ts";

const FLUSH_MS = 250;

/** The input with ids in place of folders, parsed by the job's schema, and all that it names. */
export async function resolved<I extends z.ZodType>(
  store: Store,
  def: JobDef<I>,
  input: unknown,
  o: { readonly call: string; readonly identify: Identify | undefined },
): Promise<{ input: z.output<I>; artefacts: Artefact[] }> {
  const { value, artefacts } = await withArtefacts(def.input, input, (a) =>
    resolveArtefact(store.db, a, o.identify),
  );
  return {
    input: checked<z.output<I>>(o.call, def.input as z.ZodType<z.output<I>>, value, "input"),
    artefacts,
  };
}

/** Runs it to its end; throws what it failed with. Unfinished when the server stops, it goes on at the next start. */
export async function runJob<I extends z.ZodType, O extends z.ZodType>(o: {
  readonly store: Store;
  readonly executor: Executor;
  readonly run: RunId;
  /** what the workflow calls it: the name of what it makes */
  readonly name: string;
  readonly def: JobDef<I, O>;
  readonly input: z.output<I>;
  readonly artefacts: readonly Artefact[];
  readonly codeRevision: string;
  readonly onProgress: (done: number, total: number, note: string) => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<{ output: z.output<O>; made: CheckpointId | undefined }> {
  const { db } = o.store;
  let metrics = new Map<number, MetricPoint>();
  let samples: Sample[] = [];
  let distributions: Distribution[] = [];
  let progress: { done: number; total: number; note: string } | undefined;
  const flush = async () => {
    const [points, written, spread, at] = [[...metrics.values()], samples, distributions, progress];
    [metrics, samples, distributions, progress] = [new Map(), [], [], undefined];
    if (points.length) await addMetrics(db, o.run, points);
    for (const point of points)
      o.store.emit({ type: "metric", run: o.run, kind: o.def.kind, point });
    if (written.length) await addSamples(db, written);
    for (const sample of written)
      o.store.emit({ type: "sample", sample: { ...sample, tokens: null } });
    if (spread.length) await addDistributions(db, o.run, spread);
    if (at) {
      await runProgress(db, o.run, at.done, at.total);
      await o.onProgress(at.done, at.total, at.note);
    }
  };
  const broken = new AbortController(); // what cannot be recorded ends the process
  let flushing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    flushing = flushing.then(flush).catch((e: unknown) => broken.abort(e));
  }, FLUSH_MS);
  const spec: JobSpec = {
    id: o.run,
    kind: o.def.kind,
    module: moduleOf(o.def.module),
    revision: o.codeRevision,
    input: o.input,
    artefacts: o.artefacts,
  };
  let end;
  try {
    end = await o.executor.run(spec, {
      on: (e) => {
        if (e.type === "progress") progress = e;
        else if (e.type === "metric") metrics.set(e.step, { step: e.step, values: e.values });
        else if (e.type === "distribution") {
          const { type: _, ...distribution } = e;
          distributions.push(distribution);
        } else {
          const { type: _, index, tokens = null, ...sample } = e;
          const id = `${o.run}-${e.step}-${index}`;
          samples.push({ ...sample, tokens, id, run: o.run, checkpoint: null });
        }
      },
      signal: AbortSignal.any([o.signal, broken.signal]),
    });
  } finally {
    clearInterval(timer);
  }
  await flushing;
  if (broken.signal.aborted) throw broken.signal.reason;
  await flush();
  if (end.state === "cancelled") return new Promise<never>(() => {}); // an error would end the workflow
  if (end.state === "failed") throw end.error;
  if (end.state === "crashed")
    throw new TillerError(
      "job_crashed",
      `the ${o.def.kind} job's process ended ${end.attempts} times, at last with ${end.why}. Give it more memory or a smaller configuration, and start the experiment under another --seed or --home.`,
    );
  const output = o.def.output.parse(end.output);
  if (!end.made) return { output, made: undefined };
  const { role, path, metrics: figures } = end.made;
  const [id, parent] = [end.made.id, end.made.parent].map((x) => x && CheckpointId.parse(x));
  const row = { name: o.name, role, path, run: o.run, metrics: figures };
  await saveCheckpointRow(db, {
    ...row,
    id: id as CheckpointId,
    parent: (parent || null) as CheckpointId | null,
  });
  return { output, made: id as CheckpointId };
}

/** A run's id follows from its node: a recovered workflow finds its job again. It names a folder too. */
export function runIdOf(node: string): RunId {
  const name = node.replaceAll("/", ".");
  // a name with a dot of its own may be another's place, and a folder's name has 255 bytes
  if (!node.includes(".") && Buffer.byteLength(name) <= LONGEST_FOLDER) return RunId.parse(name);
  const hash = createHash("sha256").update(node).digest("hex").slice(0, 12);
  return RunId.parse(`${name.slice(0, 60).toWellFormed()}-${hash}`);
}
const LONGEST_FOLDER = 180;
