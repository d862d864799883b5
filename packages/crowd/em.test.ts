/** What every fit must do: its objective never falls, it says whether it ended by itself, and its bound is one. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { glad } from "./glad.ts";
import { type Label, labelTable } from "./labels.ts";
import { mace } from "./mace.ts";
import { weightedMean } from "./numbers.ts";
import { aggregatePairs } from "./pairs.ts";
import { dawidSkene, type MethodName, methods } from "./truth.ts";
import { anySeed, drawn } from "./fixtures/drawn.ts";

const falls = (objective: readonly number[]): string[] =>
  objective.flatMap((now, i) => {
    const before = objective[i - 1];
    return before !== undefined && now < before - 1e-9 * Math.abs(before)
      ? [`step ${i}: ${before} to ${now}`]
      : [];
  });
const tables = fc
  .record({
    seed: anySeed,
    tasks: fc.integer({ min: 1, max: 30 }),
    people: fc.integer({ min: 1, max: 8 }),
    labels: fc.constantFrom(["a", "b"], ["a", "b", "c"], ["1", "2", "3", "4", "5"]),
  })
  .map(({ seed, ...o }) => drawn(rng(seed, "em"), o))
  .filter((rows) => rows.length > 0);
/** Two who disagree on everything, habits, people with one answer: where EM has several tops or none. */
const odd: readonly (readonly Label[])[] = [
  "abcdef".split("").flatMap((task) => [
    { task, worker: "x", label: "1" },
    { task, worker: "y", label: "2" },
  ]),
  "abcdef".split("").map((task, i) => ({ task, worker: `w${i}`, label: i % 2 ? "1" : "2" })),
  [{ task: "a", worker: "x", label: "1" }],
];

describe("the objective never falls, and every fit ends by itself", () => {
  const fitted = (Object.keys(methods) as MethodName[]).filter(
    (m) => m !== "majority" && m !== "wawa",
  );
  test.each(fitted)("%s", (name) => {
    const check = (rows: readonly Label[]) => {
      const { fit } = methods[name].infer(labelTable(rows));
      expect(falls(fit.objective)).toEqual([]);
      expect(fit.objective.every(Number.isFinite)).toBe(true);
      expect(fit.objective.length).toBeGreaterThan(0);
      // Dawid-Skene has answers that say nothing of a person's errors: it then creeps, and says so
      if (name === "dawid-skene") expect(fit.converged || fit.steps === 1000).toBe(true);
      else expect(fit.converged, `after ${fit.steps} steps`).toBe(true);
    };
    odd.forEach(check);
    fc.assert(fc.property(tables, check), { numRuns: 40 });
  });
  test("with gold, and without smoothing", () => {
    fc.assert(
      fc.property(tables, (rows) => {
        const gold = new Map(rows.slice(0, 3).map((r) => [r.task, r.label]));
        for (const smoothing of [0.01, 1])
          expect(falls(dawidSkene(labelTable(rows), { smoothing, gold }).fit.objective)).toEqual(
            [],
          );
      }),
      { numRuns: 20 },
    );
  });
  test("pairs, with ties, clamped people among them", () => {
    fc.assert(
      fc.property(tables, (rows) => {
        const judgments = rows.map((r) => ({
          task: r.task,
          person: r.worker,
          choice: ({ a: "a", b: "b" } as const)[r.label] ?? ("tie" as const),
        }));
        const { fit } = aggregatePairs(judgments);
        expect(falls(fit.objective)).toEqual([]);
        expect(fit.converged).toBe(true);
      }),
      { numRuns: 40 },
    );
    const sure = Array.from({ length: 300 }, (_, i) =>
      ["x", "y", "z"].map((person) => ({ task: `${i}`, person, choice: "a" as const })),
    ).flat();
    expect(falls(aggregatePairs(sure).fit.objective)).toEqual([]);
  });
});

test("a fit that is cut off says so; a count of votes has nothing to fit", () => {
  const rows = drawn(rng(3, "cut"), { tasks: 20, people: 5, labels: ["a", "b"] });
  const judgments = rows.map((r) => ({ task: r.task, person: r.worker, choice: r.label as "a" }));
  const pairs = aggregatePairs(judgments, { iterations: 2 }).fit;
  expect(pairs).toMatchObject({ converged: false, steps: 2 });
  expect(mace(labelTable(rows), { iterations: 3 }).fit).toMatchObject({
    converged: false,
    steps: 3,
  });
  for (const name of ["majority", "wawa"] as const)
    expect(methods[name].infer(labelTable(rows)).fit).toEqual({
      converged: true,
      steps: 0,
      objective: [],
    });
  expect(glad(labelTable(rows)).fit.converged).toBe(true);
  const random = rng(4, "numbers");
  const numbers = rows.map((r) => ({
    task: r.task,
    worker: r.worker,
    value: 10 * Number(r.task.slice(1)) + random.next(),
  }));
  expect(weightedMean(numbers).converged).toBe(true);
});

test("MACE's bound is below the evidence, which one person and one task have in closed form", () => {
  // p(said) = sum over truths of 1/K (p(honest) [said = truth] + p(by habit) / K): 1/K whatever the priors are
  const { fit } = mace(
    labelTable([{ task: "t", worker: "w", label: "a" }], { labels: ["a", "b"] }),
  );
  expect(fit.objective.at(-1)!).toBeLessThanOrEqual(Math.log(1 / 2) + 1e-12);
  expect(fit.objective.at(-1)!).toBeGreaterThan(Math.log(1 / 2) - 1);
});

test("one-coin's and Dawid-Skene's objectives are the likelihood that they say", () => {
  const t = labelTable([
    { task: "t", worker: "x", label: "a" },
    { task: "t", worker: "y", label: "b" },
    { task: "u", worker: "x", label: "a" },
  ]);
  const { fit, emission, reliability } = methods["one-coin"].infer(t);
  const likelihood = (of: typeof emission, prior: readonly number[]) =>
    [
      [
        0,
        [
          [0, 0],
          [1, 1],
        ],
      ],
      [1, [[0, 0]]],
    ].reduce((sum, [task, said]) => {
      const p = [0, 1].map(
        (k) =>
          prior[k]! *
          (said as number[][]).reduce((q, [w, l]) => q * of(w!, task as number, k, l!), 1),
      );
      return sum + Math.log(p[0]! + p[1]!);
    }, 0);
  const prior = reliability.reduce((s, p) => s + 3 * Math.log(p) + Math.log(1 - p), 0);
  expect(fit.objective.at(-1)).toBeCloseTo(likelihood(emission, [0.5, 0.5]) + prior, 9);
});
