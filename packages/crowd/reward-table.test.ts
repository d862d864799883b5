/** Rewards beside what is cheap: exact values by hand, folds that leak nothing, intervals and calibration that hold. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { bagOfWords } from "./bag-of-words.ts";
import { clusteredMean, comparisonFolds } from "./comparison-folds.ts";
import {
  onePerson,
  type RatedPair,
  ratedPairs,
  sharesOf,
  sideOf,
  trainingLabels,
  type Vote,
} from "./comparisons.ts";
import { trainingRows } from "./grades.ts";
import { linearReward } from "./linear-reward.ts";
import { raterEffects } from "./rater-effects.ts";
import { calibrationOf } from "./reward-calibration.ts";
import { rewardTable } from "./reward-table.ts";

const vote = (choice: Vote["choice"], more: Partial<Vote> = {}): Vote => ({
  choice,
  weight: 1,
  source: "person",
  ...more,
});
const pair = (a: string, b: string, votes: Vote[], more: Partial<RatedPair> = {}): RatedPair => ({
  prompt: "",
  a,
  b,
  votes,
  ...more,
});

test("rows of the same two texts are one pair whichever stands first; of itself or of nothing it is none", () => {
  const { pairs, same, empty } = ratedPairs([
    pair("x", "y", [vote("b")]),
    pair("y", "x", [vote("b"), vote("tie")]),
    pair("x", "x", [vote("b")]),
    pair("x", " ", [vote("a")]),
  ]);
  expect({ same, empty }).toEqual({ same: 1, empty: 1 });
  expect(pairs.map((p) => [p.a, p.b, p.votes.map((v) => v.choice)])).toEqual([
    ["x", "y", ["b", "a", "tie"]],
  ]);
  expect(sideOf({ a: 1, tie: 1, b: 1 })).toBe("tie");
  expect(sideOf({ a: 2, tie: 3, b: 1 })).toBe("a"); // of those who chose a side
  expect(sideOf({ a: 0, tie: 0, b: 0 })).toBeUndefined();
});

test("one person against the others: of 4 to 1, the four see 3 to 1 and are right, the one sees 4 to 0 and is not", () => {
  const by = (a: number, b: number) =>
    onePerson([pair("x", "y", [vote("a", { weight: a }), vote("b", { weight: b })])])[0];
  expect(by(4, 1)).toEqual({ right: 4, n: 5 });
  expect(by(3, 0)).toEqual({ right: 3, n: 3 });
  expect(by(3, 2)).toEqual({ right: 0, n: 2 }); // the three see 2 to 2, which names no side
  expect(by(1, 1)).toEqual({ right: 0, n: 0 });
});

test("a model's votes weigh what people measured them to be, are never truth, and weigh nothing unmeasured", () => {
  const judge = (choice: Vote["choice"]) => vote(choice, { source: "model", rater: "judge" });
  const seen = Array.from({ length: 40 }, (_, i) =>
    pair(`a${i}`, `b${i}`, [
      vote("b", { rater: "p" }),
      vote("b", { rater: "q" }),
      judge(i % 10 ? "b" : "a"),
    ]),
  );
  const alone = pair("c", "d", [judge("b")]);
  const { labels, raters, unknown } = trainingLabels([...seen, alone]);
  expect(raters.get("model: judge")!.at).toBeGreaterThan(0.8);
  expect(raters.get("model: judge")!.at).toBeLessThan(0.95);
  expect(unknown).toBe(0);
  expect(labels.at(-1)!.pB).toBeCloseTo(raters.get("model: judge")!.at, 10);
  // against two people it does not turn a label
  expect(labels[0]!.pB).toBeGreaterThan(0.5);
  expect(rewardTable([...seen, alone], [...seen.map(() => 1), -1]).unjudged).toBe(1);
  const stranger = trainingLabels([
    ...seen,
    pair("c", "d", [vote("b", { source: "implicit", rater: "clicks" })]),
  ]);
  expect(stranger.unknown).toBe(1);
  expect(stranger.labels.at(-1)!.weight).toBe(0);
  expect(() => trainingLabels([alone])).toThrow(/Let people judge some of the same pairs/);
});

test("ties and strengths become outcomes in their order; a vote that does not say how much is spread as the others are", () => {
  const pairs = [
    pair("m", "n", [vote("b", { strength: 2 })]),
    pair("o", "p", [vote("a", { strength: 1 }), vote("tie")]),
    pair("q", "r", [vote("b")]),
  ];
  const rows = trainingRows(pairs, trainingLabels(pairs));
  expect(rows.likelihood).toBe("ordinal");
  expect(rows.rows.map((r) => ("grades" in r ? r.grades : []))).toEqual([
    [0, 0, 0, 0, 1],
    [0, 1, 1, 0, 0],
    [0, 0, 0, 0.5, 0.5],
  ]);
  const ties = trainingRows(pairs.slice(1, 2), trainingLabels(pairs.slice(1, 2)), "davidson");
  expect(ties.rows[0]).toMatchObject({ grades: [1, 1, 0] });
});

test("no fold tests a topic, a prompt or a text that it learned from, whatever the pairs are", () => {
  const row = fc.record({
    a: fc.nat(30),
    b: fc.nat(30),
    prompt: fc.nat(12),
    topic: fc.option(fc.nat(9)),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 10, maxLength: 80 }), fc.boolean(), (rows, prompts) => {
      const pairs = rows.map((r) => ({
        a: `t${r.a}`,
        b: `t${r.b}`,
        prompt: prompts ? `${r.prompt}` : "",
        topic: r.topic === null ? undefined : `${r.topic}`,
      }));
      const folds = comparisonFolds(pairs);
      const keys = (i: number): string[] => {
        const p = pairs[i]!;
        if (folds.by === "topics") return [p.topic!];
        return folds.by === "prompts" ? [p.prompt] : [p.a, p.b];
      };
      for (let f = 0; f < folds.count; f++) {
        const learned = new Set(folds.train(f).flatMap(keys));
        expect(
          folds
            .test(f)
            .flatMap(keys)
            .filter((k) => learned.has(k)),
        ).toEqual([]);
      }
    }),
    { seed: 3, numRuns: 60 },
  );
});

/** Pairs of random words in which a text with "good" is better. */
function planted(n: number, seed: number): readonly RatedPair[] {
  const random = rng(seed, "planted");
  const words = Array.from({ length: 60 }, (_, i) => `w${i}`);
  const text = (good: boolean) =>
    [
      ...Array.from({ length: 6 + random.int(6) }, () => random.choose(words)),
      ...(good ? ["good"] : []),
    ].join(" ");
  return ratedPairs(
    Array.from({ length: n }, (_, i) => {
      const first = random.next() < 0.5;
      return pair(text(first), text(!first), [vote(first ? "a" : "b")], { topic: `${i % 20}` });
    }),
  ).pairs;
}

