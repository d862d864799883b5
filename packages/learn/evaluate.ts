/**
 * Held-out evaluation: the base's and the policy's continuations of the same passages, and `bestOf` samples of
 * the base for best-of-n, apart from the one it is compared with (Gao et al. 2022). Rewards by the reward model, KL by the sampled k1 estimator.
 */
import { z } from "zod";
import { decodeAfter, Sampler } from "@tiller/lm";
import { defineJob, type JobContext, rng, TillerError } from "@tiller/schema";
import {
  checkSameTokens,
  Continuation,
  cut,
  encodePrompts,
  loadModel,
  Logprober,
  type Model,
  Scorer,
  sentenceEnds,
} from "./model.ts";

const Input = z.strictObject({
  base: z.string(),
  policy: z.string(),
  reward: z.string(),
  prompts: z.array(z.string()).min(1),
  continuation: Continuation,
  maxPrompt: z.int(),
  bestOf: z.int().positive(),
  seed: z.int(),
  batch: z.int().positive().default(64),
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
  entry: "evaluate",
  input: Input,
  output: Output,
  folders: { reads: ["base", "policy", "reward"], writes: [] },
});

export async function evaluate(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<z.infer<typeof Output>> {
  const [base, policy, reward] = [
    await loadModel(input.base),
    await loadModel(input.policy),
    await loadModel(input.reward),
  ];
  const { maxTokens: R, minTokens, temperature } = input.continuation;
  const T = input.maxPrompt + R;
  const { tokenizer } = base;
  checkSameTokens(base, policy, "policy");
  checkSameTokens(base, reward, "reward model");
  const ends = sentenceEnds(tokenizer);
  const prompts = encodePrompts(tokenizer, input.prompts, input.maxPrompt).map((p) => p.ids);
  const B = Math.min(input.batch, input.prompts.length);
  const dims = { B, T, R };
  using referee = new Logprober(base, dims, temperature);
  using judge = new Scorer(reward, B, T);
  const total = input.prompts.length * (input.bestOf + 2);
  let done = 0;

  using baseSampler = new Sampler(base.shape, base.state, B, { frozen: true });
  using policySampler = new Sampler(policy.shape, policy.state, B, { frozen: true });
  using actor = new Logprober(policy, dims, temperature);
  const write = async (m: Model, name: string): Promise<z.infer<typeof Written>[]> => {
    const sampler = m === policy ? policySampler : baseSampler;
    const out: z.infer<typeof Written>[] = [];
    for (let at = 0; at < input.prompts.length; at += B) {
      if (job.signal.aborted) throw new Error("stopped");
      const n = Math.min(B, input.prompts.length - at);
      const queries = Array.from({ length: B }, (_, b) => prompts[at + Math.min(b, n - 1)]);
      const { tokens } = sampler.sample(queries, {
        maxTokens: R,
        temperature,
        rngs: queries.map((_, b) => rng(input.seed, "evaluate", name, at + b)),
      });
      const responses = tokens.map((t) =>
        t.slice(0, cut(t, ends, tokenizer.eos, minTokens).length),
      );
      // the base's KL to itself is 0
      const [mine, theirs] =
        m === policy
          ? [actor.logprobs(queries, responses), referee.logprobs(queries, responses)]
          : [undefined, undefined];
      const rewards = judge.score(queries.map((query, b) => ({ query, response: responses[b] })));
      const odd = rewards.findIndex((r) => !Number.isFinite(r));
      if (odd >= 0)
        throw new TillerError(
          "not_finite",
          `the reward model ${reward.id} gives ${rewards[odd]} to a continuation of prompt ${at + Math.min(odd, n - 1)}. Train it again with a lower rate, or choose another.`,
        );
      for (let b = 0; b < n; b++) {
        let kl = 0;
        if (mine && theirs)
          for (let t = 0; t < responses[b].length; t++) kl += mine[b * R + t] - theirs[b * R + t];
        out.push({
          text: decodeAfter(
            tokenizer,
            queries[b],
            responses[b].filter((t) => t !== tokenizer.eos),
          ),
          tokens: responses[b],
          reward: rewards[b],
          kl,
        });
      }
      job.progress((done += n), total);
      await new Promise((r) => setImmediate(r));
    }
    return out;
  };

  const policyTexts = await write(policy, "policy");
  const baseTexts: z.infer<typeof Written>[][] = [];
  for (let k = 0; k <= input.bestOf; k++) baseTexts.push(await write(base, `base ${k}`));
  return {
    items: input.prompts.map((prompt, i) => ({
      prompt,
      base: baseTexts[0][i],
      policy: policyTexts[i],
      bestOf: baseTexts.slice(1).map((texts) => texts[i]),
    })),
  };
}
