/**
 * Which answers to experts' questions survive in an extract of 15 % of a story's words: at once, and by trees of two windows (recipes/answer-retention).
 * npm run bench -- answers [--matching words] [--splitter unicode] [--rule pass] [--minutes 120,1200] [--seeds 5] [--plot FILE.svg] [--json]
 * Stories: fairytaleqa/train.jsonl.gz in TILLER_DATA, if it does not lie beside the repository.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { figureOf } from "@tiller/book/annotations.ts";
import { rng } from "@tiller/schema";
import { z } from "zod";
import { machineNow } from "./over-seeds.ts";
import { plot } from "./plot.ts";
import {
  judgments,
  type Known,
  learnedPolicy,
  type Reading,
  readings,
} from "../recipes/answer-retention/learned.ts";
import {
  aboutQuestions,
  atOnce,
  byTree,
  centroid,
  lead,
  levelsOf,
  oracle,
  type Policy,
  randomPolicy,
  rules,
} from "../recipes/answer-retention/select.ts";
import {
  holdersOf,
  matchings,
  splitters,
  storiesIn,
  type Story,
  survivors,
} from "../recipes/answer-retention/stories.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    matching: { type: "string", default: "words" },
    splitter: { type: "string", default: "unicode" },
    rule: { type: "string", default: "pass" },
    minutes: { type: "string", default: "120,1200" },
    seeds: { type: "string", default: "5" },
    plot: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const o = z
  .object({
    matching: z.enum(matchings),
    splitter: z.enum(splitters),
    rule: z.enum(rules),
    minutes: z
      .string()
      .transform((s) => z.array(z.number().positive()).parse(s.split(",").map(Number))),
    seeds: z.coerce.number().int().positive(),
  })
  .parse(values);
const SHARE = 0.15;
const WINDOWS = [512, 2048];
const FOLDS = 5;
const data = process.env["TILLER_DATA"] ?? path.resolve(import.meta.dirname, "../../shared/data");
const stories = storiesIn(data, o);
const levels = WINDOWS.map((w) => stories.map((s) => levelsOf(s, w)));
const holders = stories.map((s) => holdersOf(s, o.matching));

interface Row {
  readonly name: string;
  readonly at: string;
  readonly figure: ReturnType<typeof figureOf>;
  readonly words: number;
}
const rows: Row[] = [];
/** By story the share that each answer survived: 0 or 1 of one extract, means over several. */
function row(
  name: string,
  at: string,
  extracts: (s: Story, i: number) => readonly (readonly number[])[],
): void {
  let [kept, all] = [0, 0];
  const answers = stories.flatMap((s, i) => {
    const each = extracts(s, i);
    for (const e of each) kept += e.reduce((n, k) => n + s.sentences[k]!.words, 0);
    all += s.words * each.length;
    const lives = each.map((e) => survivors(s, e, o.matching));
    return s.asked.map((_, q) => ({
      book: s.name,
      value: lives.reduce((n, l) => n + Number(l[q]), 0) / each.length,
    }));
  });
  add(name, at, answers, kept / all);
}
function add(
  name: string,
  at: string,
  answers: { book: string; value: number }[],
  words: number,
): void {
  const figure = figureOf(answers);
  rows.push({ name, at, figure, words });
  const pc = (x: number) => (100 * x).toFixed(1);
  console.error(
    `${name}, ${at}: ${pc(figure.mean)} (${pc(figure.low)} to ${pc(figure.high)}), ${pc(words)} % of the words`,
  );
}

