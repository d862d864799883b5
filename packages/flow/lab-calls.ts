/** The calls of a flow that belong to the lab: headings, jobs, datasets, checkpoints, the report. */
import { CheckpointId, DatasetId, type Stage, TillerError } from "@tiller/schema";
import {
  endRun,
  getExperiment,
  getMetrics,
  saveCheckpointRow,
  saveDataset,
  saveReport,
  saveRows,
  setStage,
  startRun,
} from "@tiller/store";
import type { Flow, WorkflowDef } from "./define.ts";
import { isControl, nodeError } from "./failures.ts";
import type { Host, WorkflowArgs } from "./host.ts";
import { runIdOf, runJob } from "./jobs.ts";
import type { Ops } from "./op.ts";

type LabCalls = Pick<
  Flow,
  "stage" | "job" | "save" | "dataset" | "checkpoint" | "metrics" | "report"
>;
export type ShowStage = (
  name: string,
  s: Partial<Pick<Stage, "state" | "done" | "total" | "note" | "run">>,
) => Promise<void>;

export function labCalls(
  host: Host,
  def: WorkflowDef,
  { experiment }: WorkflowArgs,
  { op, section, places }: Ops,
  showStage: ShowStage,
): LabCalls {
  const { store } = host;
  const { db, home } = store;
  return {
    stage: async (name, act) => {
      const known = (await getExperiment(db, experiment)).stages.find((s) => s.name === name);
      if (!known)
        throw new TillerError(
          "unknown_stage",
          `${def.name} has no stage ${name}. Add it to its list of stages.`,
        );
      const done = known.state === "done"; // a replay passes through
      if (!done) await showStage(name, { state: "running" });
      const progress = (at: number, total: number, note?: string) =>
        showStage(name, { done: at, total, ...(note === undefined ? {} : { note }) });
      try {
        const result = await section(
          { ...places.heading(name), kind: "stage", name: known.title },
          () => act({ progress }),
        );
        if (!done) await showStage(name, { state: "done" });
        return result;
      } catch (e) {
        if (!isControl(e)) await showStage(name, { state: "failed", note: nodeError(e).message });
        throw e;
      }
    },
    job: async (name, jobDef, input, o = {}) => {
      const config = shortened(input);
      const ran = await op(
        "job",
        name,
        async (c) => {
          const run = runIdOf(c.id);
          c.note({ links: [{ kind: "run", id: run }] }, true);
          await startRun(db, {
            id: run,
            experiment,
            kind: jobDef.kind,
            config,
            codeRevision: host.codeRevision,
            dataset: o.dataset ?? null,
            parent: o.parent ?? null,
          });
          if (o.stage) await showStage(o.stage, { run });
          try {
            const onProgress = async (done: number, total: number, note: string) => {
              if (o.stage) await showStage(o.stage, { done, total, note });
            };
            const signal = host.stopping;
            const output = await runJob({ store, run, def: jobDef, input, signal, onProgress });
            const made = (output as { id?: unknown } | null)?.id;
            const checkpoint = typeof made === "string" ? made : undefined;
            if (checkpoint)
              c.note({
                links: [
                  { kind: "run", id: run },
                  { kind: "checkpoint", id: checkpoint },
                ],
              });
            await endRun(db, run, { state: "done", ...(checkpoint ? { output: checkpoint } : {}) });
            return { run, output };
          } catch (e) {
            await endRun(db, run, { state: "failed", error: (e as Error).message });
            throw e;
          }
        },
        { input: config },
      );
      return ran as never;
    },
    save: async (name, value) =>
      DatasetId.parse(
        await op("save", name, async (c) => {
          const rows = Array.isArray(value) ? value : [value];
          const id = await saveRows(db, home, { name, experiment, rows });
          c.note({
            links: [{ kind: "dataset", id }],
            brief: `${rows.length} row${rows.length === 1 ? "" : "s"}`,
          });
          return id;
        }),
      ),
    dataset: async (name, rows) =>
      DatasetId.parse(
        await op("save", `dataset ${name}`, async (c) => {
          const id = await saveDataset(db, home, { name, experiment, rows });
          c.note({ links: [{ kind: "dataset", id }], brief: `${rows.length} rows` });
          return id;
        }),
      ),
    checkpoint: async (p) => {
      await op("save", `checkpoint ${p.name}`, async (c) => {
        c.note({ links: [{ kind: "checkpoint", id: p.id }], brief: p.name });
        await saveCheckpointRow(db, {
          ...p,
          id: CheckpointId.parse(p.id),
          parent: p.parent === null ? null : CheckpointId.parse(p.parent),
        });
      });
      return CheckpointId.parse(p.id);
    },
    metrics: (run) => op("step", `metrics ${run}`, () => getMetrics(db, run)),
    report: async (r) => void (await op("save", "report", () => saveReport(db, r))),
  };
}

/** Shows a stage's state in the studio. */
export const stageShower =
  (host: Host, { experiment }: WorkflowArgs): ShowStage =>
  async (name, s) => {
    const stage = await setStage(host.store.db, experiment, name, s);
    host.store.emit({ type: "stage", experiment, stage });
  };

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
