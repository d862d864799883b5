/** Verdicts at their bounds, by any kind of closed question, and rows of raters for kinds whose field has any name. */
import { expect, test } from "vitest";
import { AnswerId, type FieldAnswer, PersonId, rng, TaskId } from "@tiller/schema";
import { raterRows } from "./quality.ts";
import { overview, study } from "./report.ts";
import { concernsOf, judge, verdictOf } from "./verdict.ts";

const e = (low: number, high: number, n = 100) => ({ at: (low + high) / 2, low, high, n });
test("careless is under a quarter of the way from guessing to right, watch under the middle; too few are new", () => {
  const pair = { guess: 0.5, middle: 0.9 };
  expect(verdictOf(e(0.4, 0.61, 24), pair)).toBe("new");
  expect(verdictOf(e(0.4, 0.6199, 25), pair)).toBe("careless");
  expect(verdictOf(e(0.5, 0.6201), pair)).toBe("watch");
  expect(verdictOf(e(0.7, 0.8999), pair)).toBe("watch");
  expect(verdictOf(e(0.7, 0.9), pair)).toBe("ok");
  // of five classes a guess is right one time in five
  expect(verdictOf(e(0.2, 0.39), { guess: 0.2, middle: 0.9 })).toBe("careless");
  expect(verdictOf(e(0.2, 0.4), { guess: 0.2, middle: 0.3 })).toBe("ok");
});

/** Answers of four who know and one who guesses, to a question of any name and kind. */
const answers = (o: {
  field: string;
  kind: "choice" | "pair" | "rating";
  labels: string[];
  tasks: number;
}) => {
  const random = rng(5, "verdict", o.field);
  const row = (task: number, rater: string, label: string | null): FieldAnswer => ({
    answer: AnswerId.parse(`${o.field} ${task} ${rater}`),
    task: TaskId.parse(`${o.field}/${task}`),
    type: `kind of ${o.field}`,
    field: o.field,
    sides: o.kind === "pair",
    classes: o.kind === "pair" ? 2 : o.labels.length,
    label,
    person: PersonId.parse(rater),
    by: `p-${rater}`,
    simulated: false,
    swap: task % 2 === 0,
    activeSeconds: 10 + task,
    characters: 100,
    at: new Date(Date.UTC(2026, 0, 1, 0, task)).toISOString(),
  });
  return Array.from({ length: o.tasks }, (_, task) => {
    const truth = random.choose(o.labels);
    return ["ann", "bob", "eve", "ida", "lou"].map((rater) =>
      row(task, rater, rater === "lou" || random.next() > 0.95 ? random.choose(o.labels) : truth),
    );
  }).flat();
};

test.each([
  ["choice", "verdict", ["right", "wrong", "open"]],
  ["pair", "clearer", ["a", "b"]],
  ["rating", "warmth", ["1", "2", "3", "4", "5"]],
] as const)("a %s called %s has agreement, reliability and a verdict", (kind, field, labels) => {
  const rows = raterRows(answers({ kind, field, labels: [...labels], tasks: 300 }));
  const of = new Map(rows.map((r) => [r.rater as string, r]));
  expect(of.get("lou")!.flag).toBe("careless");
  expect([...of.values()].filter((r) => r.flag === "careless")).toHaveLength(1);
  const [ann, lou] = [of.get("ann")!, of.get("lou")!];
  expect(ann.agreement!).toBeGreaterThan(0.9);
  expect(lou.agreement!).toBeLessThan(1 / labels.length + 0.15);
  expect(ann.reliabilityLow!).toBeGreaterThan(0.85);
  expect(ann).toMatchObject({ answers: 300, medianSeconds: 10 + 149.5 });
  expect(ann.perHour!).toBeCloseTo(300 / (299 / 60), 9);
  // b stands on the left where the sides are swapped
  expect(ann.sideBias === null).toBe(kind !== "pair");
});

test("several questions of several kinds add up: one row a person, each with its own chance of a guess", () => {
  const two = answers({ kind: "pair", field: "clearer", labels: ["a", "b"], tasks: 20 });
  const five = answers({
    kind: "rating",
    field: "warmth",
    labels: ["1", "2", "3", "4", "5"],
    tasks: 20,
  });
  expect(judge(two).get("ann")!.verdict).toBe("new"); // 20 alone are too few
  const both = judge([...two, ...five]);
  expect(both.get("ann")!.reliability.n).toBe(40);
  expect(both.get("ann")!.verdict).toBe("ok");
  const apart = ["ann", "lou"].map((r) =>
    [two, five].map((rows) => judge(rows).get(r)!.reliability),
  );
  for (const [i, r] of ["ann", "lou"].entries()) {
    // Jeffreys' half an answer on either side counts once in the sum
    const right = apart[i]!.reduce((sum, x) => sum + x.at * (x.n + 1) - 0.5, 0);
    expect(both.get(r)!.reliability.at).toBeCloseTo((right + 0.5) / 41, 9);
  }
});

