/** Numbers, comparisons, fractions and functions against formulas and scipy. See every-statistic.test.ts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { logGamma, rng, type Rng, wilson } from "@tiller/schema";
import {
  betaInterval,
  betaQuantile,
  bootstrap,
  clopperPearson,
  exactFraction,
  incompleteBeta,
  median,
  quantile,
} from "./statistics.ts";
import { bradleyTerry, type Compared } from "./bradley-terry.ts";
import { scoreIntervals } from "./bradley-terry-intervals.ts";
import { biasOf } from "./calibration.ts";
import { comparePairModels } from "./compare-models.ts";
import { heldOutDensity, type NumberAnswer, numberMethods, scoreNumbers } from "./numbers.ts";
import { correlation } from "./screening.ts";
import { digamma } from "./mace.ts";
import { anySeed } from "./fixtures/drawn.ts";

/** Tasks with a true number; people with a bias and a spread each. */
function numbers(
  random: Rng,
  o: { tasks: number; bias: readonly number[]; spread: readonly number[] },
) {
  const truth = new Map(
    Array.from({ length: o.tasks }, (_, i) => [`t${i}`, 50 + 15 * random.normal()]),
  );
  const rows = [...truth].flatMap(([task, at]) =>
    o.bias.map((b, w): NumberAnswer => ({
      task,
      worker: `w${w}`,
      value: at + b + o.spread[w]! * random.normal(),
    })),
  );
  return { truth, rows };
}
const best = (rows: readonly NumberAnswer[]) =>
  Object.keys(numberMethods).reduce((a, b) =>
    heldOutDensity(b, rows) < heldOutDensity(a, rows) ? b : a,
  );
const mae = (
  name: string,
  d: { rows: readonly NumberAnswer[]; truth: ReadonlyMap<string, number> },
) => scoreNumbers(numberMethods[name]!.infer(d.rows), d.truth).mae;

