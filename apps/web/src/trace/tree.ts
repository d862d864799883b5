/**
 * The trace as a tree, pure: branches with the sums of what is below them, what matters, filters and their totals, and
 * the rows that show. Rebuilt whole when nodes change: 10,000 nodes take a few milliseconds (tests/trace-tree.test.ts has the
 * properties, bench/trace.ts the time).
 */
import { z } from "zod";
import type { TraceNode } from "@tiller/schema";

export interface Sums {
  nodes: number;
  failed: number;
  waiting: number;
  cost: number;
  tokens: number;
  answers: number;
  wanted: number;
}
export interface Branch {
  readonly node: TraceNode;
  readonly parent: Branch | undefined;
  readonly children: Branch[];
  readonly level: number;
  /** its place among the children of its parent, from 0 */
  index: number;
  /** its own and of everything below */
  readonly sum: Sums;
  /** milliseconds since 1970; `end` is undefined while it goes on */
  begin: number;
  end: number | undefined;
}
export interface Tree {
  readonly roots: readonly Branch[];
  readonly byId: ReadonlyMap<string, Branch>;
  /** what the time axis spans */
  readonly begin: number;
  readonly end: number;
}

/** Kinds that hold others: their time is their children's. */
const containers: ReadonlySet<TraceNode["kind"]> = new Set(["workflow", "map", "item", "stage"]);

/** Of a node as it is, so that a change of a few parses few dates. */
const times = new WeakMap<TraceNode, { begin: number; end: number | undefined }>();
function timesOf(node: TraceNode): { begin: number; end: number | undefined } {
  const known = times.get(node);
  if (known) return known;
  const end = node.endedAt === null ? undefined : Date.parse(node.endedAt);
  const parsed = { begin: Date.parse(node.startedAt), end };
  times.set(node, parsed);
  return parsed;
}
const order = (a: Branch, b: Branch) =>
  a.node.place - b.node.place || (a.node.name < b.node.name ? -1 : 1);

export function buildTree(
  nodes: Iterable<TraceNode> | ReadonlyMap<string, TraceNode>,
  now: number,
): Tree {
  const all: ReadonlyMap<string, TraceNode> =
    nodes instanceof Map
      ? nodes
      : new Map([...(nodes as Iterable<TraceNode>)].map((n) => [n.id, n]));
  const byId = new Map<string, Branch>();
  const roots: Branch[] = [];
  const parentsFirst: Branch[] = [];
  const make = (node: TraceNode): Branch => {
    const known = byId.get(node.id);
    if (known) return known;
    const above = node.parent === null ? undefined : all.get(node.parent);
    const parent = above && make(above);
    const { begin, end } = timesOf(node);
    const branch: Branch = {
      node,
      parent,
      children: [],
      level: parent ? parent.level + 1 : 1,
      index: 0,
      sum: {
        nodes: 1,
        failed: node.state === "failed" ? 1 : 0,
        waiting: node.state === "waiting" ? 1 : 0,
        cost: node.cost,
        tokens: node.tokens,
        answers: node.answers,
        wanted: node.wanted,
      },
      begin,
      end,
    };
    byId.set(node.id, branch);
    parentsFirst.push(branch);
    (parent?.children ?? roots).push(branch);
    return branch;
  };
  for (const n of all.values()) make(n);
  let begin = Infinity;
  let end = -Infinity;
  // from the end, so that a parent adds up children that are whole
  for (let i = parentsFirst.length - 1; i >= 0; i--) {
    const b = parentsFirst[i]!;
    if (b.children.length > 1) b.children.sort(order).forEach((c, place) => (c.index = place));
    begin = Math.min(begin, b.begin);
    end = Math.max(end, b.end ?? (b.node.state === "cancelled" ? b.begin : now));
    const up = b.parent?.sum;
    if (!up) continue;
    up.nodes += b.sum.nodes;
    up.failed += b.sum.failed;
    up.waiting += b.sum.waiting;
    up.cost += b.sum.cost;
    up.tokens += b.sum.tokens;
    up.answers += b.sum.answers;
    up.wanted += b.sum.wanted;
  }
  roots.sort(order);
  return { roots, byId, begin, end: Math.max(end, begin + 1) };
}

/** What the page's address holds: the chosen node, the filters, the experiment compared with. */
export const Place = z.object({
  node: z.string().optional().catch(undefined),
  q: z.string().optional().catch(undefined).describe("text"),
  kind: z.string().optional().catch(undefined),
  state: z.string().optional().catch(undefined),
  agent: z.string().optional().catch(undefined),
  with: z.string().optional().catch(undefined).describe("another experiment, to compare"),
  change: z.string().optional().catch(undefined).describe("same, changed, here, there, differs"),
});
export type Place = z.infer<typeof Place>;

