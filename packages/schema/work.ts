/** People's work: tasks, leases, answers, raters, as they cross HTTP and the database. */
import { z } from "zod";
import { Beside } from "./desk.ts";
import { AnswerId, ExperimentId, LeaseId, PersonId, TaskId } from "./ids.ts";
import { View } from "./view.ts";

export const roles = ["rater", "lead", "researcher", "admin", "service"] as const;
export const Role = z.enum(roles);
export type Role = z.infer<typeof Role>;

/** The signed-in person. `pseudonym` is all that others ever see. */
export const Me = z.strictObject({
  id: PersonId,
  name: z.string(),
  pseudonym: z.string(),
  role: Role,
});
export type Me = z.infer<typeof Me>;

export const skipReasons = [
  "unreadable",
  "cannot-decide",
  "upsetting",
  "seen-before",
  "other",
] as const;
export const SkipReason = z.enum(skipReasons);
export type SkipReason = z.infer<typeof SkipReason>;

/** What becomes of a skipped task: someone else gets it, nobody does, or a researcher looks at it. */
export const SkipFate = z.enum(["others", "drop", "researcher"]);
export type SkipFate = z.infer<typeof SkipFate>;
export const skipFates: { readonly [R in SkipReason]: SkipFate } = {
  unreadable: "researcher", // the data may be broken
  "cannot-decide": "others",
  upsetting: "drop",
  "seen-before": "others",
  other: "others",
};

/** A task lent to one person until `expiresAt`. `swap`: b is shown on the left. */
export const Lease = z.strictObject({
  lease: LeaseId,
  task: TaskId,
  type: z.string(),
  typeVersion: z.string(),
  title: z.string(),
  instructions: z.string().describe("Markdown"),
  view: View,
  input: z.unknown(),
  draft: z.unknown().describe("an answer a model proposes; null: none"),
  swap: z.boolean(),
  expiresAt: z.iso.datetime(),
});
export type Lease = z.infer<typeof Lease>;

/** POST /api/desk/next */
export const NextReply = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("task"), lease: Lease, beside: Beside }),
  z.strictObject({ kind: z.literal("empty"), message: z.string(), retryAfterMs: z.number() }),
]);
export type NextReply = z.infer<typeof NextReply>;

/** GET /api/desk/preview: what one would get next. Looking takes nothing. */
export const DeskPreview = z.strictObject({
  held: z.number().describe("tasks that one holds now"),
  task: Lease.pick({
    type: true,
    typeVersion: true,
    title: true,
    instructions: true,
    view: true,
    input: true,
  }).nullable(),
});
export type DeskPreview = z.infer<typeof DeskPreview>;

/** POST /api/desk/answers. Times in seconds; idle = no input for 30 s or tab hidden. Idempotent per lease. */
export const Submit = z.strictObject({
  lease: LeaseId,
  value: z.unknown().describe("parsed by the schema of the task's type"),
  activeSeconds: z.number().min(0).max(86_400),
  idleSeconds: z.number().min(0).max(864_000),
});
export type Submit = z.infer<typeof Submit>;
export const SubmitReply = z.strictObject({
  answer: AnswerId,
  undoUntil: z.iso.datetime(),
  kept: z.boolean().describe("false: another answer to this lease came first and stands"),
});
export type SubmitReply = z.infer<typeof SubmitReply>;

/** POST /api/desk/undo {answer} gives the lease back, with the answer as its draft; POST /api/desk/skip */
export const Undo = z.strictObject({ answer: AnswerId });
export const UndoReply = z.strictObject({ lease: Lease, beside: Beside });
export type UndoReply = z.infer<typeof UndoReply>;
export const Skip = z.strictObject({
  lease: LeaseId,
  reason: SkipReason,
  comment: z.string().max(2000).optional(),
  activeSeconds: z.number().min(0).max(86_400).default(0),
  idleSeconds: z.number().min(0).max(864_000).default(0),
});
export const SkipReply = z.strictObject({ fate: SkipFate });
export type SkipReply = z.infer<typeof SkipReply>;

