/** Jobs without a server: folders stand for checkpoints, lists for datasets; what they log is kept. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { z } from "zod";
import type { JobContext, JobDef } from "@tiller/schema";

export interface Ran<O> {
  readonly output: O;
  /** the folder of the checkpoint that it made */
  readonly out: string;
  readonly metrics: readonly Record<string, number>[];
}
export async function run<I extends z.ZodType, O extends z.ZodType>(
  def: JobDef<I, O>,
  dir: string,
  input: z.input<I>,
  datasets: Readonly<Record<string, readonly unknown[]>>,
): Promise<Ran<z.output<O>>> {
  mkdirSync(dir, { recursive: true });
  const metrics: Record<string, number>[] = [];
  const out = path.join(dir, "checkpoint");
  const job: JobContext = {
    dir,
    out,
    checkpoint: (id) => id,
    rows: async (id, Row) => datasets[id]!.map((row) => Row.parse(row)),
    progress: () => {},
    metric: (_, values) => void metrics.push(values),
    sample: () => {},
    distribution: () => {},
    fault: () => {},
    signal: new AbortController().signal,
  };
  const output = def.output.parse(await def.run(def.input.parse(input), job));
  return { output, out, metrics };
}
