/** The raters' API: take, answer, undo, skip, renew; see schema/work.ts for the shapes. */
import { Hono } from "hono";
import { z } from "zod";
import {
  AnswerId,
  LeaseId,
  type NextReply,
  Skip,
  Submit,
  type SubmitReply,
  Undo,
} from "@tiller/schema";
import {
  deskProgress,
  renewLease,
  skipTask,
  submitAnswer,
  takeLease,
  UNDO_SECONDS,
  undoAnswer,
} from "@tiller/store";
import { allow, type Deps, type Env } from "../context.ts";

const RETRY_MS = 3000;
const Next = z.strictObject({ holding: z.array(z.string()).max(8).default([]) });

export const deskRoutes = (d: Deps) =>
  new Hono<Env>()
    .use(allow(d, ["rater", "lead", "researcher"]))
    .post("/next", async (c) => {
      const { holding } = Next.parse(await c.req.json().catch(() => ({})));
      const lease = await takeLease(d.store.db, c.var.me.id, {
        holding,
        swap: Math.random() < 0.5,
      });
      return c.json(
        (lease
          ? { kind: "task", lease }
          : {
              kind: "empty",
              message: "All caught up: there is no work for you right now.",
              retryAfterMs: RETRY_MS,
            }) satisfies NextReply,
      );
    })
    .post("/answers", async (c) => {
      const s = Submit.parse(await c.req.json());
      const stored = await submitAnswer(d.store.db, c.var.me.id, s);
      await d.flow.answered(stored);
      d.store.emit({
        type: "judgment",
        experiment: stored.experiment,
        done: stored.done,
        wanted: stored.wanted,
      });
      const undoUntil = new Date(Date.parse(stored.at) + UNDO_SECONDS * 1000).toISOString();
      return c.json({ answer: AnswerId.parse(stored.answer), undoUntil } satisfies SubmitReply);
    })
    .post("/undo", async (c) => {
      const { answer } = Undo.parse(await c.req.json());
      return c.json({ lease: await undoAnswer(d.store.db, c.var.me.id, answer) });
    })
    .post("/skip", async (c) => {
      const s = Skip.parse(await c.req.json());
      await skipTask(d.store.db, c.var.me.id, s);
      return c.json({ ok: true });
    })
    .post("/renew", async (c) => {
      const { lease } = z.strictObject({ lease: LeaseId }).parse(await c.req.json());
      return c.json({ renewed: (await renewLease(d.store.db, c.var.me.id, lease)) > 0 });
    })
    .get("/progress", async (c) => c.json(await deskProgress(d.store.db, c.var.me.id)));
