/** Trees as files: made elsewhere, refused with a reason, and as rows of datasets. */
import { expect, test } from "vitest";
import { hashOf } from "@tiller/book";
import { promptOf } from "@tiller/book/prompt.ts";
import { fileOf } from "./foreign.ts";
import { type ForeignOptions, foreignOf } from "./foreign-shapes.ts";
import { rowsOf } from "./tree-rows.ts";
import { TreeFile, treeOf } from "./tree-file.ts";

const at = "2026-11-28T10:00:00.000Z";
const made = async (json: unknown, o: ForeignOptions = {}) => {
  const { file, notes } = await fileOf(foreignOf(json, o), { name: "a tree", at });
  TreeFile.parse(JSON.parse(JSON.stringify(file)));
  return { file, notes, ...treeOf(file) };
};
const says = (m: Awaited<ReturnType<typeof made>>) =>
  m.plan.levels.map((l) => l.map((n) => m.outputs.get(n.id)?.entry.text));
const chunk = (i: number) => ({ text: `Chapter ${i}. Anna left no. ${i}.`, summary: `Anna ${i}.` });
const chunks = [0, 1, 2, 3].map(chunk);
const two = [
  { children: [0, 1], summary: "First." },
  { children: [2, 3], summary: "Second." },
];

test("chunks and merges in any order are a tree; its window and caps are what its texts have", async () => {
  const merges = [
    { id: "all", children: ["b", "a"], summary: "All." },
    { id: "b", ...two[1]! },
    { id: "a", ...two[0]! },
  ];
  const m = await made({ chunks, merges, system: "gpt" });
  expect(says(m)).toEqual([
    ["Anna 0.", "Anna 1.", "Anna 2.", "Anna 3."],
    ["First.", "Second."],
    ["All."],
  ]);
  expect(m.notes).toEqual([
    expect.stringContaining("1 merges name what they are made from in another order"),
  ]);
  expect(m.file).toMatchObject({ state: "whole", policy: "gpt" });
  expect([...m.outputs.values()].every((o) => o.standing === "current")).toBe(true);
  const long = { text: "word ".repeat(2000), summary: "more ".repeat(700) };
  const large = await made({
    chunks: [long, chunk(1)],
    merges: [{ children: [0, 1], summary: "x" }],
  });
  expect(says(large)[0]![0]).toBe(long.summary.trim()); // nothing is cut
  expect(large.plan.window.leaf).toBeGreaterThanOrEqual(2000);
});

test("a text in which the chunks stand keeps every character; a summary that is missing is to be written", async () => {
  const text = `\n${chunks.map((c) => c.text).join("\n\n  ")}\n`;
  const m = await made({
    text,
    chunks: [...chunks.slice(0, 3), { text: chunks[3]!.text }],
    merges: [{ children: [0, 1, 2, 3] }],
  });
  const spans = m.plan.levels[0]!.map((n) => text.slice(n.span!.from, n.span!.to));
  expect(spans.join("")).toBe(text);
  expect(spans.map((s) => s.trim())).toEqual(chunks.map((c) => c.text));
  expect(m.notes).toEqual(["2 summaries are to be written: 0.3, 1.0"]);
  expect(m.file.state).toBe("stopped");
});

