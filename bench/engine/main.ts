/**
 * Training and sampling beside PyTorch, in interleaved rounds, medians: npm run bench -- engine
 * [--only train|decode|prefill|memory] [--shape tiny] [--batch 16] [--rounds 7] [--json]
 * Peers: a Python with torch and transformers, named by TILLER_PYTHON, and for sampling llama.cpp, by a folder with
 * node-llama-cpp that TILLER_LLAMA names. One that is not there is shown as absent.
 * Threads: TILLER_THREADS, else every core.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Worker } from "../worker.ts";
import { type Machine, floorMs, measureMachine } from "./floor.ts";
import { type Case, cases, models, type Work } from "./shapes.ts";

const { values: flags } = parseArgs({
  args: process.argv.slice(2),
  options: {
    only: { type: "string" },
    shape: { type: "string" },
    batch: { type: "string" },
    rounds: { type: "string", default: "7" },
    json: { type: "boolean", default: false },
  },
});
const python = process.env["TILLER_PYTHON"];
const llama = process.env["TILLER_LLAMA"];
const here = import.meta.dirname;
const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
const hasBf16 = /avx512_bf16|amx_bf16/.test(cpuinfo);

interface Contender {
  readonly name: string;
  readonly start: (c: Case) => Worker;
  readonly works: readonly Work[];
  /** what our time over its own must not exceed; null: shown for comparison */
  readonly target: (c: Case) => number | null;
  /** which of ours stands against it */
  readonly against: "ours" | "ours, 8 bits";
}
const own = (name: "ours" | "ours, 8 bits") => (c: Case) =>
  new Worker(name, process.execPath, [
    path.join(here, "ours.ts"),
    JSON.stringify(c),
    ...(name === "ours" ? [] : ["8"]),
  ]);
const torch = (name: string, how: "f32" | "bf16" | "generate") => (c: Case) =>
  new Worker(name, python!, [
    path.join(here, "torch_peer.py"),
    JSON.stringify(c),
    JSON.stringify(models[c.shape]),
    how,
  ]);
const ggml = (name: string, type: string) => (c: Case) =>
  new Worker(name, process.execPath, [path.join(here, "llama_peer.ts"), JSON.stringify(c), type]);
const contender = (
  name: string,
  start: Contender["start"],
  works: readonly Work[],
  target: Contender["target"],
  against: Contender["against"] = "ours",
): Contender => ({ name, start, works, target, against });
const [PyTorch, bf16, generate, f32, q8] = [
  "PyTorch",
  "PyTorch bf16",
  "transformers generate",
  "llama.cpp f32",
  "llama.cpp q8_0",
] as const;
const contenders: readonly Contender[] = [
  ...(python
    ? [
        contender(PyTorch, torch(PyTorch, "f32"), ["train", "decode", "prefill"], (c) => c.target),
        contender(generate, torch(generate, "generate"), ["decode"], () => null),
      ]
    : []),
  // without the instructions it emulates bf16, many times slower
  ...(python && hasBf16 ? [contender(bf16, torch(bf16, "bf16"), ["train"], () => null)] : []),
  ...(llama
    ? [
        contender(f32, ggml(f32, "F32"), ["decode", "prefill"], () => 1),
        contender(q8, ggml(q8, "Q8_0"), ["decode"], () => 1, "ours, 8 bits"),
      ]
    : []),
];
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)];

