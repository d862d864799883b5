/** What a job sees on this machine: its artefacts by id, its rows parsed, and somebody who hears its events. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type z } from "zod";
import {
  type Artefact,
  Distribution,
  type JobContext,
  type JobDef,
  JobSample,
  TillerError,
} from "@tiller/schema";
import { blobLines } from "@tiller/store/blobs.ts";
import { files, LocalJob, type Message, moduleFile } from "./executor.ts";
import { jobFault } from "./fault.ts";
import { readFormerImports } from "./former-imports.ts";

/** The job that a folder below HOME/jobs is of. */
export const localJob = async (dir: string): Promise<z.infer<typeof LocalJob>> =>
  LocalJob.parse(JSON.parse(await readFile(path.join(dir, files.job), "utf8")));

/** Its definition, found by its kind in the module that exports it. */
export async function definitionOf(job: z.infer<typeof LocalJob>): Promise<JobDef> {
  const isJob = (x: unknown): x is JobDef =>
    typeof x === "object" && x !== null && "kind" in x && x.kind === job.kind && "run" in x;
  readFormerImports();
  const exported = (await import(pathToFileURL(moduleFile(job.module)).href)) as object;
  const def = Object.values(exported).find(isJob);
  if (!def)
    throw new TillerError(
      "unknown_job",
      `${job.module} exports no job of kind ${job.kind}. Export what defineJob returns.`,
    );
  return def;
}

/** `dir`: the folder that it keeps its state in; `home`: whose blobs its datasets are. */
export function jobContext(
  job: z.infer<typeof LocalJob>,
  o: {
    readonly dir: string;
    readonly home: string;
    readonly send: (m: Message) => void;
    readonly signal: AbortSignal;
  },
): JobContext {
  const { dir, home, send } = o;
  function place(kind: Artefact["kind"], id: string): string {
    const found = job.artefacts.find((a) => a.kind === kind && a.id === id);
    if (!found)
      throw new TillerError(
        "not_named",
        `the ${job.kind} job reads the ${kind} ${id}, which its input does not name. Make it a field of the input: ${kind === "checkpoint" ? "CheckpointRef" : "DatasetRef"}.`,
      );
    return found.path;
  }
  async function rows<T>(id: string, Row: z.ZodType<T>): Promise<T[]> {
    const blob = path.basename(place("dataset", id));
    const read: T[] = [];
    for await (const line of blobLines(home, blob)) {
      if (!line) continue;
      const row = Row.safeParse(JSON.parse(line));
      if (!row.success) {
        const [issue] = row.error.issues;
        throw new TillerError(
          "wrong_rows",
          `row ${read.length} of the dataset ${id} is not what the ${job.kind} job reads: ${issue?.path.join(".") || "the row"}: ${issue?.message}. Give it a dataset of that kind.`,
        );
      }
      read.push(row.data);
    }
    return read;
  }
  const samplesOf = new Map<number, number>(); // numbered within their step: a replayed step writes the same ids
  return {
    dir,
    out: path.join(dir, files.out),
    checkpoint: (id) => place("checkpoint", id),
    rows,
    progress: (done, total, note = "") => send({ type: "progress", done, total, note }),
    metric: (step, values) => send({ type: "metric", step, values }),
    sample: (s) => {
      const index = samplesOf.get(s.step) ?? 0;
      samplesOf.set(s.step, index + 1);
      send({ type: "sample", index, ...JobSample.parse(s) });
    },
    distribution: (d) => send({ type: "distribution", ...Distribution.parse(d) }),
    fault: jobFault,
    signal: o.signal,
  };
}
