/**
 * Does the tree help a weak overseer? Arms A to H of Ledger by cell and seed (recipes/ledger, its plan.md was written before).
 * npm run bench -- ledger [--cells main,labels] [--seeds 5] [--keep FILE.jsonl] [--plot FILES-BEGIN] [--json]
 * What --keep holds is not run again.
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { heightDrift, HeightJudgment, heightMeasures } from "@tiller/book";
import { rng } from "@tiller/schema";
import { z } from "zod";
import { machineNow } from "./over-seeds.ts";
import { plot } from "./plot.ts";
import { corpus } from "../recipes/corpus.ts";
import { parameters } from "../recipes/ledger/network.ts";
import { type Arm, armNames, arms } from "../recipes/ledger/oversee.ts";
import { type Cell, runCell } from "../recipes/ledger/run.ts";
import { fillers } from "../recipes/ledger/story.ts";

const some: readonly Arm[] = ["A", "C", "D", "G"];
const cells: Readonly<Record<string, Cell & { readonly arms: readonly Arm[] }>> = {
  main: { chunks: 16, dependence: 0.15, noise: 0.1, minutes: 2000, arms },
  labels: { chunks: 16, dependence: 0.15, noise: 0.1, labels: 1000, arms },
  short: { chunks: 8, dependence: 0.15, noise: 0.1, minutes: 2000, arms: some },
  free: { chunks: 16, dependence: 0, noise: 0.1, minutes: 2000, arms: some },
  tied: { chunks: 16, dependence: 0.3, noise: 0.1, minutes: 2000, arms: some },
  long: { chunks: 32, dependence: 0.15, noise: 0.1, minutes: 2000, arms: some },
};
const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    cells: { type: "string", default: Object.keys(cells).join(",") },
    seeds: { type: "string", default: "5" },
    keep: { type: "string" },
    plot: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const names = z.array(z.enum(Object.keys(cells))).parse(o.cells.split(","));
const seeds = Array.from(
  { length: z.coerce.number().int().positive().parse(o.seeds) },
  (_, i) => i + 1,
);
const Kept = z.object({
  cell: z.string(),
  seed: z.number(),
  seconds: z.number(),
  outcomes: z.array(
    z.object({
      arm: z.enum([...arms, "start"]),
      labels: z.number(),
      minutes: z.number(),
      books: z.array(z.number()),
      unseen: z.array(z.number()),
      leaves: z.number(),
      above: z.number(),
      reward: z.number().nullable(),
      gain: z.number(),
      heights: z.array(HeightJudgment).optional(),
    }),
  ),
});
type Kept = z.infer<typeof Kept>;

const lines = o.keep && existsSync(o.keep) ? readFileSync(o.keep, "utf8").trim().split("\n") : [];
const kept: Kept[] = lines.filter(Boolean).map((l) => Kept.parse(JSON.parse(l)));
const between = fillers(corpus().moby);
for (const cell of names)
  for (const seed of seeds) {
    if (kept.some((k) => k.cell === cell && k.seed === seed)) continue;
    const from = performance.now();
    const { arms: which, ...setting } = cells[cell]!;
    const outcomes = runCell(between, setting, seed, which);
    const seconds = (performance.now() - from) / 1000;
    const line = JSON.stringify({ cell, seed, seconds, outcomes });
    if (o.keep) appendFileSync(o.keep, `${line}\n`);
    kept.push(Kept.parse(JSON.parse(line)));
    const short = outcomes.map((x) => `${x.arm} ${mean(x.books).toFixed(3)}`).join(", ");
    console.error(`${cell}, seed ${seed}, ${seconds.toFixed(0)} s: ${short}`);
  }

function mean(xs: readonly number[]): number {
  return xs.reduce((a, b) => a + b, 0) / xs.length;
}
type Who = Arm | "start";
/** By seed, by book. */
const booksOf = (cell: string, arm: Who): number[][] =>
  kept
    .filter((k) => k.cell === cell && seeds.includes(k.seed))
    .map((k) => k.outcomes.find((x) => x.arm === arm)!.books);
