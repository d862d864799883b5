/** Agreement against its formulas, written out by loops over people; and where it is undefined. See every-statistic.test.ts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { agreementBetween, agreementWithin, pairwiseAgreement, type Scale } from "./agreement.ts";
import { type Label, labelTable } from "./labels.ts";
import { anySeed, drawn, quick, runs } from "./fixtures/drawn.ts";

type Difference = (a: number, b: number) => number;
/** alpha = 1 - D_o / D_e by pairs of values (Krippendorff 2011), each unit's pairs over m_u - 1 */
function alphaByHand(rows: readonly Label[], difference: Difference): number {
  const units = [...Map.groupBy(rows, (r) => r.task).values()].filter((u) => u.length > 1);
  const all = units.flat().map((r) => Number(r.label));
  let [seen, chance] = [0, 0];
  for (const u of units)
    for (const [i, a] of u.entries())
      for (const [j, b] of u.entries())
        if (i !== j) seen += difference(Number(a.label), Number(b.label)) / (u.length - 1);
  for (const [i, a] of all.entries())
    for (const [j, b] of all.entries()) if (i !== j) chance += difference(a, b);
  const n = all.length;
  return chance ? 1 - seen / n / (chance / (n * (n - 1))) : Number.NaN;
}
function ordinalDifference(rows: readonly Label[]): Difference {
  const several = [...Map.groupBy(rows, (r) => r.task).values()].filter((u) => u.length > 1).flat();
  const count = Map.groupBy(several, (r) => Number(r.label));
  return (a, b) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    if (low === high) return 0;
    let between = 0;
    for (const [v, list] of count) if (v >= low && v <= high) between += list.length;
    return (between - (count.get(low)!.length + count.get(high)!.length) / 2) ** 2;
  };
}
const differences = (rows: readonly Label[]): Record<Scale, Difference> => ({
  nominal: (a, b) => Number(a !== b),
  ordinal: ordinalDifference(rows),
  interval: (a, b) => (a - b) ** 2,
  ratio: (a, b) => (a + b ? ((a - b) / (a + b)) ** 2 : 0),
});
/** Fleiss and AC1 for a varying number of answers (Gwet 2014, 2.2), raw by pairs */
function byHand(rows: readonly Label[]) {
  const labels = [...new Set(rows.map((r) => r.label))];
  const units = [...Map.groupBy(rows, (r) => r.task).values()];
  const several = units.filter((u) => u.length > 1);
  const fraction = (u: readonly Label[], l: string) =>
    u.filter((r) => r.label === l).length / u.length;
  const pa =
    several.reduce(
      (sum, u) =>
        sum +
        labels.reduce(
          (s, l) => s + (fraction(u, l) * (fraction(u, l) * u.length - 1)) / (u.length - 1),
          0,
        ),
      0,
    ) / several.length;
  const pi = labels.map((l) => units.reduce((s, u) => s + fraction(u, l), 0) / units.length);
  const fleiss = pi.reduce((s, p) => s + p * p, 0);
  const ac1 = pi.reduce((s, p) => s + p * (1 - p), 0) / (labels.length - 1);
  let [agreed, all] = [0, 0];
  for (const u of units)
    for (const [i, a] of u.entries())
      for (const b of u.slice(i + 1))
        [agreed, all] = [agreed + Number(a.label === b.label), all + 1];
  return { raw: agreed / all, fleiss: (pa - fleiss) / (1 - fleiss), gwet: (pa - ac1) / (1 - ac1) };
}
/** Cohen 1960 of two people on the tasks both answered */
function cohenByHand(rows: readonly Label[], first: string, second: string): number {
  const of = (w: string) =>
    new Map(rows.filter((r) => r.worker === w).map((r) => [r.task, r.label]));
  const [x, y] = [of(first), of(second)];
  const both = [...x].filter(([t]) => y.has(t)).map(([t, l]) => [l, y.get(t)!] as const);
  const fraction = (f: (p: readonly [string, string]) => boolean) =>
    both.filter(f).length / both.length;
  const labels = new Set(both.flat());
  const pe = [...labels].reduce(
    (s, l) => s + fraction(([a]) => a === l) * fraction(([, b]) => b === l),
    0,
  );
  return (fraction(([a, b]) => a === b) - pe) / (1 - pe);
}