test("LangChain's map-reduce, and BooookScore's levels with the chunks that it keeps elsewhere", async () => {
  const over = (a: string, b: string) => ({
    page_content: `${a} and then a long time nothing ${b}`,
    metadata: {},
  });
  const lang = await made({
    input_documents: [
      over("Anna left", "happened to anybody at all"),
      { page_content: "happened to anybody at all. Tom came.", metadata: { source: "x" } },
    ],
    intermediate_steps: ["Anna leaves.", "Tom comes."],
    output_text: "They leave and come.",
  });
  expect(says(lang)).toEqual([["Anna leaves.", "Tom comes."], ["They leave and come."]]);
  expect(lang.notes).toEqual([expect.stringContaining("1 chunks begin with the words")]);
  const books = {
    emma: {
      summaries_dict: { 0: chunks.map((c) => c.summary), 1: ["First.", "Second."], 2: ["All."] },
      final_summary: "All.",
    },
  };
  const texts = { emma: chunks.map((c) => c.text) };
  const emma = await made(books, { chunks: texts, evenly: true });
  expect(says(emma)).toEqual([chunks.map((c) => c.summary), ["First.", "Second."], ["All."]]);
  await expect(made(books, { chunks: texts })).rejects.toThrow(
    /2 summaries at level 1 and 4 below them.*--evenly/,
  );
  await expect(made(books)).rejects.toThrow(/4 summaries of chunks and 0 chunks.*--chunks/);
});

test.each([
  [
    { chunks, merges: [{ children: [0, 1, 2, 9], summary: "x" }] },
    /made from 9, which is not there/,
  ],
  [{ chunks, merges: two }, /2 parts go into nothing: 4, 5/],
  [
    {
      chunks,
      merges: [
        { id: "a", children: ["b"] },
        { id: "b", children: ["a", 0, 1, 2, 3] },
      ],
    },
    /in a circle/,
  ],
  [
    {
      chunks,
      merges: [
        { id: "a", children: ["b"] },
        { id: "b", children: ["a"] },
        { children: [0, 1, 2, 3] },
      ],
    },
    /in a circle/,
  ],
  [
    { chunks, merges: [{ children: [0, 2] }, { children: [1, 3] }, { children: [4, 5] }] },
    /no neighbours/,
  ],
  [{ chunks, merges: [{ children: [0, 1] }, { children: [4, 2, 3] }] }, /several heights/],
  [
    { chunks, merges: [{ children: [0, 1] }, { children: [1, 2, 3] }, { children: [4, 5] }] },
    /goes into 4 and 5/,
  ],
  [
    { chunks: [{ text: "a" }, chunk(1)], merges: [{ children: [0, 1], summary: "x" }] },
    /something below it has none/,
  ],
  [
    {
      chunks: [
        { id: "x", ...chunk(0) },
        { id: "x", ...chunk(1) },
      ],
      merges: [],
    },
    /two of its parts are called x/,
  ],
  [{ chunks: [{ text: 3 }], merges: [] }, /chunks\.0\.text/],
  [
    {
      text: "Chapter 0. Anna left no. 0. Tom. Chapter 1. Anna left no. 1.",
      chunks: chunks.slice(0, 2),
      merges: [{ children: [0, 1] }],
    },
    /"Tom\."\) are in no chunk/,
  ],
  [
    {
      text: "one two three four",
      chunks: [{ text: "one two three" }, { text: "two three four" }],
      merges: [{ children: [0, 1] }],
    },
    /before chunk 0 ends/,
  ],
  [
    { text: "b a", chunks: [{ text: "a" }, { text: "c" }], merges: [{ children: [0, 1] }] },
    /\("b"\) are in no chunk/,
  ],
  [{ all_nodes: {}, root_nodes: {} }, /RAPTOR/],
  [[1, 2], /neither chunks and merges/],
])("refused with a reason: %#", async (json, why) => {
  await expect(made(json)).rejects.toThrow(why);
});

