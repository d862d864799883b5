/** What is measured about people: by hand where a number can be worked out, else by what was put in coming out. */
import { expect, test } from "vitest";
import { type Rng, rng } from "@tiller/schema";
import { biasOf, calibrate, type Checked } from "./calibration.ts";
import { driftOf, overTime } from "./drift.ts";
import { labelTable } from "./labels.ts";
import { heldOutDensity, type NumberAnswer, numberMethods, scoreNumbers } from "./numbers.ts";
import { weightOf } from "./one-coin.ts";
import { estimateOf, reliabilities, weightsOf } from "./reliability.ts";
import { raterReport, study } from "./report.ts";
import { copied, tooFast } from "./signals.ts";
import { streaming } from "./streaming.ts";
import { dawidSkene, methods } from "./truth.ts";

/** Answers of people of known skill to tasks of known truth. */
function made(
  random: Rng,
  o: { tasks: number; people: readonly number[]; each: number; labels: readonly string[] },
) {
  const truth = Array.from({ length: o.tasks }, () => random.choose(o.labels));
  const answers = truth.flatMap((label, i) =>
    random
      .shuffle(o.people.map((skill, w) => ({ skill, w })))
      .slice(0, o.each)
      .map(({ skill, w }) => ({
        task: `t${i}`,
        worker: `w${w}`,
        label:
          random.next() < skill
            ? label
            : random.choose(o.labels.filter((other) => other !== label)),
      })),
  );
  return { truth: new Map(truth.map((l, i) => [`t${i}`, l])), answers };
}

test.each(["one-coin", "dawid-skene", "glad", "mace"] as const)(
  "%s: intervals of reliabilities hold the skill that was put in",
  (name) => {
    const people = Array.from({ length: 30 }, (_, w) => 0.55 + 0.014 * w);
    const { answers, truth } = made(rng(4, "reliability"), {
      tasks: 400,
      people,
      each: 5,
      labels: ["0", "1"],
    });
    const t = labelTable(answers);
    const found = reliabilities(t, methods[name].infer(t).posterior);
    // against what really happened on these tasks
    const held = people.filter((_, w) => {
      const mine = answers.filter((a) => a.worker === `w${w}`);
      const real = mine.filter((a) => truth.get(a.task) === a.label).length / mine.length;
      const { low, high } = found.get(`w${w}`)!;
      return low <= real && real <= high;
    });
    expect(held.length).toBeGreaterThanOrEqual(27);
  },
);

test("weights: a person at chance weighs the least but not nothing, one at 95 % weighs 1; every answer keeps one", () => {
  expect([weightOf(0.5), weightOf(0.95), weightOf(0.2), weightOf(0.999)]).toEqual([
    0.05, 1, 0.05, 1,
  ]);
  expect(weightOf(0.8)).toBeCloseTo(Math.log(4) / Math.log(19), 12);
  expect(weightOf(1 / 3, 3)).toBe(0.05); // a guess among three
  const { answers } = made(rng(1, "weights"), {
    tasks: 200,
    people: [0.95, 0.9, 0.9, 0.5],
    each: 4,
    labels: ["a", "b"],
  });
  const { weights } = weightsOf(answers);
  expect(weights.length).toBe(answers.length);
  expect(Math.min(...weights)).toBeGreaterThan(0);
  const of = (w: string) => weights[answers.findIndex((a) => a.worker === w)]!;
  expect(of("w3")).toBeLessThan(0.3 * of("w0"));
  expect(weightsOf([])).toEqual({ weights: [], reliability: new Map() });
});

test.each([1, 2, 3])(
  "streaming comes to the batch's posteriors within 1e-3, and is near them all along; seed %i",
  (seed) => {
    const people = Array.from({ length: 25 }, (_, w) => 0.55 + 0.016 * w);
    const labels = ["a", "b", "c"];
    const { answers } = made(rng(seed, "streaming"), { tasks: 500, people, each: 5, labels });
    const order = rng(seed, "order").shuffle(answers);
    const live = streaming(labels);
    for (let i = 0; i < order.length; i += 20) live.add(order.slice(i, i + 20));
    const t = labelTable(answers, { labels });
    const batch = dawidSkene(t).posterior;
    const gaps = () =>
      t.tasks.map((task, i) =>
        Math.max(...[0, 1, 2].map((k) => Math.abs(live.posterior(task)![k]! - batch[i * 3 + k]!))),
      );
    const before = gaps();
    expect(before.filter((g) => g < 0.1).length / before.length).toBeGreaterThan(0.95);
    live.settle();
    expect(Math.max(...gaps())).toBeLessThan(1e-3);
    expect(live.reliability("w24")!).toBeGreaterThan(live.reliability("w0")!);
    expect(live.posterior("nothing")).toBeUndefined();
    // and to the same figure of each person as the batch, with its interval
    const batchwise = reliabilities(t, batch);
    for (const w of t.workers) {
      const now = estimateOf(live.evidence(w)!);
      expect(now.n).toBe(batchwise.get(w)!.n);
      expect(now.at).toBeCloseTo(batchwise.get(w)!.at, 3);
      expect(now.low).toBeCloseTo(batchwise.get(w)!.low, 2);
    }
  },
);

