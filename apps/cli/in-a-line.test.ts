import { mkdtempSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { NewTree } from "@tiller/schema";
import { inALine } from "./in-a-line.ts";

const thrown = (act: () => unknown): unknown => {
  try {
    act();
  } catch (e) {
    return e;
  }
  throw new Error("nothing was thrown");
};

test("what a person gave and paths are told in a line; a fault of ours keeps its stack", () => {
  const given = thrown(() => NewTree.parse({ name: "x", text: "y", window: 10, context: "lag:0" }));
  expect(inALine(given)).toMatch(/^window: .*256.*; context: strict, none or lag:3\. Change/);
  const folder = mkdtempSync(path.join(tmpdir(), "tiller-line-"));
  expect(inALine(thrown(() => readFileSync(folder)))).toBeUndefined(); // it has no path to tell
  expect(inALine(thrown(() => readFileSync(path.join(folder, "none"))))).toBe(
    `${path.join(folder, "none")}: there is nothing there. Check the path (ENOENT).`,
  );
  rmdirSync(folder);
  expect(inALine(new TypeError("x is not a function"))).toBeUndefined();
  expect(inALine(z.string().safeParse(1).error)).toMatch(/^Invalid input: expected string/);
});
