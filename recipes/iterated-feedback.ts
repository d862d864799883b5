/**
 * Iterated feedback (Ziegler et al. 2019; Bai et al. 2022, 4.5): a policy writes, people compare, a reward model learns
 * it, the policy learns from that, and again, with people who have seen nothing of it before in every round.
 *
 *   policy -> two continuations each -> comparisons -> reward model -> PPO -> other people: is it better than the base?
 *
 * Ends when the win rate over the base no longer rises, when the policy is too far from the base, or after all rounds.
 */
import { z } from "zod";
import { asItWas, type Flow, workflow } from "@tiller/flow";
import { evaluateJob, ppoJob, rewardJob, sampleJob } from "@tiller/learn";
import { labelledPairs, PersonId, promptRows } from "@tiller/schema";
import { comparison } from "./better-continuations/comparison.ts";
import { reportOf } from "./iterated-feedback-report.ts";
import { judgesOf, labelPairs, learning, pairsOf, passagesOf, promptsOf } from "./shared.ts";

const Config = z.strictObject({
  ...learning,
  rounds: z.int().positive().default(4).describe("at most"),
  minGain: z.number().default(0.02).describe("a round whose win rate rises by less is the last"),
  klLimit: z.number().positive().default(20).describe("nats a continuation, to the base"),
  train: z.int().positive().default(800).describe("passages compared in each round"),
  heldout: z.int().positive().default(100).describe("passages the policy is judged on each round"),
});
const run = async (flow: Flow, config: z.output<typeof Config>) => {
  const rounds: { id: string; winRate: number; kl: number }[] = [];
  let seen: PersonId[] = [];
  let stopped: string | undefined;
  while (!stopped) {
    const last = rounds.at(-1);
    const policy = last?.id ?? config.base;
    const input = { config, round: rounds.length + 1, policy, seen };
    const { people, ...made } = await flow.child(feedbackRound, input, { name: "round" });
    rounds.push(made);
    seen = [...seen, ...people];
    if (made.kl > config.klLimit) stopped = "too far from the base";
    else if (last && made.winRate < last.winRate + config.minGain) stopped = "no longer rises";
    else if (rounds.length === config.rounds) stopped = "all rounds done";
  }
  const near = rounds.filter((r) => r.kl <= config.klLimit);
  const best = near.toSorted((a, b) => b.winRate - a.winRate)[0];
  if (best) {
    const { id, winRate, kl } = best;
    const compare = { metric: "winRate", better: "up" } as const;
    await flow.publish(id, { name: "iterated policy", metrics: { winRate, kl }, compare });
  }
  await flow.report(reportOf(rounds, best, stopped));
  return { rounds, stopped, best: best?.id ?? null, people: seen.length };
};
export const iteratedFeedback = workflow("iterated-feedback@3", Config, run, {
  asks: (c) => ({ [comparison.name]: c.rounds * (c.train + c.heldout) * c.people }), // at most
  migrate: { "iterated-feedback@2": asItWas(Config) },
});

/** Once around: from one policy to the next, and who judged on the way. */
export const feedbackRound = workflow(
  "feedback-round@3",
  z.strictObject({ config: Config, round: z.int(), policy: z.string(), seen: z.array(PersonId) }),
  async (flow, { config, round, policy, seen }) => {
    const { people, base, continuation, maxPassage: maxPrompt } = config;
    const seed = flow.seed + round;
    const { train, heldout } = await passagesOf(flow, { ...config, seed });
    const prompts = await flow.save("passages", promptsOf(train), promptRows);

    const toWrite = { checkpoint: policy, prompts, each: 2, continuation, seed };
    const { texts } = (await flow.job("samples", sampleJob, toWrite)).output;
    const who = { people, not: seen };
    const compared = await flow.askAll("comparisons", comparison, pairsOf(train, texts), who);

    const { pairs: rows } = await flow.step("labels", () => labelPairs(compared));
    const pairs = await flow.dataset("comparisons", rows, labelledPairs);
    const maxTokens = maxPrompt + continuation.maxTokens;
    const toJudge = { config: config.reward, base, pairs, maxTokens, seed };
    const reward = (await flow.job("reward", rewardJob, toJudge)).output.checkpoint;

    const shared = { continuation, maxPrompt, seed };
    const rl = { config: config.ppo, base: policy, reward, prompts };
    const id = (await flow.job("policy", ppoJob, { ...rl, ...shared })).output.checkpoint;

    const judging = await flow.save("held out", promptsOf(heldout), promptRows);
    const arms = { base, policy: id, reward, prompts: judging, bestOf: 1, ...shared };
    const { items } = (await flow.job("evaluation", evaluateJob, arms)).output;
    const duels = items.map((x) => [x.base.text, x.policy.text]);
    const others = { people, not: [...seen, ...judgesOf(compared)] };
    const judged = await flow.askAll("judgments", comparison, pairsOf(heldout, duels), others);

    const points = { a: 0, tie: 0.5, b: 1 };
    const votes = judged.flatMap((x) => x.answers.map((a) => points[a.value.choice]));
    const kl = mean(items.map((x) => x.policy.kl));
    const judges = [...judgesOf(compared), ...judgesOf(judged)];
    return { id, winRate: mean(votes), kl, people: judges };
  },
);

const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / Math.max(1, xs.length);
