/** Which labels each age lets in, for any log of outputs; and comparisons of several judges as one row a pair. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Address, keyOf } from "@tiller/book/keys.ts";
import { type TreeJudgment, TreeStanding } from "@tiller/schema";
import { ages, type Compared, letsIn, nowOf, treePairsOf, wordsOf } from "./labels.ts";

const some = fc.constantFrom("p", "q", "r");
const Addressed = fc.record({ input: some, context: some, maker: some });
const maker = "p"; // the tree's own, now

test("exact lets in what is as it was, drifted also another context, any all; each lets in what the one before does", () => {
  fc.assert(
    fc.property(
      fc.array(Addressed, { minLength: 1, maxLength: 8 }),
      Addressed,
      fc.constantFrom(...TreeStanding.options),
      some,
      (log, label, standing, context) => {
        const entry = log[0]!;
        const entries = log.map((a) => ({ ...a, node: "0.1" }));
        const key = keyOf({ input: entry.input, context, maker }); // what it is looked up by now
        const now = nowOf(new Map([["0.1", { key, standing, entry }]]), entries, maker).get("0.1")!;
        const [exact, drifted, any] = ages.map((age) => letsIn(age, keyOf(label), now));
        const same = (...parts: (keyof Address)[]) =>
          parts.every((p) => label[p] === { input: entry.input, context, maker }[p]);
        expect(exact).toBe(standing === "current" && same("input", "context", "maker"));
        const known = label.context === context || log.some((e) => e.context === label.context);
        const valid = standing === "current" || standing === "drifted";
        expect(drifted).toBe(valid && known && same("input", "maker"));
        expect(any).toBe(true);
        expect(!exact || drifted).toBe(true);
      },
    ),
    { seed: 1 },
  );
});

test("of a node that was never written, nothing is let in but by any age", () => {
  expect(ages.map((age) => letsIn(age, "k", undefined))).toEqual([false, false, true]);
});

const said = (
  n: number,
  by: string,
  texts: string[],
  choices: [string, string, string],
): Compared => {
  const [firstSecond, secondThird, firstThird] = choices;
  const ratings = { firstOverall: 2, secondOverall: 4, thirdOverall: 6 };
  const judgment: TreeJudgment = {
    n,
    kind: "compare",
    node: "0.1",
    key: "k",
    saw: "s",
    texts,
    value: { firstSecond, secondThird, firstThird, ...ratings },
    author: { kind: "person", name: by },
    answer: null,
    at: "2026-11-28T00:00:00.000Z",
  };
  return { tree: "t", node: "0.1", height: 0, key: "k", saw: "s", prompt: "p", judgment };
};

test("judges who read three summaries in other orders speak of the same pairs; a tie alone says nothing", () => {
  const all = [
    said(1, "ann", ["x", "y", "z"], ["a", "tie", "a"]),
    said(2, "bob", ["z", "y", "x"], ["tie", "b", "b"]), // x above y and z too
  ];
  const rows = treePairsOf(all);
  expect(rows.map((r) => [r.a, r.b, r.said])).toEqual([
    ["x", "y", [1, 2]],
    ["y", "z", [1, 2]],
    ["x", "z", [1, 2]],
  ]);
  expect(rows[0]!.pB).toBeLessThan(0.3);
  expect(rows[1]!.pB).toBe(0.5);
  expect(rows[2]!.pB).toBeLessThan(0.3);
  const first = wordsOf(all).filter((w) => w.a === "x" && w.b === "z");
  expect(first.map((w) => [w.by, w.choice, w.ratings])).toEqual([
    ["ann", "a", [2, 6]],
    ["bob", "a", [6, 2]],
  ]);
});
