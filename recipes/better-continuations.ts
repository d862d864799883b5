/**
 * Better continuations: Ziegler et al. 2019 in miniature. Continue passages of a book so that people like the
 * continuation better (here: a more positive tone), with a KL penalty to the model we started from.
 *
 *   passages -> two continuations each -> three people compare -> labels -> reward model -> PPO -> evaluation -> served
 *
 * Copy this file to make an experiment of your own. Run: npm start
 */
import { z } from "zod";
import { comparison, simulatedPreference } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import {
  distinctN,
  evaluateJob,
  klBestOfN,
  bestOfN,
  ppoJob,
  rewardJob,
  sampleJob,
  wilson,
} from "@tiller/learn";
import type { Report, Summary } from "@tiller/schema";
import { bookPassages, labelPairs, learning, pairsOf, promptsOf } from "./shared.ts";

export const Config = z.strictObject({
  ...learning,
  pairs: z
    .int()
    .positive()
    .default(2900)
    .describe("passages that people compare two continuations of"),
  heldout: z
    .int()
    .positive()
    .default(256)
    .describe("passages of the book's held-out part for evaluation"),
  bestOf: z.int().positive().default(8),
});
export type Config = z.infer<typeof Config>;

/** The same experiment in half a minute, for tests and a first look; its numbers mean nothing. */
export const smallConfig: Config = Config.parse({
  pairs: 40,
  heldout: 16,
  bestOf: 2,
  reward: { epochs: 1, batch: 8, saveEvery: 2, evalEvery: 2 },
  ppo: { iterations: 6, batch: 16, minibatch: 16, epochs: 1, saveEvery: 2, samplesEvery: 2 },
});

export const betterContinuations = workflow(
  "better-continuations@3",
  Config,
  async (flow, c) => {
    const { seed } = flow;
    const started = await flow.step("started", () => Date.now());

    const { train, heldout } = await flow.stage("passages", async () =>
      flow.step("passages", () => bookPassages({ ...c, train: c.pairs, seed })),
    );
    const { base, continuation, maxPassage: maxPrompt } = c;
    const prompts = await flow.save("passages", promptsOf(train));

    const samples = await flow.stage("samples", async () => {
      const input = { checkpoint: base, prompts, each: 2, continuation, seed };
      return (await flow.job("samples", sampleJob, input, { stage: "samples" })).output;
    });

    const answers = await flow.stage("people", () => {
      const questions = pairsOf(train, samples.texts);
      return flow.askAll("comparisons", comparison, questions, {
        people: c.people,
        stage: "people",
      });
    });

    const { dataset, careless, raters } = await flow.stage("quality", async () => {
      const { pairs: rows, raters: quality } = labelPairs(answers);
      const found = quality.filter((r) => r.flag === "careless").map((r) => r.pseudonym);
      return {
        dataset: await flow.dataset("comparisons", rows),
        careless: found,
        raters: quality,
      };
    });

    const reward = await flow.stage("reward", () => {
      const maxTokens = maxPrompt + continuation.maxTokens;
      const input = { config: c.reward, base, pairs: dataset, maxTokens, seed };
      return flow.job("reward", rewardJob, input, { stage: "reward" });
    });

    const models = { base, reward: reward.output.checkpoint };
    const policy = await flow.stage("policy", () => {
      const input = { ...models, config: c.ppo, continuation, prompts, maxPrompt, seed };
      return flow.job("policy", ppoJob, input, { stage: "policy" });
    });

    const report = await flow.stage("evaluation", async () => {
      const written = { policy: policy.output.checkpoint, continuation, maxPrompt, seed };
      const { output } = await flow.job(
        "evaluation",
        evaluateJob,
        {
          ...models,
          ...written,
          prompts: await flow.save("held out", promptsOf(heldout)),
          bestOf: c.bestOf,
        },
        { stage: "evaluation" },
      );
      const metrics = {
        reward: await flow.metrics(reward.run),
        ppo: await flow.metrics(policy.run),
      };
      const seconds = await flow.step("seconds", () => (Date.now() - started) / 1000);
      const judgments = answers.reduce((n, x) => n + x.answers.length, 0);
      const made = makeReport(output.items, { bestOf: c.bestOf, seconds, judgments, careless });
      const report: Report = {
        experiment: flow.experiment,
        title: "Better continuations of a book",
        createdAt: new Date(started + seconds * 1000).toISOString(),
        seed,
        ...made,
        rewardModel: { ...made.rewardModel, curve: metrics.reward },
        ppo: metrics.ppo,
        raters: raters.map((r) => ({
          pseudonym: r.pseudonym,
          answers: r.answers,
          reliability: r.reliability,
          low: r.reliabilityLow,
          high: r.reliabilityHigh,
          agreement: r.agreement,
          flag: r.flag,
        })),
      };
      await flow.report(report);
      return report;
    });

    await flow.stage("serve", () =>
      flow.publish(policy.output.checkpoint, {
        name: "policy",
        metrics: { winRate: report.summary.winRate },
      }),
    );
    return report.summary;
  },
  {
    title: "Better continuations of a book",
    stages: [
      { name: "passages", title: "Passages" },
      { name: "samples", title: "Continuations" },
      { name: "people", title: "Comparisons" },
      { name: "quality", title: "Label quality" },
      { name: "reward", title: "Reward model" },
      { name: "policy", title: "PPO" },
      { name: "evaluation", title: "Evaluation" },
      { name: "serve", title: "Served" },
    ],
    // people's answers go on; what was trained by the old jobs is trained anew
    migrate: {
      "better-continuations@2": ({ input, carried }) => ({
        input: Config.parse(input),
        carried: { ...carried, results: untrained(carried.results) },
      }),
    },
  },
);
/** What a run of @2 has that does not rest on its jobs' folders. */
const untrained = (results: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    ["started", "passages", "samples", "comparisons", "dataset comparisons"].flatMap((at) =>
      Object.hasOwn(results, at) ? [[at, results[at]]] : [],
    ),
  );

