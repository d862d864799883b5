/**
 * npm run bench -- rewards-spans: do corrections and marked spans teach what people prefer? Fine-Grained RLHF has, of each question,
 * six preferences between four answers, and of the first answer the spans that somebody marked and a correction. Heads on the base's
 * mean hidden states learn from the preferences, from corrections (the correction is better than the answer), from spans (a
 * sentence without any is better than one with some, of one answer), and from several; questions are held out, and all are held to
 * the same preferences. --seeds N; --some N: beside that, heads that have the preferences of N questions alone; --data DIR or
 * TILLER_DATA; --base DIR.
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { comparisonFolds, type RatedPair, ratedPairs, rewardTable } from "@tiller/crowd";
import { comparisonOf } from "@tiller/data";
import { asSteps, loadModel } from "@tiller/learn";
import { MarkedResponse, rng } from "@tiller/schema";
import { featuresOf, fitHead, headRewards, textsOf } from "../../recipes/rewards.ts";
import { baseModel } from "../../recipes/shared.ts";
import { machineNow, overSeeds } from "../over-seeds.ts";
import { correctionsOf, rowsOf } from "./sets.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seeds: { type: "string", default: "8" },
    some: { type: "string", default: "40" },
    base: { type: "string", default: baseModel },
    data: {
      type: "string",
      default:
        process.env["TILLER_DATA"] ?? path.resolve(import.meta.dirname, "../../../shared/data"),
    },
  },
});
const [seeds, few] = [Number(o.seeds), Number(o.some)];
/** Sentences beside one another of one answer: at most so many pairs of them. */
const EACH = 4;
const name = "fine-grained-qa";
const given = rowsOf(o.data, name);
const marked = correctionsOf(o.data);
if (!given || !marked) throw new Error(`${name} is absent from ${o.data}: see --data.`);

const rated = (rows: readonly Readonly<Record<string, unknown>>[]): RatedPair[] =>
  ratedPairs(rows.map((row, i) => comparisonOf(row, i + 1))).pairs as RatedPair[];
const preferences = rated(given);
const corrections = rated(marked);
/** A sentence that nobody marked is better than one that somebody did, of the same answer. */
const sentences = rated(
  marked.flatMap((row) => {
    const { steps, labels } = asSteps(MarkedResponse.parse(row));
    const of = (label: number) => steps.filter((s, i) => labels[i] === label && s.trim());
    const pairs = of(1).flatMap((chosen) => of(0).map((rejected) => ({ chosen, rejected })));
    const { prompt, topic } = z.looseObject({ prompt: z.string(), topic: z.string() }).parse(row);
    return rng(1, "spans", topic)
      .shuffle(pairs)
      .slice(0, EACH)
      .map((pair) => ({ ...pair, prompt, topic }));
  }),
);
const all = [...preferences, ...corrections, ...sentences];
const base = await loadModel(o.base);
const { texts, sides } = textsOf(all);
console.error(
  `${preferences.length} pairs by preference, ${corrections.length} corrections, ${sentences.length} pairs of sentences; ${texts.length} texts`,
);
const features = await featuresOf(base, texts);
const from = [0, preferences.length, preferences.length + corrections.length];

const arms: Readonly<Record<string, { readonly parts: readonly number[]; readonly few?: true }>> = {
  "all preferences": { parts: [0] },
  "and corrections": { parts: [0, 1] },
  "and spans": { parts: [0, 2] },
  "and both": { parts: [0, 1, 2] },
  [`preferences of ${few} questions`]: { parts: [0], few: true },
  [`preferences of ${few}, corrections and spans of all`]: { parts: [0, 1, 2], few: true },
  "corrections alone": { parts: [1] },
  "spans alone": { parts: [2] },
};
const found = new Map<string, { accuracy: number; low: number; high: number; n: number }[]>();
for (let seed = 1; seed <= seeds; seed++) {
  const folds = comparisonFolds(preferences, { seed });
  const margins = new Map(
    Object.keys(arms).map((arm) => [arm, preferences.map(() => Number.NaN)] as const),
  );
  for (let f = 0; f < folds.count; f++) {
    const test = folds.test(f);
    const out = new Set(test.map((i) => preferences[i]!.topic));
    const rest = [...new Set(folds.train(f).map((i) => preferences[i]!.topic))];
    const some = new Set(rng(seed, "some", f).shuffle(rest).slice(0, few));
    for (const [arm, { parts, few: only }] of Object.entries(arms)) {
      const rows = [...all.keys()].filter((i) => {
        const part = from.findLastIndex((n) => i >= n);
        const { topic } = all[i]!;
        return parts.includes(part) && !out.has(topic) && (part > 0 || !only || some.has(topic));
      });
      const head = fitHead(
        features,
        base.shape.width,
        rows.map((i) => all[i]!),
        rows.map((i) => sides[i]!),
        { seed, pooling: "mean" },
      );
      const rewards = headRewards(features.mean, head.weights);
      for (const i of test) margins.get(arm)![i] = rewards[sides[i]!.b]! - rewards[sides[i]!.a]!;
    }
  }
  for (const [arm, m] of margins)
    (found.get(arm) ?? found.set(arm, []).get(arm)!).push(
      rewardTable(preferences, m, { seed, folds }),
    );
  console.error(
    `seed ${seed}: ${[...found].map(([arm, of]) => `${arm} ${of.at(-1)!.accuracy.toFixed(3)}`).join("; ")}`,
  );
}

const three = (x: number) => x.toFixed(3);
const signed = (x: number) => `${x < 0 ? "" : "+"}${three(x)}`;
const beside = (arm: string) =>
  arms[arm]!.few ? `preferences of ${few} questions` : "all preferences";
const rows = [...found].map(([arm, of]) => {
  const { at } = overSeeds(of.map((t) => t.accuracy));
  const other = found.get(beside(arm))!;
  const ahead = overSeeds(of.map((t, s) => t.accuracy - other[s]!.accuracy));
  const first = of[0]!;
  return [
    arm,
    three(at),
    `${three(first.accuracy)} (${three(first.low)} to ${three(first.high)})`,
    beside(arm) === arm
      ? "-"
      : `${signed(ahead.at)} (${signed(ahead.low)} to ${signed(ahead.high)})`,
  ];
});
const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const head = [
  "learned from",
  `accuracy, mean of ${seeds} seeds`,
  `seed 1 (95 % over questions), of ${found.values().next().value![0]!.n} pairs`,
  "ahead of the preferences alone, over seeds (95 %)",
];
console.log(
  [machineNow(), "", line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n"),
);