const seeds = Array.from({ length: o.seeds }, (_, i) => i + 1);
const places: readonly (readonly [string, (s: Story, i: number, p: Policy) => number[]])[] = [
  ["at once", (s, _, p) => atOnce(s, p, SHARE, o.rule)],
  ...WINDOWS.map(
    (w, k) =>
      [
        `tree ${w}`,
        (s: Story, i: number, p: Policy) => byTree(s, levels[k]![i]!, p, SHARE),
      ] as const,
  ),
];
for (const [at, extract] of places) {
  row("random", at, (s, i) =>
    seeds.map((seed) => extract(s, i, randomPolicy(rng(seed, "random", i)))),
  );
  row("lead", at, (s, i) => [extract(s, i, lead)]);
  row("centroid", at, (s, i) => [extract(s, i, centroid)]);
}
row("oracle", "at once", (s, i) => [oracle(s, holders[i]!, SHARE)]);
for (const [at, extract] of places) {
  const words = { kept: 0, all: 0 };
  const answers = stories.flatMap((s, i) => {
    const about = aboutQuestions(s);
    return s.asked.map(({ question }, q) => {
      const kept = extract(s, i, about(question));
      words.kept += kept.reduce((n, k) => n + s.sentences[k]!.words, 0);
      words.all += s.words;
      return { book: s.name, value: Number(survivors(s, kept, o.matching)[q]) };
    });
  });
  add("question-aware", at, answers, words.kept / words.all);
}

const nameOf = (r: Reading) => (r === "whole" ? "whole stories" : `${r}s`);
// learned: each story by selectors that learned from the other folds
const order = rng(1, "folds").shuffle(stories.map((_, i) => i));
const foldOf = new Map(order.map((story, k) => [story, k % FOLDS]));
const knowns: Known[] = stories.map((story, i) => ({
  story,
  levels: levels[1]![i]!,
  holders: holders[i]!,
}));
const labels: Record<string, number> = {};
for (const minutes of o.minutes)
  for (const reading of readings) {
    let n = 0;
    const policies = seeds.map((seed) =>
      Array.from({ length: FOLDS }, (_, fold) => {
        const train = knowns.filter((_, i) => foldOf.get(i) !== fold);
        const judged = judgments(
          train,
          { reading, minutes, part: SHARE },
          rng(seed, reading, fold),
        );
        n += judged.length / FOLDS / o.seeds;
        return learnedPolicy(judged);
      }),
    );
    const name = `learned from ${nameOf(reading)}, ${minutes} min`;
    labels[name] = Math.round(n);
    for (const [at, extract] of places)
      row(name, at, (s, i) => policies.map((by) => extract(s, i, by[foldOf.get(i)!]!)));
  }

const answers = stories.reduce((n, s) => n + s.asked.length, 0);
if (values.json)
  console.log(JSON.stringify({ ...o, stories: stories.length, answers, labels, rows }));
else {
  const pc = (x: number) => (100 * x).toFixed(1);
  console.log(`${stories.length} stories, ${answers} answers; ${machineNow()}\n`);
  console.log(
    `| % of answers kept | ${places.map(([p]) => p).join(" | ")} | judgments |\n|---|${"---|".repeat(places.length + 1)}`,
  );
  for (const name of new Set(rows.map((r) => r.name))) {
    const cells = places.map(([p]) => {
      const r = rows.find((x) => x.name === name && x.at === p);
      return r ? `${pc(r.figure.mean)} (${pc(r.figure.low)} to ${pc(r.figure.high)})` : "";
    });
    console.log(`| ${name} | ${cells.join(" | ")} | ${labels[name] ?? ""} |`);
  }
}
if (values.plot !== undefined) {
  const flat = ["lead", "random"];
  const learned = readings.map((r) => rows.filter((x) => x.name.includes(nameOf(r))));
  const point = ({ figure }: Row, x: number) => ({
    x,
    y: 100 * figure.mean,
    low: 100 * figure.low,
    high: 100 * figure.high,
  });
  const atOnceRows = (of: readonly Row[]) => of.filter((r) => r.at === "at once");
  writeFileSync(
    values.plot,
    plot({
      title: "Answers that survive in 15 % of the words, taken at once",
      x: "minutes that simulated readers spent on judgments",
      y: "% of the answers",
      places: o.minutes.map((m) => m.toLocaleString("en-GB")),
      lines: [
        ...learned.map((of, k) => ({
          name: `learned from ${nameOf(readings[k]!)}`,
          points: atOnceRows(of).map((r, i) => point(r, i + 1)),
        })),
        ...flat.map((name) => ({
          name,
          points: o.minutes.map((_, i) =>
            point(
              atOnceRows(rows).find((r) => r.name === name)!,
              i + 1,
            ),
          ),
        })),
      ],
    }),
  );
}
