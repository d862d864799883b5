/** Durable flows against the real Postgres: a killed process, a lost word and a clean stop lose and double nothing. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { openStore, sql, type Store } from "@tiller/store";

const script = fileURLToPath(new URL("./fixtures/study.ts", import.meta.url));
const children = new Set<ChildProcess>();
const homes = new Map<string, string>();
/** A home for each study: most of it is waiting, so they run beside each other. */
const homeOf = (id: string) => {
  const home = homes.get(id) ?? mkdtempSync(path.join(tmpdir(), "tiller-flow-"));
  homes.set(id, home);
  return home;
};
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const home of homes.values()) {
    await (await openStore({ home })).close(); // stops the Postgres of a killed process
    rmSync(home, { recursive: true, force: true });
  }
}, 120_000);

/** Runs the study in a process of its own; ends with its code or signal. */
const study = (mode: string, id: string, env: Record<string, string> = {}) =>
  new Promise<{ end: number | NodeJS.Signals | null; output: string }>((resolve) => {
    const child = spawn(process.execPath, [script, homeOf(id), mode, id], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.add(child);
    let output = "";
    for (const s of [child.stdout, child.stderr])
      s.on("data", (b: Buffer) => (output += b.toString()));
    child.on("close", (code, signal) => {
      children.delete(child);
      resolve({ end: signal ?? code, output });
    });
  });
const counts = async (id: string) => {
  const store: Store = await openStore({ home: homeOf(id) });
  try {
    return await store.db.one(
      sql`select (select count(*)::int from answer where task like ${`${id}/%`} and undone_at is null) as answers,
            (select count(*)::int from metric where run = ${`${id}.count`}) as metrics,
            (select count(*)::int from sample where run = ${`${id}.count`}) as samples,
            (select state from experiment where id = ${id}) as state`,
      z.object({
        answers: z.number(),
        metrics: z.number(),
        samples: z.number(),
        state: z.string(),
      }),
    );
  } finally {
    await store.close();
  }
};
const whole = { answers: 6, metrics: 4, samples: 8, state: "done" };

test.concurrent.each([
  "step",
  "answered-before-word",
  "server job-start",
  "server job-middle",
  "server job-end",
])(
  "killed at %s, the next start ends it and nothing is doubled",
  async (point) => {
    const id = `killed-${point.replace(" ", "-")}`;
    const first = await study("run", id, { TILLER_FAULT: point });
    expect(first.end, first.output).toBe("SIGKILL");
    const second = await study("run", id);
    expect(second.output).toContain("ended 6");
    expect(second.end).toBe(0);
    expect(await counts(id)).toEqual(whole);
  },
  240_000,
);

test.concurrent.each(["job-middle", "job-end"])(
  "a job that dies at %s goes on from its snapshot under the same server",
  async (point) => {
    const id = `killed-${point.replace(" ", "-")}`;
    const only = await study("run", id, { TILLER_FAULT: point });
    expect(only.output).toContain("ended 6");
    expect(only.end).toBe(0);
    expect(await counts(id)).toEqual(whole);
  },
  240_000,
);

test.concurrent("stopped while people work, it goes on at the next start", async () => {
  expect((await study("stop", "stopped")).end).toBe(0);
  expect(await counts("stopped")).toMatchObject({ state: "running" });
  expect((await study("run", "stopped")).end).toBe(0);
  expect(await counts("stopped")).toEqual(whole);
}, 240_000);
