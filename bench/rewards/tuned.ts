/**
 * npm run bench -- rewards-tuned: is it worth training the whole base? The same pairs of people teach three rewards: a scalar
 * head on the base as it is (`--learn head`), the linear reward of forecasts, and the whole base (`--learn all`), whose learning
 * rate is chosen on an inner fold of the training pairs. A seed is a split (a third of the topics, prompts or texts held out),
 * its training pairs and a start. --sets A,B; --pairs N; --seeds N; --lr RATE,RATE; --base DIR; --arms head,linear leaves training
 * out; --data DIR or TILLER_DATA; --keep DIR keeps what is done. Prints a table in Markdown.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import {
  comparisonFolds,
  featureReward,
  type RatedPair,
  ratedPairs,
  rewardFeatures,
  rewardsBy,
  rewardTable,
  trainingLabels,
  trainingRows,
} from "@tiller/crowd";
import { comparisonOf } from "@tiller/data";
import { loadModel, loadReward } from "@tiller/learn";
import { rng } from "@tiller/schema";
import {
  featuresOf,
  fitHead,
  headRewards,
  jobFor,
  marginsOf,
  roomFor,
  textsOf,
} from "../../recipes/rewards.ts";
import { baseModel } from "../../recipes/shared.ts";
import { run } from "../jobs.ts";
import { machineNow, overSeeds } from "../over-seeds.ts";
import { rowsOf } from "./sets.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    sets: { type: "string", default: "humour,hh-harmless" },
    pairs: { type: "string", default: "1000" },
    seeds: { type: "string", default: "3" },
    lr: { type: "string", default: "2e-4,7e-4" },
    arms: { type: "string", default: "head,linear,all" },
    base: { type: "string", default: baseModel },
    data: {
      type: "string",
      default:
        process.env["TILLER_DATA"] ?? path.resolve(import.meta.dirname, "../../../shared/data"),
    },
    keep: { type: "string", default: "/tmp/tiller-rewards-tuned" },
  },
});
const [most, seeds] = [Number(o.pairs), Number(o.seeds)];
const rates = o.lr.split(",").map(Number);
const arms = o.arms.split(",");
/** Of which one is held out: few, so that many pairs are tested where both texts must be held out. */
const FOLDS = 3;
const log = (line: string) => process.stderr.write(`${line}\n`);
mkdirSync(o.keep, { recursive: true });
const base = await loadModel(o.base);

/** Margins of `test` by the whole base trained on `train`, kept under what they follow from. */
async function trained(
  train: readonly RatedPair[],
  test: readonly RatedPair[],
  given: { readonly lr: number; readonly seed: number },
): Promise<number[]> {
  const key = createHash("sha256")
    .update(JSON.stringify([base.id, train, test, given]))
    .digest("hex")
    .slice(0, 16);
  const file = path.join(o.keep, `${key}.json`);
  if (!existsSync(file)) {
    const { likelihood, rows } = trainingRows(train, trainingLabels(train));
    const { job, config } = jobFor(likelihood);
    const dir = path.join(o.keep, key);
    const { out } = await run(
      job,
      dir,
      {
        base: path.resolve(o.base),
        pairs: "pairs",
        maxTokens: roomFor(base, train),
        seed: given.seed,
        config: { ...config, long: "cut both", validation: 0, lr: given.lr },
      },
      { pairs: rows },
    );
    writeFileSync(file, JSON.stringify(await marginsOf([await loadReward(out)], test)));
    rmSync(dir, { recursive: true, force: true });
  }
  return z.array(z.number()).parse(JSON.parse(readFileSync(file, "utf8")));
}
/** Rewards of a set and a seed: what each has right of the same held-out pairs, and how far it is ahead of the head. */
async function measured(pairs: readonly RatedPair[], seed: number) {
  const folds = comparisonFolds(pairs, { folds: FOLDS, seed });
  const some = rng(seed, "rewards tuned").shuffle(folds.train(0)).slice(0, most);
  const of = (rows: readonly number[]) => rows.map((i) => pairs[i]!);
  const [train, test, testRows] = [of(some), of(folds.test(0)), folds.test(0)];
  const used = [...some, ...testRows];
  const { texts, sides } = textsOf(of(used));
  const features = await featuresOf(base, texts);
  const [here, there] = [sides.slice(0, some.length), sides.slice(some.length)];
  const by = (rewards: ArrayLike<number>) => there.map(({ a, b }) => rewards[b]! - rewards[a]!);
  const found = new Map<string, readonly number[]>();
  let lr: number | undefined;
  if (arms.includes("head")) {
    const head = fitHead(features, base.shape.width, train, here, { seed, pooling: "mean" });
    found.set("head", by(headRewards(features.mean, head.weights)));
  }
  if (arms.includes("linear")) {
    const x = rewardFeatures(features.mean, base.shape.width, texts);
    const judged = trainingLabels(train).labels.map(({ pB, weight }, i) => ({
      ...here[i]!,
      pB,
      weight,
    }));
    found.set("linear", by(rewardsBy(x, featureReward(x, judged))));
  }
  if (arms.includes("all")) {
    const inner = comparisonFolds(train, { folds: 4, seed });
    const [learned, held] = [inner.train(0), inner.test(0)].map((rows) =>
      rows.map((i) => train[i]!),
    );
    const tried: number[] = [];
    for (const rate of rates)
      tried.push(rewardTable(held!, await trained(learned!, held!, { lr: rate, seed })).accuracy);
    lr = rates[tried.indexOf(Math.max(...tried))]!;
    found.set("all", await trained(train, test, { lr, seed }));
  }
  const tables = new Map([...found].map(([arm, m]) => [arm, rewardTable(test, m, { seed })]));
  return { tables, lr, trained: train.length };
}

