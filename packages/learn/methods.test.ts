/** The table of methods and the documents that are made of it: every method, every metric, every piece of evidence is there. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { evaluateJob, methods, pretrainJob, sampleJob } from "./index.ts";

const here = import.meta.dirname;
const doc = (name: string) => readFileSync(path.join(here, "../../docs", name), "utf8");
const fileOf = (module: string) => path.basename(new URL(module).pathname);

test("docs/methods.md has a line for every method, with its paper, equation, tier and evidence", () => {
  const cells = doc("methods.md")
    .split("\n")
    .filter((l) => l.startsWith("| `"))
    .map((l) =>
      l
        .split("|")
        .slice(1, -1)
        .map((c) => c.trim()),
    );
  expect(cells.map((c) => c[0])).toEqual(methods.map((m) => `\`${m.job.kind}\``));
  for (const [i, m] of methods.entries())
    expect(cells[i]).toEqual([
      `\`${m.job.kind}\``,
      `[${m.title}](../packages/learn/${fileOf(m.job.module)})`,
      m.paper,
      m.equation,
      m.tier,
      m.evidence,
    ]);
  for (const m of methods)
    for (const file of m.evidence.split(", "))
      expect(existsSync(path.join(here, file)), file).toBe(true);
});

test("a formula's file has at most 150 lines", () => {
  for (const m of methods.filter((x) => x.tier === "formula")) {
    const lines = readFileSync(path.join(here, fileOf(m.job.module)), "utf8").split("\n").length;
    expect(lines, m.job.kind).toBeLessThanOrEqual(151);
  }
});

test("docs/metrics.md says of every metric what it is and how it looks when it is wrong", () => {
  const told = new Set([...doc("metrics.md").matchAll(/^\| `(\w+)` /gm)].map((m) => m[1]));
  const all = [...methods.map((m) => m.job), pretrainJob].flatMap((j) => Object.keys(j.metrics));
  expect([...new Set(all)].filter((name) => !told.has(name))).toEqual([]);
});

test("every setting has its line", () => {
  type Fields = Record<string, { description?: string }>;
  const inside = (s: unknown): { shape?: Fields } => {
    const { def } = s as { def: { in?: unknown; innerType?: unknown } };
    return def.in || def.innerType ? inside(def.in ?? def.innerType) : (s as object);
  };
  const unsaid = [...methods.map((m) => m.job), pretrainJob, evaluateJob, sampleJob].flatMap(
    (job) => {
      const input = job.input as unknown as { shape: Fields };
      const fields = inside(input.shape["config"] ?? input).shape ?? {};
      expect(Object.keys(fields).length, job.kind).toBeGreaterThan(1);
      return Object.entries(fields)
        .filter(([, f]) => !f.description)
        .map(([name]) => `${job.kind}.${name}`);
    },
  );
  expect(unsaid).toEqual([]);
});
