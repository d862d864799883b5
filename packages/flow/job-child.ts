/** The child process of one job: finds its definition, parses its input, runs it, writes the result, ends. Dies with its parent. */
import { setPriority } from "node:os";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { whileFull, writeWhole } from "@tiller/store/files.ts";
import { files, type Message } from "./executor.ts";
import { definitionOf, jobContext, localJob } from "./job-context.ts";

const dir = process.argv[2]!;
const send = (m: Message) => process.send?.(m);
const abort = new AbortController();
process.on("disconnect", () => process.exit(1)); // the server is gone; snapshots stay
try {
  setPriority(5);
} catch {
  // not allowed here; then at the common priority
}

const job = await localJob(dir);
const context = jobContext(job, {
  dir,
  home: path.resolve(dir, "../.."),
  send,
  signal: abort.signal,
});
try {
  const def = await definitionOf(job);
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
