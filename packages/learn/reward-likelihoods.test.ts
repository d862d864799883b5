/** The likelihoods of graded pairs and of rankings against numbers worked out by hand and by enumeration. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Graph, Program, State, type Tensor } from "@tiller/tensor";
import { folded, GAPS, gradedLoss, likelihoodSpecs, TIE } from "./graded-reward.ts";
import { choiceFields, choiceLoss, choicesOf } from "./ranking-reward.ts";
import type { Forward, Loss } from "./step.ts";
import type { Batch } from "./batch.ts";

/** the loss at rewards (B, K) that are given as the scores of one-token texts */
function lossAt(
  loss: Loss,
  rewards: readonly (readonly number[])[],
  fields: Batch,
  params: Readonly<Record<string, readonly number[]>> = {},
): number {
  const [B, K] = [rewards.length, rewards[0]!.length];
  const g = new Graph();
  const state = new State();
  for (const [name, data] of Object.entries(params))
    state.set(name, [data.length], Float32Array.from(data));
  const f = {
    g,
    params: new Map(Object.entries(params).map(([n, d]) => [n, g.stateful(n, [d.length])])),
    batch: {
      ids: g.constant(new Array<number>(B * K).fill(0), [B, K, 1], "int64"),
      weights: g.constant(new Array<number>(B * K).fill(1), [B, K, 1]),
      ...Object.fromEntries(Object.entries(fields).map(([n, x]) => [n, g.input(n, x.shape)])),
    },
    hidden: (ids: Tensor) => ids,
    scores: () => g.constant(rewards.flat(), [B * K]),
  } as unknown as Forward;
  g.output("loss", loss(f).loss);
  using program = new Program(g, state);
  program.run(Object.fromEntries(Object.entries(fields).map(([n, x]) => [n, x.data])));
  return program.float("loss")[0]!;
}
const graded = (grades: readonly (readonly number[])[], weight = grades.map(() => 1)): Batch => ({
  grades: { shape: [grades.length, grades[0]!.length], data: grades.flat() },
  weight: { shape: [grades.length], data: weight },
});
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

test("Davidson: at equal rewards and nu = 1 all three outcomes are as likely; a tie is nu over both sides", () => {
  const of = (grades: number[], margin: number, nu: number) =>
    lossAt(gradedLoss("davidson"), [[0, margin]], graded([grades]), { [TIE]: [Math.log(nu)] });
  for (const grades of [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ])
    expect(of(grades, 0, 1)).toBeCloseTo(Math.log(3), 5);
  // with pi_a = 1, pi_b = 4: P(b) = 4 / (5 + 2 nu), P(tie) = 2 nu / (5 + 2 nu)
  expect(of([0, 0, 1], Math.log(4), 0.5)).toBeCloseTo(-Math.log(4 / 6), 5);
  expect(of([0, 1, 0], Math.log(4), 0.5)).toBeCloseTo(-Math.log(1 / 6), 5);
  // without ties in sight it is Bradley and Terry's
  expect(of([0, 0, 1], 1.3, 1e-9)).toBeCloseTo(-Math.log(sigmoid(1.3)), 5);
});

