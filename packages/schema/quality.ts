/** Quality of people's work: hidden gold, feedback and disputes, as they cross HTTP and the database. */
import { z } from "zod";
import { AnswerId, PersonId, TaskId } from "./ids.ts";

/** An item with a known answer. */
export const Gold = z.strictObject({
  id: z.string(),
  type: z.string().describe("the kind of work"),
  input: z.unknown(),
  expected: z
    .record(z.string(), z.unknown())
    .describe("every key must be in the answer; other keys of the answer are free"),
  tolerance: z.number().min(0).describe("how far a number may be away"),
  reason: z.string().describe("why this is the answer, in words a rater can learn from"),
  active: z.boolean(),
  version: z.int().positive(),
  sourceTask: TaskId.nullable(),
  updatedAt: z.iso.datetime(),
});
export type Gold = z.infer<typeof Gold>;

/** POST /api/quality/gold adds; with an `id` it changes. */
export const GoldChange = z.strictObject({
  id: z.string().min(1).max(100).optional(),
  type: z.string().min(1),
  input: z.unknown(),
  expected: z
    .record(z.string(), z.unknown())
    .refine((e) => Object.keys(e).length > 0, "name at least one key of the answer"),
  tolerance: z.number().min(0).default(0),
  reason: z.string().trim().min(1).max(4000),
  sourceTask: TaskId.optional(),
  thread: z.string().optional().describe("the dispute that led to it"),
});
export type GoldChange = z.infer<typeof GoldChange>;

export const GoldEvent = z.strictObject({
  seq: z.number(),
  gold: z.string(),
  version: z.int(),
  action: z.enum(["added", "changed", "retired", "restored"]),
  expected: z.record(z.string(), z.unknown()),
  tolerance: z.number(),
  reason: z.string(),
  by: z.string().describe("pseudonym"),
  thread: z.string().nullable(),
  at: z.iso.datetime(),
});
export type GoldEvent = z.infer<typeof GoldEvent>;

/** One answer to a gold item, with the truth that held when it was given. */
export const GoldAnswer = z.strictObject({
  answer: AnswerId,
  task: TaskId,
  gold: z.string(),
  version: z.int(),
  type: z.string(),
  person: PersonId,
  pseudonym: z.string(),
  value: z.unknown(),
  expected: z.record(z.string(), z.unknown()).describe("by the newest version"),
  reason: z.string(),
  right: z.boolean(),
  at: z.iso.datetime(),
});
export type GoldAnswer = z.infer<typeof GoldAnswer>;