test("streaming: one more answer touches few tasks", () => {
  const { answers } = made(rng(9, "touch"), {
    tasks: 2000,
    people: Array.from({ length: 40 }, () => 0.8),
    each: 5,
    labels: ["a", "b"],
  });
  const live = streaming(["a", "b"]);
  live.add(answers);
  live.settle();
  expect(live.add([{ task: "t0", worker: "w0", label: "a" }])).toBeLessThan(400);
});

test("numbers: a weighted mean beats mean and median, its intervals cover, and it finds who is off", () => {
  const random = rng(2, "numbers");
  const people = [
    { bias: 0, spread: 1 },
    { bias: 0, spread: 1 },
    { bias: 6, spread: 1.5 },
    { bias: 0, spread: 12 },
    { bias: -3, spread: 3 },
    { bias: 0, spread: 8 },
  ];
  const truth = new Map(
    Array.from({ length: 300 }, (_, i) => [`${i}`, 50 + 15 * random.normal()] as const),
  );
  const answers = [...truth].flatMap(([task, x]) =>
    random
      .shuffle(people.map((_, w) => w))
      .slice(0, 4)
      .map((w): NumberAnswer => ({
        task,
        worker: `w${w}`,
        value: x + people[w]!.bias + people[w]!.spread * random.normal(),
      })),
  );
  const score = (name: string) => scoreNumbers(numberMethods[name]!.infer(answers), truth);
  const [mean, middle, weighted] = [score("mean"), score("median"), score("weighted")];
  expect(weighted.rmse).toBeLessThan(0.6 * middle.rmse);
  expect(weighted.rmse).toBeLessThan(0.6 * mean.rmse);
  expect(weighted.covered).toBeGreaterThan(0.85);
  const { workers } = numberMethods["weighted"]!.infer(answers);
  const [off, wild, good] = [workers.get("w2")!, workers.get("w3")!, workers.get("w0")!];
  expect(off.bias - good.bias).toBeGreaterThan(4.5);
  expect(wild.spread).toBeGreaterThan(3 * good.spread);
  expect(heldOutDensity("weighted", answers)).toBeLessThan(heldOutDensity("mean", answers));
});

test("mean and median by hand", () => {
  const answers = [1, 2, 9].map((value, w) => ({ task: "t", worker: `${w}`, value }));
  const at = (name: string) => numberMethods[name]!.infer(answers).tasks.get("t")!;
  expect(at("mean").value).toBe(4);
  expect(at("mean").sd).toBeCloseTo(Math.sqrt(19 / 3), 12); // variance (9 + 4 + 25) / 2 over three
  expect(at("median").value).toBe(2);
});

const checked = (of: (c: number) => number, n: number, random: Rng): Checked[] =>
  Array.from({ length: n }, (_, i) => {
    const confidence = 1 + random.int(9);
    return { task: `${i}`, confidence, right: random.next() < of(confidence) };
  });
test("the confidence above which a person agrees four times in five", () => {
  const random = rng(3, "calibration");
  // 50 % at 1 up to 98 % at 9: at or above 5 it is 0.86 on average, at or above 3 about 0.80
  const { threshold, curve } = calibrate(checked((c) => 0.44 + 0.06 * c, 2000, random));
  expect(curve.map((p) => p.confidence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  if (threshold.kind !== "found") throw new Error(threshold.kind);
  expect(Math.abs(threshold.level - 3)).toBeLessThanOrEqual(1);
  expect(threshold.low).toBeLessThanOrEqual(3);
  expect(threshold.high).toBeGreaterThanOrEqual(3);
  expect(threshold.agreement.low).toBeGreaterThan(0.75);
});
test("too few answers name no threshold; a person who never agrees enough has none", () => {
  const random = rng(5, "calibration");
  expect(calibrate(checked(() => 1, 12, random)).threshold).toEqual({
    kind: "not enough data",
    answers: 12,
    needed: 20,
  });
  expect(calibrate(checked(() => 0.5, 500, random)).threshold.kind).toBe("not reached");
  const sure = calibrate(checked(() => 0.99, 300, random)).threshold;
  expect(sure).toMatchObject({ kind: "found", level: 1, sure: true });
});

test("side and length bias: exact intervals, ties apart", () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    task: `${i}`,
    choice: i < 30 ? ("a" as const) : i < 38 ? ("b" as const) : ("tie" as const),
    swap: false,
    longer: i < 10 ? 0 : -5,
  }));
  const { left, longer, ties } = biasOf(rows);
  expect([left.at, left.n]).toEqual([30 / 38, 38]);
  expect(left.low).toBeGreaterThan(0.6); // not fair
  expect([longer.at, longer.n]).toEqual([20 / 28, 28]); // a is the longer
  expect(ties.at).toBe(0.05);
});

