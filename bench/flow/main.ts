/**
 * Workflows beside bare DBOS on the same Postgres, in interleaved rounds; from an answer to the next step; and thousands
 * of parked workflows: memory, commits at rest, and how soon all live again after kill -9.
 * Run: npm run bench -- flow [--rounds 5] [--parked 10000] [--only throughput|latency|parked] [--json] [--out FILE]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openStore, sql } from "@tiller/store";
import { z } from "zod";
import { Latency, load, Parked, Recovered, Throughput } from "./shapes.ts";

const { values: o } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
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

function start(file: string, args: string[], databaseUrl: string) {
  const env = { ...process.env, DATABASE_URL: databaseUrl };
  const child = spawn(process.execPath, [here(file), ...args], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    child,
    /** The next line it prints, parsed. */
    line: async <T>(shape: z.ZodType<T>): Promise<T> => {
      const { value, done } = await lines.next();
      if (done)
        throw new Error(
          `the bench's process ended with ${child.exitCode ?? child.signalCode} before it said anything`,
        );
      return shape.parse(JSON.parse(value));
    },
    /** A round of its measurement. */
    turn: () => child.stdin!.write("\n"),
  };
}
const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[Math.floor(xs.length / 2)]!;
const say = (text: string) => o.json || console.log(text);
const wanted = (name: string) => !o.only || o.only === name;

const result: Record<string, unknown> = {};
const rows: string[][] = [];
try {
  if (wanted("throughput")) {
    const peers = [
      { ...start("./bare.ts", [], await database()), rounds: [] as Throughput[] },
      {
        ...start("./ours.ts", ["throughput", fresh()], await database()),
        rounds: [] as Throughput[],
      },
    ] as const;
    for (const p of peers) await p.line(z.object({}));
    for (let round = 0; round <= Number(o.rounds); round++)
      for (const p of round % 2 ? peers.toReversed() : peers) {
        p.turn();
        const seen = await p.line(Throughput);
        if (round) p.rounds.push(seen); // the first warms up
      }
    for (const p of peers) p.child.kill();
    const [bare, ours] = [peers[0].rounds, peers[1].rounds];
    for (const [i, b] of bare.entries())
      say(`round ${i + 1}: ours ${JSON.stringify(ours[i])}, bare ${JSON.stringify(b)}`);
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
        median(ours.map((x, i) => x[key] / bare[i]![key])).toFixed(2),
        "at least 0.90",
      ]);
    }
    for (const [key, title] of [
      ["stepCpu", "work of a step"],
      ["childCpu", "work of a child"],
    ] as const) {
      const [mine, theirs] = [median(ours.map((x) => x[key])), median(bare.map((x) => x[key]))];
      result[key] = mine;
      const ratio = (mine / theirs).toFixed(2);
      rows.push([title, `${mine.toFixed(2)} ms`, `${theirs.toFixed(2)} ms`, ratio, ""]);
    }
  }
  if (wanted("latency")) {
    const { p50, p99 } = await start("./ours.ts", ["latency", fresh()], await database()).line(
      Latency,
    );
    result["answerToStepP50"] = p50;
    result["answerToStepP99"] = p99;
    rows.push(["answer to next step, p50", `${p50.toFixed(1)} ms`, "", "", "at most 10 ms"]);
    rows.push(["answer to next step, p99", `${p99.toFixed(1)} ms`, "", "", "at most 50 ms"]);
  }
  if (wanted("parked")) {
    const [folder, url] = [fresh(), await database()];
    const first = start("./ours.ts", ["park", folder, o.parked], url);
    const parked = await first.line(Parked);
    first.child.kill("SIGKILL");
    await new Promise((r) => first.child.once("exit", r));
    const second = start("./ours.ts", ["recover", folder, o.parked], url);
    const { seconds } = await second.line(Recovered);
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
