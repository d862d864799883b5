/**
 * Learning beside its peers: each job as it is, against TRL's trainers and PPO written by hand in PyTorch, in turns with a rest
 * between, medians of steps, by stage, and over what the matrix products alone would take. Shapes: GPT-2 of 4 layers, width
 * 128, 4 heads, 2,048 tokens; 16 texts of 128 tokens a step; 64 episodes of 32 + 32.
 * Run: npm run bench -- learn [--only NAME] [--rounds 5] [--steps 4] [--before TREE] [--json]
 * Peers: a Python with torch, transformers and trl 1.13, named by TILLER_PYTHON; one that is not there is shown as absent.
 * `--only`: works whose name contains it. `--before`: an older checkout's code stands beside too. Threads: TILLER_THREADS, else every core.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as rest } from "node:timers/promises";
import { parseArgs } from "node:util";
import { measureMachine } from "../engine/floor.ts";
import { Worker } from "../worker.ts";
import { prepare, sizes } from "./models.ts";
import { stages, type Work, works } from "./works.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    steps: { type: "string", default: "4" },
    before: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const here = import.meta.dirname;
const root = path.join(here, "../..");
const python = process.env["TILLER_PYTHON"];
const folder = mkdtempSync(path.join(tmpdir(), "tiller-bench-models-"));
const models = await prepare(folder, root);

type Timed = Readonly<Record<string, number>>;
interface Answer {
  readonly absent?: string;
  /** what of it runs compiled and what eagerly */
  readonly how?: object;
  readonly steps?: readonly Timed[];
  readonly peakMB?: number;
}
interface Row {
  readonly work: string;
  readonly epochs: number;
  /** `unit`: done in a second, seconds of a stage, or megabytes */
  readonly ours: number | null;
  readonly peer: number | null;
  readonly peerName: string;
  /** above 1 we are the quicker one, whatever the unit; of memory: ours over the peer's */
  readonly ratio: number | null;
  /** our time over that of its matrix products alone, at this machine's best rate */
  readonly floorRatio: number | null;
  readonly unit: string;
  readonly target: number | null;
}

/** What a peer is started with; undefined: it is not there. */
function peerOf(w: Work, o = { compile: true }): readonly [string, string[]] | undefined {
  if (!python) return undefined;
  const { base, reward, data } = models;
  if (w.peer === "TRL")
    return [python, [path.join(here, "trl_peer.py"), w.job, base, reward, data]];
  const asked = { epochs: w.epochs, critic: w.critic, data, response: sizes.response, ...o };
  return [python, [path.join(here, "ppo_peer.py"), base, reward, JSON.stringify(asked)]];
}
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)]!;

