/** Truth inference against published tables, hand-worked numbers and properties. */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { heldOutLoss } from "./choose.ts";
import { type Label, labelTable } from "./labels.ts";
import { scoreAgainst } from "./score.ts";
import { digamma } from "./mace.ts";
import { type MethodName, methods } from "./truth.ts";

const all = Object.keys(methods) as MethodName[];
const label: fc.Arbitrary<Label> = fc.record({
  task: fc.constantFrom("t1", "t2", "t3", "t4"),
  worker: fc.constantFrom("x", "y", "z"),
  label: fc.constantFrom("no", "yes", "maybe"),
});
const answers = fc.uniqueArray(label, {
  minLength: 1,
  selector: (a) => `${a.task} ${a.worker}`, // one answer a person and task
});

test("packing keeps every answer, task after task", () => {
  const t = labelTable([
    { task: "b", worker: "x", label: "9" },
    { task: "a", worker: "y", label: "9" },
    { task: "a", worker: "x", label: "10" },
  ]);
  expect(t.labels).toEqual(["9", "10"]); // numbers by value
  expect([t.tasks, t.workers]).toEqual([
    ["a", "b"],
    ["x", "y"],
  ]);
  expect([...t.start]).toEqual([0, 2, 3]);
  expect([...t.worker]).toEqual([0, 1, 0]);
  expect([...t.label]).toEqual([1, 0, 0]); // a: x said 10, y said 9; b: x said 9
});

test("an answer outside the named labels is refused by name", () => {
  expect(() =>
    labelTable([{ task: "a", worker: "x", label: "perhaps" }], { labels: ["no", "yes"] }),
  ).toThrow(/answers carry perhaps, but the labels are no, yes/);
});

