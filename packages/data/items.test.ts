/** Rows as items: what every ready-made kind needs of a file, what its columns are guessed to be, and which row is named. */
import { describe, expect, test } from "vitest";
import {
  conversationRating,
  credence,
  critique,
  forcedComparison,
  likert,
  ranking,
  stepLabels,
  taskTypes,
} from "@tiller/crowd";
import { fillable, slotsOf, type TaskDef } from "@tiller/task";
import { derivedColumns } from "./derived-columns.ts";
import { guessMapping } from "./guess.ts";
import { BadCell, isWhole, itemOf } from "./items.ts";
import type { SourceRow } from "./row.ts";

const rowsOf = (rows: readonly Record<string, unknown>[]): SourceRow[] =>
  rows.map((row, i) => ({ row, line: i + 2, text: JSON.stringify(row) }));
const guess = (kind: TaskDef, rows: readonly Record<string, unknown>[]) =>
  guessMapping(kind as TaskDef, Object.keys(rows[0]!), rowsOf(rows));
const first = (kind: TaskDef, rows: readonly Record<string, unknown>[]) =>
  itemOf(kind, guess(kind, rows), rowsOf(rows)[0]!);

test("every ready-made kind is filled by columns named as its input, but for three pairs in one and what only a tree asks", () => {
  const cannot = [...taskTypes.values()].filter((d) => !fillable(d)).map((d) => d.name);
  expect(cannot).toEqual([
    "compare-three",
    "tree-summary",
    "tree-again",
    "tree-compare",
    "tree-reply",
  ]);
  for (const def of [...taskTypes.values()].filter(fillable))
    for (const sample of def.samples) {
      const row = Object.fromEntries(
        slotsOf(def).map(({ path }) => [
          path,
          path.split(".").reduce<unknown>((x, k) => (x as Record<string, unknown>)[k], sample),
        ]),
      );
      expect([def.name, first(def, [row]).input]).toEqual([def.name, sample]);
    }
});

describe("a guess", () => {
  test.each([
    [
      forcedComparison,
      { id: "7", prompt: "why?", response_a: "so", response_b: "thus", label: "B" },
      { question: "why?", a: { text: "so" }, b: { text: "thus" } },
      { choice: "b" },
    ],
    [
      forcedComparison,
      { instruction: "why?", output_1: "so", output_2: "thus", winner: "output_1" },
      { question: "why?", a: { text: "so" }, b: { text: "thus" } },
      { choice: "a" },
    ],
    [
      forcedComparison,
      {
        chosen: [
          { role: "user", content: "why?" },
          { role: "assistant", content: "so" },
        ],
        rejected: [
          { role: "user", content: "why?" },
          { role: "assistant", content: "thus" },
        ],
        prompt: "why?",
      },
      { question: "why?", a: { text: "so" }, b: { text: "thus" } },
      { choice: "a" },
    ],
    [
      critique,
      { instruction: "Add 2 and 2", output: "5" },
      { question: "Add 2 and 2", answer: "5" },
      undefined,
    ],
    [
      ranking,
      { prompt: "p", answer_1: "w", answer_2: "x", answer_3: "y", answer_4: "z" },
      { prompt: "p", answers: ["w", "x", "y", "z"] },
      undefined,
    ],
    [
      conversationRating,
      { messages: '[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]' },
      {
        turns: [
          { role: "user", text: "hi" },
          { role: "assistant", text: "ho" },
        ],
      },
      undefined,
    ],
    [
      stepLabels,
      { question: "1+1+1", solution: "1+1=2\n2+1=3" },
      { problem: "1+1+1", steps: ["1+1=2", "2+1=3"] },
      undefined,
    ],
    [
      likert,
      { ref: "12", original_document: "A long document about the sea.", short: "It is about sea." },
      { passage: "A long document about the sea.", summary: "It is about sea." },
      undefined,
    ],
  ] as [TaskDef, Record<string, unknown>, unknown, unknown][])(
    "%#: fills the kind and knows the answer",
    (kind, row, input, answer) => {
      const item = first(kind, [row]);
      expect(item.input).toEqual(input);
      expect(item.answer).toEqual(answer);
    },
  );

  test("a column of labels that does not fit the question is left alone", () => {
    const rows = [{ question: "q", a: "x", b: "y", label: "spam" }];
    expect(guess(forcedComparison as TaskDef, rows).answer).toEqual({});
  });
});

