/**
 * A reward from comparisons, whoever gave them: labels as quality knows them, the likelihood that they call for, and a base that
 * learns it whole (a training job) or a scalar head on a base that stays as it is (ridge-penalised Bradley and Terry on its
 * hidden states: seconds, and as good where comparisons are few). `tiller reward` and the benches are made of this.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import {
  comparisonFolds,
  linearReward,
  raterEffects,
  type RatedPair,
  sharesOf,
  trainingLabels,
  type TrainingRows,
} from "@tiller/crowd";
import {
  bucket,
  gradedRewardJob,
  type Model,
  type PromptedText,
  rewardJob,
  rewardTexts,
  saveRewardHead,
  summedFeatures,
  textFeatures,
} from "@tiller/learn";
import { encodeAfter, encodePrompt } from "@tiller/lm";
import { type JobDef, type NewCheckpoint, TillerError } from "@tiller/schema";

type Progress = (done: number, total: number) => void;
interface Reading {
  readonly progress?: Progress;
}

/** Each text of some pairs once, and where the two of each pair stand among them. */
export function textsOf(pairs: readonly RatedPair[]) {
  const numbers = new Map<string, number>();
  const texts: PromptedText[] = [];
  const at = (prompt: string, text: string): number => {
    const key = JSON.stringify([prompt, text]);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, texts.length);
    return texts.push({ prompt, text }) - 1;
  };
  const sides = pairs.map((p) => ({ a: at(p.prompt, p.a), b: at(p.prompt, p.b) }));
  return { texts, sides };
}

/** Rewards of b less those of a; of several models their mean. */
export async function marginsOf(
  models: readonly Model[],
  pairs: readonly RatedPair[],
  o: Reading = {},
): Promise<number[]> {
  const { texts, sides } = textsOf(pairs);
  const sums = new Float64Array(texts.length);
  for (const [k, m] of models.entries()) {
    const rewards = await rewardTexts(m, texts, {
      progress: (done, total) => o.progress?.(k * total + done, models.length * total),
    });
    rewards.forEach((r, i) => (sums[i] += r / models.length));
  }
  return sides.map(({ a, b }) => sums[b]! - sums[a]!);
}

/** The job that learns such rows, and what its input says of them. */
export const jobFor = (
  likelihood: TrainingRows["likelihood"],
): { job: JobDef; config: Readonly<Record<string, unknown>> } =>
  likelihood === "sides"
    ? { job: rewardJob, config: {} }
    : { job: gradedRewardJob, config: { likelihood } };

export interface Head {
  /** whether tokens are averaged or added up: as predicts held-out pairs better */
  readonly pooling: "mean" | "sum";
  /** reward a unit of each feature: what all share */
  readonly weights: Float64Array;
  /** by name, where groups judged: shared and own together */
  readonly groups: ReadonlyMap<string, Float64Array>;
  readonly ridge: number;
  readonly heldOut: number;
  /** of naming the better side, by rater, where they are named */
  readonly reliability: ReadonlyMap<string, number>;
  readonly pairs: number;
}
/** Times that raters and head are learned from each other. */
const LOOKS = 2;
/** Folds of the training pairs, by which a head's penalty is chosen. */
const INNER = 4;

export type Features = Readonly<Record<Head["pooling"], Float32Array>>;
/** Both kinds of features of texts. */
export async function featuresOf(
  base: Model,
  texts: readonly PromptedText[],
  o: Reading = {},
): Promise<Features> {
  const { means, lengths } = await textFeatures(base, texts, o);
  return { mean: means, sum: summedFeatures(means, lengths) };
}
/** A head on features of the pairs' texts (`textsOf`). With groups: an offset a group. */
export function fitHead(
  features: Features,
  width: number,
  pairs: readonly RatedPair[],
  sides: readonly { readonly a: number; readonly b: number }[],
  o: { readonly seed: number; readonly pooling?: Head["pooling"] | undefined },
): Head {
  const { labels } = trainingLabels(pairs);
  const names = [
    ...new Set(pairs.flatMap((p) => p.votes.flatMap((v) => v.group ?? []))),
  ].toSorted();
  const rows = pairs.flatMap((p, i) => {
    const { pB, weight } = labels[i]!;
    if (!(weight > 0)) return [];
    if (!names.length) return [{ of: p, ...sides[i]!, p: pB, weight, group: undefined }];
    // what a group says is learned as its own; votes of no group are everybody's
    return [undefined, ...names].flatMap((name) => {
      const { a, tie, b } = sharesOf(p.votes.filter((v) => v.group === name));
      const n = a + tie + b;
      const group = name === undefined ? undefined : names.indexOf(name);
      return n > 0 ? [{ of: p, ...sides[i]!, p: (b + tie / 2) / n, weight: n, group }] : [];
    });
  });
  if (!rows.length)
    throw new TillerError(
      "no_labels",
      `none of ${pairs.length} pairs has a vote that counts. Collect more judgments.`,
    );
  const folds =
    rows.length >= 2 * INNER
      ? comparisonFolds(
          rows.map((r) => r.of),
          { folds: INNER, seed: o.seed },
        )
      : undefined;
  const asked = o.pooling ? [o.pooling] : (["mean", "sum"] as const);
  const fit = (pooling: Head["pooling"], of: typeof rows) => ({
    pooling,
    ...linearReward(features[pooling], width, of, { folds, groups: names.length }),
  });
  let found = asked
    .map((pooling) => fit(pooling, rows))
    .reduce((x, y) => (y.likelihood > x.likelihood ? y : x));
  // who judged: what the reward says of a pair that it did not learn from tells how far a rater can be relied on
  let reliability: ReadonlyMap<string, number> = new Map();
  if (folds && !names.length && rows.some((r) => r.of.votes.some((v) => v.rater !== undefined)))
    for (let look = 0; look < LOOKS; look++) {
      const effects = raterEffects(
        rows.map((r) => r.of),
        [...found.margins],
      );
      reliability = effects.reliability;
      const relabelled = rows.map((r, i) => ({ ...r, p: effects.pB[i] ?? r.p }));
      found = fit(found.pooling, relabelled);
    }
  return {
    pooling: found.pooling,
    weights: found.weights,
    groups: new Map(names.map((name, g) => [name, found.groups[g]!])),
    ridge: found.ridge,
    heldOut: found.heldOut,
    reliability,
    pairs: rows.length,
  };
}

