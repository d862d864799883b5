/**
 * Inputs that users of other statistics packages reported as wrong, with what is right: worked out from the definitions,
 * or as the report or the publication behind it says.
 */
import { describe, expect, test } from "vitest";
import { agreementWithin } from "./agreement.ts";
import { type Label, labelTable } from "./labels.ts";
import { chooseMethod } from "./choose.ts";
import { methods } from "./truth.ts";

const o = { resamples: 5 } as const;
/** Rows of people by columns of tasks; null: no answer. */
const byPerson = (rows: readonly (readonly (string | number | null)[])[]): Label[] =>
  rows.flatMap((row, w) =>
    row.flatMap((label, t) =>
      label === null ? [] : [{ task: `t${t}`, worker: `w${w}`, label: String(label) }],
    ),
  );
const turned = <T>(rows: readonly (readonly T[])[]): T[][] =>
  rows[0]!.map((_, i) => rows.map((r) => r[i]!));
const n = null;
/** Krippendorff 2011, section C: his four observers with missing values. */
const four = [
  [1, 2, 3, 3, 2, 1, 4, 1, 2, n, n, n],
  [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, n, 3],
  [n, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, n],
  [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, n],
];

describe("Krippendorff's alpha", () => {
  test("fast-krippendorff 4 and mReliability 6: ordinal .815, nominal 904/1216, in his own example", () => {
    expect(agreementWithin(byPerson(four), { ...o, scale: "nominal" }).krippendorff.at).toBeCloseTo(
      0.7434210526,
      9,
    );
    expect(agreementWithin(byPerson(four), { ...o, scale: "ordinal" }).krippendorff.at).toBeCloseTo(
      0.8154,
      3,
    );
  });
  test("fast-krippendorff 27: two who always differ are worse than chance, -0.5", () =>
    expect(
      agreementWithin(
        byPerson([
          ["A", "B"],
          ["B", "A"],
        ]),
        o,
      ).krippendorff.at,
    ).toBeCloseTo(-0.5, 12));
  test("fast-krippendorff 11 and disagree 7: one disagreement among equals gives 0", () => {
    const rows = byPerson([
      [3, 3, 3, 3, 3],
      [3, 3, 3, 3, 3],
      [3, 3, n, n, 3],
      [3, 3, 3, 3, 1],
      [3, n, 3, 3, 3],
    ]);
    // observed: 2 of 22 pairs at weight 1/4 in a unit of five = 2/4; expected: 21 * 1 * 2 / 21
    const units = [5, 4, 4, 4, 5];
    const all = units.reduce((a, b) => a + b, 0);
    const observed = (2 * 4) / 4 / all;
    const chance = (2 * (all - 1) * 1) / (all * (all - 1));
    expect(agreementWithin(rows, o).krippendorff.at).toBeCloseTo(1 - observed / chance, 12);
  });
  test("nltk 2865: who did not answer has no category; those who did agree fully", () => {
    const a = agreementWithin(
      byPerson([
        [1, 1, 2],
        [1, 1, n],
        [n, 1, 2],
      ]),
      o,
    );
    expect(a.krippendorff.at).toBeCloseTo(1, 12);
    expect(a.raw.at).toBe(1);
  });
  test("grrrr 1 and fast-krippendorff 9: where one label is all there is, it is undefined", () => {
    for (const rows of [
      [
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
      [
        [0, 1, 0],
        [n, n, 0],
      ],
    ])
      expect(agreementWithin(byPerson(rows), o).krippendorff.at).toBeNaN();
  });
});

describe("kappas", () => {
  test("scikit-learn 9624 and 14256, statsmodels 4387, dkpro 24: undefined for one label, however many people", () => {
    for (let people = 2; people < 15; people++)
      for (const tasks of [2, 5]) {
        const a = agreementWithin(
          byPerson(Array.from({ length: people }, () => Array<number>(tasks).fill(1))),
          o,
        );
        expect(a.raw.at).toBe(1);
        expect(a.fleiss.at, `Fleiss of ${people}`).toBeNaN();
        if (a.cohen) expect(a.cohen.at).toBeNaN();
      }
  });
  test("statsmodels 7657: three people who each say another thing agree less than by chance, -1/2", () =>
    expect(
      agreementWithin(
        byPerson(
          turned([
            [1, 2, 3],
            [1, 2, 3],
          ]),
        ),
        o,
      ).fleiss.at,
    ).toBeCloseTo(-0.5, 12));
  test("statsmodels 7781: tasks with different numbers of answers count by their own", () => {
    const rows = byPerson([
      ["a", "a", "b"],
      ["a", "b", "b"],
      ["a", "a", n],
      ["a", n, n],
    ]);
    // pairs of each task that agree: 1, 1/3, 1; each task's shares count alike, as irrCAC has it
    const chance = ((1 + 2 / 3) / 3) ** 2 + ((1 / 3 + 1) / 3) ** 2;
    const agreed = (1 + 1 / 3 + 1) / 3;
    expect(agreementWithin(rows, o).fleiss.at).toBeCloseTo((agreed - chance) / (1 - chance), 12);
  });
  test("dkpro 50: labels of one hash are two labels", () => {
    const a = agreementWithin(
      byPerson([
        ["Aa", "BB", "Aa", "BB"],
        ["BB", "Aa", "Aa", "BB"],
      ]),
      o,
    );
    expect(a.raw.at).toBe(0.5);
    expect(a.fleiss.at).toBeCloseTo(0, 12);
  });
  test("DescTools 76 and kappa-stats 7: a category that nobody chose changes Gwet's AC1 and no kappa", () => {
    const rows = byPerson([
      [1, 1, 2, 2, 1],
      [1, 2, 2, 2, 1],
    ]);
    const [without, with_] = [undefined, ["1", "2", "3"]].map((labels) =>
      agreementWithin(labelTable(rows, { labels }), o),
    );
    expect(with_!.fleiss.at).toBeCloseTo(without!.fleiss.at, 12);
    expect(with_!.krippendorff.at).toBeCloseTo(without!.krippendorff.at, 12);
    // AC1's chance is sum p(1 - p) / (K - 1)
    const [p, agreed] = [0.5, 0.8];
    const chance = (k: number) => (2 * p * (1 - p)) / (k - 1);
    expect(without!.gwet.at).toBeCloseTo((agreed - chance(2)) / (1 - chance(2)), 12);
    expect(with_!.gwet.at).toBeCloseTo((agreed - chance(3)) / (1 - chance(3)), 12);
  });
});

describe("truths", () => {
  const said = (label: (x: string) => string) =>
    ["aab", "aba", "bbb", "bbb", "aaa"].flatMap((labels, t) =>
      Array.from(labels, (l, w) => ({ task: String(t), worker: String(w), label: label(l) })),
    );
  test("crowd-kit 6: names that are numbers are names", () => {
    const [words, numbers] = [said((x) => x), said((x) => (x === "a" ? "10" : "9"))];
    for (const method of Object.values(methods)) {
      const [x, y] = [words, numbers].map((rows) => {
        const t = labelTable(rows);
        return { t, posterior: method.infer(t).posterior };
      });
      const a = x!.t.labels.indexOf("a");
      const ten = y!.t.labels.indexOf("10");
      for (let i = 0; i < 5; i++)
        expect(x!.posterior[2 * i + a]).toBeCloseTo(y!.posterior[2 * i + ten]!, 3);
    }
  });
  test("label-studio-evalme 62: labels that appear only later have their place", () => {
    const t = labelTable([...said((x) => x), { task: "9", worker: "7", label: "new" }]);
    expect(t.labels).toEqual(["a", "b", "new"]);
    expect(chooseMethod(t).best).toBeDefined();
    for (const m of Object.values(methods))
      expect([...m.infer(t).posterior].every((p) => p >= 0 && p <= 1)).toBe(true);
  });
});
