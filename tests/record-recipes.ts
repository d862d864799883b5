/**
 * Runs every recipe for real on an embedded Postgres: raters are simulated, the model is models/base, and jobs compute.
 * Writes what was answered and what came out to recipes/recorded/, where recipes/recipes.test.ts replays it, and prints
 * a table. Run: node tests/record-recipes.ts [id ...]   (about three minutes)
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { launchFlow, spentBelow } from "@tiller/flow";
import { checkpointMeta } from "@tiller/lm";
import { SamplerPool, serverModelClient } from "@tiller/serve";
import { CheckpointId } from "@tiller/schema";
import { openStore } from "@tiller/store";
import { saveCheckpointRow } from "@tiller/lab";
import { recipes } from "../recipes/index.ts";
import { recordedExperiments } from "../recipes/recorded/experiments.ts";
import { baseModel } from "../recipes/shared.ts";

const only = process.argv.slice(2);
const folder = path.join(import.meta.dirname, "../recipes/recorded");
const home = mkdtempSync(path.join(tmpdir(), "tiller-recipes-"));
const store = await openStore({ home });
const sampler = new SamplerPool();
await saveCheckpointRow(store.db, {
  id: CheckpointId.parse("base"),
  name: "base",
  role: "lm",
  path: baseModel,
  run: null,
  parent: null,
  metrics: {},
});
const modelClient = serverModelClient({ store, sampler });
const flow = await launchFlow({
  store,
  workflows: recipes,
  modelClient,
  codeRevision: "recorded",
  identify: checkpointMeta,
});
try {
  console.log(
    "| recipe | seconds | asks and model calls and jobs | tokens | outcome |\n|---|---|---|---|---|",
  );
  for (const { id, workflow, input } of recordedExperiments) {
    if (only.length && !only.includes(id)) continue;
    const agents = { "*": { kind: "simulated", skill: 0.7 } } as const;
    const started = performance.now();
    const result = await flow.wait(await flow.start(workflow, input, { id, seed: 1, agents }));
    const seconds = (performance.now() - started) / 1000;
    const recording = await flow.record(id, { jobs: true });
    const text = JSON.stringify({ recording, result }, undefined, 1);
    writeFileSync(path.join(folder, `${id}.json`), `${text}\n`);
    const calls = Object.keys(recording.results).length;
    const { tokens } = await spentBelow(store.db, id);
    console.log(
      `| ${workflow} | ${seconds.toFixed(1)} | ${calls} | ${tokens} | \`${JSON.stringify(result).slice(0, 600)}\` |`,
    );
  }
} finally {
  await flow.close();
  sampler[Symbol.dispose]();
  await store.close();
  rmSync(home, { recursive: true, force: true });
}
