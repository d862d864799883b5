/** An answer is read in one way: by schema, view and check, in that order, with words for whoever gave it. */
import { expect, test } from "vitest";
import { z } from "zod";
import { defineTask } from "./define.ts";
import { answerSchema, problemsWith, readAnswer } from "./read.ts";

const title = defineTask({
  name: "title",
  version: "1",
  title: "A title",
  instructions: "",
  input: z.object({ text: z.string() }),
  view: {
    show: [{ kind: "text", from: "text" }],
    ask: [
      { kind: "text", name: "title", label: "Title", limit: { unit: "words", max: 3 } },
      { kind: "rating", name: "fit.degree", label: "Fits", points: 5, low: "no", high: "yes" },
    ],
  },
  check: ({ text }, { title }) => (text.includes(title) ? "It stands in the text." : undefined),
  samples: [{ text: "The ship lay still." }],
});
const input = title.samples[0]!;
const right = { title: "Calm at sea", fit: { degree: 4 } };

test.each([
  ["lacks a field", { title: "Calm" }, ["Fits: choose a point"]],
  [
    "is of the wrong type",
    { ...right, fit: { degree: "4" } },
    [expect.stringMatching(/^fit\.degree: /)],
  ],
  [
    "lacks one and has another wrong",
    { title: 5 },
    ["Title: write an answer", "Fits: choose a point", expect.stringMatching(/^title: /)],
  ],
  [
    "is too long",
    { ...right, title: "Calm at sea tonight" },
    ["Title: 1 word too many, at most 3"],
  ],
  ["its kind's check refuses", { ...right, title: "ship" }, ["It stands in the text."]],
  ["is no object", "ship", [expect.stringMatching(/^answer: /)]],
  ["is nothing", null, [expect.stringMatching(/^answer: /)]],
] as const)("an answer that %s", (_, value, problems) => {
  expect(readAnswer(title, input, value)).toEqual({ problems });
  expect(problemsWith(title, input, value)).toEqual(problems);
  expect(answerSchema(title, input).safeParse(value).success).toBe(false);
});

test("a right one has its value, as the schema reads it; a kind without a view is read by its schema alone", () => {
  expect(readAnswer(title, input, right)).toEqual({ value: right });
  expect(answerSchema(title, input).parse(right)).toEqual(right);
  const old = { output: z.object({ n: z.number().default(3) }), view: null };
  expect(readAnswer(old, {}, {})).toEqual({ value: { n: 3 } });
});

test("a model is told the same shape, and its faults are issues that a repair can name", () => {
  const schema = answerSchema(title, input);
  expect(z.toJSONSchema(schema)).toEqual(z.toJSONSchema(title.output));
  const refused = schema.safeParse({ ...right, title: "ship" });
  expect(refused.error!.issues.map((i) => i.message)).toEqual(["It stands in the text."]);
});
