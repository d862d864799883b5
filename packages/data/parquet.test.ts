/**
 * Files that pyarrow wrote, read to the digit: fixtures/parquet/make.py made them and says what they hold. INT96, every
 * codec and encoding, decimals as integers and as bytes, nesting, maps with keys that are not names of properties.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readRows } from "./read.ts";

const folder = path.join(import.meta.dirname, "fixtures/parquet");
const rowsOf = async (name: string): Promise<string[]> => {
  const rows = await Array.fromAsync(
    readRows(path.join(folder, `${name}.parquet`), { kind: "parquet", name }),
  );
  return rows.map((r) => r.text);
};
const expected = z
  .record(z.string(), z.array(z.string()))
  .parse(JSON.parse(readFileSync(path.join(folder, "expected.json"), "utf8")));

describe("Parquet of pyarrow", () => {
  const refused: Record<string, RegExp> = {
    twice: /^line 1: the column m: a map has the key "a" twice/,
    proto: /^proto: it has a column or a field called __proto__/,
  };
  test("every file in the folder is tried", () => {
    const files = readdirSync(folder).filter((f) => f.endsWith(".parquet"));
    expect(files.map((f) => f.replace(".parquet", "")).toSorted()).toEqual(
      Object.keys(expected).toSorted(),
    );
  });
  test.each(Object.keys(expected).filter((name) => !refused[name]))("%s", async (name) =>
    expect(await rowsOf(name)).toEqual(expected[name]),
  );
  test.each(Object.entries(refused))("%s is refused", async (name, why) => {
    const told = await rowsOf(name).catch((e: Error & { line?: number }) =>
      e.line === undefined ? e.message : `line ${e.line}: ${e.message}`,
    );
    expect(told).toMatch(why);
  });
});
