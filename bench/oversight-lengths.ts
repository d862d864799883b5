/**
 * Bits a round of speeches, over a coin, against how much is quoted and how much of its budget the right answer's side uses: plots of the
 * tables that `tiller debate compare` printed (bench/results/), as Kenton et al. 2024 and Michael et al. 2023 count rounds.
 * Run: npm run bench -- oversight-lengths [--results FILE]
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { plot } from "./plot.ts";

const root = path.join(import.meta.dirname, "..");
const { values: o } = parseArgs({
  options: {
    results: { type: "string", default: "bench/results/2026-11-28-compare-oversight.md" },
  },
});
/** Rounds in which somebody speaks, by way (recipes/oversight/arms.ts). */
const rounds = {
  "consultancy, side assigned": 1,
  "open consultancy": 1,
  "one critique": 2,
  debate: 2,
} as const;
type Way = keyof typeof rounds;

/** By the flags above each table, the mean log2 score of each way. */
const scores = new Map<string, ReadonlyMap<string, number>>();
for (const part of readFileSync(path.resolve(root, o.results), "utf8").split(/^## /m).slice(1)) {
  const flags = /^`([^`]*)`/.exec(part)?.[1] ?? "";
  const rows = [...part.matchAll(/^\| ([^|]+) \| \d+ \| [^|]* \| [^|]* \| (-?[\d.]+) \|/gm)];
  scores.set(flags, new Map(rows.map(([, way, score]) => [way!, Number(score)])));
}
/** A coin between two answers has a score of -1. */
function bits(flags: string, way: Way): number {
  const score = scores.get(flags)?.get(way);
  if (score === undefined)
    throw new Error(
      `${o.results} has no score of "${way}" under \`${flags}\`. Run it, and put its table there.`,
    );
  return (score + 1) / rounds[way];
}
const draw = (
  file: string,
  title: string,
  x: string,
  at: readonly (readonly [number, string])[],
) => {
  const lines = (Object.keys(rounds) as Way[]).map((name) => ({
    name,
    points: at.map(([value, flags]) => ({ x: value, y: bits(flags, name) })),
  }));
  writeFileSync(
    path.join(root, "docs/results", file),
    plot({ title, x, y: "bits a round over a coin", lines }),
  );
  for (const l of lines)
    console.log(`${l.name}: ${l.points.map((p) => `${p.x}: ${p.y.toFixed(3)}`).join(", ")}`);
};
draw("oversight-length.svg", "Bits a round against length", "characters that the judge is shown", [
  [150, "--questions 400 --quoted 150"],
  [600, "--seed 1"],
  [1200, "--questions 400 --quoted 1200"],
]);
draw(
  "oversight-honest.svg",
  "Bits a round against the honest side's budget",
  "part of its budget that the right answer's side uses",
  [
    [0.25, "--questions 400 --honest 0.25"],
    [0.5, "--questions 400 --honest 0.5"],
    [1, "--seed 1"],
  ],
);