test("means and medians of each task, and their score, are the plain ones", () => {
  const { rows, truth } = numbers(rng(1, "plain"), {
    tasks: 12,
    bias: [0, 1, -2, 3],
    spread: [1, 2, 1, 4],
  });
  const of = {
    mean: (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length,
    median: (xs: number[]) => {
      const s = xs.toSorted((a, b) => a - b);
      return (s[1]! + s[2]!) / 2;
    },
  };
  for (const name of ["mean", "median"] as const) {
    const { tasks } = numberMethods[name]!.infer(rows);
    const gaps = [...truth].map(([task, at]) => {
      const want = of[name](rows.filter((r) => r.task === task).map((r) => r.value));
      expect(tasks.get(task)!.value).toBeCloseTo(want, 9);
      return want - at;
    });
    const score = scoreNumbers({ tasks, workers: new Map(), converged: true }, truth);
    expect(score.mae).toBeCloseTo(of.mean(gaps.map(Math.abs)), 9);
    expect(score.rmse).toBeCloseTo(Math.sqrt(of.mean(gaps.map((g) => g * g))), 9);
  }
});
test.each([1, 2, 3, 4])(
  "one person in another unit, or with a large bias: the one recommended is at least as near as the median; seed %i",
  (seed) => {
    const random = rng(seed, "units");
    const honest = numbers(random, {
      tasks: 40,
      bias: [0, 0.5, -0.5, 0, 0.3],
      spread: [2, 2, 3, 1.5, 2],
    });
    for (const factor of [10, 0.1, -1, 1000, 2.54]) {
      const rows = honest.rows.map((r) =>
        r.worker === "w4" ? { ...r, value: factor * r.value } : r,
      );
      const d = { rows, truth: honest.truth };
      const name = best(rows);
      expect(name, `times ${factor}`).not.toBe("mean");
      expect(mae(name, d), `${name}, times ${factor}`).toBeLessThan(1.1 * mae("median", d));
      const { workers } = numberMethods["weighted"]!.infer(rows);
      for (const w of ["w0", "w1", "w2", "w3"]) expect(workers.get(w)!.spread).toBeLessThan(6);
    }
    const biased = numbers(random, {
      tasks: 60,
      bias: [0, 0, 25, -20, 0],
      spread: [2, 2, 2, 2, 2],
    });
    expect(best(biased.rows)).toBe("weighted");
    expect(mae("weighted", biased)).toBeLessThan(mae("median", biased));
    // a slip of the keyboard here and there
    const slips = honest.rows.map((r, i) => (i % 37 === 5 ? { ...r, value: 100 * r.value } : r));
    const d = { rows: slips, truth: honest.truth };
    expect(mae(best(slips), d)).toBeLessThan(1.5 * mae("median", d));
  },
);
test("numbers: order, names, a row twice, and the unit (a x + b) change nothing", () => {
  fc.assert(
    fc.property(
      anySeed,
      fc.constantFrom(0.001, 2.5, -3, 1000),
      fc.constantFrom(0, -40, 1e3),
      (seed, a, b) => {
        const random = rng(seed, "affine");
        const { rows } = numbers(random, { tasks: 15, bias: [0, 4, -3], spread: [1, 2, 5] });
        const moved = rows.map((r) => ({ ...r, value: a * r.value + b }));
        for (const name of Object.keys(numberMethods)) {
          const was = numberMethods[name]!.infer(rows);
          const now = numberMethods[name]!.infer(moved);
          const shuffled = numberMethods[name]!.infer(random.shuffle(rows));
          const twice = numberMethods[name]!.infer([...rows, rows[3]!, rows[4]!]);
          for (const [task, x] of was.tasks) {
            expect((now.tasks.get(task)!.value - b) / a, `${name} ${a} ${b}`).toBeCloseTo(
              x.value,
              4,
            );
            expect(now.tasks.get(task)!.sd / Math.abs(a)).toBeCloseTo(x.sd, 4);
            expect(shuffled.tasks.get(task)).toEqual(x);
            expect(twice.tasks.get(task)).toEqual(x);
          }
          expect(heldOutDensity(name, random.shuffle(rows))).toBe(heldOutDensity(name, rows));
          // in another unit a density is another by the factor, for every method alike
          expect(heldOutDensity(name, moved) - Math.log(Math.abs(a))).toBeCloseTo(
            heldOutDensity(name, rows),
            3,
          );
        }
      },
    ),
    { numRuns: 12 },
  );
});
test("everybody says the same number; one person; one task; not a number", () => {
  const same = numbers(rng(2, "same"), { tasks: 5, bias: [0, 0, 0], spread: [0, 0, 0] }).rows;
  for (const name of Object.keys(numberMethods)) {
    for (const rows of [
      same,
      same.slice(0, 3),
      same.filter((r) => r.worker === "w0"),
      same.slice(0, 1),
    ]) {
      const { tasks } = numberMethods[name]!.infer(rows);
      for (const r of rows) expect(tasks.get(r.task)!.value).toBeCloseTo(r.value, 6);
      expect(Number.isNaN(heldOutDensity(name, rows))).toBe(rows.length === 1);
    }
    expect(() =>
      numberMethods[name]!.infer([{ task: "t", worker: "w", value: Number.NaN }]),
    ).toThrow("w says NaN to t");
  }
});

// ---- comparisons ----
const compared = (text: string): Compared[] =>
  text.split(" ").flatMap((s) => {
    const [, a, b, choice, n] = /^(\w)(\w):(a|b|tie)(\d+)$/.exec(s)!;
    return Array.from({ length: Number(n) }, () => ({
      rater: "r",
      a: a!,
      b: b!,
      choice: choice as Compared["choice"],
    }));
  });
const judgments = compared("xy:b7 xy:a3 yz:b5 yz:tie2 zx:a4 zw:b6 zw:a1 wx:tie1 pq:a3 pq:b1");

test("Bradley-Terry with Davidson's ties: scipy's BFGS on the written-out posterior; each group's level is 0", () => {
  const fit = bradleyTerry(judgments, { raters: false });
  expect(fit.converged).toBe(true);
  // scipy.optimize.minimize(-log posterior, method="BFGS", gtol=1e-9), spread 1.5
  const want = {
    p: 0.4691254,
    q: -0.4691254,
    w: 1.5123,
    x: -1.3969703,
    y: -0.6766846,
    z: 0.5613561,
  };
  for (const [item, s] of Object.entries(want)) expect(fit.score.get(item)).toBeCloseTo(s, 5);
  expect(fit.nu).toBeCloseTo(0.23459593, 6);
  for (const group of ["wxyz", "pq"])
    expect(group.split("").reduce((sum, i) => sum + fit.score.get(i)!, 0)).toBeCloseTo(0, 9);
});
test("Bradley-Terry: what is not reached is said; a level does not drift, however flat the prior", () => {
  expect(bradleyTerry(judgments, { iterations: 1 }).converged).toBe(false);
  const flat = bradleyTerry(compared("xy:b3 xy:a1 yz:b2 yz:a1 zx:a2 zx:b1"), {
    raters: false,
    spread: 1e4,
  });
  expect(flat.converged).toBe(true);
  expect([...flat.score.values()].reduce((a, b) => a + b)).toBeCloseTo(0, 9);
});
test("intervals of scores: the inverse of the information on the group's centred scores, by Gauss-Jordan", () => {
  const rows = compared("xy:b7 xy:a3 yz:b5 zx:a4 zx:b2");
  const fit = bradleyTerry(rows, { raters: false });
  const items = ["x", "y", "z"];
  const m = items.map((_, i) => items.map((__, j) => (i === j ? 1 / 1.5 ** 2 : 0)));
  for (const r of rows) {
    const p = 1 / (1 + Math.exp(fit.score.get(r.a)! - fit.score.get(r.b)!));
    const [a, b] = [items.indexOf(r.a), items.indexOf(r.b)];
    for (const [i, j, sign] of [
      [a, a, 1],
      [b, b, 1],
      [a, b, -1],
      [b, a, -1],
    ] as const)
      m[i]![j]! += sign * p * (1 - p);
  }
  const wide = m.map((row, i) => [...row, ...items.map((_, j) => Number(i === j))]);
  for (let c = 0; c < 3; c++) {
    const lead = wide[c]![c]!;
    wide[c] = wide[c]!.map((v) => v / lead);
    for (let r = 0; r < 3; r++)
      if (r !== c) {
        const f = wide[r]![c]!;
        wide[r] = wide[r]!.map((v, k) => v - f * wide[c]![k]!);
      }
  }
  const inverse = wide.map((row) => row.slice(3));
  const centred = (i: number) => {
    const weight = (j: number) => Number(i === j) - 1 / 3;
    return Math.sqrt(
      items.reduce(
        (s, _, j) => s + items.reduce((t, __, k) => t + weight(j) * weight(k) * inverse[j]![k]!, 0),
        0,
      ),
    );
  };
  const got = scoreIntervals(rows, fit);
  items.forEach((item, i) => expect(got.get(item)!.sd).toBeCloseTo(centred(i), 6));
});
test("comparisons: order, names and sides change nothing, in the scores or in what is recommended", () => {
  fc.assert(
    fc.property(anySeed, (seed) => {
      const random = rng(seed, "compared");
      const rows = Array.from({ length: 60 }, (): Compared => {
        const [i, j] = random.shuffle([0, 1, 2, 3, 4]) as [number, number];
        const u = random.next();
        return {
          rater: `r${random.int(3)}`,
          a: `i${i}`,
          b: `i${j}`,
          choice: u < 0.15 ? "tie" : u < (i < j ? 0.8 : 0.3) ? "a" : "b",
        };
      });
      const was = bradleyTerry(rows);
      const turned = rows.map((r) => ({
        ...r,
        a: r.b,
        b: r.a,
        choice: ({ a: "b", b: "a", tie: "tie" } as const)[r.choice],
      }));
      const renamed = rows.map((r) => ({
        ...r,
        rater: `z${r.rater}`,
        a: `${9 - Number(r.a[1])}k`,
        b: `${9 - Number(r.b[1])}k`,
      }));
      for (const [other, back] of [
        [random.shuffle(rows), (k: string) => k],
        [turned, (k: string) => k],
        [renamed, (k: string) => `i${9 - Number(k[0])}`],
      ] as const)
        for (const [item, s] of bradleyTerry(other).score)
          expect(Math.abs(s - was.score.get(back(item))!)).toBeLessThan(1e-4);
      const score = (rs: readonly Compared[]) =>
        comparePairModels(rs, { names: ["majority", "bradley-terry"], folds: 3 });
      expect(score(random.shuffle(rows))).toEqual(score(rows));
    }),
    { numRuns: 6 },
  );
});

// ---- fractions, intervals, functions ----
test("functions and intervals: scipy's", () => {
  // scipy.special.gammaln, digamma
  [0.5723649429247, 0, 7.0521854507385395, 1409.2020674704117].forEach((v, i) =>
    expect(logGamma([0.5, 1, 7.25, 300][i]!)).toBeCloseTo(v, 9),
  );
  [-1.9635100260214235, -0.5772156649015329, 1.9104535268837362, 5.702114882064637].forEach(
    (v, i) => expect(digamma([0.5, 1, 7.25, 300][i]!)).toBeCloseTo(v, 7),
  );
  // scipy.special.betainc(a, b, x)
  expect(incompleteBeta(0.3, 0.5, 2.5)).toBeCloseTo(0.7968893362799453, 10);
  expect(incompleteBeta(0.9, 40, 3)).toBeCloseTo(0.19510765482693676, 10);
  expect(incompleteBeta(0.02, 2, 300)).toBeCloseTo(0.9836724603243401, 10);
  // scipy.stats.beta.ppf(p, a, b)
  expect(betaQuantile(0.025, 4, 2)).toBeCloseTo(0.2835820638819105, 10);
  expect(betaInterval(12.5, 1.5).high).toBeCloseTo(0.9915703416877861, 10);
  // scipy.stats.binomtest(k, n).proportion_ci("exact"); "wilson" has 1.95996 where ours has 1.96
  expect(clopperPearson(3, 17).low).toBeCloseTo(0.03798506807045371, 10);
  expect(exactFraction(50, 60).high).toBeCloseTo(0.9170711898409363, 7);
  expect(wilson(3, 17).low).toBeCloseTo(0.061911266376209945, 4);
  expect(wilson(50, 60).high).toBeCloseTo(0.9068682302080855, 4);
  // numpy.quantile, numpy.median
  const x = Float64Array.from([2.5, 1, 9, 4, 4, 7.5, 3]).sort();
  [1.9, 2.75, 4, 7.43].forEach((v, i) =>
    expect(quantile(x, [0.1, 0.25, 0.5, 0.83][i]!)).toBeCloseTo(v, 12),
  );
  expect(median(x)).toBe(4);
  // scipy.stats.pearsonr
  const pairs = [
    [0.2, 0.3],
    [0.9, 0.8],
    [0.5, 0.65],
    [0.7, 0.6],
    [0.4, 0.35],
    [0.95, 0.9],
  ] as const;
  expect(correlation(pairs).at).toBeCloseTo(0.940389459307889, 12);
  expect(correlation(pairs.map(([u, v]) => [3 - 2 * u, 10 * v] as const)).at).toBeCloseTo(
    -0.940389459307889,
    12,
  );
  expect(correlation([0.1, 0.7, 0.3].map((v) => [0.1, v] as const)).at).toBeNaN(); // 0.1 three times is no spread
});
test("the bootstrap's intervals are quantiles of the statistic on its own draws", () => {
  const c = {
    cells: 1,
    start: Int32Array.of(0, 1, 2, 3),
    cell: Int32Array.of(0, 0, 0),
    amount: Float64Array.of(1, 5, 12),
  };
  const [e] = bootstrap(c, [([sum]) => sum! / 3], { seed: 9, resamples: 50 });
  const random = rng(9, "bootstrap");
  const draws = Array.from(
    { length: 50 },
    () => [0, 0, 0].reduce((s) => s + c.amount[random.int(3)]!, 0) / 3,
  ).toSorted((a, b) => a - b);
  expect([e.at, e.low, e.high]).toEqual([6, quantile(draws, 0.025), quantile(draws, 0.975)]);
});
test("the pull of sides and of length are the plain fractions", () => {
  const random = rng(8, "sides");
  const rows = Array.from({ length: 40 }, (_, i) => ({
    task: `${i}`,
    choice: random.choose(["a", "b", "tie"] as const),
    swap: random.next() < 0.5,
    longer: random.int(5) - 2,
  }));
  const decided = rows.filter((r) => r.choice !== "tie");
  const bias = biasOf(rows);
  expect(bias.left.at).toBeCloseTo(
    decided.filter((r) => (r.choice === "b") === r.swap).length / decided.length,
    12,
  );
  const unequal = decided.filter((r) => r.longer);
  expect(bias.longer.at).toBeCloseTo(
    unequal.filter((r) => r.choice === (r.longer > 0 ? "b" : "a")).length / unequal.length,
    12,
  );
  expect(bias.ties.at).toBeCloseTo(1 - decided.length / rows.length, 12);
});
