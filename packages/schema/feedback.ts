/**
 * Notes, feedback and disputes: threads tied to an answer, a task, a gold item or a person. The table below says who may
 * do what in which state; the server asks it, the pages show its buttons.
 */
import { z } from "zod";
import { AnswerId, PersonId, TaskId } from "./ids.ts";
import { Seen } from "./seen.ts";

export const threadKinds = ["note", "feedback", "dispute"] as const;
export const ThreadKind = z.enum(threadKinds);
export type ThreadKind = z.infer<typeof ThreadKind>;

export const threadStates = [
  "open", // feedback: waits for the rater; dispute: waits for staff
  "replied", // the other side has spoken
  "resolved",
  "upheld", // the rater was right: the gold or the decision changes
  "declined",
  "withdrawn",
] as const;
export const ThreadState = z.enum(threadStates);
export type ThreadState = z.infer<typeof ThreadState>;

export const threadActions = [
  "reply",
  "resolve",
  "reopen",
  "uphold",
  "decline",
  "withdraw",
] as const;
export const ThreadAction = z.enum(threadActions);
export type ThreadAction = z.infer<typeof ThreadAction>;

interface Move {
  readonly kind: ThreadKind;
  readonly by: "rater" | "staff";
  readonly action: ThreadAction;
  readonly from: readonly ThreadState[];
  readonly to: ThreadState;
  readonly label: string;
}
const move = (
  kind: ThreadKind,
  by: Move["by"],
  action: ThreadAction,
  from: readonly ThreadState[],
  to: ThreadState,
  label: string,
): Move => ({ kind, by, action, from, to, label });

export const threadMoves: readonly Move[] = [
  move("note", "staff", "reply", ["open"], "open", "Add"),
  move("note", "staff", "resolve", ["open"], "resolved", "Close the note"),
  move("note", "staff", "reopen", ["resolved"], "open", "Open again"),

  move("feedback", "rater", "reply", ["open", "replied"], "replied", "Reply"),
  move("feedback", "rater", "resolve", ["open", "replied"], "resolved", "Understood"),
  move("feedback", "staff", "reply", ["open", "replied"], "open", "Reply"),
  move("feedback", "staff", "resolve", ["open", "replied"], "resolved", "Resolved"),
  move("feedback", "staff", "reopen", ["resolved"], "open", "Open again"),

  move("dispute", "rater", "reply", ["open", "replied"], "open", "Reply"),
  move("dispute", "rater", "withdraw", ["open", "replied"], "withdrawn", "Withdraw"),
  move("dispute", "rater", "reopen", ["declined"], "open", "I still disagree"),
  move("dispute", "staff", "reply", ["open", "replied"], "replied", "Reply"),
  move(
    "dispute",
    "staff",
    "uphold",
    ["open", "replied", "declined"],
    "upheld",
    "The rater is right",
  ),
  move("dispute", "staff", "decline", ["open", "replied"], "declined", "It stays as it is"),
];
/** What this side may do with a thread in this state. */
export const movesOf = (t: { kind: ThreadKind; state: ThreadState }, by: Move["by"]): Move[] =>
  threadMoves.filter((m) => m.kind === t.kind && m.by === by && m.from.includes(t.state));

export const ThreadMessage = z.strictObject({
  seq: z.number(),
  by: z.string().describe("pseudonym"),
  staff: z.boolean(),
  action: z.union([ThreadAction, z.literal("open")]),
  text: z.string(),
  at: z.iso.datetime(),
});
export const Thread = z.strictObject({
  id: z.string(),
  kind: ThreadKind,
  state: ThreadState,
  about: PersonId.nullable(),
  pseudonym: z.string().nullable().describe("of the rater it concerns"),
  answer: AnswerId.nullable(),
  task: TaskId.nullable(),
  gold: z.string().nullable(),
  title: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  messages: z.array(ThreadMessage),
});
export type Thread = z.infer<typeof Thread>;

/** POST /api/quality/threads (notes and feedback), POST /api/desk/feedback (disputes; `about` is oneself). */
export const OpenThread = z.strictObject({
  kind: ThreadKind,
  about: PersonId.optional(),
  answer: AnswerId.optional(),
  task: TaskId.optional(),
  gold: z.string().optional(),
  title: z.string().trim().min(1).max(200),
  text: z.string().trim().min(1).max(4000),
});
export type OpenThread = z.infer<typeof OpenThread>;

/** POST .../:id. `expected` goes with `uphold`: the gold item's new answer. */
export const ThreadAct = z.strictObject({
  action: ThreadAction,
  text: z.string().trim().max(4000).default(""),
  expected: z.record(z.string(), z.unknown()).optional(),
});
export type ThreadAct = z.infer<typeof ThreadAct>;

/** GET /api/desk/feedback: the rater's threads, and where a researcher settled a task otherwise than they said. */
export const DeskFeedback = z.strictObject({
  at: z.iso.datetime().describe("of this reply"),
  seenAt: z.iso.datetime().nullable().describe("what is newer is new to them"),
  threads: z.array(Thread),
  settled: z.array(
    z.strictObject({
      answer: AnswerId,
      task: TaskId,
      title: z.string().describe("of the kind of work"),
      ...Seen.omit({ value: true }).shape,
      said: z.unknown(),
      decided: z.unknown(),
      reason: z.string(),
      at: z.iso.datetime(),
    }),
  ),
});
export type DeskFeedback = z.infer<typeof DeskFeedback>;

/** GET /api/notices: what waits for somebody, by page. Those of the staff are 0 for raters. */
export const Notices = z.strictObject({
  inbox: z.number().describe("concerns and skipped tasks without an answer"),
  threads: z.number().describe("threads in which the rater spoke last"),
  feedback: z
    .number()
    .describe("threads and decisions about one's own answers that are new to one"),
  control: z.number().describe("alerts of the control room"),
  rooms: z.number().describe("rooms that wait for one"),
});
export type Notices = z.infer<typeof Notices>;
