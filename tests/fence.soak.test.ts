/**
 * What no workflow may do to a server: each kind of hostile workflow on a real one. The server answers all the time, the
 * experiment that did it is failed or held and named, the others go on, the next start is clean, and there is a way out.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ExperimentProgress } from "@tiller/schema";

const main = fileURLToPath(new URL("../apps/cli/main.ts", import.meta.url));
const hostile = fileURLToPath(new URL("./fixtures/hostile.ts", import.meta.url));
const zod = pathToFileURL(createRequire(import.meta.url).resolve("zod")).href;
const flow = new URL("../packages/flow/index.ts", import.meta.url).href;
const home = mkdtempSync(path.join(tmpdir(), "tiller-fence-"));
const gate = path.join(home, "gate");
let server: { child: ChildProcess; said: () => string; address: string; key: string };
let answering = true;
let slowest = 0;
let asked = 0;

const read = (...at: string[]) => readFileSync(path.join(home, ...at), "utf8").trim();
async function start(file: string): Promise<typeof server> {
  rmSync(path.join(home, "address"), { force: true });
  const child = spawn(
    process.execPath,
    [main, "start", "--people", "--port", "0", "--home", home, "--workflows", file],
    {
      stdio: ["ignore", "pipe", "pipe"],
      // little memory, so that it is soon taken
      env: { ...process.env, DATABASE_URL: "", NODE_OPTIONS: "--max-old-space-size=500" },
    },
  );
  let text = "";
  for (const s of [child.stdout, child.stderr]) s.on("data", (b: Buffer) => (text += b.toString()));
  for (const until = Date.now() + 400_000; !text.includes("Tiller is at"); await sleep(100))
    if (Date.now() > until || child.exitCode !== null) throw new Error(`it did not start: ${text}`);
  return {
    child,
    said: () => text,
    address: read("address"),
    key: read("tokens", "key-researcher"),
  };
}
async function stop(signal: NodeJS.Signals): Promise<void> {
  const ended = new Promise((resolve) => server.child.once("close", resolve));
  server.child.kill(signal);
  await ended;
}
async function api<T>(at: string, shape: z.ZodType<T>, body?: unknown): Promise<T> {
  const headers = { authorization: `Bearer ${server.key}`, "content-type": "application/json" };
  const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const reply = await fetch(`${server.address}/api/studio/${at}`, { headers, ...sent });
  const got: unknown = await reply.json();
  if (!reply.ok) throw new Error(`${at}: ${JSON.stringify(got)}`);
  return shape.parse(got);
}
const experimentOf = async (id: string) =>
  (await api("progress", z.array(ExperimentProgress))).find((r) => r.id === id);
const begin = async (name: string, input: unknown = {}) =>
  (await api("experiments", z.object({ experiment: z.string() }), { workflow: name, input }))
    .experiment;
/** Somebody who uses the server all the time. */
async function keepAsking(): Promise<void> {
  while (answering) {
    const began = performance.now();
    await fetch(`${server.address}/healthz`).then((r) => expect(r.ok).toBe(true));
    await api("progress", z.array(ExperimentProgress));
    slowest = Math.max(slowest, performance.now() - began);
    asked++;
    await sleep(100);
  }
}

let good: string;
let asking: Promise<void> | undefined;
beforeAll(async () => {
  server = await start(hostile);
  good = await begin("h-good@1", { gate });
  asking = keepAsking();
}, 500_000);
afterAll(async () => {
  answering = false;
  await asking?.catch(() => {});
  server?.child.kill("SIGKILL");
  await sleep(500);
  const pid = Number(read("postgres/data/postmaster.pid").split("\n")[0]);
  process.kill(pid, "SIGINT");
  await sleep(2000);
  rmSync(home, { recursive: true, force: true });
});

const ending = /would end the server for everybody/;
const left = /rejected that nobody awaited|thrown that nobody could catch/;
const fixed = /read only|not extensible|Cannot assign/;
test.each([
  ["forgotten", "done", undefined],
  ["forgotten-fails", "failed", /nobody reads this/],
  ["rejected", "failed", left],
  ["rejected-last", "failed", left],
  ["rejected-text", "failed", /only a text/],
  ["timer", "failed", left],
  ["tick", "failed", left],
  ["emitter", "failed", /emitted/],
  ["in-step", "failed", /after the step/],
  ["exit", "failed", ending],
  ["exit-in-step", "failed", ending],
  ["abort", "failed", ending],
  ["really-exit", "failed", ending],
  ["kill", "failed", ending],
  ["kill-server", "failed", ending],
  ["disconnect", "failed", ending],
  ["deafen", "failed", ending],
  ["pool", "failed", ending],
  ["global-timer", "failed", fixed],
  ["global-json", "failed", fixed],
  ["global-map", "failed", fixed],
  ["global-finally", "failed", fixed],
  ["global-proto", "failed", fixed],
  ["stack", "failed", /call stack/],
] as const)(
  "%s: the process lives, the experiment is %s",
  async (name, state, error) => {
    const id = await begin(`h-${name}@1`);
    await expect.poll(async () => (await experimentOf(id))?.state, { timeout: 90_000 }).toBe(state);
    if (error) expect((await experimentOf(id))?.error).toMatch(error);
    expect((await experimentOf(good))?.state).toBe("running");
    expect(server.said()).not.toContain("the process that runs workflows ended");
  },
  120_000,
);

