/** Scores from comparisons: closed forms, what was put in comes out, and real judgments. */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { rng } from "@tiller/schema";
import { bradleyTerry, type Compared, outcomes } from "./bradley-terry.ts";
import { comparePairModels } from "./compare-models.ts";

const wins = (b: number, a: number, tie = 0): Compared[] => [
  ...Array.from({ length: b }, (): Compared => ({ rater: "r", a: "x", b: "y", choice: "b" })),
  ...Array.from({ length: a }, (): Compared => ({ rater: "r", a: "x", b: "y", choice: "a" })),
  ...Array.from({ length: tie }, (): Compared => ({ rater: "r", a: "x", b: "y", choice: "tie" })),
];
const plain = { raters: false, spread: 1e6 } as const;

test("two items: the maximum is the log of the odds, ties take their part", () => {
  const { score, nu, predict } = bradleyTerry(wins(30, 10, 20), plain);
  expect(score.get("y")! - score.get("x")!).toBeCloseTo(Math.log(3), 3);
  // of 60: 30, 10 and 20. nu = P(tie) / sqrt(P(a) P(b))
  expect(nu).toBeCloseTo(20 / Math.sqrt(300), 3);
  const p = predict({ rater: "r", a: "x", b: "y" });
  expect([p.b, p.a, p.tie].map((v) => v.toFixed(3))).toEqual(["0.500", "0.167", "0.333"]);
});

test("outcomes are a distribution and mirror with the sides, however far apart", () => {
  fc.assert(
    fc.property(
      fc.double({ min: -2000, max: 2000, noNaN: true }),
      fc.double({ min: 0, max: 5, noNaN: true }),
      (d, nu) => {
        const [p, q] = [outcomes(d, nu), outcomes(-d, nu)];
        expect(p.a + p.b + p.tie).toBeCloseTo(1, 9);
        expect(p.a).toBeCloseTo(q.b, 9);
      },
    ),
  );
});

test("swapping a and b everywhere leaves the scores", () => {
  const rows = [...wins(5, 2, 1), { rater: "s", a: "y", b: "z", choice: "a" } as const];
  const mirrored = rows.map((r) => ({
    ...r,
    a: r.b,
    b: r.a,
    choice: ({ a: "b", b: "a", tie: "tie" } as const)[r.choice],
  }));
  const [p, q] = [bradleyTerry(rows).score, bradleyTerry(mirrored).score];
  for (const [item, s] of p) expect(q.get(item)).toBeCloseTo(s, 6);
});

test("people of known sharpness, a known pull of the left and of length are found again", () => {
  const random = rng(11, "bt");
  const truth = Array.from({ length: 40 }, () => random.normal() * 1.5);
  const lengths = truth.map(() => random.normal());
  const sharp = [0.1, 0.5, 1, 1, 1, 1.5, 2];
  const rows = Array.from({ length: 12_000 }, (): Compared => {
    const [i, j, w] = [40, 40, 7].map((n) => Math.floor(random.next() * n)) as [
      number,
      number,
      number,
    ];
    const swap = random.next() < 0.5;
    const longer = lengths[j]! - lengths[i]!;
    const d = sharp[w]! * (truth[j]! - truth[i]!) + 0.4 * (swap ? 1 : -1) + 0.3 * longer;
    const p = outcomes(d, 0.6);
    const u = random.next();
    const choice = u < p.a ? "a" : u < p.a + p.b ? "b" : "tie";
    return { rater: `w${w}`, a: `i${i}`, b: `i${j}`, choice, swap, longer };
  }).filter((r) => r.a !== r.b);
  const fit = bradleyTerry(rows, { side: true, length: true });
  expect(fit.left).toBeCloseTo(0.4, 1);
  expect(fit.length).toBeCloseTo(0.3, 1);
  expect(fit.nu).toBeCloseTo(0.6, 1);
  // the scale of scores is only pinned down by the prior, so people are compared by ratio
  const of = (w: number) => fit.sharpness.get(`w${w}`)!;
  expect(of(0) / of(3)).toBeLessThan(0.25);
  expect(of(6) / of(3)).toBeGreaterThan(1.6);
  expect(of(6) / of(3)).toBeLessThan(2.4);
});

const Row = z.object({
  a: z.string(),
  b: z.string(),
  worker: z.string(),
  choice: z.enum(["a1", "a2", "equal"]),
});
const file = new URL(
  "../../../shared/data/convincing-arguments/judgments.jsonl.gz",
  import.meta.url,
);
describe.skipIf(!existsSync(file))("UKPConvArg1 (skipped where the data is absent)", () => {
  test("knowing people predicts judgments better than plain Bradley-Terry, and that better than votes", () => {
    const rows = gunzipSync(readFileSync(file))
      .toString()
      .trim()
      .split("\n")
      .map((line): Compared => {
        const r = Row.parse(JSON.parse(line));
        const choice = ({ a1: "a", a2: "b", equal: "tie" } as const)[r.choice];
        return { rater: r.worker, a: r.a, b: r.b, choice };
      });
    const scores = comparePairModels(rows, {
      names: ["bradley-terry", "majority", "noisy"],
      folds: 3,
    });
    const of = (name: string) => scores.find((s) => s.name === name)!;
    expect(of("majority").low).toBeGreaterThan(0);
    expect(of("noisy").high).toBeLessThan(0);
  }, 60_000);
});
