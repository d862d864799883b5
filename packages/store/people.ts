/**
 * People: who they are, how they sign in, and how long that lasts. Tokens are stored as hashes only, passwords as
 * argon2id with the library's defaults.
 */
import { createHash, randomBytes, randomInt } from "node:crypto";
import { z } from "zod";
import {
  Me,
  type PersonChange,
  type PersonId,
  type Role,
  RosterPerson,
  Session,
  TillerError,
} from "@tiller/schema";
import { requireGuess } from "./attempts.ts";
import { recordAct } from "./audit.ts";
import { hashPassword, isPassword } from "./passwords.ts";
import { type Db, prepared, sql } from "./sql.ts";

export const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");
export const newSecret = () => randomBytes(24).toString("base64url");
const columns = sql`p.id, p.name, p.pseudonym, p.role`;

/** How long a session lasts in all, and without use. Those who may change much sign in more often. */
const HOUR = 3600;
const sessionLimits: Record<Role, { whole: number; idle: number }> = {
  rater: { whole: 60 * 24 * HOUR, idle: 14 * 24 * HOUR },
  lead: { whole: 30 * 24 * HOUR, idle: 5 * 24 * HOUR },
  researcher: { whole: 30 * 24 * HOUR, idle: 5 * 24 * HOUR },
  admin: { whole: 7 * 24 * HOUR, idle: 12 * HOUR },
  service: { whole: HOUR, idle: HOUR },
};
const LINK_SECONDS = 7 * 24 * HOUR;

/** Makes the person once; later calls change nothing. Raters who are people are paid. */
export async function ensurePerson(
  db: Db,
  p: {
    id: string;
    name: string;
    pseudonym: string;
    role: Role;
    simulated?: boolean;
    paid?: boolean;
  },
): Promise<Me> {
  const simulated = p.simulated ?? false;
  await db.run(
    sql`insert into person (id, name, pseudonym, role, simulated, paid)
        values (${p.id}, ${p.name}, ${p.pseudonym}, ${p.role}, ${simulated}, ${p.paid ?? (p.role === "rater" && !simulated)}) on conflict (id) do nothing`,
  );
  return db.one(sql`select ${columns} from person p where p.id = ${p.id}`, Me);
}

/** A pseudonym that nobody has: no names, no order of arrival. */
export async function freePseudonym(db: Db, role: Role): Promise<string> {
  for (;;) {
    const name = `${role}-${randomInt(36 ** 4)
      .toString(36)
      .padStart(4, "0")}`;
    if (!(await db.run(sql`select 1 from person where pseudonym = ${name}`))) return name;
  }
}

/**
 * A new secret of the person: a sign-in link's token, a browser session, or an API key. Links end after a week
 * (`forever`: never), sessions by the table above, keys when they are revoked.
 */
export async function issueToken(
  db: Db,
  person: PersonId,
  kind: "link" | "session" | "key",
  o: { forever?: boolean; agent?: string; madeBy?: PersonId | undefined } = {},
): Promise<string> {
  const token = `${kind === "key" ? "sk-tiller-" : ""}${newSecret()}`;
  const role = await db.value(
    sql`select role from person where id = ${person}`,
    z.custom<Role>((r) => typeof r === "string"),
  );
  const limits = {
    link: { whole: o.forever ? null : LINK_SECONDS, idle: null },
    session: sessionLimits[role],
    key: { whole: null, idle: null },
  }[kind];
  await db.run(
    sql`insert into token (hash, person, kind, expires_at, idle_seconds, agent, made_by)
        values (${hashOf(token)}, ${person}, ${kind}, now() + make_interval(secs => ${limits.whole}), ${limits.idle}, ${(o.agent ?? "").slice(0, 300).toWellFormed()}, ${o.madeBy ?? null})`,
  );
  return token;
}

const alive = sql`t.revoked_at is null and p.disabled_at is null and coalesce(t.expires_at > now(), true)
  and coalesce(t.seen_at > now() - make_interval(secs => t.idle_seconds), true)`;

const Holder = Me.extend({ stale: z.boolean() });
export async function personOfToken(
  db: Db,
  token: string,
  kinds: readonly ("link" | "session" | "key")[],
): Promise<Me | undefined> {
  const found = await db.maybe(
    prepared(sql`select ${columns}, t.seen_at < now() - interval '1 minute' as stale from token t join person p on p.id = t.person
        where t.hash = ${hashOf(token)} and t.kind = any(${kinds}) and ${alive}`),
    Holder,
  );
  if (!found) return undefined;
  const { stale, ...me } = found;
  // once a minute is enough to know who is about and when a session lapses
  if (stale) await db.run(sql`update token set seen_at = now() where hash = ${hashOf(token)}`);
  return me;
}

/** Whose link or session this is and who made it, whether or not it was used; undefined where it no longer works. */
export const standingOf = (
  db: Db,
  token: string,
  kinds: readonly ("link" | "session" | "key")[],
): Promise<(Me & { madeBy: PersonId | null }) | undefined> =>
  db.maybe(
    sql`select ${columns}, t.made_by as "madeBy" from token t join person p on p.id = t.person
        where t.hash = ${hashOf(token)} and t.kind = any(${kinds}) and ${alive}`,
    Me.extend({ madeBy: Me.shape.id.nullable() }),
  );

