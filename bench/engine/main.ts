/**
 * Training and sampling beside PyTorch, in interleaved rounds, medians: npm run bench -- engine
 * [--only train|decode|prefill|memory] [--shape tiny] [--batch 16] [--rounds 7] [--json]
 * Peers: a Python with torch and transformers, named by TILLER_PYTHON, and for sampling llama.cpp, by a folder with
 * node-llama-cpp that TILLER_LLAMA names. One that is not there is shown as absent.
 * Threads: TILLER_THREADS, else every core.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { parseArgs } from "node:util";
import { type Machine, floorMs, measureMachine } from "./floor.ts";
import { type Case, cases, models } from "./shapes.ts";

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
// without the instructions PyTorch emulates bf16, many times slower
const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
const hasBf16 = /avx512_bf16|amx_bf16/.test(cpuinfo);

/** A process that answers each line of stdin with a line of JSON. */
class Worker implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  constructor(name: string, command: string, args: string[]) {
    this.name = name;
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] }) as never;
    this.#lines = readline.createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }
  async answer(): Promise<Record<string, number>> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.name} ended; its error stands above`);
    return JSON.parse(value) as Record<string, number>;
  }
  ask(line: string): Promise<Record<string, number>> {
    this.#child.stdin.write(`${line}\n`);
    return this.answer();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await new Promise((resolve) => this.#child.once("close", resolve));
  }
}
const starts = (c: Case): (() => Worker)[] => {
  const theirs = (dtype: string) => () =>
    new Worker(`PyTorch ${dtype}`, python!, [
      path.join(here, "torch_peer.py"),
      JSON.stringify(c),
      JSON.stringify(models[c.shape]),
      dtype,
    ]);
  const ggml = (type: string) => () =>
    new Worker(`llama.cpp ${type}`, process.execPath, [
      path.join(here, "llama_peer.ts"),
      JSON.stringify(c),
      type,
    ]);
  return [
    () => new Worker("ours", process.execPath, [path.join(here, "ours.ts"), JSON.stringify(c)]),
    ...(python ? [theirs("f32"), ...(c.work === "train" && hasBf16 ? [theirs("bf16")] : [])] : []),
    ...(llama && c.work !== "train" ? [ggml("F32"), ggml("Q8_0")] : []),
  ];
};
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)];

interface Row {
  readonly work: string;
  readonly shape: string;
  readonly batch: number;
  /** milliseconds, or megabytes for memory */
  readonly ours: number;
  readonly peer: number | null;
  readonly peerName: string;
  readonly ratio: number | null;
  readonly target: number;
  readonly floorRatio: number | null;
  /** PyTorch under bf16 autocast, for honesty */
  readonly bf16: number | null;
  /** llama.cpp in f32 and q8_0, and our time over its f32 one */
  readonly llama: number | null;
  readonly llamaRatio: number | null;
  readonly llamaQ8: number | null;
}
async function measure(c: Case, machine: Machine): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const workers: Worker[] = [];
  const first: Record<string, number>[] = [];
  for (const begin of starts(c)) {
    const worker = stack.use(begin());
    workers.push(worker);
    first.push(await worker.answer()); // ready, one run done, alone on the machine
  }
  const times = new Map(workers.map((w) => [w.name, [] as number[]]));
  for (let round = 0; round < Number(flags.rounds) + 1; round++)
    for (const w of workers) {
      const { ms } = await w.ask("go");
      if (round > 0) times.get(w.name)!.push(ms); // one more round to warm up
    }
  const at = (name: string) => (times.has(name) ? median(times.get(name)!) : null);
  const ours = at("ours")!;
  const peer = at("PyTorch f32");
  const theirs = at("llama.cpp F32");
  const base = { shape: c.shape, batch: c.batch, peerName: peer === null ? "absent" : "PyTorch" };
  const rows: Row[] = [
    {
      ...base,
      work: c.work,
      ours,
      peer,
      ratio: peer && ours / peer,
      target: c.target,
      floorRatio: ours / floorMs(c, machine),
      bf16: at("PyTorch bf16"),
      llama: theirs,
      llamaRatio: theirs && ours / theirs,
      llamaQ8: at("llama.cpp Q8_0"),
    },
  ];
  if (c.work === "train") {
    const peaks = await Promise.all(workers.map(async (w) => (await w.ask("memory"))["peakMB"]));
    const theirPeak = workers.length > 1 ? peaks[1] : null;
    const none = { floorRatio: null, bf16: null, llama: null, llamaRatio: null, llamaQ8: null };
    const memory = { ...base, ...none };
    rows.push({
      ...memory,
      work: "memory",
      ours: peaks[0],
      peer: theirPeak,
      ratio: theirPeak && peaks[0] / theirPeak,
      target: 1.1,
    });
    rows.push({
      ...memory,
      work: "cold start",
      ours: first[0]["coldMs"],
      peer: null,
      peerName: "",
      ratio: null,
      target: 2000,
    });
  }
  return rows;
}

const wanted = cases.filter(
  (c) =>
    (!flags.only || c.work === flags.only || (flags.only === "memory" && c.work === "train")) &&
    (!flags.shape || c.shape === flags.shape) &&
    (!flags.batch || c.batch === Number(flags.batch)),
);
const show = (x: number | null, digits = 2) => (x === null ? "-" : x.toFixed(digits));
const machine = measureMachine();
if (!flags.json) {
  const version = python && spawnSync(python, ["-c", "import torch; print(torch.__version__)"]);
  console.log(
    `${cpus().length} x ${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}, PyTorch ${version ? String(version.stdout).trim() : "absent (set TILLER_PYTHON)"}, llama.cpp ${llama ? "by node-llama-cpp" : "absent (set TILLER_LLAMA)"}; ` +
      `matrix products ${(machine.flops / 1e9).toFixed(0)} GFLOPS, memory ${(machine.bandwidth / 1e9).toFixed(1)} GB/s\n`,
  );
  console.log(
    "| work | shape | batch | ours | PyTorch | ours / PyTorch | target | ours / floor | PyTorch bf16 | llama.cpp f32 | ours / llama.cpp | q8_0 |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|---|---|");
}
const rows: Row[] = [];
for (const c of wanted)
  for (const r of await measure(c, machine)) {
    rows.push(r);
    const unit = r.work === "memory" ? " MB" : " ms";
    if (!flags.json)
      console.log(
        `| ${r.work} | ${r.shape} | ${r.batch} | ${show(r.ours)}${unit} | ${r.peer ? show(r.peer) + unit : r.peerName} | ${show(r.ratio)} | ${r.target} | ${show(r.floorRatio)} | ${r.bf16 ? `${show(r.bf16)} ms` : ""} | ${r.llama ? `${show(r.llama)} ms | ${show(r.llamaRatio)} | ${show(r.llamaQ8)} ms` : "| |"} |`,
      );
  }
if (flags.json) console.log(JSON.stringify({ machine, rows }));