test("a bag of words finds the word that decides, on topics that it did not see; the table says where it is ahead", () => {
  const pairs = planted(300, 1);
  const margins = pairs.map((p) => p.b.length - p.a.length);
  const t = rewardTable(pairs, margins);
  expect(t.heldOutBy).toBe("5 folds of topics");
  expect(t.interval).toBe("bootstrap over topics");
  expect(t.baselines.bagOfWords).toBeGreaterThan(0.95);
  // the margins are the lengths, so the reward is what the longer text is
  expect(t.accuracy).toBeCloseTo(t.baselines.longer, 12);
  expect(t.ahead.longer).toMatchObject({ at: 0, low: 0, high: 0 });
  expect(t.ahead.bagOfWords!.high).toBeLessThan(0);
  expect(t.baselines.onePerson).toBeNull();
  const known = bagOfWords(
    pairs,
    pairs.map((p) => sideOf(sharesOf(p.votes))),
    comparisonFolds(pairs),
  );
  expect(known.every((m) => !Number.isNaN(m))).toBe(true);
  const same = pairs.filter(
    ({ a, b }) => Math.max(a.length, b.length) <= 1.1 * Math.min(a.length, b.length),
  );
  expect(t.matched!.n).toBe(same.length);
  expect(t.lengthMatched).toBe(t.matched!.accuracy);
});

test("groups are judged by their own side, ties stand apart, what was learned from is told apart", () => {
  const votes = (a: Vote["choice"], b: Vote["choice"]) => [
    vote(a, { group: "left", rater: "l" }),
    vote(b, { group: "right", rater: "r" }),
  ];
  const pairs = Array.from({ length: 40 }, (_, i) =>
    pair(
      `a${i}`,
      `b${i}`,
      i < 10 ? [vote("tie"), ...votes("b", "a")] : [vote("b"), ...votes("b", "a")],
      {
        topic: `${i % 10}`,
      },
    ),
  );
  const t = rewardTable(
    pairs,
    pairs.map((_, i) => (i < 10 ? 0.5 : 1)),
    {
      learnedFrom: {
        pair: (p) => p.a < "a2",
        topic: (name) => name < "5",
        rater: (name) => name === "l",
      },
    },
  );
  expect(t).toMatchObject({ n: 30, accuracy: 1, ties: { n: 10, margin: 0.5 } });
  expect(t.byGroup.map((g) => [g.name, g.n, g.accuracy])).toEqual([
    ["left", 40, 1],
    ["right", 40, 0],
  ]);
  expect(t.byRater).toEqual({ raters: 2, median: 0.5, lowest: 0, highest: 1 });
  const learned = pairs.slice(10).filter((p) => p.a < "a2").length;
  expect(t.heldOut).toMatchObject({ learnedPairs: learned, pairs: { n: 30 - learned } });
  expect(t.heldOut!.raters).toMatchObject({ n: 40, accuracy: 0 });
});

