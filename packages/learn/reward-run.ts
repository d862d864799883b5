/**
 * What learning a reward model is, whatever the judgments: texts that one row compares, a loss over their rewards, passes
 * over the rows, held-out rows, scores of the end brought to mean 0 and variance 1 on the rows' own texts (mean 0 on others, where they are given).
 * reward.ts (pairs), ranking-reward.ts, graded-reward.ts and step-reward.ts are what they add to it.
 */
import { z } from "zod";
import { headSpecs, paramSpecs, type ParamSpec } from "@tiller/lm";
import {
  type JobContext,
  metric,
  type MetricDefs,
  type NewCheckpoint,
  rng,
  TillerError,
} from "@tiller/schema";
import type { Batch } from "./batch.ts";
import { inEpochs } from "./epochs.ts";
import { train } from "./job.ts";
import type { Model } from "./model.ts";
import { Long } from "./pairs.ts";
import { type Continued, rewardInputs, Scorer } from "./score.ts";
import type { Loss } from "./step.ts";
import { Trainer } from "./trainer.ts";

/** Settings of every reward model. */
export const rewardTraining = {
  epochs: z.int().positive().default(2).describe("passes over the rows"),
  batch: z.int().positive().default(8).describe("rows a step"),
  lr: z
    .number()
    .positive()
    .default(7e-4)
    .describe("peak learning rate, linear to 0 after a short warm-up"),
  weightDecay: z.number().nonnegative().default(0.01).describe("of matrices, AdamW's"),
  embeddingRate: z
    .number()
    .positive()
    .default(4)
    .describe("the token embedding learns this much faster than the rest"),
  pooling: z
    .enum(["mean", "sum"])
    .default("mean")
    .describe("of a text's tokens; a sum also rewards length, which optimising it then finds"),
  validation: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.08)
    .describe("fraction of rows held out of training"),
  long: Long,
  evalEvery: z.int().positive().default(75).describe("steps"),
  saveEvery: z.int().positive().default(100).describe("steps"),
};
type RewardTraining = z.infer<z.ZodObject<typeof rewardTraining>>;

/** Which rows training keeps back, by the seed alone: whoever has the same rows finds the same ones. */
export function keptBack<Row>(
  rows: readonly Row[],
  o: { readonly seed: number; readonly validation: number },
): { readonly validation: Row[]; readonly training: Row[] } {
  const shuffled = rng(o.seed, "split").shuffle(rows);
  const held = Math.floor(rows.length * o.validation);
  return { validation: shuffled.slice(0, held), training: shuffled.slice(held) };
}

/** Metrics of every reward model; `unit` is what a loss is counted by. */
export const rewardMetrics = (unit: string): MetricDefs => ({
  loss: metric("training", "Loss", { unit, better: "down" }),
  validationLoss: metric("held out", "Loss", { unit, better: "down" }),
  accuracy: metric("training", "Accuracy on the raters' labels", { better: "up" }),
  validationAccuracy: metric("held out", "Accuracy on the raters' labels", { better: "up" }),
  gradNorm: metric("norm", "Gradient norm"),
  lr: metric("rate", "Learning rate"),
  scale: metric("log-odds a unit of reward", "Scale"),
  shortened: metric("passage or text cut", "Rows that had to change", { unit: "rows" }),
  leftOut: metric("too long", "Rows that had to change", { unit: "rows" }),
  same: metric("the same text twice", "Rows that had to change", { unit: "rows" }),
  empty: metric("an empty text", "Rows that had to change", { unit: "rows" }),
});

/** Where a run is, for a method whose targets depend on it. */
export interface Now {
  /** part of the steps that are done, 0 to 1 */
  readonly done: number;
  /** rewards (B K) of a batch by the model as it is */
  readonly rewards: (batch: Batch) => Float32Array;
}
export interface RewardMethod<Row> {
  readonly name: string;
  /** what rows are called in the checkpoint's figures */
  readonly rows: "pairs" | "rankings" | "solutions";
  readonly loss: Loss;
  /** `now`: of a step that learns; left out where rows are only measured on */
  readonly batch: (rows: readonly Row[], now?: Now) => Batch;
  readonly texts: (row: Row) => readonly Continued[];
  /** whether the rewards of a row's texts say what its label says; undefined where the label says nothing clear */
  readonly right: (rewards: readonly number[], row: Row) => boolean | undefined;
  /** parameters beside the head, as the width of ties; they are not part of the checkpoint */
  readonly heads?: readonly ParamSpec[];
  readonly pooling?: Model["pooling"];
  /** further metrics of a trained likelihood */
  readonly learned?: (state: Trainer["model"]["state"]) => Record<string, number>;
}