test("ties, repeats and texts: a tie names no side, the last answer counts, a kind without questions has its time", () => {
  const [first] = answers({ kind: "pair", field: "clearer", labels: ["a", "b"], tasks: 1 });
  const tie = { ...first!, label: "tie" };
  const odd = { ...first!, task: TaskId.parse("of another tool"), label: "left" };
  expect(judge([first!, odd]).get("ann")!.reliability.n).toBe(1);
  const open = {
    ...first!,
    task: TaskId.parse("text"),
    field: null,
    sides: false,
    classes: null,
    label: null,
  };
  expect(raterRows([first!, tie, open])).toEqual([
    {
      rater: "ann",
      pseudonym: "p-ann",
      simulated: false,
      answers: 2,
      perHour: null,
      medianSeconds: 10,
      agreement: null,
      reliability: null,
      reliabilityLow: null,
      reliabilityHigh: null,
      sideBias: null,
      fast: 0,
      flag: "new",
      concerns: [],
    },
  ]);
});

test.each([
  ["pair", ["a", "b", "tie"]],
  ["rating", ["1", "2", "3"]],
] as const)(
  "the control room and the quality report say the same of everyone: a %s",
  (kind, labels) => {
    const given = answers({ kind, field: "choice", labels: [...labels], tasks: 200 });
    const people = ["ann", "bob", "eve", "ida", "lou"];
    const made = study({
      type: given[0]!.type,
      field: "choice",
      scale: "nominal",
      closed: { sides: kind === "pair", classes: given[0]!.classes },
      population: { source: "people", title: "people", answers: given.length, elsewhere: 0 },
      rows: given.map((r) => ({
        answer: r.answer,
        task: r.task,
        person: r.person,
        label: r.label!,
        confidence: null,
        version: "1",
        source: "",
        at: Date.parse(r.at),
        swap: r.swap,
        seconds: r.activeSeconds,
        length: 100,
        longer: null,
      })),
      people: people.map((id) => ({ id, pseudonym: id, role: "rater" })),
      groups: [],
      gold: [],
      retests: [],
      texts: [],
    });
    const room = new Map(raterRows(given).map((r) => [r.rater as string, r.flag]));
    const report = overview(made).people.map((p) => [p.person as string, p.flag] as const);
    expect(new Map(report)).toEqual(room);
    expect([room.get("ann"), room.get("lou") === "ok"]).toEqual(["ok", false]);
  },
);

test("nobody who takes one side in no time is ok, whatever the answers agree with; a few answers say nothing yet", () => {
  const random = rng(3, "signs");
  /** Answers to tasks of one's own, whose sides are drawn: nobody else is there to disagree with. */
  const alone = (n: number, o: { seconds: number; left: number; characters?: number }) =>
    raterRows(
      Array.from({ length: n }, (_, task): FieldAnswer => {
        const swap = random.next() < 0.5;
        const left = random.next() < o.left;
        const [one] = answers({ kind: "pair", field: "better", labels: ["a", "b"], tasks: 1 });
        return {
          ...one!,
          task: TaskId.parse(`own/${task}`),
          swap,
          label: left === swap ? "b" : "a",
          activeSeconds: o.seconds,
          characters: o.characters ?? 300,
        };
      }),
    )[0]!;
  expect(alone(50, { seconds: 0.3, left: 1 })).toMatchObject({
    sideBias: 1,
    fast: 1,
    flag: "careless",
    concerns: ["takes the left", "too fast"],
  });
  expect(alone(50, { seconds: 20, left: 1 })).toMatchObject({ flag: "careless", fast: 0 });
  expect(alone(50, { seconds: 0.3, left: 0.5 })).toMatchObject({ flag: "careless" });
  // two seconds are enough for 200 characters, and not for 2,000
  expect(alone(50, { seconds: 2, left: 0.5, characters: 200 }).concerns).toEqual([]);
  expect(alone(50, { seconds: 2, left: 0.5, characters: 2000 }).concerns).toEqual(["too fast"]);
  const sided = alone(200, { seconds: 20, left: 0.75 });
  expect([sided.concerns, sided.flag === "ok"]).toEqual([["takes the left"], false]);
  // from ten answers on it is named; from 25 on judged
  expect(alone(9, { seconds: 0.3, left: 1 })).toMatchObject({ flag: "new", concerns: [] });
  expect(alone(12, { seconds: 0.3, left: 1 })).toMatchObject({
    flag: "new",
    concerns: ["takes the left", "too fast"],
  });
});

test("concerns only where the interval is past the bound", () => {
  const fine = {
    gold: e(0.5, 0.7),
    left: e(0.45, 0.55),
    longer: e(0.5, 0.7),
    fast: e(0.05, 0.2),
    copied: e(0, 0.1),
    drift: "steady" as const,
  };
  const everyone = { longer: e(0.5, 0.5) };
  expect(concernsOf(fine, { longer: e(0.4, 0.6) })).toEqual([]);
  expect(concernsOf({ ...fine, left: null, longer: null }, null)).toEqual([]);
  expect(concernsOf({ ...fine, gold: e(0, 0.69), drift: "falling" }, null)).toEqual([
    "gold",
    "falling",
  ]);
  expect(concernsOf({ ...fine, gold: e(0, 0.69, 0) }, null)).toEqual([]);
  expect(concernsOf({ ...fine, left: e(0.551, 0.7) }, null)).toEqual(["takes the left"]);
  expect(concernsOf({ ...fine, left: e(0.3, 0.449) }, null)).toEqual(["takes the right"]);
  expect(concernsOf({ ...fine, longer: e(0.51, 0.7) }, everyone)).toEqual(["takes the longer"]);
  expect(concernsOf({ ...fine, fast: e(0.051, 0.2), copied: e(0.06, 0.2) }, null)).toEqual([
    "too fast",
    "copies",
  ]);
});
