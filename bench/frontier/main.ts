/**
 * Methods at one budget of labels: gold against KL on two tasks, and three plots of what KL control and the missing-EOS
 * penalty do. Writes bench/results/DATE-frontier.md and the pictures of docs/results/frontier.md, out of what every seed said (kept in --keep, so that a run
 * that was stopped goes on). Run: npm run bench -- frontier [--seeds 8] [--tasks tone,plain] [--keep DIR]
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { z } from "zod";
import { pretrainJob } from "@tiller/learn";
import { baseSources } from "../../recipes/corpus.ts";
import { run } from "../jobs.ts";
import { type Line, plot } from "../plot.ts";
import { machineNow, mean, overSeeds } from "../over-seeds.ts";
import { base, sizes, taskNames } from "./tasks.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seeds: { type: "string", default: "8" },
    tasks: { type: "string", default: taskNames.join() },
    keep: { type: "string", default: path.join(tmpdir(), "tiller-frontier") },
    only: { type: "string", default: "frontier,plots" },
    report: { type: "boolean", default: false },
  },
});
const seeds = Array.from({ length: Number(o.seeds) }, (_, i) => i + 1);
mkdirSync(o.keep, { recursive: true });
const Curve = z.array(
  z.object({ kl: z.number(), score: z.number(), length: z.number(), ended: z.number() }),
);
const Point = z.looseObject({
  task: z.enum(["tone", "plain"]),
  seed: z.int(),
  method: z.string().optional(),
  plot: z.string().optional(),
  setting: z.number(),
  kl: z.number().optional(),
  gold: z.number().optional(),
  proxy: z.number().optional(),
  distinct2: z.number().optional(),
  curve: Curve.optional(),
});
type Point = z.infer<typeof Point>;
const root = path.resolve(import.meta.dirname, "../..");
const model = path.join(o.keep, "base", "checkpoint");
if (!existsSync(path.join(model, "config.json"))) {
  console.error("the base model");
  const input = { config: { ...base, evalEvery: base.steps }, texts: "texts" };
  await run(pretrainJob, path.join(o.keep, "base"), input, { texts: baseSources(0.4) });
}
const points: Point[] = [];
for (const seed of seeds)
  for (const task of o.tasks.split(","))
    for (const what of o.only.split(",")) {
      if (what === "plots" && task !== "tone") continue;
      const file = path.join(o.keep, `${task}-${seed}-${what}.jsonl`);
      if (!existsSync(file)) {
        if (o.report) continue;
        console.error(`${task}, seed ${seed}, ${what}`);
        const args = [path.join(import.meta.dirname, "seed.ts"), model, task, String(seed), what];
        const made = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
        if (made.status !== 0)
          throw new Error(`${task} ${seed} ended with ${made.status}: ${made.stderr}`);
        appendFileSync(file, made.stdout);
      }
      for (const line of readFileSync(file, "utf8").trim().split("\n"))
        points.push(Point.parse(JSON.parse(line)));
    }

const told = (xs: readonly number[]) => {
  const { at, low, high } = overSeeds(xs);
  return `${at.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
};
const results = path.join(root, "docs/results");
mkdirSync(results, { recursive: true });
const parts: string[] = [];
const methods = ["ppo", "rloo", "grpo", "dpo", "best-of-n", "iterated ppo"];
for (const task of taskNames) {
  const of = points.filter((p) => p.task === task && p.method);
  if (!of.length) continue;
  const rows: string[] = [];
  const lines = methods.flatMap((method): Line[] => {
    const own = of.filter((p) => p.method === method);
    const settings = [...new Set(own.map((p) => p.setting))];
    const made = settings.map((setting) => {
      const at = own.filter((p) => p.setting === setting);
      const gold = overSeeds(at.map((p) => p.gold!));
      const kl = overSeeds(at.map((p) => p.kl!));
      rows.push(
        `| ${method} | ${setting} | ${at.length} | ${told(at.map((p) => p.kl!))} | ${told(at.map((p) => p.gold!))} | ${told(at.map((p) => p.proxy!))} |`,
      );
      return { x: Math.sqrt(Math.max(0, kl.at)), y: gold.at, low: gold.low, high: gold.high };
    });
    return made.length ? [{ name: method, points: made.toSorted((a, b) => a.x - b.x) }] : [];
  });
  writeFileSync(
    path.join(results, `frontier-${task}.svg`),
    plot({
      title: `Gold against KL, "${task}", ${sizes.labels} labels, ${new Set(of.map((p) => p.seed)).size} seeds`,
      x: "square root of KL to the base (nats a continuation)",
      y: "gold score, in the base's spread",
      lines,
    }),
  );
  parts.push(
    `## ${task}\n\n| method | beta, or n | seeds | KL | gold | proxy |\n|---|---|---|---|---|---|\n${rows.join("\n")}\n`,
  );
}
const plots = [
  {
    name: "collapse",
    title: "Without a KL penalty the policy runs away",
    y: "kl",
    unit: "KL to the base (nats)",
    label: "beta",
  },
  {
    name: "target",
    title: "The adaptive coefficient meets its target",
    y: "kl",
    unit: "KL to the base (nats)",
    label: "target",
  },
  {
    name: "eos",
    title: "The missing-EOS penalty controls endings",
    y: "ended",
    unit: "part of continuations that end",
    label: "penalty",
  },
] as const;
for (const p of plots) {
  const of = points.filter((x) => x.plot === p.name);
  if (!of.length) continue;
  const settings = [...new Set(of.map((x) => x.setting))];
  const lines = settings.map((setting): Line => {
    const curves = of.filter((x) => x.setting === setting).map((x) => x.curve!);
    const length = Math.min(...curves.map((c) => c.length));
    return {
      name: `${p.label} ${setting}`,
      points: Array.from({ length }, (_, i) => ({
        x: i + 1,
        y: mean(curves.map((c) => c[i]![p.y])),
      })),
    };
  });
  writeFileSync(
    path.join(results, `frontier-${p.name}.svg`),
    plot({ title: p.title, x: "iteration", y: p.unit, lines }),
  );
  const rows = settings.map((setting) => {
    const own = of.filter((x) => x.setting === setting);
    const tail = (key: "kl" | "length" | "ended" | "score") =>
      told(own.map((x) => mean(x.curve!.slice((-x.curve!.length / 4) | 0).map((c) => c[key]))));
    const end = (key: "gold" | "distinct2") =>
      own[0]![key] === undefined ? "" : told(own.map((x) => x[key]!));
    return `| ${setting} | ${own.length} | ${tail("kl")} | ${tail("score")} | ${tail("ended")} | ${tail("length")} | ${end("gold")} | ${end("distinct2")} |`;
  });
  parts.push(
    `## ${p.title}\n\nMeans of the last quarter of the iterations, then what 128 held-out prompts give.\n\n| ${p.label} | seeds | KL | proxy | ended | length | gold | distinct-2 |\n|---|---|---|---|---|---|---|---|\n${rows.join("\n")}\n`,
  );
}
const date = new Date().toISOString().slice(0, 10);
const file = `bench/results/${date}-frontier.md`;
writeFileSync(
  path.join(root, file),
  `# Methods at one budget of labels

Command: \`npm run bench -- frontier --seeds ${seeds.length}\`. Date: ${date}. Machine: ${machineNow()}.
Learning does not depend on the machine's load; seeds are 1 to ${seeds.length}, intervals 95 % over seeds (Student's t). What is measured and
what it says: docs/results/frontier.md.

${parts.join("\n")}`,
);
console.log(file);
process.exit(0);
