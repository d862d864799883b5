/** Accounts: signing in, one's own sessions and password, joining by invitation, the roster, the audit log. */
import { type Context, Hono } from "hono";
import { streamText } from "hono/streaming";
import { z } from "zod";
import { type Me, PersonId, TillerError } from "@tiller/schema";
import {
  changePerson,
  giveBack,
  type Guess,
  issueToken,
  listActs,
  personOfPassword,
  personOfToken,
  recordAct,
  revokeSessions,
  revokeToken,
  roster,
  sessionsOf,
  setPassword,
  sql,
  standingOf,
  takeGuess,
} from "@tiller/store";
import { invite, join, listInvitations, revokeInvitation, welcome } from "@tiller/work";
import { type Deps, type Env, tokenOf } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";
import { leaveSeat, signedInHere, takeSeat } from "../seats.ts";
import { clientAddress, type Limiter, originOf, tooMany } from "../security.ts";

const ACTS = 1000; // a page of the audit log as a file
/** Where somebody begins; the page sends those who run the place on to their own first one. */
const start = (me: Me) => (me.role === "rater" ? "/desk" : "/");

/** The doors that stand open to everybody: links, passwords, invitations. */
export const signInRoutes = (
  d: Deps,
  limiter: Limiter,
  page: (c: Context, status?: 200 | 401) => Promise<Response>,
) => {
  const { db } = d.store;
  const open = async (c: Context, me: Me, madeBy?: PersonId) =>
    (await takeSeat(c, d.store, me, madeBy)) + start(me);
  /** Counts an unknown link from this address. Right ones always pass: an office shares one address. */
  const slowedDown = (c: Context): Response | undefined => {
    const from = clientAddress(c);
    const wait = limiter.wait("unknown", from);
    if (wait) return tooMany(c, wait);
    limiter.take("unknown", from);
    return undefined;
  };
  /** A page, no operation: a sign-in link gives a session of its own to each browser that opens it. */
  const link = new Hono<Env>().get("/sign-in", async (c) => {
    c.header("cache-control", "no-store");
    const inBrowser = c.req.header("accept")?.includes("text/html");
    const token = c.req.query("token");
    if (!token && inBrowser) return page(c); // to sign in by a password
    const me = await personOfToken(db, token ?? "", ["link"]);
    if (!me) {
      const slow = slowedDown(c);
      if (slow) return slow;
      return inBrowser
        ? page(c, 401)
        : c.text("This sign-in link is not valid (any more). Ask for a new one.", 401);
    }
    const standing = await standingOf(db, token!, ["link"]);
    return c.redirect(await open(c, me, standing?.madeBy ?? undefined));
  });
  const handlers = {
    signIn: async (c, { body: { handle, password } }) => {
      const doors: Guess[] = [
        { rate: "address", key: clientAddress(c) },
        { rate: "account", key: handle.trim().toLowerCase() },
      ];
      const wait = await takeGuess(db, doors); // before the password is looked at
      if (wait) return tooMany(c, wait);
      const me = await personOfPassword(db, handle, password).catch(async (e: unknown) => {
        await giveBack(db, doors); // nothing was looked at
        throw e;
      });
      if (!me)
        return c.json(
          {
            code: "wrong_password",
            message: "Name and password do not match. Try again, or ask for a sign-in link.",
          },
          401,
        );
      await giveBack(db, doors);
      return { home: await open(c, me) };
    },
    readInvitation: async (c, { token }) => {
      try {
        return await welcome(db, token);
      } catch (e) {
        const slow = slowedDown(c);
        if (slow) return slow;
        throw e;
      }
    },
    join: async (c, { token, body: wanted }) => {
      if (!(await welcome(db, token).catch(() => undefined))) {
        const slow = slowedDown(c);
        if (slow) return slow;
      }
      const me = await join(db, token, wanted);
      return { home: await open(c, me), pseudonym: me.pseudonym };
    },
    signedInHere: async (c) => {
      const { people, unknown } = await signedInHere(c, d.store);
      return (unknown > 0 && slowedDown(c)) || people;
    },
  } satisfies Partial<Handlers>;
  return { link, handlers };
};

