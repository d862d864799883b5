/** Data in and out, webhooks: their shapes on the wire. */
import { z } from "zod";

export const formatNames = ["answers", "trl", "trl-implicit", "trl-conversational", "sff"] as const;
export type FormatName = (typeof formatNames)[number];
export const fileKinds = ["jsonl", "csv", "parquet"] as const;
export type FileKind = (typeof fileKinds)[number];
export const importNames = [
  "answers",
  "trl",
  "trl-implicit",
  "trl-conversational",
  "sff",
  "sff-axes",
  "hh",
  "helpsteer",
  "helpsteer-ratings",
  "shp",
  "arena",
  "ranked",
  "oasst",
  "sharegpt",
  "ultrafeedback",
  "prm800k",
  "stepwise",
] as const;
export type ImportName = (typeof importNames)[number];
/** Rows that published sets are known to have: kept where they can be and told, left out and told, or refused. */
export const dirtPolicies = ["report", "skip", "fail"] as const;
export type DirtPolicy = (typeof dirtPolicies)[number];
/** Faults that published sets are known to have: whether such rows come in is the import's policy. */
export const dirtInWords = {
  equal: "have the same text chosen and rejected",
  repeat: "say again what a row before said",
  "both-ways": "choose otherwise than a row before of the same pair",
  "no-answer":
    "say nothing that is an answer: unrated, unranked, or a conversation without its end",
  tied: "rank two answers the same",
  "too-many": "rank more answers than a ranking takes, nine",
} as const;
export type DirtKind = keyof typeof dirtInWords;
export const dirtKinds = Object.keys(dirtInWords) as [DirtKind, ...DirtKind[]];

/** GET /api/data/export */
export const ExportRequest = z.strictObject({
  format: z.enum(formatNames).default("answers").describe("what a row says"),
  as: z.enum(fileKinds).default("jsonl").describe("how it is written"),
  gzip: z.stringbool().or(z.boolean()).default(false).describe("compress JSONL or CSV"),
  experiment: z.string().optional().describe("answers of this experiment only"),
  batch: z.string().optional().describe("of this batch only"),
  type: z.string().optional().describe("of this kind of work only"),
  since: z.iso.datetime({ offset: true }).optional().describe("submitted at this time or later"),
  until: z.iso.datetime({ offset: true }).optional().describe("submitted before this time"),
  undone: z
    .enum(["leave-out", "mark"])
    .default("leave-out")
    .describe("answers that their raters took back: left out, or marked by undoneAt"),
});
export type ExportRequest = z.infer<typeof ExportRequest>;

/** GET /api/data/export/schema, and the schema.json beside an exported file. */
export const TypeInFile = z.strictObject({
  name: z.string(),
  version: z.string(),
  title: z.string(),
  instructions: z.string(),
  view: z.unknown(),
  inputSchema: z.unknown(),
  outputSchema: z.unknown(),
});
export type TypeInFile = z.infer<typeof TypeInFile>;

export const SchemaFile = z.strictObject({
  tiller: z.literal(1).describe("the version of this file's own shape"),
  format: z.string(),
  title: z.string(),
  about: z.string(),
  request: z.unknown().describe("what was asked for"),
  row: z.unknown().describe("JSON Schema of a row; json columns are text in CSV and Parquet"),
  offsets: z
    .string()
    .optional()
    .describe(
      "what start and end of marked places count; files of before it was said count the same",
    ),
  types: z.array(TypeInFile).describe("the kinds of work, with their instructions"),
});
export type SchemaFile = z.infer<typeof SchemaFile>;

