/** What came of a project: labels of its items, who answered, what the lead decided of them, and the files that say it. */
import { z } from "zod";
import { fileKinds } from "./data.ts";
import { Shown } from "./shown.ts";
import { View } from "./view.ts";

/** What several people's answers to one question of an item come to. */
export const ItemLabel = z.strictObject({
  field: z.string(),
  value: z.unknown().optional().describe("absent: nobody answered it, or undecided"),
  words: z.string(),
  undecided: z
    .boolean()
    .describe("as many say one as another, and nothing makes one of them clearly likelier"),
  confidence: z
    .number()
    .nullable()
    .describe("posterior or fraction; null where the field has none"),
});
export type ItemLabel = z.infer<typeof ItemLabel>;

/** `review`: it has all its answers and waits for the lead. `returned`: sent back, its new answers are not there yet. */
export const itemStates = ["open", "review", "accepted", "fixed", "returned", "gold"] as const;
export type ItemState = (typeof itemStates)[number];

export const ItemResult = z.strictObject({
  place: z.int(),
  text: z.string().describe("the beginning of what is shown"),
  state: z.enum(itemStates),
  gold: z.boolean(),
  labels: z.array(ItemLabel),
  answers: z.int(),
  people: z.int(),
  seconds: z.number().nullable().describe("active, mean of the answers"),
  disagreement: z
    .number()
    .nullable()
    .describe("0 all alike, 1 no two alike; null with fewer than two answers"),
  given: z.record(z.string(), z.unknown()).nullable().describe("the file's own answer"),
});
export type ItemResult = z.infer<typeof ItemResult>;

/** Which items: what a page of the table shows, and what an act on all of them means. */
export const ItemFilter = z.strictObject({
  show: z.enum(["all", "answered", "done", "undecided", ...itemStates]).default("all"),
  q: z.string().max(200).default("").describe("words of the item or of its row"),
  field: z.string().default(""),
  label: z.string().default("").describe("the value that this field came to"),
  person: z.string().default("").describe("pseudonym: items that this person answered"),
});
export type ItemFilter = z.infer<typeof ItemFilter>;
export const ResultsQuery = ItemFilter.extend({
  sort: z.enum(["place", "answers", "confidence", "disagreement", "seconds"]).default("place"),
  order: z.enum(["up", "down"]).default("up"),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type ResultsQuery = z.infer<typeof ResultsQuery>;
export const ItemPage = z.strictObject({
  total: z.int(),
  fields: z.array(
    z.strictObject({
      name: z.string(),
      label: z.string(),
      labels: z
        .array(z.strictObject({ value: z.string(), label: z.string() }))
        .describe("those that it may have, to filter by; none where they are no labels"),
    }),
  ),
  states: z.record(z.enum(itemStates), z.int()).describe("items in each, whatever is filtered"),
  items: z.array(ItemResult),
});
export type ItemPage = z.infer<typeof ItemPage>;

/** A lead's decision about an item. */
export const ItemReview = z.strictObject({
  review: z.string().describe("the act, on one item or many: what undo names"),
  act: z.enum(["accept", "fix", "return"]),
  by: z.string().describe("pseudonym"),
  note: z.string(),
  at: z.iso.datetime(),
});
export type ItemReview = z.infer<typeof ItemReview>;

/** One item with its answers, and all that it takes to show it as raters saw it. */
export const ProjectItem = ItemResult.extend({
  title: z.string(),
  version: z.string().describe("name@version of the kind of work that it is asked under"),
  view: View,
  input: z.unknown(),
  source: z.record(z.string(), z.unknown()),
  reviewed: ItemReview.nullable(),
  said: z.array(
    z.strictObject({
      answer: z.string(),
      rater: z.string().describe("pseudonym"),
      value: z.unknown(),
      swap: z.boolean(),
      shown: Shown.nullable().describe("what stood where; null: swap says it"),
      seconds: z.number(),
      at: z.iso.datetime(),
      returned: z.boolean().describe("sent back: it counts no longer"),
    }),
  ),
});
export type ProjectItem = z.infer<typeof ProjectItem>;

/** A row of a project's answers by person. */
export const ProjectPerson = z.strictObject({
  rater: z.string().describe("pseudonym"),
  simulated: z.boolean(),
  answers: z.int(),
  returned: z.int().describe("of them, sent back"),
  seconds: z.number().nullable().describe("median, active"),
  agreement: z
    .number()
    .nullable()
    .describe("fraction of answers alike the label, of items with answers by others too"),
  compared: z.int().describe("answers that this is measured on"),
  gold: z.strictObject({ right: z.int(), of: z.int() }),
  last: z.iso.datetime(),
});
export type ProjectPerson = z.infer<typeof ProjectPerson>;

const which = z
  .union([z.array(z.int().positive()).min(1).max(10_000), ItemFilter])
  .describe("places, or all that a filter shows");
const note = z.string().trim().max(4000).default("").describe("raters are told it");
export const ReviewItems = z.discriminatedUnion("act", [
  z.strictObject({ act: z.literal("accept"), items: which }).describe("the label stands"),
  z
    .strictObject({
      act: z.literal("fix"),
      items: z.array(z.int().positive()).length(1),
      value: z.record(z.string(), z.unknown()).describe("the answer that stands in its place"),
      note,
    })
    .describe("the lead's own answer stands"),
  z
    .strictObject({ act: z.literal("return"), items: which, note })
    .describe("the answers count no longer, and as many are asked for again"),
]);
export type ReviewItems = z.infer<typeof ReviewItems>;
export const ReviewedItems = z.strictObject({
  review: z.string().describe("undo names it"),
  items: z.int(),
  left: z
    .array(z.strictObject({ place: z.int(), why: z.string() }))
    .describe("items of which it could not be done"),
});
export type ReviewedItems = z.infer<typeof ReviewedItems>;

export const projectFormats = ["items", "answers", "trl", "votes"] as const;
export const ProjectExport = z.strictObject({
  rows: z
    .enum(projectFormats)
    .default("items")
    .describe("an item a row, an answer a row, what TRL trains on, or each pair with its votes"),
  as: z.enum(fileKinds).default("csv"),
});
export type ProjectExport = z.infer<typeof ProjectExport>;
export const ProjectExportCounts = z.strictObject({
  rows: z.int(),
  leftOut: z.array(z.strictObject({ why: z.string(), items: z.int() })),
});
export type ProjectExportCounts = z.infer<typeof ProjectExportCounts>;
