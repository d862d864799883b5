/** The rows of datasets by the name of their schema. A recipe may name one of its own: `rowSchema("essay@1", z.strictObject({...}))`. */
import { z } from "zod";
import { AnswerId } from "./ids.ts";
import { DatasetRole } from "./lab.ts";

/** What a row of a dataset is, under a name with a version that stays with the dataset. */
export interface RowSchema<T = unknown> {
  readonly name: string;
  readonly row: z.ZodType<T>;
}
export const RowSchemaName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,59}(@\d{1,6})?$/, 'is named like "essay@1"');
export const rowSchema = <T>(name: string, row: z.ZodType<T>): RowSchema<T> => ({
  name: RowSchemaName.parse(name),
  row,
});
/** Of rows that were saved without one. */
export const UNNAMED_ROWS = "rows";

/** What a model is to go on from; other fields are kept. */
export const PromptRow = z.looseObject({ prompt: z.string() });
export const promptRows = rowSchema("prompt@1", PromptRow);

/** Two texts after one passage with the probability that the second is better, and the judgments behind it. */
export const LabelledPair = z.strictObject({
  task: z.string(),
  passage: z.string(),
  a: z.string(),
  b: z.string(),
  pB: z.number().min(0).max(1).describe("posterior probability that b is better"),
  weight: z
    .number()
    .nonnegative()
    .optional()
    .describe("what it counts in a loss; 1 where it does not say"),
  judgments: z.array(AnswerId),
});
export type LabelledPair = z.infer<typeof LabelledPair>;
export const labelledPairs = rowSchema("labelled-pair@1", LabelledPair);

/** A source of text for pretraining. */
export const TextSource = z.strictObject({
  name: z.string().min(1),
  train: z.string(),
  heldout: z.string().describe("text that is only measured on; empty: none of this source"),
  fraction: z.number().min(0).max(1).describe("of the windows; all sources together make 1"),
  vocabularyCharacters: z
    .int()
    .min(0)
    .optional()
    .describe("how much of its beginning the tokenizer is trained on; all unless said"),
});
export type TextSource = z.infer<typeof TextSource>;
export const textSources = rowSchema("text-source@1", TextSource);

/** A weight that a row may have; 1 where it does not say. */
const weight = z
  .number()
  .nonnegative()
  .optional()
  .describe("what it counts in a loss; 1 if absent");

/** A better and a worse response to one prompt, as TRL's preference sets have it; other fields are kept. */
export const ChosenRejected = z.looseObject({
  prompt: z.string(),
  chosen: z.string(),
  rejected: z.string(),
  weight,
});
/** A pair of summaries of a node of a tree: which node, its address when it was judged, and the tree's own judgments. */
export const TreePair = LabelledPair.extend({
  tree: z.string(),
  node: z.string(),
  height: z.int().nonnegative(),
  key: z.string(),
  saw: z.string().describe("what was read, by hash"),
  said: z.array(z.int()).describe("numbers of the tree's judgments"),
});
export type TreePair = z.infer<typeof TreePair>;
export const treePairs = rowSchema("tree-pair@1", TreePair);
/** Two responses with a preference: by its probability, or by which was chosen. */
export const PreferenceRow = z.union([LabelledPair, TreePair, ChosenRejected]);
export type PreferenceRow = z.infer<typeof PreferenceRow>;
export const preferenceRows = rowSchema("preference@1", ChosenRejected);

/** Two texts with a distribution over K ordered outcomes, from "a is much better" to "b is much better"; the middle one of an odd K is a tie. */
export const GradedPair = z.looseObject({
  passage: z.string(),
  a: z.string(),
  b: z.string(),
  grades: z.array(z.number().nonnegative()).min(2).describe("a share or a count of each outcome"),
  weight,
});
export type GradedPair = z.infer<typeof GradedPair>;
export const gradedPairs = rowSchema("graded-pair@1", GradedPair);

/** Texts after one passage in the order that somebody gave them: 0 is the best, equal places are ties. */
export const RankedTexts = z.looseObject({
  passage: z.string(),
  texts: z.array(z.string()).min(2),
  places: z.array(z.int().nonnegative()).min(2).describe("of each text; 0 is the best"),
  weight,
});
export type RankedTexts = z.infer<typeof RankedTexts>;
export const rankedTexts = rowSchema("ranked-texts@1", RankedTexts);

/** A solution in steps, each with the probability that it is right. Steps after the last label are not learned from. */
export const LabelledSteps = z.looseObject({
  prompt: z.string(),
  steps: z.array(z.string().min(1)).min(1),
  labels: z.array(z.union([z.boolean().transform(Number), z.number().min(0).max(1)])).min(1),
  weight,
});
export type LabelledSteps = z.infer<typeof LabelledSteps>;
export const labelledSteps = rowSchema("labelled-steps@1", LabelledSteps);

