import { expect, test } from "vitest";
import { questionRows } from "./room-questions.ts";

const row = { text: "Anna had it.", question: "Who?", options: ["Tom", "Anna"], answer: "Anna" };
const lines = (...rows: unknown[]) => rows.map((r) => JSON.stringify(r)).join("\n");

test("a file of questions: the right answer first, by its words or its place; a list is one too", () => {
  const { questions, problem } = questionRows(`${lines(row, { ...row, answer: 0 })}\n\n`);
  expect(problem).toBeUndefined();
  expect(questions.map((q) => q.answers)).toEqual([
    ["Anna", "Tom"],
    ["Tom", "Anna"],
  ]);
  expect(questions[0]!.texts).toEqual([{ id: "text", title: "Anna had it.", body: row.text }]);
  expect(questionRows(JSON.stringify([row])).questions).toHaveLength(1);
});

test("the first line that is no question is named, and nothing is taken of the file", () => {
  const of = (text: string) => questionRows(text);
  expect(of(lines(row, { ...row, answer: "Ben" }))).toEqual({
    questions: [],
    problem: expect.stringMatching(/^line 2: "Ben" is none of the options\. A row is/),
  });
  expect(of(`${lines(row)}\n{`).problem).toMatch(/^line 2: no JSON/);
  expect(of(lines({ ...row, options: ["Anna"] })).problem).toMatch(/^line 1: options: /);
  expect(of("[1]").problem).toMatch(/^row 1: it: /);
});