const three = (x: number) => x.toFixed(3);
const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
const lines: string[] = [];
for (const name of o.sets.split(",")) {
  const given = rowsOf(o.data, name);
  if (!given) {
    log(`${name}: absent from ${o.data}`);
    continue;
  }
  const { pairs } = ratedPairs(given.map((row, i) => comparisonOf(row, i + 1)));
  const made: Awaited<ReturnType<typeof measured>>[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const began = performance.now();
    made.push(await measured(pairs, seed));
    const last = made.at(-1)!;
    const said = [...last.tables].map(([arm, t]) => `${arm} ${three(t.accuracy)}`).join(", ");
    log(
      `${name}, seed ${seed}: ${last.trained} pairs learned from; ${said}; rate ${last.lr ?? "-"}; ${((performance.now() - began) / 1000).toFixed(0)} s`,
    );
  }
  for (const arm of arms) {
    const each = made.map((m) => m.tables.get(arm)!);
    const ahead = overSeeds(
      made.map((m) => m.tables.get(arm)!.accuracy - m.tables.get(arms[0]!)!.accuracy),
    );
    const { at } = overSeeds(each.map((t) => t.accuracy));
    lines.push(
      line([
        name,
        arm,
        made.map((m) => m.trained).join(", "),
        each.map((t) => t.n).join(", "),
        each.map((t) => `${three(t.accuracy)} (${three(t.low)} to ${three(t.high)})`).join("; "),
        three(at),
        arm === arms[0]
          ? "-"
          : `${ahead.at < 0 ? "" : "+"}${three(ahead.at)} (${three(ahead.low)} to ${three(ahead.high)})`,
        each.map((t) => three(t.baselines.longer)).join(", "),
        each.map((t) => (t.lengthMatched === null ? "-" : three(t.lengthMatched))).join(", "),
        arm === "all" ? made.map((m) => m.lr).join(", ") : "-",
      ]),
    );
  }
}
const head = [
  "set",
  "reward",
  "pairs learned from",
  "held-out pairs",
  "accuracy, by seed (95 %)",
  "mean",
  `ahead of the ${arms[0]}, over seeds (95 %)`,
  "longer",
  "of one length",
  "learning rate",
];
console.log(
  [
    `Base ${base.id.slice(0, 12)} (${path.basename(path.resolve(o.base))}); ${machineNow()}.`,
    "",
    line(head),
    line(head.map(() => "---")),
    ...lines,
  ].join("\n"),
);
