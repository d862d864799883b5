/** tiller reward forecast: what twice and four times the labels would buy, with a 90 % interval, before they are bought. */
import path from "node:path";
import { z } from "zod";
import { kindOfFile, readComparisons, readRows } from "@tiller/data";
import { loadModel } from "@tiller/learn";
import { type LabelCurve, TillerError } from "@tiller/schema";
import { labelForecast, type ScoredText } from "../../recipes/label-forecast.ts";
import { baseModel } from "../../recipes/shared.ts";
import { verb } from "./command.ts";
import { progressBar } from "./file-job.ts";
import { countFlag, flag } from "./flags.ts";
import { leftOutOf } from "./reward-train.ts";
import { table } from "./table.ts";

const flags = {
  base: flag(
    z.string().default(baseModel),
    "DIR",
    "the model whose hidden states the reward reads",
  ),
  check: z
    .boolean()
    .default(false)
    .describe("a forecast made from a quarter of the pairs, beside what all of them show"),
  gold: flag(
    z.string().min(1).optional(),
    "FILE",
    "rows of text and score (and prompt): what the best of n by the reward is worth",
  ),
  "best-of": flag(countFlag(z.int().min(2)).default(16), "N", "texts that the best is chosen from"),
  splits: flag(countFlag(z.int().min(4)).default(24), "N", "random splits of the pairs"),
  seed: countFlag(z.int()).default(1).describe("of splits and curves"),
  json: z.boolean().default(false).describe("print JSON"),
};
const Scored = z.looseObject({
  prompt: z.string().optional(),
  text: z.string(),
  score: z.union([z.number(), z.string().regex(/^-?\d/).transform(Number)]).pipe(z.number()),
});

async function scoresOf(file: string): Promise<ScoredText[]> {
  const rows: ScoredText[] = [];
  for await (const { row, line } of readRows(file, { kind: kindOfFile(file) })) {
    const parsed = Scored.safeParse(row);
    if (!parsed.success)
      throw new TillerError(
        "wrong_rows",
        `row ${line} of ${file} is no scored text: it has ${Object.keys(row as object).join(", ")}. Give text and score, and prompt where texts answer one.`,
      );
    rows.push(parsed.data);
  }
  return rows;
}

const three = (x: number) => x.toFixed(3);
/** Rows of now, and of more. */
const rowsOf = (b: LabelCurve, judgmentsEach: number) =>
  [{ ...b.now, times: 1 }, ...b.more].map((p) => [
    p.times === 1 ? "now" : `${p.times} x`,
    String(p.pairs),
    String(Math.round(p.pairs * judgmentsEach)),
    three(p.at),
    `${three(p.low)} to ${three(p.high)}`,
  ]);
const checked = ({ check, now }: LabelCurve): string =>
  check
    ? `\nFrom ${check.from} pairs, a quarter, the forecast of all was ${three(check.forecast.at)} (${three(check.forecast.low)} to ${three(check.forecast.high)}); measured: ${three(now.at)}, ${check.within ? "within" : "outside"} the interval.`
    : "";

async function forecast(o: z.infer<z.ZodObject<typeof flags>>, file: string): Promise<number> {
  const read = await readComparisons(file);
  if (read.pairs.length < 2)
    throw new TillerError("no_pairs", `${file} has ${read.pairs.length} pairs. Label more first.`);
  const base = await loadModel(path.resolve(o.base));
  const found = await labelForecast(read.pairs, base, {
    seed: o.seed,
    splits: o.splits,
    check: o.check,
    bestOf: o["best-of"],
    gold: o.gold === undefined ? undefined : await scoresOf(o.gold),
    progress: progressBar(),
  });
  if (o.json) {
    console.log(JSON.stringify(found));
    return 0;
  }
  const left = leftOutOf(read);
  const each = found.judgments / found.pairs;
  console.log(
    `${file}: ${found.pairs} pairs of ${found.judgments} judgments${left && `; left out: ${left}`}\n`,
  );
  console.log(
    `How often a linear reward names the better of two texts, ${found.heldOutBy} held out:`,
  );
  console.log(
    table(["labels", "pairs", "judgments", "accuracy", "90 %"], rowsOf(found.accuracy, each)) +
      checked(found.accuracy),
  );
  if (found.gold)
    console.log(
      `\nWhat the best of ${found.gold.n} texts by it is worth, in the spread of the scores:\n${table(["labels", "pairs", "judgments", "gold", "90 %"], rowsOf(found.gold, each))}${checked(found.gold)}`,
    );
  console.log(
    "\nAn interval is of what this command would show with so many labels of the same kind. docs/results/forecast.md says how often such intervals came true.",
  );
  return 0;
}

export const forecastVerb = verb({
  what: "what 2 and 4 times the labels would buy: accuracy, and gold of the best of n, with 90 % intervals",
  takes: ["FILE"],
  flags,
  run: forecast,
});
