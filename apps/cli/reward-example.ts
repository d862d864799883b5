/** tiller reward example: comparisons by simulated raters as files, to try the rest on (recipes/example-comparisons.ts). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { exampleComparisons } from "../../recipes/example-comparisons.ts";
import { baseModel } from "../../recipes/shared.ts";
import { verb } from "./command.ts";
import { jobContext } from "./file-job.ts";
import { countFlag, flag } from "./flags.ts";

const flags = {
  out: flag(z.string(), "DIR", "where pairs.jsonl, held-out.jsonl and prompts.jsonl are written"),
  base: flag(z.string().default(baseModel), "DIR", "the model whose continuations are compared"),
  pairs: countFlag(z.int().min(10).max(20_000)).default(600).describe("pairs to learn from"),
  seed: countFlag(z.int()).default(1).describe("of passages, samples and raters"),
};

async function example(o: z.infer<z.ZodObject<typeof flags>>): Promise<number> {
  const dir = mkdtempSync(path.join(tmpdir(), "tiller-example-"));
  const { context: job, close } = jobContext({ dir, out: dir, rows: () => [] });
  try {
    const files = await exampleComparisons({
      ...o,
      base: path.resolve(o.base),
      job,
    });
    mkdirSync(o.out, { recursive: true });
    for (const [name, rows] of [
      ["pairs.jsonl", files.train],
      ["held-out.jsonl", files.heldOut],
      ["prompts.jsonl", files.prompts],
    ] as const) {
      const file = path.join(o.out, name);
      writeFileSync(file, rows.map((r) => `${JSON.stringify(r)}\n`).join(""));
      console.log(`${file}: ${rows.length} rows`);
    }
  } finally {
    close();
    rmSync(dir, { recursive: true, force: true });
  }
  return 0;
}

export const exampleVerb = verb({
  what: "comparisons by simulated raters as files, to try the rest on",
  flags,
  run: example,
});
