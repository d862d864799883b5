/** Accuracy with effects, beside posteriors integrated without Laplace and without Schur, and on simulated judges. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { accuracyEffects, logisticNormal, type Trial } from "./accuracy-effects.ts";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const range = (from: number, to: number, n: number) =>
  Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));

test("one effect: as the posterior by brute force has it", () => {
  const rights = [8, 8, 7, 5, 3, 6, 8, 4, 7, 2]; // of 8 each
  const trials = rights.flatMap((k, j) =>
    Array.from({ length: 8 }, (_, i): Trial => {
      const name = `q${8 * j + i}`;
      return { question: name, transcript: name, judge: `j${j}`, right: i < k };
    }),
  );
  const [mus, sds, zs] = [range(-2, 4, 61), range(0.025, 4, 61), range(-5, 5, 61)];
  const cells = mus.flatMap((mu) =>
    sds.map((sd) => {
      let log = -(mu ** 2) / 8 - sd ** 2 / 2; // the priors
      for (const k of rights) {
        // given both, judges are independent: one integral each
        let [sum, all] = [0, 0];
        for (const z of zs) {
          const w = Math.exp((-z * z) / 2);
          const p = sigmoid(mu + sd * z);
          sum += w * p ** k * (1 - p) ** (8 - k);
          all += w;
        }
        log += Math.log(sum / all);
      }
      return { mu, sd, log };
    }),
  );
  const top = Math.max(...cells.map((c) => c.log));
  const total = cells.reduce((s, c) => s + Math.exp(c.log - top), 0);
  const expected = (f: (c: (typeof cells)[number]) => number) =>
    cells.reduce((s, c) => s + Math.exp(c.log - top) * f(c), 0) / total;
  const found = accuracyEffects(trials);
  expect(found.effects.map((e) => e.effect)).toEqual(["judge"]);
  expect(found.leftOut.map((l) => l.effect)).toEqual(["question", "transcript"]);
  expect(found.accuracy.at).toBeCloseTo(
    expected((c) => logisticNormal(c.mu, c.sd)),
    1.7,
  );
  expect(Math.abs(found.effects[0]!.sd.at - expected((c) => c.sd))).toBeLessThan(0.06);
  const below = (x: number) => expected((c) => Number(logisticNormal(c.mu, c.sd) < x));
  expect(below(found.accuracy.low)).toBeLessThan(0.05);
  expect(below(found.accuracy.low)).toBeGreaterThan(0.008);
  expect(below(found.accuracy.high)).toBeGreaterThan(0.95);
  expect(below(found.accuracy.high)).toBeLessThan(0.992);
  // a judge with 2 of 8 is drawn to the others
  const worst = found.effects[0]!.levels[9]!;
  expect(worst.at).toBeGreaterThan(0.25);
  expect(worst.at).toBeLessThan(found.accuracy.at);
});

test("two crossed effects of log-odds: as the dense normal marginal has it", () => {
  const random = rng(3, "dense");
  const [qs, js] = [range(-1, 1, 5), range(-0.8, 0.8, 4)];
  const trials = qs.flatMap((q, qi) =>
    js.map((j, ji): Trial => {
      const logOdds = 0.5 + q + j + 0.5 * random.normal();
      return { question: `${qi}`, transcript: "t", judge: `${ji}`, right: logOdds > 0, logOdds };
    }),
  );
  const y = trials.map((t) => t.logOdds!);
  const n = y.length;
  /** log N(y; 0, V) by elimination, V the covariance with mean and both effects integrated out */
  const marginal = (sq: number, sj: number, r: number) => {
    const V = trials.map((a, i) => [
      ...trials.map(
        (b, k) =>
          4 +
          Number(a.question === b.question) * sq ** 2 +
          Number(a.judge === b.judge) * sj ** 2 +
          Number(i === k) * r ** 2,
      ),
      y[i]!,
    ]);
    let [logDet, square] = [0, 0];
    for (let c = 0; c < n; c++) {
      logDet += Math.log(V[c]![c]!);
      square += V[c]![n]! ** 2 / V[c]![c]!;
      for (let i = c + 1; i < n; i++) {
        const by = V[i]![c]! / V[c]![c]!;
        for (let k = c; k <= n; k++) V[i]![k]! -= by * V[c]![k]!;
      }
    }
    return -(logDet + square) / 2 - (sq ** 2 + sj ** 2 + r ** 2) / 2;
  };
  const axis = range(0.05, 2.45, 13);
  const cells = axis.flatMap((sq) =>
    axis.flatMap((sj) => range(0.2, 1.2, 11).map((r) => ({ sq, sj, r, log: marginal(sq, sj, r) }))),
  );
  const top = Math.max(...cells.map((c) => c.log));
  const total = cells.reduce((s, c) => s + Math.exp(c.log - top), 0);
  const expected = (key: "sq" | "sj" | "r") =>
    cells.reduce((s, c) => s + Math.exp(c.log - top) * c[key], 0) / total;
  const found = accuracyEffects(trials, { of: "logOdds" });
  const [question, judge] = found.effects;
  expect([question!.effect, judge!.effect]).toEqual(["question", "judge"]);
  expect(found.leftOut[0]!.why).toBe("each question has one");
  expect(Math.abs(question!.sd.at - expected("sq"))).toBeLessThan(0.1);
  expect(Math.abs(judge!.sd.at - expected("sj"))).toBeLessThan(0.1);
  expect(Math.abs(found.residual!.at - expected("r"))).toBeLessThan(0.03);
});

test("simulated judges: the accuracy lies in its interval, and the spreads are found", () => {
  const truth = logisticNormal(1, Math.hypot(0.7, 0.4, 0.6));
  let [inside, width] = [0, 0];
  const sds: number[][] = [];
  for (let seed = 1; seed <= 5; seed++) {
    const random = rng(seed, "simulated judges");
    const judges = Array.from({ length: 10 }, () => 0.6 * random.normal());
    const trials = Array.from({ length: 12 }, (_, q) => {
      const question = 0.7 * random.normal();
      return [0, 1].flatMap((t) => {
        const transcript = 0.4 * random.normal();
        return judges.map((judge, j): Trial => {
          const right = random.next() < sigmoid(1 + question + transcript + judge);
          return { question: `${q}`, transcript: `${t}`, judge: `${j}`, right };
        });
      });
    }).flat();
    const { accuracy, effects } = accuracyEffects(trials, { seed });
    inside += Number(accuracy.low < truth && truth < accuracy.high);
    width += accuracy.high - accuracy.low;
    sds.push(effects.map((e) => e.sd.at));
  }
  expect(inside).toBeGreaterThanOrEqual(4);
  expect(width / 5).toBeLessThan(0.4);
  const mean = (k: number) => sds.reduce((s, x) => s + x[k]!, 0) / sds.length;
  expect(Math.abs(mean(0) - 0.7)).toBeLessThan(0.3);
  expect(Math.abs(mean(1) - 0.4)).toBeLessThan(0.3);
  expect(Math.abs(mean(2) - 0.6)).toBeLessThan(0.3);
});

test("what rows cannot tell apart is left out by name", () => {
  const one = (i: number): Trial => ({
    question: `${i}`,
    transcript: "t",
    judge: "j",
    right: i < 6,
  });
  const found = accuracyEffects(Array.from({ length: 8 }, (_, i) => one(i)));
  expect(found.effects).toEqual([]);
  expect(found.leftOut.map((l) => l.effect)).toEqual(["question", "transcript", "judge"]);
  expect(found.accuracy).toMatchObject({ at: 0.75, n: 8 });
});
