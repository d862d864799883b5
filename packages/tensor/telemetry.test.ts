/** The runtime writes nothing about its user, from the main thread or from a worker's. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const native = pathToFileURL(path.join(import.meta.dirname, "native.ts")).href;
const program = `
  const { Storage } = await import(${JSON.stringify(native)});
  new Storage("float32", [2]);`;
const inWorker = `
  import { Worker } from "node:worker_threads";
  const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(program)})));
  await new Promise((done, failed) => worker.on("exit", done).on("error", failed));`;

test.each([
  ["the main thread", program],
  ["a worker thread", inWorker],
])("nothing is queued for anybody by %s", { timeout: 60_000 }, async (_, code) => {
  const home = mkdtempSync(path.join(tmpdir(), "tiller-silent-"));
  try {
    const { ORT_DISABLE_TELEMETRY: _ours, ...rest } = process.env;
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    const env = { ...rest, HOME: home, TMPDIR: home, XDG_CACHE_HOME: path.join(home, ".cache") };
    const args = ["--input-type=module", "--eval", code];
    const done = promisify(execFile)(process.execPath, args, { cwd, env });
    await done;
    const log = `mat-debug-${done.child.pid}.log`;
    expect(readdirSync(home)).toEqual([]);
    expect(existsSync(path.join("/tmp", log))).toBe(false);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