export const revokeToken = (db: Db, token: string): Promise<number> =>
  db.run(
    sql`update token set revoked_at = now() where hash = ${hashOf(token)} and revoked_at is null`,
  );

/** The sessions, links and keys that still work. */
export const sessionsOf = (db: Db, person: string, current = ""): Promise<Session[]> =>
  db.many(
    sql`select t.id, t.kind, t.agent, t.created_at as "createdAt", t.seen_at as "seenAt", t.expires_at as "expiresAt", t.hash = ${hashOf(current)} as current, m.pseudonym as "madeBy"
        from token t join person p on p.id = t.person left join person m on m.id = t.made_by where t.person = ${person} and ${alive} order by t.seen_at desc`,
    Session,
  );

/** Ends one session by its id, or all but `keep`; returns how many. */
export const revokeSessions = (
  db: Db,
  person: string,
  which: { id: string } | { allBut: string | undefined },
): Promise<number> =>
  db.run(
    sql`update token set revoked_at = now() where person = ${person} and revoked_at is null and ${
      "id" in which
        ? sql`id = ${which.id}`
        : sql`kind <> 'key' and hash <> ${hashOf(which.allBut ?? "")}`
    }`,
  );

/** Sets handle and password, and ends the person's other sessions and links. */
export async function setPassword(
  db: Db,
  person: PersonId,
  s: { handle: string; password: string; current?: string | undefined; keep?: string | undefined },
): Promise<void> {
  await requireGuess(db, [{ rate: "change", key: person }]);
  const old = await db.value(
    sql`select password from person where id = ${person}`,
    z.string().nullable(),
  );
  if (old && !(await isPassword(old, s.current ?? "")))
    throw new TillerError("wrong_password", "the current password is not right. Try it again.");
  const password = await hashPassword(s.password);
  await db.transaction(async (tx) => {
    const taken = await tx.run(
      sql`select 1 from person where handle = ${s.handle} and id <> ${person}`,
    );
    if (taken)
      throw new TillerError("handle_taken", `${s.handle} belongs to somebody. Choose another.`);
    await tx.run(
      sql`update person set handle = ${s.handle}, password = ${password} where id = ${person}`,
    );
    await revokeSessions(tx, person, { allBut: s.keep });
    await recordAct(tx, { actor: person, action: "account.password", target: person });
  });
}

let decoy: Promise<string> | undefined;
/** Who this is; undefined when handle or password is wrong, after the same work in both cases. */
export async function personOfPassword(
  db: Db,
  handle: string,
  password: string,
): Promise<Me | undefined> {
  const row = await db.maybe(
    sql`select ${columns}, p.password from person p where p.handle = ${handle.trim().toLowerCase()} and p.password is not null and p.disabled_at is null`,
    Me.extend({ password: z.string() }),
  );
  decoy ??= hashPassword(newSecret());
  const right = await isPassword(row?.password ?? (await decoy), password);
  if (!row || !right) return undefined;
  const { password: _, ...me } = row;
  return me;
}

const rosterColumns = (names: boolean) =>
  sql`p.id, ${names ? sql`p.name` : sql`null`} as name, p.pseudonym, p.role, p.simulated, p.paid, p.disabled_at is not null as disabled, p.created_at as "createdAt",
    (select max(t.seen_at) from token t where t.person = p.id and t.kind = 'session') as "seenAt"`;

/** Everybody. Real names only where `names` says so. */
export const roster = (db: Db, o: { names: boolean }): Promise<RosterPerson[]> =>
  db.many(
    sql`select ${rosterColumns(o.names)} from person p order by p.simulated, p.role, p.pseudonym`,
    RosterPerson,
  );

/** Changes role, pay or the right to sign in, on the record. Who is disabled or changes role is signed out. */
export async function changePerson(
  db: Db,
  actor: PersonId,
  person: string,
  change: PersonChange,
): Promise<RosterPerson> {
  return db.transaction(async (tx) => {
    const look = () =>
      tx.maybe(
        sql`select ${rosterColumns(false)} from person p where p.id = ${person} for update of p`,
        RosterPerson,
      );
    const before = await look();
    if (!before)
      throw new TillerError("not_found", `there is no person ${person}. Look in the roster.`);
    await tx.run(
      sql`update person set role = coalesce(${change.role ?? null}, role), paid = coalesce(${change.paid ?? null}, paid),
            disabled_at = case when ${change.disabled ?? null}::boolean then coalesce(disabled_at, now()) when not ${change.disabled ?? null}::boolean then null else disabled_at end
          where id = ${person}`,
    );
    const admins = await tx.value(
      sql`select count(*)::int from person where role = 'admin' and disabled_at is null`,
      z.number(),
    );
    if (before.role === "admin" && !before.disabled && admins === 0)
      throw new TillerError(
        "last_admin",
        `${before.pseudonym} is the only admin. Make somebody else an admin first.`,
      );
    if (change.disabled || (change.role && change.role !== before.role))
      await revokeSessions(tx, person, { allBut: undefined });
    const after = (await look())!;
    const facts = (p: RosterPerson) => ({ role: p.role, paid: p.paid, disabled: p.disabled });
    await recordAct(tx, {
      actor,
      action: "person.change",
      target: before.pseudonym,
      before: facts(before),
      after: facts(after),
    });
    return after;
  });
}