type Items = z.infer<typeof evaluateJob.output>["items"];

/** Wins, rewards and diversity on the held-out passages; ties count half. */
export function makeReport(
  items: Items,
  o: { bestOf: number; seconds: number; judgments: number; careless: string[] },
) {
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / Math.max(1, xs.length);
  const wins = (mine: readonly number[], theirs: readonly number[]) =>
    mine.reduce((n, x, i) => n + (x > theirs[i] ? 1 : x === theirs[i] ? 0.5 : 0), 0);
  const basePreferences = items.map((x) => simulatedPreference(x.base.text));
  const arm = (
    name: string,
    written: { text: string; tokens: number[]; reward: number; kl: number }[],
    against: readonly number[] | null,
    kl?: number,
  ) => {
    const preferences = written.map((w) => simulatedPreference(w.text));
    const won = against && wins(preferences, against);
    const interval = won === null ? null : wilson(won, items.length);
    return {
      arm: name,
      n: items.length,
      winRate: won === null ? null : won / items.length,
      winRateLow: interval?.low ?? null,
      winRateHigh: interval?.high ?? null,
      reward: mean(written.map((w) => w.reward)),
      preference: mean(preferences),
      kl: kl ?? mean(written.map((w) => w.kl)),
      length: mean(written.map((w) => w.tokens.length)),
      distinct1: distinctN(
        written.map((w) => w.tokens),
        1,
      ),
      distinct2: distinctN(
        written.map((w) => w.tokens),
        2,
      ),
    };
  };
  const best = (n: number) =>
    items.map((x) => x.bestOf.slice(0, n).reduce((top, w) => (w.reward > top.reward ? w : top)));
  const baseArm = arm(
    "base",
    items.map((x) => x.base),
    null,
  );
  const policyArm = arm(
    "policy",
    items.map((x) => x.policy),
    basePreferences,
  );
  const table = [
    baseArm,
    policyArm,
    arm(`best of ${o.bestOf}`, best(o.bestOf), basePreferences, klBestOfN(o.bestOf)),
  ];

  const sizes = [1, 2, 4, 8, 16, 32].filter((n) => n <= o.bestOf);
  const curve = sizes.map((n) => {
    const per = items.map((x) =>
      x.bestOf.map((w) => ({
        proxy: w.reward,
        preference: simulatedPreference(w.text),
        reward: w.reward,
      })),
    );
    const estimate = (value: (w: { preference: number; reward: number }, i: number) => number) =>
      mean(
        per.map((ws, i) =>
          bestOfN(
            ws.map((w) => w.proxy),
            ws.map((w) => value(w, i)),
            n,
          ),
        ),
      );
    return {
      n,
      kl: klBestOfN(n),
      reward: estimate((w) => w.reward),
      preference: estimate((w) => w.preference),
      winRate: estimate((w, i) =>
        w.preference > basePreferences[i] ? 1 : w.preference === basePreferences[i] ? 0.5 : 0,
      ),
    };
  });

  // reward model against the simulated preference: all pairs of a passage's samples from the base, but for those that the
  // preference calls equal. Passages are the units of the interval, since their pairs share samples.
  const judged = items.map((x) => {
    const pairs = x.bestOf
      .flatMap((a, i) => x.bestOf.slice(i + 1).map((b) => [a, b] as const))
      .filter(([a, b]) => simulatedPreference(a.text) !== simulatedPreference(b.text));
    const right = pairs.filter(
      ([a, b]) => simulatedPreference(a.text) > simulatedPreference(b.text) === a.reward > b.reward,
    );
    return { n: pairs.length, right: right.length };
  });
  const n = judged.reduce((sum, j) => sum + j.n, 0);
  const accuracy = judged.reduce((sum, j) => sum + j.right, 0) / Math.max(1, n);
  const spread = judged.reduce((sum, j) => sum + (j.right - accuracy * j.n) ** 2, 0);
  const half = (1.96 * Math.sqrt(spread)) / Math.max(1, n);
  const summary: Summary = {
    seconds: o.seconds,
    rewardAccuracy: accuracy,
    winRate: policyArm.winRate ?? 0,
    kl: policyArm.kl,
    distinct2Ratio: policyArm.distinct2 / baseArm.distinct2,
    judgments: o.judgments,
    carelessFound: o.careless,
  };
  const sideBySide = items.slice(0, 40).map((x, i) => ({
    passage: x.prompt,
    base: x.base.text,
    policy: x.policy.text,
    basePreference: basePreferences[i],
    policyPreference: simulatedPreference(x.policy.text),
  }));
  return {
    summary,
    table,
    bestOfN: curve,
    sideBySide,
    rewardModel: {
      accuracy,
      low: Math.max(0, accuracy - half),
      high: Math.min(1, accuracy + half),
      n,
    },
  };
}
