/**
 * A reward model from compared continuations (Ziegler et al. 2019; Stiennon et al. 2020).
 * Loss: -[p log s(r_b - r_a) + (1 - p) log s(r_a - r_b)], p the aggregated probability that b is better.
 * Differences from the papers: pairs and not best-of-4; soft labels from the raters' posterior, so doubtful pairs
 * pull less, and pairs without a decided side are left out (Ouyang et al. 2022 drop ties too); two epochs; AdamW, the
 * embedding faster than the rest (what words mean is what so small a base lacks: 0.72 to 0.76 on held-out pairs). The
 * scalar head is averaged over the continuation's tokens and not read at the last one: with a few million parameters
 * and 1,600 pairs the last token learns nothing (validation accuracy 0.48, against 0.7 and more). Scores of the base's samples are brought to
 * mean 0, variance 1 after training only; doing so before it, as Ziegler et al. do, starts this model from noise.
 */
import path from "node:path";
import { z } from "zod";
import {
  declare,
  encodeAfter,
  encodePrompt,
  headSpecs,
  initParams,
  saveCheckpoint,
  type Tokenizer,
} from "@tiller/lm";
import { CheckpointId, defineJob, type JobContext, rng, TillerError } from "@tiller/schema";
import {
  adamw,
  adamwInputs,
  add,
  Graph,
  logSigmoid,
  mean,
  mul,
  neg,
  Program,
  split,
  reshape,
  sub,
} from "@tiller/tensor";
import {
  type Continued,
  loadModel,
  type Model,
  rewardInputs,
  rewardOf,
  Scorer,
  weightsOf,
} from "./model.ts";
import { loadSnapshot, saveSnapshot } from "./snapshot.ts";

export const RewardConfig = z.strictObject({
  epochs: z.int().positive().default(2).describe("passes over the pairs"),
  batch: z.int().positive().default(8).describe("pairs a step"),
  lr: z
    .number()
    .positive()
    .default(7e-4)
    .describe("peak learning rate, linear to 0 after a short warm-up"),
  weightDecay: z.number().nonnegative().default(0.01),
  embeddingRate: z
    .number()
    .positive()
    .default(4)
    .describe("the token embedding learns this much faster than the rest"),
  undecided: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe("pairs whose label is this near to 1/2 are left out of training: they name no side"),
  validation: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.08)
    .describe("share of pairs held out of training"),
  long: z
    .enum(["cut", "leave out", "refuse"])
    .default("cut")
    .describe(
      "pairs longer than maxTokens: their passage loses its beginning, both sides alike, or they are left out, or nothing is trained",
    ),
  evalEvery: z.int().positive().default(75),
  saveEvery: z.int().positive().default(100),
});
const Pair = z.strictObject({
  passage: z.string(),
  a: z.string(),
  b: z.string(),
  pB: z.number().min(0).max(1).describe("probability that b is better"),
});
const Input = z.strictObject({
  config: RewardConfig,
  base: z.string(),
  pairs: z.array(Pair),
  maxTokens: z.int().min(2).describe("of a passage and its continuation together"),
  seed: z.int(),
  out: z.string(),
});
const Output = z.strictObject({
  id: CheckpointId,
  path: z.string(),
  metrics: z.record(z.string(), z.number()),
});
export const rewardJob = defineJob({
  kind: "reward",
  module: import.meta.url,
  entry: "trainReward",
  input: Input,
  output: Output,
  folders: { reads: ["base"], writes: ["out"] },
});

const ADAM = { beta1: 0.9, beta2: 0.95, epsilon: 1e-5 };
const Cursor = z.strictObject({ step: z.int() });