/** GET /api/desk/progress */
export const DeskProgress = z.strictObject({
  answered: z.number(),
  answeredToday: z.number(),
  skipped: z.number(),
  activeSeconds: z.number(),
  available: z.number().describe("tasks this person could still take"),
  agreement: z
    .number()
    .nullable()
    .describe("fraction of shared tasks where others agreed; null when too few"),
});
export type DeskProgress = z.infer<typeof DeskProgress>;

/** Who answered: the one shape of it, in what workflows get, what pages show and what figures count. */
export interface Answerer {
  /** null: not a person */
  readonly person: PersonId | null;
  /** pseudonym, a model's name, or the name of who else answered */
  readonly by: string;
}
const byPerson = { person: PersonId, by: z.string().describe("pseudonym") };

/** One stored answer of any kind of work, with its provenance. */
export const Answer = z.strictObject({
  answer: AnswerId,
  task: TaskId,
  type: z.string(),
  typeVersion: z.string(),
  ...byPerson,
  value: z.unknown(),
  swap: z.boolean(),
  activeSeconds: z.number(),
  idleSeconds: z.number(),
  at: z.iso.datetime(),
});
export type Answer = z.infer<typeof Answer>;

/** One stored comparison with its provenance. */
export const Judgment = z.strictObject({
  answer: AnswerId,
  task: TaskId,
  typeVersion: z.string(),
  ...byPerson,
  choice: z.enum(["a", "b", "tie"]),
  swap: z.boolean(),
  activeSeconds: z.number(),
  idleSeconds: z.number(),
  at: z.iso.datetime(),
});
export type Judgment = z.infer<typeof Judgment>;

/**
 * An answer to one closed question of a view: agreement and verdicts go by these, whatever the kind of work. An answer to
 * a kind that asks none comes once, with nulls: its time counts all the same.
 */
export const FieldAnswer = z.strictObject({
  answer: AnswerId,
  task: TaskId,
  type: z.string(),
  field: z.string().nullable(),
  sides: z.boolean().describe("its classes are the two sides of a pair, and a tie names neither"),
  classes: z.number().nullable().describe("answers that the question allows, without a tie"),
  label: z.string().nullable(),
  ...byPerson,
  simulated: z.boolean(),
  swap: z.boolean().describe("of this pair"),
  activeSeconds: z.number(),
  characters: z.number().default(0).describe("to read"),
  at: z.iso.datetime(),
});
export type FieldAnswer = z.infer<typeof FieldAnswer>;

/** What a rater's reliability calls for: `careless` a talk, `watch` a look; `new`: too few answers to say. */
export const verdicts = ["careless", "watch", "ok", "new"] as const;
export type Verdict = (typeof verdicts)[number];

/** A row of GET /api/studio/experiments/:id/raters */
export const RaterRow = z.strictObject({
  rater: PersonId,
  pseudonym: z.string(),
  simulated: z.boolean(),
  answers: z.number(),
  perHour: z.number().nullable(),
  medianSeconds: z.number().nullable(),
  agreement: z
    .number()
    .nullable()
    .describe("with the majority of the others on closed questions of shared tasks"),
  reliability: z
    .number()
    .nullable()
    .describe(
      "of answers to closed questions, the fraction that names the true class; over all kinds of work here",
    ),
  reliabilityLow: z.number().nullable(),
  reliabilityHigh: z.number().nullable(),
  sideBias: z.number().nullable().describe("fraction of left choices among non-ties"),
  fast: z
    .number()
    .nullable()
    .default(null)
    .describe("fraction of answers that came faster than their task can be read"),
  flag: z.enum(verdicts),
  concerns: z.array(z.string()).default([]).describe("what is worth a talk beside it, in words"),
});
export type RaterRow = z.infer<typeof RaterRow>;

export const TaskCounts = z.strictObject({
  experiment: ExperimentId,
  tasks: z.number(),
  done: z.number(),
  judgments: z.number(),
  wanted: z.number(),
});
export type TaskCounts = z.infer<typeof TaskCounts>;
