/**
 * A book through `tiller start` and `tiller book start`, on a home of its own, by a checkpoint that the server holds (--base) or by an endpoint
 * of OpenAI's kind here that answers --latency ms later with a sentence of what it read. The server is killed with SIGKILL on the way and
 * started again. Says nodes a minute, what was asked twice, memory, and processor time without the sampler's.
 * npm run bench -- book-server --file BOOK.txt [--base DIR | --latency 300] [--window 512] [--context lag:16] [--parallel 16] [--kills 2]
 *   [--characters N] [--minutes 8] [--profile FOLDER] [--json]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createClient } from "@tiller/client";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { z } from "zod";
import { machineNow } from "./over-seeds.ts";
import { childOf, cpuOf, megabytesOf } from "./processes.ts";

const { values } = parseArgs({
  options: {
    file: { type: "string" },
    base: { type: "string" },
    latency: { type: "string", default: "300" },
    window: { type: "string", default: "512" },
    context: { type: "string", default: "lag:16" },
    parallel: { type: "string", default: "16" },
    kills: { type: "string", default: "2" },
    characters: { type: "string" },
    minutes: { type: "string", default: "8" },
    profile: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const number = z.coerce.number().nonnegative();
const o = z
  .object({
    file: z.string({ error: "give --file, a book" }),
    base: z.string().optional(),
    latency: number,
    window: z.coerce.string(),
    context: z.string(),
    parallel: number,
    kills: number,
    characters: number.optional(),
    minutes: number,
    profile: z.string().optional().describe("a folder for CPU profiles of the server"),
    json: z.boolean(),
  })
  .parse(values);
const root = fileURLToPath(new URL("..", import.meta.url));
const main = path.join(root, "apps/cli/main.ts");
const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-books-"));
const at = (name: string) => path.join(home, name);
const tell = (line: string) => void (o.json || console.log(line));
delete process.env["TILLER_POSTGRES_TEMPLATE"];

const wholeText = readFileSync(o.file, "utf8");
const text = wholeText.slice(0, o.characters);
writeFileSync(at("book.txt"), text);

// the endpoint: a sentence of what it read, after a while
let asked = 0;
await using endpoint = await scripted(async (r, question) => {
  asked++;
  const read = question.body.messages!.at(-1)!.content.split("\n====\n").at(-1)!;
  const sentence = /[A-Z][^.]{20,160}\./.exec(read)?.[0] ?? read.trim().slice(0, 80);
  await sleep(o.latency);
  await says(sentence, { tellUsage: false })(r, question); // tokens are then estimated at four bytes each
});
const small = {
  kind: "openai",
  baseURL: endpoint.baseURL,
  model: "small",
  concurrency: Math.max(8, o.parallel),
};
writeFileSync(at("models.json"), JSON.stringify(o.base ? {} : { small }));

/** A command to its end: what it said. */
async function tiller(...words: string[]): Promise<string> {
  const child = spawn(process.execPath, [main, ...words, "--home", home], { cwd: root });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (d: Buffer) => (said += d.toString("utf8")));
  const status = await new Promise((ends) => child.on("close", ends));
  if (status !== 0)
    throw new Error(`tiller ${words.join(" ")} ended with ${String(status)}: ${said}`);
  return said;
}
async function server(): Promise<ChildProcess> {
  const profile = o.profile ? ["--cpu-prof", `--cpu-prof-dir=${o.profile}`] : [];
  const flags = ["start", "--home", home, "--port", "0", "--people"];
  const child = spawn(process.execPath, [...profile, main, ...flags], { cwd: root });
  let said = "";
  await new Promise<void>((ready, failed) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (d: Buffer) => {
        said = (said + d.toString("utf8")).slice(-4000);
        if (/API key\s+sk-\S+/.test(said)) ready();
      });
    child.once("exit", (code) => failed(new Error(`tiller start ended with ${code}: ${said}`)));
  });
  return child;
}

/** The server, the process of its workflows, and the sampler that either holds; 0 for one that is not there. */
function processes(server: number): number[] {
  const flow = childOf(server, "flow-child") ?? 0;
  return [server, flow, childOf(flow, "sampler-child") ?? childOf(server, "sampler-child") ?? 0];
}
/** Of the first two, in seconds. */
const cpuWithout = (server: number): number =>
  processes(server)
    .slice(0, 2)
    .reduce((sum, pid) => sum + cpuOf(pid), 0);

