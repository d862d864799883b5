/**
 * Workflows beside bare DBOS on the same Postgres, in interleaved rounds; from an answer to the next step; and thousands
 * of parked workflows: memory, commits at rest, and how soon all live again after kill -9.
 * Run: npm run bench -- flow [--rounds 3] [--parked 10000] [--only throughput|latency|parked] [--json] [--out FILE]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openStore, sql } from "@tiller/store";
import type { z } from "zod";
import { Latency, load, Parked, Recovered, Throughput } from "./shapes.ts";

const { values: o } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    parked: { type: "string", default: "10000" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const homes: string[] = [];
const fresh = () => homes[homes.push(mkdtempSync(path.join(tmpdir(), "tiller-bench-"))) - 1]!;

// one Postgres for everything; each process gets a database of its own
const home = fresh();
const store = await openStore({ home });
const socket = encodeURIComponent(String(store.config.host));
let databases = 0;
const database = async () => {
  const name = `bench_${++databases}`;
  await store.db.run(sql`create database ${raw(name)}`);
  return `postgres://tiller@${socket}/${name}`;
};
const raw = (text: string) => ({ text, values: [] });

function start(file: string, args: string[], databaseUrl: string): ChildProcess {
  const env = { ...process.env, DATABASE_URL: databaseUrl };
  return spawn(process.execPath, ["--expose-gc", here(file), ...args], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
}
/** The next line the process prints, parsed. */
async function line<T>(child: ChildProcess, shape: z.ZodType<T>): Promise<T> {
  for await (const text of createInterface({ input: child.stdout! }))
    return shape.parse(JSON.parse(text));
  throw new Error(
    `the bench's process ended with ${child.exitCode ?? child.signalCode} before it said anything`,
  );
}
const once = async <T>(file: string, args: string[], shape: z.ZodType<T>): Promise<T> =>
  line(start(file, args, await database()), shape);
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)]!;
const say = (text: string) => o.json || console.log(text);
const wanted = (name: string) => !o.only || o.only === name;

const result: Record<string, unknown> = {};
const rows: string[][] = [];
try {
  if (wanted("throughput")) {
    const [ours, bare]: [Throughput[], Throughput[]] = [[], []];
    for (let round = 0; round < Number(o.rounds); round++) {
      bare.push(await once("./bare.ts", [], Throughput));
      ours.push(await once("./ours.ts", ["throughput", fresh()], Throughput));
      say(
        `round ${round + 1}: ours ${JSON.stringify(ours.at(-1))}, bare ${JSON.stringify(bare.at(-1))}`,
      );
    }
    for (const [key, title] of [
      ["stepsPerSecond", "steps a second"],
      ["childrenPerSecond", "children a second"],
    ] as const) {
      const [mine, theirs] = [median(ours.map((x) => x[key])), median(bare.map((x) => x[key]))];
      result[key] = mine;
      result[`bare${key[0]!.toUpperCase()}${key.slice(1)}`] = theirs;
      rows.push([
        title,
        mine.toFixed(0),
        theirs.toFixed(0),
        (mine / theirs).toFixed(2),
        "at least 0.90",
      ]);
    }
  }
  if (wanted("latency")) {
    const { p50, p99 } = await once("./ours.ts", ["latency", fresh()], Latency);
    result["answerToStepP50"] = p50;
    result["answerToStepP99"] = p99;
    rows.push(["answer to next step, p50", `${p50.toFixed(1)} ms`, "", "", "at most 10 ms"]);
    rows.push(["answer to next step, p99", `${p99.toFixed(1)} ms`, "", "", "at most 50 ms"]);
  }
  if (wanted("parked")) {
    const [folder, url] = [fresh(), await database()];
    const first = start("./ours.ts", ["park", folder, o.parked], url);
    const parked = await line(first, Parked);
    first.kill("SIGKILL");
    await new Promise((r) => first.once("exit", r));
    const second = start("./ours.ts", ["recover", folder, o.parked], url);
    const { seconds } = await line(second, Recovered);
    result["parked"] = { n: Number(o.parked), ...parked, recoverSeconds: seconds };
    rows.push([
      `${o.parked} parked: memory`,
      `${parked.rssMB.toFixed(0)} MB`,
      "",
      "",
      "at most 300 MB",
    ]);
    rows.push([
      "commits a second at rest",
      parked.commitsPerSecond.toFixed(2),
      "",
      "",
      "at most 2",
    ]);
    rows.push(["all live again after kill -9", `${seconds.toFixed(1)} s`, "", "", "at most 15 s"]);
  }
} finally {
  await store.close();
  for (const dir of homes) rmSync(dir, { recursive: true, force: true });
}
const table = [
  ["what", "ours", "bare DBOS", "ratio", "target"],
  ["---", "---", "---", "---", "---"],
  ...rows,
]
  .map((r) => `| ${r.join(" | ")} |`)
  .join("\n");
const about = `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}; ${load.workflows} workflows of ${load.steps} steps, ${load.children} children, ${load.answers} answers.`;
if (o.out)
  writeFileSync(
    o.out,
    `# Workflows beside bare DBOS, ${new Date().toISOString().slice(0, 10)}\n\nCommand: \`npm run bench -- flow\`\n\n${about}\n\n${table}\n`,
  );
console.log(o.json ? JSON.stringify(result) : `\n${about}\n\n${table}`);
process.exit(0);
