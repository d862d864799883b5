/**
 * Durable workflows: an experiment is an async function whose steps are recorded in Postgres (DBOS Transact) and
 * replayed after a crash. Everything with an effect goes through `step`, `job`, `ask` or the savers below.
 */
import { DBOS } from "@dbos-inc/dbos-sdk";
import type { z } from "zod";
import type { Checkpoint } from "@tiller/schema";
import {
  Bug,
  CheckpointId,
  DatasetId,
  ExperimentId,
  type JobDef,
  type Judgment,
  type LabelledPair,
  type MetricPoint,
  type Report,
  type RunId,
  type Stage,
  type Summary,
  TaskId,
  TillerError,
} from "@tiller/schema";
import {
  batchProgress,
  consumeBatch,
  createExperiment,
  endExperiment,
  endRun,
  getExperiment,
  getMetrics,
  judgmentsOf,
  postBatch,
  readBlob,
  saveCheckpointRow,
  saveDataset,
  saveReport,
  setStage,
  startRun,
  type Store,
  type TaskType,
  waitingBatches,
  writeBlob,
} from "@tiller/store";
import { fault } from "./fault.ts";
import { runIdOf, runJob } from "./jobs.ts";

const BLOB_BYTES = 64_000; // larger step results go to a blob, by hash
const ANSWER_WAIT_SECONDS = 30 * 24 * 3600;
const POLL_MS = 600_000; // NOTIFY delivers at once; polling is the safety net (the default of 10 s floods Postgres)

export interface StageHandle {
  progress(done: number, total: number, note?: string): Promise<void>;
}
export interface Answered<I> {
  readonly id: string;
  readonly task: TaskId;
  readonly input: I;
  readonly judgments: readonly Judgment[];
}

/** What a workflow may do. Names are stable: they key what is recorded. */
export interface Flow {
  readonly experiment: ExperimentId;
  readonly seed: number;
  readonly home: string;
  /** Runs once; its JSON result is recorded. */
  step<T>(name: string, body: () => Promise<T> | T): Promise<T>;
  /** Shows progress under one heading of the pipeline. Not recorded itself: what it calls is. */
  stage<T>(name: string, body: (s: StageHandle) => Promise<T>): Promise<T>;
  /** A long computation in a process of its own; goes on from its snapshot after a crash. */
  job<I, O>(
    name: string,
    def: JobDef<I, O>,
    input: NoInfer<I>,
    o: { stage: string; dataset?: string; parent?: string },
  ): Promise<{ run: RunId; output: O }>;
  /** Asks `people` different people about each input and waits, days if need be. */
  ask<I>(
    name: string,
    type: TaskType,
    inputs: readonly { id: string; input: I }[],
    o: { people: number; stage: string },
  ): Promise<Answered<I>[]>;
  /** Saves a dataset version and returns its content hash. */
  dataset(name: string, rows: readonly LabelledPair[]): Promise<DatasetId>;
  checkpoint(c: {
    name: string;
    kind: Checkpoint["kind"];
    id: string;
    path: string;
    run: RunId | null;
    parent: string | null;
    metrics: Record<string, number>;
  }): Promise<CheckpointId>;
  metrics(run: RunId): Promise<MetricPoint[]>;
  report(r: Report): Promise<void>;
}

export interface WorkflowDef<C, R extends Summary = Summary> {
  readonly name: string;
  readonly title: string;
  readonly config: z.ZodType<C>;
  readonly stages: readonly { name: string; title: string }[];
  readonly run: (flow: Flow, config: C) => Promise<R>;
}

/** Declares an experiment. A changed one gets a new version in its name, beside the old. */
export const workflow = <C>(
  def: Omit<WorkflowDef<C>, "run">,
  run: WorkflowDef<C>["run"],
): WorkflowDef<C> => {
  if (!/^[a-z][a-z0-9-]*@\d+$/.test(def.name))
    throw new TillerError(
      "bad_name",
      `a workflow is named like "study@1", not "${def.name}". Add the version.`,
    );
  return { ...def, run };
};

type Stored<T> = { value: T } | { blob: string };