interface Row {
  readonly work: string;
  readonly shape: string;
  readonly batch: number;
  /** milliseconds, or megabytes for memory */
  readonly ours: number;
  readonly peer: number | null;
  readonly peerName: string;
  /** ours over the peer's */
  readonly ratio: number | null;
  /** of the ratio */
  readonly target: number | null;
  readonly floorRatio: number | null;
  readonly floorTarget: number | null;
}
async function measure(c: Case, machine: Machine): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const theirs = contenders.filter((p) => p.works.includes(c.work));
  const mine = c.work === "decode" ? (["ours", "ours, 8 bits"] as const) : (["ours"] as const);
  const workers: Worker[] = [];
  const first = new Map<string, Record<string, number>>();
  for (const start of [...mine.map(own), ...theirs.map((p) => p.start)]) {
    const worker = stack.use(start(c));
    workers.push(worker);
    first.set(worker.name, await worker.answer()); // ready, one run done, alone on the machine
  }
  const times = new Map(workers.map((w) => [w.name, [] as number[]]));
  for (let round = 0; round < Number(flags.rounds) + 1; round++)
    for (const w of workers) {
      await setTimeout(100); // threads of the one before may spin for a while
      const { ms } = await w.ask("go");
      if (round > 0) times.get(w.name)!.push(ms); // one more round to warm up
    }
  const at = (name: string) => median(times.get(name)!);
  const row = (
    work: string,
    ours: number,
    peerName: string,
    peer: number | null,
    target: number | null,
    floor?: number,
  ): Row => ({
    work,
    shape: c.shape,
    batch: c.batch,
    ours,
    peer,
    peerName,
    ratio: peer && ours / peer,
    target,
    floorRatio: floor ? ours / floor : null,
    floorTarget: floor ? c.floorTarget : null,
  });
  const floor = floorMs(c, machine);
  const rows = theirs.map((p, i) =>
    row(
      p.against === "ours" ? c.work : `${c.work}, 8 bits`,
      at(p.against),
      p.name,
      at(p.name),
      p.target(c),
      i === 0 ? floor : undefined,
    ),
  );
  if (!rows.length) rows.push(row(c.work, at("ours"), "absent", null, c.target, floor));
  if (c.work !== "train") return rows;
  const peaks = new Map<string, number>();
  for (const w of workers) peaks.set(w.name, (await w.ask("memory"))["peakMB"]!);
  const there = python ? PyTorch : "absent";
  const cold = (name: string) => first.get(name)?.["coldMs"] ?? null;
  rows.push(
    row("memory", peaks.get("ours")!, there, peaks.get(PyTorch) ?? null, 1.1),
    row("first step, cold", cold("ours")!, there, cold(PyTorch), null),
  );
  return rows;
}

const wanted = cases.filter(
  (c) =>
    (!flags.only || c.work === flags.only || (flags.only === "memory" && c.work === "train")) &&
    (!flags.shape || c.shape === flags.shape) &&
    (!flags.batch || c.batch === Number(flags.batch)),
);
const show = (x: number | null, unit = "") => (x === null ? "-" : x.toFixed(2) + unit);
const machine = measureMachine();
if (!flags.json) {
  const version = python && spawnSync(python, ["-c", "import torch; print(torch.__version__)"]);
  console.log(
    `${cpus().length} x ${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}, PyTorch ${version ? String(version.stdout).trim() : "absent (set TILLER_PYTHON)"}, llama.cpp ${llama ? "by node-llama-cpp" : "absent (set TILLER_LLAMA)"}; ` +
      `matrix products ${(machine.flops / 1e9).toFixed(0)} GFLOPS, memory ${(machine.bandwidth / 1e9).toFixed(1)} GB/s\n`,
  );
  console.log(
    "| work | shape | batch | ours | peer | its | ours / its | target | ours / floor | target |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|");
}
const held = (ratio: number | null, target: number | null) =>
  `${show(ratio)} | ${target === null ? "" : `${target}${ratio === null ? "" : ratio <= target ? " held" : " MISSED"}`}`;
const rows: Row[] = [];
for (const c of wanted)
  for (const r of await measure(c, machine)) {
    rows.push(r);
    const unit = r.work === "memory" ? " MB" : " ms";
    if (!flags.json)
      console.log(
        `| ${r.work} | ${r.shape} | ${r.batch} | ${show(r.ours, unit)} | ${r.peerName} | ${show(r.peer, unit)} | ${held(r.ratio, r.target)} | ${held(r.floorRatio, r.floorTarget)} |`,
      );
  }
if (flags.json) console.log(JSON.stringify({ machine, rows }));
