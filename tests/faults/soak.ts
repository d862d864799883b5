/**
 * The default start for half an hour: one server with its own Postgres, a person at the HTTP door, a model, tree after
 * tree of people and model steps, connections cut and Postgres killed in between. Memory must stay flat.
 * Run: npm run soak -- [--minutes 30] [--depth 2] [--seed N] [--out FILE]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { NextReply, ExperimentProgress, rng } from "@tiller/schema";
import { z } from "zod";
import { eventually } from "./eventually.ts";
import { said, size } from "./tree.ts";

const { values: o } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    depth: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
  },
});
const minutes = Number(o.minutes);
const depth = Number(o.depth);
const random = rng(Number(o.seed), "soak");
const WINDOWS = 6; // of the whole; the first warms up
const GROWTH = 1.1; // from the second window to the last

const home = mkdtempSync(path.join(tmpdir(), "tiller-soak-"));
const endpoint = await scripted(says("the oracle has spoken"));
const models = path.join(home, "models.json");
const oracle = { kind: "openai", baseURL: endpoint.baseURL, model: "m" };
writeFileSync(models, JSON.stringify({ oracle }));
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const args = ["start", "--people", "--json", "--port", "0", "--home", home, "--models", models];
const server = spawn(
  process.execPath,
  [here("../../apps/cli/main.ts"), ...args, "--workflows", here("./workflows.ts")],
  { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, DATABASE_URL: "" } },
);
let over = false;
server.once("exit", (code) => {
  if (!over) throw new Error(`the server ended with ${code}`);
});

const read = (file: string) => readFileSync(path.join(home, file), "utf8").trim();
const address = await eventually(() => read("address"));
const key = await eventually(() => read("tokens/key-api"));
const link = `${address}/sign-in?token=${await eventually(() => read("tokens/link-rater"))}`;
const cookie = await eventually(async () => {
  const signedIn = await fetch(link, { redirect: "manual" });
  return signedIn.headers.getSetCookie()[0]!.split(";")[0]!;
});
/** Tried again while the server has no database. */
const call = <T>(shape: z.ZodType<T>, method: string, at: string, headers: object, body?: object) =>
  eventually(async () => {
    const reply = await fetch(address + at, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!reply.ok) throw new Error(`${at}: ${reply.status} ${await reply.text()}`);
    return shape.parse(await reply.json());
  });

const done = { runs: 0, answers: 0, cuts: 0, kills: 0 };
async function person(): Promise<void> {
  const input = z.object({ at: z.string() });
  while (!over) {
    const next = await call(NextReply, "POST", "/api/desk/next", { cookie }, {});
    if (next.kind === "empty") {
      await sleep(30);
      continue;
    }
    const { lease } = next;
    const value = { number: said(input.parse(lease.input).at) };
    const answer = { lease: lease.lease, value, activeSeconds: 1, idleSeconds: 0 };
    await call(z.unknown(), "POST", "/api/desk/answers", { cookie }, answer);
    done.answers++;
  }
}
const service = { authorization: `Bearer ${key}` };
async function trees(): Promise<void> {
  while (!over) {
    const body = { workflow: "fault-tree@1", input: { depth, at: "r" } };
    const Started = z.object({ experiment: z.string() });
    const { experiment } = await call(Started, "POST", "/api/studio/experiments", service, body);
    for (let state = "running"; state === "running" && !over; await sleep(200)) {
      const all = await call(z.array(ExperimentProgress), "GET", "/api/studio/progress", service);
      state = all.find((r) => r.id === experiment)?.state ?? "running";
      if (state !== "running" && state !== "done") throw new Error(`${experiment} ${state}`);
    }
    done.runs++;
  }
}
const postmaster = () => Number(read("postgres/data/postmaster.pid").split("\n")[0]);
const childrenOf = (pid: number) =>
  readdirSync("/proc")
    .filter((p) => /^\d+$/.test(p))
    .filter((p) => {
      try {
        const stat = readFileSync(`/proc/${p}/stat`, "utf8");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid;
      } catch {
        return false; // it ended meanwhile
      }
    })
    .map(Number);