export interface FlowServer {
  /** Starts the experiment, or goes on with it when this id is known. */
  start<C>(def: WorkflowDef<C>, config: C, o: { id: string; seed: number }): Promise<void>;
  /** The summary once it has ended; throws what it failed with. */
  wait(id: string): Promise<Summary>;
  /** To be called after an answer: wakes the workflow when its batch is complete. */
  answered(a: { batch: string; done: number; wanted: number }): Promise<void>;
  /** Wakes workflows whose batch is complete; for the case that a crash came between an answer and its word. */
  nudge(): Promise<void>;
  close(): Promise<void>;
}

export async function launchFlow(o: {
  store: Store;
  workflows: readonly WorkflowDef<any>[];
  codeRevision: string;
}): Promise<FlowServer> {
  const { store } = o;
  const stopping = new AbortController();
  DBOS.setConfig({
    name: "tiller",
    systemDatabasePool: store.pool,
    applicationVersion: "1", // workflows carry their version in their name
    executorID: "main",
    runAdminServer: false,
    // failures reach people through the experiment's stage and error, not through DBOS's log
    logger: {
      info() {},
      debug() {},
      warn() {},
      error: (e) => (process.env["TILLER_DEBUG"] ? console.error(e) : undefined),
    },
  });
  const registered = new Map<
    string,
    (experiment: string, seed: number, config: unknown) => Promise<Summary>
  >();
  for (const def of o.workflows) {
    const body = (experiment: string, seed: number, config: unknown) =>
      runExperiment(store, def, {
        experiment,
        seed,
        config,
        codeRevision: o.codeRevision,
        signal: stopping.signal,
      });
    registered.set(
      def.name,
      DBOS.registerWorkflow(body, { name: def.name, maxRecoveryAttempts: 10_000 }),
    );
  }
  const answered: FlowServer["answered"] = async ({ batch, done, wanted }) => {
    if (done < wanted) return;
    fault("batch.complete");
    await DBOS.send(batch.split("/")[0]!, batch, `batch ${batch}`);
  };
  await DBOS.launch(); // recovers this executor's pending workflows
  return {
    start: async (def, config, { id, seed }) => {
      const start = registered.get(def.name);
      if (!start) throw new Bug(`workflow ${def.name} is not registered`);
      await createExperiment(store.db, {
        id,
        recipe: def.name,
        title: def.title,
        seed,
        config,
        stages: def.stages,
      });
      const stored = await getExperiment(store.db, id);
      await DBOS.startWorkflow(start, { workflowID: id })(id, stored.seed, stored.config);
      store.emit({ type: "experiment", id: ExperimentId.parse(id) });
    },
    wait: (id) => DBOS.retrieveWorkflow<Summary>(id).getResult() as Promise<Summary>,
    answered,
    nudge: async () => {
      for (const batch of await waitingBatches(store.db)) await answered(batch);
    },
    close: async () => {
      stopping.abort(); // running steps stay pending, for the next start
      await Promise.race([DBOS.shutdown(), new Promise((r) => setTimeout(r, 2000))]);
    },
  };
}

interface Context {
  readonly experiment: string;
  readonly seed: number;
  readonly config: unknown;
  readonly codeRevision: string;
  readonly signal: AbortSignal;
}

