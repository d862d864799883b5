/**
 * A reward model that is a base as it is and a scalar head found elsewhere: linear in `textFeatures` (score-texts.ts). Its
 * scores are brought to variance 1 on texts of its own, and to mean 0 where they are averages, as those of every reward model here.
 */
import { paramSpecs, saveCheckpoint } from "@tiller/lm";
import { CheckpointId, type NewCheckpoint, TillerError } from "@tiller/schema";
import { type Model, weightsOf } from "./model.ts";

export async function saveRewardHead(
  dir: string,
  base: Model,
  o: {
    /** reward a unit of each feature */
    readonly weights: ArrayLike<number>;
    readonly pooling: "mean" | "sum";
    /** rewards, by `weights` alone, of the texts that scores are measured on */
    readonly rewards: readonly number[];
    readonly metrics: Readonly<Record<string, number>>;
    readonly config: Readonly<Record<string, unknown>>;
  },
): Promise<NewCheckpoint> {
  const n = o.rewards.length;
  const mean = o.rewards.reduce((s, r) => s + r, 0) / n;
  const std = Math.sqrt(o.rewards.reduce((s, r) => s + (r - mean) ** 2, 0) / n);
  if (!(std > 0))
    throw new TillerError(
      "nothing_learned",
      `the head gives ${mean.toPrecision(4)} to all of ${n} texts: it tells nothing apart. Give it more comparisons, or a smaller ridge.`,
    );
  const { width } = base.shape;
  const tensors = new Map(weightsOf({ ...base, specs: paramSpecs(base.shape) }));
  tensors.set("score.weight", {
    shape: [1, width],
    data: Float32Array.from(o.weights, (w) => w / std),
  });
  // a bias counts once a token where they are added up: there it would reward length
  const bias = o.pooling === "sum" ? 0 : -mean / std;
  tensors.set("score.bias", { shape: [1], data: Float32Array.of(bias) });
  const metrics = { ...o.metrics, scale: std };
  const { id } = await saveCheckpoint(dir, {
    config: base.config,
    tensors,
    tokenizer: base.tokenizerJson,
    chatFiles: base.chatFiles,
    meta: {
      role: "reward",
      parent: base.id || null,
      metrics,
      config: o.config,
      pooling: o.pooling,
    },
  });
  return { checkpoint: CheckpointId.parse(id), metrics };
}
