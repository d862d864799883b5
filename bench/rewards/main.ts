/**
 * npm run bench -- rewards: reward models on public sets of people's comparisons, beside what is cheap. Every figure is of
 * held-out pairs, by five folds over topics, prompts, pairs or texts; whatever is chosen is chosen on the training folds.
 * --only SET,SET; --base DIR for another base; --learn both trains the whole base as well (--pairs of each fold: hours on all
 * sets); --write DIR writes the sets as files that `tiller reward` reads, and stops; --data DIR, or TILLER_DATA, where they
 * lie. Absent sets are said to be absent. A run over all sets writes bench/results/DATE-rewards.md.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import {
  comparisonFolds,
  heldOutRaters,
  type RatedPair,
  ratedPairs,
  rewardTable,
  type RewardTable,
} from "@tiller/crowd";
import { trainingLabels, trainingRows } from "@tiller/crowd";
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
import { machineNow } from "../over-seeds.ts";
import { type MeasuredSet, rewardsReport } from "./report.ts";
import { rowsOf, setNames } from "./sets.ts";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    only: { type: "string", default: setNames.join() },
    base: { type: "string", default: baseModel },
    learn: { type: "string", default: "head" },
    folds: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    pairs: { type: "string", default: "1200" },
    data: {
      type: "string",
      default:
        process.env["TILLER_DATA"] ?? path.resolve(import.meta.dirname, "../../../shared/data"),
    },
    write: { type: "string" },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
    json: { type: "boolean", default: false },
  },
});
const [seed, count] = [Number(o.seed), Number(o.folds)];
const names = o.only.split(",");
const log = (line: string) => process.stderr.write(`${line}\n`);

/** Margins brought to one size, so that two rewards can be averaged. */
function sized(margins: readonly number[]): number[] {
  const size = Math.sqrt(margins.reduce((s, m) => s + m * m, 0) / margins.length) || 1;
  return margins.map((m) => m / size);
}

/** Margins of every tested pair by a reward trained on its fold's others. */
async function crossFitted(name: string, pairs: readonly RatedPair[]) {
  const base = await loadModel(o.base);
  const folds = comparisonFolds(pairs, { folds: count, seed });
  const { texts, sides } = textsOf(pairs);
  const features = await featuresOf(base, texts);
  const found = {
    head: new Array<number>(pairs.length).fill(Number.NaN),
    all: new Array<number>(pairs.length).fill(Number.NaN),
    both: new Array<number>(pairs.length).fill(Number.NaN),
  };
  const raters = heldOutRaters(pairs, folds, { seed });
  const byOthers = new Array<number>(pairs.length).fill(Number.NaN);
  const whole = o.learn !== "head";
  const dir = mkdtempSync(path.join(os.tmpdir(), "tiller-rewards-"));
  const chosen: string[] = [];
  for (let f = 0; f < folds.count; f++) {
    const [train, test] = [folds.train(f), folds.test(f)];
    const of = (rows: readonly number[]) => rows.map((i) => pairs[i]!);
    const head = fitHead(
      features,
      base.shape.width,
      of(train),
      train.map((i) => sides[i]!),
      { seed },
    );
    chosen.push(`${head.pooling}, ridge ${head.ridge}`);
    const rewards = headRewards(features[head.pooling], head.weights);
    const byHead = test.map((i) => rewards[sides[i]!.b]! - rewards[sides[i]!.a]!);
    test.forEach((i, k) => (found.head[i] = byHead[k]!));
    if (raters) {
      const others = raters.train(f);
      const at = others.rows.map((i) => sides[i]!);
      const { pooling, weights } = fitHead(features, base.shape.width, others.pairs, at, { seed });
      const said = headRewards(features[pooling], weights);
      for (const i of test) byOthers[i] = said[sides[i]!.b]! - said[sides[i]!.a]!;
    }
    if (!whole) continue;
    // a part of them where there are very many: what a few minutes on two cores train
    const some = rng(seed, "some", f)
      .shuffle(train)
      .slice(0, Number(o.pairs))
      .toSorted((a, b) => a - b);
    const labels = trainingLabels(of(some));
    const { likelihood, rows } = trainingRows(of(some), labels);
    const { job, config } = jobFor(likelihood);
    const began = performance.now();
    const { out } = await run(
      job,
      path.join(dir, `${f}`),
      {
        base: path.resolve(o.base),
        pairs: "pairs",
        maxTokens: roomFor(base, of(some)),
        seed,
        config: { ...config, long: "cut both", validation: 0, pooling: head.pooling },
      },
      { pairs: rows },
    );
    const byAll = await marginsOf([await loadReward(out)], of(test));
    const mean = sized(byAll).map((m, k) => m + sized(byHead)[k]!);
    test.forEach((i, k) => ([found.all[i], found.both[i]] = [byAll[k]!, mean[k]!]));
    rmSync(path.join(dir, `${f}`), { recursive: true });
    log(
      `${name}: fold ${f + 1} of ${folds.count}, ${some.length} pairs of ${train.length}, ${((performance.now() - began) / 1000).toFixed(0)} s`,
    );
  }
  rmSync(dir, { recursive: true, force: true });
  return { folds, found, chosen, raters: raters && { ...raters, margins: byOthers } };
}

