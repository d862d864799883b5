/** A kind of work's view as data: what the desk shows and what it asks. `packages/task/kinds` knows all else about each. */
import { z } from "zod";

const step = z.int().min(0).optional().describe("shown after this many reveals; the default is 0");
const from = z.string().describe("dotted path into the task's input");
const format = z.enum(["plain", "markdown"]).optional();
const shown = { label: z.string().optional(), step };

/** What the desk shows, top to bottom. */
export const Block = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("text"), from, format, ...shown }),
  z.strictObject({ kind: z.literal("note"), text: z.string().describe("Markdown"), step }),
  z.strictObject({ kind: z.literal("list"), from, ...shown }).describe("of strings or {text}"),
  z.strictObject({ kind: z.literal("turns"), from, ...shown }).describe("of {role, text}"),
  z
    .strictObject({ kind: z.literal("changes"), from, was: from, ...shown })
    .describe("a text, and what changed in it since it was `was`"),
]);
export type Block = z.infer<typeof Block>;

const Option = z.strictObject({ value: z.string(), label: z.string() });
const options = z.array(Option).min(2).readonly();
const asked = {
  name: z.string().min(1).describe("key of the answer; dots lead into objects"),
  label: z.string(),
  help: z.string().optional(),
  optional: z.boolean().optional(),
  step,
};
const Limit = z.strictObject({
  unit: z.enum(["words", "tokens", "characters"]),
  min: z.int().optional(),
  max: z.int().optional(),
});
export type Limit = z.infer<typeof Limit>;

/** What the desk asks, one entry a key of the answer. */
export const Field = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("choice"), ...asked, options }),
  z.strictObject({ kind: z.literal("choices"), ...asked, options }).describe("any number of them"),
  z.strictObject({
    kind: z.literal("pair"),
    ...asked,
    a: z.string().describe("path of the text of a"),
    b: z.string().describe("path of the text of b"),
    tie: z.boolean(),
    confidence: z
      .string()
      .optional()
      .describe("key that takes the degree, 1 surely a ... 5 no difference ... 9 surely b"),
  }),
  z.strictObject({
    kind: z.literal("rating"),
    ...asked,
    points: z.int().min(2).max(9),
    low: z.string(),
    high: z.string(),
  }),
  z.strictObject({
    kind: z.literal("slider"),
    ...asked,
    min: z.number(),
    max: z.number(),
    unit: z.string().optional(),
    low: z.string().optional(),
    high: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal("text"),
    ...asked,
    rows: z.int().optional(),
    limit: Limit.optional(),
    most: z.string().optional().describe("path of a number that stands for the limit's max"),
    edits: z.string().optional().describe("path of the text to start from; changes are shown"),
  }),
  z.strictObject({
    kind: z.literal("ranking"),
    ...asked,
    items: z
      .string()
      .describe("path of 2 to 9 strings or {text}; the answer is places, best first"),
  }),
  z.strictObject({
    kind: z.literal("spans"),
    ...asked,
    from,
    labels: options.describe("or one"),
  }),
  z.strictObject({
    kind: z.literal("steps"),
    ...asked,
    from,
    options,
    stopAt: z.string().optional().describe("no step after one with this label is asked"),
  }),
]);
export type Field = z.infer<typeof Field>;
export type FieldOf<K extends Field["kind"]> = Extract<Field, { kind: K }>;

export const View = z.strictObject({
  show: z.array(Block).readonly(),
  ask: z.array(Field).min(1).readonly(),
});
export type View = z.infer<typeof View>;