test("rows: comparisons and ratings as summarize-from-feedback has them, TRL's columns and no others", async () => {
  const { file } = await made({
    chunks,
    merges: [{ children: [0, 1, 2, 3], summary: "All." }],
    system: "gpt",
  });
  const saw = hashOf(promptOf({ instructions: "", earlier: [], text: chunks[0]!.text }));
  const about = {
    node: "0.0",
    key: "k",
    saw,
    author: { kind: "person", name: "p-1" },
    answer: "7",
    at,
  } as const;
  const rated = { firstOverall: 6, firstAccuracy: 7, secondOverall: 2, thirdOverall: 5 };
  const value = { firstSecond: "a", secondThird: "b", firstThird: "tie", ...rated };
  const person = {
    ...file.entries[0]!,
    asked: "x",
    saw,
    text: "Anna goes.",
    author: { kind: "person", name: "p-2" } as const,
  };
  const { rows, left } = rowsOf({
    ...file,
    entries: [
      ...file.entries,
      person,
      { ...person, asked: "y", saw: hashOf("what nobody has any more") },
    ],
    judgments: [
      {
        kind: "compare",
        ...about,
        asked: "1",
        texts: ["A.", "B.", "C."],
        value,
        policies: ["m1", "p-2", "m2"],
      },
      {
        kind: "feedback",
        ...about,
        asked: "2",
        texts: ["Anna 0."],
        value: { overall: 4, feedback: "Too short." },
        policies: null,
      },
      { kind: "claims", ...about, asked: "3", texts: ["Anna 0."], value: {}, policies: null },
    ],
  });
  const prompt = `${chunks[0]!.text}\n\nTL;DR:`;
  expect(rows.trl_preference).toEqual([
    { prompt, chosen: "A.", rejected: "B." },
    { prompt, chosen: "C.", rejected: "B." },
  ]);
  expect(rows.trl_demonstrations).toEqual([{ prompt, completion: "Anna goes." }]);
  expect(rows.trl_preference_about).toHaveLength(2);
  expect(rows.comparisons[1]).toMatchObject({
    info: { task: "leaf", height: 0, post: chunks[0]!.text, previous: [] },
    summaries: [
      { text: "B.", policy: "human" },
      { text: "C.", policy: "m2" },
    ],
    choice: 1,
    worker: "p-1",
  });
  expect(rows.axis_evals).toHaveLength(4);
  expect(rows.axis_evals[0]).toMatchObject({
    summary: { text: "A.", policy: "m1", axes: { overall: 6, accuracy: 7 } },
  });
  expect(rows.axis_evals[3]).toMatchObject({
    summary: { policy: "gpt", note: "Too short.", axes: { overall: 4 } },
  });
  expect(rows.nodes).toHaveLength(file.entries.length + 2);
  expect(left).toEqual({
    ties: 1,
    "what was read has changed since": 1,
    "claims: no comparison, rating or summary": 1,
  });
});

test("a file whose parts do not fit together is refused", async () => {
  const { file } = await made({ chunks, merges: [{ children: [0, 1, 2, 3], summary: "All." }] });
  const changed = (change: (f: typeof file) => void) => {
    const copy = structuredClone(file);
    change(copy);
    return () => treeOf(copy);
  };
  expect(changed((f) => (f.text = f.text.replace("Anna", "Anne")))).toThrow(
    /0\.0 was made from something else/,
  );
  expect(changed((f) => void f.nodes.pop())).toThrow(/0\.0 is below 1\.0, which does not name it/);
  expect(changed((f) => (f.nodes[1]!.span!.from = 3))).toThrow(/0\.1 begins at 3/);
  expect(changed((f) => (f.nodes[0]!.entry = 99))).toThrow(/nothing stands in 0\.0/);
  expect(changed((f) => (f.text += " more"))).toThrow(/goes on to/);
});

test("a merge of many is taken where its summaries are given, and refused where they could have any length", async () => {
  const flat = Array.from({ length: 40 }, (_, i) => chunk(i));
  const whole = await made({
    chunks: flat,
    merges: [{ children: flat.map((_, i) => i), summary: "All." }],
  });
  expect(whole.file.state).toBe("whole");
  expect(whole.plan.window.tokens).toBeLessThan(1024);
  const lacking = flat.map(({ text, summary }, i) => (i === 7 ? { text } : { text, summary }));
  await expect(
    made({ chunks: lacking, merges: [{ children: flat.map((_, i) => i) }] }),
  ).rejects.toThrow(/a merge of 40 children at height 1 .* summaries of height 0 are missing/);
});
