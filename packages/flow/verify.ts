/** Takes recorded steps of a run's job again, from the same input and state, and compares the weights bit by bit. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { TillerError, VerifiedSteps } from "@tiller/schema";
import { definitionOf, jobContext, localJob } from "./job-context.ts";

export interface Verification {
  readonly kind: string;
  /** spans of steps, each with the digests of the weights recorded and had again */
  readonly spans: readonly {
    readonly from: number;
    readonly to: number;
    readonly recorded: string;
    readonly again: string;
  }[];
}

/** `run`: a run's id, as the folder below HOME/jobs is named; the server need not run. */
export async function verifyRun(
  home: string,
  run: string,
  o: { readonly signal: AbortSignal },
): Promise<Verification> {
  const dir = path.join(home, "jobs", path.basename(run));
  if (!existsSync(path.join(dir, "job.json")))
    throw new TillerError(
      "unknown_run",
      `${home} has no job ${run}. Its runs are listed by tiller experiment show EXPERIMENT.`,
    );
  const file = path.join(dir, VerifiedSteps.file);
  if (!existsSync(file))
    throw new TillerError(
      "not_recorded",
      `the run ${run} recorded no steps: it is not a training job, has not come so far, or is of before steps were recorded.`,
    );
  const recorded = VerifiedSteps.Record.parse(JSON.parse(readFileSync(file, "utf8")));
  const job = await localJob(dir);
  const def = await definitionOf(job);
  const spans = [];
  for (const { from, to, sha256 } of recorded) {
    if (sha256 === undefined) continue; // not reached yet
    const parent = path.join(home, "tmp");
    mkdirSync(parent, { recursive: true });
    const scratch = mkdtempSync(path.join(parent, "verify-"));
    try {
      if (from > 0)
        copyFileSync(path.join(dir, VerifiedSteps.state), path.join(scratch, "state.safetensors"));
      const context = jobContext(job, { dir: scratch, home, send: () => {}, signal: o.signal });
      const again = await def
        .run(def.input.parse(job.input), { ...context, verifies: { to } })
        .then(
          () => undefined,
          (e: Error & { sha256?: string }) => {
            if (e.sha256 === undefined) throw e;
            return e.sha256;
          },
        );
      if (again === undefined)
        throw new TillerError(
          "not_recorded",
          `the run ${run} ended before its step ${to} when it was taken again: its code is another than it was.`,
        );
      spans.push({ from, to, recorded: sha256, again });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  return { kind: job.kind, spans };
}
