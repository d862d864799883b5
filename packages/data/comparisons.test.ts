/** Every way that a file says a comparison comes to the same texts and votes; what says none is an error with its line. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { comparisonOf, readComparisons } from "./comparisons.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-comparisons-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const short = (row: Record<string, unknown>) => {
  const { prompt, a, b, votes } = comparisonOf(row, 1);
  return [prompt, a, b, votes.map((v) => `${v.choice} ${v.weight} ${v.rater ?? "-"}`).join(", ")];
};

test.each([
  ["chosen", { prompt: "p", chosen: "y", rejected: "x", rater: "r" }, "b 1 r"],
  ["a tie", { prompt: "p", chosen: "y", rejected: "x", tie: true }, "tie 1 -"],
  ["counts", { prompt: "p", chosen: "y", rejected: "x", counts: [3, 2] }, "b 3 -, a 2 -"],
  ["with ties", { prompt: "p", chosen: "y", rejected: "x", counts: [3, 1, 0] }, "b 3 -, tie 1 -"],
  ["a choice", { prompt: "p", a: "x", b: "y", choice: "b", rater: "r" }, "b 1 r"],
  ["sides' counts", { prompt: "p", a: "x", b: "y", counts: [1, 4] }, "a 1 -, b 4 -"],
  [
    "votes",
    {
      prompt: "p",
      a: "x",
      b: "y",
      votes: [
        { by: "r", choice: "b" },
        { by: "s", choice: "tie" },
      ],
    },
    "b 1 r, tie 1 s",
  ],
  ["a correction", { prompt: "p", response: "x", correction: "y", weight: 2 }, "b 2 -"],
  [
    "a correction with spans",
    { prompt: "p", response: "x", correction: "y", spans: [{ start: 0, end: 1, label: "wrong" }] },
    "b 1 -",
  ],
  [
    "a posterior",
    { task: "t", passage: "p", a: "x", b: "y", pB: 0.75, judgments: [] },
    "b 0.75 -, a 0.25 -",
  ],
  ["grades", { passage: "p", a: "x", b: "y", grades: [0, 1, 2] }, "tie 1 -, b 2 -"],
  [
    "summaries",
    { info: { post: "p" }, summaries: [{ text: "x" }, { text: "y" }], choice: 1, worker: "r" },
    "b 1 r",
  ],
  [
    "an answer",
    {
      input: { passage: "p", a: { text: "x" }, b: { text: "y" } },
      value: { choice: "b" },
      rater: "r",
    },
    "b 1 r",
  ],
  [
    "messages",
    {
      prompt: [{ role: "user", content: "p" }],
      chosen: [{ role: "assistant", content: "y" }],
      rejected: "x",
    },
    "b 1 -",
  ],
  ["nulls", { prompt: "p", chosen: "y", rejected: "x", topic: null, strength: null }, "b 1 -"],
])("%s", (_, row, votes) => expect(short(row)).toEqual(["p", "x", "y", votes]));

test("without a prompt, dialogues part at their last answer, and other texts stand for themselves", () => {
  const dialogue = (end: string) =>
    `\n\nHuman: hi\n\nAssistant: hello\n\nHuman: why?\n\nAssistant:${end}`;
  expect(short({ chosen: dialogue(" so"), rejected: dialogue(" then") }).slice(0, 3)).toEqual([
    dialogue(""),
    " then",
    " so",
  ]);
  expect(short({ chosen: "one joke", rejected: "one pun" }).slice(0, 3)).toEqual([
    "",
    "one pun",
    "one joke",
  ]);
});

test("CSV and JSONL say the same; a row that says nothing is named with its line and the remedy", async () => {
  const [csv, jsonl] = ["a.csv", "a.jsonl"].map((name) => path.join(dir, name)) as [string, string];
  writeFileSync(
    csv,
    'prompt,chosen,rejected,tie,strength,rater,counts\np,y,x,,2,r,\np,y,x,true,,s,\np,v,w,,,,"[2,1]"\n',
  );
  const rows = [
    { prompt: "p", chosen: "y", rejected: "x", strength: 2, rater: "r" },
    { prompt: "p", chosen: "y", rejected: "x", tie: true, rater: "s" },
    { prompt: "p", chosen: "v", rejected: "w", counts: [2, 1] },
  ];
  writeFileSync(jsonl, rows.map((r) => `${JSON.stringify(r)}\n`).join(""));
  const read = await readComparisons(jsonl);
  expect(read).toEqual(await readComparisons(csv));
  expect([read.rows, read.pairs.length]).toEqual([3, 2]);
  const wrong = path.join(dir, "wrong.jsonl");
  const refused = (row: unknown) => {
    writeFileSync(wrong, `${JSON.stringify(rows[0])}\n${JSON.stringify(row)}\n`);
    return expect(readComparisons(wrong)).rejects;
  };
  await refused({ text: "x" }).toThrow(
    /row 2 of .*wrong\.jsonl is no comparison: it has text\. Give chosen and rejected/,
  );
  await refused({ chosen: "y", rejected: 3 }).toThrow(/row 2 .*rejected/);
  await refused({ a: "x", b: "y" }).toThrow(/no choice, votes or counts/);
  await refused({ response: "x", spans: [{ start: 0, end: 1 }] }).toThrow(
    /row 2 .* has no correction to compare it with.*tiller train step-reward/,
  );
  await refused({ response: "x", correction: "y", spans: [{ start: 0, end: 2 }] }).toThrow(
    /row 2 .*ends within the response/,
  );
  await refused({ chosen: "y", rejected: "x", strength: -1 }).toThrow(/row 2 .*strength/);
});
