/**
 * tiller experiment and tiller trigger against a server, with the tutorial's changed recipe (docs/workflows.md): started with
 * simulated people, shown, forked, recorded and run again from the recording.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { experimentCommand } from "@tiller/cli/experiment.ts";
import { triggerCommand } from "@tiller/cli/trigger.ts";
import { type FlowServer } from "@tiller/flow";
import { loadWorkflows } from "@tiller/flow/load.ts";
import { Recording } from "@tiller/schema";
import { ensurePerson, issueToken, type Store } from "@tiller/store";
import { openServer, type TestServer } from "./fixtures/server.ts";

const { run } = experimentCommand;
const { run: trigger } = triggerCommand;
const file = "examples/workflows/reading-study-changed.ts";
let site: TestServer;
let home: string;
let store: Store;
let flow: FlowServer;

beforeAll(async () => {
  site = await openServer({ workflows: await loadWorkflows(file) });
  ({ home, store, flow } = site);
  const about = { id: "researcher", name: "R", pseudonym: "r-1", role: "researcher" } as const;
  const { id } = await ensurePerson(store.db, about);
  mkdirSync(path.join(home, "tokens"), { recursive: true });
  writeFileSync(path.join(home, "tokens", "key-researcher"), await issueToken(store.db, id, "key"));
  writeFileSync(path.join(home, "address"), site.address);
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

/** What a command prints. */
async function said(command: typeof run, ...args: string[]): Promise<string> {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => void lines.push(line);
  try {
    expect(await command([...args, "--home", home])).toBe(0);
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}
const input = JSON.stringify({ passage: "The cat sat on the mat.", question: "Who sat?" });
const simulated = JSON.stringify({ "*": { kind: "simulated" } });
const name = "reading-study-changed@1";

test("a changed recipe from its start to its recording", async () => {
  expect(await said(run, "workflows")).toContain(name);
  const id = await said(run, "start", name, "--input", input, "--agents", simulated, "--seed", "3");
  const result = await flow.wait(id);
  expect(result).toMatchObject({ best: expect.any(String) });
  await expect.poll(() => said(run, "show", id)).toMatch(/verdicts\s+\[save, done\]/);
  expect(await said(run, "show", id)).toMatch(/improve-answer {2}\[ask, done\]/);
  expect(await said(run, "list")).toMatch(new RegExp(`${id}.*done`));

  const out = path.join(home, "recording.json");
  expect(await said(run, "record", id, "--out", out)).toMatch(/3 answers/);
  const replay = Recording.parse(JSON.parse(readFileSync(out, "utf8")));
  const again = await flow.start(name, replay.input, { id: "again", seed: replay.seed, replay });
  expect(await flow.wait(again)).toEqual(result);

  const fork = await said(run, "fork", `${id}/improve-answer`, "--output", improved);
  expect((await flow.wait(fork)) as object).toHaveProperty("best");
  expect(JSON.stringify((await flow.record(fork)).results)).toContain("A cat, on a mat.");
}, 120_000);
const improved = JSON.stringify([
  {
    value: { answer: "A cat, on a mat.", fault: "They were vague." },
    person: null,
    by: "me",
    answer: null,
    swap: false,
    activeSeconds: 0,
    idleSeconds: 0,
    at: "2030-01-01T00:00:00.000Z",
  },
]);

test("with people, it waits for them, says so, and is cancelled", async () => {
  const id = await said(run, "start", name, "--input", input);
  await expect.poll(() => said(run, "list")).toMatch(new RegExp(`${id}.*running.*since`));
  expect(await said(run, "cancel", id, "--reason", "a trial")).toMatch(/is cancelled/);
  await expect.poll(() => said(run, "list")).toMatch(new RegExp(`${id}.*cancelled`));
}, 60_000);

test("triggers are listed, added, paused and removed", async () => {
  await said(
    trigger,
    "add",
    "weekly",
    "--workflow",
    name,
    "--input",
    input,
    "--schedule",
    "0 6 * * MON",
  );
  expect(await said(trigger, "list")).toMatch(/weekly.*schedule 0 6 \* \* MON/);
  await said(trigger, "pause", "weekly");
  expect(await said(trigger, "list")).toMatch(/weekly.* paused/);
  await said(trigger, "resume", "weekly");
  expect(await said(trigger, "list")).toMatch(/weekly.* on +\d{4}-/);
  await said(trigger, "remove", "weekly");
  expect(await said(trigger, "list")).toMatch(/No triggers/);
}, 60_000);

test("what is wrong is said with its remedy", async () => {
  await expect(run(["start", name, "--home", home, "--input", "{"])).rejects.toThrow(/no JSON/);
  await expect(run(["start", "none@1", "--home", home])).rejects.toThrow(/no workflow none@1/);
  await expect(run(["show", "none", "--home", home])).rejects.toThrow(/no experiment none/);
  await expect(run(["list", "--home", path.join(home, "empty")])).rejects.toThrow(
    /Start the server/,
  );
  const gone = ["list", "--home", home, "--url", "http://localhost:9"];
  await expect(run(gone)).rejects.toThrow(/no server answers at/);
  await expect(run(["sing"])).rejects.toThrow(/tiller experiment start NAME/);
});
