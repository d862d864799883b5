/** What nodes of a tree take: people's minutes and a policy's tokens and money, each of its own nodes. */
import { forecast, type Plan } from "@tiller/book";
import type { PlanNode } from "@tiller/book/plan.ts";
import type { TreeForecast, TreeSettings } from "@tiller/schema";
import { checkNames, newPlan, writtenByPeople } from "./plan.ts";

export function forecastNodes(
  plan: Plan,
  nodes: readonly PlanNode[],
  s: TreeSettings,
): TreeForecast {
  const [people, policy] = [true, false].map((by) =>
    forecast(
      plan,
      nodes.filter((n) => writtenByPeople(s, n) === by),
      { price: s.price },
    ),
  );
  return {
    nodes: nodes.length,
    people: { nodes: people!.nodes, minutes: people!.minutes },
    policy: {
      nodes: policy!.nodes,
      tokens: policy!.promptTokens + policy!.tokens,
      money: policy!.money,
    },
  };
}

/** Of a tree that is not there yet. */
export function forecastTree(text: string, s: TreeSettings): TreeForecast {
  const plan = newPlan(text, s);
  checkNames(plan, s);
  return forecastNodes(plan, plan.levels.flat(), s);
}
