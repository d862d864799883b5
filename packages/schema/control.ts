/** The control room: who works on what, how the queues stand, what to do about it. */
import { z } from "zod";
import { Move, RosterRow, workerStages } from "./assign.ts";
import { ExperimentId, PersonId } from "./ids.ts";
import { Seen } from "./seen.ts";
import { RaterRow } from "./work.ts";

export const ControlPerson = z.strictObject({
  person: PersonId,
  pseudonym: z.string(),
  simulated: z.boolean(),
  stage: z.enum(workerStages),
  pausedAt: z.iso.datetime().nullable(),
  pausedWhy: z.string().nullable(),
  languages: z.array(z.string()),
  groups: z.array(z.string()),
  qualifications: z.record(z.string(), z.number()),
  doing: z
    .strictObject({
      kind: z.string(),
      title: z.string(),
      experiment: ExperimentId.nullable().describe("null: its task only measures"),
      since: z.iso.datetime(),
    })
    .nullable(),
  answersToday: z.number(),
  activeSeconds: z.number().describe("today"),
  idleSeconds: z.number().describe("today"),
  expiredLeases: z.number().describe("tasks left to run out in the last 24 hours"),
  seenAt: z.iso.datetime().nullable(),
  quality: RaterRow.omit({ rater: true, pseudonym: true, simulated: true })
    .nullable()
    .describe("by the last answers that others share; null: none"),
});
export type ControlPerson = z.infer<typeof ControlPerson>;

/** When a queue will be done, in seconds from now. Four times of five the truth lies between low and high. */
export const CompletionRange = z.strictObject({
  low: z.number(),
  mid: z.number(),
  high: z.number().nullable().describe("null: no end in sight in the worse case"),
  basis: z.enum(["measured", "guess"]),
});
export type CompletionRange = z.infer<typeof CompletionRange>;

export const ControlQueue = z.strictObject({
  kind: z.string(),
  title: z.string(),
  experiment: ExperimentId.describe("or the project"),
  experimentTitle: z.string(),
  project: z.boolean().describe("it is a project's"),
  batches: z.number(),
  done: z.number(),
  wanted: z.number(),
  perHour: z.number().nullable().describe("answers, over the last hour or what there is of it"),
  completion: CompletionRange.nullable().describe("null: never, at this pace"),
  priority: z.number(),
  deadline: z.iso.datetime().nullable().describe("the first of its batches"),
  may: z.number().describe("people who may work on it"),
  now: z.number().describe("people who hold one of its tasks"),
  paused: z.string().nullable().describe("why"),
});
export type ControlQueue = z.infer<typeof ControlQueue>;

/** What is wrong and what to do about it; `act` is the button. */
export const Alert = z.strictObject({
  id: z.string(),
  level: z.enum(["bad", "warn"]),
  what: z.string(),
  remedy: z.string(),
  act: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("move"),
      queue: z.strictObject({ kind: z.string(), experiment: ExperimentId }),
    }),
    z.strictObject({ kind: z.literal("answers"), person: PersonId, pseudonym: z.string() }),
  ]),
});
export type Alert = z.infer<typeof Alert>;

export const MoveRecord = z.strictObject({
  id: z.string(),
  by: z.string().describe("pseudonym"),
  at: z.iso.datetime(),
  move: Move,
  undoneAt: z.iso.datetime().nullable(),
});
export type MoveRecord = z.infer<typeof MoveRecord>;

/** GET /api/control */
export const ControlRoom = z.strictObject({
  at: z.iso.datetime(),
  people: z.array(ControlPerson),
  queues: z.array(ControlQueue),
  alerts: z.array(Alert),
  roster: z.array(RosterRow),
  groups: z.array(z.strictObject({ group: z.string(), people: z.array(z.string()) })),
  moves: z.array(MoveRecord),
});
export type ControlRoom = z.infer<typeof ControlRoom>;

/** POST /api/control/people/:id changes what is named. */
export const WorkerChange = z.strictObject({
  paused: z.boolean().optional(),
  why: z.string().trim().max(300).default(""),
  languages: z.array(z.string().trim().min(2).max(20)).max(20).optional(),
  groups: z.array(z.string().trim().min(1).max(60)).max(20).optional(),
  qualification: z
    .strictObject({
      name: z.string().trim().min(1).max(60),
      level: z.number().nullable().describe("null takes it away"),
    })
    .optional(),
});
export type WorkerChange = z.infer<typeof WorkerChange>;

/** POST /api/control/queues */
export const QueueChange = z.strictObject({
  kind: z.string().min(1),
  experiment: ExperimentId,
  priority: z.number().int().min(-1000).max(1000).optional(),
  deadline: z.iso.datetime().nullable().optional(),
  paused: z.boolean().optional(),
  why: z.string().trim().max(300).default(""),
});
export type QueueChange = z.infer<typeof QueueChange>;

/** GET /api/control/answers/:person: the last answers, to look at. */
export const RecentAnswer = z.strictObject({
  answer: z.string(),
  task: z.string(),
  title: z.string(),
  at: z.iso.datetime(),
  activeSeconds: z.number(),
  ...Seen.shape,
});
export type RecentAnswer = z.infer<typeof RecentAnswer>;
