/** Joining: what a newcomer goes through before there is real work, as data; and where one stands. */
import { z } from "zod";
import { View } from "./view.ts";

const Item = z.strictObject({
  input: z.unknown(),
  expected: z.record(z.string(), z.unknown()).describe("every key of it must be in the answer"),
  tolerance: z.number().nonnegative().default(0).describe("how far a number may be away"),
});
/** What a newcomer goes through for a qualification. */
export const QualificationType = z.strictObject({
  title: z.string().min(1).max(120),
  kind: z.string().min(1).describe("kind of work it prepares for"),
  consent: z.string().min(1).describe("Markdown: what the work is, what is kept, how to leave"),
  training: z
    .array(Item.extend({ reason: z.string().min(1).describe("why the researchers chose it") }))
    .max(100),
  screening: z.array(Item).max(200),
  bar: z.number().min(0).max(1).describe("fraction of the screening test that must be right"),
  attempts: z.int().min(1).max(10).default(1),
  probation: z.strictObject({
    gold: z.int().min(1).max(200).default(10).describe("known answers it takes"),
    bar: z.number().min(0).max(1).default(0.6).describe("paused when surely below"),
  }),
  qualification: z.string().min(1).describe("level 1 after the test, level 2 after probation"),
});
export type QualificationType = z.infer<typeof QualificationType>;
export const StoredQualificationType = z.strictObject({
  name: z.string(),
  version: z.number(),
  active: z.boolean(),
  body: QualificationType,
});
export type StoredQualificationType = z.infer<typeof StoredQualificationType>;

export const joiningSteps = [
  "consent",
  "training",
  "screening",
  "probation",
  "done",
  "failed",
  "left",
] as const;

/** GET /api/joining: what comes next for the signed-in person. */
export const Joining = z.discriminatedUnion("step", [
  z.strictObject({ step: z.literal("none") }),
  z.strictObject({ step: z.literal("consent"), title: z.string(), consent: z.string() }),
  z.strictObject({
    step: z.enum(["training", "screening"]),
    title: z.string(),
    item: z.number(),
    of: z.number(),
    instructions: z.string(),
    view: View,
    input: z.unknown(),
  }),
  z.strictObject({
    step: z.enum(["probation", "done", "failed", "left"]),
    title: z.string(),
    right: z.number().describe("of the screening test"),
    of: z.number(),
    bar: z.number(),
  }),
]);
export type Joining = z.infer<typeof Joining>;

/** POST /api/joining/answers. The reply to a training item tells what the researchers chose, and why. */
export const JoiningAnswer = z.strictObject({
  step: z.enum(["training", "screening"]),
  item: z.number(),
  value: z.record(z.string(), z.unknown()),
});
export const JoiningReply = z.strictObject({
  told: z
    .strictObject({
      right: z.boolean(),
      expected: z.record(z.string(), z.unknown()),
      reason: z.string(),
    })
    .nullable(),
});
export type JoiningReply = z.infer<typeof JoiningReply>;

/** A row of what leads see: who stands where on the way in. */
export const JoiningRow = z.strictObject({
  person: z.string(),
  pseudonym: z.string(),
  qualification: z.string().describe("the type that they work for"),
  step: z.enum(joiningSteps),
  right: z.number(),
  of: z.number(),
  at: z.iso.datetime(),
});
export type JoiningRow = z.infer<typeof JoiningRow>;