/** A process's part of its memory, in kB: the buffers that Postgres's processes share, and all else. */
const proportional = (pid: number): { shared: number; own: number } => {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(rollup)![1]);
    return { shared: of("Pss_Shmem"), own: of("Pss") - of("Pss_Shmem") };
  } catch {
    return { shared: 0, own: 0 }; // it ended meanwhile
  }
};
interface Sample {
  minute: number;
  /** megabytes */
  server: number;
  postgres: number;
  /** of its shared buffers, what was touched so far: bounded by their size */
  buffers: number;
  answers: number;
}
const samples: Sample[] = [];
async function watch(): Promise<void> {
  const began = performance.now();
  while (!over) {
    const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
    let [postgres, buffers] = [0, 0];
    try {
      const pm = postmaster();
      for (const { own, shared } of [pm, ...childrenOf(pm)].map(proportional)) {
        postgres += own;
        buffers += shared;
      }
    } catch {
      // killed a moment ago
    }
    samples.push({
      minute: (performance.now() - began) / 60_000,
      server: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024,
      postgres: postgres / 1024,
      buffers: buffers / 1024,
      answers: done.answers,
    });
    await sleep(5000);
  }
}
async function faults(): Promise<void> {
  for (let n = 1; !over; n++) {
    await sleep(15_000 + random.int(10_000));
    if (over) return;
    const pm = await eventually(postmaster);
    if (n % 8 === 0) {
      process.kill(pm, "SIGKILL");
      done.kills++;
    } else {
      const victims = childrenOf(pm).filter((p) =>
        readFileSync(`/proc/${p}/cmdline`, "utf8").includes("tiller"),
      );
      for (const p of victims) if (random.int(2)) process.kill(p, "SIGTERM");
      done.cuts++;
    }
  }
}

const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[xs.length >> 1] ?? 0;
let failed: unknown;
try {
  const all = [person(), trees(), trees(), trees(), watch(), faults()];
  await Promise.race([sleep(60_000 * minutes), ...all]);
} catch (e) {
  failed = e;
}
over = true;
server.kill("SIGTERM");
await sleep(3000);
server.kill("SIGKILL");
await endpoint[Symbol.asyncDispose]();
rmSync(home, { recursive: true, force: true });
if (failed) throw failed as Error;

const windows = Array.from({ length: WINDOWS }, (_, i) => {
  const within = samples.filter((s) => Math.floor((s.minute / minutes) * WINDOWS) === i);
  return {
    from: (i * minutes) / WINDOWS,
    server: median(within.map((s) => s.server)),
    postgres: median(within.filter((s) => s.postgres).map((s) => s.postgres)),
    buffers: median(within.filter((s) => s.postgres).map((s) => s.buffers)),
    answers: (within.at(-1)?.answers ?? 0) - (within[0]?.answers ?? 0),
  };
});
const [second, last] = [windows[1]!, windows.at(-1)!];
const flat = (["server", "postgres"] as const).every((k) => last[k] <= GROWTH * second[k]);
const text = `# The default start for ${minutes} minutes, ${new Date().toISOString().slice(0, 10)}

Command: \`npm run soak -- --minutes ${minutes} --depth ${depth} --seed ${o.seed}\`

${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}. ${done.runs} trees of ${size(depth)} nodes, ${done.answers} answers, connections cut ${done.cuts} times, Postgres killed ${done.kills} times.

| from minute | server, MB | Postgres, MB | its shared buffers, MB | answers |
| --- | --- | --- | --- | --- |
${windows.map((w) => `| ${w.from.toFixed(0)} | ${w.server.toFixed(0)} | ${w.postgres.toFixed(0)} | ${w.buffers.toFixed(0)} | ${w.answers} |`).join("\n")}

Medians of the window. Postgres is what its processes have beside the shared buffers, which fill up to their fixed size (256 MB). From the second window to the last: server ${(last.server / second.server).toFixed(2)}, Postgres ${(last.postgres / second.postgres).toFixed(2)} (flat: at most ${GROWTH}).
`;
console.log(text);
if (o.out) writeFileSync(o.out, text);
process.exit(flat ? 0 : 1);
