/**
 * One contender of bench/learn.ts: PPO by the code of one tree. Prints its metrics, a line an iteration. A tree of before
 * jobs named what they read by id (b756c10 and older) is called as it was then.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";

const [tree, base, reward, epochs, iterations] = z
  .tuple([z.string(), z.string(), z.string(), z.coerce.number(), z.coerce.number()])
  .parse(process.argv.slice(2));
const dir = mkdtempSync(path.join(tmpdir(), "tiller-bench-learn-"));
type Run = (input: object, job: object) => Promise<unknown>;
const code = (await import(path.join(tree, "packages/learn/ppo.ts"))) as {
  ppo: Run;
  PpoConfig: z.ZodType;
  ppoJob: { run?: Run; input: z.ZodType<object> };
};
// long enough that every prompt is cut to its last 32 tokens
const prompts = Array.from({ length: 64 }, (_, i) =>
  `${i} whales and men went over the water; `.repeat(8),
);
const config = {
  iterations,
  batch: 64,
  minibatch: 64,
  epochs,
  stopKl: 1e9,
  saveEvery: 1000,
  samplesEvery: 1000,
};
const continuation = { maxTokens: 32, minTokens: 32, temperature: 1 };
const input = { config, continuation, base, reward, maxPrompt: 32, seed: 1 };
const job = {
  dir,
  out: path.join(dir, "out"),
  home: dir,
  checkpoint: (id: string) => id,
  rows: async () => prompts.map((prompt) => ({ prompt })),
  progress() {},
  metric: (_step: number, values: object) => console.log(JSON.stringify(values)),
  sample() {},
  distribution() {},
  fault() {},
  signal: new AbortController().signal,
};
if (code.ppoJob.run)
  await code.ppoJob.run(code.ppoJob.input.parse({ ...input, prompts: "p" }), job);
else
  await code.ppo(
    { ...input, config: code.PpoConfig.parse(config), prompts, out: path.join(dir, "out") },
    job,
  );
rmSync(dir, { recursive: true, force: true });
process.exit(0);