const DRAWS = 2000;
interface Interval {
  readonly at: number;
  readonly low: number;
  readonly high: number;
}
/** A sum of signed arms, paired by seed and book: drawn together. */
function contrast(terms: readonly (readonly [number, string, Who])[]): Interval {
  const sets = terms.map(([sign, cell, arm]) => ({ sign, books: booksOf(cell, arm) }));
  const of = (draw: (n: number) => number, whole = false) => {
    const n = sets[0]!.books.length;
    const chosen = Array.from({ length: n }, (_, i) => (whole ? i : draw(n)));
    return mean(
      chosen.map((s) => {
        const size = sets[0]!.books[s]!.length;
        const books = Array.from({ length: size }, (_, i) => (whole ? i : draw(size)));
        return sets.reduce((sum, x) => sum + x.sign * mean(books.map((i) => x.books[s]![i]!)), 0);
      }),
    );
  };
  const draw = rng(1, "contrast");
  const drawn = Array.from({ length: DRAWS }, () => of((n) => draw.int(n))).sort((a, b) => a - b);
  const at = (p: number) => drawn[Math.round(p * (DRAWS - 1))]!;
  return { at: of(() => 0, true), low: at(0.025), high: at(0.975) };
}

const whole = (cell: string) => booksOf(cell, "A").length === seeds.length;
const claims: readonly {
  readonly n: number;
  readonly what: string;
  readonly terms: readonly (readonly [number, string, Who])[];
  readonly holds: (i: Interval) => boolean;
}[] = [
  {
    n: 1,
    what: "A - C, main",
    terms: [
      [1, "main", "A"],
      [-1, "main", "C"],
    ],
    holds: (i) => i.low > 0,
  },
  {
    n: 2,
    what: "A - D, labels",
    terms: [
      [1, "labels", "A"],
      [-1, "labels", "D"],
    ],
    holds: (i) => i.low > 0,
  },
  {
    n: 3,
    what: "(A - C), long less short",
    terms: [
      [1, "long", "A"],
      [-1, "long", "C"],
      [-1, "short", "A"],
      [1, "short", "C"],
    ],
    holds: (i) => i.low > 0,
  },
  {
    n: 4,
    what: "(A - C), tied less free",
    terms: [
      [1, "tied", "A"],
      [-1, "tied", "C"],
      [-1, "free", "A"],
      [1, "free", "C"],
    ],
    holds: (i) => i.high < 0,
  },
  {
    n: 5,
    what: "G's loss less A's, free to tied",
    terms: [
      [1, "free", "G"],
      [-1, "tied", "G"],
      [-1, "free", "A"],
      [1, "tied", "A"],
    ],
    holds: (i) => i.low > 0,
  },
  {
    n: 6,
    what: "B - start, main",
    terms: [
      [1, "main", "B"],
      [-1, "main", "start"],
    ],
    holds: (i) => i.low <= 0,
  },
  {
    n: 7,
    what: "F - A, main",
    terms: [
      [1, "main", "F"],
      [-1, "main", "A"],
    ],
    holds: (i) => i.low > 0 || i.high < 0,
  },
  {
    n: 8,
    what: "A - H, main",
    terms: [
      [1, "main", "A"],
      [-1, "main", "H"],
    ],
    holds: (i) => i.low > 0,
  },
];
const plan = createHash("sha256")
  .update(readFileSync(path.resolve(import.meta.dirname, "../recipes/ledger/plan.md")))
  .digest("hex");
const found = names.filter(whole).map((cell) => ({
  cell,
  arms: (["start", ...cells[cell]!.arms] as Who[]).map((arm) => {
    const of = kept
      .filter((k) => k.cell === cell && seeds.includes(k.seed))
      .map((k) => k.outcomes.find((x) => x.arm === arm)!);
    const average = (value: (x: (typeof of)[number]) => number) => mean(of.map(value));
    return {
      arm,
      root: contrast([[1, cell, arm]]),
      unseen: average((x) => mean(x.unseen)),
      leaves: average((x) => x.leaves),
      above: average((x) => x.above),
      labels: average((x) => x.labels),
      minutes: average((x) => x.minutes),
      reward: average((x) => x.reward ?? Number.NaN),
      gain: average((x) => x.gain),
    };
  }),
}));
const decided = claims
  .filter((c) => c.terms.every(([, cell]) => names.includes(cell) && whole(cell)))
  .map((c) => ({ n: c.n, what: c.what, ...contrast(c.terms) }))
  .map((c) => ({ ...c, holds: claims.find((x) => x.n === c.n)!.holds(c) }));
