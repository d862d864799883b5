/** Agreement against published worked examples, to the digits they print; and properties. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import {
  type Agreement,
  agreementBetween,
  agreementWithin,
  pairwiseAgreement,
  type Scale,
} from "./agreement.ts";
import { type Label, labelTable } from "./labels.ts";

/** A table of raters by units; "." is missing. */
const byRater = (rows: readonly string[]): Label[] =>
  rows.flatMap((row, w) =>
    row
      .split(" ")
      .flatMap((label, i) => (label === "." ? [] : [{ task: `${i}`, worker: `${w}`, label }])),
  );
/** A table of subjects by categories, counts of raters. */
const byCounts = (rows: readonly (readonly number[])[]): Label[] =>
  rows.flatMap((row, i) => {
    let w = 0;
    return row.flatMap((n, k) =>
      Array.from({ length: n }, () => ({ task: `${i}`, worker: `${w++}`, label: `${k}` })),
    );
  });
/** A contingency table of two raters. */
const byPairs = (rows: readonly (readonly number[])[]): Label[] => {
  let task = 0;
  return rows.flatMap((row, k) =>
    row.flatMap((n, l) =>
      Array.from({ length: n }, () => task++).flatMap((i) => [
        { task: `${i}`, worker: "A", label: `${k}` },
        { task: `${i}`, worker: "B", label: `${l}` },
      ]),
    ),
  );
};
const quick = { resamples: 20 } as const;
const twoRaters = (rows: Label[]): Agreement =>
  agreementBetween(
    rows,
    (w) => w === "A",
    (w) => w === "B",
    quick,
  );

const krippendorff2011 = byRater([
  "1 2 3 3 2 1 4 1 2 . . .",
  "1 2 3 3 2 2 4 1 2 5 . 3",
  ". 3 3 3 2 3 4 2 2 5 1 .",
  "1 2 3 3 2 4 4 1 2 5 1 .",
]);
test.each([
  ["nominal", 0.743],
  ["ordinal", 0.815],
  ["interval", 0.849],
  ["ratio", 0.797],
] as const)("Krippendorff 2011, section C: %s alpha %f", (scale: Scale, alpha) => {
  const { krippendorff } = agreementWithin(krippendorff2011, { scale, ...quick });
  expect(krippendorff.at.toFixed(3)).toBe(alpha.toFixed(3));
});

test("the same table by Gwet's irrCAC: AC1 0.77544, Fleiss 0.76117", () => {
  const { gwet, fleiss } = agreementWithin(krippendorff2011, quick);
  expect([gwet.at, fleiss.at].map((x) => x.toFixed(5))).toEqual(["0.77544", "0.76117"]);
});

test("raw counts pairs of answers: one of one and two of six make 3/7", () => {
  const { raw, tasks, answers } = agreementWithin(byRater(["1 1", "1 1", ". 2", ". 2"]), quick);
  expect(raw.at).toBeCloseTo(3 / 7, 12);
  expect([tasks, answers]).toEqual([2, 6]);
});

test("Fleiss 1971: 30 patients, six psychiatrists, five diagnoses, kappa 0.430", () => {
  const diagnoses = [
    "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006",
    "10050 11040 03300 10050 02031 00501 30012 51000 02040 10203",
    "00006 01050 02013 20040 10041 05010 40002 02040 10500 00006",
  ].flatMap((line) => line.split(" ").map((row) => row.split("").map(Number)));
  const { fleiss, raw } = agreementWithin(byCounts(diagnoses), quick);
  expect(fleiss.at.toFixed(3)).toBe("0.430");
  expect(raw.at.toFixed(3)).toBe("0.556");
});

test("fourteen raters on ten subjects (the worked table of Fleiss' kappa): 0.210, raw 0.378", () => {
  const { fleiss, raw } = agreementWithin(
    byCounts([
      [0, 0, 0, 0, 14],
      [0, 2, 6, 4, 2],
      [0, 0, 3, 5, 6],
      [0, 3, 9, 2, 0],
      [2, 2, 8, 1, 1],
      [7, 7, 0, 0, 0],
      [3, 2, 6, 3, 0],
      [2, 5, 3, 2, 2],
      [6, 5, 2, 1, 0],
      [0, 2, 2, 3, 7],
    ]),
    quick,
  );
  expect([fleiss.at, raw.at].map((x) => x.toFixed(3))).toEqual(["0.210", "0.378"]);
});

