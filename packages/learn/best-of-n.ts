/**
 * Best-of-n and its curve: N responses to each prompt, scored by a proxy and, where there is one, by a gold reward model;
 * what the best of n by proxy is worth, for every n up to N, by the unbiased estimator over all subsets (Nakano et al. 2021).
 * Over sqrt(KL), KL = ln n - (n - 1) / n, it is Gao et al. 2022's figure.
 * Run: npm run tiller -- train best-of-n PROMPTS.jsonl --base models/base --reward DIR --gold DIR
 */
import { z } from "zod";
import {
  CheckpointRef,
  DatasetRef,
  defineJob,
  type JobContext,
  PromptRow,
  rng,
} from "@tiller/schema";
import { ensemble } from "./collect.ts";
import { bestOfN, ensembleScore, klBestOfN } from "./formulas.ts";
import { checkPositions, checkSameTokens, encodePrompts, loadModel, loadReward } from "./model.ts";
import { Actor, Continuation } from "./rollout.ts";
import { Scorer } from "./score.ts";

export const BestOfNConfig = z.strictObject({
  ...ensemble,
  samples: z.int().min(2).default(64).describe("responses to each prompt: the largest n"),
  batch: z.int().positive().default(64).describe("responses sampled at a time"),
});
const Input = z.strictObject({
  config: BestOfNConfig,
  base: CheckpointRef,
  reward: CheckpointRef.describe("the proxy that chooses"),
  ensemble: z.array(CheckpointRef).optional().describe("further proxies beside it"),
  gold: CheckpointRef.optional().describe("what the chosen one is worth; the proxy where left out"),
  continuation: Continuation,
  prompts: DatasetRef.describe("rows of prompts"),
  maxPrompt: z.int().positive().describe("tokens; longer prompts lose their beginning"),
  seed: z.int(),
});
const Point = z.strictObject({
  n: z.int().describe("responses that the best is chosen from"),
  kl: z.number().describe("nats from the base: ln n - (n - 1) / n"),
  proxy: z.number().describe("mean over prompts of the chosen one's proxy score"),
  gold: z.number().describe("mean over prompts of the chosen one's gold score"),
  standardError: z.number().describe("of gold, over prompts"),
});
export const bestOfNJob = defineJob({
  kind: "best-of-n",
  module: import.meta.url,
  input: Input,
  output: z.strictObject({ curve: z.array(Point), prompts: z.int() }),
  run: bestOfNCurve,
});

/** 1, 2, 4 ... and N itself. */
export const powersUpTo = (N: number): number[] => {
  const out: number[] = [];
  for (let n = 1; n < N; n *= 2) out.push(n);
  return [...out, N];
};

export async function bestOfNCurve(input: z.infer<typeof Input>, job: JobContext) {
  const { config: c, seed, continuation, maxPrompt } = input;
  const base = await loadModel(job.checkpoint(input.base));
  checkPositions(base, maxPrompt + continuation.maxTokens, "maxPrompt + maxTokens");
  const proxies = [];
  for (const ref of [input.reward, ...(input.ensemble ?? [])])
    proxies.push(await loadReward(job.checkpoint(ref)));
  const gold = input.gold ? await loadReward(job.checkpoint(input.gold)) : undefined;
  for (const m of [...proxies, ...(gold ? [gold] : [])]) checkSameTokens(base, m, "reward model");
  const texts = (await job.rows(input.prompts, PromptRow)).map((r) => r.prompt);
  const prompts = encodePrompts(base.tokenizer, texts, maxPrompt).map((p) => p.ids);
  const T = maxPrompt + continuation.maxTokens;
  const B = Math.min(c.batch, c.samples);
  using actor = new Actor(base, B, continuation, { frozen: true });
  const judges = proxies.map((m) => new Scorer(m, B, T));
  const referee = gold && new Scorer(gold, B, T);
  const ns = powersUpTo(c.samples);
  const worth = ns.map(() => [] as { proxy: number; gold: number }[]);
  try {
    for (const [i, query] of prompts.entries()) {
      if (job.signal.aborted) throw new Error("stopped");
      const [proxy, true_]: [number[], number[]] = [[], []];
      for (let at = 0; at < c.samples; at += B) {
        const n = Math.min(B, c.samples - at);
        const rngs = Array.from({ length: n }, (_, k) => rng(seed, "best-of-n", i, at + k));
        const { episodes } = actor.draw(
          Array.from({ length: n }, () => query),
          rngs,
        );
        const each = judges.map((j) => j.score(episodes));
        const golden = referee?.score(episodes);
        for (const [b, e] of episodes.entries()) {
          const scores = each.map((s) => s[b]!);
          proxy.push(e.ended ? ensembleScore(scores, c) : 0 - c.missingEosPenalty);
          true_.push(golden?.[b] ?? proxy.at(-1)!);
        }
      }
      for (const [k, n] of ns.entries())
        worth[k]!.push({ proxy: bestOfN(proxy, proxy, n), gold: bestOfN(proxy, true_, n) });
      job.progress(i + 1, prompts.length);
      job.fault("best-of-n.prompt");
      await new Promise((r) => setImmediate(r));
    }
  } finally {
    for (const j of [...judges, ...(referee ? [referee] : [])]) j[Symbol.dispose]();
  }
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
  const curve = ns.map((n, k) => {
    const golds = worth[k]!.map((w) => w.gold);
    const m = mean(golds);
    const variance = golds.reduce((v, x) => v + (x - m) ** 2, 0) / Math.max(1, golds.length - 1);
    return {
      n,
      kl: klBestOfN(n),
      proxy: mean(worth[k]!.map((w) => w.proxy)),
      gold: m,
      standardError: Math.sqrt(variance / golds.length),
    };
  });
  return { curve, prompts: prompts.length };
}
