/**
 * tiller reward train: a reward model from a file of comparisons. Ties and strength go into the likelihood where the file has
 * them, and what quality knows of raters into the labels; a file of several axes makes a model an axis.
 */
import path from "node:path";
import { z } from "zod";
import {
  type RatedPair,
  sharesOf,
  trainingLabels,
  type TrainingRows,
  trainingRows,
} from "@tiller/crowd";
import { type Comparisons, readComparisons } from "@tiller/data";
import { loadModel, RewardConfig } from "@tiller/learn";
import { largest, TillerError } from "@tiller/schema";
import { defaultHome } from "@tiller/store";
import { folderOf, jobFor, roomFor, trainHead, writeLearnedFrom } from "../../recipes/rewards.ts";
import { baseModel } from "../../recipes/shared.ts";
import { verb } from "./command.ts";
import { progressBar, runFileJob } from "./file-job.ts";
import { countFlag, flag } from "./flags.ts";
import { table } from "./table.ts";
import { fieldFlag } from "./train.ts";

const { undecided: _, long: __, ...settings } = RewardConfig.shape;
const flags = {
  base: flag(z.string().default(baseModel), "DIR", "the model to begin from"),
  out: flag(z.string(), "DIR", "the folder that is made"),
  learn: z
    .enum(["all", "head"])
    .default("all")
    .describe("the whole base, or a scalar head on it as it is: seconds, and one a group"),
  axis: flag(z.string().min(1).optional(), "NAME", "of several axes this one alone"),
  maxTokens: flag(
    countFlag(z.int().min(2)).optional(),
    "N",
    "of a prompt and its text (default: what almost all need, up to what the base has)",
  ),
  home: flag(z.string().default(defaultHome()), "DIR", "where states are kept meanwhile"),
  seed: countFlag(z.int()).default(1).describe("of every random number"),
  json: z.boolean().default(false).describe("print JSON"),
  ...(Object.fromEntries(
    Object.entries(settings).map(([name, field]) => [name, fieldFlag(field)]),
  ) as Record<Exclude<keyof typeof settings, "pooling">, z.ZodOptional<z.ZodNumber>>),
  pooling: z
    .enum(["mean", "sum"])
    .optional()
    .describe(
      "of a text's tokens (default: mean; with --learn head the one that predicts held-out pairs better); a sum also rewards length, which optimising it then finds",
    ),
};
type Flags = z.infer<z.ZodObject<typeof flags>>;

interface Made {
  readonly out: string;
  readonly axis: string | undefined;
  readonly likelihood: TrainingRows["likelihood"];
  readonly pairs: number;
  readonly raters: number;
  readonly unknown: number;
  readonly metrics: Readonly<Record<string, number>>;
}

async function trainOne(
  pairs: readonly RatedPair[],
  out: string,
  axis: string | undefined,
  o: Flags,
): Promise<Made> {
  const base = path.resolve(o.base);
  const labels = trainingLabels(pairs);
  const about = {
    out,
    axis,
    pairs: pairs.length,
    raters: labels.raters.size,
    unknown: labels.unknown,
  };
  if (o.learn === "head") {
    const { made } = await trainHead(await loadModel(base), pairs, {
      out,
      seed: o.seed,
      pooling: o.pooling,
      progress: progressBar(),
    });
    writeLearnedFrom(out, pairs);
    return { ...about, likelihood: "sides", metrics: made.metrics };
  }
  const { likelihood, rows } = trainingRows(pairs, labels);
  const { job, config } = jobFor(likelihood);
  const given = Object.entries(settings).flatMap(([name]) => {
    const value = o[name as keyof typeof settings];
    return value === undefined ? [] : [[name, value]];
  });
  const parsed = job.input.safeParse({
    base,
    pairs: "pairs",
    maxTokens: o.maxTokens ?? roomFor(await loadModel(base), pairs),
    seed: o.seed,
    config: { long: "cut both", ...config, ...Object.fromEntries(given) },
  });
  if (!parsed.success)
    throw new TillerError(
      "bad_config",
      parsed.error.issues.map((i) => `--${String(i.path.at(-1))}: ${i.message}`).join("; "),
    );
  const result = await runFileJob(job, parsed.data, {
    home: o.home,
    out,
    key: rows,
    rows: (_id, Row) => rows.map((row) => Row.parse(row)),
  });
  writeLearnedFrom(out, pairs);
  const { metrics } = z.looseObject({ metrics: z.record(z.string(), z.number()) }).parse(result);
  return { ...about, likelihood, metrics };
}

