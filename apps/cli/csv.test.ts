/** Tables for the quality commands: nothing empty is a number, what is optional may be missing, and lines are named. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { numberCell, readCsv, separatorOf } from "./csv.ts";
import { countFlag, numberFlag, parseFlags } from "./flags.ts";

const folder = mkdtempSync(path.join(tmpdir(), "tiller-csv-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const shape = { task: z.string().min(1), label: numberCell, seconds: numberCell.optional() };
const read = (content: string | Buffer, o = {}) => {
  const file = path.join(folder, "t.csv");
  writeFileSync(file, content);
  return readCsv(file, shape, o);
};

test("optional columns and cells may be missing; spaces around cells are none of them", async () => {
  expect(await read("task,label\n a , 80\n")).toEqual([{ task: "a", label: 80 }]);
  expect(await read("label,seconds,task\n-1.5,,b\n2,30,c\n")).toEqual([
    { task: "b", label: -1.5 },
    { task: "c", label: 2, seconds: 30 },
  ]);
});
test.each([
  ["task,label\na,1\n\nb,\n", /t\.csv, line 4: label: is empty, where a number belongs\./],
  ["task,label\na,0x10\n", /line 2: label: "0x10" is no number/],
  ["task,label\na,1e999\n", /line 2: label: "1e999" is no number/],
  ["task,label,seconds\na,1,five\n", /line 2: seconds: "five" is no number/],
  ["task,worker\na,1\n", /has the columns task, worker; it needs task, label\./],
  ["task,label,label\na,1,2\n", /line 1: two columns are called "label"/],
  ["task;label\na;1\n", /separated by ;\. Say --separator ";"/],
  [
    Buffer.from("task,label\n\u00e9,1\n", "latin1"),
    /line 2: byte 12 of the file, 0xe9, is no UTF-8/,
  ],
])("%j is refused", async (content, message) => expect(read(content)).rejects.toThrow(message));
test("declared encodings and separators", async () => {
  const latin1 = Buffer.from("task;label\npr\u00e9;1\n", "latin1");
  expect(await read(latin1, { encoding: "latin1", separator: ";" })).toEqual([
    { task: "pr\u00e9", label: 1 },
  ]);
  expect(separatorOf("tab")).toBe("\t");
  for (const s of ["", ";;", '"', "\n"]) expect(() => separatorOf(s)).toThrow("give one character");
});

test("flags that are numbers: nothing empty, no spaces, no hex", () => {
  const flags = {
    n: countFlag(z.int().min(0)).default(7),
    x: numberFlag(z.number().max(1)).optional(),
  };
  expect(parseFlags([], flags).flags).toEqual({ n: 7 });
  expect(parseFlags(["--n", "12", "--x", "1e-3"], flags).flags).toEqual({ n: 12, x: 0.001 });
  for (const bad of ["", " 5", "0x10", "1e3", "5.0", "five", "-1", "99999999999999999"])
    expect(() => parseFlags([`--n=${bad}`], flags)).toThrow("--n");
  for (const bad of ["", " 0.5", "0x1", "NaN", "Infinity", "0,5", "2"])
    expect(() => parseFlags([`--x=${bad}`], flags)).toThrow("--x");
});