/** Rewards of texts by a head: features times weights. */
export const headRewards = (features: Float32Array, weights: ArrayLike<number>): Float64Array => {
  const width = weights.length;
  const out = new Float64Array(features.length / width);
  for (let i = 0; i < out.length; i++)
    for (let d = 0; d < width; d++) out[i] += features[i * width + d] * weights[d]!;
  return out;
};

/** Trains a head on the pairs and writes it as a reward model; where groups judged, one a group beside it, by name. */
export async function trainHead(
  base: Model,
  pairs: readonly RatedPair[],
  o: Reading & {
    readonly out: string;
    readonly seed: number;
    readonly pooling?: Head["pooling"] | undefined;
  },
): Promise<{ made: NewCheckpoint; head: Head }> {
  const { texts, sides } = textsOf(pairs);
  const features = await featuresOf(base, texts, o);
  const { width } = base.shape;
  const head = fitHead(features, width, pairs, sides, o);
  const save = (dir: string, weights: Float64Array) =>
    saveRewardHead(dir, base, {
      weights,
      pooling: head.pooling,
      rewards: [...headRewards(features[head.pooling], weights)],
      metrics: {
        pairs: head.pairs,
        ridge: head.ridge,
        ...(!Number.isNaN(head.heldOut) && { validationAccuracy: head.heldOut }),
      },
      config: { learn: "head", seed: o.seed },
    });
  const made = await save(o.out, head.weights);
  for (const [name, weights] of head.groups) await save(folderOf(o.out, "groups", name), weights);
  return { made, head };
}

/** Of a part of a reward model: one of its groups, or of its axes. */
export function folderOf(dir: string, kind: "groups" | "axes", name: string): string {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,80}$/u.test(name))
    throw new TillerError(
      "bad_name",
      `${JSON.stringify(name)} is no name for a folder, and each of the ${kind} gets one. Use letters, digits, spaces, dots, - and _.`,
    );
  return path.join(dir, kind, name);
}

/** Beside a reward model: by hashes alone, which pairs, topics and raters it learned from. */
const LearnedFile = z.strictObject({
  tiller: z.literal(1),
  pairs: z.array(z.string()),
  topics: z.array(z.string()),
  raters: z.array(z.string()),
});
const FILE = "learned-from.json";
const hashed = (...parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
const pairHash = (p: RatedPair) => hashed("pair", p.prompt, p.a, p.b);

export function writeLearnedFrom(dir: string, pairs: readonly RatedPair[]): void {
  const set = (of: readonly string[]) => [...new Set(of)].toSorted();
  const file: z.infer<typeof LearnedFile> = {
    tiller: 1,
    pairs: set(pairs.map(pairHash)),
    topics: set(pairs.flatMap((p) => (p.topic === undefined ? [] : hashed("topic", p.topic)))),
    raters: set(
      pairs.flatMap((p) =>
        p.votes.flatMap((v) => (v.rater === undefined ? [] : hashed("rater", v.rater))),
      ),
    ),
  };
  writeFileSync(path.join(dir, FILE), `${JSON.stringify(file)}\n`);
}
/** Undefined where the model does not say. */
export function readLearnedFrom(dir: string) {
  const file = path.join(dir, FILE);
  if (!existsSync(file)) return undefined;
  const { pairs, topics, raters } = LearnedFile.parse(JSON.parse(readFileSync(file, "utf8")));
  const [p, t, r] = [new Set(pairs), new Set(topics), new Set(raters)];
  return {
    pair: (of: RatedPair) => p.has(pairHash(of)),
    topic: (name: string) => t.has(hashed("topic", name)),
    rater: (name: string) => r.has(hashed("rater", name)),
  };
}

/** Of the pairs' lengths in tokens, what almost all have room in: a few long ones would make every batch as long. */
const ALMOST_ALL = 0.98;
/** What a row of training needs room for, up to what the base has. */
export function roomFor(base: Model, pairs: readonly RatedPair[]): number {
  const { tokenizer, shape } = base;
  const lengths = pairs.map((p) => {
    const query = encodePrompt(tokenizer, p.prompt).ids.length;
    const [a, b] = [p.a, p.b].map((text) => encodeAfter(tokenizer, p.prompt, text).length);
    return query + Math.max(a!, b!);
  });
  const most = lengths.toSorted((a, b) => a - b)[Math.floor(ALMOST_ALL * (lengths.length - 1))]!;
  return bucket(Math.max(2, most), shape.positions);
}
