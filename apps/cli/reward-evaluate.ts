/** tiller reward evaluate: a reward model held to what people said, beside what is cheap (packages/crowd/reward-table.ts). */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type RatedPair, rewardTable, type RewardTable } from "@tiller/crowd";
import { readComparisons } from "@tiller/data";
import { loadReward, type Model } from "@tiller/learn";
import { TillerError } from "@tiller/schema";
import { folderOf, marginsOf, readLearnedFrom } from "../../recipes/rewards.ts";
import { verb } from "./command.ts";
import { progressBar } from "./file-job.ts";
import { countFlag, flag } from "./flags.ts";
import { reliabilityPlot } from "./reliability-plot.ts";
import { fileSaid, leftOutOf } from "./reward-train.ts";
import { table } from "./table.ts";

const flags = {
  axis: flag(z.string().min(1).optional(), "NAME", "of several axes this one alone"),
  plot: flag(z.string().min(1).optional(), "FILE", "a reliability diagram, as SVG"),
  seed: countFlag(z.int()).default(1).describe("of folds and intervals"),
  json: z.boolean().default(false).describe("print JSON"),
};

/** What a unit of the model's reward is in log-odds; undefined where it does not say. */
function scaleOf(dir: string): number | undefined {
  const file = path.join(dir, "tiller.json");
  if (!existsSync(file)) return undefined;
  const Meta = z.looseObject({
    metrics: z.looseObject({ scale: z.number().positive().optional() }),
  });
  return Meta.safeParse(JSON.parse(readFileSync(file, "utf8"))).data?.metrics.scale;
}

/** The models whose mean is asked about an axis: those of that axis, where a folder has one an axis. */
const foldersFor = (dirs: readonly string[], axis: string | undefined): string[] =>
  dirs.map((dir) =>
    axis !== undefined && existsSync(path.join(dir, "axes")) ? folderOf(dir, "axes", axis) : dir,
  );

async function margins(dirs: readonly string[], pairs: readonly RatedPair[]): Promise<number[]> {
  const out = new Array<number>(pairs.length).fill(Number.NaN);
  for (const [axis, of] of Map.groupBy(pairs.keys(), (i) => pairs[i]!.axis)) {
    const models: Model[] = [];
    for (const dir of foldersFor(dirs, axis)) models.push(await loadReward(dir));
    const found = await marginsOf(
      models,
      of.map((i) => pairs[i]!),
      { progress: progressBar() },
    );
    of.forEach((i, k) => (out[i] = found[k]!));
  }
  return out;
}

/** Where each group has a model of its own: the group's pairs by that one, beside the shared one. */
async function ownHeads(
  dir: string,
  pairs: readonly RatedPair[],
  shared: RewardTable,
  seed: number,
) {
  const rows: {
    name: string;
    n: number;
    shared: number;
    own: number;
    low: number;
    high: number;
  }[] = [];
  for (const g of shared.byGroup) {
    const folder = folderOf(dir, "groups", g.name);
    if (!existsSync(folder)) continue;
    const own = pairs.flatMap((p) => {
      const votes = p.votes.filter((v) => v.group === g.name);
      return votes.length ? [{ ...p, votes }] : [];
    });
    const model = await loadReward(folder);
    const { accuracy, low, high, n } = rewardTable(own, await marginsOf([model], own), { seed });
    rows.push({ name: g.name, n, shared: g.accuracy, own: accuracy, low, high });
  }
  return rows;
}

const three = (x: number | null): string => (x === null || Number.isNaN(x) ? "-" : x.toFixed(3));
const interval = (e: { readonly low: number; readonly high: number }) =>
  `${three(e.low)} to ${three(e.high)}`;
const signed = (x: number) => `${x < 0 ? "" : "+"}${x.toFixed(3)}`;

