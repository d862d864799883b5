/** Joining: a newcomer's own way in, and the leads' programmes. */
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
} from "@tiller/work";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

export const joiningRoutes = (d: Deps) => {
  const { db } = d.store;
  return {
    ownJoining: (c) => joiningOf(db, c.var.me.id),
    giveConsent: async (c) => {
      await giveConsent(db, c.var.me.id);
      return ok;
    },
    answerJoining: (c, { body }) => answerJoining(db, c.var.me.id, body),
    leaveWork: async (c, { body: { why } }) => {
      await leaveWork(db, c.var.me.id, { person: c.var.me.id, why });
      return ok;
    },
    listJoining: () => listJoining(db),
    admit: async (c, { body }) => {
      await admit(db, c.var.me.id, body);
      return ok;
    },
    listProgrammes: () => listProgrammes(db),
    saveProgramme: (c, { body }) => saveProgramme(db, c.var.me.id, body),
    endProgramme: async (c) => {
      await endProgramme(db, c.var.me.id);
      return ok;
    },
  } satisfies Partial<Handlers>;
};
