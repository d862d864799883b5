/** The rows of datasets by the name of their schema. A recipe may name one of its own: `rowSchema("essay@1", z.strictObject({...}))`. */
import { z } from "zod";
import { AnswerId } from "./ids.ts";

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
