/** What a subtree may use up: checked before every model call and ask, against what all of it has used so far. */
import { z } from "zod";
import { Budget, TillerError } from "@tiller/schema";
import { ModelError, type Reply } from "@tiller/model";
import { type Db } from "@tiller/store";
import { spend, spentBelow } from "./spend.ts";

export const BudgetScope = z.strictObject({
  node: z.string(),
  since: z.number().describe("milliseconds since 1970, the database's clock"),
  budget: Budget,
});
export type BudgetScope = z.infer<typeof BudgetScope>;

/** What a model call may use up: no field, no limit. */
export interface Left {
  readonly money?: number;
  readonly tokens?: number;
}
/**
 * `wants`: what the call is known to add. Calls under way at the same time can go over by what they cost. Returns what
 * the tightest of the budgets leaves, for the call that comes next.
 */
export async function checkBudgets(
  db: Db,
  scopes: readonly BudgetScope[],
  wants: { tokens?: number; people?: number },
  now: number,
): Promise<Left> {
  let left: { money?: number; tokens?: number } = {};
  const least = (a: number | undefined, b: number) => Math.min(a ?? Infinity, b);
  for (const { node, since, budget } of scopes) {
    const over = (what: string, used: number, limit: number) => {
      throw new TillerError(
        "over_budget",
        `${node} may use ${limit} ${what} and has used ${Number(used.toFixed(4))}. Give it more, or ask for less.`,
      );
    };
    const minutes = (now - since) / 60_000;
    if (budget.minutes !== undefined && minutes > budget.minutes)
      over("minutes", minutes, budget.minutes);
    if (budget.money === undefined && budget.tokens === undefined && budget.people === undefined)
      continue;
    const used = await spentBelow(db, node);
    if (budget.money !== undefined && wants.tokens && used.money >= budget.money)
      over("US dollars", used.money, budget.money);
    if (budget.tokens !== undefined && used.tokens + (wants.tokens ?? 0) > budget.tokens)
      over("tokens", used.tokens, budget.tokens);
    if (budget.people !== undefined && used.people + (wants.people ?? 0) > budget.people)
      over("people's answers", used.people, budget.people);
    if (budget.money !== undefined)
      left = { ...left, money: least(left.money, budget.money - used.money) };
    if (budget.tokens !== undefined)
      left = { ...left, tokens: least(left.tokens, budget.tokens - used.tokens) };
  }
  return left;
}

/** A model call on a node's account: what a failed one used counts too. */
export async function charged<T>(
  db: Db,
  at: { node: string; experiment: string },
  call: () => Promise<Reply<T>>,
): Promise<{ reply: Reply<T>; used: { money: number; tokens: number } }> {
  const usedBy = (u: { cost: number; promptTokens: number; completionTokens: number }) => ({
    money: u.cost,
    tokens: u.promptTokens + u.completionTokens,
  });
  try {
    const reply = await call();
    const used = usedBy(reply);
    await spend(db, { ...at, ...used });
    return { reply, used };
  } catch (e) {
    if (e instanceof ModelError) await spend(db, { ...at, ...usedBy(e.used) });
    throw e;
  }
}