function print(t: RewardTable, groups: Awaited<ReturnType<typeof ownHeads>>): void {
  const ahead = (e: { at: number; low: number; high: number } | null) =>
    e ? `${signed(e.at)} (${signed(e.low)} to ${signed(e.high)})` : "";
  const { longer, bagOfWords, onePerson } = t.baselines;
  console.log(
    table(
      ["on decided pairs", "right", "95 %", "the model is ahead by"],
      [
        [`the model, ${t.n} pairs`, three(t.accuracy), interval(t), ""],
        ["the longer wins", three(longer), "", ahead(t.ahead.longer)],
        [`a bag of words, ${t.heldOutBy}`, three(bagOfWords), "", ahead(t.ahead.bagOfWords)],
        ["one person against the others", three(onePerson), "", ""],
      ],
    ),
  );
  console.log(`\nIntervals: ${t.interval}.`);
  const learned = t.heldOut?.learnedPairs ?? 0;
  if (learned)
    console.log(
      `The model learned from ${learned} of these ${t.n} pairs: look at the rows that it did not learn from.`,
    );
  const matched = t.matched ? [{ ...t.matched, ahead: t.matched.ahead }] : [];
  const parts = [
    ...matched,
    ...(t.heldOut ? [t.heldOut.pairs, t.heldOut.topics, t.heldOut.raters] : []).filter(
      (p) => p !== null,
    ),
    ...t.byAgreement.map((p) => ({ ...p, name: `people: ${p.name}` })),
    ...t.byStrength.map((p) => ({ ...p, name: `strength ${p.name}` })),
    ...t.byGroup.map((p) => ({ ...p, name: `group ${p.name}` })),
    ...t.byAxis.map((p) => ({ ...p, name: `axis ${p.name}` })),
  ];
  if (parts.length)
    console.log(
      `\n${table(
        ["part of them", "pairs", "right", "95 %", "longer", "words"],
        parts.map((p) => [
          p.name,
          String(p.n),
          three(p.accuracy),
          interval(p),
          three(p.longer),
          three(p.bagOfWords),
        ]),
      )}`,
    );
  if (groups.length)
    console.log(
      `\n${table(
        ["group", "pairs", "by the shared reward", "by its own", "95 %"],
        groups.map((g) => [g.name, String(g.n), three(g.shared), three(g.own), interval(g)]),
      )}`,
    );
  if (t.byRater)
    console.log(
      `\nAgainst each of ${t.byRater.raters} raters alone: median ${three(t.byRater.median)}, ${three(t.byRater.lowest)} to ${three(t.byRater.highest)}.`,
    );
  if (t.ties.n)
    console.log(
      `\n${t.ties.n} pairs are ties${t.ties.margin === null ? "" : `; their margin is ${t.ties.margin.toFixed(2)} of that of decided pairs (below 1: the model knows them)`}.`,
    );
  const c = t.calibration;
  console.log(
    `\nCalibration: expected error ${three(c.ece)}, at ${c.scale.toPrecision(3)} log-odds a unit of reward as ${c.from === "the model" ? `the model says (these pairs say ${c.best.toPrecision(3)})` : "these pairs say, each half by the other's"}.`,
  );
  console.log(
    table(
      ["it is so sure", "pairs", "and right"],
      c.bins.map((b) => [
        `${b.from.toFixed(2)} to ${b.to.toFixed(2)}`,
        String(b.n),
        `${three(b.accuracy)} (${interval(b)})`,
      ]),
    ),
  );
  if (t.unjudged) console.log(`\n${t.unjudged} pairs were judged by no person, and count nowhere.`);
}

async function evaluate(
  o: z.infer<z.ZodObject<typeof flags>>,
  model: string,
  file: string,
): Promise<number> {
  const read = await readComparisons(file);
  const pairs = read.pairs.filter((p) => o.axis === undefined || p.axis === o.axis);
  if (!pairs.length)
    throw new TillerError(
      "no_pairs",
      `${file} has ${read.pairs.length} pairs${o.axis === undefined ? "" : `, none of the axis ${o.axis}`}${leftOutOf(read) && ` (${leftOutOf(read)})`}: there is nothing to hold a reward to.`,
    );
  const dirs = model.split(",").map((dir) => path.resolve(dir));
  const alone = dirs.length === 1 ? dirs[0]! : undefined;
  const found = rewardTable(pairs, await margins(dirs, pairs), {
    seed: o.seed,
    scale: alone === undefined ? undefined : scaleOf(alone),
    learnedFrom: alone === undefined ? undefined : readLearnedFrom(alone),
  });
  if (!found.n)
    throw new TillerError(
      "no_decided",
      `none of ${pairs.length} pairs of ${file} was decided by people: ${found.ties.n} are ties, ${found.unjudged} were judged by no person.`,
    );
  const groups = alone === undefined ? [] : await ownHeads(alone, pairs, found, o.seed);
  if (o.plot !== undefined)
    writeFileSync(
      o.plot,
      reliabilityPlot(`${path.basename(file)} by ${path.basename(model)}`, found),
    );
  if (o.json) {
    console.log(
      JSON.stringify({ ...found, groups, rows: read.rows, same: read.same, empty: read.empty }),
    );
    return 0;
  }
  const axis = o.axis === undefined ? "" : `; of the axis ${o.axis}: ${pairs.length} pairs`;
  console.log(`${file}: ${fileSaid(read)}${axis}\n`);
  print(found, groups);
  return 0;
}

export const evaluateVerb = verb({
  what: "a reward model (or the mean of several: DIR,DIR) on comparisons, beside the longer text, a bag of words and one person",
  takes: ["MODEL", "FILE"],
  flags,
  run: evaluate,
});
