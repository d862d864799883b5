/** The calls of a flow that belong to the lab: headings, jobs, datasets, checkpoints, the report. */
import type { z } from "zod";
import {
  DatasetId,
  type JobDef,
  type MetricPoint,
  NewReport,
  type RowSchema,
  type RunId,
  type Stage,
  TillerError,
  UNNAMED_ROWS,
} from "@tiller/schema";
import {
  datasetRows,
  endRun,
  getExperiment,
  getMetrics,
  publishCheckpoint,
  saveDataset,
  saveReport,
  setStage,
  startRun,
} from "@tiller/lab";
import { patient, whileFull } from "@tiller/store";
import type { Flow, StageHandle, WorkflowDef } from "./define.ts";
import { isControl, nodeError } from "./failures.ts";
import { resolved, runIdOf, runJob } from "./jobs.ts";
import type { Ops } from "./op.ts";
import { checked, JobOptions, Progress, PublishOptions } from "./options.ts";
import { exactText } from "./values.ts";

export class LabFlow {
  protected readonly ops: Ops;
  readonly #def: WorkflowDef;
  constructor(def: WorkflowDef, ops: Ops) {
    this.#def = def;
    this.ops = ops;
  }

  protected async showStage(
    name: string,
    s: Partial<Pick<Stage, "state" | "done" | "total" | "note" | "run">>,
  ): Promise<void> {
    const { store, stopping } = this.ops.host;
    const { experiment } = this.ops.args;
    const stage = await patient(() => setStage(store.db, experiment, name, s), stopping);
    store.emit({ type: "stage", experiment, stage });
  }
  /** Behind the workflow, in order: it waits for no database, so what it begins next is the same on a replay. */
  #show(name: string, s: Parameters<LabFlow["showStage"]>[1]): void {
    this.ops.behind(() => this.showStage(name, s));
  }

  stage<T>(name: string, act: (s: StageHandle) => Promise<T>): Promise<T> {
    return this.ops.given("flow.stage", name, () => this.#stage(name, act));
  }
  async #stage<T>(name: string, act: (s: StageHandle) => Promise<T>): Promise<T> {
    const known = this.#def.stages.find((s) => s.name === name);
    if (!known)
      throw new TillerError(
        "unknown_stage",
        `${this.#def.name} has no stage ${name}. Add it to its list of stages.`,
      );
    let passed = false; // by an earlier execution: a replay leaves it as it is
    this.ops.behind(async () => {
      const { db } = this.ops.host.store;
      const { stages } = await patient(
        () => getExperiment(db, this.ops.args.experiment),
        this.ops.host.stopping,
      );
      passed = stages.find((s) => s.name === name)?.state === "done";
      if (!passed) await this.showStage(name, { state: "running" });
    });
    const progress: StageHandle["progress"] = async (done, total, note) => {
      const at = { done, total, ...(note === undefined ? {} : { note }) };
      this.#show(name, checked(`progress of stage ${name}`, Progress, at));
    };
    try {
      const node = { ...this.ops.places.heading(name), kind: "stage", name: known.title } as const;
      const result = await this.ops.section(node, () => act({ progress }));
      this.ops.behind(async () => {
        if (!passed) await this.showStage(name, { state: "done" });
      });
      return result;
    } catch (e) {
      if (!isControl(e)) this.#show(name, { state: "failed", note: nodeError(e).message });
      throw e;
    }
  }

  job<I extends z.ZodType, O extends z.ZodType>(
    name: string,
    def: JobDef<I, O>,
    input: z.input<I>,
    o: { stage?: string } = {},
  ): Promise<{ run: RunId; output: z.output<O> }> {
    return this.ops.given("flow.job", name, () => this.#job(name, def, input, o));
  }
  #job<I extends z.ZodType, O extends z.ZodType>(
    name: string,
    def: JobDef<I, O>,
    input: z.input<I>,
    o: { stage?: string },
  ): Promise<{ run: RunId; output: z.output<O> }> {
    const call = `flow.job ${JSON.stringify(name)}`;
    checked(call, JobOptions, o);
    const { host, args } = this.ops;
    const { store, executor, identify, stopping: signal, codeRevision } = host;
    const { experiment } = args;
    const onProgress = async (done: number, total: number, note: string) => {
      if (o.stage) await this.showStage(o.stage, { done, total, note });
    };
    return this.ops.op(
      "job",
      name,
      async (c) => {
        const run = runIdOf(c.id);
        const link = { kind: "run", id: run } as const;
        c.note({ links: [link] }, true);
        const given = await resolved(store, def, input, { call, identify });
        const { kind, metrics } = def;
        const about = { inputs: given.artefacts, metrics, config: shortened(given.input) };
        await startRun(store.db, { id: run, experiment, kind, codeRevision, ...about });
        if (o.stage) await this.showStage(o.stage, { run });
        try {
          const where = { store, executor, run, name, codeRevision, onProgress, signal };
          const { output, made } = await runJob({ ...where, def, ...given });
          if (made !== undefined) c.note({ links: [link, { kind: "checkpoint", id: made }] });
          await endRun(store.db, run, { state: "done", ...(made && { output: made }) });
          return { run, output };
        } catch (e) {
          await endRun(store.db, run, { state: "failed", error: (e as Error).message });
          throw e;
        }
      },
      { input: shortened(input), about: { job: def.kind, input } },
    );
  }

  save(name: string, value: unknown, as?: RowSchema): Promise<DatasetId> {
    const rows: unknown[] = Array.isArray(value) ? value : [value];
    return this.ops.given("flow.save", name, () => this.#rows(name, name, rows, value, as));
  }
  dataset<T>(name: string, rows: readonly T[], as?: RowSchema<T>): Promise<DatasetId> {
    const at = `dataset ${name}`;
    return this.ops.given("flow.dataset", name, () => this.#rows(at, name, rows, rows, as));
  }
  async #rows(
    at: string,
    name: string,
    rows: readonly unknown[],
    about: unknown,
    as: RowSchema | undefined,
  ): Promise<DatasetId> {
    const { db, home } = this.ops.host.store;
    const { experiment } = this.ops.args;
    if (this.ops.turns) exactText(rows); // refused here, where the workflow is
    const schema = as?.name ?? UNNAMED_ROWS;
    if (as) allOf(as, rows, name);
    const id = await this.ops.op(
      "save",
      at,
      async (c) => {
        const saved = await whileFull(
          () => saveDataset(db, home, { name, experiment, rows, schema }),
          this.ops.host.stopping,
        );
        const brief = `${rows.length} row${rows.length === 1 ? "" : "s"}`;
        c.note({ links: [{ kind: "dataset", id: saved }], brief });
        return saved;
      },
      { about },
    );
    return DatasetId.parse(id);
  }

  publish(checkpoint: string, o: Parameters<Flow["publish"]>[1]): Promise<void> {
    return this.ops.given("flow.publish", checkpoint, async () => {
      const { db } = this.ops.host.store;
      const { name, metrics = {}, compare } = checked("flow.publish", PublishOptions, o);
      await this.ops.op(
        "save",
        `publish ${name}`,
        async (c) => {
          const known = await publishCheckpoint(db, checkpoint, { name, metrics, compare });
          const brief = known ? `${name}@${known.version}: ${known.why}` : name;
          c.note({ links: [{ kind: "checkpoint", id: checkpoint }], brief });
          // in a replay jobs answer from their record, and what they made is not here
          if (!known && !this.ops.config.carried.closed)
            throw new TillerError(
              "not_found",
              `there is no checkpoint ${checkpoint} to publish as ${name}. Pass the checkpoint of a job's output.`,
            );
        },
        { about: { checkpoint, name, metrics, ...(compare && { compare }) } },
      );
    });
  }

  rows<T>(dataset: DatasetId, as: RowSchema<T>): Promise<T[]> {
    const { db, home } = this.ops.host.store;
    return this.ops.given("flow.rows", dataset, () =>
      this.ops.op("step", `rows ${dataset.slice(0, 12)}`, async () => {
        const rows = await datasetRows(db, home, dataset);
        allOf(as, rows, dataset.slice(0, 12));
        return rows as T[];
      }),
    );
  }
  metrics(run: RunId): Promise<MetricPoint[]> {
    const { db } = this.ops.host.store;
    return this.ops.given("flow.metrics", run, () =>
      this.ops.op("step", `metrics ${run}`, () => getMetrics(db, run)),
    );
  }
  report(r: NewReport): Promise<void> {
    const { store } = this.ops.host;
    const { experiment } = this.ops.args;
    return this.ops.given("flow.report", "report", async () => {
      const report = checked("flow.report", NewReport, r);
      await this.ops.op("save", "report", async () => {
        await saveReport(store.db, experiment, report);
        store.emit({ type: "experiment", id: experiment });
      });
    });
  }
}

function allOf(schema: RowSchema, rows: readonly unknown[], dataset: string): void {
  for (const [i, row] of rows.entries()) {
    const { error } = schema.row.safeParse(row);
    if (!error) continue;
    const { path, message } = error.issues[0]!;
    throw new TillerError(
      "wrong_rows",
      `row ${i + 1} of ${rows.length} of the dataset ${dataset} is no ${schema.name}: ${path.join(".") || "the row"}: ${message}. Correct it, or save it under another schema.`,
    );
  }
}

/** A configuration as people read it: long lists by their size. */
const shortened = (input: unknown): Record<string, unknown> =>
  typeof input === "object" && input !== null
    ? Object.fromEntries(
        Object.entries(input).map(([k, v]) => [
          k,
          Array.isArray(v) && v.length > 8 ? `${v.length} items` : v,
        ]),
      )
    : { value: input };
