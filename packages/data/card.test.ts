/** The card of rows whose counts are known by hand, what rows of every shape say, and rows found, sorted and held against each other. */
import { describe, expect, test } from "vitest";
import { DatasetCard, ExamplesQuery } from "@tiller/schema";
import { rowsId } from "@tiller/store/canonical.ts";
import { describeRows, type RowColumns } from "./card.ts";
import { sharedBetween, textsOf } from "./dataset-cards.ts";
import { changesBetween, type DatasetIndex, exampleRows } from "./dataset-index.ts";
import { factsOf } from "./row-facts.ts";

const long = (start: string) =>
  `${start} the sea was calm that night and nobody on the deck of the old ship could sleep for the heat and the silence of a long and windless day`;
const pair = (
  task: string,
  a: string,
  b: string,
  pB: number,
  judgments: string[] = [],
  weight?: number,
) => ({
  task,
  passage: "It was late.",
  a,
  b,
  pB,
  judgments,
  ...(weight !== undefined && { weight }),
});
const rows = [
  pair("1", long("Then"), "He slept.", 0.9, ["x1", "y1", "z1"], 2),
  pair("2", "He slept.", long("Now"), 0.2, ["x2", "y2", "gone"], 1), // nearly the first, the sides exchanged
  pair("3", "A", "Another thing", 0.5, ["x3"], 0),
  pair("4", "A", "Another thing", 0.5, ["x3"], 1), // the words of the third
];
const judged = (by: string, label: string, simulated = false) => ({
  by,
  label,
  simulated,
  source: "study",
});
const judgments = new Map([
  ["x1", judged("xenia", "b")],
  ["y1", judged("yuri", "b")],
  ["z1", judged("zoe", "a", true)],
  ["x2", judged("xenia", "a")],
  ["y2", judged("yuri", "a")],
  ["x3", judged("xenia", "tie")],
]);
const described = () => describeRows(rows, { judgments: async () => judgments });

test("a card counts what its rows say", async () => {
  const { card, columns } = await described();
  expect(DatasetCard.parse(card)).toEqual(card);
  expect(card.hash).toBe(rowsId(rows.map((r) => JSON.stringify(r))));
  expect(card.rows).toBe(4);
  expect(card.duplicates).toMatchObject({
    rows: 0,
    same: 1,
    near: 4,
    groups: 2,
    largest: 2,
    prompts: 3,
    passedBy: 0,
  });
  expect(card.judgments).toBe(7);
  expect([card.missing, card.simulated, card.peopleInAll]).toEqual([1, 1, 3]);
  // row 1: of three pairs of judgments one agrees; row 2: the one there is
  expect(columns.agreement).toEqual([1 / 3, 1, null, null]);
  expect(card.agreement).toMatchObject({ tasks: 2, answers: 5, raw: { at: 0.5 } });
  expect(card.people).toEqual([
    { by: "xenia", judgments: 4, agreement: 2 / 3, simulated: false },
    { by: "yuri", judgments: 2, agreement: 2 / 3, simulated: false },
    { by: "zoe", judgments: 1, agreement: 0, simulated: true },
  ]);
  const [short, whole] = ["He slept.".length, long("Then").length];
  expect(columns.difference).toEqual([short - whole, short - long("Now").length, null, null]);
  expect(card.longer).toEqual({ n: 2, share: 0 });
  expect(columns.strength.map((s) => Number(s!.toFixed(9)))).toEqual([0.8, 0.6, 0, 0]);
  expect(card.weights).toMatchObject({ rows: 4, zero: 1, effective: 16 / 6 });
  expect(card.lengths.prompt).toMatchObject({ n: 4, median: 12, least: 12, most: 12 });
  expect(card.sources).toEqual([{ name: "study", rows: 4 }]);
  expect(card.fields[0]).toEqual({ name: "task", rows: 4 });
});

test("rows of one person each are one question by their task, and agreement is over these", async () => {
  const votes = [
    ["q1", "ann", "left"],
    ["q1", "bob", "left"],
    ["q2", "ann", "left"],
    ["q2", "bob", "right"],
    ["q3", "ann", "right"],
  ].map(([item, by, winner]) => ({ item, by, winner }));
  const { card, columns } = await describeRows(votes, { columns: { task: "item" } });
  expect(card.agreement).toMatchObject({ tasks: 2, answers: 4, raw: { at: 0.5 } });
  expect(columns.agreement).toEqual([1, 1, 0, 0, null]);
  expect(card.judgments).toBe(5);
});

test("splits and files are held against each other", async () => {
  const text = (split: string, start: string, prompt: string) => ({
    split,
    prompt,
    completion: long(start),
  });
  const { card } = await describeRows([
    text("train", "One", "p"),
    text("train", "Completely different: a short one about cats and dogs; what else,", "q"),
    text("test", "Two", "p"),
    { split: "test", prompt: "r", completion: "nothing of the kind" },
  ]);
  expect(card.splits).toEqual([
    { name: "train", rows: 2 },
    { name: "test", rows: 2 },
  ]);
  expect(card.shared).toEqual([
    { of: "train", with: "test", same: 0, near: 1, prompts: 1 },
    { of: "test", with: "train", same: 0, near: 1, prompts: 1 },
  ]);
  const mine = await textsOf([{ text: long("One") }, { text: "alone in the world" }]);
  const theirs = await textsOf([{ text: "Alone, in the WORLD!" }, { text: "no word of it" }]);
  expect(sharedBetween(mine, theirs)).toEqual({ same: 1, near: 1, prompts: 0, rows: [1] });
});