/** A table's figures where something is held out. */
const part = (t: RewardTable) => ({
  n: t.n,
  accuracy: t.accuracy,
  low: t.low,
  high: t.high,
  longer: t.baselines.longer,
  bagOfWords: t.baselines.bagOfWords,
});
const rows: MeasuredSet[] = [];
const absent: string[] = [];
for (const name of names) {
  const given = rowsOf(o.data, name);
  if (!given) {
    absent.push(name);
    log(`${name}: absent from ${o.data}`);
    continue;
  }
  if (o.write !== undefined) {
    mkdirSync(o.write, { recursive: true });
    const file = path.join(o.write, `${name}.jsonl`);
    writeFileSync(file, given.map((r) => `${JSON.stringify(r)}\n`).join(""));
    log(`${file}: ${given.length} rows`);
    continue;
  }
  const began = performance.now();
  const { pairs } = ratedPairs(given.map((row, i) => comparisonOf(row, i + 1)));
  const { folds, found, chosen, raters } = await crossFitted(name, pairs);
  const table = (margins: readonly number[]) => rewardTable(pairs, margins, { seed, folds });
  const head = table(found.head);
  const [all, both] = o.learn === "head" ? [] : [table(found.all), table(found.both)];
  const best: RewardTable = both ?? head;
  const newPeople = raters && rewardTable(raters.held, raters.margins, { seed, folds });
  const { longer, bagOfWords, onePerson } = best.baselines;
  const seconds = Math.round((performance.now() - began) / 1000);
  rows.push({
    set: name,
    n: best.n,
    accuracy: best.accuracy,
    low: best.low,
    high: best.high,
    longer,
    bagOfWords,
    onePerson,
    lengthMatched: best.lengthMatched,
    matched: best.matched,
    ahead: best.ahead,
    ties: best.ties,
    byAgreement: best.byAgreement,
    ece: best.calibration.ece,
    topics: folds.by === "topics" ? part(head) : null,
    raters: newPeople?.n ? { ...part(newPeople), raters: raters!.raters } : null,
    pairs: pairs.length,
    heldOutBy: best.heldOutBy,
    interval: best.interval,
    head: {
      accuracy: head.accuracy,
      low: head.low,
      high: head.high,
      lengthMatched: head.lengthMatched,
      chosen,
    },
    all: all && {
      accuracy: all.accuracy,
      low: all.low,
      high: all.high,
      lengthMatched: all.lengthMatched,
    },
    seconds,
  });
  const each = all ? `; head ${head.accuracy.toFixed(3)}, all ${all.accuracy.toFixed(3)}` : "";
  log(
    `${name}: ${best.n} decided pairs by ${best.heldOutBy}; reward ${best.accuracy.toFixed(3)} (${best.low.toFixed(3)} to ${best.high.toFixed(3)}${each}), longer ${longer.toFixed(3)}, words ${bagOfWords?.toFixed(3) ?? "-"}, one person ${onePerson?.toFixed(3) ?? "-"}, of one length ${best.lengthMatched?.toFixed(3) ?? "-"} (${best.matched?.n ?? 0}); ${seconds} s`,
  );
}
const made = {
  base: path.basename(o.base),
  seed,
  folds: count,
  cpus: os.cpus().length,
  absent,
  rows,
};
if (rows.length && o.only === setNames.join()) {
  const command = `npm run bench -- rewards --learn ${o.learn} --folds ${count} --seed ${seed}`;
  const file = path.join(import.meta.dirname, `../results/${o.date}-rewards.md`);
  writeFileSync(file, rewardsReport(rows, { command, date: o.date, machine: machineNow() }));
}
if (o.json) console.log(JSON.stringify(made));
else if (o.write === undefined) for (const r of rows) console.log(JSON.stringify(r));
