/** The formulas against published numbers (torchtune's, TRL's and Huang et al.'s tests) and by enumeration. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { wilson } from "@tiller/schema";
import {
  adaptiveKl,
  bestOfN,
  distinctN,
  gae,
  k1,
  k3,
  klBestOfN,
  maskedMean,
  maskedVar,
  whiten,
} from "./formulas.ts";

const near = (got: ArrayLike<number>, want: readonly number[], digits = 5) => {
  expect(got.length).toBe(want.length);
  want.forEach((w, i) => expect(got[i]).toBeCloseTo(w, digits));
};

test("masked mean and variance; an empty mask gives 0", () => {
  expect(maskedMean([1, 2, 3], [1, 1, 1])).toBe(2);
  expect(maskedMean([1, 2, 3, 4], [0, 1, 1, 0])).toBe(2.5);
  expect(maskedVar([1, 2, 3, 4], [0, 1, 1, 0])).toBe(0.25);
  expect(maskedMean([1, 2], [0, 0])).toBe(0);
});

test("whitening keeps or removes the mean (Huang et al., 3 x 3, biased variance)", () => {
  const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9).map((v) => v / 2.5); // mean 2
  const ones = new Float32Array(9).fill(1);
  near(
    whiten(x, ones, { shiftMean: false }),
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((v) => 2 + (v - 5) / Math.sqrt(60 / 9)),
  );
  const published = [0.0508, 0.4381, 0.8254, 1.2127, 1.6, 1.9873, 2.3746, 2.7619, 3.1492];
  near(
    whiten([1, 2, 3, 4, 5, 6, 7, 8, 9], ones),
    published.map((v) => v - 1.6),
    4,
  );
  near(whiten([1, 9, 9, 3], [1, 0, 0, 1]), [-1, 0, 0, 1]);
});

test("advantages: by hand, torchtune's returns, and padding that changes nothing", () => {
  const o = { gamma: 1, lambda: 0.95 };
  const row = gae([0, 0, 1], [0.2, 0.4, 0.6], [1, 1, 1], o);
  near(row.advantages, [0.751, 0.58, 0.4]);
  near(row.returns, [0.951, 0.98, 1]);
  const [g, l] = [0.9, 0.95];
  near(gae([0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1], { gamma: g, lambda: l }).returns, [
    g ** 3 * l ** 3,
    (g * l) ** 2,
    g * l,
    1,
  ]);
  near(
    gae([0, 0, 1, 7, 7], [0.2, 0.4, 0.6, 7, 7], [1, 1, 1, 0, 0], o).advantages,
    [0.751, 0.58, 0.4, 0, 0],
  );
});

test("advantages agree with the definition: the sum of (gamma lambda)^k delta_{t+k}", () => {
  const numbers = fc.array(
    fc.tuple(
      fc.double({ min: -5, max: 5, noNaN: true }),
      fc.double({ min: -5, max: 5, noNaN: true }),
    ),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(
      numbers,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (rows, gamma, lambda) => {
        const [r, v] = [rows.map((x) => x[0]), rows.map((x) => x[1])];
        const delta = r.map((x, t) => x + gamma * (v[t + 1] ?? 0) - v[t]);
        const want = delta.map((_, t) =>
          delta.slice(t).reduce((sum, d, k) => sum + (gamma * lambda) ** k * d, 0),
        );
        near(
          gae(
            r,
            v,
            r.map(() => 1),
            { gamma, lambda },
          ).advantages,
          want,
          4,
        );
      },
    ),
  );
});

test("KL estimators (TRL's old kl_penalty test)", () => {
  const [p, q] = [
    [0.5, 0.2, 0.1, 0.6, 0.2, 0.1],
    [0.4, 0.3, 0, 0.7, 0.1, 0.3],
  ];
  near(
    p.map((x, i) => k1(x, q[i])),
    [0.1, -0.1, 0.1, -0.1, 0.1, -0.2],
  );
  near(
    p.map((x, i) => k3(x, q[i])),
    [0.004837, 0.005171, 0.004837, 0.005171, 0.004837, 0.021403],
  );
});

test("the adaptive coefficient: clipped both ways, small errors in proportion", () => {
  const beta = (kl: number) => adaptiveKl(0.15, { kl, target: 6, steps: 512, horizon: 10_000 });
  near([beta(12), beta(3), beta(6.3), beta(6)], [0.151536, 0.148464, 0.150384, 0.15], 8);
});

test("KL of best-of-n", () => {
  near(
    [1, 2, 4, 8, 16, 64, 256, 1000, 60_000].map(klBestOfN),
    [0, 0.1931, 0.6363, 1.2044, 1.8351, 3.1745, 4.5491, 5.9088, 10.0021],
    4,
  );
});

test("best of n equals the mean over all subsets", () => {
  const [proxy, gold] = [
    [0.3, -1, 2, 0.7, 1.1],
    [5, 1, -2, 4, 3],
  ];
  const subsets = (n: number, from = 0): number[][] =>
    n === 0
      ? [[]]
      : proxy
          .slice(from)
          .flatMap((_, i) => subsets(n - 1, from + i + 1).map((s) => [from + i, ...s]));
  for (const n of [1, 2, 3, 4, 5]) {
    const best = subsets(n).map((s) => gold[s.reduce((a, b) => (proxy[b] > proxy[a] ? b : a))]);
    expect(bestOfN(proxy, gold, n)).toBeCloseTo(best.reduce((a, b) => a + b, 0) / best.length, 9);
  }
  const many = Array.from({ length: 2000 }, (_, i) => i / 2000);
  expect(bestOfN(many, many, 4)).toBeCloseTo((4 * 2001) / 5 / 2000 - 1 / 2000, 6); // E[max of n of 1..N] = n (N + 1) / (n + 1)
  expect(() => bestOfN([1], [1], 2)).toThrow(/best of 2 from 1 samples/);
});

test("distinct n-grams", () => {
  expect(distinctN([[1, 2, 1, 2]], 1)).toBe(0.5);
  expect(distinctN([[1, 2, 1, 2]], 2)).toBeCloseTo(2 / 3);
  expect(distinctN([[1], []], 2)).toBe(0);
});

test("Wilson's interval", () => {
  const { low, high } = wilson(8, 10);
  near([low, high], [0.4902, 0.9433], 4);
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  expect(wilson(10, 10).high).toBeCloseTo(1, 12);
});