describe("a row says", () => {
  const cases: [string, object, object][] = [
    [
      "chosen and rejected",
      { prompt: "p", chosen: "good", rejected: "bad" },
      { prompt: "p", texts: ["good", "bad"], preferred: 0 },
    ],
    [
      "messages",
      { chosen: [{ role: "user", content: "q" }], rejected: [{ role: "user", content: "r" }] },
      { texts: ["q", "r"] },
    ],
    [
      "grades",
      { passage: "p", a: "x", b: "y", grades: [0, 0, 1, 3] },
      { preferred: 1, strength: (1 / 3 + 3) / 4 },
    ],
    [
      "a ranking",
      { passage: "p", texts: ["x", "y"], places: [0, 1] },
      { prompt: "p", texts: ["x", "y"] },
    ],
    ["steps", { prompt: "p", steps: ["x", "y"], labels: [1, 0] }, { texts: ["x\ny"] }],
    ["a thumb", { prompt: "p", completion: "c", label: true }, { prompt: "p", texts: ["c"] }],
    [
      "a chat",
      {
        messages: [
          { role: "user", content: "q" },
          { role: "assistant", content: "a" },
        ],
      },
      { prompt: "q", texts: ["a"] },
    ],
    [
      "a prompt",
      { prompt: "p", weight: 3, split: "train", topic: "t" },
      { prompt: "p", texts: [], weight: 3, split: "train", source: "t" },
    ],
    [
      "votes",
      {
        id: 7,
        a: "x",
        b: "y",
        votes: [
          { by: "p1", choice: "b" },
          { by: "p2", choice: "b" },
          { by: "p3", choice: "a" },
        ],
      },
      { key: "7", preferred: 1, strength: 1 / 3 },
    ],
    [
      "an answer of our export",
      {
        task: "t",
        rater: "r",
        input: { passage: "p", a: { text: "x" }, b: { text: "y" } },
        value: { choice: "a" },
      },
      { key: "t", prompt: "p", texts: ["x", "y"], preferred: 0, votes: [{ by: "r", label: "a" }] },
    ],
    [
      "another scale of strength",
      { chosen: "x", rejected: "y", strength: -3 },
      { strength: undefined },
    ],
    [
      "something else",
      { question: ["what is it"], n: 3, deep: { note: "a few words" } },
      { texts: ["what is it", "a few words"] },
    ],
  ];
  test.each(cases)("%s", (_, row, says) => {
    const facts = factsOf(row);
    for (const [key, value] of Object.entries(says))
      expect([key, facts[key as keyof typeof facts]]).toEqual([
        key,
        typeof value === "number" ? expect.closeTo(value) : value,
      ]);
  });
});

const indexOf = async (of: readonly object[]): Promise<DatasetIndex> => ({
  ...(await describeRows(of)).columns,
  begin: [],
});
test("rows are found by what is known of them, and sorted with the unknown last", async () => {
  const index: DatasetIndex = { ...(await described()).columns, begin: [] };
  const found = (q: Partial<ExamplesQuery>, shared?: number[]) =>
    exampleRows(index, ExamplesQuery.parse(q), shared);
  expect(found({})).toEqual([0, 1, 2, 3]);
  expect(found({ sort: "disagreement" })).toEqual([0, 1, 2, 3]);
  expect(found({ sort: "agreement" })).toEqual([1, 0, 2, 3]);
  expect(found({ sort: "weakest" })).toEqual([2, 3, 1, 0]);
  expect(found({ sort: "strongest", part: "near" })).toEqual([0, 1, 2, 3]);
  expect(found({ sort: "heaviest" })).toEqual([0, 1, 3, 2]);
  expect(found({ part: "disputed" })).toEqual([0]);
  expect(found({ part: "agreed" })).toEqual([1]);
  expect(found({ part: "same" })).toEqual([3]);
  expect(found({ rater: "zoe" })).toEqual([0]);
  expect(found({ rater: "nobody" })).toEqual([]);
  expect(found({ row: 3 })).toEqual([2, 3]);
  expect(found({}, [1, 3])).toEqual([1, 3]);
});

test("rows with names are added, removed, changed or moved; without names they come and go", async () => {
  const named = await indexOf([
    pair("1", "a", "b", 0.9),
    pair("2", "c", "d", 0.1),
    pair("3", "e", "f", 1),
  ]);
  const later = await indexOf([
    pair("3", "e", "f", 1),
    pair("1", "a", "b", 0.7),
    pair("4", "g", "h", 0),
  ]);
  const { changes, ...counted } = changesBetween(named, later);
  expect(counted).toEqual({
    known: "its task or id",
    kept: 1,
    moved: true,
    added: 1,
    removed: 1,
    changed: 1,
  });
  expect(changes).toEqual([
    { kind: "changed", key: "1", before: 0, after: 1 },
    { kind: "added", key: "4", before: null, after: 2 },
    { kind: "removed", key: "2", before: 1, after: null },
  ]);
  const texts = (...of: string[]) => indexOf(of.map((text) => ({ text })));
  const plain = changesBetween(await texts("x", "x", "y"), await texts("x", "y", "z"));
  expect(plain).toMatchObject({
    known: "all that it says",
    kept: 2,
    added: 1,
    removed: 1,
    changed: 0,
    moved: false,
  });
});

test("of no rows there is a card too", async () => {
  const { card, columns } = await describeRows([]);
  expect(DatasetCard.parse(card)).toMatchObject({
    rows: 0,
    agreement: null,
    strength: null,
    longer: null,
  });
  expect(Object.values(columns satisfies RowColumns).flat()).toEqual([]);
});
