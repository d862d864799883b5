/**
 * What `tiller model estimate` says before a run beside what the run then takes: npm run bench -- estimate [--json]
 * Both run the trainer's own step, in processes of their own: the whole model's before and after the probes.
 */
import { parseArgs } from "node:util";
import { estimate, EstimateOptions, measureSteps } from "@tiller/learn";
import { shapeOf } from "@tiller/lm";
import { models } from "./engine/shapes.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: { json: { type: "boolean", default: false } },
});
const cases = [
  ["mid", { batch: 8, length: 256 }],
  ["llama-mid", { batch: 8, length: 256 }],
  ["small", { batch: 1, length: 256 }],
  ["small", { batch: 4, length: 256, recompute: true }],
  ["small", { batch: 4, length: 256, rank: 8 }],
] as const;
const rows = [];
if (!o.json) {
  console.log("| model | step | seconds: said | measured | off | MB: said | measured | off |");
  console.log("|---|---|---|---|---|---|---|---|");
}
for (const [name, asked] of cases) {
  const config = models[name]!;
  const options = EstimateOptions.parse(asked);
  const measure = () => measureSteps(config, shapeOf(config).layers, options);
  const before = await measure();
  const said = await estimate(config, options);
  const after = await measure();
  // as with the probes, the quicker of two: a shared machine's pace changes within minutes
  const measured = { ...after, seconds: Math.min(before.seconds, after.seconds) };
  const off = (key: "seconds" | "megabytes") => said[key] / measured[key] - 1;
  rows.push({ name, options, said, measured });
  const percent = (x: number) => `${x < 0 ? "-" : "+"}${Math.abs(100 * x).toFixed(1)} %`;
  const what = `${options.batch} x ${options.length}${options.recompute ? ", recomputed" : ""}${options.rank ? `, adapters of rank ${options.rank}` : ""}`;
  if (!o.json)
    console.log(
      `| ${name} | ${what} | ${said.seconds.toFixed(3)} | ${measured.seconds.toFixed(3)} | ${percent(off("seconds"))} | ${said.megabytes.toFixed(0)} | ${measured.megabytes.toFixed(0)} | ${percent(off("megabytes"))} |`,
    );
}
if (o.json) console.log(JSON.stringify({ rows }));
