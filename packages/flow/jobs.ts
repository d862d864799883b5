/**
 * Runs a job in a child process of its own: the server answers in milliseconds while a model trains, and a crash
 * of one does not take the other. Progress, metrics and samples go to the store as they come; the child's folder
 * is named by the run, so that a restart goes on from its last snapshot.
 */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type JobDef, type MetricPoint, RunId, type Sample, TillerError } from "@tiller/schema";
import {
  addMetrics,
  addSamples,
  inputPath,
  runProgress,
  type Store,
  whileFull,
  writeWhole,
} from "@tiller/store";

/** What the child sends. */
export const Message = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("progress"),
    done: z.number(),
    total: z.number(),
    note: z.string(),
  }),
  z.strictObject({
    type: z.literal("metric"),
    step: z.number(),
    values: z.record(z.string(), z.number()),
  }),
  z.strictObject({
    type: z.literal("sample"),
    step: z.number(),
    index: z.number(),
    prompt: z.string(),
    text: z.string(),
    scores: z.record(z.string(), z.number()),
  }),
  z.strictObject({ type: z.literal("done") }),
  z.strictObject({ type: z.literal("failed"), code: z.string(), message: z.string() }),
]);
export type Message = z.infer<typeof Message>;
const FLUSH_MS = 250;

interface JobRun<I, O> {
  readonly store: Store;
  readonly run: RunId;
  readonly def: JobDef<I, O>;
  readonly input: I;
  readonly onProgress: (done: number, total: number, note: string) => Promise<void>;
  readonly signal: AbortSignal;
}
const ATTEMPTS = 3;

/** A fork may put any text in place of a result: what a job is to read or write lies where this server may. */
async function refuseFolders<I, O>({ store, def, input }: JobRun<I, O>): Promise<void> {
  const { reads = [], writes = [] } = def.folders ?? {};
  for (const field of reads) await inputPath(String(input[field]), { kind: "folder" });
  for (const field of writes) {
    const at = path.resolve(String(input[field]));
    if (!at.startsWith(`${path.resolve(store.home)}${path.sep}`))
      throw new TillerError(
        "not_below_home",
        `the ${def.kind} job would write to ${at} (${String(field)}), and writes only below ${store.home}. Name a folder there.`,
      );
  }
}

export async function runJob<I, O>(o: JobRun<I, O>): Promise<O> {
  const dir = path.join(o.store.home, "jobs", o.run);
  mkdirSync(dir, { recursive: true });
  const resultFile = path.join(dir, "result.json");
  const finished = await readFile(resultFile, "utf8").catch(() => undefined);
  if (finished !== undefined) return o.def.output.parse(JSON.parse(finished)); // done before a crash: not again
  await refuseFolders(o);
  const input = JSON.stringify(o.input);
  await whileFull(() => writeWhole(path.join(dir, "input.json"), input), o.signal);

  // a process that dies (out of memory, kill -9) is started again from its snapshot; an error it reports is final
  let crash: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    crash = await runOnce(o, dir, attempt);
    if (o.signal.aborted) return new Promise<never>(() => {}); // an error would end the workflow; unfinished, it goes on at the next start
    if (crash === undefined)
      return o.def.output.parse(JSON.parse(await readFile(resultFile, "utf8")));
  }
  throw new TillerError(
    "job_crashed",
    `the ${o.def.kind} job's process ended ${ATTEMPTS} times, at last with ${crash}. Give it more memory or a smaller configuration, and start the experiment under another --seed or --home.`,
  );
}

/** One process of the job; what ended it when it was not the job itself. */
async function runOnce<I, O>(
  o: JobRun<I, O>,
  dir: string,
  attempt: number,
): Promise<string | undefined> {
  const { TILLER_FAULT: faultName, ...environment } = process.env;
  const child = fork(
    fileURLToPath(new URL("./job-child.ts", import.meta.url)),
    [o.def.module, o.def.entry, dir, o.store.home],
    {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // a named fault kills the first process only
      env: attempt === 0 && faultName ? { ...environment, TILLER_FAULT: faultName } : environment,
    },
  );
  let stderr = "";
  child.stderr?.on("data", (b: Buffer) => (stderr = (stderr + b.toString()).slice(-4000)));
  let metrics = new Map<number, MetricPoint>();
  let samples: Sample[] = [];
  let progress: { done: number; total: number; note: string } | undefined;
  let failed: TillerError | undefined;
  child.on("message", (raw) => {
    const m = Message.parse(raw);
    if (m.type === "progress") progress = m;
    else if (m.type === "metric") metrics.set(m.step, { step: m.step, values: m.values });
    else if (m.type === "sample")
      samples.push({
        id: `${o.run}-${m.step}-${m.index}`,
        run: o.run,
        checkpoint: null,
        step: m.step,
        prompt: m.prompt,
        text: m.text,
        scores: m.scores,
      });
    else if (m.type === "failed") failed = new TillerError(m.code, m.message);
  });
  const flush = async () => {
    const [points, written, at] = [[...metrics.values()], samples, progress];
    [metrics, samples, progress] = [new Map(), [], undefined];
    if (points.length) await addMetrics(o.store.db, o.run, points);
    for (const point of points)
      o.store.emit({ type: "metric", run: o.run, kind: o.def.kind, point });
    if (written.length) await addSamples(o.store.db, written);
    for (const sample of written) o.store.emit({ type: "sample", sample });
    if (at) {
      await runProgress(o.store.db, o.run, at.done, at.total);
      await o.onProgress(at.done, at.total, at.note);
    }
  };
  let flushing: Promise<void> = Promise.resolve();
  let broken: unknown;
  const timer = setInterval(() => {
    flushing = flushing.then(flush).catch((e: unknown) => {
      broken = e;
      child.kill("SIGKILL");
    });
  }, FLUSH_MS);
  const abort = () => child.kill("SIGKILL");
  o.signal.addEventListener("abort", abort, { once: true });
  const ended = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
    (resolve) => child.on("close", (code, signal) => resolve({ code, signal })),
  );
  clearInterval(timer);
  o.signal.removeEventListener("abort", abort);
  await flushing;
  if (broken) throw broken as Error;
  await flush();
  if (failed) throw failed;
  if (ended.code === 0 || o.signal.aborted) return undefined;
  const why = stderr.trim().split("\n").slice(-3).join(" | ");
  return `${ended.signal ?? `code ${ended.code}`}${why ? `: ${why}` : ""}`;
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
