/**
 * Learning from samples of another policy than the one that learns: an older one, or the same rounded to 8 bits. Every
 * token keeps the log-prob it was drawn with; its importance weight is the learner's probability over the sampler's.
 */
import { z } from "zod";

/** How a run treats samples that its policy did not draw itself; part of the config of every policy-gradient method. */
export const offPolicy = {
  refreshEvery: z
    .int()
    .positive()
    .default(1)
    .describe("iterations for which the sampler keeps the weights it has"),
  samplerBits: z
    .union([z.literal(32), z.literal(8)])
    .default(32)
    .describe("of the sampler's weights; 8: quicker rollouts by slightly other probabilities"),
  recompute: z
    .boolean()
    .default(false)
    .describe(
      "the ratio's denominator is the learner's own log-prob at the iteration's start (decoupled PPO, Hilton et al. 2022), and importance weights make up for the sampler's",
    ),
  importance: z
    .enum(["none", "truncated", "masked"])
    .default("none")
    .describe(
      "weights of tokens, with recompute: truncated at importanceCap, or 0 outside of [1/importanceCap, importanceCap]",
    ),
  importanceCap: z.number().min(1).default(2).describe("largest weight"),
  maxStaleness: z
    .int()
    .positive()
    .default(64)
    .describe("gradient steps at most between a sample's weights and the step that learns from it"),
};
export type OffPolicy = z.infer<z.ZodObject<typeof offPolicy>>;

/** What a config says twice, or not enough of. `perIteration`: gradient steps of one iteration. */
export function checkOffPolicy(
  c: OffPolicy & { readonly saveEvery: number },
  perIteration: number,
): { path: (keyof OffPolicy | "saveEvery")[]; message: string }[] {
  const stalest = c.refreshEvery * perIteration - 1;
  const wrong: ReturnType<typeof checkOffPolicy> = [];
  if (stalest > c.maxStaleness)
    wrong.push({
      path: ["refreshEvery"],
      message: `with refreshEvery ${c.refreshEvery} and ${perIteration} gradient steps an iteration a sample is up to ${stalest} steps old, more than maxStaleness, ${c.maxStaleness}. Refresh more often, or allow it`,
    });
  if (c.saveEvery % c.refreshEvery)
    wrong.push({
      path: ["saveEvery"],
      message: `saveEvery ${c.saveEvery} is no multiple of refreshEvery ${c.refreshEvery}: a run that goes on from its state would sample with other weights than before. Make it one`,
    });
  if (c.importance !== "none" && !c.recompute)
    wrong.push({
      path: ["importance"],
      message: `importance weights "${c.importance}" want recompute: without it the clipped ratio is over the sampler's log-probs already`,
    });
  return wrong;
}

type Numbers = ArrayLike<number>;
/**
 * Weights of tokens, learner over sampler: exp(log-prob of the learner - of the sampler), truncated at `cap` (Ionides 2008;
 * as truncated importance sampling in Espeholt et al. 2018), or 0 outside of [1/cap, cap]. 0 outside of the mask.
 * `sequences`: rows of so many places are one action, whose weight is the product and stands at each of its tokens.
 */
export function importanceWeights(
  learner: Numbers,
  sampler: Numbers,
  mask: Numbers,
  o: {
    readonly importance: OffPolicy["importance"];
    readonly importanceCap: number;
    readonly sequences?: number;
  },
): Float32Array {
  const gap = Float64Array.from(learner, (l, i) => (mask[i] ? l - sampler[i]! : 0));
  const n = o.sequences;
  if (n !== undefined)
    for (let from = 0; from < gap.length; from += n)
      gap.fill(
        gap.subarray(from, from + n).reduce((a, b) => a + b, 0),
        from,
        from + n,
      );
  return Float32Array.from(gap, (log, i) => {
    if (!mask[i]) return 0;
    if (o.importance === "none") return 1;
    const w = Math.exp(log);
    if (o.importance === "truncated") return Math.min(w, o.importanceCap);
    return w > o.importanceCap || w < 1 / o.importanceCap ? 0 : w;
  });
}

/** Kish's effective sample size as a part of the sample: (sum w)^2 / (n sum w^2), of the masked tokens' untruncated weights; 1 for equal ones. */
export function effectiveSamples(learner: Numbers, sampler: Numbers, mask: Numbers): number {
  let [n, total, squares] = [0, 0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    const w = Math.exp(learner[i]! - sampler[i]!);
    [n, total, squares] = [n + 1, total + w, squares + w * w];
  }
  return n ? (total * total) / (n * squares) : 1;
}
