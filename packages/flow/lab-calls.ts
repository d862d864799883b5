/** The calls of a flow that belong to the lab: headings, jobs, datasets, checkpoints, the report. */
import { existsSync } from "node:fs";
import {
  CheckpointId,
  DatasetId,
  type JobDef,
  type LabelledPair,
  type MetricPoint,
  type Report,
  type RunId,
  type Stage,
  TillerError,
} from "@tiller/schema";
import {
  endRun,
  getExperiment,
  getMetrics,
  inputPath,
  patient,
  saveCheckpointRow,
  saveDataset,
  saveReport,
  saveRows,
  setStage,
  startRun,
  whileFull,
} from "@tiller/store";
import type { NewCheckpoint, StageHandle, WorkflowDef } from "./define.ts";
import { isControl, nodeError } from "./failures.ts";
import { runIdOf, runJob } from "./jobs.ts";
import type { Ops } from "./op.ts";
import { checked, JobOptions, Progress } from "./options.ts";
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

  job<I, O>(
    name: string,
    def: JobDef<I, O>,
    input: NoInfer<I>,
    o: { stage?: string; dataset?: string; parent?: string } = {},
  ): Promise<{ run: RunId; output: O }> {
    return this.ops.given("flow.job", name, () => this.#job(name, def, input, o));
  }
  #job<I, O>(
    name: string,
    def: JobDef<I, O>,
    input: I,
    o: { stage?: string; dataset?: string; parent?: string },
  ): Promise<{ run: RunId; output: O }> {
    checked(`flow.job ${JSON.stringify(name)}`, JobOptions, o);
    const { host, args } = this.ops;
    const { store, stopping: signal, codeRevision } = host;
    const { experiment } = args;
    const config = shortened(input);
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
        const about = { dataset: o.dataset ?? null, parent: o.parent ?? null };
        await startRun(store.db, {
          id: run,
          experiment,
          kind: def.kind,
          config,
          codeRevision,
          ...about,
        });
        if (o.stage) await this.showStage(o.stage, { run });
        try {
          const output = await runJob({ store, run, def, input, signal, onProgress });
          const made = (output as { id?: unknown } | null)?.id;
          const checkpoint = typeof made === "string" ? { output: made } : {};
          if (typeof made === "string") c.note({ links: [link, { kind: "checkpoint", id: made }] });
          await endRun(store.db, run, { state: "done", ...checkpoint });
          return { run, output };
        } catch (e) {
          await endRun(store.db, run, { state: "failed", error: (e as Error).message });
          throw e;
        }
      },
      { input: config, about: { job: def.kind, input } },
    );
  }

  save(name: string, value: unknown): Promise<DatasetId> {
    return this.ops.given("flow.save", name, () => this.#save(name, value));
  }
  async #save(name: string, value: unknown): Promise<DatasetId> {
    const { db, home } = this.ops.host.store;
    const { experiment } = this.ops.args;
    const rows: unknown[] = Array.isArray(value) ? value : [value];
    if (this.ops.turns) exactText(rows); // refused here, where the workflow is
    const id = await this.ops.op(
      "save",
      name,
      async (c) => {
        const saved = await whileFull(
          () => saveRows(db, home, { name, experiment, rows }),
          this.ops.host.stopping,
        );
        const brief = `${rows.length} row${rows.length === 1 ? "" : "s"}`;
        c.note({ links: [{ kind: "dataset", id: saved }], brief });
        return saved;
      },
      { about: value },
    );
    return DatasetId.parse(id);
  }

  dataset(name: string, rows: readonly LabelledPair[]): Promise<DatasetId> {
    return this.ops.given("flow.dataset", name, () => this.#dataset(name, rows));
  }
  async #dataset(name: string, rows: readonly LabelledPair[]): Promise<DatasetId> {
    const { db, home } = this.ops.host.store;
    const { experiment } = this.ops.args;
    const id = await this.ops.op(
      "save",
      `dataset ${name}`,
      async (c) => {
        const saved = await whileFull(
          () => saveDataset(db, home, { name, experiment, rows }),
          this.ops.host.stopping,
        );
        c.note({ links: [{ kind: "dataset", id: saved }], brief: `${rows.length} rows` });
        return saved;
      },
      { about: rows },
    );
    return DatasetId.parse(id);
  }

  checkpoint(p: NewCheckpoint): Promise<CheckpointId> {
    return this.ops.given("flow.checkpoint", p.name, async () => {
      const { db } = this.ops.host.store;
      const id = CheckpointId.parse(p.id);
      const parent = p.parent === null ? null : CheckpointId.parse(p.parent);
      await this.ops.op(
        "save",
        `checkpoint ${p.name}`,
        async (c) => {
          c.note({ links: [{ kind: "checkpoint", id }], brief: p.name });
          if (existsSync(p.path)) await inputPath(p.path, { kind: "folder" }); // it will be served
          await saveCheckpointRow(db, { ...p, id, parent });
        },
        { about: id },
      );
      return id;
    });
  }

  metrics(run: RunId): Promise<MetricPoint[]> {
    const { db } = this.ops.host.store;
    return this.ops.given("flow.metrics", run, () =>
      this.ops.op("step", `metrics ${run}`, () => getMetrics(db, run)),
    );
  }
  report(r: Report): Promise<void> {
    const { db } = this.ops.host.store;
    return this.ops.given("flow.report", "report", () =>
      this.ops.op("save", "report", async () => {
        await saveReport(db, r);
      }),
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
