/** What a dataset version is made of: its card, its examples one by one, what it shares with others, and what changed between two. */
import { z } from "zod";
import { CheckpointId, DatasetId, ExperimentId, RunId } from "./ids.ts";

/** How numbers are spread; of none there is no spread. */
export const Spread = z.strictObject({
  n: z.int(),
  mean: z.number(),
  least: z.number(),
  low: z.number().describe("5 % are less"),
  median: z.number(),
  high: z.number().describe("5 % are more"),
  most: z.number(),
});
export type Spread = z.infer<typeof Spread>;

const share = z.number().min(0).max(1);
/** With a 95 % interval; null where there is too little for one. */
const Measured = z.strictObject({
  at: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});

/** What rows share with others, in rows of the first. */
export const Shared = z.strictObject({
  same: z.int().describe("rows that have the same words as a row of the other"),
  near: z
    .int()
    .describe("rows whose texts are nearly those of a row of the other, the same included"),
  prompts: z.int().describe("rows whose prompt is one of the other's"),
});
export type Shared = z.infer<typeof Shared>;

export const CARD_VERSION = 1; // one that counts otherwise is made anew

export const DatasetCard = z.strictObject({
  version: z.int().describe("of what is counted and how"),
  hash: z.string().describe("of the rows, whatever order their keys come in: the dataset's id"),
  rows: z.int(),
  fields: z
    .array(z.strictObject({ name: z.string(), rows: z.int().describe("that have it") }))
    .describe("of the rows, the first 100"),
  lengths: z
    .strictObject({
      prompt: Spread.nullable(),
      text: Spread.nullable().describe("each response, or the text of a row without any"),
      difference: Spread.nullable().describe("the preferred one less the other"),
    })
    .describe("in characters"),
  longer: z
    .strictObject({ n: z.int(), share })
    .nullable()
    .describe("of pairs with a preferred text and a longer one: how often it is the longer"),
  duplicates: z.strictObject({
    rows: z.int().describe("that say the same as an earlier row, all fields"),
    same: z.int().describe("that have the same words as an earlier row"),
    near: z.int().describe("whose texts are nearly those of another row, the same included"),
    groups: z.int().describe("of such rows"),
    largest: z.int().describe("rows of the largest group"),
    prompts: z.int().describe("rows whose prompt an earlier row has"),
    threshold: share.describe("Jaccard similarity of three-word shingles"),
    passedBy: z.int().describe("pairs too many to compare; where not 0, near is at least so many"),
  }),
  splits: z
    .array(z.strictObject({ name: z.string(), rows: z.int() }))
    .describe("by the field split; none where rows name none"),
  shared: z
    .array(Shared.extend({ of: z.string(), with: z.string() }))
    .describe("between each two splits, in rows of the first"),
  sources: z.array(z.strictObject({ name: z.string(), rows: z.int() })).describe("the most first"),
  judgments: z.int().describe("labels of people that are known row by row"),
  missing: z
    .int()
    .describe("judgments that rows name and that are not there: they were taken back"),
  people: z
    .array(
      z.strictObject({
        by: z.string(),
        judgments: z.int(),
        agreement: share.nullable().describe("with the others on the same rows"),
        simulated: z.boolean(),
      }),
    )
    .describe("the most judgments first, 200 at most"),
  peopleInAll: z.int(),
  simulated: z.int().describe("judgments by simulated people"),
  agreement: z
    .strictObject({
      tasks: z.int().describe("judged by two people or more"),
      answers: z.int(),
      raw: Measured.describe("of pairs of judgments"),
      krippendorff: Measured.describe("beyond chance, nominal"),
    })
    .nullable(),
  strength: Spread.nullable().describe("how far from undecided, 0 to 1"),
  weights: z.strictObject({
    rows: z.int().describe("that have one; the others count 1"),
    spread: Spread.nullable(),
    zero: z.int().describe("rows that count nothing"),
    effective: z.number().describe("rows of equal weight that would say as much (Kish)"),
  }),
});
export type DatasetCard = z.infer<typeof DatasetCard>;