describe.each(all)("%s", (name) => {
  test("posteriors are distributions, emissions too, for any answers", () => {
    fc.assert(
      fc.property(answers, (rows) => {
        const t = labelTable(rows, { labels: ["maybe", "no", "yes"] });
        const { posterior, reliability, emission } = methods[name].infer(t);
        for (let i = 0; i < t.tasks.length; i++) {
          const row = posterior.slice(3 * i, 3 * i + 3);
          expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
          expect(Math.min(...row)).toBeGreaterThanOrEqual(0);
          for (const truth of [0, 1, 2])
            expect(
              [0, 1, 2].reduce((sum, said) => sum + emission(0, i, truth, said), 0),
            ).toBeCloseTo(1, 6);
        }
        for (const r of reliability) expect(r >= 0 && r <= 1).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("agreement of everyone is believed", () => {
    const rows = ["t1", "t2", "t3"].flatMap((task, i) =>
      ["x", "y", "z"].map((worker) => ({ task, worker, label: i === 1 ? "yes" : "no" })),
    );
    const t = labelTable(rows);
    const { posterior } = methods[name].infer(t);
    const truth = new Map([
      ["t1", "no"],
      ["t2", "yes"],
      ["t3", "no"],
    ]);
    expect(scoreAgainst(t, posterior, truth)).toEqual({ n: 3, accuracy: 1, f1: 1 });
  });
});

test("the order of answers changes nothing, not a bit", () => {
  fc.assert(
    fc.property(answers, fc.integer(), (rows, seed) => {
      const [a, b] = [labelTable(rows), labelTable(rng(seed).shuffle(rows))];
      expect(b).toEqual(a);
      for (const name of all)
        expect(methods[name].infer(b).posterior).toEqual(methods[name].infer(a).posterior);
    }),
    { numRuns: 30 },
  );
});

test("one-coin by hand: five right answers and the prior make 8 of 9; a lone answer weighs what its person is worth", () => {
  // x agrees with y on t1..t5; z contradicts both: z's word on t6, alone, counts against itself
  const rows = ["t1", "t2", "t3", "t4", "t5"].flatMap((task, i) => {
    const [one, other] = i % 2 ? ["no", "yes"] : ["yes", "no"];
    return [
      { task, worker: "x", label: one },
      { task, worker: "y", label: one },
      { task, worker: "z", label: other },
    ];
  });
  const t = labelTable([...rows, { task: "t6", worker: "z", label: "yes" }]);
  const { reliability, posterior } = methods["one-coin"].infer(t);
  // if all five are surely right: (5 + 4 - 1) / (5 + 4 + 2 - 2)
  expect(Math.abs(reliability[0]! - 8 / 9)).toBeLessThan(0.01);
  expect(reliability[2]).toBeLessThan(0.5);
  expect(posterior[5 * 2 + 1]).toBeCloseTo(reliability[2]!, 3); // P(t6 = yes) = P(z is right)
});

test("digamma: psi(1) = -gamma, psi(1/2) = -gamma - 2 ln 2, psi(x + 1) = psi(x) + 1/x", () => {
  const gamma = 0.577_215_664_901_532_9;
  expect(digamma(1)).toBeCloseTo(-gamma, 8);
  expect(digamma(0.5)).toBeCloseTo(-gamma - 2 * Math.LN2, 8);
  expect(digamma(11.3) - digamma(10.3)).toBeCloseTo(1 / 10.3, 10);
});

test("a tie scores as the mean of its sides", () => {
  const t = labelTable([
    { task: "a", worker: "x", label: "0" },
    { task: "a", worker: "y", label: "1" },
  ]);
  const { posterior } = methods.majority.infer(t);
  expect(scoreAgainst(t, posterior, new Map([["a", "1"]])).accuracy).toBe(0.5);
});

test("held-out loss prefers confusion matrices when people really confuse, and a coin when they do not", () => {
  const random = rng(3, "held out");
  const made = (confusing: boolean) =>
    labelTable(
      Array.from({ length: 400 }, (_, i) => i).flatMap((i) => {
        const truth = random.next() < 0.5 ? 1 : 0;
        return ["p", "q", "r", "s", "u"].map((worker, w) => {
          // confusing: p and q say 1 whenever in doubt; else everyone errs alike on both sides
          const right = confusing ? (truth === 1 ? 0.97 : w < 2 ? 0.4 : 0.9) : 0.6 + 0.08 * w;
          return {
            task: String(i),
            worker,
            label: String(random.next() < right ? truth : 1 - truth),
          };
        });
      }),
    );
  const [confused, plain] = [made(true), made(false)];
  expect(heldOutLoss(confused, "dawid-skene").loss).toBeLessThan(
    heldOutLoss(confused, "one-coin").low,
  );
  expect(heldOutLoss(plain, "one-coin").loss).toBeLessThan(heldOutLoss(plain, "majority").low);
});

const crowd = new URL("../../../shared/data/crowd/", import.meta.url);
describe.skipIf(!existsSync(crowd))(
  "Zheng et al. 2017, table 6 (skipped where the data is absent)",
  () => {
    const lines = (bytes: Buffer) => bytes.toString().trim().split(/\r?\n/).slice(1);
    const load = (name: string) => ({
      t: labelTable(
        lines(gunzipSync(readFileSync(new URL(`${name}/answers.csv.gz`, crowd)))).map((r) => {
          const [task, worker, label] = r.split(",") as [string, string, string];
          return { task, worker, label };
        }),
      ),
      truth: new Map(
        lines(readFileSync(new URL(`${name}/truth.csv`, crowd))).map(
          (r) => r.split(",").slice(0, 2) as [string, string],
        ),
      ),
    });
    // accuracy and F1 in percent; how far ours may be away. ZC is the paper's name for one-coin.
    test.each([
      ["D_Product", "majority", 89.66, 59.05, 0.01],
      ["D_Product", "one-coin", 92.8, 63.59, 0.2],
      ["D_Product", "dawid-skene", 93.66, 71.59, 0.7],
      ["D_Product", "glad", 92.2, 60.17, 4],
      ["D_PosSent", "majority", 93.31, 92.85, 0.1],
      ["D_PosSent", "one-coin", 95.1, 94.6, 0.2],
      ["D_PosSent", "dawid-skene", 96.0, 95.66, 0.01],
      ["D_PosSent", "glad", 95.2, 94.71, 0.6],
    ] as const)("%s by %s: %f (%f)", (set, name, accuracy, f1, near) => {
      const { t, truth } = load(set);
      const score = scoreAgainst(t, methods[name].infer(t).posterior, truth);
      expect(score.n).toBe(truth.size);
      expect(Math.abs(100 * score.accuracy - accuracy)).toBeLessThanOrEqual(near);
      expect(Math.abs(100 * score.f1! - f1)).toBeLessThanOrEqual(near);
    });
  },
);
