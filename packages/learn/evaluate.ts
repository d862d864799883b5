/**
 * Held-out evaluation: the base's and the policy's continuations of the same passages, and `bestOf` samples of
 * the base for best-of-n, apart from the one it is compared with (Gao et al. 2022). Rewards by the reward model, KL by the sampled k1 estimator.
 */
import { z } from "zod";
import { decodeAfter } from "@tiller/lm";
import {
  CheckpointRef,
  EvaluationRef,
  defineJob,
  type JobContext,
  rng,
  PromptRow,
} from "@tiller/schema";
import { checkSameTokens, encodePrompts, loadModel } from "./model.ts";
import { Actor, Continuation } from "./rollout.ts";
import { Logprober, Scorer } from "./score.ts";

const Input = z.strictObject({
  base: CheckpointRef.describe("the model that the policy began as"),
  policy: CheckpointRef.describe("the model that was trained"),
  reward: CheckpointRef.describe("scores what both write, and chooses the best of n"),
  prompts: EvaluationRef.describe("rows of prompts"),
  continuation: Continuation.describe("how long, how drawn, where it is cut"),
  maxPrompt: z.int().positive().describe("tokens; a longer prompt loses its beginning"),
  bestOf: z.int().positive().describe("continuations of the base, of which the reward chooses one"),
  seed: z.int().describe("of the draws"),
  batch: z.int().positive().default(64).describe("continuations at a time"),
});
const Written = z.strictObject({
  text: z.string(),
  tokens: z.array(z.int()),
  reward: z.number(),
  kl: z.number(),
});
const Output = z.strictObject({
  items: z.array(
    z.strictObject({
      prompt: z.string(),
      base: Written,
      policy: Written,
      bestOf: z.array(Written),
    }),
  ),
});
export const evaluateJob = defineJob({
  kind: "evaluate",
  module: import.meta.url,
  input: Input,
  output: Output,
  run: evaluate,
});

export async function evaluate(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<z.infer<typeof Output>> {
  const [base, policy, reward] = [
    await loadModel(job.checkpoint(input.base)),
    await loadModel(job.checkpoint(input.policy)),
    await loadModel(job.checkpoint(input.reward)),
  ];
  checkSameTokens(base, policy, "policy");
  checkSameTokens(base, reward, "reward model");
  const { continuation, seed } = input;
  const { maxTokens: R, temperature } = continuation;
  const T = input.maxPrompt + R;
  const { tokenizer } = base;
  const texts = (await job.rows(input.prompts, PromptRow)).map((r) => r.prompt);
  const prompts = encodePrompts(tokenizer, texts, input.maxPrompt).map((p) => p.ids);
  const B = Math.min(input.batch, prompts.length);
  using judge = new Scorer(reward, B, T);
  using referee = new Logprober(base, { B, T, R }, temperature);
  using baseActor = new Actor(base, B, continuation, { frozen: true });
  using policyActor = new Actor(policy, B, continuation, { frozen: true });
  const total = prompts.length * (input.bestOf + 2);
  let done = 0;

  const write = async (actor: Actor, name: string): Promise<z.infer<typeof Written>[]> => {
    const out: z.infer<typeof Written>[] = [];
    for (let at = 0; at < prompts.length; at += B) {
      if (job.signal.aborted) throw new Error("stopped");
      const queries = prompts.slice(at, at + B);
      const rngs = queries.map((_, b) => rng(seed, "evaluate", name, at + b));
      const { episodes } = actor.draw(queries, rngs);
      // the base's KL to itself is 0
      const theirs =
        actor === policyActor
          ? referee.logprobs(
              queries,
              episodes.map((e) => e.response),
            )
          : undefined;
      const rewards = judge.score(episodes);
      for (const [b, e] of episodes.entries())
        out.push({
          text: decodeAfter(
            tokenizer,
            e.query,
            e.response.filter((t) => t !== tokenizer.eos),
          ),
          tokens: [...e.response],
          reward: rewards[b]!,
          kl: theirs ? e.logprobs.reduce((kl, l, t) => kl + l - theirs[b * R + t]!, 0) : 0,
        });
      job.progress((done += queries.length), total);
      await new Promise((r) => setImmediate(r));
    }
    return out;
  };

  const policyTexts = await write(policyActor, "policy");
  const baseTexts: z.infer<typeof Written>[][] = [];
  for (let k = 0; k <= input.bestOf; k++) baseTexts.push(await write(baseActor, `base ${k}`));
  return {
    items: texts.map((prompt, i) => ({
      prompt,
      base: baseTexts[0]![i]!,
      policy: policyTexts[i]!,
      bestOf: baseTexts.slice(1).map((written) => written[i]!),
    })),
  };
}
