/**
 * A backup while an experiment is parked at a question, restored into another folder: the experiment goes on there, and
 * no path of the old home is left in what it knows, not in a large result either.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { PersonId } from "@tiller/schema";
import { ensurePerson, openStore, sql } from "@tiller/store";
import { getExperiment } from "@tiller/lab";
import { resultText } from "@tiller/flow";
import { submitAnswer, takeLease } from "@tiller/work";

const main = fileURLToPath(new URL("../apps/cli/main.ts", import.meta.url));
const workflows = fileURLToPath(new URL("./fixtures/backed-up.ts", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "tiller-parked-"));
chmodSync(folder, 0o755); // Postgres has a user of its own where this runs as root
const [old, fresh] = [path.join(folder, "old"), path.join(folder, "fresh")];
const file = path.join(folder, "backup.tar");
let server: ChildProcess | undefined;
const env = { ...process.env, DATABASE_URL: "" };
const tiller = (...args: string[]) =>
  promisify(execFile)(process.execPath, [main, ...args], { env });

async function start(home: string): Promise<void> {
  const args = ["start", "--people", "--port", "0", "--home", home, "--workflows", workflows];
  const child = spawn(process.execPath, [main, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  server = child;
  let said = "";
  for (const s of [child.stdout, child.stderr]) s.on("data", (b: Buffer) => (said += b.toString()));
  for (const until = Date.now() + 300_000; !said.includes("Tiller is at"); await sleep(100))
    if (Date.now() > until || child.exitCode !== null) throw new Error(`it did not start: ${said}`);
}
async function stop(): Promise<void> {
  const ended = new Promise((resolve) => server?.once("close", resolve));
  server?.kill("SIGTERM");
  if (server && server.exitCode === null) await ended;
  server = undefined;
}
afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

test("an experiment that is parked at a question goes on in the restored home", async () => {
  await start(old);
  const input = ["--input", JSON.stringify({ made: `${old}/jobs/made` }), "--home", old];
  const id = /backed-up-[0-9a-f]{8}/.exec(
    (await tiller("experiment", "start", "backed-up@1", ...input)).stdout,
  )![0];
  {
    await using store = await openStore({ home: old, guest: true });
    const asked = sql`select count(*)::int from batch where experiment = ${id}`;
    await expect.poll(() => store.db.value(asked, z.number()), { timeout: 60_000 }).toBe(1);
  }
  await tiller("backup", file, "--home", old);
  await stop();
  await tiller("restore", file, "--home", fresh);
  rmSync(old, { recursive: true, force: true });
  await start(fresh);
  await using store = await openStore({ home: fresh, guest: true });
  const ann = PersonId.parse("ann");
  await ensurePerson(store.db, { id: ann, name: "Ann", pseudonym: "ann", role: "rater" });
  const lease = await takeLease(store.db, ann, { swap: false });
  const said = { value: { answer: "yes" }, activeSeconds: 1, idleSeconds: 0 };
  await submitAnswer(store.db, ann, { lease: lease!.lease, ...said });
  const at = () => getExperiment(store.db, id).then(({ state, error }) => ({ state, error }));
  await expect.poll(at, { timeout: 60_000 }).toEqual({ state: "done", error: null });
  const result = await resultText(store.db, fresh, id);
  expect(result).not.toContain(old);
  expect(JSON.parse(result)).toMatchObject({
    made: path.join(fresh, "jobs/made"),
    one: path.join(fresh, "jobs/made/one"),
    counted: 3000,
    said: "yes",
    after: 3000,
  });
  // the trace shows the same, and large values are read by their hash
  const { stdout } = await tiller(
    "experiment",
    "record",
    id,
    "--out",
    `${file}.json`,
    "--home",
    fresh,
  );
  expect(stdout).toContain("1 answers of people and models");
  expect(readFileSync(`${file}.json`, "utf8")).not.toContain(old);
}, 600_000);
