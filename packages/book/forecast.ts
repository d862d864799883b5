/**
 * What nodes take before they are asked: tokens by their bounds, people's minutes by Wu et al. 2021 (2.5 to read a leaf of 600
 * tokens, 4 to write its summary of at most 128), a policy's money and seconds by what it costs and how fast it is.
 */
import type { Plan, PlanNode } from "./plan.ts";

export interface Rates {
  /** US dollars a million tokens */
  readonly price: { readonly prompt: number; readonly completion: number };
  /** prompt and output; undefined: not known yet */
  readonly tokensPerSecond?: number | undefined;
}
export interface Forecast {
  readonly nodes: number;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly money: number;
  /** of a policy; undefined where its speed is not known */
  readonly seconds: number | undefined;
  /** of people, were they to write all of it */
  readonly minutes: number;
}
// minutes a character: Wu's tokens had about 4.3 characters
const READ = 2.5 / (600 * 4.3);
const WRITE = 4 / (128 * 4.3);

/** Tokens that are read for a node at most: its own input, and context as far as the window goes. */
const inputTokens = (plan: Plan, n: PlanNode): number =>
  n.height === 0
    ? plan.window.leaf
    : n.children.reduce((sum, id) => sum + plan.nodes.get(id)!.cap, 0);
const promptTokens = (plan: Plan, n: PlanNode): number =>
  plan.order === "none" ? inputTokens(plan, n) : plan.window.tokens - n.cap;

export function forecast(plan: Plan, nodes: Iterable<PlanNode>, rates: Rates): Forecast {
  const leaves = plan.levels[0]!.length;
  // of a token: leaves are about nine tenths full
  const characters =
    plan.text.length / Math.max(1, leaves * plan.window.leaf * (leaves > 1 ? 0.9 : 1));
  let sum = { nodes: 0, promptTokens: 0, tokens: 0, minutes: 0 };
  for (const n of nodes)
    sum = {
      nodes: sum.nodes + 1,
      promptTokens: sum.promptTokens + promptTokens(plan, n),
      tokens: sum.tokens + n.cap,
      minutes: sum.minutes + characters * (READ * inputTokens(plan, n) + WRITE * n.cap),
    };
  const { price, tokensPerSecond } = rates;
  return {
    ...sum,
    money: (sum.promptTokens * price.prompt + sum.tokens * price.completion) / 1e6,
    seconds: tokensPerSecond && (sum.promptTokens + sum.tokens) / tokensPerSecond,
  };
}
