/** A tree's plan by its settings, and again from its rows. Tokens are counted as the desk counts them, so that the cap a person sees is the cap. */
import { ContextOrder, type Output, type Plan, planOf } from "@tiller/book";
import { type PlanNode, waitsFor } from "@tiller/book/plan.ts";
import { TASK } from "@tiller/book/prompt.ts";
import { windowOf } from "@tiller/book/window.ts";
import { type PeoplesNodes, rng, TillerError, type TreeSettings } from "@tiller/schema";
import { measure } from "@tiller/task";

export const count = measure.tokens;

export const RESERVE = 32; // a chat template's frame

export const newPlan = (text: string, s: TreeSettings): Plan =>
  planOf(text, {
    window: s.window,
    seed: s.seed,
    count,
    order: ContextOrder.parse(s.context),
    instructions: s.instructions,
    reserve: RESERVE,
  });

/** The plan that was made when the tree was, about the text as it is now. */
export function planAgain(text: string, s: TreeSettings, nodes: readonly PlanNode[]): Plan {
  const levels = [...Map.groupBy(nodes, (n) => n.height).entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([, level]) => level.toSorted((a, b) => a.index - b.index));
  return {
    text,
    window: windowOf(s.window),
    order: ContextOrder.parse(s.context),
    seed: s.seed,
    levels,
    nodes: new Map(levels.flat().map((n) => [n.id, n])),
    root: levels.at(-1)![0]!,
    task: TASK,
    instructions: s.instructions,
    reserve: RESERVE,
  };
}

/**
 * Part of what outputs are addressed by: with what the model's name stands for, so that another behind the same name is another
 * policy.
 */
export const policyName = (
  s: Pick<TreeSettings, "model" | "temperature">,
  standsFor?: string,
): string =>
  s.model === undefined
    ? "people"
    : `${s.model}${standsFor === undefined ? "" : ` (${/^[0-9a-f]{64}$/.test(standsFor) ? standsFor.slice(0, 12) : standsFor})`}, temperature ${s.temperature}`;

/** What a tree's outputs are addressed by: as it was settled when it grew; before that, by its model's name alone. */
export const policyOf = (t: { policy: string | null; settings: TreeSettings }): string =>
  t.policy ?? policyName(t.settings);

/** The first of what a node reads that is not written. */
export function missingFor(
  plan: Plan,
  node: PlanNode,
  outputs: ReadonlyMap<string, Output>,
): string | undefined {
  const below = node.children.find((c) => !outputs.has(c));
  if (below !== undefined) return below;
  const last = waitsFor(plan, node);
  const readable = last === undefined ? 0 : plan.nodes.get(last)!.index + 1;
  return plan.levels[node.height]!.slice(0, readable).find((n) => !outputs.has(n.id))?.id;
}

/** Whether a person writes a node: by its name and the seed, so that an edit draws nobody anew. */
export function writtenByPeople(
  { people, model, seed }: Pick<TreeSettings, "people" | "model" | "seed">,
  node: PlanNode,
): boolean {
  if (model === undefined || people.nodes.includes(node.id)) return true;
  const { heights } = people;
  if (heights.length > 0 && !heights.includes(node.height)) return false;
  return rng(seed, "people", node.id).next() < people.share;
}

/** Refuses names that are in no node of the plan. */
export function checkNames(
  plan: Plan,
  s: { people: PeoplesNodes; budgets: TreeSettings["budgets"] },
) {
  const named = [...s.people.nodes, ...s.budgets.map((b) => b.node).filter((n) => n !== "root")];
  const strange = named.find((n) => !plan.nodes.has(n));
  if (strange !== undefined)
    throw new TillerError(
      "no_node",
      `there is no node ${strange} in this tree: they are 0.0 to ${plan.root.id}. Look at the plan (tiller book start FILE --plan).`,
    );
}
