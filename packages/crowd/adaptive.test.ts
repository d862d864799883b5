/** Asking as often as needed: the rules, and a replay of real answers. */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OverlapRule, replay, wanting } from "./adaptive.ts";
import { labelTable } from "./labels.ts";
import { scoreAgainst } from "./score.ts";
import { dawidSkene } from "./truth.ts";

const rows = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => {
      const [task, worker, label] = line.trim().split(" ") as [string, string, string];
      return { task, worker, label };
    });

test("tasks below the least come first to mind, sure ones and full ones not at all", () => {
  const t = labelTable(
    rows(`sure x 1
      sure y 1
      split x 1
      split y 0
      one x 0
      full x 0
      full y 1
      full z 1`),
  );
  expect(t.tasks).toEqual(["full", "one", "split", "sure"]);
  const posterior = Float64Array.from([0.45, 0.55, 0.99, 0.01, 0.5, 0.5, 0, 1]);
  const rule = OverlapRule.parse({ least: 2, most: 3, sure: 0.95 });
  expect(wanting(t, { posterior }, rule).map((i) => t.tasks[i])).toEqual(["split", "one"]);
});

test("a replay keeps to the rule's bounds and to the budget", () => {
  const answer = fc.record({
    task: fc.integer({ min: 0, max: 6 }).map(String),
    worker: fc.integer({ min: 0, max: 8 }).map(String),
    label: fc.constantFrom("0", "1"),
  });
  const answers = fc.uniqueArray(answer, {
    minLength: 10,
    maxLength: 60,
    selector: (a) => `${a.task} ${a.worker}`,
  });
  fc.assert(
    fc.property(
      answers,
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 4 }),
      fc.integer(),
      (list, least, more, seed) => {
        const t = labelTable(list, { labels: ["0", "1"] });
        const rule = OverlapRule.parse({ least, most: least + more, perTask: 3 });
        const r = replay(t, rule, { seed });
        const counts = t.tasks.map((_, i) => t.start[i + 1]! - t.start[i]!);
        const possible = counts.reduce((sum, n) => sum + Math.min(n, least + more), 0);
        expect(r.used).toBeLessThanOrEqual(Math.min(possible, 3 * t.tasks.length));
        const floor = counts.reduce((sum, n) => sum + Math.min(n, least), 0);
        expect(r.used).toBeGreaterThanOrEqual(Math.min(floor, 3 * t.tasks.length));
      },
    ),
    { numRuns: 50 },
  );
});

test("a gold task keeps its truth, whatever people say, and teaches who is right", () => {
  const t = labelTable(
    rows(`g1 good 1
      g1 bad 0
      g2 good 0
      g2 bad 1
      g3 good 1
      g3 bad 0
      open good 1
      open bad 0`),
  );
  const gold = new Map([
    ["g1", "1"],
    ["g2", "0"],
    ["g3", "1"],
  ]);
  const { posterior, reliability } = dawidSkene(t, { gold });
  expect(Array.from(posterior.slice(0, 6))).toEqual([0, 1, 1, 0, 0, 1]);
  expect(posterior[7]).toBeGreaterThan(0.9); // open: the good one's word
  expect(t.workers).toEqual(["bad", "good"]);
  expect(reliability[0]).toBeLessThan(0.1);
  expect(reliability[1]).toBeGreaterThan(0.9);
});

const dir = new URL("../../../shared/data/crowd/D_PosSent/", import.meta.url);
describe.skipIf(!existsSync(dir))("D_PosSent (skipped where the data is absent)", () => {
  const lines = (bytes: Buffer) =>
    bytes
      .toString()
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((l) => l.split(",") as [string, string, string]);
  const read = (name: string) => lines(readFileSync(new URL(name, dir)));
  const label = ([task, worker, label]: [string, string, string]) => ({ task, worker, label });
  const load = () => ({
    test20: read("screening.csv").map(label),
    answers: lines(gunzipSync(readFileSync(new URL("answers.csv.gz", dir)))).map(label),
    truth: new Map(read("truth.csv").map(([task, truth]) => [task, truth])),
    gold: new Map(read("screening-truth.csv").map(([task, truth]) => [task, truth])),
  });

  test.each([1, 2, 3])(
    "five answers a task, asked where needed of people who passed a test, come within a point of all twenty, seed %i",
    (seed) => {
      const { test20, answers, truth, gold } = load();
      const all = labelTable(answers);
      const full = scoreAgainst(all, dawidSkene(all).posterior, truth).accuracy; // 0.960
      const t = labelTable([...test20, ...answers]);
      const of = (rule: object) => {
        const r = replay(t, OverlapRule.parse(rule), { seed, gold });
        expect(r.perTask).toBeLessThanOrEqual(5);
        return scoreAgainst(t, r.posterior, truth).accuracy;
      };
      const adaptive = of({ perTask: 5 });
      expect(adaptive).toBeGreaterThan(full - 0.01);
      expect(adaptive).toBeGreaterThan(of({ least: 5, most: 5, explore: 1 }) + 0.02); // five from anyone
    },
  );

  test("the screening test tells who will be right: r >= 0.85", () => {
    const { test20, answers, truth, gold } = load();
    const fraction = (list: typeof test20, of: ReadonlyMap<string, string>) => {
      const by = Map.groupBy(list, (a) => a.worker);
      return new Map(
        [...by].map(([w, as]) => [
          w,
          as.filter((a) => of.get(a.task) === a.label).length / as.length,
        ]),
      );
    };
    const [before, after] = [fraction(test20, gold), fraction(answers, truth)];
    const pairs = [...after].map(([w, y]) => [before.get(w)!, y] as const);
    expect(pairs.length).toBe(85);
    const mean = (k: 0 | 1) => pairs.reduce((s, p) => s + p[k], 0) / pairs.length;
    const [mx, my] = [mean(0), mean(1)];
    const sum = (f: (x: number, y: number) => number) =>
      pairs.reduce((s, [x, y]) => s + f(x - mx, y - my), 0);
    const r = sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
    expect(r).toBeGreaterThanOrEqual(0.85);
  });
});