test.each([
  ["loop", /gave nothing else a turn.*flow\.job/],
  ["loop-in-step", /gave nothing else a turn/],
  ["regex", /gave nothing else a turn/],
  ["micro", /gave nothing else a turn/],
  ["minute", /gave nothing else a turn/],
  ["memory", /took the memory/],
  ["leak", /took the memory/],
  ["outside", /ran last when it ended/],
] as const)(
  "%s: the experiment is held after its second try, and named",
  async (name, why) => {
    const id = await begin(`h-${name}@1`);
    await expect
      .poll(async () => (await experimentOf(id))?.state, { timeout: 240_000, interval: 500 })
      .toBe("held");
    expect((await experimentOf(id))?.error).toMatch(why);
    expect((await experimentOf(id))?.error).toMatch(
      /Mend the workflow and release the experiment, or cancel it/,
    );
    expect((await experimentOf(good))?.state).toBe("running");
    await api(`experiments/${id}/cancel`, z.unknown(), { node: id });
    expect((await experimentOf(id))?.state).toBe("cancelled");
  },
  300_000,
);

test("meanwhile the server answered, and the others came to their end", async () => {
  answering = false;
  await asking;
  console.log(`${asked} looks at the server, the slowest took ${Math.round(slowest)} ms`);
  expect(slowest).toBeLessThan(20_000); // a locked one answers not at all
  writeFileSync(gate, "");
  await expect
    .poll(async () => (await experimentOf(good))?.state, { timeout: 60_000 })
    .toBe("done");
  const recording = await api(
    `experiments/${good}/record`,
    z.looseObject({ workflow: z.string() }),
  );
  expect(recording).toMatchObject({ workflow: "h-good@1", input: { gate }, results: {} });
}, 120_000);

test("held, the experiment is out of the way of a start; without a server it is listed, released and cancelled", async () => {
  const id = await begin("h-loop@1");
  await expect.poll(async () => (await experimentOf(id))?.state, { timeout: 180_000 }).toBe("held");
  await stop("SIGKILL");
  const tiller = (...args: string[]) =>
    new Promise<string>((resolve, reject) => {
      const child = spawn(process.execPath, [main, "experiment", ...args, "--home", home]);
      let text = "";
      for (const s of [child.stdout, child.stderr])
        s.on("data", (b: Buffer) => (text += b.toString()));
      child.once("close", (code) => (code === 0 ? resolve(text) : reject(new Error(text))));
    });
  expect(await tiller("list")).toMatch(new RegExp(`${id}.*held`));
  await tiller("release", id);
  await tiller("hold", id, "--reason", "not yet");
  expect(await tiller("list")).toMatch(/held from the command line: not yet/);
  await tiller("cancel", id);
  await expect(tiller("release", id)).rejects.toThrow(/is cancelled/);
  server = await start(hostile);
  expect((await experimentOf(id))?.state).toBe("cancelled");
}, 400_000);

test.each([
  ["throws", `throw new Error("not today");`, /not today/],
  ["never ends", `for (;;);`, /ended the process the last time, or gave nothing else a turn/],
  ["throws in a timer", `setTimeout(() => { throw new Error("at load"); }, 20);\n`, /at load/],
])(
  "a file that %s while it is read: the server starts, and reads it again once it is mended",
  async (_, line, said) => {
    await stop("SIGTERM");
    const file = path.join(home, "own.ts");
    const own = `import { z } from "${zod}";\nimport { workflow } from "${flow}";\nexport const own = workflow("own@1", z.any(), async () => 7);\n`;
    writeFileSync(file, `${own}${line}\n`);
    server = await start(file);
    await expect.poll(() => server.said(), { timeout: 90_000 }).toMatch(said);
    await api("progress", z.array(ExperimentProgress));
    writeFileSync(file, `${own}\n// mended\n`);
    const names = async () =>
      (await api("workflows", z.array(z.looseObject({ name: z.string() })))).map((w) => w.name);
    await expect.poll(names, { timeout: 90_000 }).toContain("own@1");
    const id = await begin("own@1");
    await expect
      .poll(async () => (await experimentOf(id))?.state, { timeout: 60_000 })
      .toBe("done");
  },
  400_000,
);
