/** A training job on rows of a file, without a server: its states in the home, its progress on the terminal. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { z } from "zod";
import type { JobContext, JobDef } from "@tiller/schema";
import { bar } from "./bars.ts";

/** Lines that stay where nobody watches, one that changes where somebody does. */
export function progressBar(): JobContext["progress"] {
  let shown = 0;
  return (done, total, note = "") => {
    if (process.stderr.isTTY)
      process.stderr.write(`\r${bar(done, total)} ${note}\x1b[K${done === total ? "\n" : ""}`);
    else if (done - shown >= total / 20 || done === total) {
      process.stderr.write(`${done}/${total} ${note}\n`);
      shown = done;
    }
  };
}

/** What a job gets where there is no server, with the points that it logs; `close` when it has ended. */
export function jobContext(o: {
  readonly dir: string;
  readonly out: string;
  readonly rows: <T>(id: string, Row: z.ZodType<T>) => T[];
}) {
  const points: Record<string, number>[] = [];
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once("SIGINT", stop);
  const context: JobContext = {
    dir: o.dir,
    out: o.out,
    checkpoint: (id) => id,
    rows: async (id, Row) => o.rows(id, Row),
    progress: progressBar(),
    metric: (step, values) => void points.push({ step, ...values }),
    sample: () => {},
    distribution: () => {},
    fault: () => {},
    signal: abort.signal,
  };
  return { context, points, close: () => void process.off("SIGINT", stop) };
}

/** The job's result. Stopped, it goes on from its last state when it is started again with the same input and rows. */
export async function runFileJob(
  job: JobDef,
  input: unknown,
  o: {
    readonly home: string;
    /** the folder of the checkpoint that it makes; none: it makes figures */
    readonly out?: string | undefined;
    /** what the job's rows are, in its key */
    readonly key: unknown;
    readonly rows: <T>(id: string, Row: z.ZodType<T>) => T[];
  },
): Promise<Record<string, unknown>> {
  const key = createHash("sha256")
    .update(JSON.stringify([job.kind, input, o.key]))
    .digest("hex")
    .slice(0, 12);
  const dir = path.join(o.home, "jobs", `train-${job.kind}-${key}`);
  mkdirSync(dir, { recursive: true });
  const { context, points, close } = jobContext({
    dir,
    out: o.out ?? path.join(dir, "out"),
    rows: o.rows,
  });
  try {
    const result = job.output.parse(await job.run(input, context)) as Record<string, unknown>;
    if (o.out !== undefined)
      writeFileSync(
        path.join(o.out, "metrics.jsonl"),
        points.map((p) => `${JSON.stringify(p)}\n`).join(""),
      );
    return result;
  } finally {
    close();
  }
}