/** POST /api/data/import, the file as the body */
export const ImportQuery = z.strictObject({
  format: z.enum(importNames).default("answers").describe("what a row says"),
  as: z.enum(fileKinds).default("jsonl").describe("how the file is written, gzipped or not"),
  name: z.string().max(200).default("upload").describe("the file's name"),
  experiment: z.string().max(200).optional().describe("where rows of other formats go"),
  raterPrefix: z.string().max(100).optional().describe("put before the pseudonyms"),
  rater: z
    .string()
    .max(200)
    .optional()
    .describe("the column of other formats that says who judged"),
  dirt: z
    .enum(dirtPolicies)
    .default("report")
    .describe(
      "known faults of published sets (equal pairs, repeated rows, pairs chosen both ways, rows without an answer): keep what can be kept, leave out, or refuse",
    ),
  encoding: z.string().max(40).optional().describe("of JSONL and CSV; UTF-8 unless said"),
  separator: z.string().length(1).optional().describe("of CSV; a comma unless said"),
  guarded: z
    .stringbool()
    .or(z.boolean())
    .optional()
    .describe(
      "whether Tiller wrote the CSV, so that apostrophes before formulas come off; unless said, as its header says",
    ),
  dry: z.stringbool().or(z.boolean()).default(false).describe("only say what would happen"),
});
export const Imported = z.strictObject({
  rows: z.number().describe("rows read"),
  answers: z.number().describe("answers that are new"),
  known: z.number().describe("answers that were here already, the same"),
  tasks: z.number(),
  people: z.number().describe("people made, known by pseudonym alone"),
  batches: z.number(),
  experiments: z.array(z.string()),
  types: z.array(z.string()),
  dataset: z.string().nullable().describe("the dataset version made of new comparisons"),
  dirt: z
    .array(
      z.object({
        kind: z.enum(dirtKinds),
        found: z.number().describe("rows of this kind"),
        leftOut: z.number().describe("of them"),
        lines: z.array(z.number()).describe("where the first of them stand"),
      }),
    )
    .describe("known faults of published sets, by kind"),
  dry: z.boolean().describe("nothing was kept"),
});
export type Imported = z.infer<typeof Imported>;

export const webhookEvents = [
  "answer.created",
  "answer.undone",
  "batch.completed",
  "experiment.ended",
  "checkpoint.saved",
  "concern.raised",
  "task.referred",
  "thread.waiting",
  "room.waiting",
] as const;
/** Those that ask somebody who runs the work to do something, or tell that something is done. */
export const forLeads = [
  "concern.raised",
  "task.referred",
  "thread.waiting",
  "room.waiting",
  "batch.completed",
  "experiment.ended",
] as const satisfies readonly WebhookEvent[];
const WebhookEvent = z.enum(webhookEvents);
export type WebhookEvent = z.infer<typeof WebhookEvent>;
const time = z.iso.datetime();

export const NewWebhook = z.strictObject({
  url: z
    .url({ protocol: /^(https?|mailto)$/ })
    .max(2000)
    .refine((url) => !url.startsWith("mailto:") || /^mailto:[^\s@?,]+@[^\s@?,]+$/.test(url), {
      error: "of a mail is mailto: and one address, mailto:lead@example.org",
    }),
  events: z.array(WebhookEvent).min(1),
  note: z.string().max(500).default(""),
});
export const Webhook = z.strictObject({
  id: z.string(),
  url: z.string(),
  events: z.array(WebhookEvent),
  note: z.string(),
  createdAt: time,
  failures: z.number().describe("attempts in a row that failed"),
  disabledAt: time.nullable(),
  disabledReason: z.string().nullable(),
  waiting: z.number().describe("deliveries that wait"),
});
export type Webhook = z.infer<typeof Webhook>;
export const CreatedWebhook = z.strictObject({
  id: z.string(),
  secret: z.string().describe("checks the signatures; shown this once"),
});
/** GET /api/data/mail */
export const MailSettings = z.strictObject({
  from: z.string().nullable().describe("who mails come from; null: this server sends none"),
});
export const WebhookChange = z.strictObject({ enabled: z.boolean() });
export const WebhookDelivery = z.strictObject({
  id: z.number(),
  event: z.string(),
  type: z.string(),
  at: time,
  state: z.enum(["pending", "delivered", "failed"]),
  attempts: z.number(),
  nextAt: time.nullable().describe("of a pending one: the next attempt"),
  status: z.number().nullable().describe("of the last attempt"),
  error: z.string().nullable(),
  milliseconds: z.number().nullable(),
  data: z.unknown(),
});
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;
/** The body of a delivery, signed as Standard Webhooks has it. */
export const WebhookMessage = z.strictObject({
  type: WebhookEvent,
  timestamp: time,
  data: z.record(z.string(), z.unknown()),
});
