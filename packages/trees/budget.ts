/** Hard budgets of subtrees: a node is begun only if it and all that is under way below fit at their worst. */
import type { Answer, Ask, Entry, Plan } from "@tiller/book";
import type { PlanNode } from "@tiller/book/plan.ts";
import type { TreeSettings } from "@tiller/schema";

interface Use {
  tokens: number;
  money: number;
  answers: number;
}
const none = (): Use => ({ tokens: 0, money: 0, answers: 0 });
const kinds = ["tokens", "money", "answers"] as const;

export function budgets(
  plan: Plan,
  s: TreeSettings,
  before: readonly Entry[],
  byPeople: (n: PlanNode) => boolean,
) {
  const limits = s.budgets.map((b) => ({ ...b, at: b.node === "root" ? plan.root.id : b.node }));
  const used = new Map(limits.map((b) => [b.at, none()]));
  const open = new Map<string, { readonly at: readonly string[]; readonly use: Use }>();
  /** The places with a budget that a node counts for. */
  const above = (n: PlanNode | undefined): string[] =>
    n === undefined
      ? []
      : [
          ...(used.has(n.id) ? [n.id] : []),
          ...above(n.parent === undefined ? undefined : plan.nodes.get(n.parent)),
        ];
  const worst = (ask: Ask): Use => {
    if (byPeople(ask.node)) return { ...none(), answers: 1 };
    const prompt = ask.tokens + plan.reserve;
    const { price } = s;
    const money = (prompt * price.prompt + ask.node.cap * price.completion) / 1e6;
    return { tokens: prompt + ask.node.cap, money, answers: 0 };
  };
  const add = (e: Answer & { readonly node: string }) => {
    for (const at of above(plan.nodes.get(e.node))) {
      const use = used.get(at)!;
      if (e.author.kind === "person") use.answers++;
      else {
        use.tokens += e.promptTokens + e.tokens;
        use.money += e.cost;
      }
    }
  };
  for (const e of before) add(e);
  let why: string | undefined;
  return {
    began: (ask: Ask) => void open.set(ask.key, { at: above(ask.node), use: worst(ask) }),
    ended(ask: Ask, answer: Answer | undefined) {
      open.delete(ask.key);
      if (answer) add({ ...answer, node: ask.node.id });
    },
    /** Why this node may not be begun. */
    refuses(ask: Ask): string | undefined {
      const more = worst(ask);
      for (const at of above(ask.node)) {
        const beside = [...open.values()].filter((u) => u.at.includes(at));
        for (const limit of limits.filter((l) => l.at === at))
          for (const what of kinds) {
            const most = limit[what];
            const sum = beside.reduce((x, u) => x + u.use[what], used.get(at)![what]);
            if (most !== undefined && more[what] > 0 && sum + more[what] > most)
              return (why ??= `the budget of ${limit.node} (${most} ${what === "money" ? "US dollars" : what}) does not take ${ask.node.id}`);
          }
      }
      return undefined;
    },
    why: () => why,
  };
}
