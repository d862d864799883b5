/** The raters' API: take, draft, answer, undo, skip, flag, renew, own figures; shapes in schema/work.ts and desk.ts. */
import { isDeepStrictEqual } from "node:util";
import { Hono } from "hono";
import { v7 } from "uuid";
import { z } from "zod";
import { checkAnswer } from "@tiller/crowd";
import {
  Acknowledge,
  AnswerId,
  Beat,
  type BeatReply,
  type Concern,
  type SavedDraft,
  type Inbox,
  ExperimentId,
  LeaseId,
  type NextReply,
  type OwnWork,
  RaiseConcern,
  rng,
  SaveDraft,
  type SaveDraftReply,
  SettleReferral,
  Skip,
  skipFates,
  type SkipReply,
  Submit,
  type SubmitReply,
  TillerError,
  Undo,
  type UndoReply,
  wilson,
} from "@tiller/schema";
import {
  allConcerns,
  answerConcern,
  type BatchState,
  beat,
  besideLease,
  boundTime,
  concernsOf,
  deskProgress,
  draftFromUndone,
  draftOf,
  judgeStanding,
  MEASURING,
  openReferrals,
  ownWork,
  raiseConcern,
  readInstructions,
  renewLease,
  saveDraft,
  settleReferral,
  skipTo,
  submitAnswer,
  takeLease,
  UNDO_SECONDS,
  undoAnswer,
  whyNothing,
} from "@tiller/store";
import { allow, type Deps, type Env } from "../context.ts";
import { policiesAtWork } from "../live-policies.ts";

const RETRY_MS = 3000;
const Next = z.strictObject({ holding: z.array(z.string()).max(16).default([]) });
const Reply = z.strictObject({ reply: z.string().trim().min(1).max(4000) });

/** Which side b stands on: drawn from the lease's own id, so the record alone says how it came. */
const swapOf = (lease: string): boolean => rng(1, "side", lease).next() < 0.5;

/** A time zone's name that Postgres and the browser both know. */
const Zone = z.string().refine((zone) => {
  try {
    return Boolean(Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}, "is not a time zone like Europe/London");

export const deskRoutes = (d: Deps) => {
  const { db } = d.store;
  const policies = policiesAtWork(db);
  /** Tells the workflow and the studio that a batch moved. */
  const moved = (b: BatchState) => {
    d.flow.answered(b);
    const experiment = ExperimentId.parse(b.experiment);
    d.store.emit({ type: "judgment", experiment, done: b.done, wanted: b.wanted });
  };
  const staff = allow(d, ["lead", "researcher"]);
  return new Hono<Env>()
    .use(allow(d, ["rater", "lead", "researcher"]))
    .post("/next", async (c) => {
      const { holding } = Next.parse(await c.req.json().catch(() => ({})));
      const me = c.var.me.id;
      const id = v7(); // in order of time: new rows stand together in the indexes
      const { role } = c.var.me;
      const lease = await takeLease(db, me, {
        holding,
        id,
        swap: swapOf(id),
        role,
        random: rng(1, "gold", id).next(),
      });
      return c.json(
        (lease
          ? {
              kind: "task",
              lease,
              beside: await besideLease(db, me, lease, { fresh: lease.lease === id }),
            }
          : {
              kind: "empty",
              message: await whyNothing(db, me),
              retryAfterMs: RETRY_MS,
            }) satisfies NextReply,
      );
    })
    .post("/answers", async (c) => {
      const sent = Submit.parse(await c.req.json());
      const me = c.var.me.id;
      const stored = await submitAnswer(db, me, sent, {
        check: checkAnswer,
        bound: true,
        decide: await policies(sent.lease, me),
      });
      const { earlier } = stored;
      if (!earlier) moved(stored);
      if (stored.experiment === MEASURING) await judgeStanding(db, me);
      const undoUntil = new Date(Date.parse(stored.at) + UNDO_SECONDS * 1000).toISOString();
      const kept = !earlier || isDeepStrictEqual(earlier.value, sent.value);
      return c.json({
        answer: AnswerId.parse(stored.answer),
        undoUntil,
        kept,
      } satisfies SubmitReply);
    })
    .post("/undo", async (c) => {
      const { answer } = Undo.parse(await c.req.json());
      const lease = await undoAnswer(db, c.var.me.id, answer);
      await draftFromUndone(db, answer);
      const beside = await besideLease(db, c.var.me.id, lease);
      return c.json({ lease, beside } satisfies UndoReply);
    })
    .post("/skip", async (c) => {
      const s = Skip.parse(await c.req.json());
      const fate = skipFates[s.reason];
      const time = await boundTime(db, c.var.me.id, s);
      const batch = await skipTo(db, c.var.me.id, { ...s, ...time, fate });
      if (batch) moved(batch);
      return c.json({ fate } satisfies SkipReply);
    })
    .post("/renew", async (c) => {
      const { lease } = z.strictObject({ lease: LeaseId }).parse(await c.req.json());
      return c.json({ renewed: (await renewLease(db, c.var.me.id, lease)) > 0 });
    })
    .post("/beat", async (c) => {
      const b = Beat.parse(await c.req.json());
      return c.json((await beat(db, c.var.me.id, b)) satisfies BeatReply);
    })
    .post("/drafts", async (c) => {
      const s = SaveDraft.parse(await c.req.json());
      return c.json((await saveDraft(db, c.var.me.id, s)) satisfies SaveDraftReply);
    })
    .get("/drafts/:lease", async (c) => {
      const draft = await draftOf(db, c.var.me.id, c.req.param("lease"));
      if (!draft)
        throw new TillerError(
          "not_found",
          `there is no draft of ${c.req.param("lease")}. Go on with what you have.`,
        );
      return c.json(draft satisfies SavedDraft);
    })
    .post("/instructions", async (c) => {
      await readInstructions(db, c.var.me.id, Acknowledge.parse(await c.req.json()));
      return c.json({ ok: true });
    })
    .post("/concerns", async (c) => {
      const concern = RaiseConcern.parse(await c.req.json());
      return c.json((await raiseConcern(db, c.var.me.id, concern)) satisfies Concern);
    })
    .get("/concerns", async (c) => c.json((await concernsOf(db, c.var.me.id)) satisfies Concern[]))
    .get("/progress", async (c) => c.json(await deskProgress(db, c.var.me.id)))
    .get("/me", async (c) => {
      const zone = Zone.parse(c.req.query("zone") ?? "UTC");
      const { days, kinds } = await ownWork(db, c.var.me.id, zone);
      return c.json({
        days,
        kinds: kinds.map((k) => {
          const share = k.shared ? wilson(k.agreed, k.shared) : undefined;
          return { ...k, low: share?.low ?? null, high: share?.high ?? null };
        }),
      } satisfies OwnWork);
    })
    .get("/inbox", staff, async (c) =>
      c.json({
        concerns: await allConcerns(db),
        referrals: await openReferrals(db),
      } satisfies Inbox),
    )
    .post("/concerns/:id/reply", staff, async (c) => {
      const { reply } = Reply.parse(await c.req.json());
      const id = c.req.param("id");
      return c.json((await answerConcern(db, c.var.me.id, { id, reply })) satisfies Concern);
    })
    .post("/referrals/:lease", staff, async (c) => {
      const { act } = SettleReferral.parse(await c.req.json());
      const id = v7();
      const lease = c.req.param("lease");
      const r = { act, lease, id, swap: swapOf(id) };
      const batch = await settleReferral(db, c.var.me.id, r);
      if (batch) moved(batch);
      return c.json({ ok: true });
    });
};