export async function trainReward(
  input: z.infer<typeof Input>,
  job: JobContext,
): Promise<z.infer<typeof Output>> {
  const { config: c, maxTokens: T, seed } = input;
  const base = await loadModel(input.base);
  const model: Model = {
    ...base,
    pooling: "mean",
    specs: [...base.specs, ...headSpecs(base.shape)],
  };
  initParams(model.state, headSpecs(base.shape), rng(seed, "reward head"));

  const { rows, counts } = encodePairs(model.tokenizer, input.pairs, {
    maxTokens: T,
    long: c.long,
  });
  const shuffled = rng(seed, "split").shuffle(rows);
  const held = Math.floor(rows.length * c.validation);
  const validation = shuffled.slice(0, held);
  const training = shuffled.slice(held).filter((r) => Math.abs(r.pB - 0.5) > c.undecided);
  if (training.length === 0)
    throw new TillerError(
      "no_labels",
      `none of ${input.pairs.length} pairs can be learned from: ${said(counts)}, ${held} held out, and none of the ${rows.length - held} others has a label further than ${c.undecided} from 1/2. Collect more judgments.`,
    );
  const P = Math.min(c.batch, training.length);
  const perEpoch = Math.floor(training.length / P);
  const steps = perEpoch * c.epochs;
  const g = new Graph();
  const params = declare(g, model.specs);
  const all = rewardOf(model.shape, params, g, 2 * P, T); // (2P): every a, then every b
  const [ra, rb] = split(reshape(all, [2, P]), 0, 2).map((t) => reshape(t, [P]));
  const pB = g.input("pB", [P]);
  const margin = sub(rb, ra);
  const loss = neg(
    mean(add(mul(pB, logSigmoid(margin)), mul(sub(g.scalar(1), pB), logSigmoid(neg(margin))))),
  );
  g.output("loss", loss);
  g.output("margin", margin);
  adamw(loss, params, {
    ...ADAM,
    weightDecay: c.weightDecay,
    groups: [{ names: "wte.weight", rate: c.embeddingRate }],
  });
  using train = new Program(g, model.state);
  using scorer = new Scorer(model, 32, T);

  const sample = rng(seed, "normalise")
    .shuffle(rows)
    .slice(0, 128)
    .flatMap((r) => [r.a, r.b]);
  const snapshot = path.join(job.dir, "snapshot.safetensors");
  const saved = await loadSnapshot(snapshot, { model: model.state }, Cursor);

  const validate = () => {
    const a = scorer.score(validation.map((r) => r.a));
    const b = scorer.score(validation.map((r) => r.b));
    let [nll, right, clear] = [0, 0, 0];
    validation.forEach(({ pB }, i) => {
      const m = b[i] - a[i];
      nll += pB * Math.log1p(Math.exp(-m)) + (1 - pB) * Math.log1p(Math.exp(m));
      if (Math.abs(pB - 0.5) < 0.2) return; // no side clearly preferred
      clear++;
      if (m > 0 === pB > 0.5) right++;
    });
    return {
      validationLoss: nll / Math.max(1, validation.length),
      ...(clear && { validationAccuracy: right / clear }), // of none there is no share
    };
  };

  for (let step = (saved?.step ?? 0) + 1; step <= steps; step++) {
    if (job.signal.aborted) throw new Error("stopped");
    const [epoch, k] = [Math.floor((step - 1) / perEpoch), (step - 1) % perEpoch];
    const batch = rng(seed, "epoch", epoch)
      .shuffle(training)
      .slice(k * P, k * P + P);
    const sequences = [...batch.map((r) => r.a), ...batch.map((r) => r.b)];
    const lr = c.lr * Math.min(1, step / Math.max(1, 0.1 * steps)) * (1 - (step - 1) / steps);
    train.run({
      ...rewardInputs(sequences, T),
      pB: batch.map((r) => r.pB),
      ...adamwInputs(step, lr, ADAM),
    });
    const margins = train.float("margin");
    const clear = batch.flatMap((r, i) =>
      Math.abs(r.pB - 0.5) < 0.2 ? [] : ([margins[i] > 0 === r.pB > 0.5 ? 1 : 0] as number[]),
    );
    const values: Record<string, number> = {
      loss: train.float("loss")[0],
      gradNorm: train.float("gradNorm")[0],
      lr,
    };
    const { loss: now, gradNorm } = values;
    if (!Number.isFinite(now) || !Number.isFinite(gradNorm))
      throw new TillerError(
        "not_finite",
        `the loss became ${now} (gradient ${gradNorm}) at step ${step} of ${steps}. Lower lr (${c.lr}).`,
      );
    if (step === 1) {
      Object.assign(values, counts);
      if (gradNorm === 0)
        throw new TillerError(
          "nothing_learns",
          `the first ${P} pairs have a gradient of 0: to this base both sides of each are the same. Look at the pairs.`,
        );
    }
    if (clear.length) values["accuracy"] = clear.reduce((x, y) => x + y, 0) / clear.length;
    if (validation.length && (step % c.evalEvery === 0 || step === steps))
      Object.assign(values, validate());
    job.metric(step, values);
    job.progress(step, steps, `loss ${now!.toFixed(3)}`);
    if (step % c.saveEvery === 0) await saveSnapshot(snapshot, { model: model.state }, { step });
    job.fault("reward.step");
    await new Promise((r) => setImmediate(r));
  }
  normalise(model, scorer, sample);
  const metrics = { ...(validation.length ? validate() : {}), pairs: training.length, ...counts };
  const { id } = await saveCheckpoint(input.out, {
    config: model.config,
    tensors: weightsOf(model),
    tokenizer: model.tokenizerJson,
    chatFiles: model.chatFiles,
    meta: { kind: "reward", parent: base.id, metrics, config: { ...c, seed } },
  });
  return { id: CheckpointId.parse(id), path: input.out, metrics };
}