export const exampleSorts = {
  place: "as they stand",
  disagreement: "least agreed first",
  agreement: "most agreed first",
  weakest: "weakest preference first",
  strongest: "strongest preference first",
  longest: "preferred one the longer",
  shortest: "preferred one the shorter",
  heaviest: "greatest weight first",
  size: "longest texts first",
} as const;
export type ExampleSort = keyof typeof exampleSorts;
const sortNames = Object.keys(exampleSorts) as [ExampleSort, ...ExampleSort[]];
export const exampleParts = {
  all: "all rows",
  disputed: "people disagree",
  agreed: "people all agree",
  near: "nearly the same as another",
  same: "the same as an earlier one",
  unjudged: "no judgment known",
} as const;
export type ExamplePart = keyof typeof exampleParts;
const partNames = Object.keys(exampleParts) as [ExamplePart, ...ExamplePart[]];

export const ExamplesQuery = z.strictObject({
  sort: z.enum(sortNames).default("place"),
  part: z.enum(partNames).default("all"),
  rater: z.string().optional().describe("judged by this person, by pseudonym"),
  source: z.string().optional(),
  split: z.string().optional(),
  shared: z.string().optional().describe("what is also in this dataset, or nearly"),
  row: z.coerce.number().int().min(0).optional().describe("this row and those that are near it"),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
export type ExamplesQuery = z.output<typeof ExamplesQuery>;

export const RowJudgment = z.strictObject({
  answer: z.string().nullable().describe("null: of a file"),
  task: z.string().nullable(),
  by: z.string(),
  person: z.string().nullable(),
  simulated: z.boolean(),
  label: z.string().nullable().describe("null: its question has no classes"),
  experiment: z.string().nullable(),
  project: z.string().nullable(),
  seconds: z.number().nullable().describe("of active work"),
});
export type RowJudgment = z.infer<typeof RowJudgment>;
export const Example = z.strictObject({
  at: z.int().describe("which row of the dataset, from 0"),
  row: z.record(z.string(), z.unknown()),
  judgments: z.array(RowJudgment),
  agreement: z.number().nullable().describe("of pairs of its judgments"),
  strength: z.number().nullable(),
  difference: z.number().nullable().describe("characters, the preferred one less the other"),
  weight: z.number().nullable(),
  source: z.string().nullable(),
  split: z.string().nullable(),
  near: z.int().describe("rows of its group of near-duplicates, itself included"),
});
export type Example = z.infer<typeof Example>;
export const Examples = z.strictObject({ total: z.int(), rows: z.array(Example) });
export type Examples = z.infer<typeof Examples>;

export const ChangesQuery = z.strictObject({
  since: DatasetId.describe("the version that it is held against"),
  kind: z.enum(["added", "removed", "changed"]).optional().describe("all unless said"),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
export type ChangesQuery = z.output<typeof ChangesQuery>;
/** Rows are the same by their task, by their id, or else by all they say. */
export const DatasetChanges = z.strictObject({
  known: z.string().describe("what a row is known by in both"),
  kept: z.int(),
  moved: z.boolean().describe("whether rows that stayed stand in another order"),
  added: z.int(),
  removed: z.int(),
  changed: z.int(),
  total: z.int().describe("of the kind that was asked for"),
  rows: z.array(
    z.strictObject({
      kind: z.enum(["added", "removed", "changed"]),
      key: z.string(),
      before: z.unknown().describe("null: it was not there"),
      after: z.unknown().describe("null: it is gone"),
      fields: z.array(z.string()).describe("that differ, of a changed row"),
    }),
  ),
});
export type DatasetChanges = z.infer<typeof DatasetChanges>;

/** What a dataset shares with another, which is immutable too. */
export const DatasetOverlap = Shared.extend({
  other: DatasetId,
  name: z.string(),
  rows: z.int().describe("of the other"),
  evaluation: z.boolean().describe("whether the other is an evaluation set"),
});
export type DatasetOverlap = z.infer<typeof DatasetOverlap>;

/** A run that read a dataset, and what it left. */
export const DatasetRun = z.strictObject({
  run: RunId,
  experiment: ExperimentId.nullable(),
  kind: z.string(),
  state: z.string(),
  output: CheckpointId.nullable(),
  name: z.string().nullable().describe("of the checkpoint"),
  at: z.iso.datetime(),
});
export type DatasetRun = z.infer<typeof DatasetRun>;
