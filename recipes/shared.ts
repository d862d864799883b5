/** What several recipes do alike: passages of a book, and labels out of people's comparisons. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { aggregatePairs, flagRaters } from "@tiller/crowd";
import type { Answered, AskedItem, Flow } from "@tiller/flow";
import { Continuation, PpoConfig, RewardConfig } from "@tiller/learn";
import { loadTokenizer, samplePassages, splitTrainHeldout } from "@tiller/lm";
import {
  AnswerId,
  type DatasetId,
  DatasetRef,
  type JobDef,
  type Judgment,
  type LabelledPair,
  type MetricPoint,
  type NewReport,
  own,
  PersonId,
  promptRows,
  rng,
  type TaskId,
  TillerError,
} from "@tiller/schema";
import { declareInputs, inputPath } from "@tiller/store";
import {
  comparison,
  type ComparisonInput,
  type ComparisonValue,
} from "./better-continuations/comparison.ts";
import { corpus } from "./corpus.ts";

export const baseModel = path.join(path.dirname(fileURLToPath(import.meta.url)), "../models/base");
declareInputs(path.dirname(baseModel)); // what comes with Tiller

/** The settings of every experiment that lets people compare continuations and learns from it. */
export const learning = {
  base: z
    .string()
    .meta({ artefact: "checkpoint" })
    .default(baseModel)
    .describe(
      "checkpoint folder of the model to improve: that of a job, or below HOME/inputs or another declared folder",
    ),
  prompts: DatasetRef.optional().describe(
    "passages of your own in place of the book's: rows with a prompt, of which the last are held out",
  ),
  people: z.int().positive().default(3).describe("judgments a pair"),
  minPassage: z.int().positive().default(10).describe("tokens"),
  maxPassage: z.int().positive().default(32).describe("tokens"),
  continuation: Continuation.prefault({}).describe("how continuations are sampled and cut"),
  reward: RewardConfig.prefault({}).describe("how the reward model learns from comparisons"),
  ppo: PpoConfig.prefault({}).describe("how the policy learns from the reward model"),
};

/** Passages of Moby Dick: some to learn from, some of its held-out part. */
export async function bookPassages(c: {
  readonly base: string;
  readonly train: number;
  readonly heldout: number;
  readonly minPassage: number;
  readonly maxPassage: number;
  readonly seed: number;
}): Promise<{ train: string[]; heldout: string[] }> {
  const tokenizer = await loadTokenizer(await inputPath(c.base, { kind: "folder" }));
  const book = splitTrainHeldout(corpus().moby);
  const limits = { minTokens: c.minPassage, maxTokens: c.maxPassage, tokenizer, seed: c.seed };
  return {
    train: samplePassages(book.train, { n: c.train, ...limits }),
    heldout: samplePassages(book.heldout, { n: c.heldout, ...limits }),
  };
}

/** The book's passages, or those of the dataset that the configuration names. */
export async function passagesOf(
  flow: Flow,
  c: Parameters<typeof bookPassages>[0] & { readonly prompts?: DatasetId | undefined },
): Promise<{ train: string[]; heldout: string[] }> {
  if (c.prompts === undefined) return flow.step("passages", () => bookPassages(c));
  const own = (await flow.rows(c.prompts, promptRows)).map((row) => row.prompt);
  const left = own.length - c.heldout;
  if (left < c.train)
    throw new TillerError(
      "too_few_rows",
      `the dataset ${c.prompts.slice(0, 12)} has ${own.length} rows, and ${c.train} to compare and ${c.heldout} held out were asked for. Ask for fewer, or upload more rows.`,
    );
  const train = rng(c.seed, "own passages").shuffle(own.slice(0, left)).slice(0, c.train);
  return { train, heldout: own.slice(left) };
}

/** Two continuations of each passage, as people compare them. */
export const pairsOf = (passages: readonly string[], texts: readonly (readonly string[])[]) =>
  passages.map((passage, i) => {
    const [a, b] = texts[i] as [string, string];
    return {
      id: `pair-${i}`,
      input: { passage, a: { text: a, sample: `${i}a` }, b: { text: b, sample: `${i}b` } },
    };
  });

/** One label a pair, weighed by how reliable each rater is, and the raters as the answers show them. */
export function labelPairs(answers: readonly AskedItem<ComparisonInput, ComparisonValue>[]) {
  const judged = answers.map((x) => ({
    ...x,
    judgments: x.answers.map((a) => judgment(x.task, a)),
  }));
  const judgments = judged.flatMap((x) => x.judgments);
  const labels = aggregatePairs(judgments);
  const pairs: LabelledPair[] = judged.map((x) => ({
    task: x.task,
    passage: x.input.passage,
    a: x.input.a.text,
    b: x.input.b.text,
    pB: labels.pairs.get(x.task)?.pB ?? 0.5,
    judgments: x.judgments.map((j) => j.answer),
  }));
  return { pairs, raters: flagRaters(judgments) };
}

/** A comparison as the quality functions read it. */
const judgment = (task: TaskId, a: Answered<ComparisonValue>): Judgment => ({
  answer: a.answer ?? AnswerId.parse(`${task} ${a.by}`),
  task,
  typeVersion: comparison.version,
  person: a.person ?? PersonId.parse(a.by),
  by: a.by,
  choice: a.value.choice,
  swap: a.swap,
  activeSeconds: a.activeSeconds,
  idleSeconds: a.idleSeconds,
  at: a.at,
});

/** Passages as rows of a dataset of prompts. */
export const promptsOf = (passages: readonly string[]) => passages.map((prompt) => ({ prompt }));

/** Everyone who answered. */
export const judgesOf = (asked: readonly AskedItem<unknown, unknown>[]): PersonId[] => [
  ...new Set(asked.flatMap((x) => x.answers.flatMap((a) => a.person ?? []))),
];

/** Some of what a run logged as curves of a report: one a group, as its job declares its metrics. */
export function curvesOf(
  job: Pick<JobDef, "kind" | "metrics">,
  points: readonly MetricPoint[],
  names: readonly string[],
): Extract<NonNullable<NewReport["blocks"]>[number], { kind: "curve" }>[] {
  const shown = Object.entries(job.metrics).filter(([name]) => names.includes(name));
  return [...Map.groupBy(shown, ([, m]) => m.group)].map(([group, members]) => ({
    kind: "curve",
    title: `${group} (${job.kind})`,
    x: { label: "step" },
    y: { label: members.length === 1 ? members[0]![1].label : "", unit: members[0]![1].unit },
    lines: members.map(([name, m]) => ({
      label: m.label,
      points: points.flatMap((p): [number, number][] => {
        const value = own(p.values, name);
        return value === undefined ? [] : [[p.step, value]];
      }),
    })),
  }));
}
