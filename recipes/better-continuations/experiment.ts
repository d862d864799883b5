/**
 * Better continuations: Ziegler et al. 2019 in miniature. Continue passages of a book so that people like the
 * continuation better (here: a more positive tone), with a KL penalty to the model we started from.
 *
 *   passages -> two continuations each -> three people compare -> labels -> reward model -> PPO -> evaluation -> served
 *
 * Copy this folder to make a workflow of your own. Run: npm start
 */
import { z } from "zod";
import { asItWas, workflow } from "@tiller/flow";
import { evaluateJob, ppoJob, rewardJob, sampleJob } from "@tiller/learn";
import { labelledPairs, promptRows } from "@tiller/schema";
import { labelPairs, learning, pairsOf, passagesOf, promptsOf } from "../shared.ts";
import { about } from "./about.ts";
import { comparison } from "./comparison.ts";
import { type Outcome, reportOf } from "./report.ts";

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
    .describe("passages for evaluation that nothing is learned from"),
  bestOf: z
    .int()
    .positive()
    .default(8)
    .describe(
      "continuations of the base, of which the best by reward is what the policy is held against",
    ),
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
  "better-continuations@4",
  Config,
  async (flow, c) => {
    const { seed } = flow;
    const started = await flow.step("started", () => Date.now());

    const { train, heldout } = await flow.stage("passages", async () =>
      passagesOf(flow, { ...c, train: c.pairs, seed }),
    );
    const { base, continuation, maxPassage: maxPrompt } = c;
    const prompts = await flow.save("passages", promptsOf(train), promptRows);

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
      // a step: what people said is read one way for the whole of an experiment, whatever a later version knows better
      const { pairs: rows, raters: quality } = await flow.step("labels", () => labelPairs(answers));
      const found = quality.filter((r) => r.flag === "careless").map((r) => r.pseudonym);
      return {
        dataset: await flow.dataset("comparisons", rows, labelledPairs),
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

    const outcome = await flow.stage("evaluation", async () => {
      const written = { policy: policy.output.checkpoint, continuation, maxPrompt, seed };
      const { output } = await flow.job(
        "evaluation",
        evaluateJob,
        {
          ...models,
          ...written,
          prompts: await flow.save("held out", promptsOf(heldout), promptRows),
          bestOf: c.bestOf,
        },
        { stage: "evaluation" },
      );
      const curves = {
        reward: await flow.metrics(reward.run),
        policy: await flow.metrics(policy.run),
      };
      const seconds = await flow.step("seconds", () => (Date.now() - started) / 1000);
      const judgments = answers.reduce((n, x) => n + x.answers.length, 0);
      const about = { bestOf: c.bestOf, seconds, judgments, careless, raters, curves };
      const { outcome, ...report } = reportOf(output.items, about);
      await flow.report(report);
      return outcome;
    });

    await flow.stage("serve", () =>
      flow.publish(policy.output.checkpoint, {
        name: "policy",
        metrics: { winRate: outcome.winRate },
        compare: { metric: "winRate", better: "up" },
      }),
    );
    return outcome satisfies Outcome;
  },
  {
    title: "Better continuations of a book",
    about,
    asks: (c) => ({ [comparison.name]: c.pairs * c.people }),
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
    migrate: {
      // its labels and all that was learnt from them go on; only the raters' verdicts are today's
      "better-continuations@3": asItWas(Config),
      // people's answers go on; what was trained by the old jobs is trained anew
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
