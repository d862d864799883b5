/**
 * What an edit would cost before anything is asked, for each of the three choices. These are bounds: an output that comes out as it
 * was stops what it would have set off.
 */
import { TillerError } from "@tiller/schema";
import { contextOf } from "./keys.ts";
import { forecast, type Forecast, type Rates } from "./forecast.ts";
import { type Plan, type PlanNode, waitsFor } from "./plan.ts";
import type { Output, Redo } from "./tree.ts";

/** Other words in a leaf, or another output of a node. */
export type Edit = { readonly leaf: string } | { readonly output: string };
export interface Choice extends Forecast {
  readonly redone: readonly string[];
  /** kept, though they were made beside something else */
  readonly drifted: readonly string[];
  /** of the redone, those that people wrote: they are shown what changed */
  readonly people: readonly string[];
}

export function whatIf(
  plan: Plan,
  outputs: ReadonlyMap<string, Output>,
  edit: Edit,
  rates: Rates,
): Readonly<Record<Redo, Choice>> {
  const named = "leaf" in edit ? edit.leaf : edit.output;
  const at = plan.nodes.get(named);
  if (!at || ("leaf" in edit && at.height > 0))
    throw new TillerError(
      "no_node",
      `there is no ${"leaf" in edit ? "leaf" : "node"} ${named}. Nodes are named height.index, 0.0 to ${plan.root.id}.`,
    );
  const readers = readersOf(plan, outputs);
  const start = "leaf" in edit ? [at] : [];
  const path = new Set(start);
  for (let n = parentOf(plan, at); n; n = parentOf(plan, n)) path.add(n);

  // an edited output is a person's: it drifts, and is asked again if what it was made from is redone
  const stays = (r: PlanNode): boolean => r === at || byPerson(outputs, r);
  /** What follows from these being redone: what they go into, and what was made beside them. */
  const following = (from: Iterable<PlanNode>): { redone: Set<PlanNode>; kept: Set<PlanNode> } => {
    const [redone, kept] = [new Set(from), new Set<PlanNode>()];
    const queue = [at, ...redone];
    for (let n: PlanNode | undefined = queue.pop(); n; n = queue.pop()) {
      const parent = parentOf(plan, n);
      const beside = readers(n);
      for (const r of beside) if (stays(r)) kept.add(r);
      const next = [...(parent ? [parent] : []), ...beside.filter((r) => !stays(r))];
      for (const m of next)
        if (!redone.has(m)) {
          redone.add(m);
          queue.push(m);
        }
    }
    return { redone, kept: new Set([...kept].filter((n) => !redone.has(n))) };
  };
  const choice = (redone: ReadonlySet<PlanNode>, kept: ReadonlySet<PlanNode>): Choice => {
    const inOrder = (nodes: ReadonlySet<PlanNode>) =>
      plan.levels.flat().filter((n) => nodes.has(n));
    const nodes = inOrder(redone);
    return {
      ...forecast(plan, nodes, rates),
      redone: nodes.map((n) => n.id),
      drifted: inOrder(kept).map((n) => n.id),
      people: nodes.filter((n) => byPerson(outputs, n)).map((n) => n.id),
    };
  };
  const beside = [at, ...path].flatMap((n) => readers(n));
  // what an earlier edit or another policy left behind is redone too
  const behind = plan.levels
    .flat()
    .filter((n) => n !== at && !byPerson(outputs, n) && isBehind(outputs, n));
  const apart = behind.filter((n) => besideOther(plan, outputs, n));
  const [some, every] = [following([...path, ...apart]), following([...path, ...behind])];
  return {
    path: choice(path, new Set(beside.filter((n) => !path.has(n) && n !== at))),
    drifted: choice(some.redone, some.kept),
    all: choice(every.redone, every.kept),
  };
}

const parentOf = (plan: Plan, n: PlanNode): PlanNode | undefined =>
  n.parent === undefined ? undefined : plan.nodes.get(n.parent);
const byPerson = (outputs: ReadonlyMap<string, Output>, n: PlanNode): boolean =>
  outputs.get(n.id)?.entry.author.kind === "person";

const isBehind = (outputs: ReadonlyMap<string, Output>, n: PlanNode): boolean => {
  const standing = outputs.get(n.id)?.standing;
  return standing === "drifted" || standing === "aged";
};
/** It was made beside other outputs than those that it would read now. */
function besideOther(plan: Plan, outputs: ReadonlyMap<string, Output>, n: PlanNode): boolean {
  const { entry, used } = outputs.get(n.id)!;
  return (
    entry.context !== contextOf(readBy(plan, n, used).map((m) => outputs.get(m.id)?.hash ?? ""))
  );
}
/** The earlier nodes that one reads, of which it has so many in its context. */
function readBy(plan: Plan, n: PlanNode, used: number): readonly PlanNode[] {
  const last = waitsFor(plan, n);
  if (last === undefined) return [];
  const to = plan.nodes.get(last)!.index;
  return plan.levels[n.height]!.slice(to + 1 - used, to + 1);
}

/** Who has a node's output in its context. */
function readersOf(plan: Plan, outputs: ReadonlyMap<string, Output>) {
  const readers = new Map<string, PlanNode[]>();
  for (const level of plan.levels)
    for (const n of level)
      for (const m of readBy(plan, n, outputs.get(n.id)?.used ?? 0)) {
        const of = readers.get(m.id);
        if (of) of.push(n);
        else readers.set(m.id, [n]);
      }
  return (n: PlanNode): readonly PlanNode[] => readers.get(n.id) ?? [];
}
