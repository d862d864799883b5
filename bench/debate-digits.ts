/**
 * Irving et al. 2018 in miniature: a judge that sees k pixels, alone, before a debate, and before a consultant (recipes/debate-digits).
 * npm run bench -- debate-digits [--seeds 5] [--pixels 2,4,6,8] [--pictures 300] [--steps 6000] [--hidden 256] [--plot FILE.svg] [--json]
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { rng } from "@tiller/schema";
import { overSeeds } from "./over-seeds.ts";
import { readDigits, trainJudge } from "../recipes/debate-digits/judge.ts";
import { accuracies, type Arm } from "../recipes/debate-digits/play.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seeds: { type: "string", default: "5" },
    pixels: { type: "string", default: "2,4,6,8" },
    pictures: { type: "string", default: "300" },
    steps: { type: "string", default: "6000" },
    hidden: { type: "string", default: "256" },
    plot: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const [seeds, pictures, steps, hidden] = [o.seeds, o.pictures, o.steps, o.hidden].map(Number) as [
  number,
  number,
  number,
  number,
];
const ks = o.pixels.split(",").map(Number);
const arms: readonly Arm[] = ["alone", "debate", "honest", "dishonest"];

interface Figure {
  readonly mean: number;
  readonly half: number;
}
function over(xs: readonly number[]): Figure {
  const { at, half } = overSeeds(xs); // of one seed there is no interval
  return { mean: at, half };
}

const rows = ks.map((k) => {
  const runs = Array.from({ length: seeds }, (_, i) => {
    const seed = i + 1;
    const digits = rng(seed, "split").shuffle(readDigits());
    const test = digits.slice(0, pictures);
    const judge = trainJudge(digits.slice(pictures), { k, seed, steps, hidden });
    const found = Object.fromEntries(
      arms.map((arm) => [arm, accuracies(judge, arm, { k, digits: test, seed })]),
    ) as Record<Arm, { worst: number; average: number }>;
    if (!o.json)
      console.error(
        `k ${k}, seed ${seed}: alone ${found.alone.worst.toFixed(3)}, debate ${found.debate.worst.toFixed(3)}`,
      );
    return found;
  });
  const figures = (of: (run: (typeof runs)[number]) => number) => over(runs.map(of));
  return {
    k,
    worst: {
      alone: figures((r) => r.alone.worst),
      debate: figures((r) => r.debate.worst),
      gain: figures((r) => r.debate.worst - r.alone.worst),
    },
    average: {
      alone: figures((r) => r.alone.average),
      debate: figures((r) => r.debate.average),
      gain: figures((r) => r.debate.average - r.alone.average),
    },
    consultancy: {
      honest: figures((r) => r.honest.worst),
      dishonest: figures((r) => r.dishonest.average),
      both: figures((r) => (r.honest.worst + r.dishonest.worst) / 2),
    },
    runs,
  };
});
if (o.json) console.log(JSON.stringify({ seeds, pictures, steps, hidden, rows }));
else {
  const show = ({ mean, half }: Figure) =>
    `${(100 * mean).toFixed(1)}${half >= 0 ? ` ± ${(100 * half).toFixed(1)}` : ""}`;
  console.log(
    "| pixels | alone, worst lie | debate, worst lie | gain | alone, any lie | debate, any lie | gain | honest consultant | dishonest | half and half |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|");
  for (const { k, worst, average, consultancy: c } of rows) {
    const cells = [
      worst.alone,
      worst.debate,
      worst.gain,
      average.alone,
      average.debate,
      average.gain,
      c.honest,
      c.dishonest,
      c.both,
    ];
    console.log(`| ${k} | ${cells.map(show).join(" | ")} |`);
  }
}
if (o.plot !== undefined) writeFileSync(o.plot, plot());

/** Accuracy against pixels seen: three lines with their intervals. */
function plot(): string {
  const [w, h, left, right, top, bottom] = [640, 360, 56, 150, 20, 48];
  const x = (k: number) =>
    left + ((k - Math.min(...ks)) / (Math.max(...ks) - Math.min(...ks) || 1)) * (w - left - right);
  const y = (p: number) => top + (1 - p) * (h - top - bottom);
  const lines = [
    { name: "debate", kind: "s1", of: rows.map((r) => r.worst.debate) },
    { name: "judge alone", kind: "s2", of: rows.map((r) => r.worst.alone) },
    { name: "consultancy", kind: "s3", of: rows.map((r) => r.consultancy.both) },
  ];
  const drawn = lines.map(({ name, kind, of }) => {
    const points = of.map((f, i) => `${x(ks[i]!).toFixed(1)},${y(f.mean).toFixed(1)}`).join(" ");
    const bars = of.map(
      (f, i) =>
        `<path d="M${x(ks[i]!).toFixed(1)} ${y(f.mean - f.half).toFixed(1)}V${y(f.mean + f.half).toFixed(1)}"/><circle cx="${x(ks[i]!).toFixed(1)}" cy="${y(f.mean).toFixed(1)}" r="4"/>`,
    );
    return `<g class="${kind}"><polyline points="${points}"/>${bars.join("")}<text x="${w - right + 14}" y="${(y(of.at(-1)!.mean) + 5).toFixed(1)}">${name}</text></g>`;
  });
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (p) =>
      `<path d="M${left} ${y(p)}H${w - right}"/><text x="${left - 8}" y="${y(p) + 4}">${100 * p} %</text>`,
  );
  const ticks = ks.map((k) => `<text class="mid" x="${x(k)}" y="${h - 26}">${k}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" aria-label="Accuracy against the worst lie by pixels seen">
<style>svg{--ink:#1c2420;--soft:#57635c;--line:#dcded8;--s1:#1c6b50;--s2:#a03a26;--s3:#44599c;font:14px system-ui,sans-serif}@media(prefers-color-scheme:dark){svg{--ink:#e5e9e6;--soft:#9ba8a1;--line:#2f3733;--s1:#6cc3a1;--s2:#e68d78;--s3:#9badec}}polyline{fill:none;stroke-width:2}.s1{stroke:var(--s1);fill:var(--s1)}.s2{stroke:var(--s2);fill:var(--s2)}.s3{stroke:var(--s3);fill:var(--s3)}text{stroke:none}.grid path{stroke:var(--line)}.grid text{fill:var(--soft);text-anchor:end;font-size:13px}.mid,.axis{fill:var(--soft);text-anchor:middle;font-size:13px}</style>
<g class="grid">${grid.join("")}</g>${ticks.join("")}<text class="axis" x="${(left + w - right) / 2}" y="${h - 6}">pixels that the judge sees</text>
${drawn.join("\n")}
</svg>
`;
}
