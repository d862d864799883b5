/** Recorded steps of a real training job, taken again: the same bits; other weights are seen. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { dpoJob } from "@tiller/learn";
import { saveSmallModel, smallConfig } from "@tiller/learn/fixtures/small-model.ts";
import { VerifiedSteps } from "@tiller/schema";
import { verifyRun } from "@tiller/flow";
import { files, moduleOf } from "@tiller/flow/executor.ts";
import { jobContext, localJob } from "@tiller/flow/job-context.ts";
import { linePieces, writeBlob } from "@tiller/store/blobs.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-verify-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const signal = new AbortController().signal;

test("ten steps from the start and ten from the middle have the same bits; a changed record is seen", async () => {
  const base = path.join(home, "base");
  await saveSmallModel(base, smallConfig({ layers: 1, positions: 64 }));
  const rows = Array.from({ length: 60 }, (_, i) => ({
    prompt: "The sea",
    chosen: ` was calm ${i}.`,
    rejected: ` was ${i} war.`,
  }));
  const blob = await writeBlob(home, linePieces(rows.map((r) => JSON.stringify(r))));
  const dir = path.join(home, "jobs", "a-run");
  mkdirSync(dir, { recursive: true });
  const config = { batch: 2, saveEvery: 4, epochs: 1, validation: 0 };
  const job = {
    kind: "dpo",
    module: moduleOf(dpoJob.module),
    input: { config, base: "base", pairs: "pairs", maxTokens: 32, seed: 1 },
    artefacts: [
      { kind: "checkpoint", id: "base", path: base },
      { kind: "dataset", id: "pairs", path: blob },
    ],
  };
  writeFileSync(path.join(dir, files.job), JSON.stringify(job));
  const context = jobContext(await localJob(dir), { dir, home, send: () => {}, signal });
  await dpoJob.run(dpoJob.input.parse(job.input), context);

  const record = path.join(dir, VerifiedSteps.file);
  const spans = VerifiedSteps.Record.parse(JSON.parse(readFileSync(record, "utf8")));
  expect(spans.map(({ from, to }) => [from, to])).toEqual([
    [0, 10],
    [16, 26],
  ]);
  const again = await verifyRun(home, "a-run", { signal });
  expect(again.spans.map((s) => s.recorded === s.again)).toEqual([true, true]);
  const forged = [{ ...spans[0]!, sha256: "0".repeat(64) }, spans[1]!];
  writeFileSync(record, JSON.stringify(forged));
  const seen = await verifyRun(home, "a-run", { signal });
  expect(seen.spans.map((s) => s.recorded === s.again)).toEqual([false, true]);
  await expect(verifyRun(home, "nothing", { signal })).rejects.toThrow(/has no job nothing/);
});