export const accountRoutes = (d: Deps) => {
  const { db } = d.store;
  return {
    me: (c) => c.var.me,
    ownSessions: (c) => sessionsOf(db, c.var.me.id, tokenOf(c, d.store.home)),
    revokeOwnSession: async (c, { id }) => ({
      ended: await revokeSessions(db, c.var.me.id, { id }),
    }),
    setPassword: async (c, { body: wanted }) => {
      await setPassword(db, c.var.me.id, { ...wanted, keep: tokenOf(c, d.store.home) });
      return ok;
    },
    signOut: async (c) => {
      await revokeToken(db, tokenOf(c, d.store.home) ?? "");
      leaveSeat(c, d.store.home);
      return ok;
    },
  } satisfies Partial<Handlers>;
};

/** Who sees who people are. */
const names = (me: Me) => ({ names: me.role === "admin" });

/** Only an admin makes those who run the place; a lead makes raters. */
function mayMake(me: Me, role: string): void {
  if (me.role !== "admin" && role !== "rater")
    throw new TillerError(
      "not_allowed",
      `a ${me.role} may invite raters only, not a ${role}. Ask an admin.`,
    );
}

export const peopleRoutes = (d: Deps) => {
  const { db } = d.store;
  return {
    listPeople: (c) => roster(db, names(c.var.me)),
    listInvitations: (c) => listInvitations(db, names(c.var.me)),
    invite: async (c, { body: wanted }) => {
      mayMake(c.var.me, wanted.role);
      const { invitation, token } = await invite(db, c.var.me.id, wanted);
      c.set("recorded", true);
      return { invitation, link: `${originOf(c)}/join/${token}` };
    },
    revokeInvitation: async (c, { id }) => {
      await revokeInvitation(db, c.var.me.id, id);
      c.set("recorded", true);
      return ok;
    },
    listAudit: (c, filter) => listActs(db, filter, names(c.var.me)),
    auditFile: (c, filter) => {
      c.header("content-disposition", 'attachment; filename="audit.jsonl"');
      return streamText(c, async (stream) => {
        let before = filter.before;
        for (;;) {
          const page = await listActs(db, { ...filter, before, limit: ACTS }, names(c.var.me));
          for (const act of page) await stream.writeln(JSON.stringify(act));
          if (page.length < ACTS) return;
          before = page.at(-1)!.seq;
        }
      });
    },
    changePerson: async (c, { id, body: change }) => {
      const person = await changePerson(db, c.var.me.id, id, change);
      c.set("recorded", true);
      return person;
    },
    newLink: async (c, { id }) => {
      const who = await db.maybe(
        sql`select id, pseudonym from person where id = ${id} and disabled_at is null`,
        z.object({ id: PersonId, pseudonym: z.string() }),
      );
      if (!who) throw new TillerError("not_found", `there is no person ${id} who may sign in.`);
      const token = await issueToken(db, who.id, "link", { madeBy: c.var.me.id });
      await recordAct(db, { actor: c.var.me.id, action: "person.link", target: who.pseudonym });
      c.set("recorded", true);
      return { link: `${originOf(c)}/sign-in?token=${token}` };
    },
    sessionsOf: (_, { id }) => sessionsOf(db, id),
    revokeSessions: async (c, { id: person, body: { id } }) => {
      const ended = await revokeSessions(db, person, id ? { id } : { allBut: undefined });
      await recordAct(db, {
        actor: c.var.me.id,
        action: "person.sign-out",
        target: person,
        after: { ended },
      });
      c.set("recorded", true);
      return { ended };
    },
  } satisfies Partial<Handlers>;
};
