/** The child process of one job: imports its module, runs its entry, writes the result, ends. Dies with its parent. */
import { readFile } from "node:fs/promises";
import { setPriority } from "node:os";
import path from "node:path";
import { type JobContext, TillerError } from "@tiller/schema";
import { whileFull, writeWhole } from "@tiller/store/files.ts";
import { jobFault } from "./fault.ts";
import type { Message } from "./jobs.ts";

const [module, entry, dir, home] = process.argv.slice(2) as [string, string, string, string];
const send = (m: Message) => process.send?.(m);
const abort = new AbortController();
process.on("disconnect", () => process.exit(1)); // the server is gone; snapshots stay
try {
  setPriority(5);
} catch {
  // not allowed here; then at the common priority
}

const samplesOf = new Map<number, number>(); // numbered within their step: a replayed step writes the same ids
const context: JobContext = {
  dir,
  home,
  progress: (done, total, note = "") => send({ type: "progress", done, total, note }),
  metric: (step, values) => send({ type: "metric", step, values }),
  sample: (s) => {
    const index = samplesOf.get(s.step) ?? 0;
    samplesOf.set(s.step, index + 1);
    send({ type: "sample", index, ...s });
  },
  fault: jobFault,
  signal: abort.signal,
};
try {
  const run = (
    (await import(module)) as Record<string, (input: unknown, c: JobContext) => Promise<unknown>>
  )[entry]!;
  const input: unknown = JSON.parse(await readFile(path.join(dir, "input.json"), "utf8"));
  const result = await run(input, context);
  const text = JSON.stringify(result);
  await whileFull(() => writeWhole(path.join(dir, "result.json"), text));
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