/** One response that somebody liked or not: thumbs (KTO). */
export const ThumbRow = z.looseObject({
  prompt: z.string(),
  completion: z.string(),
  label: z.boolean().describe("true: desirable"),
  weight,
});
export type ThumbRow = z.infer<typeof ThumbRow>;
export const thumbRows = rowSchema("thumb@1", ThumbRow);

const Message = z.looseObject({ role: z.string(), content: z.string() });
/** A text, or the messages of a chat. */
const TextOrMessages = z.union([z.string(), z.array(Message).min(1)]);
export const voteSources = ["person", "model", "implicit"] as const;
/**
 * One comparison of a file: what TRL's preference sets have, and whatever else is known of the judgment. Without a prompt
 * the texts stand for themselves, or begin with it in common.
 */
export const ComparisonRow = z.looseObject({
  prompt: TextOrMessages.optional(),
  chosen: TextOrMessages,
  rejected: TextOrMessages,
  tie: z.boolean().optional().describe("neither is better; which is called chosen says nothing"),
  strength: z
    .number()
    .positive()
    .optional()
    .describe("how much better the chosen is, on the file's own scale: more is more"),
  rater: z.string().min(1).optional().describe("who judged, by any name"),
  source: z
    .enum(voteSources)
    .optional()
    .describe("person unless said; a model judges, or implicit: somebody's doing says so"),
  group: z.string().min(1).optional().describe("of raters whose preference may be their own"),
  topic: z.string().min(1).optional().describe("what is held out together"),
  axis: z.string().min(1).optional().describe("in what respect it is better"),
  counts: z
    .union([
      z.tuple([z.number().nonnegative(), z.number().nonnegative()]),
      z.tuple([z.number().nonnegative(), z.number().nonnegative(), z.number().nonnegative()]),
    ])
    .optional()
    .describe("how many people chose: [chosen, rejected] or [chosen, neither, rejected]"),
  weight,
});
export type ComparisonRow = z.infer<typeof ComparisonRow>;

const Marked = {
  prompt: TextOrMessages.optional(),
  response: z.string(),
  spans: z
    .array(
      z.looseObject({
        start: z.int().nonnegative().describe("its first character"),
        end: z.int().positive().describe("the character after its last"),
        label: z.string().optional().describe("what is wrong with it"),
      }),
    )
    .describe("parts of the response that somebody marked as wrong; none: nothing is"),
  weight,
};
const insideResponse = {
  check: (r: { response: string; spans?: readonly { start: number; end: number }[] | undefined }) =>
    (r.spans ?? []).every((s) => s.start < s.end && s.end <= r.response.length),
  error: "each of spans has a start before its end, and ends within the response's characters",
};
/** A response that somebody made better: a demonstration, and a comparison of the two. */
export const CorrectionRow = z
  .looseObject({
    ...Marked,
    spans: Marked.spans.optional(),
    correction: z.string(),
    rater: z.string().min(1).optional(),
    group: z.string().min(1).optional(),
    topic: z.string().min(1).optional(),
    axis: z.string().min(1).optional(),
  })
  .refine(insideResponse.check, insideResponse.error);
export const corrections = rowSchema("correction@1", CorrectionRow);
/** A response with what somebody found wrong in it: a label of each of its sentences. */
export const MarkedResponse = z
  .looseObject({ ...Marked, prompt: z.string().default("") })
  .refine(insideResponse.check, insideResponse.error);
export type MarkedResponse = z.infer<typeof MarkedResponse>;
export const markedResponses = rowSchema("marked-response@1", MarkedResponse);

/** What to learn to write: a response after a prompt, what one was corrected to, a chat whose assistant turns count, or a text. */
export const Demonstration = z.union([
  z.looseObject({ prompt: z.string(), completion: z.string(), weight }),
  z.looseObject({ prompt: z.string(), response: z.string(), correction: z.string(), weight }),
  z.looseObject({ messages: z.array(Message).min(1), weight }),
  z.looseObject({ text: z.string(), weight }),
]);
export type Demonstration = z.infer<typeof Demonstration>;
export const demonstrations = rowSchema("demonstration@1", Demonstration);

/** The schemas that a file's rows can be saved under. */
export const rowSchemas: readonly RowSchema[] = [
  promptRows,
  preferenceRows,
  labelledPairs,
  treePairs,
  gradedPairs,
  rankedTexts,
  labelledSteps,
  thumbRows,
  demonstrations,
  corrections,
  markedResponses,
  textSources,
];
/** A file that was uploaded becomes a dataset version. */
export const NewDataset = z.strictObject({
  file: z.uuid().describe("as the upload named it"),
  name: z.string().trim().min(1).max(200),
  schema: RowSchemaName.default(promptRows.name).describe("of its rows"),
  column: z.string().min(1).optional().describe("what is the prompt, where it is called otherwise"),
  role: DatasetRole.default("data"),
});
export type NewDataset = z.output<typeof NewDataset>;
