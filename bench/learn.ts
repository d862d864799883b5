/**
 * PPO by stage: 64 episodes of 32 + 32 tokens, a model of 4 layers x 128 with 2,048 tokens, 1 and 4 epochs an iteration.
 * `--before TREE` runs an older checkout's code beside it, in turns with a rest between.
 * Run: npm run bench -- learn [--before TREE] [--rounds 3] [--iterations 8] [--json]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { gpt2Config, headSpecs, initParams, paramSpecs, saveCheckpoint, shapeOf } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { State } from "@tiller/tensor";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    before: { type: "string" },
    rounds: { type: "string", default: "3" },
    iterations: { type: "string", default: "8" },
    json: { type: "boolean", default: false },
  },
});
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const folder = mkdtempSync(path.join(tmpdir(), "tiller-bench-models-"));
const VOCABULARY = 2048;

/** The released tokenizer's first 2,048 tokens, and the merges that make them. */
function tokenizer(): unknown {
  const json = z
    .looseObject({
      model: z.looseObject({
        vocab: z.record(z.string(), z.int()),
        merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
      }),
    })
    .parse(JSON.parse(readFileSync(path.join(root, "models/base/tokenizer.json"), "utf8")));
  const vocab = new Map(Object.entries(json.model.vocab).filter(([, id]) => id < VOCABULARY));
  const merges = json.model.merges.filter((m) =>
    vocab.has(typeof m === "string" ? m.replace(" ", "") : m.join("")),
  );
  return { ...json, model: { ...json.model, vocab: Object.fromEntries(vocab), merges } };
}
async function save(name: string, role: "lm" | "reward"): Promise<string> {
  const config = gpt2Config({ layers: 4, width: 128, heads: 4, vocab: VOCABULARY, positions: 64 });
  const shape = shapeOf(config);
  const specs = [...paramSpecs(shape), ...(role === "reward" ? headSpecs(shape) : [])];
  const state = new State();
  initParams(state, specs, rng(1, name));
  const tensors = new Map(
    specs.map((s) => [s.name, { shape: s.shape, data: state.get(s.name).data }]),
  );
  const dir = path.join(folder, name);
  await saveCheckpoint(dir, { config, tensors, tokenizer: tokenizer(), meta: { role } });
  return dir;
}
const base = await save("base", "lm");
const reward = await save("reward", "reward");

const contenders = [
  ...(o.before === undefined ? [] : [{ name: "before", tree: path.resolve(o.before) }]),
  { name: "now", tree: root },
];
const Line = z.looseObject({
  episodesPerSecond: z.number(),
  sampling: z.number().optional(),
  scoring: z.number().optional(),
  update: z.number().optional(),
});
const stages = ["sampling", "scoring", "update"] as const;
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)]!;
const rows = [];
for (const epochs of [1, 4]) {
  const lines = new Map(contenders.map((c) => [c.name, [] as z.infer<typeof Line>[]]));
  for (let round = 0; round < Number(o.rounds); round++)
    for (const { name, tree } of contenders) {
      await rest(1000);
      const child = path.join(root, "bench/learn-child.ts");
      const args = [child, tree, base, reward, String(epochs), o.iterations];
      const run = spawnSync(process.execPath, args, { encoding: "utf8" });
      if (run.status !== 0) throw new Error(`${name} ended with ${run.status}: ${run.stderr}`);
      const all = run.stdout
        .trim()
        .split("\n")
        .map((l) => Line.parse(JSON.parse(l)));
      lines.get(name)!.push(...all.slice(2)); // the first ones compile
    }
  for (const { name } of contenders) {
    const of = lines.get(name)!;
    const seconds = of.map((l) => 64 / l.episodesPerSecond);
    const stage = Object.fromEntries(
      stages.map((s) => [s, of[0]![s] === undefined ? null : median(of.map((l) => l[s]!))]),
    );
    rows.push({ epochs, name, seconds: median(seconds), least: Math.min(...seconds), ...stage });
  }
}
rmSync(folder, { recursive: true, force: true });
if (o.json) console.log(JSON.stringify({ machine: cpus()[0]?.model, cores: cpus().length, rows }));
else {
  const ms = (x: unknown) => (typeof x === "number" ? (1000 * x).toFixed(0) : "");
  console.log("| epochs | code | ms an iteration | least | sampling | scoring | update |");
  console.log("|---|---|---|---|---|---|---|");
  for (const r of rows) {
    const of = r as Record<string, unknown>;
    console.log(
      `| ${r.epochs} | ${r.name} | ${ms(r.seconds)} | ${ms(r.least)} | ${stages.map((s) => ms(of[s])).join(" | ")} |`,
    );
  }
}
