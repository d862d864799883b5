/** The formulas of preference methods against published or independently worked-out numbers, and what they may not depend on. */
import { expect, test } from "vitest";
import { grad, Graph, Program, State, sum, type Tensor } from "@tiller/tensor";
import { dpoFormula } from "./dpo.ts";
import { ipoFormula } from "./ipo.ts";
import { orpoFormula } from "./orpo.ts";
import type { PairFormula } from "./preference.ts";
import { robustDpoFormula } from "./robust-dpo.ts";
import { simpoFormula } from "./simpo.ts";

interface Given {
  readonly logps: readonly (readonly [chosen: number, rejected: number])[];
  readonly reference?: readonly (readonly [number, number])[];
  readonly lengths?: readonly (readonly [number, number])[];
  readonly q?: readonly number[];
}
/** each pair's loss, and its derivative by the log-probs of both sides */
function evaluate(formula: PairFormula, o: Given) {
  const B = o.logps.length;
  const g = new Graph();
  const input = (name: string, shape: number[]): Tensor => g.input(name, shape);
  const logps = input("logps", [B, 2]);
  const { each } = formula({
    g,
    logps,
    reference: input("reference", [B, 2]),
    lengths: input("lengths", [B, 2]),
    q: input("q", [B]),
  });
  g.output("each", each);
  g.output("by", grad(sum(each), [logps])[0]!);
  using program = new Program(g, new State());
  const none = o.logps.map(() => [0, 0] as const);
  const all: Record<string, number[]> = {
    logps: o.logps.flat(),
    reference: (o.reference ?? none).flat(),
    lengths: (o.lengths ?? o.logps.map(() => [1, 1] as const)).flat(),
    q: [...(o.q ?? o.logps.map(() => 1))],
  };
  const used = [...program.inputs.keys()];
  program.run(Object.fromEntries(used.map((name) => [name, all[name]!])));
  return { each: [...program.float("each")], by: [...program.float("by")] };
}
const near = (got: readonly number[], want: readonly number[], digits = 5) => {
  expect(got.length).toBe(want.length);
  want.forEach((w, i) => expect(got[i], `at ${i}`).toBeCloseTo(w, digits));
};
const hard = { beta: 0.1, labels: "hard" } as const;

test("DPO: ln 2 at the reference; torchtune's numbers; soft labels weigh both sides", () => {
  const logps = [
    [-10, -12],
    [-7, -3],
  ] as const;
  near(evaluate(dpoFormula(hard), { logps, reference: logps }).each, [Math.LN2, Math.LN2]);
  // torchtune's test: margins of 0, 10 and 20 nats at beta 0.1
  const three = [
    [0, 0],
    [5, -5],
    [10, -10],
  ] as const;
  near(evaluate(dpoFormula(hard), { logps: three }).each, [0.693147, 0.313262, 0.126928], 5);
  const soft = evaluate(dpoFormula({ beta: 0.1, labels: "soft" }), {
    logps: three,
    q: [0.5, 0.8, 1],
  });
  near(soft.each, [0.693147, 0.8 * 0.313262 + 0.2 * 1.313262, 0.126928], 5);
  // d/d chosen = -beta s(-m)
  near(evaluate(dpoFormula(hard), { logps: [[5, -5]] }).by, [-0.0268941, 0.0268941], 6);
});

test("IPO: nothing is gained past a margin of 1 / (2 tau)", () => {
  const of = (margin: number, average = false) =>
    evaluate(ipoFormula({ tau: 0.1, average }), {
      logps: [[margin, 0]],
      lengths: [[2, 2]],
    });
  near(of(5).each, [0]);
  near(of(0).each, [25]);
  near(of(7).each, [4]);
  near(of(7).by, [4, -4]);
  near(of(10, true).each, [0]);
});

test("robust DPO: its mean over flipped labels is DPO of clean ones", () => {
  const e = 0.2;
  const robust = robustDpoFormula({ beta: 0.1, flipped: e });
  for (const m of [-30, -4, 0, 3, 12]) {
    const [asIs, turned] = [[m, 0] as const, [0, m] as const].map(
      (pair) => evaluate(robust, { logps: [pair] }).each[0]!,
    );
    const clean = evaluate(dpoFormula(hard), { logps: [[m, 0]] }).each[0]!;
    expect((1 - e) * asIs! + e * turned!).toBeCloseTo(clean, 4);
  }
  near(
    evaluate(robustDpoFormula({ beta: 0.1, flipped: 0 }), { logps: [[5, -5]] }).each,
    [0.313262],
  );
});

test("SimPO: means over tokens, a margin to win by", () => {
  const c = { beta: 2, gamma: 1 };
  // r = 2 (-1) and 2 (-2): the margin 2 less 1
  near(
    evaluate(simpoFormula(c), {
      logps: [[-4, -6]],
      lengths: [[4, 3]],
    }).each,
    [0.313262],
  );
  // a response twice as long with the same mean counts the same
  near(
    evaluate(simpoFormula(c), {
      logps: [[-8, -6]],
      lengths: [[8, 3]],
    }).each,
    [0.313262],
  );
});

test("ORPO: likelihood of the chosen one, and odds against the rejected one", () => {
  const [w, l] = [Math.log(0.6), Math.log(0.3)]; // odds 1.5 and 3/7, ratio 3.5
  const { each } = evaluate(orpoFormula({ lambda: 0.5 }), {
    logps: [[2 * w, 3 * l]],
    lengths: [[2, 3]],
  });
  near(each, [-w - 0.5 * Math.log(3.5 / 4.5)]);
  // certain to the last digit: the odds stay finite
  expect(
    evaluate(orpoFormula({ lambda: 1 }), { logps: [[0, -1]] }).each.every(Number.isFinite),
  ).toBe(true);
});
