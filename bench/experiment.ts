/**
 * The first experiment from nothing, for several seeds, one after the other: what it reached and how long it took.
 * Run: npm run bench -- experiment 1 2 3   (five to six minutes a seed; the machine should do nothing else)
 * --keep leaves the homes and says where they are.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Outcome } from "../recipes/better-continuations/report.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const keep = process.argv.includes("--keep");
const seeds = process.argv.slice(2).flatMap((x) => (x === "--keep" ? [] : Number(x)));
if (!seeds.length || seeds.some((s) => !Number.isInteger(s))) {
  console.error("Give the seeds: npm run bench -- experiment 1 2 3");
  process.exit(2);
}

const rows = seeds.map((seed) => {
  const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-"));
  const args = ["apps/cli/main.ts", "start", "--once", "--json", "--port", "0"];
  const run = spawnSync(process.execPath, [...args, "--seed", String(seed), "--home", home], {
    cwd: root,
    encoding: "utf8",
  });
  if (keep) console.log(`seed ${seed}: ${home}`);
  else rmSync(home, { recursive: true, force: true });
  if (run.status !== 0) throw new Error(`seed ${seed} ended with ${run.status}: ${run.stderr}`);
  const outcome = Outcome.parse(JSON.parse(run.stdout.trim().split("\n").at(-1)!));
  console.log(JSON.stringify({ seed, ...outcome }));
  return { seed, ...outcome };
});

const date = new Date().toISOString().slice(0, 10);
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], {
  cwd: root,
  encoding: "utf8",
});
const table = rows.map(
  (r) =>
    `| ${r.seed} | ${r.seconds.toFixed(0)} | ${r.rewardAccuracy.toFixed(3)} | ${r.winRate.toFixed(3)} | ${r.kl.toFixed(1)} | ${r.distinct2Ratio.toFixed(2)} | ${r.judgments} | ${r.carelessFound.toSorted().join(", ")} |`,
);
const text = `# The first experiment, seeds ${seeds.join(", ")}

Machine: ${cpus().length} cores, ${cpus()[0]?.model}. Date: ${date}. Commit: ${commit.trim()}.
Command: \`npm run bench -- experiment ${seeds.join(" ")}\`. The simulated careless raters are rater-11 and rater-12.

| seed | seconds | reward model right | win rate | KL, nats | distinct-2 of the base's | judgments | careless found |
|---|---|---|---|---|---|---|---|
${table.join("\n")}
`;
writeFileSync(path.join(root, "bench", "results", `${date}-experiment-seeds.md`), text);
