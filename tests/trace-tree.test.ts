/** The tree of the trace: sums, what opens by itself, filters and totals, typing ahead, two experiments united. */
import { expect, test } from "vitest";
import type { TraceNode } from "@tiller/schema";
import { makeTree } from "@tiller/flow/fixtures/tree.ts";
import {
  buildTree,
  opensByItself,
  typeahead,
  unite,
  visibleRows,
} from "@tiller/web/src/trace/tree.ts";

const made = (experiment = "s", seed = 3) =>
  makeTree({ experiment, nodes: 600, seed, length: 60 }).nodes.map(
    ({ input: _i, output: _o, prompt: _p, links: _l, attempts: _a, ...n }, i): TraceNode => ({
      ...n,
      seq: i + 1,
    }),
  );
const nodes = made();
const now = Date.parse("2026-12-01T00:00:00Z");
const total = (f: (n: TraceNode) => number) => nodes.reduce((sum, n) => sum + f(n), 0);

test("sums reach the root, whatever order the nodes came in", () => {
  for (const order of [nodes, nodes.toReversed()]) {
    const tree = buildTree(order, now);
    expect(tree.roots.length).toBe(1);
    const { sum } = tree.roots[0]!;
    expect(sum.nodes).toBe(600);
    expect(sum.cost).toBeCloseTo(
      total((n) => n.cost),
      9,
    );
    expect([sum.tokens, sum.answers, sum.failed]).toEqual([
      total((n) => n.tokens),
      total((n) => n.answers),
      total((n) => (n.state === "failed" ? 1 : 0)),
    ]);
    for (const b of tree.byId.values())
      expect(b.children.map((c) => c.node.place)).toEqual(b.children.map((_, i) => i));
  }
});

test("what failed or waits shows at once, the rest is folded", () => {
  const tree = buildTree(nodes, now);
  const { rows, totals } = visibleRows(tree, {}, new Map(), now);
  const shown = new Set(rows.map((r) => r.branch.node.id));
  for (const n of nodes)
    if (n.state === "failed" || n.state === "waiting") expect(shown).toContain(n.id);
  for (const r of rows.filter((x) => x.expanded)) expect(opensByItself(r.branch)).toBe(true);
  expect(rows.length).toBeLessThan(300);
  expect(totals.nodes).toBe(600);
  const folded = visibleRows(tree, {}, new Map([["s", false]]), now);
  expect(folded.rows.length).toBe(1);
});

test("a filter keeps the matches and the way to them, and adds up the matches alone", () => {
  const tree = buildTree(nodes, now);
  const { rows, totals } = visibleRows(tree, { kind: "model", text: "DRAFT" }, new Map(), now);
  const wanted = nodes.filter((n) => n.kind === "model" && n.name === "draft");
  expect(
    rows
      .filter((r) => !r.dim)
      .map((r) => r.branch.node.id)
      .toSorted(),
  ).toEqual(wanted.map((n) => n.id).toSorted());
  expect(totals.nodes).toBe(wanted.length);
  expect(totals.tokens).toBe(wanted.reduce((s, n) => s + n.tokens, 0));
  for (const r of rows)
    if (r.branch.parent) expect(rows.some((x) => x.branch === r.branch.parent)).toBe(true);
  expect(
    visibleRows(tree, { text: "zzz", found: new Set([nodes[9]!.id]) }, new Map(), now).totals.nodes,
  ).toBe(1);
});

test("typing ahead goes round; a longer text stays where it matches", () => {
  const tree = buildTree(nodes, now);
  const { rows } = visibleRows(tree, {}, new Map(), now);
  const first = typeahead(rows, 0, "p");
  expect(rows[first]!.branch.node.name).toBe("passage 1");
  expect(typeahead(rows, first, "pa")).toBe(first);
  expect(typeahead(rows, rows.length - 1, "st")).toBe(0);
  expect(typeahead(rows, 4, "nothing has this name")).toBe(4);
});

test("two experiments match by their paths", () => {
  const other = made("other");
  const digests = (list: readonly TraceNode[]) => new Map(list.map((n) => [n.id, n.brief]));
  const changed = other.map((n, i) => (i === 5 ? { ...n, brief: "something else" } : n));
  const there = changed.filter((_, i) => i !== 599);
  const here = nodes.filter((_, i) => i !== 598);
  const both = unite(
    { experiment: "s", nodes: here, digests: digests(here) },
    { experiment: "other", nodes: there, digests: digests(there) },
  );
  expect(both.nodes.length).toBe(600);
  const by = Map.groupBy(both.changes, ([, change]) => change);
  expect(by.get("changed")?.map(([id]) => id)).toEqual([nodes[5]!.id]);
  expect(by.get("here")?.map(([id]) => id)).toEqual([nodes[599]!.id]);
  expect(by.get("there")?.map(([id]) => id)).toEqual([nodes[598]!.id]);
  expect(by.get("same")?.length).toBe(597);
  expect(buildTree(both.nodes, now).roots.length).toBe(1);
});