test("ordinal: proportional odds between thresholds that mirror one another", () => {
  const raw = (t: number) => Math.log(Math.exp(t) - 1); // softplus^-1
  const of = (grades: number[], margin: number, gaps: number[]) =>
    lossAt(
      gradedLoss("ordinal"),
      [[0, margin]],
      graded([grades]),
      gaps.length ? { [GAPS]: gaps } : {},
    );
  const five = [raw(0.4), raw(1)]; // thresholds -1.4, -0.4, 0.4, 1.4
  const edges = [-Infinity, -1.4, -0.4, 0.4, 1.4, Infinity];
  for (const m of [-2, 0, 0.7])
    for (let k = 0; k < 5; k++) {
      const p = sigmoid(edges[k + 1]! - m) - sigmoid(edges[k]! - m);
      const grades = [0, 1, 2, 3, 4].map((j) => Number(j === k));
      expect(of(grades, m, five), `${m} ${k}`).toBeCloseTo(-Math.log(p), 4);
      expect(of(grades.toReversed(), -m, five)).toBeCloseTo(-Math.log(p), 4);
    }
  // two outcomes: Bradley and Terry's, nothing to learn beside it; four: a threshold at 0
  expect(likelihoodSpecs("ordinal", 2)).toEqual([]);
  expect(of([0, 1], 0.8, [])).toBeCloseTo(-Math.log(sigmoid(0.8)), 5);
  expect(of([0, 0, 1, 0], 0, [raw(1)])).toBeCloseTo(-Math.log(sigmoid(1) - 0.5), 5);
});

test("weights and shares count as they say; grades fold to a, tie, b", () => {
  const both = graded(
    [
      [0, 0, 1],
      [1, 0, 0],
    ],
    [3, 1],
  );
  const params = { [TIE]: [0] };
  const one = (g: number[], r: number[]) =>
    lossAt(gradedLoss("davidson"), [r], graded([g]), params);
  const rewards = [
    [0, 1],
    [0, 1],
  ];
  const mean = (3 * one([0, 0, 1], [0, 1]) + one([1, 0, 0], [0, 1])) / 4;
  expect(lossAt(gradedLoss("davidson"), rewards, both, params)).toBeCloseTo(mean, 5);
  expect(folded([1, 2, 3, 4, 5])).toEqual([3, 3, 9]);
  expect(folded([1, 2, 3, 4])).toEqual([3, 0, 7]);
});

const choices = (places: number[], use: "best" | "ranking" | "pairs") =>
  choiceFields([{ places, weight: 1 }], places.length, use);
test("best of k is ln k at equal rewards; a ranking is Plackett's product; pairs are their mean", () => {
  const zero = [0, 0, 0, 0];
  expect(lossAt(choiceLoss, [zero], choices([0, 1, 1, 1], "best"))).toBeCloseTo(Math.log(4), 5);
  const r = [0.3, -1, 2, 0.5];
  const at = (i: number, among: number[]) =>
    Math.log(among.reduce((n, j) => n + Math.exp(r[j]!), 0)) - r[i]!;
  const order = at(2, [0, 1, 2, 3]) + at(3, [0, 1, 3]) + at(0, [0, 1]);
  expect(lossAt(choiceLoss, [r], choices([2, 3, 0, 1], "ranking"))).toBeCloseTo(order / 3, 5);
  const pairs = [
    at(2, [2, 3]),
    at(2, [2, 0]),
    at(2, [2, 1]),
    at(3, [3, 0]),
    at(3, [3, 1]),
    at(0, [0, 1]),
  ];
  expect(lossAt(choiceLoss, [r], choices([2, 3, 0, 1], "pairs"))).toBeCloseTo(
    pairs.reduce((a, b) => a + b, 0) / 6,
    5,
  );
});

test("a ranking's likelihoods over all orders make 1, and texts in one place never beat one another", () => {
  const orders = (xs: number[]): number[][] =>
    xs.length ? xs.flatMap((x) => orders(xs.filter((y) => y !== x)).map((o) => [x, ...o])) : [[]];
  const r = [0.3, -1, 2];
  let all = 0;
  for (const order of orders([0, 1, 2])) {
    const places = [0, 1, 2].map((i) => order.indexOf(i));
    all += Math.exp(-2 * lossAt(choiceLoss, [r], choices(places, "ranking")));
  }
  expect(all).toBeCloseTo(1, 4);
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 2, maxLength: 6 }), (places) => {
      for (const use of ["best", "ranking", "pairs"] as const)
        for (const c of choicesOf(places, use))
          for (const i of c.among)
            expect(i === c.winner || places[i]! > places[c.winner]!).toBe(true);
    }),
  );
});