test("drift: under one in twenty steady people are called falling, and most who fall by 0.3 are", () => {
  const random = rng(6, "drift");
  const person = (rate: (i: number) => number) =>
    driftOf(Array.from({ length: 200 }, (_, i) => ({ at: i, right: random.next() < rate(i) })));
  const fraction = (rate: (i: number) => number) =>
    Array.from({ length: 400 }, () => person(rate)).filter((d) => d.verdict === "falling").length /
    400;
  for (const p of [0.6, 0.75, 0.9]) expect(fraction(() => p)).toBeLessThan(0.05);
  expect(fraction((i) => (i < 100 ? 0.9 : 0.6))).toBeGreaterThan(0.9);
  expect(person(() => 0.9).change.low).toBeLessThan(0);
  expect(driftOf([{ at: 1, right: true }]).verdict).toBe("not enough data");
});

test("over time: each stretch with its interval", () => {
  const random = rng(8, "over time");
  const rows = Array.from({ length: 600 }, (_, at) => ({
    at,
    right: random.next() < (at < 300 ? 0.9 : 0.6) ? 1 : 0,
  }));
  const parts = overTime(rows, { buckets: 6 });
  expect(parts.length).toBe(6);
  expect(parts[0]!.low).toBeGreaterThan(parts[5]!.high);
});

test("too fast is relative to the length, and prolific fast people do not set the norm", () => {
  const random = rng(7, "fast");
  const rows = Array.from({ length: 3000 }, (_, i) => {
    const worker = i % 2 ? "hurry" : `w${random.int(20)}`; // half of all answers are by one who does not read
    const length = 100 + random.int(2000);
    const seconds = worker === "hurry" ? 2 : (5 + length / 40) * Math.exp(0.3 * random.normal());
    return { answer: `${i}`, worker, seconds, length };
  });
  const { workers, bounds } = tooFast(rows);
  expect(workers.get("hurry")!.low).toBeGreaterThan(0.95);
  for (const [worker, e] of workers) if (worker !== "hurry") expect(e.at).toBeLessThan(0.05);
  expect(bounds.at(-1)!.seconds).toBeGreaterThan(2 * bounds[0]!.seconds);
  expect(tooFast(rows.slice(0, 5)).answers.size).toBe(0); // no norm from five
});

test("near-copies of others and of the task are found, and only they", () => {
  const random = rng(12, "copies");
  const words = Array.from({ length: 400 }, (_, i) => `word${i}x`);
  const text = () => Array.from({ length: 30 }, () => random.choose(words)).join(" ");
  const rows = Array.from({ length: 200 }, (_, i) => ({
    answer: `${i}`,
    worker: `w${i % 10}`,
    text: text(),
    source: text(),
  }));
  rows.push({
    answer: "copy",
    worker: "thief",
    text: `${rows[5]!.text.toUpperCase()} indeed`,
    source: "",
  });
  rows.push({
    answer: "paste",
    worker: "lazy",
    text: rows[7]!.source.slice(20, 150),
    source: rows[7]!.source,
  });
  rows.push({ answer: "yes", worker: "w1", text: "yes", source: "" });
  rows.push({ answer: "yes2", worker: "w2", text: "yes", source: "" });
  const found = copied(rows);
  expect(found.pairs.map((p) => [p.first, p.second])).toEqual([["5", "copy"]]);
  expect(found.fromSource.get("paste")!).toBeGreaterThan(0.95);
  expect([found.workers.get("thief")!.at, found.workers.get("lazy")!.at]).toEqual([1, 1]);
  expect(found.workers.get("w1")!.at).toBe(0);
});

test("test-retest: how often the same was said again, beside everyone's, and by how much a number moved", () => {
  const people = ["w1", "w2"].map((id) => ({ id, pseudonym: id, role: "rater" as const }));
  const said = (person: string, task: string, label: string) => ({
    answer: `${person} ${task}`,
    task,
    person,
    label,
    confidence: null,
    version: "1",
    source: "",
    at: 0,
    swap: false,
    seconds: 10,
    length: 100,
    longer: null,
  });
  const rows = ["w1", "w2"].flatMap((w) => ["t1", "t2", "t3"].map((t) => said(w, t, "3")));
  const retests = [
    ...["4", "4", "5", "3"].map((second, at) => ({ person: "w1", at, first: "3", second })),
    ...["3", "3", "3", "3"].map((second, at) => ({ person: "w2", at, first: "3", second })),
  ];
  const population = { source: "people", title: "people here", answers: 6, elsewhere: 0 };
  const rest = { population, people, groups: [], gold: [], retests, texts: [] };
  const closed = { sides: false, classes: 5 };
  const d = { type: "k", field: "f", closed, rows, ...rest };
  const report = raterReport(study({ ...d, scale: "ordinal" }), "w1");
  expect(report.testRetest.own.same).toMatchObject({ at: 0.25, n: 4 });
  expect(report.testRetest.own.same.low).toBeCloseTo(0.0063, 3); // Clopper and Pearson, 1 of 4
  expect(report.testRetest.own.same.high).toBeCloseTo(0.8059, 3);
  expect(report.testRetest.own.shift!.at).toBeCloseTo(1, 9);
  expect(report.testRetest.everyone.same).toMatchObject({ at: 5 / 8, n: 8 });
  expect(raterReport(study({ ...d, scale: "nominal" }), "w1").testRetest.own.shift).toBeNull();
});
