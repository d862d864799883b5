/** Every ready-made kind of work: schemas that survive the database, simulated answers that pass, joined answers. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { rng, View } from "@tiller/schema";
import {
  aggregationsOf,
  at,
  compose,
  defineTask,
  type Draft,
  initialValue,
  listAt,
  keyOf,
  measure,
  missing,
  problemsOf,
  problemsWith,
  put,
  type TaskDef,
  textAt,
} from "@tiller/task";
import { comparison } from "./fixtures/comparison.ts";
import { aggregateAnswers } from "./tasks/aggregate.ts";
import {
  critique,
  edit,
  highlight,
  kindOf,
  likert,
  naiveImpression,
  ranking,
  stepLabels,
  taskTypes,
} from "./tasks/index.ts";
import { previewOf } from "./tasks/preview.ts";

const together = compose({
  name: "together",
  version: "1",
  title: "Compare, mark, rate",
  parts: { side: comparison, marks: highlight, quality: likert, first: naiveImpression },
  share: ["passage"],
});
const all: readonly (readonly [string, TaskDef])[] = [
  ...taskTypes,
  ["plain-comparison@1", comparison],
  ["together@1", together],
];
const answerOf = (def: TaskDef, input: unknown, skill: number, ...seed: (string | number)[]) =>
  def.simulate(input, { rng: rng(1, def.name, ...seed), skill }) as Draft;

describe.each(all)("%s", (_, def) => {
  test("its samples fit its input, its view is data", () => {
    expect(def.samples.length).toBeGreaterThan(0);
    for (const sample of def.samples) expect(def.input.parse(sample)).toEqual(sample);
    expect(previewOf(def).problems).toEqual([]);
    expect(View.parse(JSON.parse(JSON.stringify(def.view)))).toEqual(def.view);
  });

  test("its answers' schema is the same after a stay in the database", () => {
    const kept = JSON.parse(JSON.stringify(z.toJSONSchema(def.output, { unrepresentable: "any" })));
    const schema = z.fromJSONSchema(kept);
    for (const input of def.samples)
      for (let seed = 0; seed < 20; seed++) {
        const answer = answerOf(def, input, 0.5, seed);
        expect(schema.parse(answer)).toEqual(answer);
        for (const key of Object.keys(answer)) {
          const field = def.view.ask.find((f) => f.name === key);
          if (field?.optional) continue;
          const { [key]: _gone, ...rest } = answer;
          for (const wrong of [rest, { ...answer, [key]: null }, { ...answer, more: 1 }]) {
            expect(def.output.safeParse(wrong).success).toBe(false);
            expect(schema.safeParse(wrong).success).toBe(false);
          }
        }
      }
  });

  test("an empty answer lacks something, a simulated one of any skill is taken", () => {
    for (const input of def.samples) {
      const start = initialValue(def.view, input);
      const mayBeEmpty = def.view.ask.every((f) => f.optional || (f.kind === "text" && f.edits));
      expect(missing(def.view, input, start).length > 0).toBe(!mayBeEmpty);
      for (const skill of [0, 0.5, 1])
        for (let seed = 0; seed < 10; seed++)
          expect(problemsOf(def.view, input, answerOf(def, input, skill, seed))).toEqual([]);
    }
  });

  test("twelve people's answers become one a task, better than one blind person's", () => {
    const answers = def.samples.flatMap((input, i) =>
      Array.from({ length: 12 }, (_x, r) => ({
        task: `t${i}`,
        rater: `r${r}`,
        input,
        value: answerOf(def, input, 0.8, i, r),
      })),
    );
    const joined = aggregateAnswers(def, answers);
    expect(joined.length).toBe(def.samples.length * aggregationsOf(def).size);
    for (const j of joined) {
      expect(j.support["answers"]).toBeGreaterThan(0);
      expect(j.value).toBeDefined();
      for (const x of Object.values(j.support)) expect(Number.isFinite(x)).toBe(true);
      if (j.method === "none") continue;
      const at0 = def.view.ask.find((f) => f.name === j.field);
      if (at0?.kind !== "choice" && at0?.kind !== "ranking" && at0?.kind !== "steps") continue;
      const input = def.samples[Number(j.task.slice(1))];
      if (def !== edit) expect(j.value).toEqual(at(answerOf(def, input, 1, "sure"), j.field));
    }
  });
});

test("an answer is checked by the code of its kind where there is some", () => {
  const input = edit.samples[0]!;
  const same = { text: input.draft, was: "fact" };
  const problems = (value: unknown) => problemsWith(kindOf("edit", "1")!, input, value);
  expect(problems(same)[0]).toMatch("The text is unchanged");
  expect(problems({ ...same, was: "nothing" })).toEqual([]);
  expect(problems({})[0]).toMatch("write an answer");
  expect(kindOf("somebody's own", "1")).toBeUndefined();
  expect(keyOf(edit)).toBe("edit@1");
});

test("what is wrong is said in the words of the form", () => {
  const words = (n: number) => Array.from({ length: n }, () => "word").join(" ");
  const said = (def: TaskDef, value: Draft) =>
    problemsOf(def.view, def.samples[0], value).join("; ");
  expect(said(critique, { severity: 2, critique: words(3) })).toBe(
    "Its worst fault: 2 words more, at least 5",
  );
  expect(said(critique, { severity: 2, critique: words(121) })).toBe(
    "Its worst fault: 1 word too many, at most 120",
  );
  expect(said(critique, { severity: 9, critique: words(9) })).toMatch(/^How bad is it\? /);
  expect(said(ranking, { order: [0, 1] })).toBe("Best first: rank 2 more");
  expect(said(ranking, { order: [0, 1, 1, 2] })).toBe("Best first: each of 4 items once");
  expect(said(stepLabels, { labels: ["okay"] })).toBe("Steps: label 2 more steps");
  expect(said(stepLabels, { labels: ["okay", "bad"] })).toBe("");
  expect(said(stepLabels, { labels: ["bad", "okay", "okay"] })).toBe(
    "Steps: labels after the first mistake",
  );
  const far = { marks: [{ start: 3, end: 300, label: "false" }] };
  expect(said(highlight, far)).toMatch("no text from 3 to 300; it has");
  expect(said(likert, { coherence: 1 })).toBe(
    "Accuracy: choose a point; Coverage: choose a point; Overall: choose a point",
  );
});

test("parts of a composed task share the passage, keep their names apart and their checks", () => {
  const both = compose({
    name: "both",
    version: "1",
    title: "Correct and compare",
    parts: { fix: edit, side: comparison },
  });
  const input = both.samples[0]!;
  expect(textAt(input, "fix.draft")).toBe(edit.samples[0]!.draft);
  const answer = {
    fix: { text: input.fix.draft, was: "fact" as const },
    side: { choice: "a" as const },
  };
  expect(problemsWith(both, input, answer)[0]).toMatch("The text is unchanged");
  expect(together.view.show.filter((b) => b.kind === "text" && b.from === "passage")).toHaveLength(
    1,
  );
  expect(together.samples[0]).toHaveProperty("passage");
  expect(together.samples[0]!.marks).toEqual({ summary: highlight.samples[0]!.summary });
  expect([...aggregationsOf(together).keys()]).toContain("quality.overall");
  expect(() =>
    compose({ name: "x", version: "1", title: "x", parts: { a: edit }, share: ["passage"] }),
  ).toThrow("no part has the input passage");
});

describe("joined answers have the exact value", () => {
  const ask = (def: TaskDef, input: unknown, values: readonly unknown[]) =>
    aggregateAnswers(
      def,
      values.map((value, i) => ({ task: "t", rater: `r${i}`, input, value })),
    );
  test("numbers: mean with its interval, median", () => {
    const rate = (overall: number) => ({ coherence: overall, accuracy: 4, coverage: 1, overall });
    const [coherence, accuracy, , overall] = ask(likert, likert.samples[0], [2, 3, 7].map(rate));
    expect(coherence!.value).toBe(4);
    expect(coherence!.support["deviation"]).toBeCloseTo(Math.sqrt(7), 10);
    expect(coherence!.support["high"]).toBeCloseTo(4 + (1.96 * Math.sqrt(7)) / Math.sqrt(3), 10);
    expect(accuracy).toMatchObject({ value: 4, support: { deviation: 0, low: 4, high: 4 } });
    expect(overall).toMatchObject({ method: "median", value: 3 });
  });
  test("orders: by mean place, with Kendall's W", () => {
    const input = ranking.samples[0]!;
    const orders = [
      [2, 0, 1, 3],
      [2, 1, 0, 3],
      [2, 0, 1, 3],
    ];
    const [joined] = ask(
      ranking,
      input,
      orders.map((order) => ({ order })),
    );
    expect(joined!.value).toEqual([2, 0, 1, 3]);
    expect(joined!.support["concordance"]).toBeCloseTo(
      (12 * (2.25 + 2.25 + 2 * (1 / 6) ** 2)) / 60,
      10,
    );
    expect(listAt(input, "answers")).toHaveLength(4);
  });
  test("places in a text: by more than half, or by anyone", () => {
    const mark = (start: number, end: number) => ({ marks: [{ start, end, label: "false" }] });
    const values = [mark(4, 12), mark(6, 20), {}];
    expect(ask(highlight, highlight.samples[0], values)[0]).toMatchObject({
      value: [{ start: 6, end: 12, label: "false" }],
      support: { answers: 3, fraction: 2 / 3 },
    });
    const union = { ...highlight, aggregate: { marks: "spans-union" as const } };
    expect(ask(union, highlight.samples[0], values)[0]!.value).toEqual([
      { start: 4, end: 20, label: "false" },
    ]);
  });
  test("neighbours of one label stay two places where most divide them, and one where most do not", () => {
    const input = { passage: "", summary: "\u5317\u4eac\u4e0a\u6d77" };
    const [two, one] = [
      {
        marks: [
          { start: 0, end: 2, label: "false" },
          { start: 2, end: 4, label: "false" },
        ],
      },
      { marks: [{ start: 0, end: 4, label: "false" }] },
    ];
    const places = (values: unknown[], def = highlight) =>
      (ask(def, input, values)[0]!.value as { start: number; end: number }[]).map((s) => [
        s.start,
        s.end,
      ]);
    expect(places([two, two, two])).toEqual([
      [0, 2],
      [2, 4],
    ]);
    expect(places([two, two, one])).toEqual([
      [0, 2],
      [2, 4],
    ]);
    expect(places([two, one, one])).toEqual([[0, 4]]);
    expect(places([two, one])).toEqual([[0, 4]]);
    const union = { ...highlight, aggregate: { marks: "spans-union" as const } };
    expect(places([two, one], union)).toEqual([[0, 4]]);
    expect(places([two, {}], union)).toEqual([
      [0, 2],
      [2, 4],
    ]);
    // others overlap where one ends and begins: nobody divides there but one
    const overlap = {
      marks: [
        { start: 0, end: 3, label: "false" },
        { start: 2, end: 4, label: "false" },
      ],
    };
    expect(places([overlap, overlap, two])).toEqual([[0, 4]]);
  });
  test("steps: the most of those who came so far, up to the first mistake", () => {
    const values = [
      ["okay", "bad"],
      ["great", "bad"],
      ["okay", "okay", "great"],
    ];
    const joined = ask(
      stepLabels,
      stepLabels.samples[0],
      values.map((labels) => ({ labels })),
    );
    expect(joined[0]).toMatchObject({ value: ["okay", "bad"], support: { fraction: 2 / 3 } });
  });
  test("pairs: ties speak for neither side; texts share their scores over tasks", () => {
    const input = comparison.samples[0]!;
    const choices = ["b", "b", "tie", "a"].map((choice) => ({ choice }));
    const [joined] = ask(comparison, input, choices);
    expect(joined!.value).toBe("b");
    expect(joined!.support["pB"]).toBeGreaterThan(0.5);
    const scored = { ...comparison, aggregate: { choice: "bradley-terry" as const } };
    const [second] = ask(scored, input, choices);
    expect(second!.value).toBe("b");
    expect(second!.support["scoreB"]).toBeGreaterThan(second!.support["scoreA"]!);
  });
});

test("what the view says already need not be written: the answer's type, schema and simulation", () => {
  const def = defineTask({
    name: "mood",
    version: "1",
    title: "Mood",
    instructions: "",
    input: z.strictObject({ text: z.string() }),
    view: {
      show: [],
      ask: [
        {
          kind: "choice",
          name: "mood",
          label: "Mood",
          options: [
            { value: "glad", label: "Glad" },
            { value: "sad", label: "Sad" },
          ],
        },
        { kind: "text", name: "why", label: "Why", optional: true },
      ],
    },
    check: (input, { mood, why }) =>
      mood === "sad" && !why ? `Say what is sad about “${input.text}”.` : undefined,
    samples: [{ text: "Rain." }],
  });
  const mood: "glad" | "sad" = def.output.parse({ mood: "glad" }).mood;
  expect(mood).toBe("glad");
  expect(problemsWith(def, def.samples[0], { mood: "sad" })).toEqual([
    "Say what is sad about “Rain.”.",
  ]);
  const right = def.simulate({ text: "x" }, { rng: rng(1), skill: 1 }).mood;
  const agree = Array.from({ length: 400 }, (_, i) =>
    Number(def.simulate({ text: "x" }, { rng: rng(i), skill: 0.5 }).mood === right),
  ).reduce((a, b) => a + b);
  expect(agree / 400).toBeGreaterThan(0.66); // one half by skill, half of the rest by luck
  expect(agree / 400).toBeLessThan(0.84);
});

test("paths set and clear, counts count", () => {
  expect(put({ a: { b: 1 } }, "a.c", 2)).toEqual({ a: { b: 1, c: 2 } });
  expect(put({ a: 1, b: 2 }, "a", undefined)).toEqual({ b: 2 });
  expect(at({ a: [{ text: "x" }] }, "a.0.text")).toBe("x");
  expect(at({}, "constructor.name")).toBeUndefined();
  expect(measure.words("  two  words ")).toBe(2);
  expect(measure.tokens("Hello world, it's 2024!")).toBe(8);
});
