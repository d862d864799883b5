/** The child process of one job: finds its definition, parses its input, runs it, writes the result, ends. Dies with its parent. */
import { readFile } from "node:fs/promises";
import { setPriority } from "node:os";
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
import { whileFull, writeWhole } from "@tiller/store/files.ts";
import { files, LocalJob, type Message, moduleFile } from "./executor.ts";
import { jobFault } from "./fault.ts";
import { readFormerImports } from "./former-imports.ts";

const dir = process.argv[2]!;
const send = (m: Message) => process.send?.(m);
const abort = new AbortController();
process.on("disconnect", () => process.exit(1)); // the server is gone; snapshots stay
try {
  setPriority(5);
} catch {
  // not allowed here; then at the common priority
}

const job = LocalJob.parse(JSON.parse(await readFile(path.join(dir, files.job), "utf8")));
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
  for await (const line of blobLines(path.resolve(dir, "../.."), blob)) {
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
const context: JobContext = {
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
  signal: abort.signal,
};
const isJob = (x: unknown): x is JobDef =>
  typeof x === "object" && x !== null && "kind" in x && x.kind === job.kind && "run" in x;
try {
  const file = moduleFile(job.module);
  readFormerImports();
  const exported = (await import(pathToFileURL(file).href)) as object;
  const def = Object.values(exported).find(isJob);
  if (!def)
    throw new TillerError(
      "unknown_job",
      `${job.module} exports no job of kind ${job.kind}. Export what defineJob returns.`,
    );
  const result = def.output.parse(await def.run(def.input.parse(job.input), context));
  const text = JSON.stringify(result);
  await whileFull(() => writeWhole(path.join(dir, files.result), text));
  await new Promise<void>((resolve) =>
    process.send!({ type: "done" } satisfies Message, () => resolve()),
  );
  process.exit(0);
} catch (e) {
  const error = e as Error;
  const code = error instanceof TillerError ? error.code : "job_failed";
  await new Promise<void>((resolve) =>
    process.send!(
      {
        type: "failed",
        code,
        message:
          error instanceof TillerError
            ? error.message
            : `${error.message} (${error.stack?.split("\n")[1]?.trim() ?? ""})`,
      } satisfies Message,
      () => resolve(),
    ),
  );
  process.exit(1);
}
