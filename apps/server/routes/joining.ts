/** Joining: a newcomer's own way in, and the leads' types of qualification. */
import {
  admit,
  answerJoining,
  endQualificationType,
  giveConsent,
  joiningOf,
  leaveWork,
  listJoining,
  listQualificationTypes,
  saveQualificationType,
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
    listQualificationTypes: () => listQualificationTypes(db),
    saveQualificationType: (c, { body }) => saveQualificationType(db, c.var.me.id, body),
    endQualificationType: async (c) => {
      await endQualificationType(db, c.var.me.id);
      return ok;
    },
  } satisfies Partial<Handlers>;
};
