/** tiller reward example: comparisons by simulated raters as files, to try the rest on (recipes/example-comparisons.ts). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { clusteredMean } from "@tiller/crowd";
import { comparedModels, exampleComparisons } from "../../recipes/example-comparisons.ts";
import { baseModel } from "../../recipes/shared.ts";
import { verb } from "./command.ts";
import { jobContext } from "./file-job.ts";
import { countFlag, flag } from "./flags.ts";

const flags = {
  out: flag(z.string(), "DIR", "where pairs.jsonl, held-out.jsonl and prompts.jsonl are written"),
  base: flag(z.string().default(baseModel), "DIR", "the model whose continuations are compared"),
  policy: flag(
    z.string().optional(),
    "DIR",
    "another model: its continuations of held-out passages beside the base's, as compared.jsonl alone",
  ),
  pairs: countFlag(z.int().min(10).max(20_000)).default(1200).describe("pairs to learn from"),
  seed: countFlag(z.int()).default(1).describe("of passages, samples and raters"),
};
type Flags = z.infer<z.ZodObject<typeof flags>>;

function write(dir: string, name: string, rows: readonly object[]): void {
  mkdirSync(dir, { recursive: true });
  const file = path.join(dir, name);
  writeFileSync(file, rows.map((r) => `${JSON.stringify(r)}\n`).join(""));
  console.log(`${file}: ${rows.length} rows`);
}

/** The policy's share of choices by passage, ties apart, with its interval over passages. */
function shareOf(choices: readonly (readonly ("a" | "b" | "tie")[])[], seed: number): string {
  const said = choices.flatMap((of, i) => of.map((c) => ({ unit: i, c })));
  const decided = said.filter(({ c }) => c !== "tie");
  const { at, low, high } = clusteredMean(
    decided.map(({ c }) => Number(c === "b")),
    decided.map(({ unit }) => [unit, unit] as const),
    { by: "prompts", seed },
  );
  const [share, from, to] = [at, low, high].map((x) => x.toFixed(3));
  return `${share} of ${decided.length} are the policy's (95 %: ${from} to ${to}); ${said.length - decided.length} ties`;
}

async function example(o: Flags): Promise<number> {
  const dir = mkdtempSync(path.join(tmpdir(), "tiller-example-"));
  const { context: job, close } = jobContext({ dir, out: dir, rows: () => [] });
  const asked = { base: path.resolve(o.base), pairs: o.pairs, seed: o.seed, job };
  try {
    if (o.policy === undefined) {
      const files = await exampleComparisons(asked);
      write(o.out, "pairs.jsonl", files.train);
      write(o.out, "held-out.jsonl", files.heldOut);
      write(o.out, "prompts.jsonl", files.prompts);
      return 0;
    }
    const { rows, choices, preferred } = await comparedModels({
      ...asked,
      other: path.resolve(o.policy),
    });
    write(o.out, "compared.jsonl", rows);
    const of = `on ${choices.length} passages`;
    console.log(`raters' choices ${of}: ${shareOf(choices, o.seed)}`);
    console.log(
      `by the preference that they are after, ${of}: ${shareOf(
        preferred.map((p) => [p]),
        o.seed,
      )}`,
    );
  } finally {
    close();
    rmSync(dir, { recursive: true, force: true });
  }
  return 0;
}

export const exampleVerb = verb({
  what: "comparisons by simulated raters as files, to try the rest on; or of a policy beside its base",
  flags,
  run: example,
});