test("intervals over clusters cover the truth about as often as they say, where independent ones do not", () => {
  const random = rng(5, "clusters");
  let covered = 0;
  for (let round = 0; round < 100; round++) {
    const values: number[] = [];
    const units: [number, number][] = [];
    for (let u = 0; u < 40; u++) {
      const p = random.next() < 0.5 ? 0.3 : 0.9; // pairs of a topic go together
      for (let k = 0; k < 12; k++) {
        values.push(Number(random.next() < p));
        units.push([u, u]);
      }
    }
    const { low, high } = clusteredMean(values, units, { by: "topics", resamples: 200 });
    if (low <= 0.6 && 0.6 <= high) covered++;
  }
  expect(covered).toBeGreaterThanOrEqual(88);
});

test("calibration: margins in log-odds are calibrated as they are, doubled ones are too sure by twice", () => {
  const random = rng(8, "calibration");
  const margins = Array.from({ length: 6000 }, (_, unit) => {
    const m = 1.5 * random.normal();
    const right = random.next() < 1 / (1 + Math.exp(-Math.abs(m)));
    return { margin: right ? Math.abs(m) : -Math.abs(m), unit };
  });
  const c = calibrationOf(margins, { scale: 1 });
  expect(c.ece).toBeLessThan(0.02);
  expect(c.best).toBeGreaterThan(0.9);
  expect(c.best).toBeLessThan(1.1);
  const doubled = margins.map((m) => ({ ...m, margin: 2 * m.margin }));
  expect(calibrationOf(doubled, { scale: 1 }).ece).toBeGreaterThan(0.06);
  expect(calibrationOf(doubled).ece).toBeLessThan(0.025); // each half by the other's
  expect(c.bins.reduce((n, b) => n + b.n, 0)).toBe(6000);
});

test("a linear reward finds the direction; groups that want opposite things each get theirs", () => {
  const [random, width, n] = [rng(4, "linear"), 5, 400];
  const features = Float32Array.from({ length: 2 * n * width }, () => random.normal());
  const x = (i: number, d: number) => features[i * width + d]!;
  const rows = Array.from({ length: n }, (_, i) => {
    const [a, b, group] = [2 * i, 2 * i + 1, i % 2];
    const margin = 2 * (x(b, 0) - x(a, 0)) + (group ? 3 : -3) * (x(b, 1) - x(a, 1));
    return { a, b, p: Number(random.next() < 1 / (1 + Math.exp(-margin))), weight: 1, group };
  });
  const pairs = rows.map((_, i) => ({ prompt: "", a: `${2 * i}`, b: `${2 * i + 1}` }));
  const { weights, groups, heldOut } = linearReward(features, width, rows, {
    groups: 2,
    folds: comparisonFolds(pairs, { folds: 4 }),
  });
  expect(weights[0]).toBeGreaterThan(5 * Math.abs(weights[1]!));
  expect(groups[0]![1]).toBeLessThan(-1);
  expect(groups[1]![1]).toBeGreaterThan(1);
  expect(heldOut).toBeGreaterThan(0.85);
});

test("raters who never meet are told apart by a reward that did not learn from their pair; without one they are alike", () => {
  const random = rng(6, "rater effects");
  const skill = (r: number) => (r % 3 === 2 ? 0.5 : 0.9);
  const truth = Array.from({ length: 600 }, () => random.next() < 0.5);
  const pairs = truth.map((b, i) => {
    const right = random.next() < skill(i % 12);
    return pair(`a${i}`, `b${i}`, [vote(right === b ? "b" : "a", { rater: `r${i % 12}` })]);
  });
  const margins = truth.map((b) => (b ? 1 : -1) * (random.next() < 0.75 ? 1.1 : -1.1));
  const { reliability, pB } = raterEffects(pairs, margins);
  const mean = (of: number[]) => of.reduce((n, r) => n + reliability.get(`r${r}`)!, 0) / of.length;
  const [careful, careless] = [0, 0.6].map((above) =>
    Array.from({ length: 12 }, (_, r) => r).filter((r) => skill(r) > 0.6 === !above),
  );
  expect(mean(careful!) - mean(careless!)).toBeGreaterThan(0.12);
  const right = truth.filter((b, i) => pB[i]! > 0.5 === b).length;
  const asSaid = pairs.filter((p, i) => (p.votes[0]!.choice === "b") === truth[i]).length;
  expect(right).toBeGreaterThan(asSaid + 20);
  const alone = raterEffects(
    pairs,
    margins.map(() => NaN),
  );
  expect(new Set([...alone.reliability.values()].map((x) => x.toFixed(3))).size).toBe(1);
});