const learned: Readonly<Record<TrainingRows["likelihood"], string>> = {
  sides: "which side is better",
  davidson: "which side is better, with ties (Davidson)",
  ordinal: "how much better which side is (proportional odds)",
};
/** What of a file was not used, in words; nothing where all was. */
export const leftOutOf = ({ same, empty }: Pick<Comparisons, "same" | "empty">): string =>
  [
    ...(same ? [`${same} rows compare a text with itself`] : []),
    ...(empty ? [`${empty} rows have an empty text`] : []),
  ].join(", ");

/** What a file gave, in words. */
export function fileSaid(read: Comparisons): string {
  const { rows, pairs, same, empty } = read;
  const again = rows - same - empty - pairs.length;
  const divided = pairs.filter(({ votes }) => {
    const { a, b } = sharesOf(votes);
    return a > 0 && b > 0;
  }).length;
  const left = leftOutOf(read);
  return [
    `${rows} rows, ${pairs.length} pairs`,
    ...(again ? [`, ${again} rows of a pair that other rows gave`] : []),
    ...(divided ? [`, ${divided} pairs with votes for both sides`] : []),
    left && `; left out: ${left}`,
  ].join("");
}

async function train(o: Flags, file: string): Promise<number> {
  const read = await readComparisons(file);
  const axes = [...new Set(read.pairs.map((p) => p.axis))];
  if (o.axis !== undefined && !axes.includes(o.axis))
    throw new TillerError(
      "no_axis",
      `${file} has no axis ${o.axis}; it has ${axes.map((a) => a ?? "rows without one").join(", ")}.`,
    );
  const wanted = o.axis === undefined ? axes : [o.axis];
  const made: Made[] = [];
  for (const axis of wanted) {
    const pairs = read.pairs.filter((p) => p.axis === axis);
    const whole = axis === undefined || wanted.length === 1;
    const out = path.resolve(whole ? o.out : folderOf(o.out, "axes", axis));
    made.push(await trainOne(pairs, out, axis, o));
  }
  if (o.json) {
    console.log(
      JSON.stringify({ rows: read.rows, same: read.same, empty: read.empty, models: made }),
    );
    return 0;
  }
  console.log(
    `${fileSaid(read)}${made.some((m) => m.raters) ? `; ${largest(made.map((m) => m.raters))} raters count by how often they agree with the others` : ""}`,
  );
  for (const m of made) {
    console.log(
      `\n${m.out}${m.axis === undefined ? "" : ` (${m.axis})`}: learned ${learned[m.likelihood]}`,
    );
    if (m.unknown)
      console.log(`${m.unknown} of ${m.pairs} pairs have no vote that could be relied on.`);
    console.log(
      table(
        ["figure", "value"],
        Object.entries(m.metrics).map(([k, v]) => [k, Number(v.toPrecision(4)).toString()]),
      ),
    );
  }
  console.log(`\nHow it does beside what is cheap: tiller reward evaluate ${o.out} FILE`);
  return 0;
}

export const trainVerb = verb({
  what: "a reward model from comparisons: rows of {prompt?, chosen, rejected} and what else is known (tie, strength, rater, source, group, topic, axis, counts, weight)",
  takes: ["FILE"],
  flags,
  run: train,
});
