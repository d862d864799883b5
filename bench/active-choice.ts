/**
 * Pairs chosen by what an ensemble disagrees about, or is unsure of, beside pairs by chance: accuracy on held-out pairs by
 * how many were judged, and how many by chance give the same accuracy. The pairs that may be chosen are those that people
 * judged. Writes bench/results/DATE-active-choice.md and a picture. Run: npm run bench -- active-choice [--seeds 10]
 * [--sets humour,scruples] [--keep DIR]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  accuracy,
  type Choice,
  choices,
  type Judged,
  featureReward,
  rewardsBy,
  wantedPairs,
} from "@tiller/crowd";
import { splitUnits } from "@tiller/crowd/learning-curve.ts";
import { rng } from "@tiller/schema";
import { featuresIn } from "./features.ts";
import { plot } from "./plot.ts";
import { machineNow, mean, overSeeds } from "./over-seeds.ts";
import { preferenceSet, setNames } from "./preferences.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seeds: { type: "string", default: "10" },
    sets: { type: "string", default: setNames.join() },
    keep: { type: "string", default: path.join(tmpdir(), "tiller-forecast") },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
  },
});
const root = path.resolve(import.meta.dirname, "..");
mkdirSync(path.join(root, "docs/results"), { recursive: true });
const seeds = Array.from({ length: Number(o.seeds) }, (_, i) => i + 1);
/** The first is a thirty-second of the pairs that may be chosen; the last is half of them: of all there is no choice. */
const parts = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2];

/** Accuracies at each part, for one split and one way of choosing. */
function choose(
  set: { features: Parameters<typeof wantedPairs>[0]; train: Judged[]; test: Judged[] },
  by: Choice,
  seed: number,
): number[] {
  const at = parts.map((p) => Math.max(12, Math.round(p * set.train.length)));
  let judged = set.train.slice(0, at[0]);
  let open = set.train.slice(at[0]);
  return at.map((size, k) => {
    // twice as many in two goes: the second half of them knows what the first said
    for (let go = 0; go < 2 && judged.length < size; go++) {
      const most = go === 0 ? Math.ceil((size - judged.length) / 2) : size - judged.length;
      const more =
        by === "random"
          ? open.slice(0, most)
          : wantedPairs(set.features, judged, open, { by, most, seed: 100 * seed + 10 * k + go });
      const taken = new Set(more);
      judged = [...judged, ...more];
      open = open.filter((r) => !taken.has(r));
    }
    return accuracy(rewardsBy(set.features, featureReward(set.features, judged)), set.test)!;
  });
}

/** Pairs by chance that give an accuracy, read off their curve between logarithms of sizes; undefined beyond its end. */
function sameAs(
  value: number,
  sizes: readonly number[],
  random: readonly number[],
): number | undefined {
  for (let k = 1; k < sizes.length; k++)
    if (random[k]! >= value) {
      const part = Math.min(
        1,
        Math.max(0, (value - random[k - 1]!) / (random[k]! - random[k - 1]!)),
      );
      return sizes[k - 1]! * (sizes[k]! / sizes[k - 1]!) ** part;
    }
  return undefined;
}

const rows: string[] = [];
const lines: Parameters<typeof plot>[0]["lines"][number][] = [];
for (const name of o.sets.split(",")) {
  const set = preferenceSet(name);
  if (!set) continue;
  console.error(name);
  const features = await featuresIn(set, o.keep);
  const splits = seeds.map((seed) => ({
    features,
    ...splitUnits({ judged: set.pairs, units: set.units }, rng(seed, "active choice", name)),
  }));
  const curves = Object.fromEntries(
    choices.map((by) => [by, splits.map((s, i) => choose(s, by, seeds[i]!))]),
  ) as Record<Choice, number[][]>;
  const sizes = parts.map((p) => Math.round(mean(splits.map((s) => p * s.train.length))));
  const average = (by: Choice) => parts.map((_, k) => mean(curves[by].map((c) => c[k]!)));
  for (const by of choices) {
    const cells = parts.map((_, k) => {
      const here = mean(curves[by].map((c) => c[k]!));
      if (by === "random") return here.toFixed(3);
      const less = curves[by].map((c, s) => c[k]! - curves.random[s]![k]!);
      const { at: d, half } = overSeeds(less);
      return `${here.toFixed(3)} (${d >= 0 ? "+" : ""}${d.toFixed(3)} ± ${half.toFixed(3)})`;
    });
    const fourth = sameAs(average(by)[3]!, sizes, average("random"));
    rows.push(
      `| ${name} | ${by} | ${cells.join(" | ")} | ${by === "random" ? sizes[3] : fourth === undefined ? `more than ${sizes[4]}` : Math.round(fourth)} of ${sizes[3]} |`,
    );
    if (["humour", "convincing-arguments"].includes(name) && by !== "margin")
      lines.push({
        name: `${name.split("-")[0]}, ${by}`,
        points: sizes.map((n, k) => ({ x: Math.log2(n), y: average(by)[k]! })),
      });
  }
}
writeFileSync(
  path.join(root, `bench/results/${o.date}-active-choice.md`),
  `# Active choice of pairs

Command: \`npm run bench -- active-choice --seeds ${seeds.length}\`. Date: ${o.date}. Machine: ${machineNow()}. Seeds 1 to ${seeds.length}, each
another split that holds out 0.3 of the topics, prompts or texts. Linear rewards on the committed base's streams; accuracy on
held-out pairs at parts of the pairs that may be chosen, in brackets the difference to chance on the same splits with its
95 % interval. Last column: pairs by chance that give what a quarter of the pairs gives when chosen so.

| set | choice | 1/32 | 1/16 | 1/8 | 1/4 | 1/2 | chance needs |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}
`,
);
if (lines.length)
  writeFileSync(
    path.join(root, "docs/results/active-choice.svg"),
    plot({
      title: "Pairs by disagreement and by chance",
      x: "pairs judged (logarithm to base 2)",
      fromLeast: true,
      y: "accuracy on held-out pairs",
      lines,
    }),
  );
console.log(rows.join("\n"));
process.exit(0);
