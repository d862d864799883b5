/**
 * kill -9 of the whole server at random moments of a seed, then a run to the end in which the process that runs workflows dies
 * as well: it goes on where it was, no answer is lost, no task has more than three, and no job that was done is done again.
 * Also the errors of a start.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { rng } from "@tiller/schema";
import { Outcome } from "../recipes/better-continuations/report.ts";
import { openStore, sql } from "@tiller/store";

const main = fileURLToPath(new URL("../apps/cli/main.ts", import.meta.url));
const home = mkdtempSync(path.join(tmpdir(), "tiller-crash-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const KILLS = Number(process.env["TILLER_TEST_KILLS"] ?? 3);
const seed = Number(process.env["TILLER_TEST_SEED"] ?? 1);

function start(
  args: string[],
  o: { home?: string; env?: Record<string, string> } = {},
): {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
} {
  const child = spawn(
    process.execPath,
    [main, "start", "--small", "--port", "0", "--home", o.home ?? home, ...args],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...o.env } },
  );
  let output = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (b: Buffer) => (output += b.toString()));
  return {
    child,
    output: () => output,
    ended: new Promise((resolve) => child.on("close", resolve)),
  };
}
const answersNow = async () => {
  const store = await openStore({ home });
  try {
    return await store.db.many(
      sql`select a.id, a.task from answer a where undone_at is null`,
      z.object({ id: z.string(), task: z.string() }),
    );
  } finally {
    await store.close();
  }
};
const finishedJobs = () => {
  const dir = path.join(home, "jobs");
  mkdirSync(dir, { recursive: true });
  return new Map(
    readdirSync(dir).flatMap((run) => {
      const file = path.join(dir, run, "result.json");
      const made = statSync(file, { throwIfNoEntry: false });
      return made ? [[run, made.mtimeMs] as const] : [];
    }),
  );
};

test(`${KILLS} kills at random moments, seed ${seed}`, async () => {
  const random = rng(seed, "crash");
  const seen = new Set<string>();
  let jobs = new Map<string, number>();
  for (let k = 0; k < KILLS; k++) {
    const run = start(["--once"]);
    await Promise.race([run.ended, new Promise((r) => setTimeout(r, 1500 + random.int(3500)))]);
    run.child.kill("SIGKILL");
    await run.ended;
    const answers = await answersNow();
    for (const id of seen)
      expect(
        answers.some((a) => a.id === id),
        `answer ${id} was lost`,
      ).toBe(true);
    for (const a of answers) seen.add(a.id);
    for (const [name, at] of jobs) expect(finishedJobs().get(name), `${name} ran again`).toBe(at);
    jobs = finishedJobs();
  }
  // the process that runs workflows dies once more, between the last answer and its word to the workflow
  const last = start(["--once", "--json"], { env: { TILLER_FAULT: "answers.taken" } });
  expect(await last.ended, last.output()).toBe(0);
  if (seen.size < 120) expect(last.output()).toContain("the process that runs workflows ended");
  const outcome = Outcome.parse(JSON.parse(last.output().trim().split("\n").at(-1)!));
  expect(outcome.judgments).toBe(120);
  const answers = await answersNow();
  const perTask = [...Map.groupBy(answers, (a) => a.task).values()].map((xs) => xs.length);
  expect(perTask).toEqual(new Array(40).fill(3));
  for (const id of seen) expect(answers.some((a) => a.id === id)).toBe(true);
  for (const [name, at] of jobs) expect(finishedJobs().get(name)).toBe(at);
}, 900_000);

test("a damaged checkpoint, a taken port and a second server end with one line and a remedy", async () => {
  const other = mkdtempSync(path.join(tmpdir(), "tiller-errors-"));
  chmodSync(other, 0o755); // Postgres runs under another uid when we are root
  const damaged = path.join(other, "base");
  cpSync(fileURLToPath(new URL("../models/base", import.meta.url)), damaged, { recursive: true });
  truncateSync(path.join(damaged, "model.safetensors"), 1_000_000);
  const bad = start(["--once", "--json", "--base", damaged], { home: path.join(other, "a") });
  expect(await bad.ended).toBe(1);
  expect(bad.output().trim()).toMatch(/^tiller: .*model.safetensors.*$/);

  const running = start([], { home: path.join(other, "b") });
  const address = await expect
    .poll(() => /localhost:(\d+)/.exec(running.output())?.[1], { timeout: 100_000 })
    .toBeTruthy()
    .then(() => /localhost:(\d+)/.exec(running.output())![1]!);
  const second = start([], { home: path.join(other, "b") });
  expect(await second.ended).toBe(1);
  expect(second.output().trim()).toMatch(
    /^tiller: another Tiller server already runs on .* \(process \d+ on .+\)\. Stop .*--home\.$/,
  );
  const taken = start(["--port", address], { home: path.join(other, "c") });
  expect(await taken.ended).toBe(1);
  expect(taken.output().trim()).toMatch(
    new RegExp(`^tiller: port ${address} of 127\\.0\\.0\\.1 is taken.*--port.$`),
  );
  running.child.kill("SIGTERM");
  expect(await running.ended).toBe(0);
  rmSync(other, { recursive: true, force: true });
}, 300_000);

test("a bad flag, an unwritable home and an unreachable database end with one line and a remedy", async () => {
  const line = async (args: string[], env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [main, "start", ...args], {
      env: { ...process.env, ...env },
    });
    let text = "";
    child.stderr.on("data", (b: Buffer) => (text += b.toString()));
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(1);
    expect(text.trim().split("\n")).toHaveLength(1);
    return text;
  };
  expect(await line(["--prot", "1"])).toMatch(/tiller: Unknown option '--prot'.*--port/);
  expect(await line(["--home", "/proc/none"])).toMatch(
    /cannot write to the home \/proc\/none .*--home/,
  );
  expect(await line(["--home", home], { DATABASE_URL: "postgres://u@127.0.0.1:1/x" })).toMatch(
    /cannot reach the database at 127.0.0.1:1 .*DATABASE_URL/,
  );
}, 240_000);
