/** What surrounds the form at the desk: drafts, concerns, changed instructions, skipped tasks, a person's own figures. */
import { z } from "zod";
import { LeaseId, TaskId } from "./ids.ts";
import { Seen } from "./seen.ts";
import { Shown } from "./shown.ts";

const seconds = z.number().min(0).max(864_000);

/** An answer in the making, as the server keeps it. `revision` counts up; `tab` names the page that wrote it. */
export const SavedDraft = z.strictObject({
  value: z.unknown(),
  revision: z.number().int(),
  tab: z.string(),
  savedAt: z.iso.datetime(),
  activeSeconds: seconds,
  idleSeconds: seconds,
});
export type SavedDraft = z.infer<typeof SavedDraft>;

/** POST /api/desk/drafts. `base` is the revision that this page last knew: 0 when it knew of none. */
export const SaveDraft = z.strictObject({
  lease: LeaseId,
  value: z.unknown(),
  base: z.number().int().min(0),
  tab: z.string().min(1).max(64),
  activeSeconds: seconds,
  idleSeconds: seconds,
});
export type SaveDraft = z.infer<typeof SaveDraft>;
/** `replaced`: what another page had written meanwhile, and this save now stands over. */
export const SaveDraftReply = z.strictObject({
  revision: z.number().int(),
  savedAt: z.iso.datetime(),
  replaced: SavedDraft.nullable(),
});
export type SaveDraftReply = z.infer<typeof SaveDraftReply>;

/** What the desk needs beside a lease. `before`: the instructions this person knows, where those of the lease differ. */
export const Beside = z.strictObject({
  draft: SavedDraft.nullable(),
  first: z.boolean().describe("this person has not worked on this kind before"),
  before: z.strictObject({ version: z.string(), instructions: z.string() }).nullable(),
  shown: Shown.nullable()
    .default(null)
    .describe("what stands where; null: the lease's swap says it"),
});
export type Beside = z.infer<typeof Beside>;

/** POST /api/desk/beat: renews the leases in hand while the person is active, and says what became of them. */
export const Beat = z.strictObject({
  leases: z.array(LeaseId).max(8),
  active: z.boolean(),
});
export const BeatReply = z.strictObject({
  leases: z.array(
    z.strictObject({
      lease: LeaseId,
      state: z.enum(["live", "answered", "skipped", "expired"]),
      revision: z.number().int().describe("of the draft; 0: none"),
      tab: z.string().nullable().describe("who wrote that draft"),
    }),
  ),
});
export type BeatReply = z.infer<typeof BeatReply>;

/** POST /api/desk/leave: their page is left. Those that were not begun go back. */
export const Leave = z.strictObject({
  leases: z.array(LeaseId).max(8),
  soon: z.boolean().describe("in a moment, so that a reload finds them again; else at once"),
});

/** POST /api/desk/instructions: this person has read them. */
export const Acknowledge = z.strictObject({
  type: z.string().min(1).max(200),
  version: z.string().min(1).max(200),
});

/** POST /api/desk/concerns; any task this person had may be flagged. */
export const RaiseConcern = z.strictObject({
  lease: LeaseId,
  text: z.string().trim().min(1).max(4000),
});
export const Concern = z.strictObject({
  id: z.string(),
  task: TaskId,
  title: z.string(),
  pseudonym: z.string(),
  text: z.string(),
  at: z.iso.datetime(),
  reply: z.string().nullable(),
  repliedBy: z.string().nullable(),
  repliedAt: z.iso.datetime().nullable(),
  ...Seen.shape,
});
export type Concern = z.infer<typeof Concern>;

/** A skipped task that waits for a researcher. */
export const Referral = z.strictObject({
  lease: LeaseId,
  task: TaskId,
  title: z.string(),
  pseudonym: z.string(),
  reason: z.string(),
  comment: z.string().nullable(),
  at: z.iso.datetime(),
  ...Seen.shape,
});
export type Referral = z.infer<typeof Referral>;
export const SettleReferral = z.strictObject({ act: z.enum(["take", "others", "drop"]) });
export type SettleReferral = z.infer<typeof SettleReferral>;
/** GET /api/desk/inbox, for the work lead and researchers */
export const Inbox = z.strictObject({
  concerns: z.array(Concern),
  referrals: z.array(Referral),
});
export type Inbox = z.infer<typeof Inbox>;

/** GET /api/desk/me?zone=: what a person sees of their own work. */
export const OwnWork = z.strictObject({
  reliability: z
    .strictObject({ at: z.number(), low: z.number(), high: z.number() })
    .nullable()
    .describe("as those who run the work see it; null: too few answers"),
  days: z.array(
    z.strictObject({
      day: z.iso.date(),
      answers: z.number(),
      skipped: z.number(),
      activeSeconds: z.number(),
      idleSeconds: z.number(),
      lapsedSeconds: z.number().describe("active, on tasks that went back unfinished"),
    }),
  ),
  kinds: z.array(
    z.strictObject({
      type: z.string(),
      title: z.string(),
      answers: z.number(),
      activeSeconds: z.number(),
      medianSeconds: z.number(),
      shared: z.number().describe("tasks where at least two others answered and were of one mind"),
      agreed: z.number(),
      low: z.number().nullable().describe("95 % interval of agreed / shared"),
      high: z.number().nullable(),
    }),
  ),
});
export type OwnWork = z.infer<typeof OwnWork>;
