/**
 * When does a reward mislead? Best-of-n by rewards from people's judgments, the people's own scores as gold; with --rl,
 * reinforcement learning against proxies of three sizes and three numbers of labels, a computed gold standing for people.
 * Writes bench/results/DATE-overoptimisation(-rl).md and the pictures of docs/results/overoptimisation.md.
 * Run: npm run bench -- overoptimisation [--seeds 8] [--tuned 1] [--keep DIR] | --rl [--seeds 3] [--keep DIR]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { featuresIn } from "../features.ts";
import { plot } from "../plot.ts";
import { machineNow } from "../over-seeds.ts";
import { preferenceSet } from "../preferences.ts";
import { cellsOf, type ProxyCurve, summarise, type Told } from "./people.ts";
import { reinforcement } from "./rl.ts";
import { tunedCells } from "./tuned.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    rl: { type: "boolean", default: false },
    seeds: { type: "string" },
    tuned: { type: "string", default: "1" },
    keep: { type: "string", default: path.join(tmpdir(), "tiller-overoptimisation") },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
  },
});
const root = path.resolve(import.meta.dirname, "../..");
mkdirSync(o.keep, { recursive: true });
mkdirSync(path.join(root, "docs/results"), { recursive: true });
const started = performance.now();
const minutes = () => ((performance.now() - started) / 60_000).toFixed(1);
const told = ({ at, low, high }: Told, digits = 2) =>
  `${at.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;

async function people(): Promise<void> {
  const set = preferenceSet("humour");
  if (!set) return;
  const x = await featuresIn(set, o.keep);
  const seeds = Array.from({ length: Number(o.seeds ?? 8) }, (_, i) => i + 1);
  const cells = seeds.flatMap((seed) => {
    console.error(`seed ${seed} (${minutes()} min)`);
    return cellsOf(set, x, seed, {
      labels: [100, 300, 1000, 3000, 12_000],
      ensembles: [300, 3000],
    });
  });
  const tuned = await tunedCells(set, {
    seeds: seeds.slice(0, Number(o.tuned)),
    labels: [1000, 12_000],
    keep: o.keep,
  });
  const curves = summarise(set, [...cells, ...tuned]);
  const command = `npm run bench -- overoptimisation --seeds ${seeds.length} --tuned ${o.tuned}`;
  const largest = (c: ProxyCurve) => c.curve.at(-1)!;
  const rows = curves.map(
    (c) =>
      `| ${c.proxy} | ${c.seeds} | ${told(c.accuracy, 3)} | ${told(c.alpha)} | ${told(c.beta)} | ${c.peak === undefined ? "none" : c.peak.toFixed(2)} | ${c.best} | ${told(c.lostAt64)} | ${told(largest(c))} | ${told(c.lost)} |`,
  );
  const points = curves.map((c) => `| ${c.proxy} | ${c.curve.map((p) => told(p)).join(" | ")} |`);
  writeFileSync(
    path.join(root, `bench/results/${o.date}-overoptimisation.md`),
    `# Over-optimisation against people

Command: \`${command}\`. Date: ${o.date}. Machine: ${machineNow()}; ${minutes()} minutes. Seeds 1 to ${seeds.length}${
      Number(o.tuned)
        ? `; rewards that
were fine-tuned: seeds 1 to ${o.tuned}`
        : ""
    }. Humour: 2,015 texts; a third of them (671 or 672) is held out at a time, rewards learn from
judgments between the others. Gold: people's score, in units of its spread, less the mean of the held-out texts.
Intervals: 95 %, over seeds and over texts (a jackknife of twenty parts).

| reward | seeds | accuracy held out | alpha | beta | fitted peak (root of KL) | n of the highest point | n = 64 less the highest | gold at n = 512 | 512 less the highest |
|---|---|---|---|---|---|---|---|---|---|
${rows.join("\n")}

Gold of the best of n, n = ${curves[0]!.curve.map((p) => p.n).join(", ")} (root of KL ${curves[0]!.curve.map((p) => p.d.toFixed(2)).join(", ")}):

| reward | ${curves[0]!.curve.map((p) => p.n).join(" | ")} |
|---|${curves[0]!.curve.map(() => "---|").join("")}
${points.join("\n")}
`,
  );
  const shown = ["length", "linear 100", "linear 1000", "linear 12000", "uncertainty of 5, 3000"];
  writeFileSync(
    path.join(root, "docs/results/overoptimisation-people.svg"),
    plot({
      title: "Best of n by rewards from people's judgments",
      x: "square root of KL to the base (nats)",
      y: "people's own score, in its spread",
      lines: curves
        .filter((c) => shown.includes(c.proxy))
        .map((c) => ({
          name: c.proxy,
          points: c.curve.map((p) => ({ x: p.d, y: p.at, low: p.low, high: p.high })),
        })),
    }),
  );
  console.log(rows.join("\n"));
}
if (o.rl) await reinforcement({ seeds: Number(o.seeds ?? 3), keep: o.keep, date: o.date, root });
else await people();
process.exit(0);