describe("agreement", () => {
  test.each(["nominal", "ordinal", "interval", "ratio"] as const)(
    "%s alpha, Fleiss, AC1 and raw are the formulas'; decimals are ordered as numbers",
    (scale) => {
      fc.assert(
        fc.property(anySeed, (seed) => {
          const rows = drawn(rng(seed, "agreement"), {
            tasks: 9,
            people: 4,
            labels: ["10", "9", "0.5", "1.25", "1.3"],
          });
          const got = agreementWithin(rows, { scale, ...quick });
          expect(got.krippendorff.at).toBeCloseTo(alphaByHand(rows, differences(rows)[scale]), 9);
          const want = byHand(rows);
          for (const key of ["raw", "fleiss", "gwet"] as const)
            expect(got[key].at, key).toBeCloseTo(want[key], 9);
        }),
        runs,
      );
    },
  );
  test("Cohen between two people, and everyone with everyone, are the formulas'", () => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const rows = drawn(rng(seed, "cohen"), { tasks: 14, people: 3, labels: ["x", "y", "z"] });
        const got = agreementBetween(
          rows,
          (w) => w === "w0",
          (w) => w === "w1",
          quick,
        );
        expect(got.cohen!.at).toBeCloseTo(cohenByHand(rows, "w0", "w1"), 9);
        for (const p of pairwiseAgreement(labelTable(rows))) {
          const said = (w: string) =>
            new Map(rows.filter((r) => r.worker === w).map((r) => [r.task, r.label]));
          const [x, y] = [said(p.first), said(p.second)];
          const both = [...x].filter(([t]) => y.has(t));
          expect([p.n, p.agreed]).toEqual([
            both.length,
            both.filter(([t, l]) => y.get(t) === l).length,
          ]);
        }
      }),
      runs,
    );
  });
  test("one label by everybody is undefined, for any number of people; one other label is not", () => {
    for (let people = 2; people <= 15; people++) {
      const rows = Array.from({ length: 7 * people }, (_, i) => ({
        task: `${i % 7}`,
        worker: `${Math.floor(i / 7)}`,
        label: "yes",
      }));
      const all = agreementWithin(rows, quick);
      const two = agreementBetween(
        rows,
        (w) => w === "0",
        (w) => w === "1",
        quick,
      );
      expect(
        [all.fleiss.at, all.krippendorff.at, all.gwet.at, two.cohen!.at, two.fleiss.at].every(
          Number.isNaN,
        ),
        `${people}`,
      ).toBe(true);
      expect(all.raw.at).toBe(1);
      // where another label was possible, AC1 is made for this
      expect(
        agreementWithin(labelTable(rows, { labels: ["no", "yes"] }), quick).gwet.at,
      ).toBeCloseTo(1, 12);
      const other = agreementWithin(rows.with(0, { ...rows[0]!, label: "no" }), quick);
      expect([other.fleiss.at, other.krippendorff.at, other.gwet.at].every(Number.isFinite)).toBe(
        true,
      );
    }
  });
  test("orders and numbers that labels do not have are refused", () => {
    const rows = drawn(rng(1, "refused"), { tasks: 5, people: 3, labels: ["bad", "good", "fair"] });
    expect(() => agreementWithin(rows, { scale: "ordinal" })).toThrow("need labels in order");
    expect(() => agreementWithin(rows, { weights: "linear" })).toThrow("need labels in order");
    expect(() => agreementWithin(rows, { scale: "interval" })).toThrow("needs numbers");
    expect(
      agreementWithin(labelTable(rows, { labels: ["bad", "fair", "good"] }), {
        scale: "ordinal",
        ...quick,
      }).krippendorff.at,
    ).toBeLessThan(1);
    const odd = [
      { task: "1", worker: "a", label: "" },
      { task: "1", worker: "b", label: "3" },
    ];
    expect(() => agreementWithin(odd, { scale: "interval" })).toThrow(
      'the labels are "", "3"'.replace('"", ', "").slice(0, 10),
    );
    expect(() =>
      agreementWithin(drawn(rng(2, "x"), { tasks: 5, people: 3, labels: ["-1", "1"] }), {
        scale: "ratio",
      }),
    ).toThrow("from 0 up, but one is -1");
  });
  test('"1", "1.0" and "01" are one place in an order', () => {
    const rows = drawn(rng(3, "spelled"), { tasks: 12, people: 4, labels: ["1", "2", "5"] });
    const spelled = rows.map((r, i) =>
      r.label === "1" ? { ...r, label: ["1", "1.0", "01"][i % 3]! } : r,
    );
    for (const scale of ["ordinal", "interval", "ratio"] as const)
      expect(agreementWithin(spelled, { scale, ...quick }).krippendorff.at).toBeCloseTo(
        agreementWithin(rows, { scale, ...quick }).krippendorff.at,
        12,
      );
  });
});
