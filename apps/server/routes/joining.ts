/** Joining: a newcomer's own way in, and the leads' programmes. */
import { Hono } from "hono";
import { z } from "zod";
import {
  type Joining,
  JoiningAnswer,
  type JoiningReply,
  PersonId,
  Programme,
} from "@tiller/schema";
import {
  admit,
  answerJoining,
  endProgramme,
  giveConsent,
  joiningOf,
  leaveWork,
  listJoining,
  listProgrammes,
  saveProgramme,
} from "@tiller/store";
import type { Deps, Env } from "../context.ts";

const Why = z.strictObject({ why: z.string().max(2000).default("") });
const About = z.strictObject({ person: PersonId, why: z.string().min(1).max(2000) });

export const joiningRoutes = (d: Deps) => {
  const { db } = d.store;
  return new Hono<Env>()
    .get("/", async (c) => c.json((await joiningOf(db, c.var.me.id)) satisfies Joining))
    .post("/consent", async (c) => {
      await giveConsent(db, c.var.me.id);
      return c.json({ ok: true });
    })
    .post("/answers", async (c) => {
      const a = JoiningAnswer.parse(await c.req.json());
      return c.json((await answerJoining(db, c.var.me.id, a)) satisfies JoiningReply);
    })
    .post("/leave", async (c) => {
      const { why } = Why.parse(await c.req.json());
      await leaveWork(db, c.var.me.id, { person: c.var.me.id, why });
      return c.json({ ok: true });
    })
    .get("/people", async (c) => c.json(await listJoining(db)))
    .post("/admit", async (c) => {
      await admit(db, c.var.me.id, About.parse(await c.req.json()));
      return c.json({ ok: true });
    })
    .get("/programmes", async (c) => c.json(await listProgrammes(db)))
    .post("/programmes", async (c) => {
      const Named = z.strictObject({
        name: z.string().regex(/^[a-z][a-z0-9-]{0,60}$/),
        body: Programme,
      });
      return c.json(await saveProgramme(db, c.var.me.id, Named.parse(await c.req.json())));
    })
    .post("/programmes/end", async (c) => {
      await endProgramme(db, c.var.me.id);
      return c.json({ ok: true });
    });
};
