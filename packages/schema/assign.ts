/** Who gets what: queues, rules, the roster, moves and what they change, as they cross HTTP and the database. */
import { z } from "zod";
import { ExperimentId, PersonId } from "./ids.ts";

/** A queue: a kind of work, in one experiment (or project) or in all of them. */
export const Queue = z.strictObject({
  kind: z.string().min(1),
  experiment: ExperimentId.nullable().default(null),
});
export type Queue = z.infer<typeof Queue>;

/** A person, or everyone in a group. */
export const Who = z.union([
  z.strictObject({ person: PersonId }),
  z.strictObject({ group: z.string().min(1) }),
]);
export type Who = z.infer<typeof Who>;

export const Requirement = z.strictObject({
  qualification: z.string().min(1),
  level: z.number().default(1).describe("the least level"),
});
export type Requirement = z.infer<typeof Requirement>;

/** What holds for a queue, or for all where `kind` is null. Checked in the statement that takes a lease. */
export const RuleBody = z.discriminatedUnion("rule", [
  z.strictObject({ rule: z.literal("paused"), why: z.string().default("") }),
  z.strictObject({ rule: z.literal("reserved") }).describe("only people whom the roster names"),
  z.strictObject({ rule: z.literal("requires"), ...Requirement.shape }),
  z
    .strictObject({
      rule: z.literal("suspend"),
      below: z.number().min(0).max(1),
      least: z.int().min(1).default(10).describe("known answers before it is judged"),
    })
    .describe("pauses whoever is surely below this fraction of right known answers"),
  z.strictObject({
    rule: z.literal("quota"),
    perDay: z.int().nonnegative().describe("tasks taken a person and day (UTC)"),
    who: Who.optional().describe("everyone when absent"),
  }),
]);
export type RuleBody = z.infer<typeof RuleBody>;
export const WorkRule = z.strictObject({
  id: z.string(),
  kind: z.string().nullable(),
  experiment: ExperimentId.nullable(),
  body: RuleBody,
  at: z.iso.datetime(),
});
export type WorkRule = z.infer<typeof WorkRule>;

/** A line of the roster: who may work on which queue; lower places first. */
export const RosterRow = z.strictObject({
  person: PersonId.nullable(),
  group: z.string().nullable(),
  kind: z.string(),
  experiment: ExperimentId.nullable(),
  place: z.int(),
});
export type RosterRow = z.infer<typeof RosterRow>;

/**
 * One action on the roster. A person or group goes from one queue (from all of theirs, when absent) to another, or back
 * to everything; a queue goes from some people to others.
 */
export const Move = z.union([
  z.strictObject({
    who: Who,
    from: Queue.optional(),
    to: z.union([Queue, z.literal("everything")]),
  }),
  z.strictObject({ queue: Queue, from: Who.optional(), to: Who }),
]);
export type Move = z.infer<typeof Move>;

/** How a queue stands, and when it will be done at this pace. */
export const QueueForecast = z.strictObject({
  kind: z.string(),
  experiment: ExperimentId.nullable().describe("null: all experiments without rules of their own"),
  open: z.number().describe("answers still wanted"),
  people: z.number().describe("people who may work on it"),
  perDay: z.number().describe("answers a day these people are expected to give it now"),
  days: z.number().nullable().describe("until it is done; null: never, at this pace"),
  measured: z
    .boolean()
    .describe("the pace is that of the last seven days; else a guess from seconds an answer"),
});
export type QueueForecast = z.infer<typeof QueueForecast>;
export const MovePreview = z.strictObject({
  people: z.array(
    z.strictObject({
      person: PersonId,
      pseudonym: z.string(),
      availableBefore: z.number().describe("answers still wanted in their queues"),
      availableAfter: z.number(),
    }),
  ),
  queues: z.array(
    z.strictObject({
      kind: z.string(),
      experiment: ExperimentId.nullable(),
      before: QueueForecast,
      after: QueueForecast,
    }),
  ),
});
export type MovePreview = z.infer<typeof MovePreview>;

/** Where a person stands. Someone without a row is active. */
export const workerStages = ["joining", "probation", "active", "left"] as const;
export type WorkerStage = (typeof workerStages)[number];
export const Worker = z.strictObject({
  person: PersonId,
  stage: z.enum(workerStages),
  pausedAt: z.iso.datetime().nullable(),
  pausedWhy: z.string().nullable(),
  languages: z.array(z.string()),
  groups: z.array(z.string()),
  qualifications: z.record(z.string(), z.number()),
});
export type Worker = z.infer<typeof Worker>;

/** What was done about people's work, and by whom; null: a rule did it. Only ever added to. */
export const WorkEvent = z.strictObject({
  seq: z.number(),
  at: z.iso.datetime(),
  by: PersonId.nullable(),
  action: z.string(),
  body: z.record(z.string(), z.unknown()),
});
export type WorkEvent = z.infer<typeof WorkEvent>;