test("Cohen 1960: two diagnosticians, 200 patients, kappa 0.492", () => {
  const { cohen, raw } = twoRaters(
    byPairs([
      [88, 14, 18],
      [10, 40, 10],
      [2, 6, 12],
    ]),
  );
  expect(cohen!.at.toFixed(3)).toBe("0.492");
  expect(raw.at).toBeCloseTo(0.7, 12);
});

test("Gwet 2008: 118, 5, 2, 0: kappa -0.0234 beside AC1 0.9408", () => {
  const { cohen, gwet } = twoRaters(
    byPairs([
      [118, 5],
      [2, 0],
    ]),
  );
  expect([cohen!.at, gwet.at].map((x) => x.toFixed(4))).toEqual(["-0.0234", "0.9408"]);
});

test("two people without gaps: within and between are the same, but for Cohen", () => {
  const rows = byPairs([
    [20, 5],
    [10, 15],
  ]);
  const [one, two] = [agreementWithin(rows, quick), twoRaters(rows)];
  for (const name of ["raw", "fleiss", "krippendorff", "gwet"] as const)
    expect(two[name].at).toBeCloseTo(one[name].at, 12);
  expect(two.cohen!.at).toBeCloseTo(0.4, 12); // 0.7 seen, 0.5 by chance
  expect([two.tasks, two.answers]).toEqual([50, 100]);
});

test("quadratic weights: disagreeing by one step of two costs a quarter", () => {
  const rows = byPairs([
    [0, 8, 0],
    [0, 2, 0],
    [0, 0, 0],
  ]).concat([{ task: "x", worker: "C", label: "2" }]); // the third class exists
  const of = (weights: "identity" | "linear" | "quadratic") =>
    agreementBetween(
      rows,
      (w) => w === "A",
      (w) => w === "B",
      { weights, ...quick },
    ).raw.at;
  expect([of("identity"), of("linear"), of("quadratic")]).toEqual([
    expect.closeTo(0.2, 12),
    expect.closeTo(0.6, 12),
    expect.closeTo(0.8, 12),
  ]);
});

test("the order of answers changes nothing; agreement is at most 1, and 1 when all agree", () => {
  const label = fc.record({
    task: fc.constantFrom("t1", "t2", "t3", "t4", "t5"),
    worker: fc.constantFrom("x", "y", "z"),
    label: fc.constantFrom("1", "2", "3"),
  });
  const table = fc.uniqueArray(label, { minLength: 4, selector: (a) => `${a.task} ${a.worker}` });
  fc.assert(
    fc.property(table, fc.integer(), (rows, seed) => {
      const one = agreementWithin(rows, { scale: "ordinal", ...quick });
      expect(agreementWithin(rng(seed).shuffle(rows), { scale: "ordinal", ...quick })).toEqual(one);
      for (const e of [one.raw, one.fleiss, one.krippendorff, one.gwet])
        if (!Number.isNaN(e.at)) expect(e.at).toBeLessThanOrEqual(1 + 1e-12);
    }),
    { numRuns: 50 },
  );
  const same = ["1", "2", "3"].flatMap((l) =>
    ["x", "y"].map((worker) => ({ task: l, worker, label: l })),
  );
  const { raw, fleiss, krippendorff, gwet } = agreementWithin(same, quick);
  for (const e of [raw, fleiss, krippendorff, gwet]) expect(e.at).toBeCloseTo(1, 12);
});

test("intervals cover the truth about as often as they say", () => {
  // three people who are right with 0.8 on two classes: raw agreement 0.68
  const random = rng(5, "coverage");
  let covered = 0;
  const rounds = 120;
  for (let round = 0; round < rounds; round++) {
    const rows = Array.from({ length: 80 }, (_, i) => {
      const truth = random.int(2);
      return ["x", "y", "z"].map((worker) => ({
        task: `${i}`,
        worker,
        label: `${random.next() < 0.8 ? truth : 1 - truth}`,
      }));
    }).flat();
    const { raw } = agreementWithin(rows, { resamples: 200, seed: round });
    if (raw.low <= 0.68 && raw.high >= 0.68) covered++;
  }
  expect(covered / rounds).toBeGreaterThan(0.88);
});

test("everyone with everyone: who met on how many tasks, and agreed", () => {
  expect(pairwiseAgreement(labelTable(byRater(["1 2 3 .", "1 2 1 1", ". . 3 1"])))).toEqual([
    { first: "0", second: "1", n: 3, agreed: 2 },
    { first: "0", second: "2", n: 1, agreed: 1 },
    { first: "1", second: "2", n: 2, agreed: 1 },
  ]);
});
