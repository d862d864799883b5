/** The raters' API: take, draft, answer, undo, skip, flag, renew, own figures; shapes in schema/work.ts and desk.ts. */
import { isDeepStrictEqual } from "node:util";
import { v7 } from "uuid";
import { ExperimentId, rng, skipFates, TillerError, wilson } from "@tiller/schema";
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
  expireLeases,
  judgeStanding,
  LEAVE_SECONDS,
  leaveTasks,
  openReferrals,
  ownAnswers,
  ownWork,
  peekTask,
  raiseConcern,
  readInstructions,
  renewLease,
  saveDraft,
  seenAnswer,
  settleReferral,
  skipTo,
  submitAnswer,
  takeLease,
  UNDO_SECONDS,
  undoAnswer,
  whyNothing,
} from "@tiller/work";
import { type Deps, telling } from "../context.ts";
import type { QualityDesk } from "@tiller/work/quality-thread.ts";
import { delegationAtWork } from "@tiller/work/live-delegation.ts";
import { type Handlers, ok } from "../operate.ts";

const RETRY_MS = 3000;

/** Which side b stands on: drawn from the lease's own id, so the record alone says how it came. */
const swapOf = (lease: string): boolean => rng(1, "side", lease).next() < 0.5;

export const deskRoutes = (d: Deps, figures: QualityDesk) => {
  const { db } = d.store;
  const delegation = delegationAtWork(db);
  const drawnFrom = (lease: string) => {
    const random = rng(1, "gold", lease);
    return () => random.next();
  };
  const chanceOf = d.chance ?? drawnFrom;
  /** Tells the workflow and the studio that a batch moved. */
  const moved = (b: BatchState) => {
    if (b.experiment === null) return;
    d.flow.answered(b);
    const experiment = ExperimentId.parse(b.experiment);
    d.store.emit({ type: "judgment", experiment, done: b.done, wanted: b.wanted });
  };
  const told = telling(d);
  return {
    nextTask: async (c, { body }) => {
      const { id: me, role } = c.var.me;
      const id = v7(); // in order of time: new rows stand together in the indexes
      const lease = await takeLease(db, me, {
        holding: body.holding,
        id,
        swap: swapOf(id),
        role,
        chance: chanceOf(id),
      });
      if (!lease)
        return { kind: "empty", message: await whyNothing(db, me), retryAfterMs: RETRY_MS };
      const beside = await besideLease(db, me, lease, { fresh: lease.lease === id });
      return { kind: "task", lease, beside };
    },
    submitAnswer: async (c, { body: sent }) => {
      const me = c.var.me.id;
      const stored = await submitAnswer(db, me, sent, {
        bound: true,
        decide: await delegation(sent.lease, me),
      });
      const { earlier } = stored;
      if (!earlier) moved(stored);
      if (stored.experiment === null) await judgeStanding(db, me);
      const undoUntil = new Date(Date.parse(stored.at) + UNDO_SECONDS * 1000).toISOString();
      const kept = !earlier || isDeepStrictEqual(earlier.value, sent.value);
      return { answer: stored.answer, undoUntil, kept };
    },
    undoAnswer: async (c, { body: { answer } }) => {
      const lease = await undoAnswer(db, c.var.me.id, answer);
      await draftFromUndone(db, answer);
      return { lease, beside: await besideLease(db, c.var.me.id, lease) };
    },
    skipTask: async (c, { body: s }) => {
      const fate = skipFates[s.reason];
      const time = await boundTime(db, c.var.me.id, s);
      const batch = await skipTo(db, c.var.me.id, { ...s, ...time, fate });
      if (batch) moved(batch);
      if (fate === "researcher") d.store.emit({ type: "notice" });
      return { fate };
    },
    renewLease: async (c, { body: { lease } }) => ({
      renewed: (await renewLease(db, c.var.me.id, lease)) > 0,
    }),
    previewDesk: (c) => peekTask(db, c.var.me.id),
    leaveTasks: async (c, { body }) => {
      const left = await leaveTasks(db, c.var.me.id, body);
      const goBack = () => expireLeases(db).catch(() => 0); // else the next sweep does it
      if (left && body.soon) setTimeout(() => void goBack(), LEAVE_SECONDS * 1000 + 100).unref();
      else if (left) await goBack();
      return ok;
    },
    beat: (c, { body }) => beat(db, c.var.me.id, body),
    saveDraft: (c, { body }) => saveDraft(db, c.var.me.id, body),
    getDraft: async (c, { lease }) => {
      const draft = await draftOf(db, c.var.me.id, lease);
      if (draft) return draft;
      throw new TillerError(
        "not_found",
        `there is no draft of ${lease}. Go on with what you have.`,
      );
    },
    readInstructions: async (c, { body }) => {
      await readInstructions(db, c.var.me.id, body);
      return ok;
    },
    raiseConcern: (c, { body }) => told(raiseConcern(db, c.var.me.id, body)),
    listConcerns: (c) => concernsOf(db, c.var.me.id),
    progress: (c) => deskProgress(db, c.var.me.id),
    ownWork: async (c, { zone }) => {
      const { days, kinds } = await ownWork(db, c.var.me.id, zone);
      const own = (await figures.people()).get(c.var.me.id);
      return {
        reliability:
          own && own.flag !== "new" && own.reliability !== null
            ? { at: own.reliability, low: own.reliabilityLow!, high: own.reliabilityHigh! }
            : null,
        days,
        kinds: kinds.map((k) => {
          const fraction = k.shared ? wilson(k.agreed, k.shared) : undefined;
          return { ...k, low: fraction?.low ?? null, high: fraction?.high ?? null };
        }),
      };
    },
    ownAnswers: (c, asked) => ownAnswers(db, c.var.me.id, asked),
    getAnswer: (c, { id }) => seenAnswer(db, c.var.me, id),
    inbox: async () => ({
      concerns: await allConcerns(db),
      referrals: await openReferrals(db),
    }),
    answerConcern: (c, { id, body }) =>
      told(answerConcern(db, c.var.me.id, { id, reply: body.reply })),
    settleReferral: async (c, { lease, body: { act } }) => {
      const id = v7();
      const batch = await settleReferral(db, c.var.me.id, { act, lease, id, swap: swapOf(id) });
      if (batch) moved(batch);
      d.store.emit({ type: "notice" });
      return ok;
    },
  } satisfies Partial<Handlers>;
};