interface Sample {
  readonly second: number;
  readonly written: number;
  /** megabytes: the server, its workflows' process, the sampler's */
  readonly memory: readonly number[];
}
let child: ChildProcess | undefined;
try {
  if (o.base) await tiller("model", "register", path.resolve(o.base), "--name", "small");
  child = await server();
  const key = readFileSync(at("tokens/key-researcher"), "utf8").trim();
  const client = () =>
    createClient({ baseURL: readFileSync(at("address"), "utf8").trim(), token: key });
  const flags = ["--model", "small", "--window", o.window, "--context", o.context];
  const { tree } = z
    .object({ tree: z.string() })
    .parse(
      JSON.parse(
        await tiller(
          "book",
          "start",
          at("book.txt"),
          ...flags,
          "--parallel",
          `${o.parallel}`,
          "--json",
        ),
      ),
    );
  const samples: Sample[] = [];
  const kills: { written: number; away: number }[] = [];
  const first = performance.now();
  let [nodes, away, cpu, cpuBefore] = [0, 0, 0, cpuWithout(child.pid!)];
  for (;;) {
    await sleep(1000);
    const found = (await client().listTrees()).find((t) => t.tree === tree)!;
    const { written, state } = found;
    nodes = found.nodes;
    samples.push({
      second: (performance.now() - first) / 1000,
      written,
      memory: processes(child.pid!).map(megabytesOf),
    });
    const ended = state !== "growing";
    const late = performance.now() - first > 60_000 * o.minutes;
    const due = kills.length < o.kills && written >= (nodes * (kills.length + 1)) / (o.kills + 1);
    if (ended || late || due) cpu += cpuWithout(child.pid!) - cpuBefore;
    if (ended || late) break;
    if (!due) continue;
    const gone = performance.now();
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
    child = await server();
    cpuBefore = cpuWithout(child.pid!);
    const seconds = (performance.now() - gone) / 1000;
    kills.push({ written, away: seconds });
    away += seconds;
    tell(`killed at ${written} of ${nodes} nodes; there again after ${seconds.toFixed(1)} s`);
  }
  const seconds = (performance.now() - first) / 1000 - away;
  const end = await client().getTree({ id: tree });
  const { nodes: rows } = await client().treeNodes({ id: tree });
  const twice = rows.filter((n) => n.versions > 1).length;
  const { days } = await client().getModel({ name: "small" });
  const model = days.map(({ calls, hits, attempts, failed, seconds: waited }) => ({
    calls,
    hits,
    attempts,
    failed,
    waited,
  }));
  const memory = [0.02, 0.1, 0.25, 0.5, 0.75, 1].map((share) => {
    const s = samples.find((x) => x.written >= share * nodes) ?? samples.at(-1)!;
    return { share, second: Math.round(s.second), memory: s.memory };
  });
  const result = {
    nodes,
    written: end.written,
    twice,
    state: end.state,
    why: end.why,
    kills,
    seconds,
    nodesAMinute: (60 * end.written) / seconds,
    tokens: end.used.tokens,
    tokensASecond: end.used.tokens / seconds,
    asked: o.base ? undefined : asked,
    model,
    memory,
    serverCpuMsANode: (1000 * cpu) / end.written,
    machine: machineNow(),
  };
  if (o.json) console.log(JSON.stringify(result));
  else {
    console.log(
      `${end.state}: ${end.written} of ${nodes} nodes in ${(seconds / 60).toFixed(1)} minutes beside ${away.toFixed(0)} s away, ${result.nodesAMinute.toFixed(0)} a minute; ${twice} nodes have more than one summary; ${end.used.tokens} tokens, ${result.tokensASecond.toFixed(0)} a second`,
    );
    console.log(JSON.stringify(model));
    if (!o.base) console.log(`the endpoint was asked ${asked} times`);
    console.log(
      `CPU of the server ${result.serverCpuMsANode.toFixed(1)} ms a node; memory in MB of the server, its workflows and the sampler:`,
    );
    for (const m of memory)
      console.log(`  at ${100 * m.share} %, ${m.second} s: ${m.memory.join(", ")}`);
    console.log(machineNow());
  }
} finally {
  if (child && child.exitCode === null) {
    const over = new Promise((ends) => child!.once("exit", ends));
    child.kill("SIGTERM");
    await Promise.race([over, sleep(20_000)]);
  }
  rmSync(home, { recursive: true, force: true });
}
