/** Accounts: signing in, one's own sessions and password, joining by invitation, the roster, the audit log. */
import { type Context, Hono } from "hono";
import { deleteCookie } from "hono/cookie";
import { streamText } from "hono/streaming";
import { z } from "zod";
import {
  Invite,
  Join,
  type Me,
  PersonChange,
  PersonId,
  SetPassword,
  SignIn,
  TillerError,
} from "@tiller/schema";
import {
  AuditFilter,
  changePerson,
  giveBack,
  type Guess,
  invite,
  issueToken,
  join,
  listActs,
  listInvitations,
  personOfPassword,
  personOfToken,
  recordAct,
  revokeInvitation,
  revokeSessions,
  revokeToken,
  roster,
  sessionsOf,
  setPassword,
  sql,
  standingOf,
  takeGuess,
  welcome,
} from "@tiller/store";
import { type Deps, type Env, tokenOf } from "../context.ts";
import {
  clientAddress,
  type Limiter,
  originOf,
  SESSION,
  setSession,
  tooMany,
} from "../security.ts";

const home = (me: Me) => (me.role === "rater" ? "/desk" : "/studio");

/** The doors that stand open to everybody: links, passwords, invitations. */
export const signInRoutes = (d: Deps, limiter: Limiter) => {
  const { db } = d.store;
  const open = async (c: Context, me: Me, madeBy?: PersonId) => {
    const agent = c.req.header("user-agent") ?? "";
    setSession(c, await issueToken(db, me.id, "session", { agent, madeBy }));
  };
  /** Counts an unknown link from this address. Right ones always pass: an office shares one address. */
  const slowedDown = (c: Context): Response | undefined => {
    const from = clientAddress(c);
    const wait = limiter.wait("unknown", from);
    if (wait) return tooMany(c, wait);
    limiter.take("unknown", from);
    return undefined;
  };
  return (
    new Hono<Env>()
      // a sign-in link gives a session of its own to each browser that opens it
      .get("/sign-in", async (c) => {
        c.header("cache-control", "no-store");
        const token = c.req.query("token") ?? "";
        const me = await personOfToken(db, token, ["link"]);
        if (!me)
          return (
            slowedDown(c) ??
            c.text("This sign-in link is not valid (any more). Ask for a new one.", 401)
          );
        const link = await standingOf(db, token, ["link"]);
        await open(c, me, link?.madeBy ?? undefined);
        return c.redirect(home(me));
      })
      .post("/api/sign-in", async (c) => {
        const { handle, password } = SignIn.parse(await c.req.json());
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
        await open(c, me);
        return c.json({ home: home(me) });
      })
      .get("/api/join/:token", async (c) => {
        try {
          return c.json(await welcome(db, c.req.param("token")));
        } catch (e) {
          const slow = slowedDown(c);
          if (slow) return slow;
          throw e;
        }
      })
      .post("/api/join/:token", async (c) => {
        const token = c.req.param("token");
        const wanted = Join.parse(await c.req.json());
        if (!(await welcome(db, token).catch(() => undefined))) {
          const slow = slowedDown(c);
          if (slow) return slow;
        }
        const me = await join(db, token, wanted);
        await open(c, me);
        return c.json({ home: home(me), pseudonym: me.pseudonym });
      })
  );
};

export const accountRoutes = (d: Deps) => {
  const { db } = d.store;
  return new Hono<Env>()
    .get("/sessions", async (c) => c.json(await sessionsOf(db, c.var.me.id, tokenOf(c))))
    .post("/sessions/:id/revoke", async (c) => {
      const ended = await revokeSessions(db, c.var.me.id, { id: c.req.param("id") });
      return c.json({ ended });
    })
    .post("/password", async (c) => {
      const wanted = SetPassword.parse(await c.req.json());
      await setPassword(db, c.var.me.id, { ...wanted, keep: tokenOf(c) });
      return c.json({ ok: true });
    })
    .post("/sign-out", async (c) => {
      await revokeToken(db, tokenOf(c) ?? "");
      deleteCookie(c, SESSION, { path: "/" });
      return c.json({ ok: true });
    });
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
  return new Hono<Env>()
    .get("/", async (c) => c.json(await roster(db, names(c.var.me))))
    .get("/invitations", async (c) => c.json(await listInvitations(db, names(c.var.me))))
    .post("/invitations", async (c) => {
      const wanted = Invite.parse(await c.req.json());
      mayMake(c.var.me, wanted.role);
      const { invitation, token } = await invite(db, c.var.me.id, wanted);
      c.set("recorded", true);
      return c.json({ invitation, link: `${originOf(c)}/join/${token}` });
    })
    .post("/invitations/:id/revoke", async (c) => {
      await revokeInvitation(db, c.var.me.id, c.req.param("id"));
      c.set("recorded", true);
      return c.json({ ok: true });
    })
    .get("/audit", async (c) =>
      c.json(await listActs(db, AuditFilter.parse(c.req.query()), names(c.var.me))),
    )
    .get("/audit.jsonl", (c) => {
      const filter = AuditFilter.parse({ ...c.req.query(), limit: 1000 });
      c.header("content-disposition", 'attachment; filename="audit.jsonl"');
      return streamText(c, async (stream) => {
        let before = filter.before;
        for (;;) {
          const page = await listActs(db, { ...filter, before }, names(c.var.me));
          for (const act of page) await stream.writeln(JSON.stringify(act));
          if (page.length < filter.limit) return;
          before = page.at(-1)!.seq;
        }
      });
    })
    .post("/:id", async (c) => {
      const change = PersonChange.parse(await c.req.json());
      const person = await changePerson(db, c.var.me.id, c.req.param("id"), change);
      c.set("recorded", true);
      return c.json(person);
    })
    .post("/:id/link", async (c) => {
      const who = await db.maybe(
        sql`select id, pseudonym from person where id = ${c.req.param("id")} and disabled_at is null`,
        z.object({ id: PersonId, pseudonym: z.string() }),
      );
      if (!who)
        throw new TillerError(
          "not_found",
          `there is no person ${c.req.param("id")} who may sign in.`,
        );
      const token = await issueToken(db, who.id, "link", { madeBy: c.var.me.id });
      await recordAct(db, { actor: c.var.me.id, action: "person.link", target: who.pseudonym });
      c.set("recorded", true);
      return c.json({ link: `${originOf(c)}/sign-in?token=${token}` });
    })
    .get("/:id/sessions", async (c) => c.json(await sessionsOf(db, c.req.param("id"))))
    .post("/:id/sessions/revoke", async (c) => {
      const { id } = z
        .strictObject({ id: z.string().optional() })
        .parse(await c.req.json().catch(() => ({})));
      const person = c.req.param("id");
      const ended = await revokeSessions(db, person, id ? { id } : { allBut: undefined });
      await recordAct(db, {
        actor: c.var.me.id,
        action: "person.sign-out",
        target: person,
        after: { ended },
      });
      c.set("recorded", true);
      return c.json({ ended });
    });
};