const judged = kept
  .filter((k) => k.cell === "main" && seeds.includes(k.seed))
  .flatMap((k) => k.outcomes.flatMap((x) => x.heights ?? []));
const heights = heightDrift(judged);

if (o.json)
  console.log(JSON.stringify({ plan, parameters, cells: found, claims: decided, heights }));
else {
  const pc = (x: number) => (Number.isNaN(x) ? "" : (100 * x).toFixed(1));
  const span = (i: Interval) => `${pc(i.at)} (${pc(i.low)} to ${pc(i.high)})`;
  console.log(`plan ${plan}; ${parameters} parameters; ${seeds.length} seeds; ${machineNow()}`);
  for (const { cell, arms: rows } of found) {
    const { chunks, dependence, minutes, labels } = cells[cell]!;
    console.log(
      `\n${cell}: ${chunks} chunks, dependence ${dependence}, ${minutes ? `${minutes} minutes` : `${labels} labels`}\n`,
    );
    console.log(
      "| arm | root right, % | unseen patterns | leaves right | above | labels | minutes | reward right | its gain |",
    );
    console.log("|---|---|---|---|---|---|---|---|---|");
    for (const r of rows) {
      const name = r.arm === "start" ? "start" : `${r.arm} ${armNames[r.arm]}`;
      const cellsOf = [span(r.root), pc(r.unseen), pc(r.leaves), pc(r.above)];
      console.log(
        `| ${name} | ${cellsOf.join(" | ")} | ${r.labels.toFixed(0)} | ${r.minutes.toFixed(0)} | ${pc(r.reward)} | ${r.gain.toFixed(2)} |`,
      );
    }
  }
  console.log("\n| | claim | points | holds |\n|---|---|---|---|");
  for (const c of decided)
    console.log(`| ${c.n} | ${c.what} | ${span(c)} | ${c.holds ? "yes" : "no"} |`);
  console.log(
    `\n| height | ${heightMeasures.join(" | ")} | change of each from the leaves |\n|---|---|---|---|---|`,
  );
  for (const h of heights) {
    const figures = heightMeasures.map((m) => {
      const f = h[m];
      return f ? `${f.mean.toFixed(3)} (${f.low.toFixed(3)} to ${f.high.toFixed(3)})` : "";
    });
    const changes = heightMeasures.map((m) => {
      const c = h[m]?.change;
      return c ? `${c.at.toFixed(3)} (${c.low.toFixed(3)} to ${c.high.toFixed(3)})` : "";
    });
    console.log(`| ${h.height} | ${figures.join(" | ")} | ${changes.join(", ")} |`);
  }
}
if (o.plot !== undefined) {
  const shown = ["A", "C", "D", "G", "start"] as const;
  const sweeps = [
    { name: "length", cells: ["short", "main", "long"], places: ["8", "16", "32"] },
    { name: "dependence", cells: ["free", "main", "tied"], places: ["0", ".15", ".3"] },
  ];
  const axes = { length: "chunks of a hundred words", dependence: "chunks that begin with 'it'" };
  for (const { name, cells: along, places } of sweeps) {
    const ready = along.every((cell) => names.includes(cell) && whole(cell));
    if (!ready) continue;
    const lines = shown.map((arm) => ({
      name: arm === "start" ? "start" : `${arm} ${armNames[arm]}`,
      points: along.map((cell, i) => {
        const { at, low, high } = contrast([[1, cell, arm]]);
        return { x: i + 1, y: 100 * at, low: 100 * low, high: 100 * high };
      }),
    }));
    const title = `Objects that the root has right, by ${name}`;
    const x = axes[name as keyof typeof axes];
    writeFileSync(
      `${o.plot}-${name}.svg`,
      plot({ title, x, y: "% of the objects", places, lines }),
    );
  }
}