/** `rewards` (B K) by the loss's metric of that name, `k` texts a row. */
export async function learnReward<Row>(
  base: Model,
  data: {
    readonly training: readonly Row[];
    readonly validation: readonly Row[];
    readonly counts: Record<string, number>;
    /** whose mean score is 0; by default that of the rows' own texts */
    readonly zeroed?: readonly Continued[];
  },
  o: {
    readonly config: Omit<RewardTraining, "pooling"> & Partial<Pick<RewardTraining, "pooling">>;
    readonly seed: number;
    readonly maxTokens: number;
  },
  method: RewardMethod<Row>,
  job: JobContext,
): Promise<NewCheckpoint> {
  const { config: c, seed, maxTokens: T } = o;
  const { training, validation, counts } = data;
  const { batch: B, steps, at } = inEpochs(training, { ...c, seed });
  const pooling = method.pooling ?? c.pooling ?? "mean";
  using trainer = new Trainer(
    { ...base, specs: paramSpecs(base.shape), pooling }, // a head that it had is drawn anew
    {
      seed,
      heads: [...headSpecs(base.shape), ...(method.heads ?? [])],
      optimiser: {
        kind: "adamw",
        beta2: 0.95,
        epsilon: 1e-5,
        weightDecay: c.weightDecay,
        groups: [{ names: "wte.weight", rate: c.embeddingRate }],
      },
    },
  );
  const model = { ...trainer.model, specs: [...trainer.model.specs, ...headSpecs(base.shape)] };
  using scorer = new Scorer(model, 32, T);
  const share = (said: readonly (boolean | undefined)[], name: string) => {
    const clear = said.filter((x) => x !== undefined);
    return clear.length ? { [name]: clear.filter(Boolean).length / clear.length } : {}; // of none there is no fraction
  };
  const validate = (): Record<string, number> => {
    let [nats, weight] = [0, 0];
    const said: (boolean | undefined)[] = [];
    for (let i = 0; i < validation.length; i += B) {
      const rows = validation.slice(i, i + B);
      const batch = method.batch(rows);
      const out = trainer.forward(batch, method.loss);
      const w = method.loss.normaliser?.(batch) ?? rows.length;
      if (w === 0) continue;
      nats += w * out.loss;
      weight += w;
      said.push(...verdicts(rows, out.metrics["rewards"]!));
    }
    if (weight === 0) return {}; // held-out rows that count nothing
    return { validationLoss: nats / weight, ...share(said, "validationAccuracy") };
  };
  const verdicts = (rows: readonly Row[], rewards: Float32Array) => {
    const k = rewards.length / rows.length;
    return rows.map((row, i) => method.right([...rewards.subarray(i * k, i * k + k)], row));
  };

  await train(job, trainer, {
    name: method.name,
    step: "step",
    steps,
    saveEvery: c.saveEvery,
    lr: c.lr,
    Loop: z.null(),
    start: null,
    run: (step) => {
      const rows = at(step);
      // a tenth of the run up, then down to 0
      const lr = c.lr * Math.min(1, step / Math.max(1, 0.1 * steps)) * (1 - (step - 1) / steps);
      const now = {
        done: (step - 1) / steps,
        rewards: (batch: Batch) => trainer.forward(batch, method.loss).metrics["rewards"]!,
      };
      const { loss, metrics: out } = trainer.forwardBackward(method.batch(rows, now), method.loss);
      const { gradNorm } = trainer.optimStep({ lr });
      if (step === 1 && gradNorm === 0)
        throw new TillerError(
          "nothing_learns",
          `the first ${rows.length} rows have a gradient of 0: to this base all texts of each are the same. Look at the rows.`,
        );
      const last = validation.length > 0 && (step % c.evalEvery === 0 || step === steps);
      const metrics: Record<string, number> = {
        loss,
        gradNorm,
        lr,
        ...(step === 1 && counts),
        ...share(verdicts(rows, out["rewards"]!), "accuracy"),
        ...(last && validate()),
      };
      return { metrics, note: `loss ${loss.toFixed(3)}`, loop: null };
    },
  });

  const some = rng(seed, "normalise")
    .shuffle([...training, ...validation])
    .slice(0, 128);
  const scale = normalise(
    model,
    scorer,
    some.flatMap((row) => method.texts(row)),
    data.zeroed,
  );
  const metrics = {
    scale,
    ...(data.zeroed && { centredOn: data.zeroed.length }),
    ...(validation.length ? validate() : {}),
    ...method.learned?.(trainer.model.state),
    [method.rows]: training.length,
    ...counts,
  };
  return trainer.saveModel(job.out, { role: "reward", metrics, config: { ...c, seed } });
}

/** Rows of `k` texts each, scores pooled over each text: ids (B, K, T) and weights (B, K, T). */
export function pooledTexts(
  rows: readonly (readonly Continued[])[],
  T: number,
  pooling: Model["pooling"] = "mean",
): Batch {
  const [B, K] = [rows.length, rows[0]!.length];
  const { ids, weights } = rewardInputs(rows.flat(), T, { pooling });
  return {
    ids: { shape: [B, K, T], data: Int32Array.from(ids), dtype: "int64" },
    weights: { shape: [B, K, T], data: Float32Array.from(weights) },
  };
}

/**
 * Scales the head so that scores of `rows` have variance 1, and those of `zeroed` (else of `rows`) mean 0 where they are averages; what a
 * unit of them was before, in log-odds.
 */
function normalise(
  model: Pick<Model, "state" | "pooling">,
  scorer: Scorer,
  rows: readonly Continued[],
  zeroed?: readonly Continued[],
): number {
  const s = scorer.score(rows);
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
  const m = mean(s);
  const std = Math.sqrt(s.reduce((a, b) => a + (b - m) ** 2, 0) / s.length);
  if (!(std > 1e-6 * Math.max(1, Math.abs(m))))
    throw new TillerError(
      "nothing_learned",
      `the reward model gives ${m.toPrecision(4)} to all of ${s.length} texts (standard deviation ${std.toPrecision(2)}): it tells nothing apart. Give it more rows, more epochs or a higher lr.`,
    );
  const centre = zeroed ? mean(scorer.score(zeroed)) : m;
  const [weight, bias] = [model.state.get("score.weight").data, model.state.get("score.bias").data];
  for (let i = 0; i < weight.length; i++) weight[i] /= std;
  // it counts once a token where scores are added up: taking the mean off there would be a price on length
  bias[0] = (model.pooling === "sum" ? bias[0] : bias[0] - centre) / std;
  return std;
}