async function measure(w: Work, machine: { readonly flops: number }): Promise<Row[]> {
  const { base, reward, data } = models;
  const own = (tree: string) =>
    [
      process.execPath,
      [path.join(here, "ours.ts"), tree, JSON.stringify(w), base, reward, data],
    ] as const;
  const peerName = w.peer === "TRL" ? "TRL 1.13" : w.peer;
  const peer = peerOf(w);
  const contenders = [
    { name: "ours", start: own(root) },
    ...(o.before === undefined
      ? []
      : [{ name: `before (${o.before})`, start: own(path.resolve(o.before)) }]),
    ...(peer ? [{ name: peerName, start: peer }] : []),
  ];
  await using stack = new AsyncDisposableStack();
  const there = new Map<string, Worker<Answer>>();
  for (const { name, start } of contenders) {
    const worker = stack.use(new Worker<Answer>(name, start[0], [...start[1]]));
    const { absent, how } = await worker.answer(); // ready: what compiles is compiled, alone on the machine
    if (absent === undefined) there.set(name, worker);
    else console.error(`${name}: ${absent}`);
    if (how) console.error(`${name}: ${JSON.stringify(how)}`);
  }
  const steps = new Map([...there.keys()].map((name) => [name, [] as Timed[]]));
  const turns = [...there];
  for (let round = 0; round < Number(o.rounds); round++)
    for (const [name, worker] of round % 2 ? turns.toReversed() : turns) {
      await rest(1000); // threads of the one before may spin for a while, and the processor cools
      steps.get(name)!.push(...(await worker.ask(`go ${o.steps}`)).steps!);
    }
  const at = (name: string, stage: string): number | null => {
    const times = (steps.get(name) ?? []).map((s) => s[stage]).filter((x) => x !== undefined);
    return times.length ? median(times) : null;
  };
  const rows: Row[] = [];
  const others = contenders.filter((c) => c.name !== "ours").map((c) => c.name);
  if (!peer) others.push(`${peerName} (absent)`);
  for (const name of others) {
    const [mine, theirs] = [at("ours", "seconds"), at(name, "seconds")];
    const floor = (seconds: number | null, flops: number | undefined) =>
      seconds === null || flops === undefined ? null : (seconds * machine.flops) / flops;
    rows.push({
      work: w.name,
      epochs: w.epochs,
      ours: mine && w.done / mine,
      peer: theirs && w.done / theirs,
      peerName: name,
      ratio: mine && theirs && theirs / mine,
      floorRatio: floor(mine, w.flops.all),
      unit: w.unit,
      target: name === peerName || !peer ? w.target : null,
    });
    for (const stage of stages) {
      const [mine, theirs] = [at("ours", stage), at(name, stage)];
      if (mine === null) continue;
      rows.push({
        work: `${w.name}: ${stage}`,
        epochs: w.epochs,
        ours: mine,
        peer: theirs,
        peerName: name,
        ratio: theirs && theirs / mine,
        floorRatio: floor(mine, w.flops[stage]),
        unit: "s",
        target: null,
      });
    }
  }
  if (w.critic === "separate" && w.epochs === 1) {
    const peak = async (worker: Worker<Answer> | undefined) =>
      (await worker?.ask("memory"))?.peakMB ?? null;
    const mine = await peak(there.get("ours"));
    const lean = peerOf(w, { compile: false }); // a compiler's memory is not the method's
    let theirs: number | null = null;
    if (lean) {
      await using worker = new Worker<Answer>(peerName, lean[0], lean[1]);
      await worker.answer();
      await worker.ask(`go ${o.steps}`);
      theirs = await peak(worker);
    }
    rows.push({
      work: "memory, PPO with four models",
      epochs: w.epochs,
      ours: mine,
      peer: theirs,
      peerName: peer ? peerName : `${peerName} (absent)`,
      ratio: mine && theirs && mine / theirs,
      floorRatio: null,
      unit: "MB",
      target: 0.8,
    });
  }
  // TRL took PPO out in 1.13, and what it was is not to be had from the registry
  if (w.job === "ppo" && w.critic === "separate")
    rows.push({
      work: "PPO, separate critic",
      epochs: w.epochs,
      ours: rows[0]?.ours ?? null,
      peer: null,
      peerName: "TRL 1.9.0's source (absent)",
      ratio: null,
      floorRatio: rows[0]?.floorRatio ?? null,
      unit: w.unit,
      target: 4,
    });
  return rows;
}

const show = (x: number | null) => (x === null ? "-" : Number(x.toPrecision(3)).toString());
function held({ ratio, target, unit }: Row): string {
  if (target === null) return "";
  const asked = `${unit === "MB" ? "<=" : ">="} ${target}`;
  if (ratio === null) return asked;
  return `${asked} ${(unit === "MB" ? ratio <= target : ratio >= target) ? "held" : "MISSED"}`;
}
const machine = measureMachine();
if (!o.json) {
  const version = python
    ? String(spawnSync(python, ["-c", "import torch; print(torch.__version__)"]).stdout).trim()
    : "absent (set TILLER_PYTHON)";
  console.log(
    `${cpus().length} x ${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}, PyTorch ${version}; matrix products ${(machine.flops / 1e9).toFixed(0)} GFLOPS\n`,
  );
  console.log("| work | epochs | ours | peer | its | unit | ratio | target | ours / floor |");
  console.log("|---|---|---|---|---|---|---|---|---|");
}
const rows: Row[] = [];
for (const w of works.filter((w) => w.name.toLowerCase().includes(o.only.toLowerCase())))
  for (const r of await measure(w, machine)) {
    rows.push(r);
    if (!o.json)
      console.log(
        `| ${r.work} | ${r.epochs} | ${show(r.ours)} | ${r.peerName} | ${show(r.peer)} | ${r.unit} | ${show(r.ratio)} | ${held(r)} | ${show(r.floorRatio)} |`,
      );
  }
rmSync(folder, { recursive: true, force: true });
if (o.json)
  console.log(
    JSON.stringify({
      machine: cpus()[0]?.model,
      cores: cpus().length,
      gflops: machine.flops / 1e9,
      rows,
    }),
  );
