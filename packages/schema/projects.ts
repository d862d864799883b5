/** Projects: the items of a file put before people under one kind of work, and what they said of each. */
import { z } from "zod";
import { Requirement } from "./assign.ts";
import { fileKinds } from "./data.ts";
import { DelegationRule } from "./delegation.ts";
import { NewRate } from "./pay.ts";
import { View } from "./view.ts";

export const projectStates = ["open", "paused", "closed", "archived"] as const;
export type ProjectState = (typeof projectStates)[number];

const Column = z.string().min(1).max(500);
/** Which columns of a file fill an item. */
export const ItemMapping = z.strictObject({
  input: z
    .record(z.string().min(1), z.union([Column, z.array(Column).min(1).max(20)]))
    .describe("what the kind of work shows, by its path: a column, or several that make a list"),
  answer: z
    .record(z.string().min(1), z.union([Column, z.strictObject({ always: z.string() })]))
    .default({})
    .describe("answers that the file knows, by the question's name"),
});
export type ItemMapping = z.infer<typeof ItemMapping>;

/** What an item needs of a file: one text, number, list or conversation that the view reads. */
export const ItemSlot = z.strictObject({
  path: z.string(),
  label: z.string(),
  kind: z.enum(["text", "number", "list", "turns"]),
});
export type ItemSlot = z.infer<typeof ItemSlot>;

/** POST /api/projects/files: how the body is written. */
export const UploadQuery = z.strictObject({
  name: z.string().min(1).max(300).describe("the file's name; its end says how it is written"),
  encoding: z.string().optional(),
  separator: z.string().length(1).optional(),
});
export type UploadQuery = z.infer<typeof UploadQuery>;
export const UploadedFile = z.strictObject({
  file: z.uuid().describe("names the file in the requests that follow, for a day"),
  name: z.string(),
  as: z.enum(fileKinds),
  columns: z.array(z.string()),
  rows: z
    .array(z.strictObject({ row: z.int(), cells: z.array(z.string()) }))
    .describe("the first, by the order of the columns"),
});
export type UploadedFile = z.infer<typeof UploadedFile>;

export const RowProblem = z.strictObject({
  row: z.int().describe("its line in the file, the header is line 1; in Parquet its number"),
  column: z.string().nullable(),
  message: z.string(),
});
export type RowProblem = z.infer<typeof RowProblem>;

const kind = z
  .string()
  .min(1)
  .describe(
    "name@version of a kind of work, ready-made or made in the browser; own: by the view alone",
  );
export const PreviewItems = z.strictObject({
  file: z.uuid(),
  kind,
  view: View.optional().describe("in place of the kind's own"),
  mapping: ItemMapping.optional().describe("guessed unless said"),
});
export type PreviewItems = z.infer<typeof PreviewItems>;
export const ItemsPreview = z.strictObject({
  slots: z.array(ItemSlot),
  fields: z.array(z.strictObject({ name: z.string(), label: z.string() })),
  mapping: ItemMapping,
  rows: z.int(),
  fit: z.int(),
  answered: z.int().describe("of those that fit, rows with an answer"),
  repeated: z.int().describe("of those that fit, rows that show what an earlier one shows"),
  problems: z.array(RowProblem).describe("the first of them"),
  items: z.array(
    z.strictObject({ row: z.int(), input: z.unknown(), answer: z.unknown().nullable() }),
  ),
});
export type ItemsPreview = z.infer<typeof ItemsPreview>;

const leaveOut = z
  .union([z.literal("bad"), z.array(z.int().positive()).max(100_000)])
  .default([])
  .describe("rows that are not posted: these, or all that do not fit");
const gold = z
  .int()
  .min(0)
  .max(10_000)
  .default(0)
  .describe("so many of the rows with an answer become hidden gold in place of items");
/** How many answers an item gets, by what they say: a delegation rule of this project's work. */
export const ProjectRule = DelegationRule.omit({ kind: true, experiment: true });
export type ProjectRule = z.infer<typeof ProjectRule>;
/** What an answer or an hour of the project is paid, in place of the rates of all work. */
export const ProjectPay = NewRate.pick({ per: true, amount: true, currency: true });
export type ProjectPay = z.infer<typeof ProjectPay>;
const settings = {
  deadline: z.iso.datetime({ offset: true }).nullable(),
  requires: z.array(Requirement).max(10).describe("qualifications that its raters need"),
  rule: ProjectRule.nullable().describe("null: as many answers an item as people are asked"),
};

export const NewProject = z.strictObject({
  title: z.string().trim().min(1).max(200),
  kind,
  changes: z
    .strictObject({
      title: z.string().trim().min(1).max(200).optional().describe("what raters are asked"),
      instructions: z.string().max(100_000).optional().describe("Markdown"),
      view: View.optional(),
    })
    .default({})
    .describe("makes a kind of work of the project's own"),
  file: z.uuid(),
  mapping: ItemMapping.optional().describe("guessed unless said"),
  people: z.int().min(1).max(100).default(3).describe("an item"),
  deadline: settings.deadline.optional(),
  requires: settings.requires.default([]),
  rule: settings.rule.default(null),
  pay: ProjectPay.optional(),
  state: z.enum(["open", "paused"]).default("open"),
  gold,
  leaveOut,
});
export type NewProject = z.infer<typeof NewProject>;

export const AddItems = z.strictObject({
  file: z.uuid(),
  mapping: ItemMapping.optional().describe("as the project has it unless said"),
  gold,
  leaveOut,
});
export type AddItems = z.infer<typeof AddItems>;
export const AddedItems = z.strictObject({
  project: z.string(),
  items: z.int(),
  gold: z.int(),
  leftOut: z.int(),
  repeated: z.int().describe("posted rows that show what an earlier one shows"),
});
export type AddedItems = z.infer<typeof AddedItems>;

export const ChangeProject = z.strictObject({
  title: z.string().trim().min(1).max(200).optional(),
  state: z.enum(projectStates).optional(),
  deadline: settings.deadline.optional(),
  people: z.int().min(1).max(100).optional().describe("an item; those that have more keep them"),
  requires: settings.requires.optional(),
  rule: settings.rule.optional(),
  pay: ProjectPay.optional(),
});
export type ChangeProject = z.infer<typeof ChangeProject>;

export const Project = z.strictObject({
  id: z.string(),
  title: z.string(),
  type: z.string(),
  typeVersion: z.string(),
  question: z.string().describe("the title of its kind of work"),
  mapping: ItemMapping,
  people: z.int(),
  deadline: z.iso.datetime().nullable(),
  requires: z.array(Requirement),
  rule: ProjectRule.nullable(),
  pay: ProjectPay.nullable().describe("null: the rates of all work"),
  state: z.enum(projectStates),
  by: z.string().describe("pseudonym"),
  at: z.iso.datetime(),
  items: z.int().describe("without gold"),
  gold: z.int(),
  answers: z.int(),
  wanted: z.int().describe("answers"),
});
export type Project = z.infer<typeof Project>;

/** Rows of a project that came with a whole answer: gold, training and test items are made of them. */
export const KnownItem = z.strictObject({
  place: z.int(),
  text: z.string(),
  input: z.unknown(),
  expected: z.record(z.string(), z.unknown()),
  begun: z.boolean().describe("somebody has it, or has answered: it stays an item"),
});
export type KnownItem = z.infer<typeof KnownItem>;
export const MakeGold = z.strictObject({
  places: z.array(z.int().positive()).min(1).max(1000),
});
