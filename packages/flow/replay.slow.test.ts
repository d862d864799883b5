/**
 * Random workflows of calls, races, maps, children, errors and sleeps in a process that is killed and started again:
 * what an execution saw is how the next begins, and no effect whose result was seen happens again.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStore } from "@tiller/store";
import type { ProgramCall, Statement } from "./fixtures/replayed.ts";

const script = fileURLToPath(new URL("./fixtures/replayed.ts", import.meta.url));
const home = mkdtempSync(path.join(tmpdir(), "tiller-replay-"));
const children = new Set<ChildProcess>();
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await (await openStore({ home })).close(); // stops the Postgres of a killed process
  rmSync(home, { recursive: true, force: true });
});

const SEED = Number(process.env["SEED"] ?? 24);
const KILLS = Number(process.env["KILLS"] ?? 1);
const RUNS = Number(process.env["RUNS"] ?? 24);
const ms = fc.integer({ min: 0, max: 400 });
const name = fc.constantFrom("a", "b", "c", "constructor", "__proto__", "a/b", "x".repeat(300));
const fails = fc.constantFrom(
  ...(["quota", "text", "nothing", "object", "aggregate", "circle"] as const),
  ...(["zod", "abort", "tiller", "range", "nul"] as const),
);
const step: fc.Arbitrary<ProgramCall> = fc.record({ kind: fc.constant("step" as const), name, ms });
const failing: fc.Arbitrary<ProgramCall> = fc.record({
  kind: fc.constant("step" as const),
  name,
  ms,
  fails,
});
const sleeps: fc.Arbitrary<ProgramCall> = fc.record({
  kind: fc.constant("sleep" as const),
  name,
  ms,
});
const statements = (depth: number): fc.Arbitrary<Statement[]> => {
  const child: fc.Arbitrary<ProgramCall> = fc.record({
    kind: fc.constant("child" as const),
    name,
    program: depth ? statements(depth - 1) : fc.constant<Statement[]>([]),
  });
  const call = fc.oneof(
    { arbitrary: step, weight: 3 },
    { arbitrary: failing, weight: 2 },
    { arbitrary: sleeps, weight: 1 },
    { arbitrary: child, weight: depth ? 2 : 0 },
  );
  const calls = fc.array(call, { minLength: 1, maxLength: 4 });
  const how = fc.constantFrom("one", "all", "race", "any", "settled", "order" as const);
  return fc.array(
    fc.oneof(
      { arbitrary: fc.record({ how, calls }) as fc.Arbitrary<Statement>, weight: 4 },
      {
        arbitrary: fc.record({
          how: fc.constant("map" as const),
          items: fc.integer({ min: 0, max: 6 }),
          concurrency: fc.integer({ min: 1, max: 4 }),
          call,
        }) as fc.Arbitrary<Statement>,
        weight: 1,
      },
    ),
    { minLength: 1, maxLength: 6 },
  );
};
const programs = fc.sample(statements(1), { seed: SEED, numRuns: RUNS });
const changes = {
  same: undefined,
  longer: undefined,
  rename: /has step one where the workflow now makes step uno/,
  swap: /has step one where the workflow now makes step two/,
  kind: /has step a where the workflow now makes sleep a/,
  order: /step m\/[02] was recorded for another input/,
  grown: /has step mark where the workflow now makes step m\/2/,
  shrunk: /has (a result of )?step m\/2 (next|where)/,
  question: /model nobody was recorded for another input/,
  caught: /has step one where the workflow now makes step uno/,
  parallel: /has step one where the workflow now makes step two/,
  child: /leaf was started with another input/,
  shorter: /goes on with step two where the workflow now ends/,
  chance: /has step at 2 where the workflow now makes step at 1/,
};
const starts = [
  ...programs.map((program, i) => ({
    id: `program-${i}`,
    workflow: "program@1",
    input: { program },
  })),
  ...Object.keys(changes).map((w) => ({ id: w, workflow: `${w}@1`, input: {} })),
];
const ended = new Map<string, unknown[]>();
const lines = (file: string): unknown[][] =>
  readFileSync(path.join(home, file), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((l) => JSON.parse(l) as unknown[]);

beforeAll(async () => {
  const file = path.join(home, "starts.json");
  writeFileSync(file, JSON.stringify(starts));
  const generation = (n: number, kill?: number) =>
    new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
      const env = { ...process.env, GENERATION: String(n) };
      const child = fork(script, [home, file], { env, stdio: ["ignore", "ignore", "pipe", "ipc"] });
      children.add(child);
      let said = "";
      child.stderr?.on("data", (b: Buffer) => (said += b.toString()));
      child.on("message", () => {
        if (kill !== undefined) setTimeout(() => child.kill("SIGKILL"), kill);
      });
      child.on("close", (code, signal) => {
        children.delete(child);
        if (code) reject(new Error(said));
        else resolve(signal ?? code);
      });
    });
  const [first, ...more] = fc.sample(fc.integer({ min: 300, max: 2500 }), {
    seed: SEED,
    numRuns: KILLS,
  });
  await generation(1, first);
  for (const [i, kill] of more.entries()) await generation(2 + i, kill);
  await generation(2 + more.length);
  for (const [, id, ...how] of lines("ended.log")) ended.set(id as string, how);
}, 500_000);

test(`every random workflow ends, and every execution saw what the ones before it saw (seed ${SEED})`, () => {
  const seen = Map.groupBy(lines("seen.log"), ([, id]) => id as string);
  for (const { id } of starts.slice(0, RUNS)) {
    expect(ended.get(id)?.[0], `${id}: ${JSON.stringify(ended.get(id))}`).toBe("done");
    expect(seen.get(id)?.length).toBeGreaterThan(0);
  }
  for (const [id, all] of seen) {
    const executions = [...Map.groupBy(all, ([g]) => g).values()].map((e) =>
      e.map(([, , what]) => what),
    );
    const longest = executions.toSorted((a, b) => b.length - a.length)[0]!;
    for (const e of executions) expect(longest.slice(0, e.length), id).toEqual(e);
    if (ended.get(id)?.[0] === "done") expect(ended.get(id)![1], id).toEqual(longest);
  }
});

test("an effect happens at least once, and never again once its result was seen", () => {
  const effects = Map.groupBy(lines("effects.log"), ([, key]) => key as string);
  expect(effects.size).toBeGreaterThan(RUNS);
  for (const [key, all] of effects) {
    expect(all.length, key).toBeLessThanOrEqual(KILLS + 1);
    const generations = all.map(([g]) => g);
    expect(new Set(generations).size, `${key} twice in one execution`).toBe(all.length);
  }
});

test.each(Object.entries(changes))("a workflow whose code changed: %s", (id, message) => {
  const how = ended.get(id);
  if (!message) expect(how?.[0], JSON.stringify(how)).toBe("done");
  else {
    expect(how?.slice(0, 2), JSON.stringify(how)).toEqual(["failed", "changed_workflow"]);
    expect(how?.[2]).toMatch(message);
  }
});
