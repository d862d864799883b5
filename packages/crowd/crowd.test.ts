/** Aggregation against hand-worked and published numbers; the careless are found. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Judgment, rng } from "@tiller/schema";
import type { SimulatedRater } from "@tiller/task";
import { aggregatePairs, flagRaters, labelTable, methods, simulateChoice } from "./index.ts";

test("one person choosing b on one pair moves it to the prior's mean reliability", () => {
  const { pairs } = aggregatePairs([{ task: "t", person: "r", choice: "b" }], { iterations: 1 });
  expect(pairs.get("t")!.pB).toBeCloseTo(4 / 6, 10);
});

test("ties say nothing about the side", () => {
  const { pairs } = aggregatePairs([
    { task: "t", person: "r", choice: "tie" },
    { task: "t", person: "s", choice: "tie" },
  ]);
  expect(pairs.get("t")!.pB).toBe(0.5);
});

test("swapping a and b everywhere mirrors every label and changes nobody's reliability", () => {
  const judgment = fc.record({
    task: fc.constantFrom("1", "2", "3", "4"),
    person: fc.constantFrom("x", "y", "z"),
    choice: fc.constantFrom("a", "b", "tie"),
  });
  fc.assert(
    fc.property(
      fc.array(
        judgment as fc.Arbitrary<{ task: string; person: string; choice: "a" | "b" | "tie" }>,
        { minLength: 1, maxLength: 30 },
      ),
      (js) => {
        const mirrored = js.map((j) => ({
          ...j,
          choice: ({ a: "b", b: "a", tie: "tie" } as const)[j.choice],
        }));
        const [one, two] = [aggregatePairs(js), aggregatePairs(mirrored)];
        for (const [task, { pB }] of one.pairs)
          expect(two.pairs.get(task)!.pB).toBeCloseTo(1 - pB, 6);
        for (const [rater, r] of one.raters) expect(two.raters.get(rater)!.at).toBeCloseTo(r.at, 6);
      },
    ),
  );
});

const rater = (noise: number | undefined, i: number): SimulatedRater => ({
  name: noise === undefined ? `careless ${i}` : `careful ${i}`,
  noise,
  tieBelow: noise === undefined ? 0 : 0.1,
  seconds: 20,
});
const careful = [0.1, 0.15, 0.2, 0.2, 0.25, 0.3, 0.3, 0.35, 0.4, 0.5];
const simulatedRaters = [...careful, undefined, undefined].map(rater);

describe.each([1, 2, 3])("twelve simulated raters, seed %i", (seed) => {
  const random = rng(seed, "crowd test");
  const truth = Array.from({ length: 600 }, () => random.normal() * 0.8);
  const judgments = truth.flatMap((d, task) =>
    random
      .shuffle(simulatedRaters)
      .slice(0, 3)
      .map((r, i): Judgment => {
        const swap = random.next() < 0.5;
        const { choice } = simulateChoice(r, {
          a: "0",
          b: String(d),
          swap,
          preference: Number,
          rng: random,
        });
        return {
          answer: `${task}.${i}`,
          task: String(task),
          typeVersion: "1",
          person: r.name,
          by: r.name,
          choice,
          swap,
          activeSeconds: 10,
          idleSeconds: 0,
          at: "2026-01-01T00:00:00.000Z",
        } as unknown as Judgment;
      }),
  );
  const labels = aggregatePairs(judgments);

  test("exactly the two careless ones are found", () => {
    const found = flagRaters(judgments)
      .filter((r) => r.flag === "careless")
      .map((r) => r.rater as string);
    expect(found.toSorted()).toEqual(["careless 10", "careless 11"]);
  });

  test("labels are right more often than the majority's", () => {
    const clear = truth.map((d, i) => ({ d, i })).filter(({ d }) => Math.abs(d) > 0.2);
    const right =
      clear.filter(({ d, i }) => labels.pairs.get(String(i))!.pB > 0.5 === d > 0).length /
      clear.length;
    const t = labelTable(
      judgments
        .filter((j) => j.choice !== "tie")
        .map((j) => ({ task: j.task, worker: j.person, label: j.choice })),
    );
    const { posterior } = methods.majority.infer(t);
    const votesB = new Map(t.tasks.map((task, i) => [task, posterior[2 * i + 1]!]));
    const plain =
      clear.filter(({ d, i }) => (votesB.get(String(i)) ?? 0.5) > 0.5 === d > 0).length /
      clear.length;
    expect(right).toBeGreaterThan(plain);
  });
});
