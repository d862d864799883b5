import { expect, test } from "vitest";
import { hashOf, type Plan } from "@tiller/book";
import { aStory } from "@tiller/book/fixtures/echo.ts";
import { editLeaf } from "@tiller/book/plan.ts";
import { TreeSettings } from "@tiller/schema";
import { alignTrees, type Side } from "./compare.ts";
import { coveredBy } from "./judging.ts";
import { count, newPlan } from "./plan.ts";

const text = aStory(5, 6);
const planned = (seed: number, of = text) => newPlan(of, TreeSettings.parse({ window: 256, seed }));
/** A node says its name, or what `words` has for it. */
function side(plan: Plan, words: Record<string, string> = {}, said = {}): Side {
  const outputs = [...plan.nodes.keys()].map((node) => {
    const hash = hashOf(node);
    const author = { kind: "policy", name: "small" } as const;
    const made = { input: hash, context: hash, maker: hash, saw: hash, author };
    const took = { promptTokens: 1, tokens: 1, seconds: 0, cost: 0 };
    return [node, { entry: { node, ...made, text: words[node] ?? node, ...took } }] as const;
  });
  return { plan, outputs: new Map(outputs), said };
}

test("the same division goes by names, through an edit of a passage", () => {
  const plan = planned(1);
  const edited = editLeaf(plan, "0.2", "Anna went away.\n\n", count);
  const { aligned, counts, rows } = alignTrees(
    side(plan, {}, { "0.2": 3 }),
    side(edited, { "0.2": "Anna goes.", [plan.root.id]: "Anna." }),
  );
  expect(aligned).toBe("names");
  const changed = rows.filter((r) => r.how !== "same");
  expect(changed.map((r) => [r.here.node, r.here.said, r.there[0]!.text])).toEqual([
    [plan.root.id, 0, "Anna."],
    ["0.2", 3, "Anna goes."],
  ]);
  expect(counts).toEqual({ same: plan.nodes.size - 2, changed: 2, onlyHere: 0, onlyThere: 0 });
});

test.each([2, 3, 4])("another seed (%i) goes by the book's characters", (seed) => {
  const [a, b] = [planned(1), planned(seed)];
  const { aligned, counts, rows } = alignTrees(side(a), side(b));
  expect(aligned).toBe("places");
  expect(rows[0]!.here.node).toBe(a.root.id);
  expect(rows[0]!.there.map((n) => n.node)).toEqual([b.root.id]);
  expect(rows).toHaveLength(a.nodes.size);
  expect(counts.onlyHere + counts.same + counts.changed).toBe(a.nodes.size);
  expect(counts.onlyThere + counts.same + counts.changed).toBe(b.nodes.size);
  expect(counts.onlyHere).toBeGreaterThan(0);
  for (const r of rows.filter((x) => x.how === "covers")) {
    const { from, to } = coveredBy(a, a.nodes.get(r.here.node)!);
    const over = r.there.map((n) => coveredBy(b, b.nodes.get(n.node)!));
    // all of its characters, and no neighbour that has none of them
    expect(over[0]!.from).toBeLessThanOrEqual(from);
    expect(over.at(-1)!.to).toBeGreaterThanOrEqual(to);
    for (const o of over) expect(o.from < to && o.to > from).toBe(true);
  }
});

test("trees of different books are refused", () => {
  expect(() => alignTrees(side(planned(1)), side(planned(1, aStory(9, 6))))).toThrow(
    /different texts .*Compare trees of one text/,
  );
});

test("an edit of a passage can be taken back, whatever its length", () => {
  const plan = planned(1);
  for (const { id, span } of plan.levels[0]!) {
    const words = text.slice(span!.from, span!.to);
    const edited = editLeaf(plan, id, "Anna went away.\n\n", count);
    expect(editLeaf(edited, id, words, count).text).toBe(text);
  }
});
