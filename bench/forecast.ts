/**
 * Do forecasts of what more labels buy come true? For every set and seed: a part of the pairs, the whole or a half of the
 * set; from a quarter of these a forecast with a 90 % interval of what all of them will show; and what they do show.
 * For humour the gold of the best of 16 as well. Writes bench/results/DATE-forecast.md and docs/results/forecast.svg.
 * Run: npm run bench -- forecast [--seeds 10] [--sets humour,pandalm] [--keep DIR] [--json]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { z } from "zod";
import {
  accuracy,
  type Checked,
  checkedForecast,
  type Judged,
  learningCurves,
  type Worth,
} from "@tiller/crowd";
import { bestOfN } from "@tiller/learn";
import { type ForecastPoint, rng, wilson } from "@tiller/schema";
import { featuresIn } from "./features.ts";
import { plot } from "./plot.ts";
import { machineNow, mean } from "./over-seeds.ts";
import { preferenceSet, setNames } from "./preferences.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seeds: { type: "string", default: "10" },
    sets: { type: "string", default: setNames.join() },
    keep: { type: "string", default: path.join(tmpdir(), "tiller-forecast") },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
    json: { type: "boolean", default: false },
  },
});
const whats = ["accuracy", "gold of 16"] as const;
const Curve = z.object({
  points: z.array(z.object({ pairs: z.int(), value: z.number() })),
  covariance: z.array(z.array(z.number())),
  all: z.int(),
});
const Curves = z.object({ part: z.number(), what: z.enum(whats), quarter: Curve, full: Curve });
interface Case extends ForecastPoint, Omit<Checked, "forecast"> {
  readonly set: string;
  readonly what: (typeof whats)[number];
  readonly part: number;
  readonly seed: number;
  readonly now: number;
}
const root = path.resolve(import.meta.dirname, "..");
mkdirSync(o.keep, { recursive: true });
const started = performance.now();
const BEST = 16;

const cases: Case[] = [];
for (const name of o.sets.split(",")) {
  const set = preferenceSet(name);
  if (!set) continue;
  const features = await featuresIn(set, o.keep);
  /** of the best of 16 held-out texts by the reward, in the spread of people's scores */
  const goldOf: Worth | undefined =
    set.gold &&
    ((rewards: Float64Array, tested: readonly Judged[]) => {
      const texts = [...new Set(tested.flatMap((r) => [r.a, r.b]))];
      if (texts.length < BEST) return undefined;
      const golds = texts.map((i) => set.gold![i]!);
      const mean = golds.reduce((a, b) => a + b, 0) / golds.length;
      const sd = Math.sqrt(golds.reduce((v, x) => v + (x - mean) ** 2, 0) / golds.length);
      return (
        (bestOfN(
          texts.map((i) => rewards[i]!),
          golds,
          BEST,
        ) -
          mean) /
        sd
      );
    });
  const worths = [accuracy, ...(goldOf ? [goldOf] : [])];
  for (let seed = 1; seed <= Number(o.seeds); seed++) {
    const file = path.join(o.keep, `${name}-${set.digest}-${seed}.jsonl`);
    if (!existsSync(file)) {
      console.error(
        `${name}, seed ${seed} (${((performance.now() - started) / 60_000).toFixed(1)} min)`,
      );
      const order = rng(seed, "forecast", name).shuffle(set.pairs.map((_, i) => i));
      const curvesOf = (from: number, to: number) => {
        const some = order.slice(from, to);
        const judged = some.map((i) => set.pairs[i]!);
        const units = some.map((i) => set.units[i]!);
        return learningCurves({ features, judged, units }, worths, { seed });
      };
      const n = order.length;
      // the halves of a seed share no pair
      const parts = [
        { part: 1, from: 0, to: n },
        { part: 0.5, from: 0, to: n >> 1 },
        { part: 0.5, from: n >> 1, to: n },
      ];
      const lines = parts.flatMap(({ part, from, to }) => {
        const quarters = curvesOf(from, from + ((to - from) >> 2));
        const full = curvesOf(from, to);
        return quarters.map((quarter, w) =>
          JSON.stringify({ part, what: whats[w], quarter, full: full[w] }),
        );
      });
      writeFileSync(file, `${lines.join("\n")}\n`);
    }
    for (const line of readFileSync(file, "utf8").trim().split("\n")) {
      const { part, what, quarter, full } = Curves.parse(JSON.parse(line));
      // the best of 16 normal numbers is worth 1.77 of their spread: more than all is not to be had
      const range = what === "accuracy" ? {} : { floor: 0, ceiling: 1.77 };
      const { forecast, ...checked } = checkedForecast(quarter, full, { seed, ...range });
      const now = quarter.points.at(-1)!.value;
      cases.push({ set: name, what, part, seed, now, ...forecast, ...checked });
    }
  }
}
const rowOf = (label: string, of: readonly Case[]) => {
  const within = of.filter((c) => c.within).length;
  const { low, high } = wilson(within, of.length);
  const error = mean(of.map((c) => Math.abs(c.measured - c.at)));
  const still = mean(of.map((c) => Math.abs(c.measured - c.now)));
  return `| ${label} | ${of.length} | ${Math.round(mean(of.map((c) => c.from)))} | ${Math.round(mean(of.map((c) => c.pairs)))} | ${mean(of.map((c) => c.now)).toFixed(3)} | ${mean(of.map((c) => c.at)).toFixed(3)} | ${mean(of.map((c) => c.measured)).toFixed(3)} | ${error.toFixed(3)} | ${still.toFixed(3)} | ${mean(of.map((c) => c.high - c.low)).toFixed(3)} | ${(within / of.length).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) | ${of.filter((c) => c.measured < c.low).length} / ${of.filter((c) => c.measured > c.high).length} |`;
};
const groups = [
  ...Map.groupBy(cases, (c) => `${c.set}, ${c.what}, ${c.part === 1 ? "all" : "half"}`),
];
const accuracies = cases.filter((c) => c.what === "accuracy");
const table = [
  '| set | cases | pairs at n/4 | pairs at n | value at n/4 | forecast | measured | error | error of "stays as it is" | width of 90 % | covered (95 %) | below / above |',
  "|---|---|---|---|---|---|---|---|---|---|---|---|",
  ...groups.map(([label, of]) => rowOf(label, of)),
  ...(accuracies.length ? [rowOf("all accuracies", accuracies)] : []),
];
writeFileSync(
  path.join(root, `bench/results/${o.date}-forecast.md`),
  `# What more labels buy, forecast and measured

Command: \`npm run bench -- forecast --seeds ${o.seeds}\`. Date: ${o.date}. Machine: ${machineNow()}. Seeds 1 to ${o.seeds}.
Linear rewards on the committed base's streams; value: mean over 24 splits that hold out 0.3 of the topics, prompts or texts.
Halves: each seed has two that share no pair.

${table.join("\n")}
`,
);
const shown = accuracies.filter((c) => c.seed === 1 && c.part === 1);
mkdirSync(path.join(root, "docs/results"), { recursive: true });
writeFileSync(
  path.join(root, "docs/results/forecast.svg"),
  plot({
    title: "Accuracy at n: forecast from n/4, and measured (seed 1)",
    x: "set",
    places: shown.map((c) => c.set.replace(/-.*/, "")),
    y: "accuracy on held-out pairs",
    lines: [
      {
        name: "forecast, 90 %",
        dots: true,
        points: shown.map((c, i) => ({ x: i + 1, y: c.at, low: c.low, high: c.high })),
      },
      {
        name: "measured",
        dots: true,
        points: shown.map((c, i) => ({ x: i + 1.15, y: c.measured })),
      },
      {
        name: "value at n/4",
        dots: true,
        points: shown.map((c, i) => ({ x: i + 0.85, y: c.now })),
      },
    ],
  }),
);
console.log(table.join("\n"));
if (o.json)
  console.log(
    JSON.stringify({
      covered: accuracies.filter((c) => c.within).length / accuracies.length,
      cases: accuracies.length,
    }),
  );
process.exit(0);
