import { expect, test } from "vitest";
import { WayDown } from "./down.ts";

const [one, two] = ["Anna hid the silver key. It rained. ", "Tom sold a boat in Venice. He slept."];
const leaf = (i: number, starts: number, text: string, words: string) => ({
  node: `0.${i}`,
  parent: "1.0",
  starts,
  ends: starts + words.length,
  text,
});
const rows = [
  leaf(0, 0, "A silver key is hidden. Rain falls.", one),
  leaf(1, one.length, "A boat is sold in Venice.", two),
  { node: "1.0", parent: null, starts: null, ends: null, text: "Somebody sold a boat in Venice." },
];

test("from the root's sentence through the summary below to the book's own words", () => {
  const way = new WayDown(rows, one + two);
  expect(way.root).toBe("1.0");
  const down = way.from("1.0", "Somebody sold a boat in Venice.");
  expect(down.map((s) => [s.node, s.text])).toEqual([
    ["0.1", "A boat is sold in Venice."],
    [null, "Tom sold a boat in Venice."],
  ]);
  expect((one + two).slice(down[1]!.from, down[1]!.to)).toBe("Tom sold a boat in Venice.");
  expect(way.from("1.0", "Elephants dance.")).toEqual([]);
  expect(way.from("0.9", "Nothing.")).toEqual([]);
});