export type Change = "same" | "changed" | "here" | "there";
export interface Filter {
  readonly kind?: string | undefined;
  readonly state?: string | undefined;
  readonly agent?: string | undefined;
  readonly text?: string | undefined;
  /** nodes that the text was found in further down: inputs, outputs, prompts */
  readonly found?: ReadonlySet<string> | undefined;
  readonly change?: string | undefined;
  readonly changes?: ReadonlyMap<string, Change> | undefined;
}
export const isActive = (f: Filter): boolean =>
  Boolean(f.kind || f.state || f.agent || f.text || f.change);

export function matcher(f: Filter): (n: TraceNode) => boolean {
  const text = f.text?.toLowerCase();
  return (n) =>
    (!f.kind || n.kind === f.kind) &&
    (!f.state || n.state === f.state) &&
    (!f.agent || n.agent === f.agent) &&
    (!f.change ||
      (f.change === "differs"
        ? f.changes?.get(n.id) !== "same"
        : f.changes?.get(n.id) === f.change)) &&
    (!text ||
      n.name.toLowerCase().includes(text) ||
      n.brief.toLowerCase().includes(text) ||
      f.found?.has(n.id) === true);
}

export interface Totals {
  nodes: number;
  cost: number;
  tokens: number;
  answers: number;
  /** seconds, summed over what works or waits itself; containers add nothing */
  seconds: number;
}
export interface Row {
  readonly branch: Branch;
  readonly expanded: boolean | undefined;
  /** shown only because something below it matches */
  readonly dim: boolean;
}

/** Open where the reader has not said otherwise: the root, and the way to what failed or waits. */
export const opensByItself = (b: Branch): boolean =>
  b.level === 1 ||
  b.sum.failed > (b.node.state === "failed" ? 1 : 0) ||
  b.sum.waiting > (b.node.state === "waiting" ? 1 : 0);

export function visibleRows(
  tree: Tree,
  filter: Filter,
  toggled: ReadonlyMap<string, boolean>,
  now: number,
): { rows: Row[]; totals: Totals } {
  const active = isActive(filter);
  const matches = matcher(filter);
  const totals: Totals = { nodes: 0, cost: 0, tokens: 0, answers: 0, seconds: 0 };
  const hits = new Set<Branch>();
  const ways = new Set<Branch>();
  for (const b of tree.byId.values()) {
    if (active && !matches(b.node)) continue;
    totals.nodes++;
    totals.cost += b.node.cost;
    totals.tokens += b.node.tokens;
    totals.answers += b.node.answers;
    if (!containers.has(b.node.kind) && b.node.state !== "cancelled")
      totals.seconds += Math.max(0, (b.end ?? now) - b.begin) / 1000;
    if (!active) continue;
    hits.add(b);
    for (let up = b.parent; up && !ways.has(up); up = up.parent) ways.add(up);
  }
  const rows: Row[] = [];
  const stack: Branch[] = tree.roots.toReversed();
  for (let b = stack.pop(); b; b = stack.pop()) {
    if (active && !hits.has(b) && !ways.has(b)) continue;
    const expanded =
      b.children.length === 0
        ? undefined
        : (toggled.get(b.node.id) ?? (active ? ways.has(b) : opensByItself(b)));
    rows.push({ branch: b, expanded, dim: active && !hits.has(b) });
    if (expanded) for (let i = b.children.length - 1; i >= 0; i--) stack.push(b.children[i]!);
  }
  return { rows, totals };
}

/** The next row, after `from` and around the end, whose name begins with what was typed. */
export function typeahead(rows: readonly Row[], from: number, typed: string): number {
  const text = typed.toLowerCase();
  // one letter looks on from the next row; more letters stay where they already match
  const start = typed.length > 1 ? from : from + 1;
  for (let i = 0; i < rows.length; i++) {
    const at = (start + i) % rows.length;
    if (rows[at]!.branch.node.name.toLowerCase().startsWith(text)) return at;
  }
  return from;
}

/** An experiment with the nodes that only another has, and what became of each: matched by the place below the experiment. */
export function unite(
  here: { experiment: string; nodes: readonly TraceNode[]; digests: ReadonlyMap<string, string> },
  there: { experiment: string; nodes: readonly TraceNode[]; digests: ReadonlyMap<string, string> },
): { nodes: TraceNode[]; changes: Map<string, Change> } {
  const moved = (id: string) => here.experiment + id.slice(there.experiment.length);
  const changes = new Map<string, Change>(here.nodes.map((n) => [n.id, "here"]));
  const states = new Map(here.nodes.map((n) => [n.id, n.state]));
  const nodes = [...here.nodes];
  for (const n of there.nodes) {
    const id = moved(n.id);
    if (!changes.has(id)) {
      changes.set(id, "there");
      nodes.push({
        ...n,
        id,
        parent: n.parent === null ? null : moved(n.parent),
        experiment: here.nodes[0]?.experiment ?? n.experiment,
      });
    } else
      changes.set(
        id,
        here.digests.get(id) === there.digests.get(n.id) && states.get(id) === n.state
          ? "same"
          : "changed",
      );
  }
  return { nodes, changes };
}