async function runExperiment(
  store: Store,
  def: WorkflowDef<unknown>,
  c: Context,
): Promise<Summary> {
  const { db, home } = store;
  const experiment = ExperimentId.parse(c.experiment);
  const emitStage = (stage: Stage) => store.emit({ type: "stage", experiment, stage });

  const step = async <T>(name: string, body: () => Promise<T> | T): Promise<T> => {
    const stored = await DBOS.runStep(
      async (): Promise<Stored<T>> => {
        const value = await body();
        const text = JSON.stringify(value) ?? "null";
        return text.length > BLOB_BYTES
          ? { blob: await writeBlob(home, Buffer.from(text)) }
          : { value };
      },
      { name },
    );
    return "blob" in stored
      ? (JSON.parse((await readBlob(home, stored.blob)).toString("utf8")) as T)
      : stored.value;
  };
  const show = async (name: string, s: Parameters<typeof setStage>[3]) =>
    emitStage(await setStage(db, experiment, name, s));

  const flow: Flow = {
    experiment,
    seed: c.seed,
    home,
    step,
    stage: async (name, body) => {
      const known = (await getExperiment(db, experiment)).stages.find((s) => s.name === name);
      if (!known)
        throw new TillerError(
          "unknown_stage",
          `${def.name} has no stage ${name}. Add it to its list of stages.`,
        );
      if (known.state !== "done") await show(name, { state: "running" });
      try {
        const result = await body({
          progress: (done, total, note) =>
            show(name, { done, total, ...(note === undefined ? {} : { note }) }),
        });
        if (known.state !== "done") await show(name, { state: "done" });
        return result;
      } catch (e) {
        await show(name, { state: "failed", note: (e as Error).message });
        throw e;
      }
    },
    job: async (name, jobDef, input, o) => {
      const run = runIdOf(experiment, name);
      const output = await step(`job ${name}`, async () => {
        await startRun(db, {
          id: run,
          experiment,
          kind: jobDef.kind,
          config: brief(input),
          codeRevision: c.codeRevision,
          dataset: o.dataset ?? null,
          parent: o.parent ?? null,
        });
        await show(o.stage, { run });
        try {
          const made = await runJob({
            store,
            run,
            def: jobDef,
            input,
            signal: c.signal,
            onProgress: (done, total, note) => show(o.stage, { done, total, note }),
          });
          await endRun(db, run, { state: "done", ...outputCheckpoint(made) });
          return made;
        } catch (e) {
          await endRun(db, run, { state: "failed", error: (e as Error).message });
          throw e;
        }
      });
      return { run, output };
    },
    ask: async (name, type, inputs, o) => {
      const batch = `${experiment}/${name}`;
      const topic = `batch ${batch}`;
      await step(`post ${name}`, () =>
        postBatch(db, { id: batch, experiment, type, people: o.people, inputs }),
      );
      // complete answers may have come while nobody listened: look first, then wait for the word
      for (
        let round = 0;
        !(await step(`complete ${name} ${round}`, () => consumeBatch(db, batch)));
        round++
      ) {
        const at = await batchProgress(db, batch);
        await show(o.stage, { done: at.done, total: at.wanted });
        if (
          !(await DBOS.recv(topic, {
            timeoutSeconds: ANSWER_WAIT_SECONDS,
            pollingIntervalMs: POLL_MS,
          } as Parameters<typeof DBOS.recv>[1]))
        )
          throw new TillerError(
            "unanswered",
            `nobody completed ${name} within 30 days: ${at.done} of ${at.wanted} answers. Invite more raters.`,
          );
      }
      const judgments = await step(`answers ${name}`, () => judgmentsOf(db, { batch }));
      const by = Map.groupBy(judgments, (j) => j.task as string);
      return inputs.map(({ id, input }) => ({
        id,
        task: TaskId.parse(`${batch}/${id}`),
        input,
        judgments: by.get(`${batch}/${id}`) ?? [],
      }));
    },
    dataset: async (name, rows) =>
      DatasetId.parse(
        await step(`dataset ${name}`, () => saveDataset(db, home, { name, experiment, rows })),
      ),
    checkpoint: async (p) => {
      await step(`checkpoint ${p.name}`, () =>
        saveCheckpointRow(db, {
          ...p,
          id: CheckpointId.parse(p.id),
          parent: p.parent === null ? null : CheckpointId.parse(p.parent),
        }),
      );
      return CheckpointId.parse(p.id);
    },
    metrics: (run) => step(`metrics ${run}`, () => getMetrics(db, run)),
    report: async (r) => void (await step("report", () => saveReport(db, r))),
  };

  try {
    const summary = await def.run(flow, def.config.parse(c.config));
    await step("end", () => endExperiment(db, experiment, { state: "done", summary }));
    return summary;
  } catch (e) {
    await endExperiment(db, experiment, { state: "failed", error: (e as Error).message });
    throw e;
  } finally {
    store.emit({ type: "experiment", id: experiment });
  }
}

/** A run's configuration as people read it: long lists and texts by their size. */
function brief(input: unknown): unknown {
  return Object.fromEntries(
    Object.entries(input as object).map(([k, v]) => [
      k,
      Array.isArray(v) && v.length > 8 ? `${v.length} items` : v,
    ]),
  );
}
const outputCheckpoint = (made: unknown): { output?: string } => {
  const id = (made as { id?: unknown } | null)?.id;
  return typeof id === "string" ? { output: id } : {};
};
