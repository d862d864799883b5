/** The rows of a Parquet file, out of the thread that reads it. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { TillerError } from "@tiller/schema";
import { headOf, proportion } from "./bytes.ts";
import { parseJson } from "./json.ts";
import type { FromParquet } from "./parquet-worker.ts";
import { BadRow } from "./row.ts";

const HEAP_MB = 2048;

export async function* parquetRows(
  file: string,
  o: { name: string; signal?: AbortSignal | undefined },
): AsyncGenerator<{ line: number; record: Record<string, unknown> }> {
  const { size, head } = await headOf(file);
  const bad = (why: string, cause?: unknown) =>
    new TillerError("bad_file", `${o.name}: ${why}. Make the file again; nothing was imported.`, {
      cause,
    });
  if (size < 12 || head.toString("latin1", 0, 4) !== "PAR1")
    throw bad(size ? "it is no whole Parquet file" : "it is empty");
  const count = proportion(o.name, size);
  const worker = new Worker(new URL("./parquet-worker.ts", import.meta.url), {
    workerData: { file },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  worker.on("error", () => {}); // told by whoever waits for its message
  const stop = new AbortController();
  worker.once("exit", () => stop.abort());
  const signal = o.signal ? AbortSignal.any([stop.signal, o.signal]) : stop.signal;
  try {
    for (;;) {
      worker.postMessage("next");
      let told: FromParquet;
      try {
        [told] = (await once(worker, "message", { signal })) as [FromParquet];
      } catch (cause) {
        o.signal?.throwIfAborted();
        throw bad(
          (cause as { code?: string }).code === "ERR_WORKER_OUT_OF_MEMORY"
            ? `reading it needs more than ${HEAP_MB} MB of memory. Write it with smaller row groups`
            : `reading it failed: ${(cause as Error).message}`,
          cause,
        );
      }
      if ("end" in told) return;
      if ("bad" in told) {
        if (told.line !== undefined) throw new BadRow(told.line, told.bad);
        throw bad(told.bad);
      }
      for (const [i, text] of told.rows.entries()) {
        count(text.length);
        yield { line: told.line + i, record: parseJson(text) as Record<string, unknown> };
      }
    }
  } finally {
    await worker.terminate();
  }
}
