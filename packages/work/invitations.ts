/** Invitations: a link that one person uses once, before it expires, to get an account with a role. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Invitation, type Invite, type Join, type Me, TillerError, Welcome } from "@tiller/schema";
import {
  type Db,
  ensurePerson,
  freePseudonym,
  hashOf,
  newSecret,
  recordAct,
  requireGuess,
  sql,
} from "@tiller/store";
import { hashPassword } from "@tiller/store/passwords.ts";
import { addToGroup } from "./control.ts";
import { setLanguages } from "./rules.ts";
import { startJoining } from "./joining.ts";

const columns = sql`i.id, i.role, i.groups, i.languages, i.note, b.pseudonym as "createdBy", i.created_at as "createdAt", i.expires_at as "expiresAt",
  case when i.used_at is not null then 'used' when i.revoked_at is not null then 'revoked' when i.expires_at <= now() then 'expired' else 'open' end as state,
  u.pseudonym as "usedBy"`;
const tables = sql`invitation i join person b on b.id = i.created_by left join person u on u.id = i.used_by`;

/** Returns the secret of the link; it cannot be shown again. */
export async function invite(
  db: Db,
  actor: string,
  i: Invite,
): Promise<{ invitation: Invitation; token: string }> {
  const [id, token] = [randomUUID(), newSecret()];
  return db.transaction(async (tx) => {
    await tx.run(
      sql`insert into invitation (id, hash, role, groups, languages, note, paid, created_by, expires_at)
          values (${id}, ${hashOf(token)}, ${i.role}, ${i.groups}, ${i.languages}, ${i.note}, ${i.role === "rater"}, ${actor}, now() + make_interval(days => ${i.days}))`,
    );
    await recordAct(tx, { actor, action: "invitation.make", target: id, after: i });
    const invitation = await tx.one(
      sql`select ${columns} from ${tables} where i.id = ${id}`,
      Invitation,
    );
    return { invitation, token };
  });
}

/** Who took one only where `names` says so: whoever handed it out knows to whom. */
export async function listInvitations(db: Db, o: { names: boolean }): Promise<Invitation[]> {
  const all = await db.many(
    sql`select ${columns} from ${tables} order by i.created_at desc limit 200`,
    Invitation,
  );
  return o.names ? all : all.map((i) => ({ ...i, usedBy: null }));
}

export async function revokeInvitation(db: Db, actor: string, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    const n = await tx.run(
      sql`update invitation set revoked_at = now() where id = ${id} and used_at is null and revoked_at is null`,
    );
    if (!n)
      throw new TillerError(
        "not_found",
        `invitation ${id} is not open (any more). Reload the list.`,
      );
    await recordAct(tx, { actor, action: "invitation.revoke", target: id });
  });
}

const open = (token: string) =>
  sql`hash = ${hashOf(token)} and used_at is null and revoked_at is null and expires_at > now()`;
const closed = () =>
  new TillerError(
    "invitation_closed",
    "This invitation was used, withdrawn or has expired. Ask for a new one.",
  );

/** What the invited person is told before joining. */
export async function welcome(db: Db, token: string): Promise<Welcome> {
  const found = await db.maybe(
    sql`select role, groups, languages, expires_at as "expiresAt" from invitation where ${open(token)}`,
    Welcome,
  );
  if (!found) throw closed();
  return found;
}

/** Makes the account. Of two at once with the same link, one gets in. */
export async function join(db: Db, token: string, j: Join): Promise<Me> {
  if ((j.handle === undefined) !== (j.password === undefined))
    throw new TillerError("half_account", "give both a name to sign in with and a password.");
  await welcome(db, token); // a hash costs too much for who was not invited
  if (j.password !== undefined) await requireGuess(db, [{ rate: "change", key: hashOf(token) }]);
  const password = j.password === undefined ? null : await hashPassword(j.password);
  return db.transaction(async (tx) => {
    const found = await tx.maybe(
      sql`select id, role, groups, languages, paid from invitation where ${open(token)} for update`,
      Invitation.pick({ id: true, role: true, groups: true, languages: true }).extend({
        paid: z.boolean(),
      }),
    );
    if (!found) throw closed();
    if (j.handle && (await tx.run(sql`select 1 from person where handle = ${j.handle}`)))
      throw new TillerError("handle_taken", `${j.handle} belongs to somebody. Choose another.`);
    const me = await ensurePerson(tx, {
      id: randomUUID(),
      name: j.name,
      pseudonym: await freePseudonym(tx, found.role),
      role: found.role,
      paid: found.paid,
    });
    await tx.run(
      sql`update person set handle = ${j.handle ?? null}, password = ${password} where id = ${me.id}`,
    );
    await tx.run(
      sql`update invitation set used_at = now(), used_by = ${me.id} where id = ${found.id}`,
    );
    if (found.role === "rater") await startJoining(tx, me.id);
    await recordAct(tx, {
      actor: me.id,
      action: "invitation.use",
      target: found.id,
      after: { pseudonym: me.pseudonym, role: me.role },
    });
    await setLanguages(tx, me.id, { person: me.id, languages: j.languages ?? found.languages });
    for (const group of found.groups) await addToGroup(tx, me.id, { group, person: me.id });
    return me;
  });
}