/**
 * Pairs as tokens. The passage is encoded as a prompt is when it is served, and its continuations as what goes on after
 * it. Counts what had to change: nothing is cut or left out in silence.
 */
export function encodePairs(
  tokenizer: Tokenizer,
  pairs: readonly z.infer<typeof Pair>[],
  o: { readonly maxTokens: number; readonly long: z.infer<typeof RewardConfig>["long"] },
) {
  const counts = { shortened: 0, leftOut: 0, same: 0, empty: 0 };
  const rows: { a: Continued; b: Continued; pB: number }[] = [];
  for (const [i, p] of pairs.entries()) {
    const [a, b] = [p.a, p.b].map((text) => encodeAfter(tokenizer, p.passage, text)) as [
      number[],
      number[],
    ];
    if (!a.length || !b.length) counts.empty++;
    else if (a.length === b.length && a.every((id, t) => id === b[t])) counts.same++;
    else {
      const longest = Math.max(a.length, b.length);
      // room for the passage; less than its begin-of-text token and one of its own is none
      const most = o.maxTokens - longest;
      const whole = encodePrompt(tokenizer, p.passage);
      const fits = whole.ids.length <= most;
      if (!fits && o.long === "refuse")
        throw new TillerError(
          "too_long",
          `pair ${i} has a passage of ${whole.ids.length} tokens and a continuation of ${longest}: more than maxTokens, ${o.maxTokens}. Raise it, or let long be "cut" or "leave out".`,
        );
      if (!fits && (o.long === "leave out" || most < tokenizer.start.length + 1)) {
        counts.leftOut++;
        continue;
      }
      const { ids: query, cut } = fits ? whole : encodePrompt(tokenizer, p.passage, { most });
      if (cut) counts.shortened++;
      rows.push({ a: { query, response: a }, b: { query, response: b }, pB: p.pB });
    }
  }
  if (pairs.length && !rows.length)
    throw new TillerError(
      "no_pairs",
      `none of ${pairs.length} pairs is left: ${said(counts)}, with maxTokens ${o.maxTokens}. Raise it, or look at the pairs.`,
    );
  return { rows, counts };
}
const said = (n: ReturnType<typeof encodePairs>["counts"]): string =>
  `${n.leftOut} too long, ${n.same} with the same text on both sides, ${n.empty} with an empty one`;

/** Scales the head so that scores of `rows` have mean 0 and variance 1. */
function normalise(model: Model, scorer: Scorer, rows: readonly Continued[]): void {
  const s = scorer.score(rows);
  const m = s.reduce((a, b) => a + b, 0) / s.length;
  const std = Math.sqrt(s.reduce((a, b) => a + (b - m) ** 2, 0) / s.length);
  if (!(std > 1e-6 * Math.max(1, Math.abs(m))))
    throw new TillerError(
      "nothing_learned",
      `the reward model gives ${m.toPrecision(4)} to all of ${s.length} texts (standard deviation ${std.toPrecision(2)}): it tells nothing apart. Give it more pairs, more epochs or a higher lr.`,
    );
  const [weight, bias] = [model.state.get("score.weight").data, model.state.get("score.bias").data];
  for (let i = 0; i < weight.length; i++) weight[i] /= std;
  bias[0] = (bias[0] - m) / std;
}
