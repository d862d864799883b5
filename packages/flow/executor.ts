/**
 * Where jobs run. A job is handed over as an id, its kind, an input that names artefacts by id, and the code's revision: no
 * file URL and no path of this machine. What comes back is a stream of events, an end, and the checkpoint that it made.
 * Here: a child process on this machine, so that the server answers in milliseconds while a model trains.
 */
import { fork } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import {
  type Artefact,
  artefactKinds,
  Distribution,
  JobSample,
  type RunId,
  TillerError,
} from "@tiller/schema";
import { artefactPath, type Identify, type ModelFolder } from "@tiller/lab";
import { type Store, whileFull, writeWhole } from "@tiller/store";

export interface JobSpec {
  readonly id: RunId;
  readonly kind: string;
  /** the module that defines it, from the root of the tree of that revision: packages/learn/ppo.ts */
  readonly module: string;
  readonly revision: string;
  /** parsed; checkpoints and datasets by id */
  readonly input: unknown;
  /** all that the input names */
  readonly artefacts: readonly Artefact[];
}

export const JobEvent = z.discriminatedUnion("type", [
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
  JobSample.extend({ type: z.literal("sample"), index: z.number() }),
  Distribution.extend({ type: z.literal("distribution") }),
]);
export type JobEvent = z.infer<typeof JobEvent>;

export type JobEnd =
  | { readonly state: "done"; readonly output: unknown; readonly made?: MadeCheckpoint }
  /** an error that the job itself reported: it is final */
  | { readonly state: "failed"; readonly error: TillerError }
  /** its process ended, as often as the executor tries */
  | { readonly state: "crashed"; readonly attempts: number; readonly why: string }
  | { readonly state: "cancelled" };
export interface MadeCheckpoint extends ModelFolder {
  readonly path: string;
}

export interface Executor {
  /**
   * Starts the job, goes on with it, or attaches to it where it runs or has ended: by its id. Events come as they happen,
   * again where a step is taken again; `signal` cancels.
   */
  run(
    spec: JobSpec,
    o: { readonly on: (e: JobEvent) => void; readonly signal: AbortSignal },
  ): Promise<JobEnd>;
}

/** Below these a module's place is named; everything else is no part of the tree that a revision names. */
const root = path.resolve(import.meta.dirname, "../..");
export const moduleOf = (url: string): string =>
  path.relative(root, fileURLToPath(url)).replaceAll(path.sep, "/");
export const moduleFile = (module: string): string => path.resolve(root, module);

/** What the child reads from `job.json` in its folder: the spec, and where its artefacts stand on this machine. */
export const LocalJob = z.strictObject({
  kind: z.string(),
  module: z.string(),
  input: z.unknown(),
  artefacts: z.array(
    z.strictObject({ kind: z.enum(artefactKinds), id: z.string(), path: z.string() }),
  ),
});
export const Message = z.discriminatedUnion("type", [
  ...JobEvent.options,
  z.strictObject({ type: z.literal("done") }),
  z.strictObject({ type: z.literal("failed"), code: z.string(), message: z.string() }),
]);
export type Message = z.infer<typeof Message>;
/** Files in a job's folder. */
export const files = { job: "job.json", result: "result.json", out: "checkpoint" } as const;

const ATTEMPTS = 3;

/** Child processes of this one; a job's folder below HOME/jobs is named by its id, so that a restart goes on from it. */
export class LocalExecutor implements Executor {
  readonly #store: Pick<Store, "db" | "home">;
  readonly #identify: Identify | undefined;
  constructor(store: Pick<Store, "db" | "home">, identify: Identify | undefined) {
    this.#store = store;
    this.#identify = identify;
  }

  async run(spec: JobSpec, o: Parameters<Executor["run"]>[1]): Promise<JobEnd> {
    const { db, home } = this.#store;
    const dir = path.join(home, "jobs", spec.id);
    mkdirSync(dir, { recursive: true });
    const finished = await this.#result(dir);
    if (finished) return finished; // done before a crash: not again
    const artefacts = await Promise.all(
      spec.artefacts.map(async (a) => ({
        kind: a.kind,
        id: a.id,
        path: await artefactPath(db, home, a),
      })),
    );
    const { kind, module, input } = spec;
    const job: z.infer<typeof LocalJob> = { kind, module, input, artefacts };
    await whileFull(() => writeWhole(path.join(dir, files.job), JSON.stringify(job)), o.signal);
    // a process that dies (out of memory, kill -9) is started again from its snapshot; an error it reports is final
    let why = "";
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const ended = await child(dir, { ...o, attempt });
      if (o.signal.aborted) return { state: "cancelled" };
      if (ended instanceof TillerError) return { state: "failed", error: ended };
      if (ended === undefined) return (await this.#result(dir))!;
      why = ended;
    }
    return { state: "crashed", attempts: ATTEMPTS, why };
  }

  async #result(dir: string): Promise<JobEnd | undefined> {
    const text = await readFile(path.join(dir, files.result), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    const output: unknown = JSON.parse(text);
    const out = path.join(dir, files.out);
    if (!existsSync(out)) return { state: "done", output };
    if (!this.#identify)
      throw new TillerError(
        "no_model_reader",
        `a job left a model in ${out}, and this server reads no models' folders. Start it as npm start does.`,
      );
    return { state: "done", output, made: { ...(await this.#identify(out)), path: out } };
  }
}

/** One process of a job: undefined when it is done, the error it reported, or what else ended it. */
async function child(
  dir: string,
  o: { on: (e: JobEvent) => void; signal: AbortSignal; attempt: number },
): Promise<undefined | TillerError | string> {
  const { TILLER_FAULT: faultName, ...environment } = process.env;
  const process_ = fork(fileURLToPath(new URL("./job-child.ts", import.meta.url)), [dir], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // a named fault kills the first process only
    env: o.attempt === 0 && faultName ? { ...environment, TILLER_FAULT: faultName } : environment,
  });
  let stderr = "";
  process_.stderr?.on("data", (b: Buffer) => (stderr = (stderr + b.toString()).slice(-4000)));
  let failed: TillerError | undefined;
  process_.on("message", (raw) => {
    const m = Message.parse(raw);
    if (m.type === "failed") failed = new TillerError(m.code, m.message);
    else if (m.type !== "done") o.on(m);
  });
  const kill = () => process_.kill("SIGKILL");
  if (o.signal.aborted) kill();
  o.signal.addEventListener("abort", kill, { once: true });
  const ended = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
    (resolve) => process_.on("close", (code, signal) => resolve({ code, signal })),
  );
  o.signal.removeEventListener("abort", kill);
  if (failed) return failed;
  if (ended.code === 0) return undefined;
  const why = stderr.trim().split("\n").slice(-3).join(" | ");
  return `${ended.signal ?? `code ${ended.code}`}${why ? `: ${why}` : ""}`;
}