describe("a row that does not fit is named with its column", () => {
  const mapping = {
    input: { question: "q", "a.text": "x", "b.text": "y" },
    answer: { choice: "best" },
  };
  const wrong = (row: Record<string, unknown>) => {
    try {
      itemOf(forcedComparison, mapping, { row, line: 9, text: "" });
    } catch (e) {
      if (e instanceof BadCell) return [e.line, e.column, e.message];
      throw e;
    }
    return undefined;
  };
  test.each([
    [{ q: "q", x: "x", y: "", best: "a" }, "y", /y is empty/],
    [{ q: "q", x: "x", best: "a" }, "y", /no column y; there are q, x, best/],
    [{ q: "q", x: { deep: 1 }, y: "y", best: "a" }, "x", /neither text nor a number/],
    [{ q: "q", x: "x", y: "y", best: "both are fine" }, "best", /no answer to Better answer/],
    [{ q: "q", x: "x", y: "y", best: "tie" }, "best", /no answer/], // this kind has no tie
  ])("%j", (row, column, message) => {
    expect(wrong(row)).toEqual([9, column, expect.stringMatching(message)]);
  });
  test("an empty cell of answers is no answer, and no gold", () => {
    const row = { q: "q", x: "x", y: "y", best: "" };
    const item = itemOf(forcedComparison, mapping, { row, line: 2, text: "" });
    expect(item.answer).toBeUndefined();
    expect(isWhole(forcedComparison.view, item)).toBe(false);
    const known = itemOf(forcedComparison, mapping, {
      row: { ...row, best: "x" },
      line: 2,
      text: "",
    });
    expect(isWhole(forcedComparison.view, known)).toBe(true);
  });
  test("a kind's own schema names the column that it refuses", () => {
    const few = { input: { claim: "c", evidence: "e" }, answer: {} };
    const at = (row: Record<string, unknown>) => itemOf(credence, few, { row, line: 2, text: "" });
    expect(at({ c: "sun", e: "one\ntwo" }).input).toEqual({
      claim: "sun",
      evidence: ["one", "two"],
    });
    expect(() => at({ c: "sun", e: "[1, {}]" })).toThrow(/neither text nor a number/);
  });
});

test("sets of instructions and conversations have a prompt and a completion inside of their columns", () => {
  const shapes: readonly [Record<string, unknown>, Record<string, unknown>][] = [
    [
      { instruction: "Translate", input: "Ja.", output: "Yes." },
      { question: "Translate\n\nJa.", answer: "Yes." },
    ],
    [
      { instruction: "Say it", context: "", response: "It.", category: "qa" },
      { question: "Say it", answer: "It." },
    ],
    [
      { prompt: "Say", completion: "Said" },
      { question: "Say", answer: "Said" },
    ],
    [
      {
        messages: [
          { role: "user", content: "Why?" },
          { role: "assistant", content: "So." },
        ],
      },
      { question: "Why?", answer: "So." },
    ],
    [
      {
        conversations: [
          { from: "human", value: "Why?" },
          { from: "gpt", value: "So." },
        ],
      },
      { question: "Why?", answer: "So." },
    ],
  ];
  for (const [row, input] of shapes) {
    const columns = [...Object.keys(row), ...derivedColumns(new Set(Object.keys(row)))];
    const mapping = guessMapping(critique as unknown as TaskDef, columns, rowsOf([row]));
    expect(mapping.answer).toEqual({});
    expect(itemOf(critique as unknown as TaskDef, mapping, rowsOf([row])[0]!).input).toEqual(input);
  }
});
